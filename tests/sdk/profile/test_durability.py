"""What survives a power cut: looked at one layer below the encryption, where what was not synced would be lost.

Every file of SQLite goes through a layer that notes what was written and what was synced since. At the moment that an
act is acknowledged, nothing that it wrote into the logs may be unsynced if it has to survive a power cut.
"""

import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import apsw
import pytest

from homespun.config import Durability
from homespun.consent import ConsentLedger, Notice, Purpose
from homespun.profile import ProfileStore, Selection, connections, rotate
from homespun.profile.files import database_of
from homespun.protocol.controls import entry
from homespun.protocol.events import Event
from tests.sdk.profile.support import NOW, QUICK, consent, created, items_of, opened, place_at, record

RECORDS = ConsentLedger().grant(Purpose.DEVICE_STORAGE, notice=Notice("May we?"), now=7)
DAY = 86_400

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the file layer below is called otherwise there")


class Watched(apsw.VFSFile):
    def __init__(self, name: str | apsw.URIFilename, flags: list[int], unsynced: dict[str, int]) -> None:
        self._path = name.filename() if isinstance(name, apsw.URIFilename) else name
        self._unsynced = unsynced
        super().__init__("unix", name, flags)

    def xWrite(self, data: bytes, offset: int) -> None:  # noqa: N802 - apsw's own
        super().xWrite(data, offset)
        name = Path(self._path).name
        self._unsynced[name] = self._unsynced.get(name, 0) + len(data)

    def xSync(self, flags: int) -> None:  # noqa: N802
        super().xSync(flags)
        self._unsynced.pop(Path(self._path).name, None)


class Layer(apsw.VFS):
    """Notes how many bytes of each file were written since it was synced."""

    def __init__(self, name: str) -> None:
        self.unsynced: dict[str, int] = {}
        super().__init__(name, "unix")

    def xOpen(self, name: str | apsw.URIFilename | None, flags: list[int]) -> apsw.VFSFile:  # noqa: N802
        assert name is not None, "a temporary file"
        return Watched(name, flags, self.unsynced)

    def unsynced_of(self, kind: str) -> set[str]:
        return {name for name in self.unsynced if name.startswith(kind)}


@pytest.fixture
def layer(monkeypatch: pytest.MonkeyPatch) -> Iterator[Layer]:
    name = f"watched-{os.urandom(4).hex()}"
    layer = Layer(name)
    # The first opening registers the encryption on top of it.
    apsw.Connection(":memory:", vfs=f"multipleciphers-{name}").close()
    monkeypatch.setattr(connections, "VFS", f"multipleciphers-{name}")
    yield layer
    monkeypatch.undo()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "profile"


def test_the_layer_sees_nothing(layer: Layer, folder: Path) -> None:
    """What the other tests rely on: with durability for the process, an event is written and not synced."""
    with created(folder) as store:
        record(store, Event("first"))
        layer.unsynced.clear()
        record(store, Event("second"))
        assert {name.removesuffix("-wal") for name in layer.unsynced_of("epoch")} == {store.vaults.epochs[0].name}
        assert layer.unsynced_of("profile") == layer.unsynced_of("state") == set()


@pytest.mark.parametrize("way", ["settings", "argument"])
@pytest.mark.parametrize("many", [1, 3], ids=["one", "several"])
def test_an_event_that_must_survive_a_power_cut_is_not_synced(layer: Layer, folder: Path, way: str, many: int) -> None:
    settings = replace(QUICK, durability="power" if way == "settings" else "process")
    asked: Durability | None = "power" if way == "argument" else None
    with created(folder, settings=settings) as store:
        for number in range(5):
            record(store, *[Event(f"item-{number}-{each}") for each in range(many)], durability=asked)
            assert layer.unsynced == {}
        if way == "settings":
            record(store, Event("less"), durability="process")
            assert layer.unsynced
            record(store, Event("more"))
            assert layer.unsynced == {}


def test_a_new_epoch_and_its_key_are_not_synced_before_its_first_event(layer: Layer, folder: Path) -> None:
    settings = replace(QUICK, durability="power")
    with created(folder, settings=settings) as store:
        for month in range(3):
            record(store, Event(f"item-{month}"), now=NOW + month * 40 * DAY)
            assert layer.unsynced == {}
        assert len(store.vaults.epochs) == 3


