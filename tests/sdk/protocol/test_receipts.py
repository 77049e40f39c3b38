"""Somebody changes a receipt, forges one, or leaves out what it cannot speak for."""

import hashlib
import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from homespun.errors import MisuseError, ReceiptError
from homespun.protocol.canonical import canonical
from homespun.protocol.receipts import (
    MAX_SIZE,
    OUT_OF_SCOPE,
    PREFIX,
    Receipt,
    StoreErasure,
    decimal_time,
    decode,
    encode,
    limits,
    released_line,
    sign,
    signed_bytes,
    verify,
)

VECTOR = Path(__file__).parents[2] / "vectors" / "1" / "receipt.json"
SEED = bytes(range(32))

STORES = (
    StoreErasure("profile key", "logical", "It lay in the folder – überschrieben."),
    StoreErasure("events", "key_destroyed", "The key lay outside."),
)


def key(seed: bytes = SEED) -> tuple[Ed25519PrivateKey, str]:
    private = Ed25519PrivateKey.from_private_bytes(seed)
    return private, private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw).hex()


def unsigned(**fields: Any) -> Receipt:
    given_fields = {
        "profile": "0123456789abcdef" * 2,
        "time": decimal_time(1_700_000_000.25),
        "stores": STORES,
        "out_of_scope": limits([("weekly counts", "0.5"), ("weekly counts", "0.5"), ("pairs", "1.25")]),
    }
    return Receipt(**{**given_fields, **fields})


def signed(**fields: Any) -> Receipt:
    private, public = key()
    return sign(unsigned(**fields), private.sign, public)


# Attacks


@pytest.mark.parametrize(
    "change",
    [
        {"profile": "f" * 32},
        {"time": decimal_time(1_700_000_000.5)},
        {"scope": "one item"},
        {"stores": (StoreErasure("profile key", "physical", STORES[0].detail), STORES[1])},
        {"stores": (StoreErasure("profile key", "logical", "It is gone for ever."), STORES[1])},
        {"stores": STORES[1:]},
        {"stores": STORES[::-1]},
        {"out_of_scope": limits([])},
        {"out_of_scope": (*limits(None), "more")},
        {"signer": "fresh"},
        {"schema": 3},
        {"signature": "0" * 128},
        {"signature": ""},
        {"public_key": key(bytes(32))[1]},
    ],
)
def test_a_changed_receipt_verifies(change: dict[str, Any]) -> None:
    receipt = signed()
    verify(receipt)
    with pytest.raises(ReceiptError, match="does not fit"):
        verify(msgspec.structs.replace(receipt, **change))


def test_a_receipt_that_nobody_signed_verifies() -> None:
    assert "Nobody signed" in str(unsigned())
    with pytest.raises(ReceiptError):
        verify(unsigned())


def test_a_whole_receipt_that_was_forged_passes_for_one_of_the_profiles_key() -> None:
    private, public = key(bytes(32))
    forged = sign(unsigned(), private.sign, public)
    # The documented limit: without the profile's key from elsewhere a forgery looks like any other receipt.
    verify(forged)
    with pytest.raises(ReceiptError, match="Another key"):
        verify(forged, public_key=key()[1])
    verify(signed(), public_key=key()[1])


def test_a_signature_made_for_something_else_passes_for_a_receipts() -> None:
    private, public = key()
    receipt = unsigned(signer="device", public_key=public)
    members = msgspec.to_builtins(receipt)
    del members["signature"]
    elsewhere = private.sign(canonical(members)).hex()
    with pytest.raises(ReceiptError):
        verify(msgspec.structs.replace(receipt, signature=elsewhere))


def test_a_key_that_does_not_fit_the_signature_is_named() -> None:
    with pytest.raises(ReceiptError):
        sign(unsigned(), key()[0].sign, key(bytes(32))[1])


@pytest.mark.parametrize("removed", range(len(OUT_OF_SCOPE) + 1))
def test_a_receipt_hides_what_nobody_can_know(removed: int) -> None:
    left = tuple(limit for place, limit in enumerate(limits([])) if place != removed)
    with pytest.raises(MisuseError, match="cannot speak for"):
        unsigned(out_of_scope=left)
    data = json.loads(encode(signed()))
    data["out_of_scope"] = left
    with pytest.raises(ReceiptError, match="cannot speak for"):
        decode(json.dumps(data).encode())


