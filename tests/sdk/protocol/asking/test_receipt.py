"""The device receipt: nobody else signs it, nothing is changed, and it tells what was done and no more."""

import json

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from homespun.errors import MisuseError, ReceiptError
from homespun.protocol.asking.receipt import DeviceReceipt, encode_receipt, parse_receipt, sign, verify
from homespun.protocol.canonical import canonical
from tests.sdk.protocol.asking.support import DEVICE, NOW, RECEIPT, RECEIPT_KEY, answer


def test_a_receipt_is_read_as_it_was_sent() -> None:
    made = answer()
    assert parse_receipt(encode_receipt(made)) == made
    verify(made, RECEIPT_KEY)


def test_somebody_else_signs() -> None:
    with pytest.raises(ReceiptError, match="this device registered"):
        verify(answer(key=Ed25519PrivateKey.from_private_bytes(b"e" * 32)), RECEIPT_KEY)


@pytest.mark.parametrize("member", ["request", "device", "sequence", "time", "by", "erasure"])
def test_a_receipt_is_changed(member: str) -> None:
    said = json.loads(encode_receipt(answer()))
    other = {"request": "r-2", "device": "ff" * 16, "sequence": 2, "time": "1.000000", "by": "application"}
    if member == "erasure":
        said["erasure"]["stores"][0]["level"] = "physical"
    else:
        said[member] = other[member]
    with pytest.raises(ReceiptError, match="changed since"):
        verify(parse_receipt(canonical(said)), RECEIPT_KEY)


def test_an_erasures_receipt_of_another_key_is_wrapped() -> None:
    theirs = answer(key=Ed25519PrivateKey.from_private_bytes(b"e" * 32)).erasure
    mixed = sign(msgspec.structs.replace(answer(), erasure=theirs), RECEIPT.sign)
    with pytest.raises(ReceiptError, match="Another key"):
        verify(mixed, RECEIPT_KEY)


def test_the_operator_learns_the_profile_or_what_was_contributed() -> None:
    raw = encode_receipt(answer())
    assert b"ab" * 16 not in raw
    assert b"report/films" not in raw
    assert b"not told to the operator" in raw


@pytest.mark.parametrize(
    ("kind", "evidence"),
    [
        ("erasure", {}),
        ("access", {}),
        ("access", {"settings": ("objection",)}),
        ("explanation", {"digest": "00" * 32, "settings": ("objection",)}),
        ("objection", {"digest": "00" * 32}),
        ("opt-out", {}),
        ("rectification", {"digest": "00" * 32}),
    ],
)
def test_something_is_done_without_its_evidence(kind: str, evidence: dict[str, object]) -> None:
    with pytest.raises(MisuseError, match="evidence"):
        _receipt(kind, evidence)


@pytest.mark.parametrize(
    ("kind", "evidence"),
    [
        ("access", {"digest": "00" * 32}),
        ("objection", {"settings": ("objection",)}),
        ("rectification", {}),
        ("erasure", {"outcome": "declined"}),
    ],
)
def test_evidence_of_a_kind_is_refused(kind: str, evidence: dict[str, object]) -> None:
    made = sign(_receipt(kind, evidence), RECEIPT.sign)
    verify(parse_receipt(encode_receipt(made)), RECEIPT_KEY)


def _receipt(kind: str, members: dict[str, object]) -> DeviceReceipt:
    own = {"request": "r-1", "kind": kind, "device": DEVICE.hex(), "sequence": 1, "time": f"{NOW}.000000"}
    return DeviceReceipt(**{"outcome": "done", "by": "person", **own, **members})  # type: ignore[arg-type]
