"""What was once written is read for ever, and what is made of the same draws is the same to the last bit."""

import hashlib
import json
from pathlib import Path

from homespun.protocol.asking.listing import Asked, found_in, parse_list
from homespun.protocol.asking.receipt import encode_receipt, parse_receipt, verify
from homespun.protocol.asking.registration import check_voucher, opened_secret, parse_registration
from tests.sdk.protocol.asking.support import (
    ASKING,
    DEVICE,
    NOW,
    RECEIPT_KEY,
    SECRET,
    VOUCHING,
    answer,
    listed,
    request,
)

VECTOR = json.loads((Path(__file__).parents[3] / "vectors" / "1" / "asking.json").read_bytes())


def test_a_list_is_not_read_any_more() -> None:
    raw = bytes.fromhex(VECTOR["list"])
    assert found_in(parse_list(raw), DEVICE, SECRET, NOW) == (request(),)
    assert listed([Asked(DEVICE, SECRET, request())], least=2) == raw


def test_a_long_list_is_made_otherwise() -> None:
    asked = [Asked(DEVICE, SECRET, request(f"r-{number}")) for number in range(8)]
    assert hashlib.sha256(listed(asked)).hexdigest() == VECTOR["list_sha256"]


def test_a_registration_is_not_read_any_more() -> None:
    found = parse_registration(VECTOR["registration"].encode())
    check_voucher(VOUCHING, found, NOW)
    assert opened_secret(found, ASKING) == SECRET


def test_a_receipt_is_not_read_any_more() -> None:
    raw = VECTOR["receipt"].encode()
    verify(parse_receipt(raw), RECEIPT_KEY)
    assert encode_receipt(answer()) == raw
