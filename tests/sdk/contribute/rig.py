"""A way out with a log in memory, a transport that delivers nowhere, and consents that a test sets."""

import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from homespun.contribute import Egress, EgressLimits, Ledger
from homespun.contribute.beside import Elsewhere, NothingElsewhere
from homespun.errors import TransportError
from homespun.protocol.egress import EgressEntry, verify_chain
from homespun.testing import FakeClock

Entries = tuple[EgressEntry, ...]

PURPOSE = "contribution"
DESTINATION = "https://collect.example.org"


class Killed(BaseException):
    """Stands for the end of the process: nobody catches it on the way."""


class MemoryLog:
    """Keeps what was committed, and can be told to die before or after any of its commits."""

    def __init__(self) -> None:
        self.entries: Entries = ()
        self.payloads: dict[int, bytes] = {}
        self.commits = 0
        self.before_commit: Callable[[int], None] = lambda _: None
        self.after_commit: Callable[[int], None] = lambda _: None
        self._lock = threading.RLock()

    def egress_entries(self) -> Entries:
        return self.entries

    def payload(self, sequence: int) -> bytes | None:
        return self.payloads.get(sequence)

    def extend_egress(
        self,
        choose: Callable[[Entries], Entries],
        *,
        keep: Mapping[int, bytes] | None = None,
        drop: Iterable[int] = (),
    ) -> None:
        with self._lock:
            self.before_commit(self.commits)
            choose(self.entries)  # the transaction is begun again, as a real one may have to
            added = choose(self.entries)
            verify_chain((*self.entries, *added))
            payloads = self.payloads | dict(keep or {})
            self.payloads = {n: payload for n, payload in payloads.items() if n not in set(drop)}
            self.entries += added
            self.commits += 1
        self.after_commit(self.commits)


class Wire:
    """A transport that remembers what it delivered, and does first what a test tells it to do."""

    def __init__(self) -> None:
        self.delivered: list[tuple[str, bytes]] = []
        self.before: Callable[[], None] = lambda: None
        self.after: Callable[[], None] = lambda: None

    def send(self, destination: str, payload: bytes) -> None:
        self.before()
        self.delivered.append((destination, payload))
        self.after()


@dataclass
class Rig:
    ceiling: Decimal = Decimal(10)
    limits: EgressLimits = field(default_factory=EgressLimits)
    log: MemoryLog = field(default_factory=MemoryLog)
    wire: Wire = field(default_factory=Wire)
    clock: FakeClock = field(default_factory=FakeClock)
    consents: dict[str, int] = field(default_factory=lambda: {PURPOSE: 3})

    elsewhere: Elsewhere = field(default_factory=NothingElsewhere)

    def __post_init__(self) -> None:
        self.egress = self.another()

    def another(self) -> Egress:
        """Return another process's way out over the same log, or that of the same one after a restart."""
        return Egress(
            self.log,
            self.wire,
            allowed=lambda purpose: self.consents.get(purpose),  # noqa: PLW0108 - a test may set other consents
            clock=self.clock,
            ceiling=self.ceiling,
            limits=self.limits,
            elsewhere=self.elsewhere,
        )

    @property
    def ledger(self) -> Ledger:
        return Ledger(self.log)

    def queue(
        self, payload: bytes = b"share", *, epsilon: Decimal | int = 1, purpose: str = PURPOSE, idempotent: bool = False
    ) -> EgressEntry:
        return self.egress.queue(
            "item-counts/1",
            payload,
            purpose=purpose,
            destination=DESTINATION,
            epsilon=epsilon,
            idempotent=idempotent,
        )

    def states(self) -> list[str]:
        return [entry.state for entry in self.log.entries]


def raising(error: BaseException) -> Callable[..., None]:
    def do(*_: object) -> None:
        raise error

    return do


def no_connection() -> TransportError:
    return TransportError("no connection", may_have_left=False)
