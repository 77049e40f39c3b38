"""What was given is forgotten, counted twice, or believed although it was changed."""

import threading
from pathlib import Path

import msgspec
import pytest

from homespun.errors import ProfileBusyError, ProfileStorageError
from homespun.profile.alone import alone
from homespun.profile.given import MAX_SIZE, FileGiven, Given


def line(number: int = 0, profile: str = "a" * 32) -> Given:
    return Given(profile=profile, what=f"report/{number}", task=f"{number:064x}", epsilon=7, expires=9, check="0" * 8)


@pytest.fixture
def kept(tmp_path: Path) -> FileGiven:
    return FileGiven.beside(tmp_path / "new" / "profile")


def test_nothing_given_leaves_a_trace(kept: FileGiven, tmp_path: Path) -> None:
    assert kept.read() == ()
    assert list(tmp_path.iterdir()) == []


def test_what_was_given_is_forgotten_or_counted_twice(kept: FileGiven, tmp_path: Path) -> None:
    lines = [line(0), line(1), line(0, "b" * 32)]
    for each in (*lines, *lines):
        kept.add(each)
    assert kept.read() == tuple(lines)
    assert FileGiven.beside(tmp_path / "new" / "profile").read() == tuple(lines)
    assert (tmp_path / "new" / "profile.given").stat().st_mode & 0o077 == 0


def test_what_left_is_marked_on_another_line_or_forgotten(kept: FileGiven, tmp_path: Path) -> None:
    assert not kept.mark("a" * 32, "report/0", left=True)
    assert list(tmp_path.iterdir()) == []
    for each in (line(0), line(1), line(0, "b" * 32)):
        kept.add(each)
    assert not kept.mark("a" * 32, "report/0", left=True)
    assert kept.mark("a" * 32, "report/0", left=True)
    kept.add(line(0))
    assert [each.left for each in FileGiven.beside(tmp_path / "new" / "profile").read()] == [True, False, False]
    assert kept.mark("a" * 32, "report/0", left=False)
    assert kept.read() == (line(0), line(1), line(0, "b" * 32))


def test_two_who_give_at_once_lose_a_line(kept: FileGiven) -> None:
    threads = [threading.Thread(target=kept.add, args=(line(number),)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(each.task for each in kept.read()) == [f"{number:064x}" for number in range(8)]


@pytest.mark.parametrize("damage", [b"x\n", b"{}\n", b'{"schema":2}\n', b"\xff\n", b"[" * 10_000 + b"\n"])
def test_a_damaged_line_is_passed_over(kept: FileGiven, tmp_path: Path, damage: bytes) -> None:
    kept.add(line())
    path = tmp_path / "new" / "profile.given"
    path.write_bytes(path.read_bytes() + damage)
    for use in (kept.read, lambda: kept.add(line(1))):
        with pytest.raises(ProfileStorageError, match="nothing is contributed"):
            use()


def test_an_endless_file_is_read(kept: FileGiven, tmp_path: Path) -> None:
    kept.add(line())
    (tmp_path / "new" / "profile.given").write_bytes(b"\n" * (MAX_SIZE + 1))
    with pytest.raises(ProfileStorageError, match="longer than"):
        kept.read()


def test_a_negative_epsilon_makes_room(kept: FileGiven, tmp_path: Path) -> None:
    kept.add(line())
    path = tmp_path / "new" / "profile.given"
    path.write_bytes(path.read_bytes().replace(b'"epsilon":7', b'"epsilon":-7'))
    with pytest.raises(ProfileStorageError):
        kept.read()


def test_one_who_hangs_keeps_everybody_waiting(tmp_path: Path) -> None:
    kept = FileGiven(tmp_path / "given", wait_ms=0)
    with alone(tmp_path / "given", 0), pytest.raises(ProfileBusyError, match="tried again"):
        kept.add(line())


def test_a_line_tells_of_more_than_the_cost() -> None:
    fields = set(msgspec.to_builtins(line()))
    assert fields == {"schema", "profile", "what", "task", "epsilon", "expires", "check", "left"}
