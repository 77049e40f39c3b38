"""A budget as one page: no script, nothing fetched, light and dark, and every figure of its charts in a table too.

Names and reasons come from whoever spent, so every text is escaped.
"""

import base64
import hashlib
import math
from collections.abc import Sequence
from html import escape

from homespun_server.privacy.ledger.report import BudgetReport, PeriodRow, figure
from homespun_server.privacy.ledger.rules import rounded

MOST_PERIODS = 36
"""Bars of a chart; the tables have all periods."""

_WIDTH, _HEIGHT = 720, 200
_LEFT, _RIGHT, _TOP, _BOTTOM = 48, 12, 14, 26
_LABELS = 9
_WIDEST = 72


def page(report: BudgetReport) -> str:
    """Return the page as HTML."""
    digest = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
    shown = report.periods[-MOST_PERIODS:]
    charts = (
        _chart("ε of each period", shown, [period.spent.epsilon for period in shown], report.epsilon),
        _chart("Lifetime ε so far", shown, [period.lifetime.epsilon for period in shown], report.lifetime_epsilon),
    )
    note = f"<p>The last {len(shown)} of {len(report.periods)} periods.</p>" if len(shown) < len(report.periods) else ""
    name = escape(report.data_set)
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'sha256-{digest}'; \
base-uri 'none'; form-action 'none'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<title>Privacy budget of {name}</title>
<style>{_STYLE}</style>
</head>
<body>
<h1>Privacy budget of {name}</h1>
<p class="statement">{escape(report.statement)}</p>
{_facts(report)}
{"".join(charts)}{note}
{_spends(report)}
{_reservations(report)}
<footer>As of {escape(report.time)}. {report.events:,} events; the last one's hash is <code>{report.head}</code>. Kept
elsewhere, it shows later whether events are missing at the end.</footer>
</body>
</html>
"""


def _facts(report: BudgetReport) -> str:
    rest = "unlimited" if report.left is None else f"ε = {figure(report.left.epsilon)}"
    facts = {
        "Unit": f"{report.unit}; neighbours: {report.neighbours}",
        "Period": report.period,
        "Ceiling per period": "only counted" if report.epsilon is None else f"ε = {report.epsilon:g}",
        "Ceiling for ever": "only counted" if report.lifetime_epsilon is None else f"ε = {report.lifetime_epsilon:g}",
        "δ": f"{report.delta:g}",
        "Left now": rest,
        "Renews": report.renews or "never",
        "Opened": report.opened,
    }
    return (
        "<dl>" + "".join(f"<div><dt>{name}</dt><dd>{escape(text)}</dd></div>" for name, text in facts.items()) + "</dl>"
    )


def _chart(title: str, periods: Sequence[PeriodRow], values: Sequence[float], ceiling: float | None) -> str:
    top = _round_up(max([*values, ceiling or 0.0]) * 1.05 or 1.0)
    slot = (_WIDTH - _LEFT - _RIGHT) / len(periods)
    wide = min(0.7 * slot, _WIDEST)
    first = _LEFT + (slot - wide) / 2
    bars = "".join(
        f'<rect class="bar" x="{first + index * slot:.1f}" y="{_y(value, top):.1f}" width="{wide:.1f}" '
        f'height="{max(0.0, _y(0, top) - _y(value, top)):.1f}"><title>{escape(period.label)}: ε = {figure(value)}'
        "</title></rect>"
        for index, (period, value) in enumerate(zip(periods, values, strict=True))
    )
    every = math.ceil(len(periods) / _LABELS)
    labels = "".join(
        f'<text class="label" x="{_LEFT + (index + 0.5) * slot:.1f}" y="{_HEIGHT - 8}">{escape(_start(period))}</text>'
        for index, period in enumerate(periods)
        if (len(periods) - 1 - index) % every == 0
    )
    limit = "" if ceiling is None else _line("ceiling", ceiling, top, f"ceiling {ceiling:g}")
    scale = "".join(_line("grid", top * part / 4, top, "") + _tick(top * part / 4, top) for part in range(5))
    return (
        f'<figure tabindex="0"><figcaption>{escape(title)}</figcaption>'
        f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{escape(title)}">{scale}{bars}{limit}{labels}'
        "</svg></figure>"
    )


def _start(period: PeriodRow) -> str:
    return period.label.removeprefix("since ").partition(" ")[0]


def _line(kind: str, value: float, top: float, text: str) -> str:
    y = _y(value, top)
    label = f'<text class="{kind}-label" x="{_WIDTH - _RIGHT}" y="{y - 4:.1f}">{escape(text)}</text>' if text else ""
    return f'<line class="{kind}" x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>{label}'


def _tick(value: float, top: float) -> str:
    return f'<text class="tick" x="{_LEFT - 6}" y="{_y(value, top) + 4:.1f}">{figure(value)}</text>'


def _y(value: float, top: float) -> float:
    return _HEIGHT - _BOTTOM - (_HEIGHT - _TOP - _BOTTOM) * value / top


def _round_up(value: float) -> float:
    """Return the next number that divides by four into short figures."""
    power = 10.0 ** math.floor(math.log10(value))
    return next(step * power for step in (1, 1.2, 1.6, 2, 2.4, 3.2, 4, 6, 8, 10) if step * power >= value)


def _spends(report: BudgetReport) -> str:
    if not any(period.spends for period in report.periods):
        return "<h2>Spent</h2><p>Nothing was ever spent.</p>"
    head = _row("th", ("charge", "time", "for", "statistic", "users", "σ / bound", "ρ (zCDP)", "released, SHA-256"))
    bodies = "".join(_period(period) for period in reversed(report.periods) if period.spends)
    return f'<h2>Spent</h2><div class="scroll" tabindex="0"><table><thead>{head}</thead>{bodies}</table></div>'


def _period(period: PeriodRow) -> str:
    title = (
        f"{period.label}: ε = {figure(period.spent.epsilon)}, ρ = {figure(period.spent.rho)} for the user who loses "
        f"most; lifetime by then ε = {figure(period.lifetime.epsilon)}"
    )
    rows = "".join(
        _row(
            "td",
            (
                str(spend.charge),
                spend.time,
                spend.purpose,
                spend.statistic,
                spend.users,
                f"{spend.sigma / spend.l2_bound:.3f}",
                figure(rounded(_ratio(spend.rho), up=True)),
                "not recorded" if spend.released is None else f"{spend.released[:12]}…",
            ),
        )
        for spend in period.spends
    )
    return f'<tbody><tr><th class="period" colspan="8" scope="rowgroup">{escape(title)}</th></tr>{rows}</tbody>'


def _reservations(report: BudgetReport) -> str:
    if not report.reservations:
        return ""
    head = _row("th", ("number", "for", "made", "expires", "holds"))
    rows = "".join(
        _row("td", (str(row.number), row.purpose, row.made, row.expires, f"ε = {figure(row.held.epsilon)}"))
        for row in report.reservations
    )
    table = f"<table><thead>{head}</thead><tbody>{rows}</tbody></table>"
    return f'<h2>Held by reservations</h2><div class="scroll" tabindex="0">{table}</div>'


def _row(tag: str, cells: Sequence[str]) -> str:
    return "<tr>" + "".join(f"<{tag}>{escape(cell)}</{tag}>" for cell in cells) + "</tr>"


def _ratio(text: str) -> float:
    numerator, denominator = text.split("/")
    return int(numerator) / int(denominator)


_STYLE = """
:root { color-scheme: light dark; --ink: #1b1f24; --soft: #57606a; --paper: #fff; --line: #d5dae0; --bar: #2f6fab;
  --limit: #b3261e; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6e9ec; --soft: #9aa4af; --paper: #14181d; --line: #343b44; --bar: #6cabe6; --limit: #ff8a80; }
}
body { max-width: 60rem; margin: 2rem auto; padding: 0 1rem; font: 16px/1.5 system-ui, sans-serif; color: var(--ink);
  background: var(--paper); }
