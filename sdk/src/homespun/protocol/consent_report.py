"""What a device reports of a choice where the person agreed to that, and the operator's signed receipt for it.

Rules:

- A report says who it is about: a random id of the installation, or what the application calls the person's account.
  It is a claim of whoever sends it. The random id is known to that installation alone; an account is vouched for by
  what the application's backend gave to whoever logged in, sent beside the report
  (``homespun.protocol.consent_submission``).
- ``source`` names the stream of records, at random; ``sequence`` orders them in it. Times are what the device's clock
  said: they are evidence of what was claimed, and order nothing.
- The words that were shown are part of the report, unless only their hash is known. It is bounded in size.
- A receipt is signed with the operator's key for receipts (Ed25519, RFC 8032) over ``PREFIX`` and its canonical JSON
  (RFC 8785) without the signature. It names the report by its SHA-256, and when the operator's clock had it.

Non-goal: showing that the person saw the notice. That is what the application claims by the record.

Pure.
"""

import hashlib
import math
import re
from collections.abc import Callable
from typing import Annotated, Final, Literal

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from msgspec import Meta

from homespun.errors import MisuseError, ReceiptError
from homespun.protocol.canonical import canonical
from homespun.protocol.consent import GPC, ConsentRecord, ShownNotice
from homespun.protocol.receipts import decimal_time

SCHEMA_VERSION: Final = 1
"""Version of reports and receipts that this package writes and reads."""

PREFIX: Final = b"homespun consent receipt 1\n"
"""Separates what is signed here from anything else that the same key signs."""

MAX_REPORT: Final = 60_000
"""Bytes of an encoded report; most of them are the notice's."""

MAX_RECEIPT: Final = 4_096
"""Bytes of an encoded receipt that is read."""

MAX_SUBJECT: Final = 200
"""Characters that name a person."""

Hex32 = Annotated[str, Meta(pattern=r"^[0-9a-f]{32}\Z")]
Hex64 = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}\Z")]
Signature = Annotated[str, Meta(pattern=r"^([0-9a-f]{128})?\Z")]
Seconds = Annotated[str, Meta(pattern=r"^-?[0-9]{1,15}\.[0-9]{6}\Z", max_length=32)]
Word = Annotated[str, Meta(pattern=r"^([a-z][a-z0-9_.-]{0,63})?\Z")]
Short = Annotated[str, Meta(max_length=200)]
Sequence = Annotated[int, Meta(ge=1, le=(1 << 53) - 1)]
Subject = Annotated[str, Meta(min_length=1, max_length=MAX_SUBJECT, pattern=r"^[^\x00-\x1f\x7f]+\Z")]

_DRAWN: Final = re.compile(r"[0-9a-f]{32}\Z")
_NONE: Final = "This is no receipt for a report of consent"

Known = Literal["installation", "account"]
"""How a person is known: by a random id of their installation, or by what the application calls their account."""


