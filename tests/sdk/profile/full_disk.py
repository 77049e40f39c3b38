"""A program on a disk that is full: run as ``full_disk.py FOLDER DISK PHASE ROOM...``, on a small disk of its own.

DISK says how the disk is filled: ``tmpfs`` (FOLDER is a small file system, which a ballast fills) or ``limit`` (no file
may become longer than a limit, see RLIMIT_FSIZE). For each ROOM, a place in the list of what is left, it does what
PHASE names. It checks that what fails does so with a ProfileStorageError, that all that was acknowledged is there, and
that it goes on once there is room again. At the end it prints how often it failed, and how often it succeeded.
"""

import json
import shutil
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from homespun.config import Retention
from homespun.consent import ConsentLedger, Notice, Purpose
from homespun.errors import ProfileStorageError
from homespun.profile import Key, Selection, erase, exists, rotate
from homespun.profile.files import listed
from homespun.protocol.events import Event
from tests.sdk.profile.support import NOW, QUICK, consent, created, items_of, opened, place_at, record, vaults_of

VECTOR = Path(__file__).parents[2] / "vectors" / "1" / "profile"
DAY = 86_400
KIB = 1024
ROOM = (0, 1, 2, 4, 8, 12, 16, 20, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 200, 260)
RECORDS = ConsentLedger().grant(Purpose.DEVICE_STORAGE, notice=Notice("May we?"), now=7)
OTHER = Key.bytes(bytes(31) + b"x")


class Tmpfs:
    """A small file system that a ballast fills."""

    def __init__(self, root: Path) -> None:
        self._ballast = root / "ballast"

    def fill(self, left: int) -> None:
        """Leave so many bytes, down to whole pages of the file system."""
        with self._ballast.open("wb", buffering=0) as file:
            with suppress(OSError):
                while True:
                    file.write(bytes(4 * KIB))
            file.truncate(max(0, file.tell() - left))

    def make_room(self) -> None:
        self._ballast.unlink(missing_ok=True)


class Limit:
    """A limit to the length of every file, which this process may lift again."""

    def __init__(self, root: Path) -> None:
        import resource

        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        self._root = root
        self._hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]

    def fill(self, left: int) -> None:
        """Let no file become longer than the longest log is, and so many bytes."""
        lengths = [path.stat().st_size for path in self._root.rglob("*-wal")]
        self._set(max(lengths, default=0) + left)

    def make_room(self) -> None:
        self._set(self._hard)

    def _set(self, soft: int) -> None:
        import resource

        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, self._hard))


