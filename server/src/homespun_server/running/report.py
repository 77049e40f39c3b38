"""The report of a run: one page for the operator, with what was measured, judged, spent and made.

No script, nothing fetched, light and dark; the figures are exact, and the page says so. It is drawn as the page of an
evaluation is, by the same plots.
"""

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined

from homespun.protocol.bundle import MANIFEST
from homespun_server.evaluation.intervals import Interval
from homespun_server.evaluation.page import colours_of, columns, metric_name, segment_plots, shown_models
from homespun_server.evaluation.plots import WIDTH, BarPlot, bar_plot, figure
from homespun_server.evaluation.result import EvaluationReport
from homespun_server.evaluation.synthetic import Facts
from homespun_server.privacy.ledger.report import BudgetReport, budget_report
from homespun_server.publishing.review import decision_note
from homespun_server.results import BUNDLE_FOLDER
from homespun_server.running.gates import GateResult
from homespun_server.running.job import Job
from homespun_server.running.lineage import StepRecord
from homespun_server.running.names import THIS
from homespun_server.running.overrides import on_card
from homespun_server.running.steps.evaluate import Evaluated, evaluated, report_in
from homespun_server.running.steps.gates import Judged, judged
from homespun_server.running.steps.ingest import Ingested, ingested
from homespun_server.running.steps.release import Releases, released
from homespun_server.running.tracing import records

_MEGABYTE = 1e6


@dataclass(frozen=True, kw_only=True)
class Content:
    """What the page is about.

    Attributes:
        name: The pipeline's.
        channel: What the bundle is for.
        created: When the page was made, ISO 8601, UTC.
        bundle: The bundle's identity; None: a gate was not met.
        done: What every step did.
        evaluation: The evaluation; None: nobody could be tested.
        measured: What gates were given.
        judged: What they said.
        ingested: What was read.
        releases: What was released for training.
        budget: The ledger; None without privacy.
        steps: When steps were done, and how long they took.
        files: Bytes of the bundle's files.
        inputs: SHA-256 of the inputs.
        code: Versions.
        parent: What the channel had.
    """

    name: str
    channel: str
    created: str
    bundle: str | None
    done: dict[str, str]
    evaluation: EvaluationReport | None
    measured: Evaluated
    judged: Judged
    ingested: Ingested
    releases: Releases
    budget: BudgetReport | None
    steps: tuple[StepRecord, ...]
    files: dict[str, int]
    inputs: dict[str, str]
    code: dict[str, str]
    parent: str | None

    @property
    def facts(self) -> Facts:
        """What is known of the bundle by looking at it."""
        return self.measured.facts


def content_of(job: Job, done: dict[str, str], bundle: str | None) -> Content:
    """Gather what a run left, up to its gates at least.

    Args:
        job: The run.
        done: What every step did.
        bundle: The bundle's identity; None: a gate was not met.
    """
    folder = job.made("train" if bundle is None else "bundle") / BUNDLE_FOLDER
    return Content(
        name=job.pipeline.name,
        channel=job.pipeline.channel,
        created=job.clock().isoformat(timespec="seconds"),
        bundle=bundle,
        done=done,
        evaluation=report_in(job.made("evaluate")),
        measured=evaluated(job.made("evaluate")),
        judged=judged(job.made("gates")),
        ingested=ingested(job.made("ingest")),
        releases=released(job.made("release")),
        budget=_budget(job),
        steps=records(job),
        files=_sizes(folder),
        inputs=job.files.digests,
        code=job.asked.code,
        parent=None if job.incumbent is None else job.incumbent.identity,
    )


def page(content: Content) -> str:
    """Return the page as HTML."""
    environment = Environment(
        loader=ChoiceLoader([PackageLoader("homespun_server.running"), PackageLoader("homespun_server.evaluation")]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(figure=figure, metric=metric_name)
    style = "".join(environment.get_template(name).render() for name in ("style.css", "report.css"))
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    report = content.evaluation
    shown = () if report is None else shown_models(report)
    colours = {} if report is None else colours_of(report)
    return environment.get_template("report.html.j2").render(
        content=content,
        report=report,
        style=style,
        digest=digest,
        width=WIDTH,
        shown=shown,
        colours=[colours[model.model] for model in shown],
        all_colours=list(colours.values()),
        overall=None if report is None else _overall(report),
        own=None if report is None else next(model for model in report.models if model.model == THIS),
        columns=() if report is None else columns(report),
        segments=[] if report is None else list(segment_plots(report, shown)),
        budget=_spending(content),
        sizes=_plot({name: size / _MEGABYTE for name, size in content.files.items()}),
        timings=_plot({step.step: step.seconds for step in content.steps}),
        failed=_failed(content.judged),
        note=decision_note(on_card(content.judged.results, content.judged.overrides)),
        reasons={each.gate: each.reason for each in content.judged.overrides},
    )


def write_page(content: Content, path: Path) -> None:
    """Write the page.

    Raises:
        OSError: If it cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(page(content), encoding="utf-8", newline="\n")


def _overall(report: EvaluationReport) -> BarPlot:
    return bar_plot([(model.model, [model.metrics[report.main]]) for model in report.models])


def _spending(content: Content) -> BarPlot | None:
    """Return ε of this bundle, of the period, of all time, and the ceilings."""
    budget = content.budget
    if budget is None:
        return None
    rows = {
        "this bundle's releases": content.releases.epsilon,
        "its released figures": content.measured.releases.epsilon if content.measured.releases.releases else None,
        "spent this period": budget.spent.epsilon,
        "ceiling of the period": budget.epsilon,
        "left this period": None if budget.left is None else budget.left.epsilon,
        "ever spent": budget.lifetime.epsilon,
        "ceiling for ever": budget.lifetime_epsilon,
    }
    return _plot({name: value for name, value in rows.items() if value is not None})


def _plot(values: dict[str, float]) -> BarPlot:
    return bar_plot([(name, [Interval(value, value, value)]) for name, value in values.items()])


def _failed(found: Judged) -> Sequence[GateResult]:
    let_through = {override.gate for override in found.overrides}
    return [result for result in found.results if not result.passed and result.name not in let_through]


def _budget(job: Job) -> BudgetReport | None:
    if job.wanted is None:
        return None
    with job.ledger() as ledger:
        return budget_report(ledger.state())


def _sizes(folder: Path) -> dict[str, int]:
    files = sorted(folder.iterdir(), key=lambda path: (-path.stat().st_size, path.name))
    return {path.name: path.stat().st_size for path in files if path.name != MANIFEST} | {
        MANIFEST: (folder / MANIFEST).stat().st_size
    }
