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
- A voucher goes with a report, and is not part of it, until the operator says that one fits; the stream is known then.
  Where everything was reported already, the last report is sent once more with each new voucher.
- Reports of one person to another operator, or under another name, are another stream with another random id.
"""

import threading
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from homespun._version import __version__
from homespun.consent import Purpose
from homespun.consent.parts import PROOF
from homespun.consent.proof import ConsentProof
from homespun.contribute.outcome import SendResult
from homespun.contribute.uploads import CONSENTS, encode_intake
from homespun.errors import MisuseError, ReceiptError
from homespun.home import Home
from homespun.proofs import Kept, Proof, Stream
from homespun.protocol.asking.registration import is_voucher
from homespun.protocol.consent import ConsentRecord
from homespun.protocol.consent_report import (
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


class Rests(Protocol):
    """A transport that knows which destinations asked to be left alone."""

    def rests(self) -> dict[str, float]:
        """Return them, and until when, seconds since 1970."""


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
        self._kept = Kept(home)
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
        return self._kept.proofs()

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
        stream = self._kept.stream(settings.url, settings.subject)
        if stream is None:
            return ProofOutcome(problem="The profile cannot keep receipts now, so nothing is reported.")
        known = {each.report.sequence for each in self.proofs() if each.report.source == stream.source}
        reports, refused = self._reports(settings, stream, known)
        voucher = None if self._kept.is_vouched(stream) else _voucher(settings, refused)
        reports = reports or self._once_more(stream, voucher)
        self._queue(settings, reports, voucher)
        sent = self._home.egress.send_pending(AT_ONCE, resting=self._resting, is_meant=_PURPOSE.__eq__)
        receipted: list[int] = []
        for result in sent.results:
            refused += self._heard(settings, reports, result, receipted, voucher)
        return ProofOutcome(
            receipted=tuple(receipted), waiting=len(self._waiting()), refused=tuple(refused), problem=sent.problem
        )

    def _reports(
        self, settings: ConsentProof, stream: Stream, known: set[int]
    ) -> tuple[dict[str, ConsentReport], list[str]]:
        """Return the reports that are still to be receipted, by their names, and why others cannot be made."""
        reports: dict[str, ConsentReport] = {}
        refused: list[str] = []
        tried, now = self._kept.tried(stream), self._home.now()
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

    def _once_more(self, stream: Stream, voucher: str | None) -> dict[str, ConsentReport]:
        """Return the last report of a stream, where it is to be vouched for and everything is reported already."""
        if voucher is None or self._kept.was_vouched_with(stream, voucher):
            return {}
        told = [each.report for each in self.proofs() if each.receipt and each.report.source == stream.source]
        return {_name(each.source, each.sequence): each for each in told[-1:]}

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
            self._kept.keep(Proof(report, refused=result.detail))
            return [f"Choice {report.sequence} was refused: {result.detail}"]
        try:
            answer = decode_answer(result.said)
            receipt = answer.receipt
            verify_receipt(receipt, report, public_key=settings.receipts_key)
        except ReceiptError as error:
            self._kept.note_tried(report, settings.receipts_key)
            return [
                f"Choice {report.sequence} was taken without a receipt that counts, and is told again later: {error}"
            ]
        self._kept.keep(Proof(report, receipt))
        receipted.append(report.sequence)
        self._kept.note_vouched(report.source, vouched=answer.vouched, voucher=voucher)
        if voucher is None or answer.vouched:
            return []
        return [
            "The voucher does not fit this account, or is over: what is reported allows nothing that others denied."
        ]

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


def _report(record: ConsentRecord, settings: ConsentProof, stream: Stream) -> ConsentReport:
    known_as: Known = "installation" if settings.subject is None else "account"
    return report_of(record, subject=stream.subject, known_as=known_as, source=stream.source, sdk=__version__)


def _name(source: str, sequence: int) -> str:
    return f"consent/{source[:8]}/{sequence}"


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
