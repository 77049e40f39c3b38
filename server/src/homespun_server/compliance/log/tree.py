"""The tree in the store: hashes of complete subtrees, from which every root and proof is read in O(log n)."""

from collections.abc import Iterable, Sequence

from sqlalchemy import Connection, and_, bindparam, insert, or_, select, update

from homespun.protocol.merkle import (
    HASH_BYTES,
    Range,
    complete_ranges,
    consistency_ranges,
    grown,
    inclusion_ranges,
    root_of_peaks,
)
from homespun_server.errors import TransparencyError
from homespun_server.store.schema_log import log_head, log_nodes

_HEAD = 1
_READ_HEAD = select(log_head.c.size, log_head.c.peaks).where(log_head.c.id == _HEAD)
_LOCK_HEAD = _READ_HEAD.with_for_update()
_MOVE_HEAD = (
    update(log_head)
    .where(log_head.c.id == _HEAD, log_head.c.size == bindparam("was"))
    .values(size=bindparam("now"), peaks=bindparam("hashes"))
)
_ADD_NODES = insert(log_nodes)


def size_of(connection: Connection) -> int:
    """Return how many entries there are."""
    return _head(connection, lock=False)[0]


def peaks_of(connection: Connection) -> tuple[int, list[bytes]]:
    """Return how many entries there are, and the hashes of the complete subtrees as the head has them."""
    return _head(connection, lock=False)


def locked_size(connection: Connection) -> int:
    """Return how many entries there are, and let nobody else add one until the transaction ends."""
    return _head(connection, lock=True)[0]


def add_leaves(connection: Connection, leaves: Sequence[bytes]) -> int:
    """Add leaves in a transaction that holds the lock, and return the first one's index.

    Args:
        connection: See ``locked_size``.
        leaves: Their hashes.

    Raises:
        TransparencyError: The store's own account of the tree is wrong.
    """
    first, peaks = _head(connection, lock=True)
    nodes: list[dict[str, object]] = []
    for index, leaf in enumerate(leaves, first):
        peaks, completed = grown(peaks, index, leaf)
        nodes += [{"level": level, "place": index >> level, "hash": each} for level, each in enumerate(completed)]
    connection.execute(_ADD_NODES, nodes)
    moved = connection.execute(_MOVE_HEAD, {"was": first, "now": first + len(leaves), "hashes": b"".join(peaks)})
    if moved.rowcount != 1:
        raise damaged("its head is not where it was")
    return first


def root_at(connection: Connection, size: int) -> bytes:
    """Return the root that the log had at a size.

    Raises:
        TransparencyError: The store lacks a hash that it must have.
    """
    return root_of_peaks(_hashes(connection, [(0, size)])[0])


def inclusion(connection: Connection, index: int, size: int) -> tuple[bytes, ...]:
    """Return the proof that an entry is in the log of a size; see ``homespun.protocol.merkle``.

    Raises:
        MisuseError: There is no such entry.
        TransparencyError: The store lacks a hash that it must have.
    """
    return tuple(map(root_of_peaks, _hashes(connection, inclusion_ranges(index, size))))


def consistency(connection: Connection, old: int, new: int) -> tuple[bytes, ...]:
    """Return the proof that the log of one size continues that of another; see ``homespun.protocol.merkle``.

    Raises:
        MisuseError: There were no such sizes.
        TransparencyError: The store lacks a hash that it must have.
    """
    return tuple(map(root_of_peaks, _hashes(connection, consistency_ranges(old, new))))


def hashes(connection: Connection, subtrees: Iterable[Range]) -> tuple[bytes, ...]:
    """Return the hashes of complete subtrees.

    Raises:
        TransparencyError: The store lacks a hash that it must have.
    """
    return tuple(each for (each,) in _hashes(connection, subtrees))


def damaged(why: str) -> TransparencyError:
    """Return what is wrong with a store's tree in plain words."""
    return TransparencyError(
        f"the transparency log in the store is damaged: {why}. Nothing was added or signed. Restore the store from a "
        "backup that is not older than the last checkpoint, and check it with homespun-server log verify."
    )


def _head(connection: Connection, *, lock: bool) -> tuple[int, list[bytes]]:
    row = connection.execute(_LOCK_HEAD if lock else _READ_HEAD).one_or_none()
    if row is None:
        raise damaged("it has no head")
    hashes = bytes(row.peaks)
    peaks = [hashes[at : at + HASH_BYTES] for at in range(0, len(hashes), HASH_BYTES)]
    if len(peaks) != row.size.bit_count():
        raise damaged("its head is not that of so many entries")
    return row.size, peaks


def _hashes(connection: Connection, ranges: Iterable[Range]) -> list[list[bytes]]:
    """Return the hashes of the complete subtrees of every range, by one statement."""
    wanted = [[_node(each) for each in complete_ranges(one)] for one in ranges]
    nodes = [node for each in wanted for node in each]
    if not nodes:
        return [[] for _ in wanted]
    # SQLite looks through the whole table for pairs in a list, and uses the key for alternatives.
    query = select(log_nodes).where(
        or_(*(and_(log_nodes.c.level == level, log_nodes.c.place == place) for level, place in nodes))
    )
    found = {(row.level, row.place): bytes(row.hash) for row in connection.execute(query)}
    try:
        return [[found[node] for node in each] for each in wanted]
    except KeyError as error:
        raise damaged(f"the hash of a subtree is missing, {error}") from None


def _node(subtree: Range) -> tuple[int, int]:
    begin, end = subtree
    level = (end - begin).bit_length() - 1
    return level, begin >> level
