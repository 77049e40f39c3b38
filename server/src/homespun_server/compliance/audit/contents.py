"""What an audit bundle's members hold. Every structure has a version, and is read strictly."""

from typing import Annotated, Any, Literal, TypeVar

import msgspec
from msgspec import Meta

from homespun.errors import ProofError
from homespun.protocol.bundle import PrivacyStatement
from homespun_server.compliance.log.entries import Kind
from homespun_server.compliance.requests.course import Event
from homespun_server.compliance.requests.profile import Rules
from homespun_server.compliance.requests.rows import DataMap, Request
from homespun_server.publishing.review import GateOnCard

SCHEMA_VERSION = 1
"""Version of audit bundles that this program writes and reads."""

MANIFEST = "manifest.json"
SIGNATURE = "manifest.sig"
EARLIER = "log/earlier.txt"
CHECKPOINT = "log/checkpoint.txt"
CONSISTENCY = "log/consistency.json"
COSIGNED = "log/cosigned.txt"
COSIGNED_CONSISTENCY = "log/cosigned-consistency.json"
ENTRIES = "log/entries.jsonl"
OPENINGS = "log/openings.jsonl"
CONSENTS = "consents/counts.json"
BUDGET = "budget/"
REGISTRY = "registry/"
BUNDLES = "bundles/"
REPOSITORY = "repository/"
REQUESTS = "requests/request-"
EXPLANATIONS = "explanations/"
DOCUMENTS = "documents/"
CONSENT_EVENTS = "consents/events.jsonl"
CONSENT_RECEIPTS = "consents/receipts-"

SHOWN: frozenset[Kind] = frozenset({"release", "bundle", "override", "request", "document", "log"})
"""Kinds of entries of which the openings are always shown; nothing of theirs is ever destroyed.

Of receipts the openings are shown until the device is forgotten; of consents those that count, and none of a person.
"""

PREFIX = b"homespun audit manifest 1\n"
"""Separates what is signed here from anything else that the same key signs."""

Hex = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}\Z")]
T = TypeVar("T")


class AuditManifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What the bundle holds.

    Attributes:
        created: When it was exported, ISO 8601, UTC.
        since: Every request with an event since then is in it, ISO 8601, UTC. The log is always whole.
        server: Version of the homespun-server that exported it.
        log_key: The key that signed it, and the checkpoints.
        receipts_key: The key that signs receipts.
        members: SHA-256 of every other member but the signature, by name.
    """

    schema: Literal[1] = 1
    created: str
    since: str
    server: str
    log_key: Hex
    receipts_key: Hex
    members: dict[str, Hex]


class Opened(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """An entry that is shown.

    Attributes:
        index: Its place.
        salt: 64 hexadecimal digits.
        content: What it commits to, canonical JSON.
    """

    schema: Literal[1] = 1
    index: int
    salt: Hex
    content: str


class Registered(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A registered bundle; card, lineage and gates as the registry keeps them.

    Attributes:
        bundle: Its identity.
        name: Its name.
        version: Which version of this name.
        stage: Where it is.
        card: JSON.
        lineage: JSON, with exact figures of the operator's.
        gates: JSON.
    """

    schema: Literal[1] = 1
    bundle: Hex
    name: str
    version: int
    stage: str
    card: str
    lineage: str
    gates: str


class AuditedRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A request, without whom it is about."""

    schema: Literal[1] = 1
    request: Request
    rules: Rules
    data_map: DataMap
    timeline: tuple[Event, ...]


class CountOfDay(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How many consent events there were of a kind on a day."""

    day: str
    purpose: str
    notice: str
    action: str
    number: int


class Counts(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Consent events, counted; nobody is named, and no count is of a person."""

    schema: Literal[1] = 1
    counts: tuple[CountOfDay, ...]


class ConsentInShort(msgspec.Struct, frozen=True):
    """A consent event as the log commits to it, as far as the audit reads it.

    Attributes:
        subject: The person's pseudonym.
        source: The stream of choices that it is from.
        sequence: Its place there.
        received: When, ISO 8601, UTC.
        purpose: The purpose; empty for a signal.
        action: What was chosen.
        notice: SHA-256 of the words that were shown.
        signal: The signal's name.
    """

    subject: Hex
    source: str
    sequence: int
    received: str
    purpose: str
    action: str
    notice: str | None = None
    signal: str | None = None


class LoggedConsent(msgspec.Struct, frozen=True):
    """What the log commits to of a consent event."""

    schema: Literal[1]
    event: ConsentInShort


class CardInShort(msgspec.Struct, frozen=True):
    """A card of any version, as far as the audit reads it."""

    name: str
    privacy: PrivacyStatement
    gates: tuple[GateOnCard, ...] = ()


class Released(msgspec.Struct, frozen=True):
    """A release, as far as the audit reads a lineage."""

    statistic: str
    sha256: str
    rho: str


class BudgetInShort(msgspec.Struct, frozen=True):
    """The state of the ledger that a lineage names, as far as the audit reads it."""

    data_set: str
    events: int
    head: str


class LineageInShort(msgspec.Struct, frozen=True):
    """A lineage, as far as the audit reads it; a bundle that was registered by hand has an empty one."""

    bundle: str | None = None
    budget: BudgetInShort | None = None
    releases: tuple[Released, ...] = ()
    measured: tuple[Released, ...] = ()


def decoded(raw: bytes | str, kind: type[T], what: str) -> T:
    """Read JSON strictly.

    Raises:
        ProofError: It is none of its kind.
    """
    try:
        return msgspec.json.decode(raw, type=kind)
    except (msgspec.MsgspecError, UnicodeError, RecursionError, ValueError) as error:
        raise ProofError(f"{what} is malformed: {error}") from error


def lines(raw: bytes) -> list[bytes]:
    """Return the lines of a member; the last one ends with a line break, too.

    Raises:
        ProofError: The last one does not.
    """
    if raw and not raw.endswith(b"\n"):
        raise ProofError("a member of lines was cut off.")
    return raw.split(b"\n")[:-1]


def plain(value: Any) -> Any:
    """Return a structure for canonical JSON."""
    return msgspec.to_builtins(value)
