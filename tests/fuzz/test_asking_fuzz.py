"""Whatever a list, a registration or a device receipt holds, reading it ends well or in a documented error."""

import contextlib
import json
import random
from pathlib import Path

from homespun.errors import AskingError, ReceiptError
from homespun.protocol.asking.listing import found_in, parse_list
from homespun.protocol.asking.receipt import encode_receipt, parse_receipt
from homespun.protocol.asking.registration import parse_registration
from homespun.protocol.asking.request import encode_request, parse_request
from tests.conftest import Runs
from tests.fuzz.test_bundle_fuzz import mutated
from tests.sdk.protocol.asking.support import DEVICE, NOW, SECRET, request

VECTOR = json.loads((Path(__file__).parents[1] / "vectors" / "1" / "asking.json").read_bytes())
LIST = bytes.fromhex(VECTOR["list"])
REGISTRATION, RECEIPT = VECTOR["registration"].encode(), VECTOR["receipt"].encode()


def test_a_damaged_list_does_something_else_than_being_refused_or_asking_the_same(runs: Runs) -> None:
    for number in runs("damaged lists of requests", 2000):
        with contextlib.suppress(AskingError):
            found = found_in(parse_list(mutated(random.Random(number), LIST, LIST)), DEVICE, SECRET, NOW)
            assert found in {(), (request(),)}


def test_a_damaged_request_does_something_else_than_being_refused(runs: Runs) -> None:
    right = encode_request(request())
    for number in runs("damaged requests", 2000):
        raw = mutated(random.Random(number), right, RECEIPT)
        with contextlib.suppress(AskingError):
            assert encode_request(parse_request(raw)) == raw


def test_a_damaged_registration_is_taken(runs: Runs) -> None:
    for number in runs("damaged registrations", 2000):
        raw = mutated(random.Random(number), REGISTRATION, RECEIPT)
        with contextlib.suppress(AskingError):
            parse_registration(raw)
            assert raw == REGISTRATION


def test_a_damaged_device_receipt_does_something_else_than_being_refused(runs: Runs) -> None:
    for number in runs("damaged device receipts", 2000):
        raw = mutated(random.Random(number), RECEIPT, REGISTRATION)
        with contextlib.suppress(ReceiptError):
            # What is read has one spelling: its own.
            assert encode_receipt(parse_receipt(raw)) == raw
