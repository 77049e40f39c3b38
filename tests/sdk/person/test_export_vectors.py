"""Exports made by released versions are read by this one, for ever.

``tests/vectors/1/export*`` were made once from the contents of ``export_contents``: in the clear, with
PASSPHRASE, and for the recipient whose private key is ``bytes(range(32))``. They are never made again: a
failure here means that people could not restore what they took along.
"""

import base64
import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from homespun.person.export import RecipientKey, read_export
from tests.sdk.person.export_contents import (
    ATTRIBUTES,
    CONTROLS,
    EVENTS,
    PASSPHRASE,
    chunks,
    exported,
    fixed_entropy,
    members,
)

VECTORS = Path(__file__).parents[2] / "vectors"
OPENED_BY: list[tuple[str, dict[str, Any]]] = [
    ("export.zip", {}),
    ("export.homespun", {"passphrase": PASSPHRASE}),
    ("export-recipient.homespun", {"recipient_key": RecipientKey(bytes(range(32)))}),
]


@pytest.mark.parametrize("version", ["1"])
@pytest.mark.parametrize(("name", "given"), OPENED_BY)
def test_an_export_of_an_earlier_version_cannot_be_read(version: str, name: str, given: dict[str, Any]) -> None:
    read = read_export(VECTORS / version / name, **given)
    assert read.manifest.profile == "0123456789abcdef" * 2
    assert read.events == EVENTS
    assert [event.id for event in read.events] == ["e-1", None, None, None]
    assert read.attributes == ATTRIBUTES
    assert read.controls == CONTROLS


@pytest.mark.parametrize("section", ["events", "attributes", "interests", "kept-values"])
def test_the_format_changes_without_a_new_version(tmp_path: Path, section: str) -> None:
    name = f"data/{section}.json"
    assert members(exported(tmp_path))[name] == members(VECTORS / "1" / "export.zip")[name]


def test_fixed_entropy_seals_another_header_than_it_did(tmp_path: Path) -> None:
    path = exported(tmp_path, passphrase=PASSPHRASE, entropy=fixed_entropy)
    assert chunks(path.read_bytes())[0] == chunks((VECTORS / "1" / "export.homespun").read_bytes())[0]


def opened_by_the_description(name: str) -> bytes:
    """The clear bytes, by what the documentation of the format says and none of the package's code."""
    data = (VECTORS / "1" / name).read_bytes()
    assert data[:17] == b"homespun sealed\n\x01"
    start, parts = chunks(data)
    file_key = unwrapped(json.loads(start[19:])["wrap"])
    salt = hashlib.sha256(start).digest()
    key = HKDF(algorithm=SHA256(), length=32, salt=salt, info=b"homespun sealed export 1 chunks").derive(file_key)
    last = len(parts) - 1
    nonces = [number.to_bytes(11, "big") + bytes([number == last]) for number in range(len(parts))]
    return b"".join(AESGCM(key).decrypt(nonce, part, None) for nonce, part in zip(nonces, parts, strict=True))


def unwrapped(wrap: dict[str, Any]) -> bytes:
    wrapped, info = base64.b64decode(wrap["wrapped"]), b"homespun sealed export 1 file key"
    if wrap["by"] == "recipient":
        suite = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)
        return suite.decrypt(wrapped, X25519PrivateKey.from_private_bytes(bytes(range(32))), info)
    costs = {"iterations": wrap["iterations"], "lanes": wrap["lanes"], "memory_cost": wrap["memory_kib"]}
    derivation = Argon2id(salt=base64.b64decode(wrap["salt"]), length=32, **costs)
    return AESGCM(derivation.derive(PASSPHRASE.encode())).decrypt(bytes(12), wrapped, info)


@pytest.mark.parametrize("name", ["export.homespun", "export-recipient.homespun"])
def test_the_description_of_the_format_does_not_suffice_to_open_it(tmp_path: Path, name: str) -> None:
    path = tmp_path / "opened.zip"
    path.write_bytes(opened_by_the_description(name))
    assert members(path) == members(VECTORS / "1" / "export.zip")
