"""What requests need of the rest of compliance, no more; and what a store brings so that requests reach it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol

import msgspec
from sqlalchemy import Connection

from homespun.protocol.receipts import Level
from homespun_server.compliance.requests.effects import Effect, nothing
from homespun_server.compliance.requests.profile import Kind


class Log(Protocol):
    """The transparency log."""

    def append_within(
        self,
        connection: Connection,
        kind: Literal["request"],
        content: Mapping[str, object],
        *,
        reference: str,
        subject: str | None = None,
    ) -> int:
        """Add an entry in the caller's transaction and return its index."""


class Openings(Protocol):
    """What the log's entries commit to."""

    def forget_within(self, connection: Connection, subject: str) -> int:
        """Destroy the openings of a subject's entries and return how many there were."""


class Subjects(Protocol):
    """The pseudonyms."""

    def pseudonym(self, identifier: str) -> str | None:
        """Return a person's pseudonym; None: they have none."""

    def forget_within(self, connection: Connection, identifier: str) -> str | None:
        """Destroy a person's key and return the pseudonym that was."""


@dataclass(frozen=True)
class Person:
    """Whom a request is about.

    Attributes:
        request: The request's id.
        identifier: What the operator calls them; None: nobody said.
        subject: Their pseudonym; None: there was none when the request was opened.
    """

    request: str
    identifier: str | None
    subject: str | None


class Correction(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A value that is wrong.

    Attributes:
        column: Where it is.
        wrong: What is there.
        right: What is to be there.
    """

    column: str
    wrong: str
    right: str


@dataclass(frozen=True)
class Copy:
    """A part of a person's copy.

    Attributes:
        name: The file's name in the copy.
        content: Its bytes.
        records: How many records it holds.
    """

    name: str
    content: bytes
    records: int


@dataclass(frozen=True)
class Ended:
    """What ended a person's consents.

    Attributes:
        request: The request's id.
        kind: Its kind.
        moment: When its mark was put, ISO 8601, UTC.
    """

    request: str
    kind: Kind
    moment: str


class Marked(Protocol):
    """Tells what was erased, by the tombstones."""

    def __call__(self, store: str, record: str) -> datetime | None:
        """Return when a record of a store was erased; None: it was not, or its person came back."""

    def returned(self, store: str, record: str) -> datetime | None:
        """Return when a record was erased whose person came back since; what is as old as that stays erased."""

    def held(self, record: str) -> str | None:
        """Return the mark under which a person's data are kept out of use; None: they are not."""

    def ended(self, lookup: str) -> tuple[Ended, ...]:
        """Return what ended the consents of a person, by how their key is found, and is in force."""


class Connector:
    """A store that may hold data about people. What it does not do says so, with the reason.

    Every method may be called again after it was interrupted anywhere.

    Attributes:
        name: What the data map calls it.
        what: What it holds, in plain words.
        level: What an erasure here is worth once reading found nothing left.
    """

    name: str
    what: str
    level: Level = "logical"

    def left(self, person: Person) -> int:
        """Return how many records of a person are there, by reading."""
        raise NotImplementedError

    def access(self, person: Person) -> Sequence[Copy]:
        """Return a person's records."""
        raise NotImplementedError

    def erase(self, person: Person) -> Effect:
        """Erase a person's records; whoever calls reads again afterwards."""
        raise NotImplementedError

    def rectify(self, person: Person, corrections: Sequence[Correction]) -> Effect:  # noqa: ARG002 - for those that do
        """Put values right."""
        return nothing("It holds no values that a person can say are wrong: only what happened, as it happened.")

    def set_aside(self, person: Person, kind: Kind) -> Effect:  # noqa: ARG002 - for those that do
        """Keep a person's records out of use, as a restriction, an objection or an opt-out asks."""
        return nothing("Nothing here is used for recommendations or training, so there is nothing to set aside.")

    def set_aside_for(self, request: str) -> int:  # noqa: ARG002 - for those that do
        """Return how many records are set aside for a request."""
        return 0

    def put_back(self, request: str) -> int:  # noqa: ARG002 - for those that do
        """Put back what was set aside for a request, and return how many records that were."""
        return 0

    def people_of(self, request: str) -> frozenset[str]:  # noqa: ARG002 - for those that do
        """Return whose records are set aside for a request, as the operator calls them."""
        return frozenset()

    def hold_again(self, marked: Marked) -> int:  # noqa: ARG002 - for those that do
        """Set aside again what is of people whose data are kept out of use, and return how many records that were."""
        return 0

    def marks(self, person: Person) -> tuple[tuple[str, str], ...]:  # noqa: ARG002 - for those that do
        """Return what is erased, as pairs of a store's name and a record's id, for tombstones."""
        return ()

    def replay(self, marked: Marked) -> int:  # noqa: ARG002 - for those that do
        """Erase again what the tombstones name, and return how many records that were."""
        return 0
