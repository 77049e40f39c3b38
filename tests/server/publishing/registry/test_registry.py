"""What could be registered that is no bundle, be lost, be moved where it may not go, or be remembered otherwise."""

import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import get_args

import msgspec
import pytest

from homespun.errors import BundleIntegrityError
from homespun.protocol import bundle
from homespun_server.errors import NotRegisteredError, OutputError, RegistryError
from homespun_server.publishing.registry import STAGES, Registry, Stage, files, stage_on
from homespun_server.store import AuditLog, Store, open_store
from tests.server.api.support import NOON, TESTER, Hands
from tests.server.publishing.support import contents

Made = Callable[[int], Path]

LINEAGE = {"inputs": {"ratings": "0" * 64}, "releases": ["item-counts"], "epsilon": "1.5", "metrics": {"ndcg": 0.25}}
GATES = {"passed": False, "overrides": [{"gate": "size", "reason": "a test"}]}

ALLOWED = {
    ("draft", "canary"),
    ("draft", "production"),
    ("draft", "retired"),
    ("canary", "production"),
    ("canary", "retired"),
    ("production", "retired"),
    ("retired", "canary"),
    ("retired", "production"),
}


def add(registry: Registry, folder: Path, note: str = "") -> str:
    return registry.add(folder, lineage=LINEAGE, gates=GATES, note=note).id


def leftovers(registry: Registry) -> list[str]:
    return [path.name for path in registry._artefacts.iterdir() if path.name.startswith(".")]


def test_what_was_registered_is_another_bundle(registry: Registry, made: Made, tmp_path: Path) -> None:
    folder = made(1)
    version = registry.add(folder, lineage=LINEAGE, gates=GATES, note="the first", actor=TESTER)
    manifest = msgspec.json.decode((folder / bundle.MANIFEST).read_bytes(), type=bundle.Manifest)
    assert (version.name, version.version, version.stage) == ("tiny", 1, "draft")
    assert version.size == sum(path.stat().st_size for path in folder.iterdir())
    assert version.created == manifest.created
    assert version.privacy == "no_personal_data"
    assert version.note == "the first"
    assert contents(registry.folder(version.id)) == contents(folder)
    assert registry.get(version.id) == version
    assert registry.versions() == (version,)
    details = registry.details(version.id)
    assert (details.version, details.lineage, details.gates) == (version, LINEAGE, GATES)
    assert details.card == msgspec.json.decode((folder / bundle.CARD_DATA).read_bytes())
    (move,) = details.moves
    assert (move.sequence, move.stage, move.who, move.why) == (1, "draft", "a test", "the first")
    assert leftovers(registry) == []


def test_adding_again_makes_another_version_or_changes_the_first(registry: Registry, made: Made, store: Store) -> None:
    first = registry.add(made(1), lineage=LINEAGE, gates=GATES, note="the first")
    registry.move(first.id, "canary", "somebody", "to try")
    again = registry.add(made(1), lineage={}, gates={}, note="the second")
    assert again == msgspec.structs.replace(first, stage="canary")
    assert registry.details(first.id).lineage == LINEAGE
    assert len(registry.versions()) == 1
    assert [each.action for each in AuditLog(store).entries()] == ["add-bundle", "move-stage"]


def test_versions_of_a_name_are_numbered_twice(registry: Registry, made: Made, clock: Hands) -> None:
    ids = []
    for number in (1, 2, 3):
        ids.append(add(registry, made(number)))
        clock.pass_(minutes=1)
    assert [each.version for each in registry.versions()] == [3, 2, 1]
    registry.delete(ids[2])
    fourth = registry.get(add(registry, made(4)))
    assert fourth.version == 4
    assert registry.resolve("tiny@4") == fourth
    assert registry.resolve(fourth.id[:8]) == fourth
    assert [each.version for each in registry.versions(limit=2)] == [4, 2]
    assert registry.versions(name="another") == ()
    for wrong in ("tiny@3", "tiny@", fourth.id[:5], "0" * 64, "", "@", fourth.id.upper()):
        with pytest.raises(NotRegisteredError, match="no bundle"):
            registry.resolve(wrong)


