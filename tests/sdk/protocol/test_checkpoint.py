"""A checkpoint could be forged, read in two ways, or be said to be cosigned."""

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from homespun.errors import MisuseError, ProofError
from homespun.protocol.checkpoint import (
    Checkpoint,
    cosigned,
    decode,
    origin_of,
    signed,
    verify_log,
    verify_witness,
)

LOG = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
WITNESS = Ed25519PrivateKey.from_private_bytes(bytes(range(1, 33)))
NAME = "witness.example/w1"
TIME = 1_741_564_800


def public(key: Ed25519PrivateKey) -> bytes:
    return key.public_key().public_bytes_raw()


def one(size: int = 1234) -> Checkpoint:
    return signed(Checkpoint(origin_of(public(LOG)), size, bytes(range(100, 132))), LOG.sign, public(LOG))


def both() -> Checkpoint:
    return cosigned(one(), NAME, WITNESS.sign, public(WITNESS), TIME)


GOLDEN = "homespun-log/56475aa75463474c0285df5dbf2bcab7\n1234\nZGVmZ2hpamtsbW5vcHFyc3R1dnd4eXp7fH1+f4CBgoM=\n\n"


def test_the_text_is_another_than_it_was() -> None:
    assert both().encode().decode().startswith(GOLDEN)
    lines = both().encode().decode().removeprefix(GOLDEN).splitlines()
    assert [line.split(" ")[:2] for line in lines] == [["—", one().origin], ["—", NAME]]


def test_what_was_signed_is_refused_or_read_differently() -> None:
    found = decode(both().encode())
    assert found == both()
    verify_log(found, public(LOG))
    assert verify_witness(found, NAME, public(WITNESS)) == TIME


@given(st.data())
def test_a_flipped_byte_is_believed(data: st.DataObject) -> None:
    raw = bytearray(both().encode())
    at = data.draw(st.integers(0, len(raw) - 1))
    raw[at] ^= data.draw(st.integers(1, 255))
    with pytest.raises(ProofError):
        everything(bytes(raw))


def everything(raw: bytes) -> None:
    found = decode(raw)
    verify_log(found, public(LOG))
    verify_witness(found, NAME, public(WITNESS))


@given(st.binary(max_size=300))
def test_noise_is_read(raw: bytes) -> None:
    with pytest.raises(ProofError):
        decode(raw)


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace("1234", "01234"),
        lambda text: text.replace("1234", "-1"),
        lambda text: text.replace("\n\n", "\nmore\n\n"),
        lambda text: text.replace("\n\n", "\n"),
        lambda text: text[:-1],
        lambda text: text + "\n",
        lambda text: text.replace("—", "-"),
        lambda text: text + text.splitlines()[-1] + "\n" if text.count("—") > 40 else text + "— a b\n" * 40,
        lambda text: text + "x" * (1 << 14),
    ],
)
def test_what_is_written_otherwise_is_read(change: "type[str]") -> None:
    with pytest.raises(ProofError):
        decode(change(both().encode().decode()).encode())


def test_another_logs_checkpoint_is_believed() -> None:
    with pytest.raises(ProofError, match="is of the log"):
        verify_log(one(), public(WITNESS))
    # Its name can be written by everybody; its signature cannot.
    forged = signed(Checkpoint(one().origin, 1234, bytes(32)), WITNESS.sign, public(LOG))
    with pytest.raises(ProofError, match="forged"):
        verify_log(forged, public(LOG))
    with pytest.raises(ProofError, match="forged"):
        verify_log(Checkpoint(one().origin, 1234, bytes(32)), public(LOG))


def test_a_witness_is_said_to_have_cosigned() -> None:
    with pytest.raises(ProofError, match="did not cosign"):
        verify_witness(one(), NAME, public(WITNESS))
    with pytest.raises(ProofError, match="did not cosign"):
        verify_witness(both(), NAME, public(LOG))
    forged = cosigned(one(), NAME, LOG.sign, public(WITNESS), TIME)
    with pytest.raises(ProofError, match="did not cosign"):
        verify_witness(forged, NAME, public(WITNESS))


def test_a_cosignature_is_moved_to_another_checkpoint_or_time() -> None:
    moved = Checkpoint(one().origin, 1235, one().root, both().signatures)
    with pytest.raises(ProofError):
        verify_witness(moved, NAME, public(WITNESS))
    again = cosigned(both(), NAME, WITNESS.sign, public(WITNESS), TIME + 1)
    assert len(again.signatures) == 2
    assert verify_witness(again, NAME, public(WITNESS)) == TIME + 1


@pytest.mark.parametrize(("name", "time"), [("a b", TIME), ("a+b", TIME), ("", TIME), (NAME, -1)])
def test_a_witness_without_a_name_signs(name: str, time: int) -> None:
    with pytest.raises(MisuseError):
        cosigned(one(), name, WITNESS.sign, public(WITNESS), time)
