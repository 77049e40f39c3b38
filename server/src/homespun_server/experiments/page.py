"""An experiment's report as one page that somebody who is no statistician can read.

No script, nothing fetched, light and dark; each figure that a plot shows stands in a table too. Names come from whoever
defined the experiment, so every text is escaped.
"""

import base64
import hashlib

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined

from homespun_server.experiments.looks import Method
from homespun_server.experiments.plots import WIDTH, looks_plot, parts, spread, uplift_plot
from homespun_server.experiments.result import ExperimentReport

LEGEND = {
    Method.FIXED: "interval of a single planned look",
    Method.MIXTURE: "always-valid interval",
    Method.SPENDING: "always-valid interval",
}


def page(report: ExperimentReport) -> str:
    """Return the page as HTML."""
    environment = Environment(
        loader=ChoiceLoader(
            [PackageLoader("homespun_server.experiments"), PackageLoader("homespun_server.evaluation")]
        ),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(spread=spread, parts=parts)
    style = "".join(environment.get_template(name).render() for name in ("style.css", "experiment.css"))
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    return environment.get_template("experiment.html.j2").render(
        report=report,
        style=style,
        digest=digest,
        width=WIDTH,
        deciding=LEGEND[report.method],
        noises=dict.fromkeys(f"{noise:.3g}" for noise in report.noise),
        epsilons=dict.fromkeys("without noise" if each is None else f"ε = {each:.3g}" for each in report.epsilon),
        uplifts=uplift_plot(report.comparisons),
        looks=[(each, looks_plot(each)) for each in report.comparisons if each.role == "primary"],
    )
