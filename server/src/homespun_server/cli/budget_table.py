"""A budget for a terminal: a sentence, what was spent by period, and a bar a period."""

from rich import box
from rich.bar import Bar
from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from homespun_server.privacy.ledger.report import BudgetReport, PeriodRow, figure
from homespun_server.privacy.ledger.rules import rounded

MOST_PERIODS = 24
"""Bars, and periods in the table; all are in the JSON."""

_WIDTH = 40
_DATE = 10
_WIDTHS = {"date": _DATE, "statistic": 12}


def budget_view(report: BudgetReport) -> RenderableType:
    """Lay a report out as a sentence, tables and bars."""
    parts: list[RenderableType] = [Panel(Text(report.statement), title=Text(f"Budget of {report.data_set}"))]
    if any(period.spends for period in report.periods):
        parts += [_spends(report), _bars(report)]
    else:
        parts.append(Text("Nothing was ever spent."))
    if report.reservations:
        parts.append(_reservations(report))
    parts.append(Text(f"{report.events} events; the last one's hash is {report.head}"))
    return Group(*parts)


def _spends(report: BudgetReport) -> Table:
    table = Table(title="Spent", box=box.SIMPLE_HEAD)
    for heading in ("period", "date", "for", "statistic", "users"):
        table.add_column(heading, overflow="fold", min_width=_WIDTHS.get(heading))
    table.add_column("ρ (zCDP)", justify="right", no_wrap=True)
    for period in report.periods[-MOST_PERIODS:]:
        for position, spend in enumerate(period.spends):
            cells = ("" if position else period.label, spend.time[:_DATE], spend.purpose, spend.statistic, spend.users)
            table.add_row(*map(Text, (*cells, _real(spend.rho))))
        if period.spends:
            loss = f"ε = {figure(period.spent.epsilon)}"
            table.add_row(*map(Text, ("", "", "together", loss, "", figure(period.spent.rho))))
            table.add_section()
    return table


def _bars(report: BudgetReport) -> Table:
    table = Table(title="ε per user", box=box.SIMPLE_HEAD)
    table.add_column("period")
    table.add_column("spent", justify="right")
    table.add_column(_scale(report), min_width=_WIDTH)
    table.add_column("lifetime so far", justify="right")
    for period in report.periods[-MOST_PERIODS:]:
        table.add_row(Text(period.label), figure(period.spent.epsilon), _bar(report, period), _lifetime(period))
    return table


def _bar(report: BudgetReport, period: PeriodRow) -> Bar:
    return Bar(_largest(report), 0, period.spent.epsilon, width=_WIDTH, color="cyan")


def _lifetime(period: PeriodRow) -> str:
    return figure(period.lifetime.epsilon)


def _scale(report: BudgetReport) -> Text:
    right = figure(_largest(report)) + (" (ceiling)" if report.epsilon == _largest(report) else "")
    return Text("0" + right.rjust(_WIDTH - 1))


def _largest(report: BudgetReport) -> float:
    return max([report.epsilon or 0.0, *(period.spent.epsilon for period in report.periods[-MOST_PERIODS:])])


def _reservations(report: BudgetReport) -> Table:
    table = Table(title="Held by reservations", box=box.SIMPLE_HEAD)
    for heading in ("number", "for", "made", "expires", "holds"):
        table.add_column(heading)
    for row in report.reservations:
        cells = (str(row.number), row.purpose, row.made, row.expires, f"ε = {figure(row.held.epsilon)}")
        table.add_row(*map(Text, cells))
    return table


def _real(ratio: str) -> str:
    numerator, denominator = ratio.split("/")
    return figure(rounded(int(numerator) / int(denominator), up=True))
