"""Reports as tables for a terminal, and progress while work goes on."""

from collections.abc import Iterator
from contextlib import contextmanager

from rich import box
from rich.console import Console, Group, RenderableType
from rich.panel import Panel
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table

from homespun.protocol.bundle import PrivacyStatement
from homespun_server.evaluation.comparison import Observer
from homespun_server.evaluation.intervals import Interval
from homespun_server.evaluation.report import Quality, Report


@contextmanager
def progress(console: Console) -> Iterator[Observer]:
    """Show a bar per step on ``console`` while the context lasts; nothing where it is not a terminal."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f}%"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bars:
        tasks: dict[str, TaskID] = {}

        def observe(step: str, done: int, total: int) -> None:
            if step not in tasks:
                tasks[step] = bars.add_task(step, total=total)
            bars.update(tasks[step], completed=done, total=total)

        yield observe


def report_view(report: Report) -> RenderableType:
    """Lay out a fit's report."""
    parts: list[RenderableType] = [_facts(report), privacy_view(report.privacy)]
    if report.budget is not None:
        parts.append(Panel(report.budget.statement, title="Budget"))
    if report.quality is not None:
        parts.append(quality_table(report.quality))
    parts += [Panel(warning, title="Mind", border_style="yellow") for warning in report.warnings]
    return Group(*parts)


def quality_table(quality: Quality) -> Table:
    """Lay out models beside popularity and EASE."""
    table = Table(
        title=f"Quality on {quality.test_users:,} users whom training never saw",
        caption="R: recall. seen: share of the catalogue in anybody's first 20. vs: paired lead in NDCG@100, ± half "
        "its 95% interval. Exact figures about people: non-private, for you alone.",
        box=box.SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
    )
    table.add_column("model")  # the only one that may wrap: figures are not cut while 80 columns are there
    for heading in ("R@20", "R@50", "NDCG@100", "seen", "vs popular", "vs EASE"):
        table.add_column(heading, justify="right", no_wrap=True)
    for row in quality.rows:
        table.add_row(
            row.model,
            f"{row.recall_20.mean:.4f}",
            f"{row.recall_50.mean:.4f}",
            f"{row.ndcg_100.mean:.4f}",
            f"{row.coverage:.1%}",
            lead(row.lead_over_popularity),
            lead(row.lead_over_ease),
        )
    return table


def privacy_view(privacy: PrivacyStatement) -> RenderableType:
    """Lay out what was spent, release by release, and the statement."""
    if not privacy.releases:
        return Panel(privacy.statement, title="Privacy")
    table = Table(title="Releases")
    for heading, side in (("release", "left"), ("numbers", "right"), ("mechanism", "left"), ("σ / bound", "right")):
        table.add_column(heading, justify="right" if side == "right" else "left")
    table.add_column("ρ (zCDP) spent", justify="right")
    for entry in privacy.releases:
        noise = f"{float(entry.sigma) / entry.l2_bound:.3f}"
        spent = "no guarantee" if entry.rho is None else f"{entry.rho:.4g}"
        table.add_row(entry.statistic, f"{entry.values:,}", entry.mechanism, noise, spent)
    if privacy.rho is not None:
        table.add_section()
        table.add_row(
            "together", "", f"ε = {privacy.epsilon:.4g}, δ = {float(privacy.delta or 0):g}", "", f"{privacy.rho:.4g}"
        )
    return Group(table, Panel(privacy.statement, title="Privacy"))


def _facts(report: Report) -> Table:
    table = Table(title="Fit", show_header=False)
    table.add_column("what")
    table.add_column("figure", justify="right")
    table.add_row("interactions read", f"{report.interactions:,}")
    for reason, count in report.skipped.items():
        table.add_row(f"  skipped: {reason}", f"{count:,}")
    table.add_row("items in the catalogue", f"{report.catalogue_items:,}")
    table.add_row("training users", f"{report.training_users:,}")
    table.add_row("their likes", f"{report.training_likes:,}")
    table.add_row("items in the model", f"{report.universe_items:,}")
    for bounding in report.bounding:
        table.add_row(f"{bounding.statistic}: weight kept by bounding", f"{bounding.kept:.1%}")
    table.add_row("model files", f"{report.model_bytes / 1e6:.2f} MB")
    table.add_row("catalogue", f"{report.catalogue_bytes / 1e6:.2f} MB")
    return table


def lead(interval: Interval | None) -> str:
    """Return a paired difference with half its interval, for instance ``+.0083 ±.0085``."""
    if interval is None:
        return ""
    half = (interval.high - interval.low) / 2
    return f"{interval.mean:+.4f} ±{half:.4f}".replace("0.", ".")
