"""A private key is read by who should not, opened by what should not, or used after it was changed."""

import json
import stat
import sys
from pathlib import Path

import pytest

from homespun.errors import MisuseError
from homespun_server.errors import SigningKeyError
from homespun_server.publishing.repository import KeyStore
from tests.server.publishing.repository.support import CHEAP, PASSPHRASE, Hands, key_store


def only_file(folder: Path) -> Path:
    (path,) = folder.iterdir()
    return path


def changed(path: Path, **fields: object) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), **fields}))


@pytest.fixture
def keyid(tmp_path: Path) -> str:
    return key_store(tmp_path).generate("snapshot").keyid


def test_a_key_signs_after_it_was_read_again(tmp_path: Path, keyid: str) -> None:
    signer = key_store(tmp_path).signer(keyid)
    signer.public_key.verify_signature(signer.sign(b"data"), b"data")


def test_another_passphrase_opens_it(tmp_path: Path, keyid: str) -> None:
    with pytest.raises(SigningKeyError, match="does not open the snapshot key"):
        key_store(tmp_path, passphrase=b"wrong horse").signer(keyid)


def test_a_short_passphrase_protects_it(tmp_path: Path) -> None:
    with pytest.raises(MisuseError, match="at least 8"):
        key_store(tmp_path / "new", passphrase=b"short").generate("root")
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize(
    "fields",
    [
        {"role": "timestamp"},
        {"created": "2020-01-01T00:00:00+00:00"},
        {"public": "0" * 64},
        {"nonce": "AAAAAAAAAAAAAAAA"},
        {
            "kdf": {
                "name": "argon2id",
                "salt": "AAAAAAAAAAAAAAAAAAAAAA==",
                "memory_kib": 8192,
                "iterations": 1,
                "lanes": 1,
            }
        },
    ],
)
def test_a_changed_field_goes_unnoticed(tmp_path: Path, keyid: str, fields: dict[str, object]) -> None:
    changed(only_file(tmp_path), **fields)
    with pytest.raises(SigningKeyError, match="was changed"):
        key_store(tmp_path).signer(keyid)


def test_a_key_passes_for_another_one(tmp_path: Path, keyid: str) -> None:
    other = "f" * 64
    changed(only_file(tmp_path), keyid=other)
    with pytest.raises(SigningKeyError):
        key_store(tmp_path).signer(other)
    assert not key_store(tmp_path).holds(keyid)


def test_a_file_asks_for_all_the_memory_there_is(tmp_path: Path, keyid: str) -> None:
    kdf = json.loads(only_file(tmp_path).read_text())["kdf"]
    changed(only_file(tmp_path), kdf={**kdf, "memory_kib": 1 << 30})
    with pytest.raises(SigningKeyError, match="damaged"):
        key_store(tmp_path).signer(keyid)


@pytest.mark.parametrize("raw", [b"", b"{", b"[]", b'{"schema":1}', b"\xff\xfe", b"[" * 100_000, b" " * 20_000])
def test_a_damaged_file_is_more_than_an_error(tmp_path: Path, keyid: str, raw: bytes) -> None:
    only_file(tmp_path).write_bytes(raw)
    with pytest.raises(SigningKeyError):
        key_store(tmp_path).signer(keyid)


def test_a_newer_programs_file_is_misread(tmp_path: Path, keyid: str) -> None:
    changed(only_file(tmp_path), schema=2)
    with pytest.raises(SigningKeyError, match="version 2"):
        key_store(tmp_path).signer(keyid)


def test_a_missing_key_is_more_than_an_error(tmp_path: Path) -> None:
    with pytest.raises(SigningKeyError, match="there is no key"):
        key_store(tmp_path).signer("0" * 64)


def test_the_passphrase_is_asked_again_and_again(tmp_path: Path, keyid: str) -> None:
    asked = []

    def passphrase(key: str) -> bytes:
        asked.append(key)
        return PASSPHRASE

    store = KeyStore(tmp_path, passphrase, costs=CHEAP, clock=Hands())
    assert store.signer(keyid) is store.signer(keyid)
    assert len(asked) == 1
    assert asked[0].startswith(f"snapshot key {keyid[:12]}")


def test_the_file_shows_the_key(tmp_path: Path, keyid: str) -> None:
    private = key_store(tmp_path).signer(keyid).private_bytes
    assert private.splitlines()[1] not in only_file(tmp_path).read_bytes()


@pytest.mark.skipif(sys.platform == "win32", reason="modes are POSIX's")
def test_others_may_read_it(tmp_path: Path, keyid: str) -> None:
    assert stat.S_IMODE(only_file(tmp_path).stat().st_mode) == 0o600
    assert key_store(tmp_path).holds(keyid)
