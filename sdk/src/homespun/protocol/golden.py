"""Golden scores: lists that a bundle must make on every device, checked before a device switches to it.

The histories are drawn from the catalogue and are nobody's. The publisher makes the lists with the very code that
devices run (``Bundle.rank``), so that a device on which they come out otherwise has another machine, another runtime or
other bytes than the bundle was measured with.

Pure.
"""

from typing import Annotated

import msgspec
from msgspec import Meta

from homespun.errors import BundleIntegrityError
from homespun.protocol.events import ContextValue, Event

SCHEMA_VERSION = 1
"""Version of the file that this package writes and reads."""

TOLERANCE = 1e-4
"""Largest difference of a score from the golden one, in units of the larger of 1 and its absolute value.

Runtimes add in different orders; float32 sums of a few hundred terms differ by less than a tenth of it.
"""

MAX_BYTES = 1 << 20
"""Largest file, in bytes."""

Decimals = Annotated[str, Meta(pattern=r"^-?[0-9]{1,30}(\.[0-9]{1,30})?\Z")]


class GoldenEvent(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One event of a golden history; the fields are those of ``Event``."""

    item: str
    kind: str
    time: Annotated[float, Meta(ge=0)] | None = None
    weight: float | None = None

    def event(self) -> Event:
        """Return it as an event.

        Raises:
            InvalidEventError: It has a value that no event may have.
        """
        return Event(self.item, self.kind, self.time, self.weight)


class GoldenCase(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A history and the list that follows from it.

    Attributes:
        events: The history, oldest first.
        context: Circumstances of the request.
        items: The best items, best first, without those of the history.
        scores: Their scores, as decimals.
    """

    events: tuple[GoldenEvent, ...]
    context: dict[str, ContextValue]
    items: tuple[str, ...]
    scores: tuple[Decimals, ...]


class Golden(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The golden lists of a bundle; at least one."""

    schema: int
    cases: Annotated[tuple[GoldenCase, ...], Meta(min_length=1, max_length=100)]


def encode_golden(golden: Golden) -> bytes:
    """Return the file's content."""
    return msgspec.json.format(msgspec.json.encode(golden), indent=2) + b"\n"


def parse_golden(raw: bytes) -> Golden:
    """Return what a bundle's golden file says.

    Raises:
        BundleIntegrityError: It is malformed, another version's, or names an item twice in one list.
    """
    try:
        golden = msgspec.json.decode(raw, type=Golden)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise BundleIntegrityError(f"the bundle's golden scores are malformed: {error}") from error
    if golden.schema != SCHEMA_VERSION or any(len(case.items) != len(case.scores) for case in golden.cases):
        raise BundleIntegrityError("the bundle's golden scores are another version's, or lack a score for an item.")
    if any(len(set(case.items)) != len(case.items) for case in golden.cases):
        raise BundleIntegrityError("the bundle's golden scores name an item twice in one list, which no list does.")
    return golden
