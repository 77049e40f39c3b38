"""Batches for the collector's tests: real shares of vectors, added up and noised as leader and helper do, in memory."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from numpy.typing import NDArray

from homespun.protocol.collection.shares import ShareForm, ShareVerifier, split
from homespun.protocol.collection.task import Task
from homespun.protocol.statistics.declaration import Statistic
from homespun_server.collection.messages import Collection, Role, aggregate_info, set_digest
from homespun_server.collection.sealing import seal
from homespun_server.privacy.mechanisms import add_discrete_gaussian
from tests.sdk.protocol.collection.support import task

Vector = NDArray[np.int64]

ROOT = Path(__file__).parents[3]


def public_of(private: X25519PrivateKey) -> str:
    return private.public_key().public_bytes_raw().hex()


def asked(private: X25519PrivateKey, statistic: Statistic | None = None, **fields: Any) -> Task:
    """Return a task for a collector."""
    return task(statistic, **{"minimum_batch": 2, "collector": public_of(private), **fields})


def running_shares(of: Task, vectors: Sequence[Vector]) -> dict[Role, NDArray[np.uint64]]:
    """Return both aggregators' sums of shares before noise: nothing but a test ever has both."""
    form, key = ShareForm.of(of.statistic), os.urandom(32)
    ids = [number.to_bytes(16, "big") for number in range(len(vectors))]
    bindings = [of.id + each + of.opens.to_bytes(8, "big") for each in ids]
    reports = [split(form, vector, binding, os.urandom) for vector, binding in zip(vectors, bindings, strict=True)]
    publics = [report.public for report in reports]
    leader = ShareVerifier(form, "leader", key).prepare([each.leader for each in reports], publics, bindings)
    helper = ShareVerifier(form, "helper", key).prepare([each.helper for each in reports], publics, bindings)
    totals: dict[Role, NDArray[np.uint64]] = {}
    for role, mine, other in (("leader", leader, helper), ("helper", helper, leader)):
        accepted = mine.accepted(other.messages)
        assert accepted.all()
        total = np.zeros(form.size, np.uint64)
        mine.add_accepted(accepted, total)
        totals["leader" if role == "leader" else "helper"] = total
    return totals


def sealed(of: Task, role: Role, share: NDArray[np.uint64], count: int) -> bytes:
    info = aggregate_info(role, of.id, count, checksum(count))
    return seal(share.astype("<u4").tobytes(), of.collector, info)


def checksum(count: int) -> bytes:
    return set_digest(number.to_bytes(16, "big") for number in range(count))


def collection_of(of: Task, vectors: Sequence[Vector], sigma: int | None = None) -> Collection:
    """Return what a leader would answer; with ``sigma`` 0 without noise."""
    most, count = of.sigma if sigma is None else sigma, len(vectors)
    noised = {}
    for role, share in running_shares(of, vectors).items():
        whole = share.astype(np.int64)
        noised[role] = (add_discrete_gaussian(whole, most) if most else whole) % of.modulus
    return Collection(
        task=of.id.hex(),
        count=count,
        checksum=checksum(count),
        leader=sealed(of, "leader", noised["leader"].astype(np.uint64), count),
        helper=sealed(of, "helper", noised["helper"].astype(np.uint64), count),
        development=of.development,
    )
