"""What a device remembers of its repository between two runs, beside the signed metadata itself.

Pure: bytes in, bytes out. ``store`` keeps it, in two files of which either is enough.

What never goes back: ``highest``, the highest number of a release that was taken on each channel, and ``latest``, the
latest time at which metadata was found valid. The latter is never later than the expiry of signed metadata, so that a
clock that was wrong for a while cannot stop updates for ever.
"""

from typing import Annotated, Any

import msgspec
from msgspec import Meta

from homespun.errors import HomespunError
from homespun.protocol.channel import Digest

SCHEMA_VERSION = 1
"""Version of the state that this package writes and reads."""

MAX_BYTES = 1 << 20
"""Largest state, in bytes."""

_Folder = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}(\.[0-9]{1,6})?\Z")]


class DamagedStateError(HomespunError):
    """The state was cut short or changed; never leaves this package."""


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """A bundle on the disk.

    Attributes:
        channel: The channel that it came from.
        number: Its release's number there.
        bundle: Its identity.
        folder: Name of its folder among the bundles.
    """

    channel: str
    number: Annotated[int, Meta(ge=1)]
    bundle: Digest
    folder: _Folder


class Rejection(msgspec.Struct, frozen=True, kw_only=True):
    """A bundle that failed a check.

    Attributes:
        bundle: Its identity.
        document: SHA-256 of the channel document that named it; under another one it is tried again.
        reason: Which check.
    """

    bundle: Digest
    document: Digest
    reason: str


class Stale(msgspec.Struct, frozen=True, kw_only=True):
    """Signed metadata that was found expired; it stays expired, also by a clock that was set back since.

    Attributes:
        root: Version of the root that it was verified by. A newer root may begin to count anew.
        timestamp: Version of the timestamp.
    """

    root: int
    timestamp: int


class State(msgspec.Struct, frozen=True, kw_only=True):
    """What a device remembers.

    Attributes:
        schema: SCHEMA_VERSION of the writer.
        channel: The channel that the following is about; empty: none was verified yet.
        current: The bundle in use; None: none of this repository's.
        previous: The one before, for a fallback.
        waiting: Bundles that were downloaded and whose turn has not come.
        highest: Highest number of a release that was taken, by channel.
        latest: Latest time at which metadata was found valid, seconds since 1970.
        verified: When the channel's document was last verified, seconds since 1970; None: never.
        expires: When the metadata expires that this rests on, seconds since 1970; None: nothing was verified yet.
        stale: What was found expired since; None: nothing.
        document: SHA-256 of the document that was verified last; empty: none.
        off: Why the document switches personal lists off; None: it does not.
        rejected: Bundles that failed a check, the latest last.
        attempted: When the last run began, seconds since 1970; None: never.
        failures: Runs in a row that failed or were cut off.
        draw: A number drawn by chance for the next schedule, 0 to 1.
    """

    schema: int = SCHEMA_VERSION
    channel: str = ""
    current: Kept | None = None
    previous: Kept | None = None
    waiting: tuple[Kept, ...] = ()
    highest: dict[str, int] = {}
    latest: float = 0.0
    verified: float | None = None
    expires: float | None = None
    stale: Stale | None = None
    document: str = ""
    off: str | None = None
    rejected: tuple[Rejection, ...] = ()
    attempted: float | None = None
    failures: Annotated[int, Meta(ge=0)] = 0
    draw: Annotated[float, Meta(ge=0, le=1)] = 0.5

    @property
    def kept(self) -> tuple[Kept, ...]:
        """Every bundle that stays on the disk."""
        return tuple(each for each in (self.current, self.previous, *self.waiting) if each is not None)

    def with_changes(self, **changes: Any) -> "State":
        """Return the state with some of its attributes changed."""
        return msgspec.structs.replace(self, **changes)


def encode_state(state: State) -> bytes:
    """Return the state's bytes."""
    return msgspec.json.encode(state)


def parse_state(raw: bytes) -> State:
    """Return the state that was written.

    Raises:
        DamagedStateError: It is none, or another version's.
    """
    try:
        state = msgspec.json.decode(raw, type=State)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise DamagedStateError(f"what is remembered of the repository is damaged: {error}") from error
    if state.schema != SCHEMA_VERSION:
        raise DamagedStateError(f"what is remembered of the repository has version {state.schema}.")
    return state


def merged(states: tuple[State, ...]) -> State:
    """Return what several copies say together: the first one's, and of what never goes back the highest of all."""
    if not states:
        return State()
    highest: dict[str, int] = {}
    for state in states:
        for channel, number in state.highest.items():
            highest[channel] = max(number, highest.get(channel, 0))
    return states[0].with_changes(highest=highest, latest=max(state.latest for state in states))
