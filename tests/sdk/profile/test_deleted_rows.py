"""What was erased is looked for in everything that the keys of today decrypt: pages, free pages and every old state of
a log, of the files that there are and of copies that somebody took before."""

import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import apsw
import pytest

import homespun as hs
from homespun.config import Settings
from homespun.errors import LostKeyError
from homespun.profile import KeyStore
from homespun.profile.files import listed
from homespun.profile.index import read_index
from homespun.profile.keyfile import KeyFile, read_key_file
from homespun.profile.schema import MAIN
from homespun.profile.secret import Secret
from homespun.profile.vault import connect_with_key, open_vault
from homespun.protocol.events import Event
from homespun.protocol.receipts import Receipt
from homespun.protocol.records import ExplanationRecord, named_in
from homespun.testing import FakeClock
from tests.sdk.profile.erasing import MemoryKeyStore
from tests.sdk.profile.support import DRIVER, QUICK, log_of, opened, raw_key, traces, vaults_of

DAY = 86_400.0
START = 1_700_000_000.0
SETTINGS = Settings(
    busy_timeout_ms=200, epoch_days=1.0, retention=hs.Retention(days=60), retention_of={"rate": hs.Retention(days=30)}
)
NOTICE = hs.Notice("May we?")
PURPOSES = (hs.Purpose.DEVICE_STORAGE, hs.Purpose.PERSONALIZATION, hs.Purpose.EXPLANATION_LOG)

FRAME_HEADER, LOG_HEADER, PAGE = 24, 32, 2048

GONE = ("goes-with-it", "id-of-it")
STAYS = ("item-5", "stays-with-it", "id-of-other")

Erase = Callable[[hs.Personalizer], Receipt | int | None]

ERASURES: dict[str, Erase] = {
    "item": lambda me: me.erase(item="item-7"),
    "tag": lambda me: me.erase(tag="tag-1"),
    "kind": lambda me: me.erase(kind="rate"),
    "time": lambda me: me.erase(between=(START + 100, START + 200)),
    "rectification": lambda me: me.rectify(goes(), Event("item-8", "rate", START + 150, id="id-of-it")),
}


def goes() -> Event:
    return Event("item-7", "rate", START + 150, 5.0, {"mark": "goes-with-it"}, "id-of-it")


def stays() -> Event:
    return Event("item-5", "view", START + 50, None, {"mark": "stays-with-it"}, "id-of-other")


@dataclass
class Person:
    """A profile with two epochs: what goes is in the first, and has been in pages that were split and merged since."""

    folder: Path
    bundle: hs.Bundle
    key_store: KeyStore | None
    clock: FakeClock

    def open(self, folder: Path | None = None) -> hs.Personalizer:
        return hs.Personalizer.open(
            folder or self.folder,
            key=raw_key(),
            bundle=self.bundle,
            settings=SETTINGS,
            clock=self.clock,
            key_store=self.key_store,
        )

    def fill(self) -> None:
        with self.open() as me:
            me.consent.grant(*PURPOSES, notice=NOTICE)
            fillers = [Event(f"item-{2 + 3 * n % 30}", "view", START + n / 10) for n in range(400)]
            me.record_many([*fillers, stays()])
            me.record_many([goes(), *fillers])
            me.attributes.set("language", "stays-with-it")
            me.controls.hide_item("item-7")
            assert any("item-7" in named_in(each) for each in self._decided(me))
            self.clock.advance(2 * DAY)
            me.record_many([Event("item-5", "view", START + 2 * DAY)])

    @staticmethod
    def _decided(me: hs.Personalizer) -> list[ExplanationRecord]:
        me.recommend(20, exclude_seen=False)
        return me.decisions.all()


@pytest.fixture(params=["inside", "outside"])
def person(request: pytest.FixtureRequest, tmp_path: Path, bundle: hs.Bundle) -> Person:
    store = MemoryKeyStore() if request.param == "outside" else None
    made = Person(tmp_path / "profile", bundle, store, FakeClock(START))
    made.fill()
    return made


@contextmanager
def reading(folder: Path) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, str(DRIVER), str(folder), "read"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert process.stdin
        assert [process.stdout.readline() for _ in range(2)] == ["start\n", "reading\n"]
        try:
            yield process
        finally:
            process.stdin.close()


def keys_of(person: Person) -> list[Secret]:
    """Every key that the person's key opens now."""
    file = read_key_file(person.folder)
    assert isinstance(file, KeyFile)
    data_key = raw_key().unseal(file)
    main = open_vault(person.folder / file.database, data_key, MAIN, QUICK)
    try:
        names = [(row.name, row.key) for row in read_index(main)]
    finally:
        main.close()
    outside = person.key_store.keys.values() if isinstance(person.key_store, MemoryKeyStore) else ()
    return [data_key, *(key for _, key in names if key is not None), *map(Secret, outside)]


