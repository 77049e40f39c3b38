"""Proof of consent for both sides: what the person chose is reported where they agreed to that, and receipts are kept.

Rules:

- Nothing is reported without ``Purpose.CONSENT_PROOF``. Until then, and otherwise for ever, the proof is on the device.
- Every record of the profile is reported once, each in an upload of its own through the one way out, which writes it
  into the ledger of what left first. It costs no ε: it is no statistic, and is told as what it is.
- The withdrawal of ``CONSENT_PROOF`` is never reported. What waits is dropped with it, and nothing leaves after it: an
  upload in answer to "tell them nothing more" would be one too many. The operator's side says that it is as reported.
  What was chosen from there until the purpose is allowed anew is not reported then either: it was said to nobody.
- A receipt counts only if the pinned key signed it for that very report. It is kept with the report, also after a
  withdrawal, until the profile is erased.
- What was taken without a receipt that counts is reported again after a day, then after twice as long each time, or
  when another key is pinned; meanwhile it keeps no other choice back.
- A voucher goes with a report, and is not part of it. It is needed once for a stream: where everything was reported
  already, the last report is sent once more with each new voucher until the operator says that one fits.
- Reports of one person to another operator, or under another name, are another stream with another random id.
"""

import contextlib
import hashlib
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

import msgspec

from homespun._version import __version__
from homespun.consent import Purpose
from homespun.consent.parts import PROOF
from homespun.consent.proof import ConsentProof
from homespun.contribute.outcome import SendResult
from homespun.contribute.uploads import CONSENTS, encode_intake
from homespun.errors import HomespunError, MisuseError, ReceiptError
from homespun.home import Home
from homespun.protocol.asking.registration import is_voucher
from homespun.protocol.canonical import canonical
from homespun.protocol.consent import ConsentRecord
from homespun.protocol.consent_report import (
    ConsentReceipt,
    ConsentReport,
    Known,
    decode_answer,
    report_of,
    verify_receipt,
)
from homespun.protocol.consent_submission import encode_submission
from homespun.protocol.egress import progress_of

AT_ONCE = 50
"""Most reports that one ``sync`` makes and sends."""

_PURPOSE = str(Purpose.CONSENT_PROOF)
_ENDINGS = frozenset({"withdraw", "refuse", "expire"})
_DAY_SECONDS = 86_400.0
_MOST_DOUBLINGS = 6
_ID_BYTES = 16
_VOUCHED = b"vouched"


class Rests(Protocol):
    """A transport that knows which destinations asked to be left alone."""

    def rests(self) -> dict[str, float]:
        """Return them, and until when, seconds since 1970."""


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


