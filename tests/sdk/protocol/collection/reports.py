"""Reports for tests: leader and helper of one task, and devices that split whatever they want to."""

import random
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from homespun.protocol.collection.constants import MODULUS
from homespun.protocol.collection.field import add_vectors, centre, multiply, of_integers
from homespun.protocol.collection.norm_proof import Numbers
from homespun.protocol.collection.report import binding_of
from homespun.protocol.collection.shares import ShareForm, ShareVerifier, Split
from homespun.protocol.collection.splitting import Draft, Entropy
from homespun.protocol.statistics.grid import GRID

Integers = NDArray[np.int64]
KEY = bytes(range(32))

SMALL = ShareForm(32, GRID, 1448)
"""Every number is checked."""

LARGE = ShareForm(900, GRID, GRID)
"""Projections are checked, of a matrix of 30 by 30."""


def entropy(seed: object) -> Entropy:
    """Return random bytes that are the same whenever a test runs."""
    return random.Random(str(seed)).randbytes


def binding(report: int = 0, task: int = 0, time: int = 1_700_000_000) -> bytes:
    return binding_of(task.to_bytes(32, "big"), report.to_bytes(16, "big"), time)


class Aggregators:
    """Leader and helper of one task; both run here, and tell each other what they would send."""

    def __init__(self, form: ShareForm, key: bytes = KEY) -> None:
        self.leader = ShareVerifier(form, "leader", key)
        self.helper = ShareVerifier(form, "helper", key)
        self.sums = [np.zeros(form.size, np.uint64), np.zeros(form.size, np.uint64)]

    def take(self, splits: Sequence[Split], bindings: Sequence[bytes]) -> list[bool]:
        """Return which reports both accept; they are added."""
        publics = [one.public for one in splits]
        both = (
            self.leader.prepare([one.leader for one in splits], publics, bindings),
            self.helper.prepare([one.helper for one in splits], publics, bindings),
        )
        accepted = both[0].accepted(both[1].messages)
        assert accepted.tolist() == both[1].accepted(both[0].messages).tolist(), "they disagree"
        for prepared, total in zip(both, self.sums, strict=True):
            prepared.add_accepted(accepted, total)
        return [bool(one) for one in accepted]

    def accept(self, split: Split, bound_to: bytes) -> bool:
        return self.take([split], [bound_to])[0]

    @property
    def result(self) -> Integers:
        return centre(add_vectors(*self.sums))


def forged(form: ShareForm, vector: Integers, bound_to: bytes, draw: Entropy) -> Iterator[Split]:
    """Split any integers, with every proof that a device without scruples would try.

    The honest one if it holds by chance or because the vector is short; bits of the nearest numbers in the range; bits
    that are none, so that they make the true numbers, with squares that are true and with squares that match the bits.
    """
    words = of_integers(vector).astype(np.uint32)
    draft = Draft.draw(form, words, bound_to, draw)
    numbers = centre(Numbers(form).of(words, bound_to, draft.public)) + form.offset
    near = form.range.split(np.clip(numbers, 0, form.range.largest))
    yield draft.finished(form.proof.prove(near.ravel(), draft.masks))
    near[:, 0] = of_integers(centre(near[:, 0]) + numbers - np.clip(numbers, 0, form.range.largest))
    proof = form.proof.prove(near.ravel(), draft.masks)
    yield draft.finished(proof)
    first = form.proof.bits + draft.masks.size
    proof[first:] = multiply(proof[first:], np.full_like(proof[first:], MODULUS - 1))
    yield draft.finished(proof)


def short(form: ShareForm, number: int) -> Integers:
    """Return an honest vector: within the bound, and close to it."""
    draw = np.random.default_rng(number)
    weights = draw.random(form.size) ** 8 + 1e-3
    scaled = np.floor(form.bound * weights / np.linalg.norm(weights) * (1 - 1e-9))
    vector: Integers = np.minimum(scaled, form.largest).astype(np.int64)
    return vector
