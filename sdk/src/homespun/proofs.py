"""What the profile keeps of reporting: streams, reports with their receipts, what was tried, and what vouched.

All of it is in the compartment of ``Purpose.CONSENT_PROOF``, and goes with it.
"""

import contextlib
import hashlib
from collections.abc import Mapping

import msgspec

from homespun.consent.parts import PROOF
from homespun.errors import HomespunError
from homespun.home import Home
from homespun.protocol.canonical import canonical
from homespun.protocol.consent_report import ConsentReceipt, ConsentReport

_DAY_SECONDS = 86_400.0
_MOST_DOUBLINGS = 6
_ID_BYTES = 16
_VOUCHED = b"vouched"


class Proof(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What was reported, and what came back.

    Attributes:
        report: What was reported.
        receipt: The operator's receipt; None: the report was refused for good.
        refused: Why it was, in plain words; empty where there is a receipt.
        vouched: Whether the operator said that it knows the reports of this stream to be this person's.
    """

    report: ConsentReport
    receipt: ConsentReceipt | None = None
    refused: str = ""
    vouched: bool = False


class Tried(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A report that was taken without a receipt that counts.

    Attributes:
        key: The key that was pinned.
        times: How many times it was taken so with that key.
        time: When it was last, seconds since 1970.
    """

    key: str
    times: int
    time: float

    def rests(self, key: str, now: float) -> bool:
        """Return whether it is too early to report it once more."""
        wait = _DAY_SECONDS * 2.0 ** min(self.times - 1, _MOST_DOUBLINGS)
        return self.key == key and 0 <= now - self.time < wait


class Stream(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Under which ids is reported to one operator under one name.

    Attributes:
        source: The stream's id, 32 hexadecimal digits.
        subject: What the operator calls the person.
    """

    source: str
    subject: str


class Kept:
    """What is kept of reporting in a person's profile. Thread-safe, as the profile is."""

    def __init__(self, home: Home) -> None:
        """Use a person's profile.

        Args:
            home: The person.
        """
        self._home = home

    def proofs(self) -> tuple[Proof, ...]:
        """Return what was reported with the receipts for it, in the order of the records; also after a withdrawal.

        Raises:
            ClosedError, ProfileError: See the classes.
        """
        store = self._home.store()
        kept = {} if store is None or PROOF.compartment is None else store.kept(PROOF.compartment)
        found = [_proof(value, kept) for name, value in kept.items() if name.startswith("report/")]
        return tuple(sorted(found, key=lambda each: (each.report.source, each.report.sequence)))

    def stream(self, url: str, subject: str | None) -> Stream | None:
        """Return under which ids is reported; they are drawn once, for an operator and a name.

        Args:
            url: The operator's origin.
            subject: What the operator calls the person; None: a random id.

        Returns:
            None if the profile cannot keep it.
        """
        place = canonical([url, subject])
        name = f"stream/{hashlib.sha256(place).hexdigest()[:32]}"
        drawn = [self._home.entropy(_ID_BYTES).hex() for _ in range(2)]
        fresh = Stream(drawn[0], subject or drawn[1])
        if not self._home.rekeep(PROOF, name, lambda there: there or msgspec.json.encode(fresh)):
            return None
        there = self._home.kept(PROOF).get(name)
        return None if there is None else msgspec.json.decode(there, type=Stream)

    def tried(self, stream: Stream) -> dict[int, Tried]:
        """Return what was taken without a receipt that counts, by sequence."""
        prefix = _tried_name(stream.source)
        kept = self._home.kept(PROOF).items()
        return {
            int(name.removeprefix(prefix)): msgspec.json.decode(value, type=Tried)
            for name, value in kept
            if name.startswith(prefix)
        }

    def note_tried(self, report: ConsentReport, key: str) -> None:
        """Note that a report was taken without a receipt that counts.

        Args:
            report: The report.
            key: The key that was pinned.
        """

        def once_more(there: bytes | None) -> bytes:
            before = None if there is None else msgspec.json.decode(there, type=Tried)
            times = before.times if before is not None and before.key == key else 0
            return msgspec.json.encode(Tried(key, times + 1, self._home.now()))

        with contextlib.suppress(HomespunError):
            self._home.rekeep(PROOF, f"{_tried_name(report.source)}{report.sequence}", once_more)

    def is_vouched(self, stream: Stream) -> bool:
        """Return whether the operator said last that it knows a stream to be this person's."""
        return self._home.kept(PROOF).get(_vouching_name(stream.source)) == _VOUCHED

    def was_vouched_with(self, stream: Stream, voucher: str) -> bool:
        """Return whether a voucher was sent for a stream already."""
        return self._home.kept(PROOF).get(_vouching_name(stream.source)) == _sent(voucher)

    def note_vouched(self, source: str, *, vouched: bool, voucher: str | None) -> None:
        """Note what the operator said of a stream.

        Args:
            source: The stream.
            vouched: Whether it knows it to be this person's.
            voucher: What was sent for that; None: nothing.
        """
        found = _VOUCHED if vouched else None if voucher is None else _sent(voucher)
        with contextlib.suppress(HomespunError):
            self._home.keep(PROOF, _vouching_name(source), found)

    def keep(self, proof: Proof) -> None:
        """Keep what came back for a report."""
        # Without it the report is made again, and gets the same receipt.
        with contextlib.suppress(HomespunError):
            name = f"report/{proof.report.source}/{proof.report.sequence}"
            self._home.keep(PROOF, name, canonical(msgspec.to_builtins(proof)))
            self._home.keep(PROOF, f"{_tried_name(proof.report.source)}{proof.report.sequence}", None)


def _proof(value: bytes, kept: Mapping[str, bytes]) -> Proof:
    found = msgspec.json.decode(value, type=Proof)
    is_vouched = kept.get(_vouching_name(found.report.source)) == _VOUCHED
    return msgspec.structs.replace(found, vouched=is_vouched)


def _tried_name(source: str) -> str:
    return f"tried/{source}/"


def _vouching_name(source: str) -> str:
    return f"voucher/{source}"


def _sent(voucher: str) -> bytes:
    return hashlib.sha256(voucher.encode()).hexdigest().encode()