class Phases:
    """What is done on a full disk; each phase is a method that acts once."""

    def __init__(self, root: Path, disk: Tmpfs | Limit) -> None:
        self.root = root
        self.disk = disk
        self.folder = root / "profile"
        self.failed = self.succeeded = 0

    def refused(self, act: Callable[[], object]) -> bool:
        """Do something; return whether the disk refused it, which only one error may say."""
        try:
            act()
        except ProfileStorageError as error:
            text = str(error)
        else:
            self.succeeded += 1
            return False
        assert "Make room" in text
        self.failed += 1
        return True

    def is_there(self, expected: list[str], key: Key | None = None, *, now: float = NOW) -> None:
        """Look, with the disk as it is, whether everything is there; opening may be refused, and nothing else said."""
        try:
            with opened(self.folder, key, now=now) as store:
                assert items_of(store) == expected
                assert store.view().consent == RECORDS
                store.check()
        except ProfileStorageError:
            self.disk.make_room()
            with opened(self.folder, key, now=now) as store:
                assert items_of(store) == expected
                assert store.view().consent == RECORDS
                store.check()
        self.disk.make_room()

    def made(self) -> list[str]:
        """Make a profile with some events; return their items."""
        items = [f"item-{number}" for number in range(30)]
        with created(self.folder) as store:
            consent(store, *RECORDS)
            record(store, *[Event(item, context={"note": "x" * 200}) for item in items])
        return items

    def recording(self, left: int) -> None:
        self._record(left, lambda number: [Event(f"new-{number}", context={"note": "x" * 250})])

    def importing(self, left: int) -> None:
        self._record(left, lambda number: [Event(f"new-{number}-{each}" + "x" * 400) for each in range(20)])

    def _record(self, left: int, batch: Callable[[int], list[Event]]) -> None:
        acknowledged, number = self.made(), 0
        with opened(self.folder) as store:
            # Opens every database: the memory that they share cannot be had on a full disk.
            store.check()
            self.disk.fill(left)
            while not self.refused(lambda: record(store, *batch(number))):  # noqa: B023
                acknowledged += [event.item for event in batch(number)]
                number += 1
                assert number < 2000
            assert items_of(store) == acknowledged
            self.refused(lambda: record(store, *batch(number)))
            if len(items_of(store)) > len(acknowledged):
                acknowledged += [event.item for event in batch(number)]
            assert items_of(store) == acknowledged
            self.disk.make_room()
            record(store, Event("after"))
            assert items_of(store) == [*acknowledged, "after"]
        self.is_there([*acknowledged, "after"])

    def beginning_an_epoch(self, left: int) -> None:
        items = self.made()
        with opened(self.folder) as store:
            # Opens every database: the memory that they share cannot be had on a full disk.
            store.check()
            self.disk.fill(left)
            if not self.refused(lambda: record(store, Event("new"), now=NOW + 40 * DAY)):
                items.append("new")
            assert items_of(store) == items
        self.is_there(items, now=NOW + 40 * DAY)

    def choosing(self, left: int) -> None:
        items = self.made()
        with opened(self.folder) as store:
            # Opens every database: the memory that they share cannot be had on a full disk.
            store.check()
            self.disk.fill(left)
            chosen, declared = 0, False
            while not self.refused(lambda: consent(store, *RECORDS)):
                chosen += 1
            assert store.view().consent == RECORDS * (1 + chosen)
            declared = not self.refused(lambda: store.set_attribute("language", "nb"))
            assert dict(store.view().attributes) in ([{"language": "nb"}] if declared else [{}, {"language": "nb"}])
            self.disk.make_room()
            store.set_attribute("language", "en")
            assert (items_of(store), dict(store.view().attributes)) == (items, {"language": "en"})

    def opening(self, left: int) -> None:
        items = self.made()
        self.disk.fill(left)

        def look() -> None:
            with opened(self.folder, now=NOW + 2 * DAY) as store:
                assert items_of(store) == items

        self.refused(look)
        self.is_there(items)

    def creating(self, left: int) -> None:
        self.disk.fill(left)
        done = not self.refused(lambda: created(self.folder).close())
        assert exists(self.folder) == done
        self.disk.make_room()
        if not done:
            created(self.folder).close()
        opened(self.folder).close()

    def erasing_a_part(self, left: int) -> None:
        items = self.made()
        with opened(self.folder) as store:
            record(store, *[Event("erased")] * 30)
            store.check()
            self.disk.fill(left)
            before = {path.name for path in vaults_of(self.folder)}
            done = not self.refused(lambda: store.forget(Selection(items=frozenset({"erased"}))))
            left_over = items_of(store)
            if len(left_over) > len(items):
                # What it had begun is gone, so that there is as much room as before.
                assert {path.name for path in vaults_of(self.folder)} == before
            assert left_over in ([items] if done else [items, [*items, *["erased"] * 30]])
        self.is_there(left_over)
        self.has_only_its_own_files()
        with opened(self.folder) as store:
            store.forget(Selection(items=frozenset({"erased"})))
            assert items_of(store) == items

    def rotating(self, left: int) -> None:
        items = self.made()
        before = {path.name for path in vaults_of(self.folder)}
        self.disk.fill(left)
        done = not self.refused(lambda: rotate(place_at(self.folder), place_at(self.folder, OTHER)))
        if not done:
            assert {path.name for path in vaults_of(self.folder)} == before
        self.is_there(items, OTHER if done else None)
        if not done:
            rotate(place_at(self.folder), place_at(self.folder, OTHER))
        self.is_there(items, OTHER)
        self.has_only_its_own_files(OTHER)

    def migrating(self, left: int) -> None:
        shutil.copytree(VECTOR, self.folder)
        self.disk.fill(left)
        self.refused(lambda: opened(self.folder).close())
        self.disk.make_room()
        with opened(self.folder) as store:
            assert items_of(store) == ["film-1", "映画-2", "film-1"]
            store.check()
        self.has_only_its_own_files()

    def retaining(self, left: int) -> None:
        self.made()
        settings = replace(QUICK, retention=Retention(days=1))
        with opened(self.folder) as store:
            # Opens every database: the memory that they share cannot be had on a full disk.
            store.check()
            self.disk.fill(left)
            done = self.refused(lambda: store.tend(NOW))
            assert not done
        self.disk.fill(left)

        def look() -> None:
            with opened(self.folder, settings=settings, now=NOW + 2 * DAY) as store:
                assert items_of(store) == []

        self.refused(look)
        self.disk.make_room()
        look()

    def erasing_everything(self, left: int) -> None:
        self.made()
        store = opened(self.folder)
        self.disk.fill(left)
        done = not self.refused(lambda: erase(self.folder, store))
        self.disk.make_room()
        if not done:
            erase(self.folder, store if store.is_open else None)
        store.close()
        assert not self.folder.exists()

    def has_only_its_own_files(self, key: Key | None = None) -> None:
        with opened(self.folder, key) as store:
            store.check()
        assert set(listed(self.folder)) == {"key.json", "profile.lock", *(each.name for each in vaults_of(self.folder))}


PHASES = [
    "recording",
    "importing",
    "beginning_an_epoch",
    "choosing",
    "opening",
    "creating",
    "erasing_a_part",
    "rotating",
    "migrating",
    "retaining",
    "erasing_everything",
]


def main() -> None:
    root, kind, phase = Path(sys.argv[1]), sys.argv[2], sys.argv[3]
    disk = Tmpfs(root) if kind == "tmpfs" else Limit(root)
    phases = Phases(root, disk)
    for number in map(int, sys.argv[4:]):
        getattr(phases, phase)(ROOM[number] * KIB)
        disk.make_room()
        shutil.rmtree(phases.folder, ignore_errors=True)
    print(json.dumps([phases.failed, phases.succeeded]))  # noqa: T201 - the parent listens


if __name__ == "__main__":
    main()