def copied(folder: Path, to: Path) -> Path:
    """A copy of the files as they are, made by somebody who opens no database."""
    # The index of a log is rebuilt, and Windows lets nobody read it while it is in use.
    return Path(shutil.copytree(folder, to, ignore=shutil.ignore_patterns("*-shm")))


def revealed(folder: Path, keys: Sequence[Secret], tmp_path: Path) -> bytes:
    """Everything that any of the keys decrypts in a folder: all pages, used or free, in every state of each log."""
    found = bytearray()
    for path in vaults_of(folder):
        log = log_of(path).read_bytes() if log_of(path).exists() else b""
        ends = [0, *range(LOG_HEADER + FRAME_HEADER + PAGE, len(log) + 1, FRAME_HEADER + PAGE)]
        for key in keys:
            for end in ends:
                found += pages(path, log[:end], key, tmp_path / "scratch")
    return bytes(found)


def pages(path: Path, log: bytes, key: Secret, scratch: Path) -> bytes:
    """All pages of a database with a log; nothing if the key does not open it."""
    scratch.mkdir()
    try:
        shutil.copy(path, scratch / path.name)
        log_of(scratch / path.name).write_bytes(log)
        connection = connect_with_key(scratch / path.name, key, QUICK)
        try:
            return connection.serialize("main") or b""
        except (apsw.Error, OSError):
            return b""
        finally:
            connection.close()
    finally:
        shutil.rmtree(scratch)


def found(words: Sequence[str], data: bytes) -> set[str]:
    return {word for word in words if word.encode() in data}


def assert_gone_and_the_rest_there(person: Person, copy: Path, tmp_path: Path, gone: Sequence[str] = GONE) -> None:
    keys = keys_of(person)
    now = revealed(copied(person.folder, tmp_path / "now"), keys, tmp_path)
    assert found(gone, now) == set()
    assert found(STAYS, now) == set(STAYS)
    before = revealed(copy, keys, tmp_path)
    assert found(gone, before) == set()
    assert traces(person.folder, [*GONE, *STAYS]) == []
    assert not [name for name in listed(person.folder) if name.endswith("-journal")]


@pytest.mark.parametrize("how", ERASURES)
def test_erased_rows_are_found_in_a_file_or_with_the_keys_of_today_in_an_old_copy(
    person: Person, tmp_path: Path, how: str
) -> None:
    copy = copied(person.folder, tmp_path / "copy")
    # What the person set about the item is about all of it.
    gone = {"item": (*GONE, "item-7"), "tag": (*GONE, "item-7"), "rectification": GONE[:1]}.get(how, GONE)
    assert found(gone, revealed(copy, keys_of(person), tmp_path)) == set(gone)
    with person.open() as me:
        open_copy = copied(person.folder, tmp_path / "copy while open")
        ERASURES[how](me)
        assert goes() not in me.events()
        # While it is open the logs are there; once it is closed they are not.
        assert_gone_and_the_rest_there(person, open_copy, tmp_path, gone)
        shutil.rmtree(tmp_path / "now")
    assert_gone_and_the_rest_there(person, copy, tmp_path, gone)


def test_the_key_of_what_was_rewritten_is_found_in_the_main_database(person: Person, tmp_path: Path) -> None:
    with person.open() as me:
        before = {key.reveal() for key in keys_of(person)}
        me.erase(item="item-7")
        after = {key.reveal() for key in keys_of(person)}
        gone = before - after
        assert len(gone) == 2
        now = revealed(copied(person.folder, tmp_path / "now"), keys_of(person), tmp_path)
    assert [key for key in gone if key in now] == []


@pytest.mark.parametrize("how", ["item", "time"])
@pytest.mark.parametrize("person", ["inside"], indirect=True)
def test_erased_rows_are_found_while_another_process_is_reading_them(person: Person, tmp_path: Path, how: str) -> None:
    with person.open() as me:
        before = keys_of(person)
        with reading(person.folder) as process:
            copy = copied(person.folder, tmp_path / "copy")
            receipt = ERASURES[how](me)
            assert_gone_and_the_rest_there(person, copy, tmp_path)
            # What the other one reads has the old keys in it, and the receipt does not claim that they are gone.
            assert isinstance(receipt, Receipt)
            assert {store.level for store in receipt.stores} == {"unverified"}
            assert all(".db-wal" in store.detail for store in receipt.stores)
            shutil.rmtree(tmp_path / "now")
            if Path("/proc/self/fd").exists():
                assert found(GONE, held(process.pid, before, tmp_path)) == set()
        process.wait()
        me.record("item-8")
    assert_gone_and_the_rest_there(person, copy, tmp_path)
    gone = {key.reveal() for key in before} - {key.reveal() for key in keys_of(person)}
    now = revealed(person.folder, keys_of(person), tmp_path)
    assert [key for key in gone if key in now] == []


