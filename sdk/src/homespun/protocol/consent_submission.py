"""A report of consent as it is sent: by itself, or with what vouches for the account that it names.

Rules:

- The voucher is what the application's backend gave to whoever logged in (``homespun.protocol.asking.registration``).
  It is beside the report and not in it: a voucher ends, and the report is the same with the next one.
- A voucher says that the report's stream is that account's. Whether it fits is the operator's to check.

Pure.
"""

from typing import Final, Literal

import msgspec

from homespun.errors import MisuseError
from homespun.protocol.asking.registration import Voucher
from homespun.protocol.canonical import canonical
from homespun.protocol.consent_report import MAX_REPORT, ConsentReport, check_notice, decode_report, encode_report

MAX_SUBMISSION: Final = MAX_REPORT + 200
"""Bytes of an encoded report with its voucher."""

_VOUCHED: Final = b'{"report":'
"""How the canonical JSON of a report with a voucher begins, and that of a report alone does not."""


class VouchedReport(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A report, and what vouches for the account that it names.

    Attributes:
        schema: Version of this.
        report: The report.
        voucher: What the operator's backend gave to whoever logged in.
    """

    schema: Literal[1] = 1
    report: ConsentReport
    voucher: Voucher


def encode_submission(report: ConsentReport, voucher: str | None = None) -> bytes:
    """Return a report as it is sent, in canonical JSON.

    Args:
        report: The report.
        voucher: What vouches for its account; None: nothing.

    Raises:
        MisuseError: It has text that cannot be written, or this is no voucher.
    """
    if voucher is None:
        return encode_report(report)
    sent = canonical(msgspec.to_builtins(VouchedReport(report=report, voucher=voucher)))
    decode_submission(sent)
    return sent


def decode_submission(data: bytes) -> tuple[ConsentReport, str | None]:
    """Return a report that ``encode_submission`` wrote, and its voucher, which is not checked here.

    Raises:
        MisuseError: It is none, is too long, or its notice's hash is not of its text.
    """
    if not data.startswith(_VOUCHED):
        return decode_report(data), None
    if len(data) > MAX_SUBMISSION:
        raise MisuseError(f"a report with its voucher has at most {MAX_SUBMISSION:,} bytes; this has more.")
    try:
        sent = msgspec.json.decode(data, type=VouchedReport)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise MisuseError(f"this is no report of consent with a voucher: {error}.") from error
    check_notice(sent.report.choice.notice)
    return sent.report, sent.voucher
