"""A report or a receipt of an earlier version is read as something else, or one that was changed is taken."""

import hashlib
import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from homespun.consent import ConsentLedger, Notice, Purpose
from homespun.errors import MisuseError, ReceiptError
from homespun.protocol.consent import ConsentRecord, ShownNotice
from homespun.protocol.consent_report import (
    MAX_REPORT,
    ConsentAnswer,
    ConsentReceipt,
    ConsentReport,
    decode_answer,
    decode_receipt,
    decode_report,
    encode_receipt,
    encode_report,
    record_of,
    report_digest,
    report_of,
    sign_receipt,
    verify_receipt,
)

VECTOR = Path(__file__).parents[2] / "vectors" / "1" / "consent-report.json"
KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
PUBLIC = KEY.public_key().public_bytes_raw().hex()
NOTICE = Notice("Dürfen wir, was Ihnen gefällt, merken? ✓", "de-AT", "2025-03")
(RECORD,) = ConsentLedger().grant(
    Purpose.CONTRIBUTION, notice=NOTICE, now=1_700_000_000.25, valid_days=30, exception="gpc", surface="erste Seite"
)


def reported(record: ConsentRecord = RECORD) -> ConsentReport:
    return report_of(record, subject="ada-5f1c", known_as="account", source="0f" * 16, sdk="1.0.0")


def receipt_for(report: ConsentReport, key: Ed25519PrivateKey = KEY) -> ConsentReceipt:
    bare = ConsentReceipt(
        report=report_digest(report),
        source=report.source,
        sequence=report.sequence,
        received="2025-03-01T12:00:00+00:00",
        log=41,
        public_key=key.public_key().public_bytes_raw().hex(),
    )
    return sign_receipt(bare, key.sign)


def vector() -> dict[str, Any]:
    """Return what the vector's file holds."""
    report = reported()
    return {
        "schema": 1,
        "key": bytes(range(32)).hex(),
        "report": encode_report(report).decode(),
        "digest": report_digest(report),
        "receipt": encode_receipt(receipt_for(report)).decode(),
    }


def test_what_the_first_version_wrote_is_written_or_read_otherwise() -> None:
    stored = json.loads(VECTOR.read_text(encoding="utf-8"))
    assert stored == vector()
    report, receipt = decode_report(stored["report"].encode()), decode_receipt(stored["receipt"].encode())
    assert hashlib.sha256(stored["report"].encode()).hexdigest() == stored["digest"]
    verify_receipt(receipt, report, public_key=PUBLIC)
    assert record_of(report.choice, report.sequence) == RECORD


def test_a_record_loses_something_on_the_way() -> None:
    ledger = ConsentLedger([RECORD])
    for made in (
        ledger.withdraw(Purpose.CONTRIBUTION, now=5),
        ledger.refuse(Purpose.MEASUREMENT, notice=NOTICE, now=5),
        ledger.signal(gpc=True, now=5),
        ledger.declare_necessary("The cart needs it.", 5),
        ledger.lapsed(4e9),
    ):
        for record in made:
            report = decode_report(encode_report(reported(record)))
            assert record_of(report.choice, report.sequence) == record


@pytest.mark.parametrize(
    "change",
    [
        {"schema": 2},
        {"subject": ""},
        {"subject": "a\nb"},
        {"subject": "x" * 201},
        {"source": "0F" * 16},
        {"source": "0f" * 16 + "\n"},
        {"sequence": 0},
        {"sequence": 1 << 53},
        {"known_as": "email"},
        {"more": 1},
    ],
)
def test_a_report_that_is_none_is_taken(change: dict[str, Any]) -> None:
    content = {**msgspec.to_builtins(reported()), **change}
    with pytest.raises(MisuseError):
        decode_report(msgspec.json.encode(content))


@pytest.mark.parametrize("field", ["purpose", "action", "time", "valid_until", "signal"])
def test_a_field_steers_a_terminal_or_a_table(field: str) -> None:
    content = msgspec.to_builtins(reported())
    content["choice"][field] = "x\x1b[2J y"
    with pytest.raises(MisuseError):
        decode_report(msgspec.json.encode(content))


def test_a_report_holds_a_book() -> None:
    with pytest.raises(MisuseError, match="bytes"):
        reported(ConsentLedger().grant(Purpose.MEASUREMENT, notice=Notice("x" * MAX_REPORT), now=1)[0])


def test_a_notice_is_another_than_its_hash_says() -> None:
    other = ShownNotice("You agree to everything.", "en", "1", NOTICE.sha256)
    with pytest.raises(MisuseError, match="SHA-256"):
        reported(msgspec.structs.replace(RECORD, notice=other))
    remembered = ShownNotice("", "en", "1", NOTICE.sha256)
    assert reported(msgspec.structs.replace(RECORD, notice=remembered)).choice.notice == remembered


@pytest.mark.parametrize(
    "change",
    [
        {"report": "0" * 64},
        {"sequence": 2},
        {"source": "1f" * 16},
        {"received": "2024-03-01T12:00:00+00:00"},
        {"log": 42},
        {"log": None},
        {"signature": "0" * 128},
        {"signature": ""},
    ],
)
def test_a_changed_receipt_counts(change: dict[str, Any]) -> None:
    report = reported()
    changed = msgspec.structs.replace(receipt_for(report), **change)
    with pytest.raises(ReceiptError):
        verify_receipt(changed, report, public_key=PUBLIC)


def test_a_receipt_signed_with_another_key_counts() -> None:
    report = reported()
    forged = receipt_for(report, Ed25519PrivateKey.from_private_bytes(bytes(32)))
    with pytest.raises(ReceiptError, match="Another key"):
        verify_receipt(forged, report, public_key=PUBLIC)
    with pytest.raises(ReceiptError):
        verify_receipt(msgspec.structs.replace(forged, public_key=PUBLIC), report, public_key=PUBLIC)


def test_a_receipt_for_another_report_counts() -> None:
    other = reported(msgspec.structs.replace(RECORD, surface="elsewhere"))
    with pytest.raises(ReceiptError, match="another report"):
        verify_receipt(receipt_for(reported()), other, public_key=PUBLIC)


@given(st.binary(max_size=300))
def test_bytes_break_the_reading(data: bytes) -> None:
    for decode, error in ((decode_report, MisuseError), (decode_receipt, ReceiptError), (decode_answer, ReceiptError)):
        with pytest.raises(error):
            decode(data)


def test_an_answer_of_any_length_is_read() -> None:
    answer = msgspec.json.encode(ConsentAnswer(receipt=receipt_for(reported())))
    assert decode_answer(answer).receipt == receipt_for(reported())
    with pytest.raises(ReceiptError, match="bytes"):
        decode_answer(answer + b" " * 20_000)
