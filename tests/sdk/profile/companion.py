"""Another process that uses a profile: run as ``companion.py FOLDER``; obeys lines, answers each with one.

Commands are lines of JSON, ``[NAME, ARGUMENT...]``; the answer is ``[OUTCOME, TEXT]`` in JSON, where the outcome of
an error is its class. It ends with its input.
"""

import json
import os
import sys
from pathlib import Path

from homespun.config import Settings
from homespun.consent import Notice, Purpose
from homespun.errors import HomespunError
from homespun.home import Home
from homespun.profile import Key, Place
from homespun.protocol.events import Event

QUICK = Settings(busy_timeout_ms=50)
PATIENT = Settings(busy_timeout_ms=10_000)


def opened(folder: Path, settings: Settings) -> Home:
    return Home(Place(folder, Key.bytes(bytes(range(32))), settings), clock=lambda: 1.0)


def purposes_named(names: tuple[str, ...]) -> tuple[Purpose, ...]:
    return tuple(purpose for purpose in Purpose if purpose in names)


class Companion:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.home: Home | None = None

    @property
    def me(self) -> Home:
        assert self.home is not None
        return self.home

    def open(self) -> None:
        self.home = opened(self.folder, QUICK)

    def open_patiently(self) -> None:
        self.home = opened(self.folder, PATIENT)

    def close(self) -> None:
        self.me.close()

    def grant(self, *purposes: str) -> None:
        self.me.grant(purposes_named(purposes), Notice("May we?"), "test", "explicit")

    def withdraw(self, *purposes: str) -> bool:
        return self.me.withdraw(purposes_named(purposes), "test", "explicit").receipt is not None

    def granted(self) -> list[str]:
        return [str(purpose) for purpose, status in self.me.consent_status().items() if status.granted]

    def add(self, item: str) -> bool:
        return self.me.add(Event(item))

    def add_many(self, number: int) -> int:
        return sum(self.me.add(Event(f"item-{each}")) for each in range(number))

    def vary(self, number: int) -> None:
        for each in range(number):
            self.me.grant((Purpose.MEASUREMENT,), Notice(f"{os.getpid()} {each}"), "test", "explicit")

    def items(self) -> list[str]:
        return [event.item for event in self.me.events()]

    def usable(self) -> int | None:
        events = self.me.usable_events()
        return None if events is None else len(events)


def main() -> None:
    companion = Companion(Path(sys.argv[1]))
    for line in sys.stdin:
        name, *arguments = json.loads(line)
        try:
            answer = ["done", getattr(companion, name)(*arguments)]
        except HomespunError as error:
            answer = [type(error).__name__, str(error)]
        print(json.dumps(answer), flush=True)  # noqa: T201 - the parent listens


if __name__ == "__main__":
    main()
