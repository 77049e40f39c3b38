"""A bundle that is being checked: its members, read strictly and once, and what the auditor pins."""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from homespun.errors import ProofError
from homespun.protocol.checkpoint import Checkpoint
from homespun.protocol.checkpoint import decode as decode_checkpoint
from homespun.protocol.merkle import grown, leaf_hash, root_of_peaks
from homespun_server.compliance.audit.contents import (
    BUDGET,
    BUNDLES,
    CHECKPOINT,
    EARLIER,
    ENTRIES,
    MANIFEST,
    OPENINGS,
    REGISTRY,
    REQUESTS,
    AuditedRequest,
    AuditManifest,
    Opened,
    Registered,
    decoded,
    lines,
)
from homespun_server.compliance.audit.pins import Pins
from homespun_server.compliance.log.beginnings import Beginning
from homespun_server.compliance.log.beginnings import decoded as decoded_beginning
from homespun_server.compliance.log.entries import Kind
from homespun_server.compliance.log.entries import decoded as decoded_entry
from homespun_server.privacy.ledger.book import Book
from homespun_server.privacy.ledger.events import hash_of


@dataclass(frozen=True)
class ReplayedLedger:
    """A budget ledger, replayed from its events.

    Attributes:
        name: The data set.
        book: What its events add up to.
        hashes: The hash of every event, in order.
    """

    name: str
    book: Book
    hashes: tuple[str, ...]


@dataclass(frozen=True)
class Evidence:
    """A bundle that is being checked. Whatever is malformed raises where it is looked at.

    Attributes:
        raw: The file.
        members: Its members, by name.
        pins: What the auditor knows from elsewhere.
    """

    raw: bytes = field(repr=False)
    members: Mapping[str, bytes] = field(repr=False)
    pins: Pins

    def member(self, name: str) -> bytes:
        """Return a member.

        Raises:
            ProofError: It is missing.
        """
        try:
            return self.members[name]
        except KeyError:
            raise ProofError(f"{name} is missing from the audit bundle.") from None

    def below(self, prefix: str) -> Iterator[tuple[str, bytes]]:
        """Yield the members whose names begin so, without that beginning."""
        for name in sorted(self.members):
            if name.startswith(prefix):
                yield name.removeprefix(prefix), self.members[name]

    @cached_property
    def manifest(self) -> AuditManifest:
        """What the bundle says that it holds."""
        return decoded(self.member(MANIFEST), AuditManifest, MANIFEST)

    @property
    def log_key(self) -> bytes:
        """The log's key: as it is pinned, or else as the bundle says."""
        return self.pins.log or bytes.fromhex(self.manifest.log_key)

    @cached_property
    def checkpoint(self) -> Checkpoint:
        """The last checkpoint."""
        return decode_checkpoint(self.member(CHECKPOINT))

    @cached_property
    def earlier(self) -> Checkpoint | None:
        """The last checkpoint that was signed before the audited time; None: there was none."""
        raw = self.members.get(EARLIER)
        return None if raw is None else decode_checkpoint(raw)

    @cached_property
    def entries(self) -> tuple[bytes, ...]:
        """The log's entries, all of them."""
        return tuple(lines(self.member(ENTRIES)))

    @cached_property
    def kinds(self) -> tuple[Kind, ...]:
        """What each entry is about."""
        return tuple(decoded_entry(entry).kind for entry in self.entries)

    @cached_property
    def openings(self) -> tuple[Opened, ...]:
        """The entries that are shown."""
        return tuple(decoded(line, Opened, OPENINGS) for line in lines(self.member(OPENINGS)))

    @cached_property
    def said(self) -> tuple[dict[str, Any], ...]:
        """What the entries that are shown commit to, in order."""
        return tuple(decoded(each.content, dict[str, Any], OPENINGS) for each in self.openings)

    def said_of(self, what: str) -> list[dict[str, Any]]:
        """Return what the shown entries say of one sort."""
        return [each for each in self.said if each.get("what") == what]

    def said_at(self, what: str) -> dict[int, dict[str, Any]]:
        """Return what the shown entries say of one sort, by their place in the log."""
        shown = zip(self.openings, self.said, strict=True)
        return {opened.index: said for opened, said in shown if said.get("what") == what}

    def said_by(self, kind: Kind) -> list[dict[str, Any]]:
        """Return what the shown entries of a kind say."""
        shown = zip(self.openings, self.said, strict=True)
        return [said for opened, said in shown if self.kinds[opened.index] == kind]

    @cached_property
    def begun(self) -> tuple[tuple[int, Beginning], ...]:
        """What the log says of logs that ended before it, by the place of the entry that commits to it."""
        shown = [each for each in self.openings if self.kinds[each.index] == "log"]
        return tuple((each.index, decoded_beginning(each.content.encode())) for each in shown)

    def root_at(self, size: int) -> bytes:
        """Return the root over the first entries, computed anew."""
        peaks: list[bytes] = []
        for index, entry in enumerate(self.entries[:size]):
            peaks, _ = grown(peaks, index, leaf_hash(entry))
        return root_of_peaks(peaks)

    @cached_property
    def ledgers(self) -> tuple[ReplayedLedger, ...]:
        """The budget ledgers, replayed.

        Raises:
            LedgerError: One cannot have happened like this.
        """
        return tuple(_replayed(name.removesuffix(".jsonl"), lines(raw)) for name, raw in self.below(BUDGET))

    @cached_property
    def registered(self) -> tuple[Registered, ...]:
        """The registered bundles."""
        found = tuple(decoded(raw, Registered, name) for name, raw in self.below(REGISTRY))
        if [f"{each.bundle}.json" for each in found] != [name for name, _ in self.below(REGISTRY)]:
            raise ProofError("a registered bundle stands under another one's name.")
        return found

    def bundle_file(self, bundle: str, name: str) -> bytes:
        """Return a bundle's file."""
        return self.member(f"{BUNDLES}{bundle}/{name}")

    @cached_property
    def requests(self) -> tuple[AuditedRequest, ...]:
        """The requests."""
        return tuple(decoded(raw, AuditedRequest, f"{REQUESTS}{name}") for name, raw in self.below(REQUESTS))


def sha256(content: bytes | str) -> str:
    """Return the SHA-256, hexadecimal."""
    return hashlib.sha256(content.encode() if isinstance(content, str) else content).hexdigest()


def _replayed(name: str, events: list[bytes]) -> ReplayedLedger:
    book = Book(name)
    for event in events:
        book.add(event)
    return ReplayedLedger(name, book, tuple(map(hash_of, events)))
