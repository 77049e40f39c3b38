"""A process that uses a profile and dies: run as ``driver.py FOLDER ACTION [N]``.

All print "start" once everything is imported.

create     create a profile, then print "created"
record     open or create a profile, print "ready", then record numbered events, printing each number
erase      open the profile and erase it, then print "erased"
read       open the profile, begin to read every database, print "reading", and go on until it is told to end

With N the process kills itself at the Nth file operation that Python makes after the imports. Operations of SQLite are
numbered in ``faults``, which needs more of the system than this.
"""

import os
import signal
import sys
from itertools import count
from pathlib import Path

from homespun.config import Settings
from homespun.profile import Key, Place, ProfileStore, create, erase, exists, open_profile
from homespun.protocol.events import Event

WATCHED = {"open", "os.rename", "os.remove", "os.mkdir", "os.rmdir"}
NOW = 1_700_000_000.0
PATIENT = Settings(busy_timeout_ms=20_000)


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


def record(place: Place) -> None:
    store = open_profile(place, NOW) if exists(place.folder) else create(place, NOW)
    say("ready")
    for number in count():
        event = Event(f"item-{number}", "secretly-viewed", context={"place": "secret-place"})
        store.add_events_if(lambda _: True, [event], NOW)
        say(number)


def read(store: ProfileStore) -> None:
    vaults = store.vaults
    vaults.look()
    for row in (vaults.state, *vaults.epochs):
        vaults.connection(row)
    for connection in vaults.all_connections().values():
        connection.execute("BEGIN; SELECT count(*) FROM sqlite_schema").fetchall()
    say("reading")
    sys.stdin.read()


def main() -> None:
    folder, action = Path(sys.argv[1]), sys.argv[2]
    place = Place(folder, Key.bytes(bytes(range(32))), PATIENT)
    if len(sys.argv) > 3:
        die_at(int(sys.argv[3]), str(folder))
    say("start")
    if action == "create":
        create(place, NOW).close()
        say("created")
    elif action == "erase":
        erase(folder, open_profile(place, NOW))
        say("erased")
    elif action == "read":
        read(open_profile(place, NOW))
    else:
        record(place)


if __name__ == "__main__":
    main()
