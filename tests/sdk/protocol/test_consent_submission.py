"""What vouches for an account is lost on the way, changes the report, or is anything at all."""

import json
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from homespun.errors import MisuseError
from homespun.protocol.asking.registration import is_vouched, voucher_of
from homespun.protocol.consent import ConsentRecord, ShownNotice
from homespun.protocol.consent_report import ConsentReport, decode_report, encode_report, report_digest, report_of
from homespun.protocol.consent_submission import MAX_SUBMISSION, decode_submission, encode_submission

VECTOR = Path(__file__).parents[2] / "vectors" / "1" / "consent-submission.json"
KEY = bytes(range(32))
VOUCHER = voucher_of(KEY, "ada-5f1c", 2_000_000_000)


def reported(notice: ShownNotice | None = None) -> ConsentReport:
    record = ConsentRecord(
        sequence=3,
        purpose="measurement",
        action="grant",
        notice=notice,
        surface="page",
        method="explicit",
        time=1e9,
    )
    return report_of(record, subject="ada-5f1c", known_as="account", source="5" * 32, sdk="1")


@pytest.mark.parametrize("voucher", [None, VOUCHER], ids=["none", "one"])
def test_a_voucher_is_lost_or_changes_the_report(voucher: str | None) -> None:
    found, vouching = decode_submission(encode_submission(reported(), voucher))
    assert (found, vouching) == (reported(), voucher)
    assert report_digest(found) == report_digest(reported())


def test_a_vouched_report_of_an_earlier_version_is_read_as_something_else() -> None:
    vector = json.loads(VECTOR.read_text(encoding="utf-8"))
    report, voucher = decode_submission(vector["sent"].encode())
    assert report == decode_report(vector["report"].encode())
    assert voucher is not None
    assert encode_submission(report, voucher).decode() == vector["sent"]
    assert is_vouched(bytes.fromhex(vector["vouching"]), report.subject, voucher, 2e9 - 1)


def test_a_report_alone_is_sent_in_another_form_than_before() -> None:
    assert encode_submission(reported()) == encode_report(reported())


@pytest.mark.parametrize("voucher", ["", "1.2", "x" * 70, VOUCHER + " ", VOUCHER.upper()])
def test_something_else_than_a_voucher_is_sent(voucher: str) -> None:
    with pytest.raises(MisuseError):
        encode_submission(reported(), voucher)


def test_a_long_submission_or_a_forged_notice_is_read() -> None:
    sent = encode_submission(reported(), VOUCHER)
    with pytest.raises(MisuseError, match="at most"):
        decode_submission(sent + b" " * MAX_SUBMISSION)
    forged = msgspec.structs.replace(reported().choice, notice=ShownNotice("Ok?", "en", "1", "0" * 64))
    report = msgspec.structs.replace(reported(), choice=forged)
    raw = msgspec.json.encode({"report": report, "schema": 1, "voucher": VOUCHER})
    with pytest.raises(MisuseError, match="SHA-256"):
        decode_submission(raw)


@given(st.binary(max_size=200))
def test_bytes_break_the_reading(data: bytes) -> None:
    for raw in (data, b'{"report":' + data):
        with pytest.raises(MisuseError):
            decode_submission(raw)


@given(st.text(max_size=90))
def test_any_text_vouches(text: str) -> None:
    assert not is_vouched(KEY, "ada-5f1c", text, 1e9)


@pytest.mark.parametrize(
    ("key", "account", "now", "fits"),
    [
        (KEY, "ada-5f1c", 1e9, True),
        (KEY, "ada-5f1c", 2e9, False),
        (KEY, "bob", 1e9, False),
        (bytes(32), "ada-5f1c", 1e9, False),
    ],
)
def test_a_voucher_of_somebody_else_or_that_is_over_fits(key: bytes, account: str, now: float, fits: bool) -> None:  # noqa: FBT001 - a column of the table
    assert is_vouched(key, account, VOUCHER, now) is fits
