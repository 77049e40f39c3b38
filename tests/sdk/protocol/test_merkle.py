"""A proof could show what is not so, or not show what is; another program's tree, and the known vectors, say which."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymerkle import InmemoryTree, InvalidProof
from pymerkle import verify_consistency as second_consistency
from pymerkle import verify_inclusion as second_inclusion

from homespun.errors import MisuseError, ProofError
from homespun.protocol.merkle import (
    EMPTY,
    consistency_ranges,
    inclusion_ranges,
    leaf_hash,
    node_hash,
    root_of,
    verify_consistency,
    verify_inclusion,
)

VECTORS = json.loads((Path(__file__).parents[2] / "vectors/1/merkle.json").read_text())
LEAVES = [leaf_hash(bytes.fromhex(each)) for each in VECTORS["leaves"]]
ROOTS = [bytes.fromhex(each) for each in VECTORS["roots"]]


def leaves_of(size: int) -> list[bytes]:
    return [leaf_hash(b"entry %d" % number) for number in range(size)]


def hashes(leaves: list[bytes], ranges: tuple[tuple[int, int], ...]) -> list[bytes]:
    return [root_of(leaves[begin:end]) for begin, end in ranges]


def second(size: int) -> InmemoryTree:
    tree = InmemoryTree(algorithm="sha256")
    for number in range(size):
        tree.append_entry(b"entry %d" % number)
    return tree


def test_the_roots_are_others_than_the_known_ones() -> None:
    assert [root_of(LEAVES[:size]) for size in range(len(ROOTS))] == ROOTS
    assert ROOTS[0] == EMPTY


@pytest.mark.parametrize(("index", "size", "proof"), VECTORS["inclusion"])
def test_a_known_proof_of_inclusion_is_another(index: int, size: int, proof: list[str]) -> None:
    found = hashes(LEAVES, inclusion_ranges(index, size))
    assert [each.hex() for each in found] == proof
    verify_inclusion(index, size, LEAVES[index], found, ROOTS[size])


@pytest.mark.parametrize(("old", "new", "proof"), VECTORS["consistency"])
def test_a_known_proof_of_consistency_is_another(old: int, new: int, proof: list[str]) -> None:
    found = hashes(LEAVES, consistency_ranges(old, new))
    assert [each.hex() for each in found] == proof
    verify_consistency(old, new, ROOTS[old], ROOTS[new], found)


@given(st.integers(1, 150), st.data())
def test_another_program_disagrees(size: int, data: st.DataObject) -> None:
    leaves, tree = leaves_of(size), second(size)
    index = data.draw(st.integers(0, size - 1))
    old = data.draw(st.integers(1, size))
    root = root_of(leaves)
    assert tree.get_root() == root
    theirs = tree.prove_inclusion(index + 1, size)
    proof = hashes(leaves, inclusion_ranges(index, size))
    # The other one lists the leaf among them, and orders them by place.
    assert sorted(theirs.serialize()["path"]) == sorted(each.hex() for each in [leaves[index], *proof])
    second_inclusion(leaves[index], root, theirs)
    verify_inclusion(index, size, leaves[index], proof, root)
    second_consistency(root_of(leaves[:old]), root, tree.prove_consistency(old, size))
    verify_consistency(old, size, root_of(leaves[:old]), root, hashes(leaves, consistency_ranges(old, size)))


@given(st.integers(2, 80), st.data())
def test_a_changed_proof_is_believed(size: int, data: st.DataObject) -> None:
    leaves = leaves_of(size)
    index, old = data.draw(st.integers(0, size - 1)), data.draw(st.integers(1, size - 1))
    root = root_of(leaves)
    inclusion = hashes(leaves, inclusion_ranges(index, size))
    consistency = hashes(leaves, consistency_ranges(old, size))
    with pytest.raises(ProofError):
        verify_inclusion(index, size, leaves[index], changed(inclusion, data), root)
    with pytest.raises(ProofError):
        verify_consistency(old, size, root_of(leaves[:old]), root, changed(consistency, data))


def changed(proof: list[bytes], data: st.DataObject) -> list[bytes]:
    """Return the proof with a bit flipped, a hash left out, or one too many."""
    how = data.draw(st.sampled_from(["flip", "drop", "extend", "shorten"] if proof else ["extend"]))
    at = data.draw(st.integers(0, max(0, len(proof) - 1)))
    if how == "extend":
        return [*proof, EMPTY]
    if how == "drop":
        return proof[:at] + proof[at + 1 :]
    flipped = proof[at][:-1] + bytes([proof[at][-1] ^ 1]) if how == "flip" else proof[at][:-1]
    return [*proof[:at], flipped, *proof[at + 1 :]]


@given(st.integers(1, 60), st.data())
def test_another_history_passes_for_the_same_log(old: int, data: st.DataObject) -> None:
    new = data.draw(st.integers(old, 70))
    at = data.draw(st.integers(0, old - 1))
    leaves = leaves_of(new)
    rewritten = [*leaves[:at], leaf_hash(b"another"), *leaves[at + 1 :]]
    proof = hashes(rewritten, consistency_ranges(old, new))
    with pytest.raises(ProofError, match="fork"):
        verify_consistency(old, new, root_of(leaves[:old]), root_of(rewritten), proof)


def test_a_node_passes_for_a_leaf() -> None:
    leaves = leaves_of(4)
    left, right = node_hash(*leaves[:2]), node_hash(*leaves[2:])
    assert root_of(leaves) == node_hash(left, right)
    assert leaf_hash(left + right) != node_hash(left, right)


@pytest.mark.parametrize(("old", "new"), [(5, 4), (-1, 4)])
def test_a_log_shrinks(old: int, new: int) -> None:
    with pytest.raises(ProofError, match="taken back"):
        verify_consistency(old, new, EMPTY, EMPTY, [])
    with pytest.raises(MisuseError):
        consistency_ranges(old, new)


@pytest.mark.parametrize(("index", "size"), [(0, 0), (4, 4), (-1, 4)])
def test_a_leaf_that_there_is_not_is_proved(index: int, size: int) -> None:
    with pytest.raises(ProofError, match="has no leaf"):
        verify_inclusion(index, size, EMPTY, [], EMPTY)
    with pytest.raises(MisuseError):
        inclusion_ranges(index, size)


def test_the_second_opinion_believes_everything() -> None:
    tree = second(8)
    with pytest.raises(InvalidProof):
        second_inclusion(leaf_hash(b"another"), tree.get_root(), tree.prove_inclusion(3, 8))
