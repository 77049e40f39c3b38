"""What a lock could smuggle in, or leave out, without anybody noticing."""

from pathlib import Path

import pytest

from tools.check_lock import differences, problems_of, without_hashes
from tools.lock import LOCKS

HASH = f"--hash=sha256:{'0' * 64}"
OTHER = f"--hash=sha256:{'1' * 64}"
GOOD = f"left-pad==1.0 ; python_full_version < '3.12' \\\n    {HASH} \\\n    {OTHER}\nright-pad==2.0 \\\n    {HASH}\n"


def test_a_good_lock_is_refused() -> None:
    assert problems_of(GOOD) == []


@pytest.mark.parametrize("name", [lock.name for lock in LOCKS])
def test_a_lock_of_this_tree_is_bad(repository: Path, name: str) -> None:
    assert problems_of((repository / "requirements" / f"{name}.txt").read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("left-pad==1.0", "no hash"),
        ("left-pad==1.0 --hash=md5:00", "not a SHA-256 hash"),
        ("left-pad==1.0 --hash=sha256:00", "not a SHA-256 hash"),
        (f"left-pad>=1.0 {HASH}", "name==version"),
        (f"left-pad @ https://example.org/left_pad.whl {HASH}", "name==version"),
        (f"./left-pad {HASH}", "name==version"),
        ("--index-url https://example.org/simple", "name==version"),
        (f"-e ./sdk {HASH}", "name==version"),
        (f"homespun==0.1.0 {HASH}", "never from an index"),
        ("", "empty"),
    ],
)
def test_a_line_that_trusts_more_than_hashes_passes(line: str, complaint: str) -> None:
    assert complaint in " ".join(problems_of(line))


def test_a_dependency_was_declared_but_not_locked() -> None:
    (complaint,) = differences(GOOD, GOOD + f"third==1.0 \\\n    {HASH}\n")
    assert "third==1.0" in complaint


def test_a_hash_was_swapped_in_the_lock() -> None:
    (complaint,) = differences(GOOD.replace(OTHER, OTHER.replace("1", "2", 1)), GOOD)
    assert "left-pad" in complaint


def test_a_file_added_to_a_release_later_breaks_the_lock() -> None:
    assert differences(GOOD, GOOD.replace(OTHER, f"{OTHER} \\\n    --hash=sha256:{'2' * 64}")) == []


def test_the_locked_hashes_vouch_for_themselves() -> None:
    assert without_hashes(GOOD) == "left-pad==1.0 ; python_full_version < '3.12'\nright-pad==2.0\n"