class ReportedChoice(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A consent record as it is reported; see ``ConsentRecord``, whose times are decimal text here.

    Attributes:
        schema: The record's own version.
        purpose: The purpose's name; empty for a signal.
        action: What it does.
        notice: What was shown.
        surface: Where the choice was made.
        method: How it was made.
        time: When, by the device's clock; informative only.
        valid_until: When the term ends, by the same clock.
        exception: The signal that the person makes an exception to.
        signal: The signal's name.
        signal_value: Whether it came on.
        outcome: The purposes that it forbids.
        choices: Which of them had been granted.
        basis: Why the purpose is declared strictly necessary.
    """

    schema: Annotated[int, Meta(ge=1, le=1000)]
    purpose: Word
    action: Annotated[str, Meta(pattern=r"^[a-z][a-z0-9_-]{0,39}\Z")]
    notice: ShownNotice | None = None
    surface: Short
    method: Short
    time: Seconds
    valid_until: Seconds | None = None
    exception: Word | None = None
    signal: Word | None = None
    signal_value: bool | None = None
    outcome: Annotated[tuple[Word, ...], Meta(max_length=50)] = ()
    choices: Annotated[tuple[Word, ...], Meta(max_length=50)] = ()
    basis: Annotated[str, Meta(max_length=2000)] | None = None


class ConsentReport(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One choice of one person, as a device reports it.

    Attributes:
        schema: SCHEMA_VERSION of the writer.
        subject: Who it is about, at most 200 characters.
        known_as: How ``subject`` names them.
        source: The stream of records that it is from, 32 random hexadecimal digits.
        sequence: Its place in that stream, from 1; the order that decides.
        sdk: The version of what made it.
        choice: What was chosen.
    """

    schema: Literal[1] = 1
    subject: Subject
    known_as: Known
    source: Hex32
    sequence: Sequence
    sdk: Annotated[str, Meta(max_length=40, pattern=r"^[!-~]*\Z")]
    choice: ReportedChoice


class ConsentReceipt(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The operator's word that a report was received; make it with ``sign_receipt``.

    Attributes:
        schema: SCHEMA_VERSION of the writer.
        report: SHA-256 of the report's canonical JSON.
        source: The report's.
        sequence: The report's.
        received: When it was received by the operator's clock, ISO 8601, UTC.
        log: Index of its entry in the operator's transparency log; None: there is no log.
        public_key: The key that signed, 64 hexadecimal digits.
        signature: 128 hexadecimal digits; empty where nobody signed yet.
    """

    schema: Literal[1] = 1
    report: Hex64
    source: Hex32
    sequence: Sequence
    received: Annotated[str, Meta(max_length=40)]
    log: Annotated[int, Meta(ge=0)] | None = None
    public_key: Hex64
    signature: Signature = ""


class ConsentAnswer(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What the operator answers to a report.

    Attributes:
        receipt: For the report.
        gpc: For Global Privacy Control, where the request bore that signal and the stream is proven to be the
            person's.
        vouched: Whether the operator knows by a voucher, or by the installation's own id, that the stream is this
            person's. What was not vouched for denies as much, and allows nothing that another stream denied.
    """

    receipt: ConsentReceipt
    gpc: ConsentReceipt | None = None
    vouched: bool = False


def is_drawn(name: str) -> bool:
    """Return whether a name is one that an installation draws at random: 32 lowercase hexadecimal digits."""
    return _DRAWN.match(name) is not None


def check_account(name: str) -> None:
    """Check that a name can be an account's.

    Raises:
        MisuseError: It cannot be told from the random id of an installation.
    """
    if is_drawn(name):
        raise MisuseError(
            "no account can be called 32 lowercase hexadecimal digits: so are installations, by random ids which are "
            "their own proof, and anybody could report as one. Put something in front, for instance 'account-'."
        )


def report_of(record: ConsentRecord, *, subject: str, known_as: Known, source: str, sdk: str) -> ConsentReport:
    """Return the report of a record.

    Args:
        record: The record.
        subject: Who the person is to the operator.
        known_as: How ``subject`` names them.
        source: The stream that the record is from, 32 hexadecimal digits.
        sdk: The version of what reports.

    Raises:
        MisuseError: Something in it cannot be reported, for instance a notice that is too long.
    """
    choice = ReportedChoice(
        schema=record.schema,
        purpose=record.purpose,
        action=record.action,
        notice=record.notice,
        surface=record.surface,
        method=record.method,
        time=_decimal(record.time),
        valid_until=None if record.valid_until is None else _decimal(record.valid_until),
        exception=record.exception,
        signal=record.signal,
        signal_value=record.signal_value,
        outcome=record.outcome,
        choices=record.choices,
        basis=record.basis,
    )
    report = ConsentReport(
        subject=subject, known_as=known_as, source=source, sequence=record.sequence, sdk=sdk, choice=choice
    )
    return decode_report(encode_report(report))


def record_of(choice: ReportedChoice, sequence: int) -> ConsentRecord:
    """Return the record that was reported.

    Args:
        choice: What was reported.
        sequence: Its place among the records.
    """
    return ConsentRecord(
        schema=choice.schema,
        sequence=sequence,
        purpose=choice.purpose,
        action=choice.action,
        notice=choice.notice,
        surface=choice.surface,
        method=choice.method,
        time=float(choice.time),
        valid_until=None if choice.valid_until is None else float(choice.valid_until),
        exception=choice.exception,
        signal=choice.signal,
        signal_value=choice.signal_value,
        outcome=choice.outcome,
        choices=choice.choices,
        basis=choice.basis,
    )


def signal_of(*, time: float, forbidden: tuple[str, ...], surface: str = "browser") -> ReportedChoice:
    """Return Global Privacy Control coming on, as the header ``Sec-GPC: 1`` says it.

    Args:
        time: Seconds since 1970-01-01 UTC.
        forbidden: The purposes that it forbids.
        surface: Where it was seen.
    """
    return ReportedChoice(
        schema=2,
        purpose="",
        action="signal",
        surface=surface,
        method="Sec-GPC",
        time=_decimal(time),
        signal=GPC,
        signal_value=True,
        outcome=forbidden,
    )


def encode_report(report: ConsentReport) -> bytes:
    """Return the report as canonical JSON.

    Raises:
        MisuseError: It has text that cannot be written.
    """
    return canonical(msgspec.to_builtins(report))


def decode_report(data: bytes) -> ConsentReport:
    """Return the report that ``encode_report`` wrote.

    Raises:
        MisuseError: It is none, is too long, or its notice's hash is not of its text.
    """
    if len(data) > MAX_REPORT:
        raise MisuseError(f"a report of consent has at most {MAX_REPORT:,} bytes, its notice included; this has more.")
    try:
        report = msgspec.json.decode(data, type=ConsentReport)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise MisuseError(f"this is no report of consent: {error}.") from error
    check_notice(report.choice.notice)
    return report


def report_digest(report: ConsentReport) -> str:
    """Return the SHA-256 of the report's canonical JSON, by which a receipt names it."""
    return hashlib.sha256(encode_report(report)).hexdigest()


def sign_receipt(receipt: ConsentReceipt, sign: Callable[[bytes], bytes]) -> ConsentReceipt:
    """Return the receipt, signed.

    Args:
        receipt: What is to be signed, with the key that will.
        sign: Gives the Ed25519 signature of a message, 64 bytes.
    """
    return msgspec.structs.replace(receipt, signature=sign(signed_bytes(receipt)).hex())


def signed_bytes(receipt: ConsentReceipt) -> bytes:
    """Return the bytes that the signature is about."""
    members = msgspec.to_builtins(receipt)
    del members["signature"]
    return PREFIX + canonical(members)


def verify_receipt(receipt: ConsentReceipt, report: ConsentReport, *, public_key: str) -> None:
    """Check that the operator's key signed the receipt, and that it is for a report.

    Args:
        receipt: What the operator answered.
        report: What was reported.
        public_key: The operator's key for receipts as it is known from elsewhere, 64 hexadecimal digits.

    Raises:
        ReceiptError: Another key signed it, it was changed, or it is for another report.
    """
    verify_signature(receipt, public_key=public_key)
    wanted = (report_digest(report), report.source, report.sequence)
    if (receipt.report, receipt.source, receipt.sequence) != wanted:
        raise ReceiptError("The receipt is for another report, so nothing shows that this one was received.")


def verify_signature(receipt: ConsentReceipt, *, public_key: str) -> None:
    """Check that the operator's key signed the receipt, for who does not have the report.

    Args:
        receipt: What the operator answered.
        public_key: The operator's key for receipts as it is known from elsewhere, 64 hexadecimal digits.

    Raises:
        ReceiptError: Another key signed it, or it was changed.
    """
    if receipt.public_key != public_key:
        raise ReceiptError("Another key signed this receipt than the operator's; it proves nothing.")
    try:
        key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(public_key))
        key.verify(bytes.fromhex(receipt.signature), signed_bytes(receipt))
    except (ValueError, InvalidSignature) as error:
        raise ReceiptError(
            "The receipt's signature does not fit: it was changed since it was signed, or nobody signed it. It proves "
            "nothing; report again to get another one."
        ) from error


def encode_receipt(receipt: ConsentReceipt) -> bytes:
    """Return the receipt as canonical JSON, to be kept or passed on."""
    return canonical(msgspec.to_builtins(receipt))


def decode_receipt(data: bytes) -> ConsentReceipt:
    """Return the receipt that ``encode_receipt`` wrote; ``verify_receipt`` is another matter.

    Raises:
        ReceiptError: It is none.
    """
    _check_size(data, MAX_RECEIPT)
    try:
        return msgspec.json.decode(data, type=ConsentReceipt)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise ReceiptError(f"{_NONE}: {error}.") from error


def decode_answer(data: bytes) -> ConsentAnswer:
    """Return what the operator answered to a report; ``verify_receipt`` is another matter.

    Raises:
        ReceiptError: It is no answer.
    """
    _check_size(data, 3 * MAX_RECEIPT)
    try:
        return msgspec.json.decode(data, type=ConsentAnswer)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise ReceiptError(f"{_NONE}: {error}.") from error


def _check_size(data: bytes, most: int) -> None:
    if len(data) > most:
        raise ReceiptError(f"{_NONE}: it has more than {most:,} bytes, and was not read.")


def check_notice(notice: ShownNotice | None) -> None:
    """Check that a notice's hash is of its text, and that its names are short.

    Raises:
        MisuseError: It is not, or they are not.
    """
    if notice is None:
        return
    if len(notice.language) > 100 or len(notice.version) > 200:  # noqa: PLR2004 - as notices are made
        raise MisuseError("the notice's language or version is too long; they name the words only.")
    is_hash = len(notice.sha256) == 64 and not set(notice.sha256) - set("0123456789abcdef")  # noqa: PLR2004 - SHA-256
    if not is_hash or (notice.text and hashlib.sha256(notice.text.encode()).hexdigest() != notice.sha256):
        raise MisuseError("the notice's SHA-256 is not that of its text, so it does not show what was read.")


def _decimal(seconds: float) -> str:
    return decimal_time(seconds if math.isfinite(seconds) else 0.0)
