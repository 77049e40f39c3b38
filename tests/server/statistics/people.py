"""People with kinds, weights and contexts, as a table and as their own devices would encode them."""

import hashlib
import math
import random
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet
from numpy.typing import NDArray

from homespun.protocol.statistics.histories import Histories
from homespun_server.statistics.columns import InteractionColumns
from homespun_server.statistics.database import ReadLimits
from homespun_server.statistics.interactions import Interactions
from homespun_server.statistics.items import Items
from homespun_server.statistics.population import Population

SECRET = bytes(range(32))
KINDS = ("view", "buy", "dislike", "hide")
PLACES = ("home", "work", 'it\'s; DROP TABLE "items" --')
CONTEXTS = {"place": PLACES}


class Deed(NamedTuple):
    """What somebody did."""

    user: str
    item: str
    time: float | None = None
    weight: float | None = None
    kind: str | None = None
    place: str | None = None


def secret_of(user: str, secret: bytes = SECRET) -> bytes:
    return hashlib.blake2b(user.encode(), key=secret, digest_size=32).digest()


def write_deeds(path: Path, deeds: Iterable[Deed]) -> Path:
    columns = list(zip(*deeds, strict=True))
    types = (pa.string(), pa.string(), pa.float64(), pa.float64(), pa.string(), pa.string())
    arrays = [pa.array(column, of) for column, of in zip(columns, types, strict=True)]
    pyarrow.parquet.write_table(pa.table(arrays, names=list(Deed._fields)), path)
    return path


@contextmanager
def population_of(
    folder: Path,
    deeds: Iterable[Deed],
    items: Items,
    *,
    kinds: Sequence[str] = KINDS,
    places: Sequence[str] = PLACES,
    secret: bytes = SECRET,
    limits: ReadLimits = ReadLimits(),  # noqa: B008 - frozen
) -> Iterator[Population]:
    """Read deeds through a file, as every table is read."""
    path = write_deeds(folder / "deeds.parquet", deeds)
    columns = InteractionColumns(context=("place",))
    with Interactions.read(path, columns, items=items, limits=limits) as interactions:
        yield Population(interactions, secret, kinds=kinds, contexts={"place": places})


def device_histories(deeds: Iterable[Deed], items: Items) -> dict[str, Histories]:
    """Return every user's own history, built event by event, without the server."""
    own: dict[str, list[Deed]] = defaultdict(list)
    for deed in deeds:
        own[deed.user].append(deed)
    return {user: _history(user, own[user], items) for user in sorted(own, key=str.encode)}


def _history(user: str, deeds: list[Deed], items: Items) -> Histories:
    order = sorted(deeds, key=lambda deed: -math.inf if deed.time is None else deed.time)
    return Histories(
        starts=np.array([0, len(order)]),
        items=_integers(items.positions[deed.item] for deed in order),
        times=_integers(-1 if deed.time is None else math.floor(deed.time) for deed in order),
        kinds=_integers(_code(KINDS, deed.kind) for deed in order),
        weights=np.array([math.nan if deed.weight is None else deed.weight for deed in order], np.float64),
        secrets=[secret_of(user)],
        kind_names=KINDS,
        contexts={"place": _integers(_code(PLACES, deed.place) for deed in order)},
    )


def some_deeds(draw: random.Random, items: Items, *, users: int = 12, count: int = 150) -> list[Deed]:
    """Draw deeds with equal and unknown times, repetitions, and kinds and places that nobody declared."""
    names = ["ü", "Ⅴ 5", "🦊", '"q"', "x,y", *(f"user {number}" for number in range(users - 5))]
    return [
        Deed(
            draw.choice(names),
            draw.choice(items.ids),
            draw.choice([None, 0.0, 7.25, 7.5, 7.75, 86_400.0, draw.random() * 1e6, 253_402_300_799.0]),
            draw.choice([None, 0.0, 2.9, 3.0, 1e300]),
            draw.choice([None, *KINDS, "zap", "x"]),
            draw.choice([None, *PLACES, "elsewhere", "", "HOME", "home "]),
        )
        for _ in range(count)
    ]


def people_in(batches: Iterable[Histories]) -> dict[bytes, Histories]:
    """Return every person's own history by their secret; nobody may be in two batches."""
    found: dict[bytes, Histories] = {}
    for batch in batches:
        for person, secret in enumerate(batch.secrets):
            assert secret not in found
            events = slice(int(batch.starts[person]), int(batch.starts[person + 1]))
            found[secret] = Histories(
                starts=np.array([0, events.stop - events.start]),
                items=batch.items[events],
                times=batch.times[events],
                kinds=batch.kinds[events],
                weights=batch.weights[events],
                secrets=[secret],
                kind_names=batch.kind_names,
                contexts={name: values[events] for name, values in batch.contexts.items()},
            )
    return found


def as_lists(histories: Histories) -> tuple[object, ...]:
    """Return a history in a form that can be compared: weights as text, for NaN equals nothing."""
    arrays = (histories.starts, histories.items, histories.times, histories.kinds, histories.contexts["place"])
    weights = [str(weight) for weight in histories.weights.tolist()]
    return (*(array.tolist() for array in arrays), weights, list(histories.secrets), histories.kind_names)


def _integers(values: Iterable[int]) -> NDArray[np.int64]:
    return np.array(list(values), np.int64)


def _code(names: Sequence[str], name: str | None) -> int:
    return names.index(name) if name in names else -1
