"""Tasks for tests: a small statistic, keys of digits, a promise that its noise keeps."""

from fractions import Fraction
from typing import Any

import msgspec

from homespun.protocol.collection.constants import NORM_PROOF_DELTA
from homespun.protocol.collection.task import Aggregator, Task
from homespun.protocol.statistics.declaration import Statistic, universe_of
from homespun.protocol.statistics.standard import item_counts
from homespun.protocol.zcdp import rho_for, sigma_for

IDS = ("heat", "alien", "brazil", "clue")


def narrow(statistic: Statistic, max_people: int = 10_000) -> Statistic:
    return msgspec.structs.replace(statistic, width=32, max_people=max_people)


def counts(max_people: int = 10_000) -> Statistic:
    return narrow(item_counts(universe_of(IDS)), max_people)


def sigma_of(statistic: Statistic, epsilon: float = 1.0, delta: float = 1e-6) -> int:
    return sigma_for(statistic.l2_bound, Fraction(rho_for(epsilon, delta - NORM_PROOF_DELTA)))


def aggregator(name: str, digit: str) -> Aggregator:
    return Aggregator(name=name, url=f"https://{name}.example.org", key=digit * 64)


def task(statistic: Statistic | None = None, **fields: Any) -> Task:
    statistic = counts() if statistic is None else statistic
    whole = {
        "name": "liked-films",
        "statistic": statistic,
        "text": "How many people like each film, to rank the popular ones.",
        "purpose": "contribution",
        "opens": 1_700_000_000,
        "closes": 1_700_600_000,
        "expires": 1_700_700_000,
        "minimum_batch": 500,
        "epsilon": "1",
        "delta": "0.000001",
        "sigma": sigma_of(statistic),
        "leader": aggregator("leader", "a"),
        "helper": aggregator("helper", "b"),
        "collector": "c" * 64,
        "delay_seconds": 3600,
    }
    return Task(**{**whole, **fields})
