"""A process that uses a profile and dies: run as ``driver.py FOLDER ACTION [N]``.

All print "start" once everything is imported.

create     create a profile, then print "created"
record     open or create a profile, print "ready", then record numbered events, printing each number
erase      open the profile and erase it, then print "erased"

With N the process kills itself at the Nth file operation that Python makes after the imports.
"""

import os
import signal
import sys
from itertools import count
from pathlib import Path

from homespun.profile import Key, ProfileStore, erase
from homespun.protocol.events import Event

WATCHED = {"open", "os.rename", "os.remove", "os.mkdir", "os.rmdir"}


def die() -> None:
    if hasattr(signal, "SIGKILL"):
        os.kill(os.getpid(), signal.SIGKILL)
    os._exit(137)


def die_at(operation: int, folder: str) -> None:
    made = count(1)

    def watch(name: str, arguments: tuple[object, ...]) -> None:
        if name in WATCHED and arguments and str(arguments[0]).startswith(folder) and next(made) == operation:
            die()

    sys.addaudithook(watch)


def say(word: object) -> None:
    print(word, flush=True)  # noqa: T201 - the parent listens


def record(folder: Path, key: Key) -> None:
    store = ProfileStore.open(folder, key) if ProfileStore.exists(folder) else ProfileStore.create(folder, key)
    say("ready")
    for number in count():
        store.add_event(Event(f"item-{number}", "secretly-viewed", context={"place": "secret-place"}))
        say(number)


def main() -> None:
    folder, action = Path(sys.argv[1]), sys.argv[2]
    key = Key.bytes(bytes(range(32)))
    if len(sys.argv) > 3:
        die_at(int(sys.argv[3]), str(folder))
    say("start")
    if action == "create":
        ProfileStore.create(folder, key).close()
        say("created")
    elif action == "erase":
        erase(folder, ProfileStore.open(folder, key))
        say("erased")
    else:
        record(folder, key)


if __name__ == "__main__":
    main()
