"""A bundle's policy is the file that the manifest names, and can be used; else the bundle is refused as a whole.

What a policy may say is tested with the policy itself.
"""

import hashlib
import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from homespun.errors import BundleIntegrityError, PolicyError
from homespun.model.bundle import Bundle
from homespun.model.manifest import parse_manifest
from homespun.protocol.bundle import MANIFEST, POLICY
from homespun.protocol.policy import encode_policy, parse_policy
from homespun.protocol.policy.policy import MAX_BYTES
from tests.sdk import bundles

GOOD = b'{"schema": 1, "name": "Shop", "surfaces": {"home": {"stages": [{"stage": "candidates"}]}}}'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return bundles.write(tmp_path / "bundle", bundles.random_model(8), policy=GOOD)


def refused(folder: Path, match: str) -> None:
    with pytest.raises(BundleIntegrityError, match=match):
        Bundle.open(folder)


def test_a_good_policy_is_refused_or_read_otherwise(folder: Path, bundle: Bundle) -> None:
    with Bundle.open(folder) as opened:
        assert opened.policy == parse_policy(GOOD)
        assert opened.policy is not None
        assert parse_policy(encode_policy(opened.policy)) == opened.policy
    assert bundle.policy is None


@pytest.mark.parametrize(
    ("raw", "place"),
    [
        (b"", POLICY),
        (b"{", POLICY),
        (b"null", POLICY),
        (b"\xff\xfe{}", POLICY),
        (GOOD + b"\0", POLICY),
        (b"[" * 100_000, POLICY),
        (GOOD.replace(b'"schema": 1', b'"schema": 2'), "schema"),
        (GOOD.replace(b"Shop", b"\\u001b[2J"), "control character"),
        (GOOD.replace(b"candidates", b"eval"), r"surfaces.*stages"),
        (GOOD[:-1] + b', "code": "import os"}', "code"),
        (GOOD.replace(b'{"stages"', b'{"sauce": "all", "stages"'), "sauce"),
        (GOOD[:-1] + b', "rules": [{"name": "r", "then": {"do": "explode"}}]}', r"rules\[.*explode"),
    ],
    ids=range(12),
)
def test_a_policy_is_none_or_cannot_be_used(folder: Path, raw: bytes, place: str) -> None:
    (folder / POLICY).write_bytes(raw)
    bundles.reseal(folder)
    with pytest.raises(BundleIntegrityError, match=place) as caught:
        Bundle.open(folder)
    assert isinstance(caught.value.__cause__, PolicyError)
    assert POLICY in str(caught.value)


@pytest.mark.parametrize(
    "change", [GOOD[:-1], GOOD + b" ", GOOD.replace(b"Shop", b"Shoq")], ids=["cut", "longer", "bit"]
)
def test_the_policy_is_not_the_file_that_the_manifest_names(folder: Path, change: bytes) -> None:
    (folder / POLICY).write_bytes(change)
    refused(folder, f"{POLICY} is not the file")


def test_the_policy_is_missing_or_a_folder(folder: Path) -> None:
    (folder / POLICY).unlink()
    refused(folder, f"{POLICY} of the bundle cannot be read")
    (folder / POLICY).mkdir()
    refused(folder, f"{POLICY} of the bundle is not an ordinary file")


def test_the_policy_is_a_link_out_of_the_bundle(folder: Path) -> None:
    outside = folder.parent / "outside"
    (folder / POLICY).rename(outside)
    try:
        (folder / POLICY).symlink_to(outside)
    except OSError:
        pytest.skip("this user may not make symbolic links")
    refused(folder, f"{POLICY} of the bundle is not an ordinary file")


@pytest.mark.skipif(sys.platform == "win32", reason="there are no named pipes in folders")
@pytest.mark.timeout(10)
def test_the_policy_is_a_pipe_that_never_ends(folder: Path) -> None:
    (folder / POLICY).unlink()
    os.mkfifo(folder / POLICY)
    refused(folder, "not an ordinary file")


def test_a_policy_that_the_manifest_does_not_name_is_in_force(tampered: Path) -> None:
    (tampered / POLICY).write_bytes(GOOD)
    with Bundle.open(tampered) as opened:
        assert opened.policy is None


def test_a_policy_would_fill_the_memory(folder: Path) -> None:
    padded = GOOD + b" " * (MAX_BYTES + 1 - len(GOOD))
    (folder / POLICY).write_bytes(padded)
    bundles.reseal(folder)
    refused(folder, "impossible values for: policy")
    (folder / POLICY).write_bytes(padded[:-1])
    bundles.reseal(folder)
    Bundle.open(folder).close()


def test_a_policy_is_longer_than_the_manifest_says(folder: Path) -> None:
    huge = GOOD + b" " * (4 * MAX_BYTES)
    (folder / POLICY).write_bytes(huge)

    def lie(manifest: dict[str, Any]) -> None:
        manifest["files"][POLICY] = {"size": len(GOOD), "sha256": hashlib.sha256(huge).hexdigest()}

    bundles.edit_manifest(folder, lie)
    refused(folder, f"{POLICY} is not the file")


@pytest.mark.parametrize("name", ["policy.JSON", "extra.bin", "../policy.json", ""])
def test_another_file_is_named_beside_the_policy(folder: Path, name: str) -> None:
    manifest = json.loads((folder / MANIFEST).read_bytes())
    manifest["files"][name] = manifest["files"][POLICY]
    with pytest.raises(BundleIntegrityError, match="impossible values for: files"):
        parse_manifest(json.dumps(manifest).encode())


def test_a_policy_stands_in_for_another_file(folder: Path) -> None:
    manifest = json.loads((folder / MANIFEST).read_bytes())
    del manifest["files"]["card.md"]
    with pytest.raises(BundleIntegrityError, match="impossible values for: files"):
        parse_manifest(json.dumps(manifest).encode())