def test_the_limits_leave_out_what_the_disk_keeps() -> None:
    told = " ".join(OUT_OF_SCOPE)
    words = ("wear levelling", "APFS", "btrfs", "ZFS", "swap", "hibernation", "core dumps", "Snapshots", "Backups")
    assert all(word in told for word in words)


# What left before


def test_what_was_released_is_not_named_with_its_epsilon() -> None:
    line = released_line([("weekly counts", "0.5"), ("pairs", "1.25"), ("weekly counts", "0.5")])
    assert "pairs (ε = 1.25)" in line
    assert "weekly counts (ε = 0.5 each, 2 times)" in line
    assert line in str(signed())


def test_a_profile_that_sent_nothing_is_said_to_have_sent_something() -> None:
    assert "nothing ever left" in released_line([])
    assert "unknown" in released_line(None)
    assert Receipt(profile="", time=decimal_time(0), stores=()).out_of_scope == limits(None)


# Reading and writing


@given(
    st.lists(st.tuples(st.text(max_size=20), st.sampled_from(["logical", "unverified"]), st.text(max_size=50))),
    st.floats(min_value=-1e9, max_value=1e11, allow_nan=False),
)
def test_a_receipt_is_another_one_after_reading(stores: list[tuple[str, Any, str]], seconds: float) -> None:
    receipt = signed(stores=tuple(StoreErasure(*store) for store in stores), time=decimal_time(seconds))
    again = decode(encode(receipt))
    assert again == receipt
    assert encode(again) == encode(receipt) == canonical(json.loads(encode(receipt)))
    # However it is written down, the signature is about what it says.
    verify(decode(msgspec.json.format(msgspec.json.encode(receipt), indent=2)))


@pytest.mark.parametrize(
    "data",
    [b"", b"{}", b"[]", b"\xff", b"[" * 100_000, b'{"schema": "2"}', b'{"schema": 2}', b" " * (MAX_SIZE + 1)],
)
def test_rubbish_is_read_as_a_receipt(data: bytes) -> None:
    with pytest.raises(ReceiptError):
        decode(data)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("time", 1.5),
        ("time", "1.5"),
        ("time", "soon"),
        ("public_key", "A" * 64),
        ("signature", "00"),
        ("signer", "somebody"),
        ("unknown", 1),
    ],
)
def test_a_field_with_a_strange_value_is_read(name: str, value: Any) -> None:
    data = json.loads(encode(signed()))
    data[name] = value
    with pytest.raises(ReceiptError):
        decode(json.dumps(data).encode())


@pytest.mark.parametrize("schema", [1, 3])
def test_a_receipt_of_another_version_is_taken_for_rubbish(schema: int) -> None:
    with pytest.raises(ReceiptError, match=f"schema {schema}"):
        decode(json.dumps({"schema": schema, "more": True}).encode())


@pytest.mark.parametrize("seconds", [float("nan"), float("inf"), 1e15])
def test_a_time_that_is_none_is_written_down(seconds: float) -> None:
    with pytest.raises(MisuseError):
        decimal_time(seconds)


def test_the_words_do_not_say_who_signed() -> None:
    private, public = key()
    assert "profile's own key" in str(signed())
    fresh = sign(unsigned(), private.sign, public, signer="fresh")
    assert "made for this receipt" in str(fresh)
    assert "nothing to erase" in str(unsigned(stores=()))
    assert "could not be read" in str(unsigned(profile=""))


def test_receipts_of_released_versions_do_not_verify_any_more() -> None:
    vector = json.loads(VECTOR.read_text(encoding="utf-8"))
    private, public = key(bytes.fromhex(vector["seed"]))
    receipt = decode(json.dumps(vector["receipt"]).encode())
    verify(receipt, public_key=public)
    assert signed_bytes(receipt).startswith(PREFIX)
    assert hashlib.sha256(signed_bytes(receipt)).hexdigest() == vector["signed_sha256"]
    # Ed25519 signatures are determined by key and message.
    again = sign(msgspec.structs.replace(receipt, signature=""), private.sign, public)
    assert again == receipt == signed()
