"""Requests that ask for something and bring nothing of the person along, in the ledger of what left.

A request for a newer bundle costs no ε and needs no consent, but it shows an address and a time to whoever answers, so
the person reads it in the same ledger as everything else. Rules:

- The entry that sending began is durable before the first byte goes. If it cannot be written, nothing is sent.
- A request is never sent again from the ledger: whoever made it asks anew, in an entry of its own.
- What is written down is what was sent: the destination, the path, and the SHA-256 of the request's text.
"""

import re
from collections.abc import Callable, Mapping
from typing import Literal, Protocol

from homespun.contribute.beside import Elsewhere, NothingElsewhere
from homespun.contribute.limits import EgressLimits
from homespun.contribute.log import EgressChange, EgressLog, Entries, write
from homespun.contribute.rules import Rules, plain
from homespun.protocol.destination import origin
from homespun.protocol.egress import EgressBook

PURPOSE = "updates"
"""What entries about requests for newer bundles have as their purpose."""

NO_CONSENT = 0
"""What they have in place of a consent record's number: nothing of the person leaves."""

Ending = Literal["sent", "failed", "unsent"]

_LIMITS = EgressLimits()
_NOTHING = NothingElsewhere()
_MOST = 80
_UNUSUAL = re.compile(r"[^a-z0-9_.:/-]")


class Requests(Protocol):
    """Where requests are written down before they are made."""

    def begin(self, what: str, url: str, headers: Mapping[str, str]) -> int:
        """Write down durably that a request is made now; return its number.

        Args:
            what: What it asks for, for instance ``timestamp.json``.
            url: Whom it asks.
            headers: What it says besides.

        Raises:
            HomespunError: It cannot be written down, and must not be made.
        """

    def end(self, number: int, state: Ending, note: str = "") -> None:
        """Write down what became of it.

        Args:
            number: What ``begin`` returned.
            state: ``sent`` if it was answered, ``unsent`` if no byte of it left, ``failed`` if that is not known.
            note: Why, in plain words.

        Raises:
            HomespunError: It cannot be written down. The ledger says that it was made.
        """


class RequestLedger:
    """Writes requests into the ledger of what left. Thread-safe, as the log is."""

    def __init__(
        self,
        log: EgressLog,
        *,
        clock: Callable[[], float],
        ceiling: int,
        permitted: Callable[[], None],
        elsewhere: Elsewhere = _NOTHING,
    ) -> None:
        """Use a log.

        Args:
            log: Where the ledger is kept.
            clock: Returns seconds since 1970-01-01 UTC.
            ceiling: ε of the whole lifetime in steps of 10⁻¹², which entries repeat.
            permitted: Raises NotPermittedError while no request may be made; called inside the log's transaction.
            elsewhere: What is kept beside the log; what was taken there, entries take off what is left.
        """
        self._log = log
        self._clock = clock
        self._rules = Rules(lambda _: None, ceiling, _LIMITS, elsewhere)
        self._permitted = permitted
        self._begun: dict[int, str] = {}

    def begin(self, what: str, url: str, headers: Mapping[str, str]) -> int:
        """Write down that a request is made now; see ``Requests``.

        Raises:
            MisuseError: The URL's origin is none that may be asked.
            NotPermittedError: A private session is on, which leaves no trace and so makes no request.
            LedgerError: The ledger is damaged.
            ProfileError: The log cannot be written.
        """
        text = request_text(url, headers)
        destination = origin(url.removesuffix(_path_of(url)))

        def chosen(entries: Entries) -> EgressChange:
            self._permitted()
            book = self._book(entries)
            entry = book.queue(
                text,
                what=_name_of(what),
                purpose=PURPOSE,
                consent=NO_CONSENT,
                destination=destination,
                idempotent=False,
                epsilon=0,
            )
            book.follow(entry.sequence, "sending")
            return EgressChange(entries=book.added)

        entry = write(self._log, chosen)[0]
        self._begun[entry.sequence] = entry.payload_sha256
        return entry.sequence

    def end(self, number: int, state: Ending, note: str = "") -> None:
        """Write down what became of a request; see ``Requests``.

        Raises:
            LedgerError: The ledger is damaged.
            ProfileError: The log cannot be written.
        """
        text = self._begun.pop(number, None)

        def chosen(entries: Entries) -> EgressChange:
            book = self._book(entries)
            found = book.found.get(number)
            # The profile may have been erased meanwhile, or another process may have taken it for interrupted.
            if found is not None and found.queued.payload_sha256 == text and found.may_become(state):
                book.follow(number, state, plain(note))
                if state == "unsent":
                    book.follow(number, "cancelled", "whoever asked will ask anew")
            return EgressChange(entries=book.added)

        write(self._log, chosen)

    def _book(self, entries: Entries) -> EgressBook:
        return self._rules.book(entries, self._clock())


def request_text(url: str, headers: Mapping[str, str]) -> bytes:
    """Return what a request says, as the ledger's SHA-256 is of: a line with the path, then the headers in order.

    What every request says by its nature is left out: the method, the protocol's version and the host.
    """
    lines = [f"GET {_path_of(url)}", *(f"{name.lower()}: {value}" for name, value in headers.items())]
    return "\n".join(lines).encode()


def _path_of(url: str) -> str:
    """Return what follows a URL's origin."""
    _, _, rest = url.partition("://")
    _, slash, path = rest.partition("/")
    return slash + path


def _name_of(what: str) -> str:
    """Return what a request asks for as a name that the ledger's table shows as it is."""
    return f"update/{_UNUSUAL.sub('-', what.lower())}"[:_MOST]
