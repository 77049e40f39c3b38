"""An evaluation as one page that somebody who is no engineer can read.

No script, nothing fetched, light and dark; each figure that a plot shows stands in a table too. Names of bundles come
from their makers, so every text is escaped.
"""

import base64
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from jinja2 import Environment, PackageLoader, StrictUndefined

from homespun_server.evaluation.intervals import Interval
from homespun_server.evaluation.plots import (
    WIDTH,
    BarPlot,
    CurvePlot,
    SharePlot,
    bar_plot,
    curve_plot,
    figure,
    share_plot,
)
from homespun_server.evaluation.result import ColdCurve, EvaluationReport, ModelFigures
from homespun_server.evaluation.segments import HISTORY, PERSON, POPULARITY, TAG

MOST_SERIES = 5
"""Models in one plot; where there are more, the bundles and the references that come first."""

_KINDS = {
    HISTORY: ("By how much is known of the person", "Events in the history at the time of the request."),
    POPULARITY: (
        "By how well known the item is",
        (
            "Head: the most liked items, which together have 20% of all likes; tail: the least liked ones that do; "
            "cold: items that training never saw. Only items of the group count as right."
        ),
    ),
    TAG: ("By what the person mostly likes", "The tag that most items of the history carry; the most common tags."),
    PERSON: ("New people and others", "Whether anything of the person was known before training ended."),
}


@dataclass(frozen=True)
class Headline:
    """What is said of a bundle first.

    Attributes:
        model: Its name.
        against: The simplest reference.
        own: The main metric.
        other: The reference's.
        lead: The paired difference.
        verdict: ``better``, ``worse`` or ``open``.
        hits: Of 100 lists, how many hold something right; None where it was not measured.
        other_hits: The reference's.
    """

    model: str
    against: str
    own: Interval
    other: Interval
    lead: Interval
    verdict: str
    hits: Interval | None
    other_hits: Interval | None

    @property
    def percent(self) -> float | None:
        """The lead relative to the reference; None where that has nothing."""
        return 100 * self.lead.mean / self.other.mean if self.other.mean else None


@dataclass(frozen=True)
class SegmentPlot:
    """Figures of one kind of segments: a plot and the rows of its table (title, cases, users, too few, figures)."""

    title: str
    note: str
    plot: BarPlot
    rows: tuple[tuple[str, int, int, bool, tuple[Interval | None, ...]], ...]


@dataclass(frozen=True)
class ColdPlot:
    """A cold-user curve, its models, their colours, and its plot."""

    curve: ColdCurve
    names: tuple[str, ...]
    colours: tuple[int, ...]
    plot: CurvePlot


def page(report: EvaluationReport) -> str:
    """Return the page as HTML."""
    environment = Environment(
        loader=PackageLoader("homespun_server.evaluation"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(figure=figure, metric=metric_name)
    style = environment.get_template("style.css").render()
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    shown = shown_models(report)
    colours = colours_of(report)
    return environment.get_template("page.html.j2").render(
        report=report,
        style=style,
        digest=digest,
        width=WIDTH,
        shown=shown,
        colours=[colours[model.model] for model in shown],
        headlines=list(headlines(report)),
        overall=bar_plot([(model.model, [model.metrics[report.main]]) for model in report.models]),
        segments=list(segment_plots(report, shown)),
        all_colours=list(colours.values()),
        colds=[_cold(curve, colours) for curve in report.cold_users],
        exposure=exposure_plot(shown),
        columns=columns(report),
    )


def headlines(report: EvaluationReport) -> Iterable[Headline]:
    """Yield what is said first: every bundle against the first reference."""
    (first, *_) = report.models
    hit_rate = f"hit_rate@{report.ks[0]}"
    for model in report.models:
        if model.role == "bundle":
            lead = model.leads[first.model][report.main]
            verdict = "better" if lead.low > 0 else "worse" if lead.high < 0 else "open"
            yield Headline(
                model=model.model,
                against=first.model,
                own=model.metrics[report.main],
                other=first.metrics[report.main],
                lead=lead,
                verdict=verdict,
                hits=model.metrics.get(hit_rate),
                other_hits=first.metrics.get(hit_rate),
            )


def shown_models(report: EvaluationReport) -> tuple[ModelFigures, ...]:
    """Return the models of the plots, references first."""
    bundles = [model for model in report.models if model.role == "bundle"][:MOST_SERIES]
    room = max(1, MOST_SERIES - len(bundles))
    return (*[model for model in report.models if model.role == "reference"][:room], *bundles)


def colours_of(report: EvaluationReport) -> dict[str, int]:
    """Return the number of every model's colour, the same in all plots: bundles and references have their own."""
    found = {}
    for role, numbers in (("reference", _REFERENCES), ("bundle", _BUNDLES)):
        models = [model.model for model in report.models if model.role == role]
        found.update({model: numbers[place % len(numbers)] for place, model in enumerate(models)})
    return {model.model: found[model.model] for model in report.models}


def segment_plots(report: EvaluationReport, shown: Sequence[ModelFigures]) -> Iterable[SegmentPlot]:
    """Yield a plot for each kind of segments that there is."""
    for kind, (title, note) in _KINDS.items():
        chosen = [segment for segment in shown[0].segments if segment.kind == kind]
        if not chosen:
            continue
        found = {
            (model.model, segment.title): segment.metrics.get(report.main)
            for model in shown
            for segment in model.segments
        }
        rows = tuple(
            (one.title, one.cases, one.users, one.too_few, tuple(found[model.model, one.title] for model in shown))
            for one in chosen
        )
        plot = bar_plot([(row[0].partition(":")[0], row[4]) for row in rows], faint=[row[3] for row in rows])
        yield SegmentPlot(title, note, plot, rows)


def exposure_plot(shown: Sequence[ModelFigures]) -> SharePlot:
    """Return the Lorenz curves of exposure."""
    return share_plot([model.lorenz for model in shown])


def columns(report: EvaluationReport) -> tuple[str, ...]:
    """Return the metrics of the table: the main one first, of the shortest and the longest lists."""
    short, long = report.ks[0], report.ks[-1]
    named = (report.main, f"hit_rate@{short}", f"capped_recall@{short}", f"capped_recall@{long}", f"mrr@{short}")
    return tuple(dict.fromkeys(named))


def metric_name(name: str) -> str:
    """Return how a metric is called in a heading."""
    short, _, k = name.partition("@")
    return f"{_NAMES.get(short, short)}@{k}"


def _cold(curve: ColdCurve, colours: Mapping[str, int]) -> ColdPlot:
    names = (*(name for name in curve.points[0].ndcg_10 if name != curve.model), curve.model)
    series = [[point.ndcg_10[name] for point in curve.points] for name in names]
    labels = [f"{point.events} events" if point.events != 1 else "1 event" for point in curve.points]
    return ColdPlot(curve, names, tuple(colours[name] for name in names), curve_plot(labels, series))


_REFERENCES = (0, 1, 4, 6)
_BUNDLES = (2, 3, 5, 7)

_NAMES = {
    "ndcg": "NDCG",
    "hit_rate": "hit rate",
    "capped_recall": "recall",
    "recall": "plain recall",
    "map": "MAP",
    "mrr": "MRR",
    "f1": "F1",
}
