"""Where the marks of an experiment's plots go: pure geometry, which ``templates/experiment.html.j2`` draws as SVG.

Two plots: uplifts of all metrics on one axis through 0, and the primary difference look by look. What is wider than the
plot is cut at its edge; its figures stand in the table.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, floor, log10

from homespun_server.evaluation.plots import Tick
from homespun_server.experiments.result import Comparison, Estimate

WIDTH = 720

_LEFT, _RIGHT, _TOP, _ROW, _AXIS = 230, 28, 10, 34, 34
_LOOKS_LEFT, _LOOKS_HEIGHT, _BESIDE = 64, 280, 9
_STEPS = (1, 2, 2.5, 5, 10)
_INTERVALS = 5
_MOST = 10.0
"""Uplifts beyond ±1,000% are cut: nothing is read off so far out."""


@dataclass(frozen=True)
class Whisker:
    """One estimate in pixels along its axis.

    Attributes:
        across: Where it is on the other axis.
        at: The estimate.
        low: One end of the interval.
        high: The other.
        kind: ``better``, ``worse``, ``open`` or ``fixed``.
        text: The figures.
    """

    across: float
    at: float
    low: float
    high: float
    kind: str
    text: str


@dataclass(frozen=True)
class Plot:
    """A plot.

    Attributes:
        height: Of the plot; its width is WIDTH.
        start: Where the axis of values starts.
        end: Where it ends.
        zero: Where 0 is on it.
        ticks: Of the axis of values.
        labels: Of the other axis.
        missing: Labels' places without an estimate.
        whiskers: The estimates.
    """

    height: float
    start: float
    end: float
    zero: float
    ticks: tuple[Tick, ...]
    labels: tuple[Tick, ...]
    missing: tuple[float, ...]
    whiskers: tuple[Whisker, ...]


def uplift_plot(comparisons: Sequence[Comparison]) -> Plot:
    """Lay out relative uplifts, one row a comparison."""
    low, high = _range([each.relative for each in comparisons])
    end = float(WIDTH - _RIGHT)
    scale = (end - _LEFT) / (high - low)

    def place(value: float) -> float:
        return _LEFT + scale * (min(high, max(low, value)) - low)

    rows = [_TOP + (number + 0.5) * _ROW for number in range(len(comparisons))]
    labels = tuple(Tick(y, f"{each.metric.name}: {each.variant}") for y, each in zip(rows, comparisons, strict=True))
    whiskers, missing = [], []
    for y, each in zip(rows, comparisons, strict=True):
        one = each.relative
        if one.value is None or one.low is None or one.high is None:
            missing.append(y)
            continue
        text = f"{each.metric.name}, {each.variant}: {spread(one, percent=True)}"
        whiskers.append(Whisker(y, place(one.value), place(one.low), place(one.high), each.verdict.word, text))
    ticks = tuple(Tick(place(value), f"{100 * value:+.4g}%" if value else "0") for value in _ticks(low, high))
    height = _TOP + len(comparisons) * _ROW + _AXIS
    return Plot(height, _LEFT, end, place(0.0), ticks, labels, tuple(missing), tuple(whiskers))


def looks_plot(found: Comparison) -> Plot:
    """Lay out a difference look by look: the deciding interval, and beside it the one of a single planned look."""
    last = found.looks[-1].difference
    low, high = _range([last, found.looks[-1].fixed], room=2.0)
    base = float(_LOOKS_HEIGHT - _AXIS)
    scale = (base - _TOP) / (high - low)

    def place(value: float) -> float:
        return base - scale * (min(high, max(low, value)) - low)

    slot = (WIDTH - _LOOKS_LEFT - _RIGHT) / len(found.looks)
    labels, whiskers, missing = [], [], []
    for look in found.looks:
        x = _LOOKS_LEFT + (look.number - 0.5) * slot
        labels.append(Tick(x, f"window {look.number}" if len(found.looks) <= _INTERVALS else str(look.number)))
        for one, shift, kind in ((look.difference, -_BESIDE, look.verdict.word), (look.fixed, _BESIDE, "fixed")):
            if one.value is None or one.low is None or one.high is None:
                missing.append(x + shift)
                continue
            ends = place(one.value), place(one.low), place(one.high)
            whiskers.append(Whisker(x + shift, *ends, kind, f"after window {look.number}: {spread(one)}"))
    ticks = tuple(Tick(place(value), f"{value:+.3g}" if value else "0") for value in _ticks(low, high))
    return Plot(_LOOKS_HEIGHT, base, float(_TOP), place(0.0), ticks, tuple(labels), tuple(missing), tuple(whiskers))


def spread(one: Estimate, *, percent: bool = False) -> str:
    """Return an estimate and its interval as text."""
    value, ends = parts(one, percent=percent)
    return f"{value} ({ends})" if ends else value


def parts(one: Estimate, *, percent: bool = False) -> tuple[str, str]:
    """Return an estimate and its interval as two texts; the second is empty where there is none."""
    if one.value is None or one.low is None or one.high is None:
        return "not enough data", ""
    value, low, high = (f"{each:+.1%}" if percent else f"{each:.3g}" for each in (one.value, one.low, one.high))
    return value, f"{low} to {high}"


def _range(estimates: Sequence[Estimate], room: float = 1.0) -> tuple[float, float]:
    """Return a range with 0 in it, and all ends with so much room, rounded outwards to ticks."""
    ends = [end * room for one in estimates for end in (one.low, one.high) if end is not None]
    low, high = max(-_MOST, min([0.0, *ends])), min(_MOST, max([0.0, *ends]))
    if low == high:
        low, high = -0.1, 0.1
    step = _step(high - low)
    return step * floor(low / step + 1e-9), step * ceil(high / step - 1e-9)


def _step(width: float) -> float:
    """Return a round step of which a few go into a width."""
    power = 10.0 ** floor(log10(width / _INTERVALS))
    return next(each * power for each in _STEPS if each * power * _INTERVALS >= width * (1 - 1e-9))


def _ticks(low: float, high: float) -> list[float]:
    step = _step(high - low)
    count = round((high - low) / step)
    return [round(low / step + number) * step for number in range(count + 1)]
