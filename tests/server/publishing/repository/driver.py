"""A publisher that kills itself: ``driver.py FOLDER KILL_AT`` does every operation of ``OPERATIONS`` in order.

Before each one a device that keeps its state looks at the repository, and ``begun`` gets the operation's number. At
durable step number KILL_AT, counted over all of them, the process kills itself; with 0 it goes to the end, and
``steps`` gets the steps' names.
"""

import os
import signal
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from homespun_server.publishing.repository import KeyStore, SignedRepository
from tests.server.publishing.repository.devices import Phone
from tests.server.publishing.repository.support import CANARY, CHEAP, PASSPHRASE, PRODUCTION, Hands

Operation = Callable[[SignedRepository, Path, Hands], object]


def _late(signed: SignedRepository, clock: Hands) -> None:
    clock.pass_(hours=20)
    signed.refresh()


def _revoke(signed: SignedRepository, role: str) -> None:
    signed.keys.revoke(next(use.keyid for use in signed.keys.show() if use.role == role and use.threshold))


OPERATIONS: tuple[tuple[str, Operation], ...] = (
    ("publish", lambda signed, folder, _: signed.publish(folder / "b1", CANARY, share=1000)),
    ("share", lambda signed, _f, _c: signed.set_share(CANARY, 1, 10_000)),
    ("publish another", lambda signed, folder, _: signed.publish(folder / "b2", CANARY, share=500)),
    ("share another", lambda signed, _f, _c: signed.set_share(CANARY, 2, 10_000)),
    ("rotate timestamp", lambda signed, _f, _c: signed.keys.rotate("timestamp")),
    ("roll back", lambda signed, _f, _c: signed.rollback(CANARY, 1, "worse")),
    ("rotate channel", lambda signed, _f, _c: signed.keys.rotate(CANARY)),
    ("publish to production", lambda signed, folder, _: signed.publish(folder / "b1", PRODUCTION)),
    ("rotate root", lambda signed, _f, _c: signed.keys.rotate("root")),
    ("revoke snapshot", lambda signed, _f, _c: _revoke(signed, "snapshot")),
    ("rotate targets", lambda signed, _f, _c: signed.keys.rotate("targets")),
    ("pause", lambda signed, _f, _c: signed.pause(CANARY, 3)),
    ("refresh late", lambda signed, _f, clock: _late(signed, clock)),
    ("prune", lambda signed, _f, _c: signed.prune(keep=1, grace=timedelta())),
)


class Bomb:
    """Counts steps, and kills the process at one of them."""

    def __init__(self, at: int) -> None:
        self.at = at
        self.names: list[str] = []

    def __call__(self, name: str) -> None:
        self.names.append(name)
        if len(self.names) == self.at:
            # Windows has no SIGKILL; what it has there ends a process as abruptly.
            os.kill(os.getpid(), getattr(signal, "SIGKILL", signal.SIGTERM))


def salts(folder: Path) -> Callable[[int], bytes]:
    """Give salts that tell which release of which run they belong to."""

    def give(size: int) -> bytes:
        return len(list((folder / "repository").rglob("*"))).to_bytes(size, "big")

    return give


def opened_with(folder: Path, clock: Hands, step: Callable[[str], None]) -> SignedRepository:
    keys = KeyStore(folder / "keys", lambda _: PASSPHRASE, costs=CHEAP, clock=clock, step=step)
    return SignedRepository.open(folder / "repository", keys, clock=clock, step=step, entropy=salts(folder))


def main(folder: Path, at: int) -> None:
    bomb, clock = Bomb(at), Hands()
    signed = opened_with(folder, clock, bomb)
    phone = Phone(signed, folder / "phone", clock)
    for number, (_, operation) in enumerate(OPERATIONS, 1):
        phone.sees()
        (folder / "begun").write_text(str(number))
        operation(signed, folder, clock)
    (folder / "steps").write_text("\n".join(bomb.names))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
