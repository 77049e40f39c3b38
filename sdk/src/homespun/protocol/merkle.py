"""Merkle trees as in RFC 9162, section 2.1, with SHA-256: the hashes, which proofs consist of what, and their checking.

Rules:

- A leaf's hash and a node's are told apart by their first byte (section 2.1.1), so that no node passes for a leaf.
- A proof is a list of hashes of ranges of leaves, from the smallest range to the largest; which ranges they are
  follows from sizes alone (``inclusion_ranges``, ``consistency_ranges``), so whoever keeps hashes can look them up.
- Checking raises. A proof that is longer or shorter than it must be proves nothing.

Pure.
"""

import hashlib
from collections.abc import Iterable, Sequence
from typing import Final

from homespun.errors import MisuseError, ProofError

HASH_BYTES: Final = 32
"""Bytes of a hash."""

MAX_SIZE: Final = (1 << 53) - 1
"""Most leaves of a tree; so many every JSON can count."""

EMPTY: Final = hashlib.sha256().digest()
"""The root of a tree without leaves."""

Range = tuple[int, int]
"""Leaves from the first number until before the second."""


def leaf_hash(entry: bytes) -> bytes:
    """Return the hash of a leaf (RFC 9162, section 2.1.1).

    Args:
        entry: The leaf's bytes.
    """
    return hashlib.sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return the hash of a node (RFC 9162, section 2.1.1).

    Args:
        left: The hash of its left child.
        right: The hash of its right child.
    """
    return hashlib.sha256(b"\x01" + left + right).digest()


def root_of(leaves: Iterable[bytes]) -> bytes:
    """Return the root over leaves' hashes, computed from nothing else.

    Args:
        leaves: The hashes, in order.
    """
    peaks: list[bytes] = []
    for index, leaf in enumerate(leaves):
        peaks = grown(peaks, index, leaf)[0]
    return root_of_peaks(peaks)


def root_of_peaks(peaks: Sequence[bytes]) -> bytes:
    """Return the root of a tree.

    Args:
        peaks: The hashes of its complete subtrees, the largest, which is the leftmost, first.
    """
    if not peaks:
        return EMPTY
    root = peaks[-1]
    for peak in reversed(peaks[:-1]):
        root = node_hash(peak, root)
    return root


def grown(peaks: Sequence[bytes], size: int, leaf: bytes) -> tuple[list[bytes], list[bytes]]:
    """Return a tree's peaks with one leaf more, and the hashes of the subtrees that it completes, its own first.

    Args:
        peaks: See ``root_of_peaks``.
        size: How many leaves the tree had.
        leaf: The hash of the leaf that is added.
    """
    after, completed = [*peaks], [leaf]
    while size & 1:
        completed.append(node_hash(after.pop(), completed[-1]))
        size >>= 1
    return [*after, completed[-1]], completed


def complete_ranges(wanted: Range) -> tuple[Range, ...]:
    """Return the complete subtrees that a range of a proof consists of, the largest first.

    Args:
        wanted: One of those that ``inclusion_ranges`` and ``consistency_ranges`` return.
    """
    begin, end = wanted
    found: list[Range] = []
    while begin < end:
        length = 1 << ((end - begin).bit_length() - 1)
        found.append((begin, begin + length))
        begin += length
    return tuple(found)


def inclusion_ranges(index: int, size: int) -> tuple[Range, ...]:
    """Return whose hashes prove that a leaf is in a tree (RFC 9162, section 2.1.3.1).

    Args:
        index: Which leaf, from 0.
        size: How many leaves the tree has.

    Raises:
        MisuseError: There is no such leaf.
    """
    if not 0 <= index < size <= MAX_SIZE:
        raise MisuseError(f"a tree of {size} leaves has no leaf {index}, so there is nothing to prove.")
    begin, end, found = 0, size, list[Range]()
    while end - begin > 1:
        middle = begin + _split(end - begin)
        if index < middle:
            found.append((middle, end))
            end = middle
        else:
            found.append((begin, middle))
            begin = middle
    return tuple(reversed(found))


def consistency_ranges(old: int, new: int) -> tuple[Range, ...]:
    """Return whose hashes prove that a tree only grew (RFC 9162, section 2.1.4.1).

    Args:
        old: How many leaves it had. From none everything grows, and nothing needs to be proved.
        new: How many leaves it has.

    Raises:
        MisuseError: It did not grow.
    """
    if not 0 <= old <= new <= MAX_SIZE:
        raise MisuseError(f"a tree of {new} leaves was never one of {old}; a log only grows.")
    if old == 0:
        return ()
    begin, end, found = 0, new, list[Range]()
    while old < end:
        middle = begin + _split(end - begin)
        if old <= middle:
            found.append((middle, end))
            end = middle
        else:
            found.append((begin, middle))
            begin = middle
    return tuple(reversed([*found, (begin, end)] if begin else found))


def verify_inclusion(index: int, size: int, leaf: bytes, proof: Sequence[bytes], root: bytes) -> None:
    """Check that a leaf is in a tree (RFC 9162, section 2.1.3.2).

    Args:
        index: Which leaf, from 0.
        size: How many leaves the tree has.
        leaf: The leaf's hash.
        proof: The hashes.
        root: The tree's root.

    Raises:
        ProofError: It is not proved.
    """
    _check_hashes(proof)
    if not 0 <= index < size <= MAX_SIZE:
        raise ProofError(f"a tree of {size} leaves has no leaf {index}. Nothing is proved of it.")
    place, last, found = index, size - 1, leaf
    for sibling in proof:
        if last == 0:
            raise ProofError("the proof is longer than a tree of this size allows. It proves nothing.")
        if place & 1 or place == last:
            found = node_hash(sibling, found)
            place, last = _to_left_child(place, last)
        else:
            found = node_hash(found, sibling)
        place, last = place >> 1, last >> 1
    if last != 0 or found != root:
        raise ProofError(
            f"the proof does not lead from leaf {index} to the root of {size} leaves: the entry is not in this log, "
            "or was changed."
        )


def verify_consistency(old: int, new: int, old_root: bytes, new_root: bytes, proof: Sequence[bytes]) -> None:
    """Check that a tree only grew: that what it had is still there, unchanged (RFC 9162, section 2.1.4.2).

    Args:
        old: How many leaves it had.
        new: How many leaves it has.
        old_root: The root that it had.
        new_root: The root that it has.
        proof: The hashes; none where it had no leaves, or did not grow.

    Raises:
        ProofError: It is not proved.
    """
    _check_hashes(proof)
    if not 0 <= old <= new <= MAX_SIZE:
        raise ProofError(f"the log has {new} entries and had {old}: entries were taken back.")
    if old in (0, new):
        _check_trivial(old_root, EMPTY if old == 0 else new_root, proof)
        return
    path = [old_root, *proof] if old & (old - 1) == 0 else [*proof]
    if not path:
        raise ProofError("there is no proof that the log only grew. It proves nothing.")
    place, last = _to_left_child(old - 1, new - 1, while_odd=True)
    before = after = path[0]
    for sibling in path[1:]:
        if last == 0:
            raise ProofError("the proof is longer than trees of these sizes allow. It proves nothing.")
        if place & 1 or place == last:
            before, after = node_hash(sibling, before), node_hash(sibling, after)
            place, last = _to_left_child(place, last)
        else:
            after = node_hash(after, sibling)
        place, last = place >> 1, last >> 1
    if last != 0 or (before, after) != (old_root, new_root):
        raise ProofError(
            f"the log of {new} entries does not continue the log of {old} entries: it was forked or rewritten. Keep "
            "both checkpoints; together they show it."
        )


def _to_left_child(place: int, last: int, *, while_odd: bool = False) -> tuple[int, int]:
    """Go up while a node has no sibling on the left; or, ``while_odd``, while it is a right child."""
    while (place & 1) if while_odd else (place and not place & 1):
        place, last = place >> 1, last >> 1
    return place, last


def _check_trivial(old_root: bytes, expected: bytes, proof: Sequence[bytes]) -> None:
    if proof or old_root != expected:
        raise ProofError(
            "two logs of one size have different roots, or a proof where none is needed: the log was forked. Keep "
            "both checkpoints; together they show it."
        )


def _check_hashes(proof: Sequence[bytes]) -> None:
    if len(proof) > MAX_SIZE.bit_length() + 1 or any(len(each) != HASH_BYTES for each in proof):
        raise ProofError(f"a proof is a list of hashes of {HASH_BYTES} bytes; this is something else.")


def _split(size: int) -> int:
    """Return the largest power of two below a size."""
    return 1 << ((size - 1).bit_length() - 1)
