"""What can be measured of a bundle without any person: on made-up histories, and of the catalogue.

The histories are those of the golden scores. Nothing here is about people beyond what the bundle itself publishes.
"""

import time
from collections.abc import Callable
from contextlib import closing
from itertools import cycle, islice
from pathlib import Path

import msgspec
import numpy as np

from homespun.model.bundle import Bundle
from homespun.model.scoring import parts_of
from homespun.protocol.bundle import MANIFEST
from homespun_server.evaluation.golden import ITEMS, requests

TOLERANCE = 1e-5
"""Largest difference of a score from the sum of its parts, in units of the sum of their magnitudes."""

_EXPLAINED = 20
"""Best items of each made-up history whose scores are taken apart."""


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a bundle by looking at it.

    Attributes:
        identity: Its id.
        bytes: Of all its files, the manifest included.
        items: How many items it has.
        empty_titles: Of them without a title.
        duplicate_titles: With a title that an earlier item has, too.
        tagged: With a tag.
        scores: How many scores were taken apart.
        explained: Of them equal to the sum of their parts.
        residual: The largest difference, in units of the sum of the parts' magnitudes.
        lists: How many lists were timed; 0 where none was.
        p50_ms: Median time of a list of ``golden.ITEMS`` items on this machine, in milliseconds.
        p99_ms: The 99th percentile.
    """

    identity: str
    bytes: int
    items: int
    empty_titles: int
    duplicate_titles: int
    tagged: int
    scores: int
    explained: int
    residual: float
    lists: int
    p50_ms: float
    p99_ms: float


def facts_of(folder: Path, *, runs: int, timer: Callable[[], float] = time.perf_counter) -> Facts:
    """Look at the bundle in a folder.

    Args:
        folder: The bundle.
        runs: How many lists to time; 0: none.
        timer: Returns seconds.

    Raises:
        BundleError: If a device would refuse it.
    """
    with closing(Bundle.open(folder)) as bundle:
        titles = [title.strip() for title in bundle.titles_at(range(len(bundle.items)))]
        residuals = _residuals(bundle)
        times = _times(bundle, runs, timer)
        return Facts(
            identity=bundle.id,
            bytes=_bytes(folder, bundle),
            items=len(bundle.items),
            empty_titles=sum(not title for title in titles),
            duplicate_titles=len(titles) - len(set(titles)),
            tagged=sum(map(bool, bundle.tags_of(range(len(bundle.items))))),
            scores=residuals.size,
            explained=int((residuals <= TOLERANCE).sum()),
            residual=float(residuals.max(initial=0.0)),
            lists=runs,
            p50_ms=float(np.quantile(times, 0.5)) if runs else 0.0,
            p99_ms=float(np.quantile(times, 0.99)) if runs else 0.0,
        )


def item_ids(folder: Path) -> frozenset[str]:
    """Return the ids of a bundle's items.

    Raises:
        BundleError: If a device would refuse it.
    """
    with closing(Bundle.open(folder)) as bundle:
        return frozenset(bundle.items)


def identity_of(folder: Path) -> str:
    """Return a bundle's id.

    Raises:
        BundleError: If a device would refuse it.
    """
    with closing(Bundle.open(folder)) as bundle:
        return bundle.id


def main_parameters(folder: Path) -> str:
    """Return by what a bundle's lists are made, in plain words.

    Raises:
        BundleError: If a device would refuse it.
    """
    with closing(Bundle.open(folder)) as bundle:
        # Without its first line, which names the bundle by an identity that it will not have with these words in it.
        return bundle.parameters().text().partition("\n")[2].strip()


def _bytes(folder: Path, bundle: Bundle) -> int:
    return (folder / MANIFEST).stat().st_size + sum(entry.size for entry in bundle.manifest.files.values())


def _residuals(bundle: Bundle) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Return by how much each score differs from the sum of its parts, relative to their magnitudes."""
    found = []
    for golden, context in requests(bundle):
        history = bundle.history([event.event() for event in golden], context)
        pool = bundle.candidates(history, _EXPLAINED, ())
        parts = parts_of(history, pool, bundle.layout)
        size = pool.positions.size
        rows = np.vstack(
            [
                parts.history.reshape(-1, size),
                parts.priors,
                parts.context,
                parts.repeats[None, :],
                parts.habits.reshape(-1, size),
            ]
        )
        magnitude = np.maximum(np.abs(rows).sum(axis=0), np.finfo(np.float64).tiny)
        found.append(np.abs(rows.sum(axis=0) - pool.scores) / magnitude)
    return np.concatenate([np.zeros(0), *found])


def _times(bundle: Bundle, runs: int, timer: Callable[[], float]) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Return milliseconds of each list."""
    asked = [([event.event() for event in events], context) for events, context in requests(bundle)]
    for events, context in asked:  # what is read on first use is no part of it
        bundle.rank(events, ITEMS, context=context)
    found = []
    for events, context in islice(cycle(asked), runs):
        start = timer()
        bundle.rank(events, ITEMS, context=context)
        found.append(1000 * (timer() - start))
    return np.array(found, np.float64)
