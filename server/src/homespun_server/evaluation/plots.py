"""Where the marks of a plot go: pure geometry, which ``templates/plots.html.j2`` draws as SVG.

Bars begin at 0, whiskers are 95% intervals, and every mark carries its figures as text.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from homespun_server.evaluation.intervals import Interval

WIDTH = 720

_LEFT, _RIGHT, _TOP, _BOTTOM = 210, 24, 8, 26
_BAR, _BETWEEN, _GROUP = 14, 3, 14
_CURVE_LEFT, _CURVE_HEIGHT = 52, 300
_SQUARE = 300
_TICKS = 5


@dataclass(frozen=True)
class Tick:
    """A mark of an axis: where it is, and its text."""

    at: float
    text: str


@dataclass(frozen=True)
class Mark:
    """One figure: the series it belongs to, its end, its whisker, and its text. Pixels."""

    series: int
    x: float
    y: float
    low: float
    high: float
    text: str
    faint: bool = False


@dataclass(frozen=True)
class BarPlot:
    """Groups of horizontal bars with whiskers.

    Attributes:
        height: Of the plot; its width is WIDTH.
        left: Where bars begin.
        thickness: Of a bar.
        groups: Where the label of each group is.
        ticks: Of the horizontal axis.
        marks: ``x`` is where a bar ends, ``y`` its upper edge, ``low`` and ``high`` are horizontal.
    """

    height: float
    left: float
    thickness: float
    groups: tuple[Tick, ...]
    ticks: tuple[Tick, ...]
    marks: tuple[Mark, ...]


@dataclass(frozen=True)
class CurvePlot:
    """Lines through points with whiskers.

    Attributes:
        height: Of the plot; its width is WIDTH.
        left: Where the horizontal axis begins.
        base: Where the vertical axis begins.
        columns: Where the label of each point of the horizontal axis is.
        ticks: Of the vertical axis.
        marks: ``low`` and ``high`` are vertical.
        lines: Points of each series' line, as SVG writes them.
    """

    height: float
    left: float
    base: float
    columns: tuple[Tick, ...]
    ticks: tuple[Tick, ...]
    marks: tuple[Mark, ...]
    lines: tuple[str, ...]


@dataclass(frozen=True)
class SharePlot:
    """Lorenz curves in a square of ``side`` pixels at (``left``, ``top``): points of each series' line."""

    side: float
    left: float
    top: float
    ticks: tuple[Tick, ...]
    lines: tuple[str, ...]


def bar_plot(groups: Sequence[tuple[str, Sequence[Interval | None]]], *, faint: Sequence[bool] = ()) -> BarPlot:
    """Lay out bars.

    Args:
        groups: A label, and a figure for every series; None where a series has none.
        faint: Which groups are to be shown faintly; () none.
    """
    top = _round_up(max((one.high for _, row in groups for one in row if one is not None), default=1.0))
    scale = (WIDTH - _LEFT - _RIGHT) / top
    labels, marks, y = [], [], float(_TOP)
    for place, (label, row) in enumerate(groups):
        tall = len(row) * (_BAR + _BETWEEN)
        labels.append(Tick(y + tall / 2, label))
        dim = bool(faint) and faint[place]
        for series, one in enumerate(row):
            if one is not None:
                ends = (_LEFT + scale * max(0.0, value) for value in (one.mean, one.low, one.high))
                x, low, high = ends
                text = f"{label}: {figure(one.mean)} ({figure(one.low)} to {figure(one.high)})"
                marks.append(Mark(series, x, y + series * (_BAR + _BETWEEN), low, high, text, dim))
        y += tall + _GROUP
    ticks = tuple(Tick(_LEFT + scale * value, figure(value)) for value in _ticks(top))
    return BarPlot(y + _BOTTOM, _LEFT, _BAR, tuple(labels), ticks, tuple(marks))


def curve_plot(columns: Sequence[str], series: Sequence[Sequence[Interval]]) -> CurvePlot:
    """Lay out curves over evenly spaced columns.

    Args:
        columns: Their labels.
        series: One figure a column, for each series.
    """
    top = _round_up(max((one.high for row in series for one in row), default=1.0))
    base = _CURVE_HEIGHT - _BOTTOM
    scale = (base - _TOP) / top
    slot = (WIDTH - _CURVE_LEFT - _RIGHT) / len(columns)
    places = [_CURVE_LEFT + (index + 0.5) * slot for index in range(len(columns))]
    marks, lines = [], []
    for number, row in enumerate(series):
        # A little beside each other, so that no whisker hides another.
        shifted = [place + 7 * (number - (len(series) - 1) / 2) for place in places]
        for x, one, label in zip(shifted, row, columns, strict=True):
            y, low, high = (base - scale * max(0.0, value) for value in (one.mean, one.low, one.high))
            text = f"{label}: {figure(one.mean)} ({figure(one.low)} to {figure(one.high)})"
            marks.append(Mark(number, x, y, low, high, text))
        lines.append(" ".join(f"{mark.x:.1f},{mark.y:.1f}" for mark in marks if mark.series == number))
    return CurvePlot(
        height=_CURVE_HEIGHT,
        left=_CURVE_LEFT,
        base=base,
        columns=tuple(Tick(place, label) for place, label in zip(places, columns, strict=True)),
        ticks=tuple(Tick(base - scale * value, figure(value)) for value in _ticks(top)),
        marks=tuple(marks),
        lines=tuple(lines),
    )


def share_plot(series: Sequence[Sequence[float]]) -> SharePlot:
    """Lay out Lorenz curves: shares at even shares from 0 to 1, for each series."""

    def line(shares: Sequence[float]) -> str:
        step = _SQUARE / (len(shares) - 1)
        points = (
            f"{_CURVE_LEFT + index * step:.1f},{_TOP + _SQUARE * (1 - share):.1f}" for index, share in enumerate(shares)
        )
        return " ".join(points)

    ticks = tuple(Tick(part * _SQUARE, f"{part:.0%}") for part in (0, 0.25, 0.5, 0.75, 1))
    return SharePlot(_SQUARE, _CURVE_LEFT, _TOP, ticks, tuple(line(shares) for shares in series))


def figure(value: float) -> str:
    """Return a figure with as many digits as a reader uses: ``.374``, ``12.5``, ``-.004``."""
    if not value:
        return "0"
    text = f"{value:.3f}" if abs(value) < 1 else f"{value:.3g}"
    return text.replace("0.", ".", 1) if abs(value) < 1 else text


def _round_up(value: float) -> float:
    """Return the next value that divides into round parts; above 0."""
    value = max(value, 1e-3)
    power = 10.0 ** math.floor(math.log10(value))
    return next(step * power for step in (1, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10) if step * power >= value * (1 - 1e-9))


def _ticks(top: float) -> list[float]:
    return [top * part / _TICKS for part in range(_TICKS + 1)]
