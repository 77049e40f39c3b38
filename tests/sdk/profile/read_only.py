"""A program whose profile is on a medium that becomes read-only: run as ``read_only.py FOLDER HOW``.

HOW says what makes it read-only: ``mount`` (FOLDER is a file system of its own) or ``modes``. It checks that every use
is refused with one error that says so, that nothing is changed, and that all is there once it is writable again.
"""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from homespun.errors import ProfileStorageError
from homespun.home import Home
from homespun.profile import erase, rotate
from homespun.protocol.events import Event
from homespun.testing import FakeClock
from tests.sdk.profile.support import contents, created, items_of, opened, place_at, record


def set_writable(root: Path, how: str, *, writable: bool) -> None:
    if how == "mount":
        subprocess.run(["mount", "-o", f"remount,{'rw' if writable else 'ro'}", str(root)], check=True)
        return
    for path in (root, *root.rglob("*")):
        path.chmod((0o700 if path.is_dir() else 0o600) if writable else (0o500 if path.is_dir() else 0o400))


def refuse(what: str, act: Callable[[], object]) -> None:
    try:
        act()
    except ProfileStorageError as error:
        text = str(error)
    else:
        raise AssertionError(f"{what} worked on a read-only medium")
    assert "read-only" in text, (what, text)
    assert "copy it" in text, (what, text)


def main() -> None:
    root, how = Path(sys.argv[1]), sys.argv[2]
    folder = root / "profile"
    store = created(folder)
    record(store, Event("merged"))
    store.close()
    store = opened(folder)
    record(store, Event("in the log"))
    # As after the death of a process: a log, and no memory that is shared.
    store.close(keep_log=sys.argv[3] == "killed")
    before = contents(folder)
    set_writable(root, how, writable=False)
    acts: dict[str, Callable[[], object]] = {
        "opening": lambda: opened(folder),
        "the client": lambda: Home(place_at(folder), clock=FakeClock()),
        "creating": lambda: created(root / "other"),
        "erasing": lambda: erase(folder, None),
        "rotating": lambda: rotate(place_at(folder), place_at(folder)),
    }
    for what, act in acts.items():
        refuse(what, act)
    assert contents(folder) == before
    set_writable(root, how, writable=True)
    with opened(folder) as again:
        assert items_of(again) == ["merged", "in the log"]
        record(again, Event("more"))
    assert os.access(folder, os.W_OK)


if __name__ == "__main__":
    main()
