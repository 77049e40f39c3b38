"""People to encode: the few who are drawn event by event, and adversaries of any size."""

import hashlib
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

from homespun.protocol.statistics.histories import Histories

KINDS = ("view", "like", "buy", "dismiss")
FEATURE = "daypart"
LATEST = (1 << 63) - 1
WEIGHTS = [math.nan, 0.0, 5e-324, 0.3, 0.1 + 0.2, 1.0, 3.0, 1.7e308]
TIMES = [-1, 0, 1, 59, 60, 61, 3600, 86_399, 86_400, 86_401, 253_402_300_799, LATEST]


class Did(NamedTuple):
    """An event: −1 stands for an unknown item, time or context, None for a kind that nobody declared."""

    item: int
    time: int = -1
    kind: str | None = None
    weight: float = math.nan
    context: int = -1


@dataclass(frozen=True)
class Person:
    """Somebody's events, in the order of time, and the secret that keys what is sampled of them."""

    events: tuple[Did, ...]
    secret: bytes = bytes(32)


def secret(number: int) -> bytes:
    return hashlib.sha256(b"%d" % number).digest()


def person(*events: Did, number: int = 0) -> Person:
    return Person(tuple(sorted(events, key=lambda did: did.time)), secret(number))


def integers(values: Sequence[int]) -> NDArray[np.int64]:
    return np.array(values, np.int64)


def histories(people: Sequence[Person]) -> Histories:
    events = [did for one in people for did in one.events]
    return Histories(
        starts=integers([0, *np.cumsum([len(one.events) for one in people], dtype=np.int64).tolist()]),
        items=integers([did.item for did in events]),
        times=integers([did.time for did in events]),
        kinds=integers([-1 if did.kind is None else KINDS.index(did.kind) for did in events]),
        weights=np.array([did.weight for did in events], np.float64),
        secrets=[one.secret for one in people],
        kind_names=KINDS,
        contexts={FEATURE: integers([did.context for did in events])},
    )


def did(items: int) -> st.SearchStrategy[Did]:
    """Any event, drawn as one number: field by field takes Hypothesis five times as long."""
    fields = ([-1, *range(items)], [*TIMES, *range(2, 200, 6)], [None, *KINDS], WEIGHTS, [-1, 0, 1, 2, 3])
    choices = math.prod(map(len, fields))
    return st.integers(0, choices - 1).map(lambda number: Did(*_digits(number, fields)))


def _digits(number: int, fields: Sequence[Sequence[Any]]) -> Iterator[Any]:
    for field in fields:
        number, digit = divmod(number, len(field))
        yield field[digit]


@st.composite
def anybody(draw: st.DrawFn, items: int) -> Person:
    """Somebody ordinary, or an adversary: one event very often, or everything there is, several times."""
    events = draw(st.lists(did(items), max_size=12))
    match draw(st.sampled_from(["as drawn", "again and again", "everything"])):
        case "again and again":
            events = events[:2] * draw(st.integers(1, 40))
        case "everything":
            events += [Did(item, 60, "like", 5.0, context) for item in range(items) for context in range(3)]
    return person(*events, number=draw(st.integers(0, 9)))


def crowd(items: int) -> st.SearchStrategy[list[Person]]:
    return st.lists(anybody(items), min_size=1, max_size=4)


def adversary(draw: np.random.Generator, items: int, events: int) -> Histories:
    """Return one person with many events, heaped on few items or spread over all, at few times or many."""
    spread = draw.uniform(0, 4)
    chosen = (items * draw.random(events) ** (1 + spread)).astype(np.int64)
    times = np.sort(draw.integers(-1, int(10 ** draw.uniform(0, 11)), events))
    return Histories(
        starts=integers([0, events]),
        items=np.where(draw.random(events) < 0.05, -1, chosen),
        times=times,
        kinds=draw.integers(-1, len(KINDS), events),
        weights=draw.choice(np.array(WEIGHTS), events),
        secrets=[draw.bytes(32)],
        kind_names=KINDS,
        contexts={FEATURE: draw.integers(-1, 4, events)},
    )


def together(each: Sequence[Histories]) -> Histories:
    """Return several people's histories as one batch."""
    return Histories(
        starts=integers([0, *np.cumsum([one.items.size for one in each]).tolist()]),
        items=np.concatenate([one.items for one in each]),
        times=np.concatenate([one.times for one in each]),
        kinds=np.concatenate([one.kinds for one in each]),
        weights=np.concatenate([one.weights for one in each]),
        secrets=[key for one in each for key in one.secrets],
        kind_names=KINDS,
        contexts={FEATURE: np.concatenate([one.contexts[FEATURE] for one in each])},
    )