def held(process: int, keys: Sequence[Secret], tmp_path: Path) -> bytes:
    """What keys decrypt of the files that a process has open and that no folder lists any more."""
    opened_files = {}
    for link in Path(f"/proc/{process}/fd").iterdir():
        name = str(link.readlink())
        if name.endswith(" (deleted)"):
            opened_files[Path(name.removesuffix(" (deleted)")).name] = link.read_bytes()
    assert any(name.endswith(".db") for name in opened_files)
    folder = tmp_path / "held"
    folder.mkdir()
    for name, data in opened_files.items():
        (folder / name).write_bytes(data)
    return revealed(folder, keys, tmp_path)


@pytest.mark.parametrize("person", ["outside"], indirect=True)
def test_an_old_copy_of_the_whole_folder_opens_what_was_erased(person: Person, tmp_path: Path) -> None:
    copy = copied(person.folder, tmp_path / "copy")
    with person.open() as me:
        receipt = me.erase(item="item-7")
    assert {store.level for store in receipt.stores} == {"key_destroyed"}
    with pytest.raises(LostKeyError), person.open(copy) as old:
        old.events()
    assert found(GONE, revealed(copy, keys_of(person), tmp_path)) == set()


@pytest.mark.parametrize("person", ["inside"], indirect=True)
def test_a_receipt_claims_too_much_where_the_keys_were_in_the_folder(person: Person, tmp_path: Path) -> None:
    copy = copied(person.folder, tmp_path / "copy")
    with person.open() as me:
        receipt = me.erase(item="item-7")
    assert {store.level for store in receipt.stores} == {"logical"}
    # This is what the receipt warns of: the old main database has the old keys.
    with person.open(copy) as old:
        assert goes() in old.events()


def test_rows_that_were_too_old_are_found_with_the_keys_of_today(person: Person, tmp_path: Path) -> None:
    person.clock.advance(58.5 * DAY)
    with person.open() as me:
        assert len(me.events()) == 1
        now = revealed(copied(person.folder, tmp_path / "now"), keys_of(person), tmp_path)
        assert found(GONE, now) == set()
    assert len(vaults_of(person.folder, "epoch")) == 1


def test_rows_that_were_too_old_are_found_in_a_file_that_others_stay_in(person: Person, tmp_path: Path) -> None:
    before = vaults_of(person.folder, "epoch")
    person.clock.advance(30 * DAY)
    with person.open() as me:
        assert goes() not in me.events()
        now = revealed(copied(person.folder, tmp_path / "now"), keys_of(person), tmp_path)
        assert found(GONE, now) == set()
        assert found(STAYS, now) == set(STAYS)
    assert vaults_of(person.folder, "epoch") == before


def test_the_search_misses_a_free_page_or_an_old_state_of_a_log(person: Person, tmp_path: Path) -> None:
    with opened(person.folder, settings=SETTINGS, now=person.clock(), key_store=person.key_store) as store:
        vaults = store.vaults
        vaults.look()
        connection = vaults.connection(vaults.epochs[0])
        connection.pragma("secure_delete", "off")
        connection.execute("DELETE FROM event").fetchall()
        now = copied(person.folder, tmp_path / "now")
        assert found(GONE, revealed(now, keys_of(person), tmp_path)) == set(GONE)


def test_decisions_about_an_item_go_although_none_of_its_events_went(person: Person) -> None:
    with person.open() as me:
        before = me.decisions.all()
        assert any("item-7" in named_in(record) for record in before)
        me.erase(item="item-7", between=(START + 300, START + 400))
        assert me.decisions.all() == before
        me.erase(item="item-7", kind="view")
        assert me.decisions.all() == before
        me.erase(item="item-7", kind="rate")
        assert me.decisions.all() != before
        assert not any("item-7" in named_in(record) for record in me.decisions)


def test_what_was_set_or_decided_about_items_without_events_stays_when_their_tag_is_erased(person: Person) -> None:
    with person.open() as me:
        me.controls.hide_item("item-10")
        me.controls.hide_item("item-11")
        assert me.bundle.tags("item-10") == me.bundle.tags("item-7") != me.bundle.tags("item-11")
        me.erase(tag="tag-1")
        assert me.controls.current().hidden_items == {"item-11"}
        named = {item for record in me.decisions for item in named_in(record) if item in me.bundle}
        assert not any("tag-1" in me.bundle.tags(item) for item in named)
