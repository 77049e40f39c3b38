"""The one-run audit: canaries go through reading, histories, encoder, sum and noise as people do, and are guessed.

Which canaries are in is decided by fair coins. Whoever audits sees the released values alone, orders the canaries by
their matched filters, and guesses that the first are in and the last are not. That many right guesses contradict a
claim is the theorem in ``bound``.

Nothing here touches a ledger or anybody's data: the people are synthetic, and the budget is made for the occasion.
"""

import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet
from numpy.typing import NDArray

from homespun.errors import MisuseError
from homespun.protocol.statistics.grid import Integers
from homespun.protocol.statistics.histories import SECRET_LENGTH
from homespun_server.privacy.audit.bound import lower_bound
from homespun_server.privacy.audit.canaries import Canaries
from homespun_server.privacy.audit.design import Design
from homespun_server.privacy.ledger import one_off_budget
from homespun_server.privacy.release import release
from homespun_server.statistics.cohort import Cohort
from homespun_server.statistics.interactions import Interactions
from homespun_server.statistics.items import Items
from homespun_server.statistics.population import Population
from homespun_server.statistics.sums import UserSum, sum_over_people

Coins = NDArray[np.bool_]
Observer = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Claim:
    """What is claimed of a release: ε at δ, which its noise is made for."""

    epsilon: float
    delta: float


@dataclass(frozen=True)
class Outcome:
    """What one run showed.

    Attributes:
        correct: How many guesses were right.
        bound: ε is at least this at the design's δ, with 95% confidence.
        holds: Whether the claim survives: the bound does not exceed it.
    """

    correct: int
    bound: float
    holds: bool


def toss(number: int) -> Coins:
    """Return fair coins from the system's secure randomness."""
    return (np.frombuffer(os.urandom(number), np.uint8) & 1).astype(np.bool_)


def audit(canaries: Canaries, claim: Claim, design: Design, coins: Coins, observer: Observer) -> Outcome:
    """Run the audit once.

    Args:
        canaries: As many as the design says.
        claim: What the release is made for and must keep to.
        design: What is guessed, and what would contradict the claim; made before.
        coins: bool [m], independent and fair: which canaries are in. ``toss`` makes them.
        observer: Called with (step, done, in all).

    Raises:
        MisuseError: If canaries, coins and design differ in number.
    """
    if not canaries.number == design.canaries == coins.size:
        raise MisuseError(f"{canaries.number} canaries, {coins.size} coins, a design for {design.canaries}.")
    total = _sum(canaries, coins, observer)
    with one_off_budget(claim.epsilon, claim.delta) as budget:
        released = release(
            total,
            rho=Fraction(design.rho),
            budget=budget,
            progress=lambda done, of: observer(f"noise on {canaries.statistic.name}", done, of),
        )
    correct = right_guesses(released.values[canaries.cells].sum(axis=1), coins, design.guesses)
    bound = lower_bound(canaries=design.canaries, guesses=design.guesses, correct=correct, delta=design.delta)
    return Outcome(correct, bound, bound <= design.epsilon)


def right_guesses(scores: Integers, coins: Coins, guesses: int) -> int:
    """Guess "in" for the highest half of ``guesses`` scores and "out" for the lowest; return how many are right."""
    order = np.argsort(scores, kind="stable")
    half = guesses // 2
    return int(np.count_nonzero(coins[order[-half:]]) + np.count_nonzero(~coins[order[:half]]))


def _sum(canaries: Canaries, coins: Coins, observer: Observer) -> UserSum:
    ids = list(canaries.ids)
    catalogue = Items(ids, ids, [()] * len(ids), [""] * len(ids))
    with tempfile.TemporaryDirectory() as folder:
        table = Path(folder) / "canaries.parquet"
        pyarrow.parquet.write_table(_rows(canaries, coins), table)
        with Interactions.read(table, items=catalogue) as interactions:
            population = Population(interactions, os.urandom(SECRET_LENGTH))
            (total,) = sum_over_people([canaries.statistic], population, Cohort.everybody(), observer=observer)
    return total


def _rows(canaries: Canaries, coins: Coins) -> pa.Table:
    """Return the events of the canaries that are in, as an operator's table has them."""
    present = np.flatnonzero(coins)
    events = canaries.times.size
    names = pa.array([f"canary-{number:06d}" for number in present.tolist()])
    users = names.take(pa.array(np.repeat(np.arange(present.size), events)))
    items = pa.array(canaries.ids).take(pa.array(canaries.items[present].ravel()))
    return pa.table({"user": users, "item": items, "time": np.tile(canaries.times, present.size).astype(np.float64)})
