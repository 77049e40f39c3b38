"""One profile, two processes: whatever one of them decides, the other may neither undo nor miss."""

import contextlib
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from homespun.config import Settings
from homespun.consent import Notice, Purpose
from homespun.custody import Custody
from homespun.errors import MisuseError, ProfileBusyError, ProfileError, ProfileStorageError
from homespun.home import Home
from homespun.profile import Key, Place, ProfileStore, exists
from homespun.protocol.events import Event
from homespun.withdrawal import Withdrawal
from tests.sdk.profile import support
from tests.sdk.profile.companion import QUICK, opened
from tests.sdk.profile.support import FakeKeyring, connection_of

STORAGE, PERSONALIZATION = Purpose.DEVICE_STORAGE, Purpose.PERSONALIZATION
BOTH = (STORAGE, PERSONALIZATION)
NAMES = tuple(map(str, BOTH))
COMPANION = Path(__file__).parent / "profile" / "companion.py"


class Other:
    """The other process; each call is one command that it obeys."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def start(self, *command: object) -> None:
        assert self._process.stdin
        self._process.stdin.write(json.dumps(command) + "\n")
        self._process.stdin.flush()

    def answer(self) -> tuple[str, Any]:
        assert self._process.stdout
        outcome, value = json.loads(self._process.stdout.readline())
        return outcome, value

    def __call__(self, *command: object) -> Any:
        self.start(*command)
        outcome, value = self.answer()
        assert outcome == "done", value
        return value


@contextmanager
def companion(folder: Path) -> Iterator[Other]:
    command = [sys.executable, "-W", "error", str(COMPANION), str(folder)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=COMPANION.parents[3]
    ) as process:
        yield Other(process)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "profile"


@pytest.fixture
def me(folder: Path) -> Iterator[Home]:
    with closing(opened(folder, QUICK)) as home:
        yield home


@pytest.fixture
def other(folder: Path) -> Iterator[Other]:
    with companion(folder) as process:
        yield process


def grant(home: Home, *purposes: Purpose, text: str = "May we?") -> None:
    home.grant(purposes, Notice(text), "test", "explicit")


def withdraw(home: Home, *purposes: Purpose) -> Withdrawal:
    return home.withdraw(purposes, "test", "explicit")


def granted(home: Home) -> set[Purpose]:
    return {purpose for purpose, status in home.consent_status().items() if status.granted}


def store_of(home: Home) -> ProfileStore:
    assert home.custody.store is not None
    return home.custody.store


def choices(store: ProfileStore) -> list[tuple[int, str, str]]:
    return [(record.sequence, record.purpose, record.action) for record in store.view().consent]


@contextmanager
def writing(folder: Path) -> Iterator[None]:
    """Somebody else is in the middle of a transaction."""
    with support.opened(folder) as somebody:
        connection_of(somebody).execute("BEGIN IMMEDIATE")
        yield
        connection_of(somebody).execute("ROLLBACK")


# Folders


def test_a_process_that_moved_to_another_folder_erases_nothing_or_somebody_elses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("here", "there"):
        (tmp_path / name).mkdir()
    monkeypatch.chdir(tmp_path / "there")
    with closing(opened(Path("profile"), QUICK)) as somebody:
        grant(somebody, *BOTH)
    monkeypatch.chdir(tmp_path / "here")
    with closing(opened(Path("profile"), QUICK)) as mine:
        grant(mine, *BOTH)
        monkeypatch.chdir(tmp_path / "there")
        receipt = withdraw(mine, STORAGE).receipt
        assert receipt is not None
        assert receipt.stores
    assert not (tmp_path / "here" / "profile").exists()
    assert exists(tmp_path / "there" / "profile")


def test_a_process_that_moved_creates_its_profile_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path)
    with closing(opened(Path("profile"), QUICK)) as mine:
        monkeypatch.chdir(tmp_path / "elsewhere")
        grant(mine, *BOTH)
    assert exists(tmp_path / "profile")
    assert list((tmp_path / "elsewhere").iterdir()) == []


@pytest.mark.parametrize("use", [Home.erase, lambda home: withdraw(home, STORAGE)])
@pytest.mark.parametrize("instead", ["nothing", "another profile"])
def test_an_open_profile_whose_folder_was_moved_is_called_erased(
    me: Home, folder: Path, use: Callable[[Home], object], instead: str
) -> None:
    grant(me, *BOTH)
    moved = folder.with_name("moved")
    try:
        folder.rename(moved)
    except OSError:
        pytest.skip("a folder in use cannot be moved here")
    if instead == "another profile":
        support.created(folder).close()
    with pytest.raises(ProfileStorageError, match=r"not in .* any more"):
        use(me)
    assert exists(moved)
    assert exists(folder) is (instead == "another profile")


def test_a_folder_without_a_name_is_the_current_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(MisuseError, match="no name"):
        opened(Path(), QUICK)
    with pytest.raises(MisuseError, match="no name"):
        support.created(Path())
    assert list(tmp_path.iterdir()) == []


# Withdrawing storage while another process has the profile open


def test_a_withdrawal_of_storage_is_lost_because_another_process_has_the_profile_open(
    me: Home, other: Other, folder: Path
) -> None:
    grant(me, *BOTH)
    other("open")
    assert other("add", "item-1") is True
    with pytest.raises(ProfileBusyError, match="erasure of the profile is pending"):
        withdraw(me, STORAGE)
    assert granted(me) == set()
    assert me.add(Event("item-2")) is False
    assert (me.usable_events(), me.events(), me.sizes()) == (None, [], None)
    assert exists(folder)
    # The other one notices by itself, lets go of the profile, and as the last one erases it.
    assert other("add", "item-3") is False
    assert other("usable") is None
    assert other("granted") == []
    assert not folder.exists()
    assert granted(me) == set()


def test_a_pending_erasure_is_forgotten(me: Home, other: Other, folder: Path) -> None:
    grant(me, *BOTH)
    other("open")
    with pytest.raises(ProfileBusyError):
        withdraw(me, STORAGE)
    me.close()
    other("close")
    assert exists(folder)
    with closing(opened(folder, QUICK)) as again:
        assert not folder.exists()
        assert granted(again) == set()
        assert again.add(Event("item")) is False


@pytest.mark.parametrize("again", ["withdraw", "erase"])
def test_trying_a_pending_erasure_again_does_not_finish_it(me: Home, other: Other, folder: Path, again: str) -> None:
    grant(me, *BOTH)
    assert me.add(Event("item"))
    profile = store_of(me).profile_id
    other("open")
    for _ in range(2):
        with pytest.raises(ProfileBusyError):
            withdraw(me, STORAGE)
    other("close")
    receipt = withdraw(me, STORAGE).receipt if again == "withdraw" else me.erase()
    assert receipt is not None
    assert receipt.profile == profile
    assert {entry.level for entry in receipt.stores} == {"logical"}, str(receipt)
    assert {"profile key", "events"} <= {entry.store for entry in receipt.stores}
    assert not folder.exists()


def test_a_new_grant_brings_back_what_was_withdrawn(me: Home, other: Other, folder: Path) -> None:
    grant(me, *BOTH)
    assert me.add(Event("old"))
    other("open")
    with pytest.raises(ProfileBusyError):
        withdraw(me, STORAGE)
    with pytest.raises(ProfileBusyError, match="Nothing was granted"):
        grant(me, *BOTH)
    assert granted(me) == set()
    grant(me, Purpose.MEASUREMENT)
    assert granted(me) == {Purpose.MEASUREMENT}
    other("close")
    grant(me, *BOTH)
    assert granted(me) == {*BOTH, Purpose.MEASUREMENT}
    assert me.add(Event("new"))
    assert [event.item for event in me.events()] == ["new"]


def test_a_profile_that_another_process_made_after_the_erasure_falls_victim_to_the_old_withdrawal(
    me: Home, other: Other
) -> None:
    grant(me, *BOTH)
    withdraw(me, STORAGE, PERSONALIZATION)
    other("open")
    other("grant", *NAMES)
    assert granted(me) == set(BOTH)
    assert me.add(Event("item")) is True
    assert other("items") == ["item"]


# A process that was there before the profile


def test_a_process_does_not_notice_a_profile_that_appeared(me: Home, other: Other, folder: Path) -> None:
    other("open")
    assert me.sizes() is None
    other("grant", *NAMES)
    assert granted(me) == set(BOTH)
    assert me.add(Event("item")) is True
    assert other("items") == ["item"]
    other("close")
    assert withdraw(me, STORAGE).receipt is not None
    assert not folder.exists()


def test_a_withdrawal_loses_to_an_older_grant_of_another_process(me: Home, other: Other) -> None:
    other("open")
    other("grant", *NAMES)
    withdraw(me, PERSONALIZATION)
    grant(me, STORAGE)
    assert granted(me) == {STORAGE}
    assert me.add(Event("item")) is False
    assert other("granted") == [str(STORAGE)]
    assert [sequence for sequence, _, _ in choices(store_of(me))] == [1, 2, 3]


def test_a_grant_has_no_effect_because_another_process_had_withdrawn(me: Home, other: Other) -> None:
    other("open")
    other("grant", *NAMES)
    other("withdraw", str(PERSONALIZATION))
    grant(me, *BOTH)
    assert granted(me) == set(BOTH)
    assert other("granted") == list(NAMES)


def test_choices_made_before_the_profile_appeared_are_lost_or_share_numbers(me: Home, other: Other) -> None:
    grant(me, Purpose.MEASUREMENT, Purpose.CONTRIBUTION)
    withdraw(me, PERSONALIZATION)
    other("open")
    other("grant", *NAMES, str(Purpose.CONTRIBUTION))
    other("withdraw", str(Purpose.CONTRIBUTION))
    # Of two choices in an unknown order the more private one wins, before and after it is written.
    assert granted(me) == {STORAGE}
    grant(me, Purpose.EXPLANATION_LOG)
    assert granted(me) == {STORAGE, Purpose.MEASUREMENT, Purpose.EXPLANATION_LOG}
    assert other("granted") == [str(STORAGE), str(Purpose.MEASUREMENT), str(Purpose.EXPLANATION_LOG)]
    numbers = [sequence for sequence, _, _ in choices(store_of(me))]
    assert numbers == list(range(1, len(numbers) + 1))


# A choice that raised


def test_a_grant_that_raised_takes_effect(me: Home, folder: Path) -> None:
    grant(me, STORAGE)
    with writing(folder), pytest.raises(ProfileBusyError):
        grant(me, PERSONALIZATION)
    assert granted(me) == {STORAGE}
    assert me.add(Event("item")) is False
    assert choices(store_of(me)) == [(1, "device_storage", "grant")]


def test_a_withdrawal_that_raised_has_no_effect(me: Home, other: Other, folder: Path) -> None:
    grant(me, *BOTH)
    with writing(folder):
        with pytest.raises(ProfileBusyError, match="holds in this process"):
            withdraw(me, PERSONALIZATION)
        assert granted(me) == {STORAGE}
        assert me.usable_events() is None
        assert me.add(Event("item")) is False
    other("open")
    assert other("granted") == list(NAMES)
    assert me.add(Event("item")) is False
    assert other("granted") == [str(STORAGE)]


@pytest.mark.parametrize("purposes", [(PERSONALIZATION,), BOTH])
def test_a_withdrawal_that_raised_is_forgotten_on_closing(folder: Path, purposes: tuple[Purpose, ...]) -> None:
    with closing(opened(folder, QUICK)) as me:
        grant(me, *BOTH)
        with writing(folder), pytest.raises(ProfileBusyError):
            withdraw(me, *purposes)
        assert granted(me) == set(BOTH) - set(purposes)
    with closing(opened(folder, QUICK)) as again:
        assert granted(again) == set(BOTH) - set(purposes)
        assert folder.exists() is (STORAGE not in purposes)


def test_a_withdrawal_that_raised_overrules_a_later_grant(me: Home, folder: Path) -> None:
    grant(me, *BOTH)
    with writing(folder), pytest.raises(ProfileBusyError):
        withdraw(me, PERSONALIZATION)
    grant(me, PERSONALIZATION)
    assert granted(me) == set(BOTH)
    assert [action for _, _, action in choices(store_of(me))] == ["grant", "grant", "withdraw", "grant"]


def test_a_withdrawal_waits_until_the_profile_can_be_opened(other: Other, me: Home, folder: Path) -> None:
    other("open")
    other("grant", *NAMES)
    key = (folder / "key.json").read_bytes()
    (folder / "key.json").write_bytes(b"{")
    with pytest.raises(ProfileError):
        withdraw(me, PERSONALIZATION)
    (folder / "key.json").write_bytes(key)
    assert granted(me) == {STORAGE}
    assert me.add(Event("item")) is False
    assert other("granted") == [str(STORAGE)]


def test_a_first_grant_that_raised_counts(tmp_path: Path) -> None:
    (tmp_path / "blocked").write_text("a file")
    with closing(opened(tmp_path / "blocked" / "profile", QUICK)) as me:
        with pytest.raises(ProfileStorageError):
            grant(me, *BOTH)
        assert granted(me) == set()
        assert me.add(Event("item")) is False


def test_a_first_grant_that_could_not_be_stored_leaves_a_profile_behind(
    me: Home, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise ProfileStorageError("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(ProfileStore, "extend_consent", refuse)
        with pytest.raises(ProfileStorageError, match="full"):
            grant(me, *BOTH)
    assert not folder.exists()
    assert granted(me) == set()
    grant(me, *BOTH)
    assert me.add(Event("item")) is True


def test_a_withdrawal_of_storage_waits_for_a_disk_that_refuses_to_note_it(
    me: Home, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    grant(me, *BOTH)

    def refuse(*_: object, **__: object) -> None:
        raise ProfileStorageError("the disk is full")

    monkeypatch.setattr(ProfileStore, "extend_consent", refuse)
    assert withdraw(me, STORAGE).receipt is not None
    assert not folder.exists()


def test_a_profile_without_any_choice_is_written_to(me: Home, folder: Path) -> None:
    # As a crash between creating the profile and recording the grant leaves it.
    support.created(folder).close()
    grant(me, PERSONALIZATION)
    assert granted(me) == {PERSONALIZATION}
    assert me.add(Event("item")) is False
    assert choices(store_of(me)) == []
    grant(me, STORAGE)
    assert granted(me) == set(BOTH)
    assert me.add(Event("item")) is True


# At the same time


def test_an_event_is_recorded_after_another_process_acknowledged_the_withdrawal(folder: Path) -> None:
    with ExitStack() as stack:
        recorder, chooser = (stack.enter_context(companion(folder)) for _ in range(2))
        for process in (recorder, chooser):
            process("open_patiently")
        chooser("grant", *NAMES)
        for _ in range(3):
            recorder.start("add_many", 2000)
            chooser("withdraw", str(PERSONALIZATION))
            count = len(chooser("items"))
            assert recorder.answer()[0] == "done"
            assert len(chooser("items")) == count
            chooser("grant", str(PERSONALIZATION))


def test_choices_of_two_processes_get_the_same_number(folder: Path) -> None:
    with ExitStack() as stack:
        processes = [stack.enter_context(companion(folder)) for _ in range(2)]
        for process in processes:
            process("open_patiently")
        processes[0]("grant", str(STORAGE))
        for process in processes:
            process.start("vary", 30)
        assert [process.answer()[0] for process in processes] == ["done", "done"]
    with support.opened(folder) as store:
        assert [sequence for sequence, _, _ in choices(store)] == list(range(1, 62))


def test_of_two_first_grants_at_once_one_is_refused(folder: Path) -> None:
    for turn in range(3):
        place = folder / str(turn)
        with ExitStack() as stack:
            processes = [stack.enter_context(companion(place)) for _ in range(2)]
            for process in processes:
                process("open_patiently")
            for process in processes:
                process.start("grant", *NAMES)
            assert [process.answer() for process in processes] == [("done", None)] * 2
            assert [process("add", "item") for process in processes] == [True, True]
            assert processes[0]("items") == ["item", "item"]


def test_a_first_grant_that_comes_second_is_called_misuse(
    me: Home, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with closing(opened(folder, QUICK)) as faster:
        finish = Custody.open_or_create

        def overtaken(custody: Custody) -> tuple[ProfileStore, bool]:
            if custody is me.custody:
                grant(faster, *BOTH)
            return finish(custody)

        monkeypatch.setattr(Custody, "open_or_create", overtaken)
        grant(me, *BOTH)
        assert granted(me) == set(BOTH)
        assert len(choices(store_of(me))) == 2


# Errors and effort


def test_a_locked_keyring_hides_that_the_profile_is_busy(folder: Path) -> None:
    backend = FakeKeyring()
    key = Key.keyring("app", backend=backend)

    def home() -> Home:
        return Home(Place(folder, key, Settings(busy_timeout_ms=0)), clock=lambda: 1.0)

    with closing(home()) as me:
        grant(me, *BOTH)
        with closing(home()):
            backend.refuse = True
            with pytest.raises(ProfileBusyError):
                me.erase()
            backend.refuse = False
            assert me.add(Event("item")) is True
        assert withdraw(me, STORAGE).receipt is not None
    assert not folder.exists()


def test_a_grant_at_every_start_makes_the_profile_grow(folder: Path) -> None:
    for _ in range(20):
        with closing(opened(folder, QUICK)) as me:
            grant(me, *BOTH)
            assert me.sizes() == me.sizes()
            assert len(choices(store_of(me))) == 2


def test_recording_reads_all_choices_again(me: Home) -> None:
    grant(me, *BOTH)
    for number in range(50):
        grant(me, *BOTH, text=f"Wording {number}")
    assert me.add(Event("item")) is True
    read: list[object] = []

    def watch(row: tuple[Any, ...]) -> tuple[Any, ...]:
        read.append(row)
        return row

    for kind in ("profile", "state", "epoch"):
        connection_of(store_of(me), kind).row_trace = lambda _, row: watch(row)
    assert me.add(Event("item")) is True
    assert granted(me) == set(BOTH)
    # At most whether somebody else has changed anything.
    assert len(read) < 10
    connection_of(store_of(me)).execute("SELECT record FROM consent").fetchall()
    assert len(read) >= 102


def test_an_ephemeral_profile_outlives_the_withdrawal_of_storage() -> None:
    with closing(Home(Place(None, Key.ephemeral(), QUICK), clock=lambda: 1.0)) as me:
        grant(me, *BOTH)
        assert me.add(Event("item"))
        assert withdraw(me, STORAGE).receipt is not None
        assert (me.events(), granted(me)) == ([], set())
        grant(me, *BOTH)
        assert me.events() == []


def test_closing_twice_fails(folder: Path) -> None:
    me = opened(folder, QUICK)
    with contextlib.closing(me):
        grant(me, *BOTH)
    me.close()
