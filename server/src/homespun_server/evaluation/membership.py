"""Membership inference against a bundle with the operator's own likes: who was trained from, and who was kept aside.

Likes are derived by the bundle's own rule, and the split is the published hash, so members and others are those of
the fit if the share of users kept aside is that of the fit. The result is an exact figure about people: non-private,
for the operator alone.
"""

from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import replace
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from homespun.errors import MisuseError
from homespun.model.bundle import Bundle
from homespun.model.scoring import Crossings
from homespun_server.privacy.audit.membership import Attack, Tables, attack
from homespun_server.statistics.interactions import Interactions
from homespun_server.statistics.likes import HeldOutUser, Likes
from homespun_server.statistics.raw import Raw

MOST_TARGETS = 20_000
"""Members, and others, who are looked at, the first by their ids: more change no figure."""

Integers = NDArray[np.int64]


def attack_bundle(folder: Path, interactions: Interactions, *, test_share: float) -> Raw[Attack]:
    """Attack the bundle in a folder; the result is a raw figure about people.

    Args:
        folder: The bundle.
        interactions: What it was made from.
        test_share: Share of users that the fit kept aside, in (0, 1).

    Raises:
        BundleError: If a device would refuse the bundle.
        MisuseError: If nobody was kept aside, there are too few targets, or no part of the model is about people.
    """
    if not 0 < test_share < 1:
        raise MisuseError(
            f"test_share is {test_share}: the attack compares members with users whom the fit kept aside, so give the "
            "share that the fit was made with, above 0 and below 1."
        )
    with closing(Bundle.open(folder)) as bundle:
        tables = _tables(bundle)
        likes = _likes(bundle, interactions, test_share)
        place = {identity: row for row, identity in enumerate(bundle.items)}
        members = list(islice(_members(likes, place), MOST_TARGETS))
        with closing(likes.test_users()) as users:
            others = list(islice(_others(users, place), MOST_TARGETS))
        return Raw(attack(tables, members, others))


def _likes(bundle: Bundle, interactions: Interactions, test_share: float) -> Likes:
    rule = bundle.manifest.history
    least = None if rule.min_weight is None else float(rule.min_weight)
    return Likes(interactions, min_weight=least, test_share=test_share, negative_kinds=rule.negative_kinds)


def _members(likes: Likes, place: dict[str, int]) -> Iterator[Integers]:
    """Yield each training user's likes, as rows of the bundle."""
    known = np.array([position for position, identity in enumerate(likes.ids) if identity in place], np.int64)
    rows = np.array([place[likes.ids[position]] for position in known], np.int64)
    for basket in likes.baskets(known):
        yield rows[basket]


def _others(users: Iterable[HeldOutUser], place: dict[str, int]) -> Iterator[Integers]:
    for user in users:
        liked = (*user.fold_in, *user.held_out)
        yield np.array(sorted(place[item] for item in liked if item in place), np.int64)


def _tables(bundle: Bundle) -> Tables:
    """Return the tables of the components that are made from people; words and tags of items tell of nobody."""
    components = [part for part in bundle.layout.parts if part.name != "content"]
    if not components:
        raise MisuseError(
            "this bundle is made from the catalogue alone: nobody is in it, so there is nothing to infer."
        )
    everything = np.arange(bundle.manifest.items)
    # A history of all items, which looks up every row of every table.
    history = replace(
        bundle.history(()), positions=everything, weights=np.ones((len(bundle.layout.parts), everything.size))
    )
    pool = bundle.scorer.score(history, everything)
    low_rank = dict.fromkeys(part.low_rank for part in components if part.low_rank is not None)
    sparse = dict.fromkeys(part.sparse for part in components if part.sparse is not None)
    nothing = np.zeros((everything.size, 0))
    return Tables(
        np.hstack([nothing, *(pool.encoder[table] for table in low_rank)]),
        np.hstack([nothing, *(pool.decoder[table] for table in low_rank)]),
        # Popularity, if that is known: it is the first of what is the same for everybody.
        pool.priors[:, 0].astype(np.float64),
        tuple(_entries(pool.crossings[table], everything.size) for table in sparse),
    )


def _entries(crossings: Crossings, items: int) -> csr_matrix:
    return csr_matrix((crossings.values, (crossings.rows, crossings.places)), shape=(items, items))
