"""Releases of what a few people did, encoded as devices encode it."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from homespun.protocol.statistics.declaration import Statistic
from homespun.protocol.statistics.encoding import Encoder
from homespun.protocol.statistics.histories import Histories
from homespun_server.privacy.provenance import Sourced, public
from homespun_server.privacy.release import Release
from homespun_server.training.placement import Placement
from tests.server.support import exact, noisy

Integers = NDArray[np.int64]


def released(
    statistic: Statistic,
    people: Sequence[Sequence[int]],
    *,
    times: Sequence[Sequence[int]] | None = None,
    contexts: Mapping[str, Sequence[Sequence[int]]] | None = None,
    rho: float | None = None,
) -> Release:
    """Release what these people add, each a list of items in order; without noise where no ρ is given."""
    items = np.concatenate([np.array(own, np.int64) for own in people])
    unknown = np.full(items.size, -1)
    histories = Histories(
        starts=np.cumsum([0, *map(len, people)]),
        items=items,
        times=unknown if times is None else np.concatenate([np.array(own, np.int64) for own in times]),
        kinds=unknown,
        weights=np.full(items.size, np.nan),
        secrets=[bytes(32)] * len(people),
        contexts={
            name: np.concatenate([np.array(own, np.int64) for own in rows]) for name, rows in (contexts or {}).items()
        },
    )
    values = np.zeros(statistic.size, np.int64)
    found = Encoder(statistic).encode(histories)
    np.add.at(values, found.cells, found.values)
    return exact(values, statistic) if rho is None else noisy(values, statistic, rho=rho)


def empty(statistic: Statistic, *, rho: float | None = None) -> Release:
    """Release what nobody added anything to."""
    values = np.zeros(statistic.size, np.int64)
    return exact(values, statistic) if rho is None else noisy(values, statistic, rho=rho)


def everywhere(size: int) -> Sourced[Placement]:
    """Place a universe that is the model's very items."""
    return public(Placement(np.arange(size), size), "a test")


def placed(rows: Sequence[int], size: int) -> Sourced[Placement]:
    return public(Placement(np.array(rows, np.int64), size), "a test")
