"""Draws the plots of the page of benchmarks: SVG files without scripts or fonts, in light and dark.

Where marks go is the evaluation's own geometry (``homespun_server.evaluation.plots``); whiskers are 95% intervals,
and every mark carries its figures as text.
"""

from collections.abc import Iterator, Sequence
from html import escape

from homespun_server.evaluation.intervals import Interval
from homespun_server.evaluation.plots import WIDTH, bar_plot, curve_plot, figure

Rows = Sequence[tuple[str, Sequence[Interval | None]]]
"""A label, and a figure for every series."""

_STYLE = """<style>
    text { fill: #57606a; }
    .grid { stroke: #8b949e55; }
    .one { stroke: #768390; stroke-dasharray: 4 3; }
    .aim { stroke: #bf8712; stroke-width: 2; }
    .whisker { stroke: #24292f; stroke-width: 1.2; fill: none; }
    .s0 { fill: #2f81f7; stroke: none; }
    .s1 { fill: #bf8712; stroke: none; }
    .s2 { fill: #2da44e; stroke: none; }
    .s3 { fill: #8250df; stroke: none; }
    polyline { fill: none !important; stroke-width: 1.6; }
    polyline.s0 { stroke: #2f81f7; }
    polyline.s1 { stroke: #bf8712; }
    polyline.s2 { stroke: #2da44e; }
    polyline.s3 { stroke: #8250df; }
    @media (prefers-color-scheme: dark) {
      text { fill: #a9b4c0; }
      .whisker { stroke: #e6edf3; }
    }
  </style>"""

_LEFT, _RIGHT, _ROW, _TOP, _LEGEND = 270, 24, 22, 10, 24
_SHOWN = 40
_SERIES = 4


def bars(title: str, series: Sequence[str], rows: Rows) -> str:
    """Draw groups of horizontal bars."""
    plot = bar_plot(rows)
    marks: list[str] = []
    for tick in plot.ticks:
        marks.append(_line("grid", tick.at, 0, tick.at, plot.height - 24))
        marks.append(_text(tick.at, plot.height - 8, tick.text, "middle"))
    marks += [_text(plot.left - 10, group.at + 3, group.text, "end") for group in plot.groups]
    for mark in plot.marks:
        middle = mark.y + plot.thickness / 2
        width = max(mark.x - plot.left, 0.5)
        rect = f'<rect class="s{mark.series % _SERIES}" x="{plot.left}" y="{mark.y:.1f}" width="{width:.1f}" '
        marks.append(
            _told(f'{rect}height="{plot.thickness}" rx="2"/>{_across(mark.low, mark.high, middle)}', mark.text)
        )
    return _svg(title, plot.height, marks, series)


def curves(title: str, series: Sequence[str], rows: Sequence[tuple[str, Sequence[Interval]]]) -> str:
    """Draw one line a series, over the rows as columns."""
    plot = curve_plot(
        [label for label, _ in rows], [list(line) for line in zip(*(row for _, row in rows), strict=True)]
    )
    marks: list[str] = []
    for tick in plot.ticks:
        marks.append(_line("grid", plot.left, tick.at, WIDTH - 12, tick.at))
        marks.append(_text(plot.left - 8, tick.at + 4, tick.text, "end"))
    marks += [_text(column.at, plot.base + 18, column.text, "middle") for column in plot.columns]
    marks += [f'<polyline class="s{number % _SERIES}" points="{line}"/>' for number, line in enumerate(plot.lines)]
    for mark in plot.marks:
        whisker = f'<path class="whisker" d="M{mark.x:.1f} {mark.low:.1f}V{mark.high:.1f}"/>'
        dot = f'<circle class="s{mark.series % _SERIES}" cx="{mark.x:.1f}" cy="{mark.y:.1f}" r="4"/>'
        marks.append(_told(whisker + dot, mark.text))
    return _svg(title, plot.height, marks, series)


def ratios(title: str, rows: Rows, aims: Sequence[float | None]) -> str:
    """Draw one dot a row with its whisker, a line where a ratio is 1, and a mark at each aim."""
    known = [row[0] for _, row in rows if row[0] is not None]
    ends = [1.0, *(one.low for one in known), *(one.high for one in known), *(aim for aim in aims if aim is not None)]
    low, high = min(ends), max(ends)
    margin = 0.05 * (high - low) or 0.1
    low, high = max(0.0, low - margin), high + margin

    def place(value: float) -> float:
        return _LEFT + (WIDTH - _LEFT - _RIGHT) * (value - low) / (high - low)

    height = _TOP + _ROW * len(rows) + 26
    marks = [_line("one", place(1), 0, place(1), height - 24)]
    marks += [_text(place(value), height - 8, figure(value), "middle") for value in (low, 1.0, high)]
    for number, ((label, row), aim) in enumerate(zip(rows, aims, strict=True)):
        middle = _TOP + _ROW * (number + 0.5)
        marks.append(_text(_LEFT - 10, middle + 4, label, "end"))
        if aim is not None:
            marks.append(_told(_line("aim", place(aim), middle - 8, place(aim), middle + 8), f"aim {figure(aim)}"))
        if row[0] is not None:
            dot = f'<circle class="s0" cx="{place(row[0].mean):.1f}" cy="{middle:.1f}" r="4"/>'
            text = f"{label}: {figure(row[0].mean)} ({figure(row[0].low)} to {figure(row[0].high)})"
            marks.append(_told(_across(place(row[0].low), place(row[0].high), middle) + dot, text))
    return _svg(title, height, marks, ())


def _svg(title: str, height: float, marks: Sequence[str], series: Sequence[str]) -> str:
    legend = list(_legend(series, height)) if len(series) > 1 else []
    whole = height + (_LEGEND if legend else 0)
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {whole:.0f}" role="img" '
        'font-family="system-ui, -apple-system, \'Segoe UI\', Helvetica, Arial, sans-serif" font-size="12">'
    )
    return "\n  ".join([head, f"<title>{escape(title)}</title>", _STYLE, *marks, *legend]) + "\n</svg>\n"


def _legend(series: Sequence[str], height: float) -> Iterator[str]:
    step = (WIDTH - 24) / len(series)
    for number, name in enumerate(series):
        x = 12 + number * step
        yield f'<rect class="s{number % _SERIES}" x="{x:.1f}" y="{height:.1f}" width="12" height="12" rx="2"/>'
        yield _text(x + 18, height + 11, name, "start")


def _text(x: float, y: float, text: str, anchor: str) -> str:
    shown = text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…"
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(shown)}</text>'


def _line(kind: str, x1: float, y1: float, x2: float, y2: float) -> str:
    return f'<line class="{kind}" x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"/>'


def _across(low: float, high: float, y: float) -> str:
    return f'<path class="whisker" d="M{low:.1f} {y:.1f}H{high:.1f}m0-4v8M{low:.1f} {y - 4:.1f}v8"/>'


def _told(drawn: str, text: str) -> str:
    return f"<g>{drawn}<title>{escape(text)}</title></g>"
