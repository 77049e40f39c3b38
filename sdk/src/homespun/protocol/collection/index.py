"""What a channel asks of its devices: the index of tasks and experiments, and where each of them is.

``<channel>/collection/index.json`` names every task and experiment by the SHA-256 of its bytes. The ids of the items
that a task counts are a target, too: ``<channel>/<digest>/universe.txt``. All are targets of the channel's own
delegation.

Pure.
"""

import hashlib
from typing import Annotated, Final, Literal, TypeVar

import msgspec
from msgspec import Meta

from homespun.errors import CollectionError, MisuseError
from homespun.protocol.canonical import canonical
from homespun.protocol.channel import Digest, file_path
from homespun.protocol.statistics.declaration import Statistic

SCHEMA_VERSION: Final = 1
"""Version of the tasks and indexes that this package writes and reads."""

MAX_TASK_BYTES = 1 << 20
"""Largest task, in bytes."""

MAX_INDEX_BYTES = 1 << 16
"""Largest index of tasks, in bytes."""

MAX_UNIVERSE_BYTES = 1 << 24
"""Largest list of item ids, in bytes."""

MAX_LISTED = 100
"""Most tasks, and most experiments, of one index."""

StructT = TypeVar("StructT", bound=msgspec.Struct)


class Ref(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A document that an index names.

    Attributes:
        sha256: Of its bytes, in hexadecimal.
        size: Its length in bytes.
    """

    sha256: Digest
    size: Annotated[int, Meta(ge=1, le=MAX_TASK_BYTES)]


class CollectionIndex(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a channel asks of its devices for now.

    Attributes:
        schema: SCHEMA_VERSION of the writer.
        tasks: The tasks, each once.
        experiments: The experiments, each once.

    Raises:
        MisuseError: On construction, if one stands there twice.
    """

    schema: Literal[1] = SCHEMA_VERSION
    tasks: Annotated[tuple[Ref, ...], Meta(max_length=MAX_LISTED)] = ()
    experiments: Annotated[tuple[Ref, ...], Meta(max_length=MAX_LISTED)] = ()

    def __post_init__(self) -> None:
        """Refuse what stands there twice."""
        for refs in (self.tasks, self.experiments):
            if len({ref.sha256 for ref in refs}) < len(refs):
                raise MisuseError("a document stands twice in the index of a channel's tasks.")


def index_path(channel: str) -> str:
    """Return the target path of a channel's index of tasks and experiments."""
    return f"{channel}/collection/index.json"


def task_path(channel: str, sha256: str) -> str:
    """Return the target path of a task."""
    return file_path(channel, sha256, "task.json")


def experiment_path(channel: str, sha256: str) -> str:
    """Return the target path of an experiment's definition."""
    return file_path(channel, sha256, "experiment.json")


def universe_path(channel: str, digest: str) -> str:
    """Return the target path of the ids of a universe's items."""
    return file_path(channel, digest, "universe.txt")


def encode_index(index: CollectionIndex) -> bytes:
    """Return the index, as canonical JSON (RFC 8785)."""
    return canonical(msgspec.to_builtins(index))


def parse_index(raw: bytes) -> CollectionIndex:
    """Return an index that was verified as a target.

    Raises:
        CollectionError: It is malformed or another version's.
    """
    return parsed(raw, CollectionIndex, MAX_INDEX_BYTES, "the index of a channel's tasks")


def encode_universe(ids: tuple[str, ...]) -> bytes:
    """Return a universe's item ids, each followed by a line feed: what its digest is the SHA-256 of."""
    return "".join(f"{identity}\n" for identity in ids).encode()


def parse_universe(raw: bytes, statistic: Statistic) -> tuple[str, ...]:
    """Return the ids of the items that a statistic counts, in their order.

    Raises:
        CollectionError: They are not the ones that the declaration names.
    """
    if len(raw) > MAX_UNIVERSE_BYTES or hashlib.sha256(raw).hexdigest() != statistic.universe.digest:
        raise CollectionError(f"the items of {statistic.name} are not those that it declares; it is not taken part in.")
    try:
        ids = tuple(raw.decode().removesuffix("\n").split("\n"))
    except UnicodeDecodeError as error:
        raise CollectionError(f"the items of {statistic.name} are no text; it is not taken part in.") from error
    if len(ids) != statistic.universe.items or len(set(ids)) < len(ids):
        raise CollectionError(f"the items of {statistic.name} are not {statistic.universe.items} different ones.")
    return ids


class _Versioned(msgspec.Struct):
    schema: int


def parsed(raw: bytes, kind: type[StructT], limit: int, what: str) -> StructT:
    """Return a document of this version.

    Raises:
        CollectionError: It is too large, malformed, another version's, or contradicts itself.
    """
    if len(raw) > limit:
        raise CollectionError(f"{what} is larger than {limit} bytes; it is refused.")
    try:
        version = msgspec.json.decode(raw, type=_Versioned).schema
        if version != SCHEMA_VERSION:
            raise CollectionError(
                f"{what} has version {version}, and this homespun reads version {SCHEMA_VERSION}. Update homespun."
            )
        return msgspec.json.decode(raw, type=kind)
    except (msgspec.MsgspecError, UnicodeError, RecursionError, MisuseError) as error:
        raise CollectionError(f"{what} is refused: {error}") from error
