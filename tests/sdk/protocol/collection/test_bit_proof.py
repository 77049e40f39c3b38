"""A proof of bits holds for bits, never for anything else, and says nothing about them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chisquare

from homespun.protocol.collection.bit_proof import POINTS, BitProof
from homespun.protocol.collection.constants import MODULUS
from homespun.protocol.collection.field import Elements, multiply, subtract, total
from homespun.protocol.collection.polynomials import weights

SIZES = st.integers(1, 60)


def uniform(seed: int, *shape: int) -> Elements:
    return np.random.default_rng(seed).integers(0, MODULUS, shape, np.uint64)


def asked(proof: BitProof, seed: int) -> tuple[Elements, Elements]:
    """Return different points beyond the proof's values, and multipliers, of one report."""
    draw = np.random.default_rng(seed)
    first = int(draw.integers(proof.squares + 1, MODULUS - 1))
    points = np.array([[first, first + 1]], np.uint64)
    return points, draw.integers(0, MODULUS, (1, POINTS, proof.wires), np.uint64)


def holds(proof: BitProof, written: Elements, seed: int) -> bool:
    points, multipliers = asked(proof, seed)
    wires, squares = proof.evaluate(written[None], points, multipliers)
    return bool((total(multiply(multipliers, multiply(wires, wires))) == squares).all())


@given(SIZES, st.integers(0, 1 << 30))
def test_a_proof_of_bits_is_refused(size: int, seed: int) -> None:
    proof = BitProof(size)
    bits = np.random.default_rng(seed).integers(0, 2, size, np.uint64)
    written = proof.prove(bits, uniform(seed, proof.wires * POINTS))
    assert written.shape == (proof.size,)
    assert holds(proof, written, seed)


@given(SIZES, st.integers(0, 1 << 30), st.data())
def test_a_proof_with_another_element_is_accepted(size: int, seed: int, data: st.DataObject) -> None:
    proof = BitProof(size)
    bits = np.random.default_rng(seed).integers(0, 2, size, np.uint64)
    written = proof.prove(bits, uniform(seed, proof.wires * POINTS))
    place = data.draw(st.integers(0, proof.size - 1))
    written[place] = (int(written[place]) + data.draw(st.integers(1, MODULUS - 1))) % MODULUS
    flipped = place < size and int(written[place]) <= 1
    assert not holds(proof, written, seed) or flipped
    # A bit that was flipped is a bit again, but its squares are those of another.
    assert not (flipped and holds(proof, written, seed))


@given(SIZES, st.integers(2, MODULUS - 1), st.integers(0, 1 << 30))
def test_an_element_that_is_no_bit_is_accepted(size: int, value: int, seed: int) -> None:
    proof = BitProof(size)
    elements = np.random.default_rng(seed).integers(0, 2, size, np.uint64)
    elements[seed % size] = value
    written = proof.prove(elements, uniform(seed, proof.wires * POINTS))
    assert not holds(proof, written, seed)


@given(SIZES, st.integers(0, 1 << 30))
def test_shares_of_a_proof_evaluate_to_something_else(size: int, seed: int) -> None:
    proof = BitProof(size)
    written, share = uniform(seed, proof.size), uniform(seed + 1, proof.size)
    points, multipliers = asked(proof, seed)
    found = [proof.evaluate(one[None], points, multipliers) for one in (written, share, subtract(written, share))]
    for whole, one, other in zip(*found, strict=True):
        assert whole.tolist() == ((one + other) % np.uint64(MODULUS)).tolist()


def masks_for(proof: BitProof, bits: Elements, points: Elements, wires: Elements) -> Elements:
    """Solve for the masks with which these bits show these values of the wires."""
    grid = np.zeros(proof.wires * proof.calls, np.uint64)
    grid[: proof.bits] = bits
    of_bits, of_masks = np.split(weights(proof.known, points[0]), [proof.calls], axis=1)
    (a, b), (c, d) = of_masks.tolist()
    scale = pow(a * d - b * c, -1, MODULUS)
    solved = []
    for own, seen in zip(grid.reshape(proof.wires, proof.calls).tolist(), wires[0].T.tolist(), strict=True):
        u, v = (
            (value - sum(weight * bit for weight, bit in zip(line, own, strict=True))) % MODULUS
            for line, value in zip(of_bits.tolist(), seen, strict=True)
        )
        solved += [scale * (d * u - b * v) % MODULUS, scale * (a * v - c * u) % MODULUS]
    return np.array(solved, np.uint64)


@given(SIZES, st.integers(0, 1 << 30))
def test_what_is_revealed_rules_out_other_bits(size: int, seed: int) -> None:
    # Exact zero knowledge: whatever the bits, exactly one choice of the uniform masks shows these values.
    proof, draw = BitProof(size), np.random.default_rng(seed)
    points, multipliers = asked(proof, seed)
    revealed = uniform(seed, 1, POINTS, proof.wires)
    shown = []
    for bits in (draw.integers(0, 2, size, np.uint64), draw.integers(0, 2, size, np.uint64)):
        written = proof.prove(bits, masks_for(proof, bits, points, revealed))
        shown.append(proof.evaluate(written[None], points, multipliers))
    assert shown[0][0].tolist() == shown[1][0].tolist() == revealed.tolist()
    assert shown[0][1].tolist() == shown[1][1].tolist()


def test_wires_at_the_points_are_not_uniform() -> None:
    proof = BitProof(12)
    points, multipliers = asked(proof, 1)
    proofs = np.array(
        [proof.prove(np.ones(12, np.uint64), uniform(seed, proof.wires * POINTS)) for seed in range(4000)]
    )
    wires, _ = proof.evaluate(proofs, np.repeat(points, 4000, 0), np.repeat(multipliers, 4000, 0))
    counts = np.bincount((wires.ravel() >> np.uint64(24)).astype(np.int64), minlength=256)
    assert chisquare(counts).pvalue > 1e-3


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 14, 100, 7616])
def test_the_grid_does_not_hold_all_bits(size: int) -> None:
    proof = BitProof(size)
    assert proof.wires * (proof.calls - 1) < size <= proof.wires * proof.calls
