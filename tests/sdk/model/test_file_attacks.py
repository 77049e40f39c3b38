"""A file that is not the one that the manifest names is never used."""

import os
import stat
import sys
from pathlib import Path

import pytest

from homespun.errors import BundleIntegrityError, MisuseError, ModelContractError
from homespun.model.bundle import Bundle
from homespun.protocol.bundle import CATALOGUE, FILES, MANIFEST, WEIGHTS
from homespun.protocol.events import Event
from tests.sdk import bundles


def refused(folder: Path, match: str) -> None:
    with pytest.raises(BundleIntegrityError, match=match):
        Bundle.open(folder)


@pytest.mark.parametrize("name", FILES)
def test_a_file_is_cut_short(tampered: Path, name: str) -> None:
    path = tampered / name
    path.write_bytes(path.read_bytes()[:-1])
    refused(tampered, f"{name} is not the file")


@pytest.mark.parametrize("name", FILES)
def test_a_file_is_longer(tampered: Path, name: str) -> None:
    path = tampered / name
    path.write_bytes(path.read_bytes() + b"\0")
    refused(tampered, f"{name} is not the file")


@pytest.mark.parametrize("name", FILES)
def test_one_bit_of_a_file_is_flipped(tampered: Path, name: str) -> None:
    path = tampered / name
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    refused(tampered, f"{name} is not the file")


@pytest.mark.parametrize("name", [*FILES, MANIFEST])
def test_a_file_is_missing(tampered: Path, name: str) -> None:
    (tampered / name).unlink()
    refused(tampered, f"{name} of the bundle cannot be read")


@pytest.mark.parametrize("name", [*FILES, MANIFEST])
def test_a_file_is_a_folder(tampered: Path, name: str) -> None:
    (tampered / name).unlink()
    (tampered / name).mkdir()
    refused(tampered, f"{name} of the bundle is not an ordinary file")


@pytest.mark.parametrize("name", [*FILES, MANIFEST])
def test_a_file_is_a_link_out_of_the_bundle(tampered: Path, name: str) -> None:
    outside = tampered.parent / "outside"
    (tampered / name).rename(outside)
    try:
        (tampered / name).symlink_to(outside)
    except OSError:
        pytest.skip("this user may not make symbolic links")
    refused(tampered, f"{name} of the bundle is not an ordinary file")


@pytest.mark.skipif(sys.platform == "win32", reason="there are no named pipes in folders")
@pytest.mark.timeout(10)
@pytest.mark.parametrize("name", [WEIGHTS, MANIFEST])
def test_a_file_is_a_pipe_that_never_ends(tampered: Path, name: str) -> None:
    (tampered / name).unlink()
    os.mkfifo(tampered / name)
    refused(tampered, "not an ordinary file")


@pytest.mark.skipif(sys.platform == "win32", reason="there are no named pipes in folders")
@pytest.mark.timeout(10)
@pytest.mark.parametrize("name", [CATALOGUE, WEIGHTS, MANIFEST])
def test_a_file_becomes_a_pipe_after_it_was_looked_at(
    tampered: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    look = Path.lstat

    def exchange(path: Path) -> os.stat_result:
        found = look(path)
        if path.name == name and stat.S_ISREG(found.st_mode):
            path.unlink()
            os.mkfifo(path)
        return found

    monkeypatch.setattr(Path, "lstat", exchange)
    refused(tampered, f"{name} of the bundle is not an ordinary file")


@pytest.mark.skipif(not hasattr(os, "O_NOFOLLOW"), reason="this system cannot refuse links while it opens a file")
def test_a_file_becomes_a_link_after_it_was_looked_at(tampered: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    look, outside = Path.lstat, tampered.parent / "outside"

    def exchange(path: Path) -> os.stat_result:
        found = look(path)
        if path.name == WEIGHTS and stat.S_ISREG(found.st_mode):
            path.rename(outside)
            path.symlink_to(outside)
        return found

    monkeypatch.setattr(Path, "lstat", exchange)
    refused(tampered, f"{WEIGHTS} of the bundle cannot be read")


def test_the_weights_are_shorter_than_the_graphs_need(tampered: Path) -> None:
    (tampered / WEIGHTS).write_bytes((tampered / WEIGHTS).read_bytes()[:-64])
    bundles.reseal(tampered)
    with pytest.raises(ModelContractError, match=r"does not lie inside|larger than"):
        Bundle.open(tampered)


def test_a_journal_beside_the_catalogue_changes_it(bundle_folder: Path, tampered: Path) -> None:
    for ending in ("-wal", "-journal", "-shm"):
        (tampered / (CATALOGUE + ending)).write_bytes(os.urandom(4096))
    before = sorted(path.name for path in tampered.iterdir())
    genuine, watched = Bundle.open(bundle_folder), Bundle.open(tampered)
    assert watched.items == genuine.items
    assert watched.title("item-3") == genuine.title("item-3")
    genuine.close()
    watched.close()
    assert sorted(path.name for path in tampered.iterdir()) == before


def test_there_is_no_bundle(tmp_path: Path) -> None:
    refused(tmp_path / "nowhere", "cannot be read")
    refused(tmp_path, "cannot be read")
    (tmp_path / "file").write_bytes(b"")
    refused(tmp_path / "file", "cannot be read")


def test_threads_that_cannot_be(bundle_folder: Path) -> None:
    with pytest.raises(MisuseError, match="threads"):
        Bundle.open(bundle_folder, threads=0)


@pytest.mark.parametrize("name", ["with space", "percent%20?mode=rwc#x", "Ünïcode-日本", "a&b=c"])
def test_a_folders_name_is_taken_for_part_of_an_address(bundle_folder: Path, tmp_path: Path, name: str) -> None:
    if sys.platform == "win32":
        name = name.replace("?", "")
    (tmp_path / name).mkdir()
    bundle = Bundle.open(bundles.copy(bundle_folder, tmp_path / name))
    assert bundle.title("item-3") == "Title № 3"
    assert len(bundle.rank([Event("item-1")], 5)) == 5
    bundle.close()