class _Tried(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
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


class _Stream(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    source: str
    subject: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ProofOutcome:
    """What one ``sync`` did. Nothing raises into the application.

    Attributes:
        receipted: Sequences of the records whose receipts came, in order.
        waiting: How many reports wait to be sent.
        refused: Why reports cannot be made or were refused, one text each.
        problem: Why it ended early or was not begun; None if it did not.
    """

    receipted: tuple[int, ...] = ()
    waiting: int = 0
    refused: tuple[str, ...] = ()
    problem: str | None = None

    def __str__(self) -> str:
        """Return the outcome in words."""
        parts = [f"Receipts for {len(self.receipted)} choices came; {self.waiting} wait to be reported.", *self.refused]
        return " ".join([*parts, *([self.problem] if self.problem else [])])


class Proving:
    """``Personalizer.consent_proof``. Thread-safe."""

    def __init__(self, home: Home, settings: ConsentProof | None, sends: Rests | None = None) -> None:
        """Put the parts together.

        Args:
            home: The person.
            settings: Where to report to; None: nothing is ever reported.
            sends: The transport, for what it knows of destinations; it sends for the way out alone.
        """
        self._home = home
        self._settings = settings
        self._sends = sends
        self._running = threading.Lock()

    @property
    def is_on(self) -> bool:
        """Whether the application gave an operator to report to, and the person allows it now."""
        return self._settings is not None and self._home.permits(PROOF)

    def sync(self) -> ProofOutcome:
        """Report the choices that were not receipted yet, and keep the receipts that come.

        Call it after a choice, and when the application starts. What goes wrong on the way is told by the outcome.

        Raises:
            MisuseError: The application gave no ``consent_proof`` to ``Personalizer.open``.
            ClosedError: The personalizer was closed.
        """
        settings = self._given()
        self._home.check_open()
        with self._running:
            try:
                return self._run(settings)
            except Exception as error:  # noqa: BLE001 - reporting does not raise into its host
                return ProofOutcome(problem=str(error) or type(error).__name__)

    def proofs(self) -> tuple[Proof, ...]:
        """Return what was reported with the receipts for it, in the order of the records; also after a withdrawal.

        Raises:
            ClosedError, ProfileError: See the classes.
        """
        store = self._home.store()
        kept = {} if store is None or PROOF.compartment is None else store.kept(PROOF.compartment)
        found = [_proof(value, kept) for name, value in kept.items() if name.startswith("report/")]
        return tuple(sorted(found, key=lambda each: (each.report.source, each.report.sequence)))

    def _given(self) -> ConsentProof:
        if self._settings is None:
            raise MisuseError(
                "this application reports no consents: it gave no consent_proof to Personalizer.open. Give "
                "consent_proof=homespun.ConsentProof(url=..., receipts_key=...)."
            )
        return self._settings

    def _run(self, settings: ConsentProof) -> ProofOutcome:
        if not self._home.permits(PROOF):
            return ProofOutcome(problem="The person did not allow consent_proof now, so their proof stays here.")
        stream = self._stream(settings)
        if stream is None:
            return ProofOutcome(problem="The profile cannot keep receipts now, so nothing is reported.")
        known = {each.report.sequence for each in self.proofs() if each.report.source == stream.source}
        reports, refused = self._reports(settings, stream, known)
        voucher = _voucher(settings, refused)
        reports = reports or self._once_more(stream, voucher)
        self._queue(settings, reports, voucher)
        sent = self._home.egress.send_pending(AT_ONCE, resting=self._resting, is_meant=_PURPOSE.__eq__)
        receipted: list[int] = []
        for result in sent.results:
            refused += self._heard(settings, reports, result, receipted, voucher)
        return ProofOutcome(
            receipted=tuple(receipted), waiting=len(self._waiting()), refused=tuple(refused), problem=sent.problem
        )

    def _stream(self, settings: ConsentProof) -> _Stream | None:
        """Return under which ids is reported; they are drawn once, for an operator and a name."""
        place = canonical([settings.url, settings.subject])
        name = f"stream/{hashlib.sha256(place).hexdigest()[:32]}"
        drawn = [self._home.entropy(_ID_BYTES).hex() for _ in range(2)]
        fresh = _Stream(drawn[0], settings.subject or drawn[1])
        if not self._home.rekeep(PROOF, name, lambda there: there or msgspec.json.encode(fresh)):
            return None
        there = self._home.kept(PROOF).get(name)
        return None if there is None else msgspec.json.decode(there, type=_Stream)

    def _reports(
        self, settings: ConsentProof, stream: _Stream, known: set[int]
    ) -> tuple[dict[str, ConsentReport], list[str]]:
        """Return the reports that are still to be receipted, by their names, and why others cannot be made."""
        reports: dict[str, ConsentReport] = {}
        refused: list[str] = []
        tried, now = self._tried(stream), self._home.now()
        # What was never tried comes first: what stays without a receipt must not take its place.
        for record in sorted(_told(self._home.ledger().records), key=lambda each: each.sequence in tried):
            before = tried.get(record.sequence)
            rests = before is not None and before.rests(settings.receipts_key, now)
            if record.sequence in known or rests or len(reports) >= AT_ONCE:
                continue
            try:
                reports[_name(stream.source, record.sequence)] = _report(record, settings, stream)
            except MisuseError as error:
                refused.append(f"Choice {record.sequence} cannot be reported: {error}")
        return reports, refused

    def _once_more(self, stream: _Stream, voucher: str | None) -> dict[str, ConsentReport]:
        """Return the last report of a stream, where it is to be vouched for and everything is reported already."""
        there = self._home.kept(PROOF).get(_vouching_name(stream.source))
        if voucher is None or there in (_VOUCHED, _tried_with(voucher)):
            return {}
        told = [each.report for each in self.proofs() if each.receipt and each.report.source == stream.source]
        return {_name(each.source, each.sequence): each for each in told[-1:]}

    def _tried(self, stream: _Stream) -> dict[int, _Tried]:
        prefix = _tried_name(stream.source)
        kept = self._home.kept(PROOF).items()
        return {
            int(name.removeprefix(prefix)): msgspec.json.decode(value, type=_Tried)
            for name, value in kept
            if name.startswith(prefix)
        }

    def _note_tried(self, settings: ConsentProof, report: ConsentReport) -> None:
        def once_more(there: bytes | None) -> bytes:
            before = None if there is None else msgspec.json.decode(there, type=_Tried)
            times = before.times if before is not None and before.key == settings.receipts_key else 0
            return msgspec.json.encode(_Tried(settings.receipts_key, times + 1, self._home.now()))

        with contextlib.suppress(HomespunError):
            self._home.rekeep(PROOF, f"{_tried_name(report.source)}{report.sequence}", once_more)

    def _queue(self, settings: ConsentProof, reports: dict[str, ConsentReport], voucher: str | None) -> None:
        waiting = self._waiting()
        for name, report in reports.items():
            if name not in waiting:
                self._home.egress.queue(
                    name,
                    encode_intake(CONSENTS, encode_submission(report, voucher)),
                    purpose=_PURPOSE,
                    destination=settings.url,
                    epsilon=0,
                    idempotent=True,
                )

    def _waiting(self) -> set[str]:
        found = progress_of(self._home.egress_entries()).values()
        return {each.queued.what for each in found if each.waiting and each.queued.purpose == _PURPOSE}

    def _heard(
        self,
        settings: ConsentProof,
        reports: dict[str, ConsentReport],
        result: SendResult,
        receipted: list[int],
        voucher: str | None,
    ) -> list[str]:
        """Keep what came back for a report; return what is wrong with it."""
        report = reports.get(result.what)
        if report is None or result.result not in ("sent", "failed"):
            return []
        if result.result == "failed":
            self._keep(Proof(report, refused=result.detail))
            return [f"Choice {report.sequence} was refused: {result.detail}"]
        try:
            answer = decode_answer(result.said)
            receipt = answer.receipt
            verify_receipt(receipt, report, public_key=settings.receipts_key)
        except ReceiptError as error:
            self._note_tried(settings, report)
            return [
                f"Choice {report.sequence} was taken without a receipt that counts, and is told again later: {error}"
            ]
        self._keep(Proof(report, receipt))
        receipted.append(report.sequence)
        self._keep_vouched(report.source, vouched=answer.vouched, voucher=voucher)
        if voucher is None or answer.vouched:
            return []
        return [
            "The voucher does not fit this account, or is over: what is reported allows nothing that others denied."
        ]

    def _keep_vouched(self, source: str, *, vouched: bool, voucher: str | None) -> None:
        if vouched or voucher is not None:
            found = _VOUCHED if vouched else _tried_with(voucher or "")
            with contextlib.suppress(HomespunError):
                self._home.keep(PROOF, _vouching_name(source), found)

    def _keep(self, proof: Proof) -> None:
        # Without it the report is made again, and gets the same receipt.
        with contextlib.suppress(HomespunError):
            name = f"report/{proof.report.source}/{proof.report.sequence}"
            self._home.keep(PROOF, name, canonical(msgspec.to_builtins(proof)))
            self._home.keep(PROOF, f"{_tried_name(proof.report.source)}{proof.report.sequence}", None)

    def _resting(self) -> dict[str, float]:
        return {} if self._sends is None else self._sends.rests()


def _told(records: Iterable[ConsentRecord]) -> list[ConsentRecord]:
    """Return the records that may be reported: not those from an end of the purpose to its next grant."""
    told: list[ConsentRecord] = []
    is_over = False
    for record in records:
        if record.purpose == _PURPOSE:
            is_over = record.action in _ENDINGS or (is_over and record.action != "grant")
        if not is_over:
            told.append(record)
    return told


def _tried_name(source: str) -> str:
    return f"tried/{source}/"


def _report(record: ConsentRecord, settings: ConsentProof, stream: _Stream) -> ConsentReport:
    known_as: Known = "installation" if settings.subject is None else "account"
    return report_of(record, subject=stream.subject, known_as=known_as, source=stream.source, sdk=__version__)


def _name(source: str, sequence: int) -> str:
    return f"consent/{source[:8]}/{sequence}"


def _proof(value: bytes, kept: Mapping[str, bytes]) -> Proof:
    found = msgspec.json.decode(value, type=Proof)
    is_vouched = kept.get(_vouching_name(found.report.source)) == _VOUCHED
    return msgspec.structs.replace(found, vouched=is_vouched)


def _vouching_name(source: str) -> str:
    return f"voucher/{source}"


def _tried_with(voucher: str) -> bytes:
    return hashlib.sha256(voucher.encode()).hexdigest().encode()


def _voucher(settings: ConsentProof, refused: list[str]) -> str | None:
    """Return what vouches for the account; where that cannot be had, say why: a denial has to leave all the same."""
    try:
        found = settings.vouched()
        if found is None or is_voucher(found):
            return found
        why = "it is none"
    except Exception as error:  # noqa: BLE001 - an application's voucher may raise whatever it likes
        why = str(error) or type(error).__name__
    refused.append(f"There is no voucher now, so choices are reported without one: {why}.")
    return None
