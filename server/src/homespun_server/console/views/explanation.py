"""A record of a decision, made again from the registered bundle, with every part of every score.

Nothing of a record is kept here: it is shown to whoever brought it, once.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from homespun.protocol.records import AttributionEntry, ExplanationRecord, ItemEntry
from homespun_server.compliance.explanations.executed import opened
from homespun_server.compliance.explanations.reading import parse_given
from homespun_server.compliance.explanations.verifying import BatchVerifier, Sources
from homespun_server.console.words import part as part_of
from homespun_server.console.words import plain
from homespun_server.publishing.registry import Registry

MOST_ITEMS = 20
"""Items of a list that a page shows."""

MOST_BARS = 14
"""Parts of a score that are drawn; the rest is one bar."""

_SOURCES = {
    "history": "liked",
    "prior": "the same for everybody",
    "context": "circumstance",
    "archetype": "kind of taste",
    "repeat": "chosen before",
    "control": "set by the person",
    "learning": "learned on the device",
    "returns": "how they come back",
    "rule": "rule",
    "recency": "how new it is",
    "popularity": "how popular it is",
}
"""What a part of a score comes from, in words."""

HALF = 150
"""Pixels of the largest part, to either side."""


@dataclass(frozen=True)
class Part:
    """A part of a score.

    Attributes:
        name: What it comes from.
        value: What it adds.
        x: Where its bar begins, pixels from the left.
        width: How long it is, pixels.
    """

    name: str
    value: Decimal
    x: float
    width: float


@dataclass(frozen=True)
class Explained:
    """An item of a list.

    Attributes:
        place: Its place, from 1.
        item: The item.
        title: What the registered bundle calls it; its identifier where the bundle does not have it.
        parts: The parts of its score, largest first.
        total: Their sum.
    """

    place: int
    item: ItemEntry
    title: str
    parts: tuple[Part, ...]
    total: Decimal


@dataclass(frozen=True)
class ExplanationView:
    """A record that was made again.

    Attributes:
        record: The record.
        case: The support case that it belongs to; empty: none.
        problem: What is wrong with it; empty: everything came out again.
        items: The first items of its list.
    """

    record: ExplanationRecord
    case: str
    problem: str
    items: tuple[Explained, ...]


def explanation(registry: Registry, text: str) -> ExplanationView:
    """Make a recorded list again, and return it with the verdict.

    Args:
        registry: Where the bundle is looked for.
        text: The record, a line of JSON or a document of it.

    Raises:
        BundleError: The registered bundle is damaged.
        NotRegisteredError: The bundle is not registered here.
        RecordError: This is no record.
    """
    raw = text.replace("\r", " ").replace("\n", " ").encode()
    given = parse_given(1, raw)
    folder = registry.folder(given.record.bundle)
    verifier = BatchVerifier(Sources((folder,)))
    try:
        found = verifier.verified(1, [raw])
    finally:
        verifier.close()
    shown = given.record.items[:MOST_ITEMS]
    titles = _titles(folder, [each.item for each in shown])
    return ExplanationView(
        record=given.record,
        case=given.case or "",
        problem=found.failures[0].problem if found.failures else "",
        items=tuple(_explained(place, item, titles.get(item.item, item.item)) for place, item in enumerate(shown, 1)),
    )


def _titles(folder: Path, items: list[str]) -> dict[str, str]:
    bundle = opened(folder)
    try:
        return {item: bundle.title(item) for item in items if item in bundle}
    finally:
        bundle.close()


def _explained(place: int, item: ItemEntry, title: str) -> Explained:
    named = list(_named(item))
    largest = max((abs(value) for _, value in named), default=Decimal(0)) or Decimal(1)
    parts = tuple(_part(name, value, float(value / largest)) for name, value in named)
    return Explained(place, item, title, parts, sum((value for _, value in named), item.residual))


def _named(item: ItemEntry) -> Iterator[tuple[str, Decimal]]:
    yield from ((_name(each), each.value) for each in item.attributions[:MOST_BARS])
    rest = sum((each.value for each in item.attributions[MOST_BARS:]), item.others)
    if rest or len(item.attributions) > MOST_BARS:
        yield "all smaller parts together", rest


def _part(name: str, value: Decimal, share: float) -> Part:
    width = max(1.0, HALF * abs(share))
    return Part(name, value, HALF if share >= 0 else HALF - width, width)


def _name(part: AttributionEntry) -> str:
    control, component = plain(part.control or ""), part_of(part.component or "")
    about = ", ".join(filter(None, (control, part.item, part.tag, component, part.choice)))
    return f"{_SOURCES[part.source]}: {about}" if about else _SOURCES[part.source]