@pytest.mark.parametrize("name", [*bundle.FILES, bundle.GOLDEN])
@pytest.mark.parametrize("fault", ["changed", "longer", "shorter", "missing"])
def test_a_bundle_with_a_bad_file_is_registered(registry: Registry, made: Made, name: str, fault: str) -> None:
    folder = made(1)
    content = (folder / name).read_bytes()
    if fault == "missing":
        (folder / name).unlink()
    else:
        changed = {"changed": bytes([content[0] ^ 1]) + content[1:], "longer": content + b"x", "shorter": content[:-1]}
        (folder / name).write_bytes(changed[fault])
    with pytest.raises(BundleIntegrityError, match=name.replace(".", r"\.")):
        add(registry, folder)
    assert registry.versions() == ()
    assert list(registry._artefacts.iterdir()) == []


@pytest.mark.parametrize("raw", [b"", b"{}", b"[" * 10_000, b"\xff", b'{"schema": 2}'])
def test_a_folder_that_is_no_bundle_is_registered(registry: Registry, made: Made, raw: bytes) -> None:
    folder = made(1)
    (folder / bundle.MANIFEST).write_bytes(raw)
    with pytest.raises(BundleIntegrityError, match="no bundle"):
        add(registry, folder)
    with pytest.raises(BundleIntegrityError, match="no bundle"):
        add(registry, folder / "nothing")


@pytest.mark.parametrize("name", ["../escaped", "/etc/passwd", "notes.txt", ""])
def test_a_manifest_names_files_elsewhere(registry: Registry, made: Made, name: str, tmp_path: Path) -> None:
    folder = made(1)
    manifest = msgspec.json.decode((folder / bundle.MANIFEST).read_bytes(), type=bundle.Manifest)
    entry = bundle.FileEntry(1, "0" * 64)
    changed = msgspec.structs.replace(manifest, files={**manifest.files, name: entry})
    (folder / bundle.MANIFEST).write_bytes(msgspec.json.encode(changed))
    with pytest.raises(BundleIntegrityError, match="other files"):
        add(registry, folder)


def test_a_copy_that_went_bad_stays_bad(registry: Registry, made: Made) -> None:
    found = add(registry, made(1))
    copy = registry.folder(found) / bundle.WEIGHTS
    copy.write_bytes(b"something else")
    add(registry, made(1))
    assert contents(registry.folder(found)) == contents(made(1))
    assert leftovers(registry) == []


def test_a_full_disk_leaves_half_a_bundle(registry: Registry, made: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files.os, "fsync", full)  # type: ignore[attr-defined]
    with pytest.raises(OutputError, match="No space left"):
        add(registry, made(1))
    assert registry.versions() == ()
    assert list(registry._artefacts.iterdir()) == []


@pytest.mark.parametrize("before", STAGES)
@pytest.mark.parametrize("after", STAGES)
def test_a_bundle_goes_where_it_may_not(registry: Registry, made: Made, before: Stage, after: Stage) -> None:
    found = add(registry, made(1))
    if before != "draft":
        registry.move(found, before, "somebody", "to be there")
    if before == after:
        assert registry.move(found, after, "somebody", "again").stage == before
        assert len(registry.details(found).moves) == (1 if before == "draft" else 2)
    elif (before, after) in ALLOWED:
        assert registry.move(found, after, "somebody", "why not").stage == after
        assert registry.get(found).stage == after
        last = registry.details(found).moves[-1]
        assert (last.stage, last.who, last.why) == (after, "somebody", "why not")
    else:
        with pytest.raises(RegistryError, match=f"in the stage {before} cannot be moved to {after}"):
            registry.move(found, after, "somebody", "why not")
        assert registry.get(found).stage == before


def test_a_published_bundle_is_in_a_stage_that_cannot_be() -> None:
    assert get_args(Stage) == STAGES
    for before in STAGES:
        for stage in ("canary", "production", "beta"):
            after = stage_on(stage, before)
            assert after == before or (before, after) in ALLOWED
    assert stage_on("canary", "production") == "production"
    assert stage_on("beta", "retired") == "canary"


