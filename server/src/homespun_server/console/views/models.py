"""The registered bundles: what they are, what was asked of them, how good they are, and two side by side."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from homespun_server.api.services import Services
from homespun_server.publishing.figures import Quality
from homespun_server.publishing.registry import Comparison, Details, Version
from homespun_server.publishing.review import GateOnCard

PAGE = 50
"""Bundles on one page."""

WIDTH, ROW, LEFT, RIGHT = 640, 34, 170, 30
"""Pixels of a plot of figures: its width, the height of a figure, what its names take, and its margin."""


@dataclass(frozen=True)
class Bar:
    """A figure of a plot, in its pixels: its end, its interval, its upper edge, and what it says."""

    name: str
    y: float
    end: float
    low: float
    high: float
    text: str
    series: int = 0


@dataclass(frozen=True)
class Plot:
    """Horizontal bars with intervals, from 0 to the end of the axis; ``ticks`` are places and their texts."""

    height: float
    bars: tuple[Bar, ...]
    ticks: tuple[tuple[float, str], ...]
    left: int = LEFT
    width: int = WIDTH


@dataclass(frozen=True)
class ModelView:
    """A bundle.

    Attributes:
        details: Everything that is registered.
        gates: What was asked of it, and whether it was met.
        quality: How good it is; None: that was not released.
        plot: The same as a plot; None: there is nothing to draw.
        statement: What its privacy rests on, in words.
        limitations: What it does not do.
    """

    details: Details
    gates: tuple[GateOnCard, ...]
    quality: Quality | None
    plot: Plot | None
    statement: str
    limitations: tuple[str, ...]


@dataclass(frozen=True)
class ComparisonView:
    """Two bundles side by side; ``plot`` has a bar of each for every figure."""

    comparison: Comparison
    plot: Plot | None


class _Privacy(msgspec.Struct):
    statement: str = ""


class _Card(msgspec.Struct):
    """What a page shows of a card, whatever its version has beside it."""

    gates: tuple[GateOnCard, ...] = ()
    quality: Quality | None = None
    privacy: _Privacy = msgspec.field(default_factory=_Privacy)
    limitations: tuple[str, ...] = ()


def models(services: Services, limit: int = PAGE) -> tuple[Version, ...]:
    """Return the latest bundles.

    Raises:
        StoreError: If the store cannot be read.
    """
    return services.registry.versions(limit=limit)


def model(services: Services, bundle: str) -> ModelView:
    """Return a bundle.

    Raises:
        NotRegisteredError: If it is not registered.
        StoreError: If the store cannot be read.
    """
    details = services.registry.details(bundle)
    card = _card(details.card)
    return ModelView(
        details=details,
        gates=card.gates,
        quality=card.quality,
        plot=plot([_figures(card.quality)]),
        statement=card.privacy.statement,
        limitations=card.limitations,
    )


def comparison(services: Services, before: str, after: str) -> ComparisonView:
    """Return two bundles side by side.

    Raises:
        NotRegisteredError: If one is not registered.
        StoreError: If the store cannot be read.
    """
    found = services.registry.compare(before, after)
    cards = (_card(services.registry.details(each).card) for each in (before, after))
    return ComparisonView(found, plot([_figures(card.quality) for card in cards]))


def plot(series: Iterable[Mapping[str, tuple[float, float]]]) -> Plot | None:
    """Return bars for figures (value, half the width of the interval) by name, a bar for each series that has one."""
    rows = list(series)
    names = list(dict.fromkeys(name for row in rows for name in row))
    if not names:
        return None
    top = _round_up(max(value + half for row in rows for value, half in row.values()))
    scale = (WIDTH - LEFT - RIGHT) / top
    bars = []
    for place, name in enumerate(names):
        thick = (ROW - 10) / len(rows)
        for number, row in enumerate(rows):
            if name in row:
                value, half = row[name]
                low, high = max(0.0, value - half), value + half
                text = f"{name}: {value:.4f}, interval {low:.4f} to {high:.4f}"
                y = place * ROW + number * thick + 4
                bars.append(Bar(name, y, LEFT + scale * value, LEFT + scale * low, LEFT + scale * high, text, number))
    ticks = tuple((LEFT + scale * top * part / 4, f"{top * part / 4:g}") for part in range(5))
    return Plot(len(names) * ROW + 24.0, tuple(bars), ticks)


def _figures(quality: Quality | None) -> dict[str, tuple[float, float]]:
    return {} if quality is None else {each.name: (each.value, each.half_width) for each in quality.metrics}


def _card(card: Mapping[str, Any]) -> _Card:
    try:
        return msgspec.convert(dict(card), _Card)
    except msgspec.ValidationError:
        # A card of another version is shown by what the registry has of it.
        return _Card()


def _round_up(value: float) -> float:
    if value <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(value))
    return next(step * power for step in (1, 2, 4, 6, 8, 10) if step * power >= value)