h1 { font-size: 1.6rem; overflow-wrap: anywhere; } h2 { font-size: 1.15rem; margin-top: 2rem; }
.statement { font-size: 1.05rem; }
dl { display: grid; grid-template-columns: repeat(auto-fit, minmax(13rem, 1fr)); gap: .75rem; margin: 1.5rem 0; }
dt, footer, figcaption { color: var(--soft); font-size: .875rem; } dd { margin: 0; }
figure { margin: 1.5rem 0; overflow-x: auto; } svg { width: 100%; min-width: 30rem; height: auto; }
svg text { font: 11px system-ui, sans-serif; fill: var(--soft); }
.bar { fill: var(--bar); } .grid { stroke: var(--line); } .ceiling { stroke: var(--limit); stroke-dasharray: 5 4; }
svg .label { text-anchor: middle; } svg .tick, svg .ceiling-label { text-anchor: end; }
svg .ceiling-label { fill: var(--limit); }
.scroll { overflow-x: auto; } table { border-collapse: collapse; width: 100%; font-size: .875rem; }
th, td { text-align: left; padding: .35rem .6rem; border-bottom: 1px solid var(--line); vertical-align: top; }
td:nth-child(6), td:nth-child(7) { font-variant-numeric: tabular-nums; }
.period { background: color-mix(in srgb, var(--bar) 12%, transparent); }
footer { margin-top: 2rem; overflow-wrap: anywhere; }
@media print { body { margin: 0; max-width: none; } .scroll { overflow: visible; } }
"""
