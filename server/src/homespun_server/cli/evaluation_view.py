"""An evaluation as tables for a terminal."""

from rich import box
from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table

from homespun_server.display import lead
from homespun_server.evaluation.intervals import Interval
from homespun_server.evaluation.page import metric_name
from homespun_server.evaluation.result import EvaluationReport, ModelFigures


def evaluation_view(report: EvaluationReport) -> RenderableType:
    """Lay out an evaluation: what was done, models side by side, segments of the bundles."""
    parts: list[RenderableType] = [Panel(report.text, title=f"{report.cases:,} requests of {report.users:,} people")]
    parts.append(_models(report))
    parts += [_segments(model, report) for model in report.models if model.role == "bundle"]
    parts += [Panel(text, title="Mind", border_style="yellow") for text in _warnings(report)]
    return Group(*parts)


def _models(report: EvaluationReport) -> Table:
    first, short = report.models[0], report.ks[0]
    table = _table(
        f"{metric_name(report.main)}, hit rate and MRR at {short}",
        "± half the 95% interval. seen: share of the catalogue in anybody's list; Gini: 0 even, 1 one item. lead: over "
        f"{first.model}, paired. Exact figures about people: non-private, for you alone.",
        ("model", metric_name(report.main), "hits", "MRR", "seen", "Gini", "lead"),
    )
    for model in report.models:
        leads = model.leads.get(first.model, {})
        table.add_row(
            model.model,
            _figure(model.metrics.get(report.main)),
            f"{model.metrics[f'hit_rate@{short}'].mean:.1%}",
            f"{model.metrics[f'mrr@{short}'].mean:.3f}",
            f"{model.lists[f'coverage@{short}']:.1%}",
            f"{model.lists[f'gini@{short}']:.3f}",
            lead(leads.get(report.main)),
        )
    return table


def _segments(model: ModelFigures, report: EvaluationReport) -> Table:
    table = _table(f"{model.model}, in parts", None, ("part", "requests", "people", metric_name(report.main)))
    for segment in model.segments:
        few = " (too few)" if segment.too_few else ""
        figures = _figure(segment.metrics.get(report.main)) + few
        table.add_row(segment.title, f"{segment.cases:,}", f"{segment.users:,}", figures)
    return table


def _warnings(report: EvaluationReport) -> list[str]:
    found = [report.asserted] if report.asserted else []
    if report.few:
        found.append(f"On {report.cases} requests nothing can be said with any confidence.")
    for curve in report.cold_users:
        below = [str(point.events) for point in curve.points if not point.holds]
        if below and not curve.too_few:
            found.append(
                f"{curve.model}: with {', '.join(below)} events known of a new person, below the better of popularity "
                "and the catalogue alone."
            )
    return [*found, *report.notes]


def _table(title: str, caption: str | None, headings: tuple[str, ...]) -> Table:
    table = Table(title=title, caption=caption, box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    table.add_column(headings[0])
    for heading in headings[1:]:
        table.add_column(heading, justify="right", no_wrap=True)
    return table


def _figure(interval: Interval | None) -> str:
    return "" if interval is None else f"{interval.mean:.4f} ±{interval.half_width:.4f}".replace("0.", ".")