def test_an_epoch_is_entered_although_it_is_not_synced(layer: Layer, folder: Path) -> None:
    """Also where events need not survive: an index that names an epoch which is empty on the disk would be damage."""
    with created(folder) as store:
        record(store, Event("first"))
        assert all(name.endswith("-wal") for name in layer.unsynced_of("epoch"))
        assert layer.unsynced_of("profile") == set()


ACTS: dict[str, Callable[[ProfileStore], object]] = {
    "consent": lambda store: consent(store, *RECORDS),
    "control": lambda store: store.extend_controls(lambda _: (entry((), "hide_item", "a", value=True, now=NOW),)),
    "attribute": lambda store: store.set_attribute("language", "nb"),
    "attribute removed": lambda store: store.set_attribute("language", None),
    "kept": lambda store: store.keep_if(lambda _: True, "cache", "a", b"b"),
    "erasure": lambda store: store.forget(Selection(items=frozenset({"first"}))),
    "rectification": lambda store: store.rectify(Event("first"), Event("corrected")),
    "clearing": lambda store: store.clear(["exposure"], ["cache"]),
    "ledger": lambda store: store.extend_egress(lambda _: (), keep={1: b"payload"}),
    "settling": lambda store: store.settle(["events"]),
}


@pytest.mark.parametrize("act", ACTS)
def test_what_always_survives_a_power_cut_is_not_synced(layer: Layer, folder: Path, act: str) -> None:
    with created(folder) as store:
        record(store, Event("first"), Event("other"), durability="power")
        store.set_attribute("language", "en")
        store.add_exposures(lambda _: True, ["first"], NOW)
        record(store, Event("last"), durability="power")
        assert layer.unsynced == {}
        ACTS[act](store)
        assert layer.unsynced == {}


@pytest.mark.parametrize("durability", ["process", "power"])
def test_a_count_waits_for_the_disk_where_events_do_not(layer: Layer, folder: Path, durability: Durability) -> None:
    with created(folder, settings=replace(QUICK, durability=durability)) as store:
        layer.unsynced.clear()
        assert store.rekeep_if(lambda _: True, "cache", "a", lambda _: b"b")
        assert bool(layer.unsynced_of("state")) is (durability == "process")
        assert layer.unsynced_of("profile") == set()
        # What is said next survives a power cut, and the count with it.
        store.extend_controls(lambda _: (entry((), "hide_item", "a", value=True, now=NOW),))
        assert layer.unsynced == {}


def test_a_rotation_is_decided_before_the_new_databases_are_synced(
    layer: Layer, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with created(folder) as store:
        record(store, Event("first"))
    layer.unsynced.clear()
    decided: list[dict[str, int]] = []
    replace_file = Path.replace

    def watch(path: Path, target: Path) -> Path:
        decided.append(dict(layer.unsynced))
        return replace_file(path, target)

    monkeypatch.setattr(Path, "replace", watch)
    rotate(place_at(folder), place_at(folder))
    assert decided
    assert not any(database_of(name) for each in decided for name in each)
    with opened(folder) as store:
        assert items_of(store) == ["first"]


def test_a_creation_is_decided_before_its_databases_are_synced(
    layer: Layer, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    decided: list[dict[str, int]] = []
    replace_file = Path.replace

    def watch(path: Path, target: Path) -> Path:
        if Path(target).name == "key.json":
            decided.append(dict(layer.unsynced))
        return replace_file(path, target)

    monkeypatch.setattr(Path, "replace", watch)
    created(folder).close()
    assert decided == [{}]


def test_an_old_database_is_destroyed_before_the_index_that_replaces_it_is_synced(
    layer: Layer, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with created(folder) as store:
        record(store, Event("first"), Event("second"))
        layer.unsynced.clear()
        destroyed: list[dict[str, int]] = []
        unlink = Path.unlink

        def watch(path: Path, missing_ok: bool = False) -> None:  # noqa: FBT001, FBT002 - pathlib's own
            destroyed.append(dict(layer.unsynced))
            unlink(path, missing_ok=missing_ok)

        monkeypatch.setattr(Path, "unlink", watch)
        store.forget(Selection(items=frozenset({"first"})))
        monkeypatch.undo()
        assert destroyed
        assert not any(each for each in destroyed)
