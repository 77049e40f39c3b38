"""The proof that a report is short: what a device adds to its shares, and what aggregators ask of theirs.

The checked numbers (``form``) are written as bits; the bits are shared and shown to be bits (``bit_proof``). Two
random combinations show that the bits make the numbers: Σ λ_j (Σ w_i b_ji − y_j) = 0, where y_j is what an
aggregator computes of its share of the vector, the offset added by the leader.

What is asked comes from a key of both aggregators' that no device knows, so that nobody can search for a wrong proof
that passes. Only the random halves that projections are over follow from the public part of the report (Fiat, Shamir
1986), because the device has to know them; ``projections`` says why a search does not help there.

Pure.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from homespun.protocol.collection import field
from homespun.protocol.collection.bit_proof import POINTS
from homespun.protocol.collection.field import MODULUS, Elements, Words
from homespun.protocol.collection.form import ShareForm
from homespun.protocol.collection.projections import Projector
from homespun.protocol.collection.xof import elements, stream


class Numbers:
    """Finds the numbers of a vector that are checked.

    Attributes:
        form: That of the shares.
    """

    def __init__(self, form: ShareForm) -> None:
        """Make room for projections, if there are any."""
        self.form = form
        self._projector = Projector(form.size) if form.projected else None

    def of(self, vector: Words, binding: bytes, public: bytes) -> Elements:
        """Return the numbers of a vector, or the shares of them for a share: uint64 [numbers], without the offset."""
        if self._projector is None:
            return vector.astype(np.uint64)
        randomness = stream(self._projector.randomness, "projections", binding, public)
        return self._projector.project(vector, randomness)


def prove(form: ShareForm, numbers: NDArray[np.int64], masks: Elements) -> Elements | None:
    """Return the proof for the checked numbers, to be shared; None: they are not in their range.

    Args:
        form: That of the shares.
        numbers: int64 [numbers], without the offset.
        masks: uint64 [wires · POINTS], uniform elements, used once.
    """
    shifted = numbers + form.offset
    if int(shifted.min()) < 0 or int(shifted.max()) > form.range.largest:
        return None
    return form.proof.prove(form.range.split(shifted).ravel(), masks)


@dataclass(frozen=True)
class Query:
    """What is asked of a few reports.

    Attributes:
        points: uint64 [n, POINTS], where polynomials are compared.
        squares: uint64 [n, POINTS, wires], the multipliers μ.
        sums: uint64 [n, POINTS, numbers], the multipliers λ.
    """

    points: Elements
    squares: Elements
    sums: Elements

    @classmethod
    def draw(cls, form: ShareForm, key: bytes, asked: list[tuple[bytes, bytes]]) -> "Query":
        """Draw what is asked of reports with these bindings and public parts."""
        wires, numbers = form.proof.wires, form.numbers
        points = np.array([_points(form, key, *one) for one in asked], np.uint64).reshape(-1, POINTS)
        count = POINTS * (wires + numbers)
        rows = [elements(count, "multipliers", key, *one) for one in asked]
        drawn = np.array(rows, np.uint64).reshape(-1, POINTS, wires + numbers)
        return cls(points, drawn[:, :, :wires], drawn[:, :, wires:])


def answer(form: ShareForm, query: Query, proofs: Elements, numbers: Elements) -> Elements:
    """Return what one aggregator tells the other.

    Args:
        form: That of the shares.
        query: What is asked of n reports.
        proofs: uint64 [n, proof.size], shares of the proofs.
        numbers: uint64 [n, numbers], shares of the checked numbers; the offset is in one of the shares.

    Returns:
        uint64 [n, POINTS, wires + 2]: wires, combined squares, and the combined differences of bits and numbers.
    """
    wires, squares = form.proof.evaluate(proofs, query.points, query.squares)
    bits = proofs[:, : form.proof.bits].reshape(-1, form.numbers, form.range.bits)
    apart = field.subtract(form.range.join(bits), numbers)
    sums = field.total(field.multiply(query.sums, apart[:, None, :]))
    return np.concatenate([wires, squares[..., None], sums[..., None]], axis=2)


def convinced(query: Query, one: Elements, other: Elements) -> NDArray[np.bool_]:
    """Return which reports both answers convince of.

    Args:
        query: What was asked of n reports.
        one: uint64 [n, POINTS, wires + 2], an aggregator's answers.
        other: The other's.
    """
    both = field.add_vectors(one, other)
    wires, squares, sums = both[..., :-2], both[..., -2], both[..., -1]
    expected = field.total(field.multiply(query.squares, field.multiply(wires, wires)))
    held: NDArray[np.bool_] = ((expected == squares) & (sums == 0)).all(axis=1)
    return held


def _points(form: ShareForm, key: bytes, binding: bytes, public: bytes) -> list[int]:
    """Return different points at which no value of a polynomial is part of a proof."""
    count = 8 * POINTS
    while True:
        drawn = dict.fromkeys(elements(count, "points", key, binding, public).tolist())
        points = [point for point in drawn if form.proof.squares < point < MODULUS]
        if len(points) >= POINTS:
            return points[:POINTS]
        count *= 2