@pytest.mark.parametrize("stage", [stage for stage in STAGES if stage != "draft"])
def test_a_bundle_that_devices_may_have_is_deleted(registry: Registry, made: Made, stage: Stage) -> None:
    found = add(registry, made(1))
    registry.move(found, stage, "somebody", "to be there")
    with pytest.raises(RegistryError, match="only drafts"):
        registry.delete(found)
    assert contents(registry.folder(found)) == contents(made(1))


def test_a_deleted_draft_leaves_something(registry: Registry, made: Made, store: Store) -> None:
    found = add(registry, made(1))
    registry.delete(found, TESTER)
    assert registry.versions() == ()
    assert list(registry._artefacts.iterdir()) == []
    for ask in (registry.get, registry.details, registry.folder, registry.delete):
        with pytest.raises(NotRegisteredError):
            ask(found)
    last = AuditLog(store).entries()[-1]
    assert (last.who, last.action, last.subject) == ("a test", "delete-bundle", found)


@pytest.mark.skipif(os.name != "posix" or not hasattr(os, "geteuid"), reason="renaming open files")
def test_files_that_cannot_be_removed_are_forgotten(
    registry: Registry, made: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = add(registry, made(1))

    def held(*_: object) -> None:
        raise OSError(16, "held open")

    monkeypatch.setattr(files, "remove", held)
    with pytest.raises(OutputError, match="held open"):
        registry.delete(found)
    assert registry.get(found).stage == "draft"


def test_two_writers_make_two_versions_of_one_bundle(place: str, made: Made, tmp_path: Path) -> None:
    threads, begun = 4, threading.Barrier(4)
    made(1)

    def register(number: int) -> str:
        with open_store(place) as store:
            registry = Registry(store, tmp_path / "bundles")
            begun.wait()
            return registry.add(made(1), lineage={"who": number}, gates={}).id

    open_store(place).close()
    with ThreadPoolExecutor(threads) as pool:
        ids = set(pool.map(register, range(threads)))
    with open_store(place) as store:
        registry = Registry(store, tmp_path / "bundles")
        (version,) = registry.versions()
        assert ids == {version.id}
        assert version.version == 1
        assert [each.action for each in AuditLog(store).entries()] == ["add-bundle"]
        assert contents(registry.folder(version.id)) == contents(made(1))
        assert leftovers(registry) == []


def test_two_writers_number_two_bundles_alike(place: str, made: Made, tmp_path: Path) -> None:
    threads, begun = 4, threading.Barrier(4)
    folders = [made(number) for number in range(threads)]

    def register(number: int) -> int:
        with open_store(place) as store:
            registry = Registry(store, tmp_path / "bundles")
            begun.wait()
            return registry.add(folders[number], lineage={}, gates={}).version

    open_store(place).close()
    with ThreadPoolExecutor(threads) as pool:
        assert sorted(pool.map(register, range(threads))) == [1, 2, 3, 4]


def test_two_writers_move_one_bundle_along_two_ways(place: str, made: Made, tmp_path: Path) -> None:
    threads, begun = 6, threading.Barrier(6)
    with open_store(place) as store:
        registry = Registry(store, tmp_path / "bundles")
        found = add(registry, made(1))

        def move(number: int) -> str:
            begun.wait()
            try:
                return registry.move(found, ("canary", "production")[number % 2], f"writer {number}", "at once").stage
            except RegistryError:
                return "refused"

        with ThreadPoolExecutor(threads) as pool:
            answers = list(pool.map(move, range(threads)))
        moves = registry.details(found).moves
    # From draft to canary to production, or to production at once: never back.
    assert [each.stage for each in moves] in (["draft", "canary", "production"], ["draft", "production"])
    assert [each.sequence for each in moves] == list(range(1, len(moves) + 1))
    assert moves[-1].stage == "production"
    assert "production" in answers


def test_when_it_was_added_is_told_in_another_zone(registry: Registry, made: Made) -> None:
    assert registry.get(add(registry, made(1))).added == NOON.isoformat(timespec="seconds")
