"""Who may come in: one-time tokens, each exchanged once for a session.

A token is in the path of an address and not behind its ``#``: what is behind it never reaches a server, so that only a
script could exchange it, and this page works without scripts. That a path is kept in histories gives nothing away,
because the token is spent by then.

The session's secret is in a cookie, and cookies are not kept apart by port: any other server on this machine would be
shown them. So its pages lie below a path that nobody can guess, and the cookie is for that path alone. Another server
can set a cookie of the same name for all paths, which then comes along: the first one that is a session's counts.

A session ends when the person closes the page, and in any case after half a day. Nobody can come any more once there
is neither a session nor a token, or once nobody who may came for long; what strangers ask keeps nothing open.

Pure but for the entropy and the clock that are handed in. Thread-safe.
"""

import base64
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from hmac import compare_digest

from homespun.errors import ClosedError
from homespun.protocol.receipts import Receipt

TOKEN_BYTES = 32
"""Bytes of entropy of every secret: 256 bits."""

TOKEN_SECONDS = 600.0
"""How long a one-time address is good for."""

SESSION_SECONDS = 43_200.0
"""How long a session lasts, however much it is used: half a day."""

MOST_TOKENS = 16
MOST_SESSIONS = 16
MOST_RECEIPTS = 50


@dataclass(slots=True)
class Session:
    """Somebody who came in.

    Attributes:
        secret: What the cookie holds.
        csrf: What each form sends along, so that none is anybody else's.
        seed: Decides what chance decides in lists, so that looking again changes nothing.
        until: When it ends, by the entrance's clock.
        said: What is told on the next page: whether it is good news, and the text.
        receipts: Receipts of what was erased here, which nothing else keeps.
    """

    secret: str
    csrf: str
    seed: int
    until: float
    said: list[tuple[bool, str]] = field(default_factory=list)
    receipts: list[Receipt] = field(default_factory=list)

    def say(self, text: str, *, good: bool = True) -> None:
        """Tell something on the next page."""
        self.said[:] = [*self.said[-3:], (good, text)]

    def heard(self) -> list[tuple[bool, str]]:
        """Return what there is to tell, which is told by now."""
        told = list(self.said)
        self.said.clear()
        return told

    def keep(self, receipt: Receipt) -> None:
        """Keep a receipt for as long as the session lasts."""
        self.receipts[:] = [*self.receipts[1 - MOST_RECEIPTS :], receipt]


class Entrance:
    """Tokens and sessions of one server."""

    def __init__(self, entropy: Callable[[int], bytes], clock: Callable[[], float]) -> None:
        """Let nobody in yet.

        Args:
            entropy: Gives unpredictable bytes.
            clock: Seconds that never go back.
        """
        self._entropy = entropy
        self._clock = clock
        self._lock = threading.Lock()
        self._tokens: dict[str, float] = {}
        self._sessions: dict[str, Session] = {}
        self._used = clock()
        self._closed = False
        self.place = self._secret()

    def token(self) -> str:
        """Return a new one-time token; the oldest ones end where there are too many.

        Raises:
            ClosedError: It is over, and nobody is let in any more.
        """
        made = self._secret()
        with self._lock:
            if self._closed:
                raise ClosedError("the page has just ended; open it again.")
            self._used = self._clock()
            self._tokens[made] = self._used + TOKEN_SECONDS
            while len(self._tokens) > MOST_TOKENS:
                del self._tokens[next(iter(self._tokens))]
        return made

    def enter(self, token: str) -> Session | None:
        """Exchange a token for a session; None if it is none, too old, or was used before."""
        seed, now = int.from_bytes(self._entropy(7), "big"), self._clock()
        session = Session(self._secret(), self._secret(), seed, now + SESSION_SECONDS)
        with self._lock:
            found = [known for known in self._tokens if _same(known, token)]
            if not found or self._tokens.pop(found[0]) < now or self._closed:
                return None
            self._used = now
            self._sessions[session.secret] = session
            while len(self._sessions) > MOST_SESSIONS:
                del self._sessions[next(iter(self._sessions))]
        return session

    def session(self, secrets: Iterable[str]) -> Session | None:
        """Return the session of the first of some cookies that is one's, which is used by that."""
        with self._lock:
            now = self._clock()
            self._forget(now)
            for secret in secrets:
                found = next((each for known, each in self._sessions.items() if _same(known, secret)), None)
                if found is not None:
                    self._used = now
                    return found
        return None

    def is_over(self, idle_seconds: float) -> bool:
        """Return whether nobody can come any more, or nobody who may came for so long; it stays so from then on."""
        with self._lock:
            now = self._clock()
            self._forget(now)
            nobody = not self._sessions and not self._tokens
            self._closed = self._closed or nobody or now - self._used > idle_seconds
            return self._closed

    def leave(self, session: Session) -> None:
        """End a session."""
        with self._lock:
            self._sessions.pop(session.secret, None)

    def _forget(self, now: float) -> None:
        self._tokens = {token: until for token, until in self._tokens.items() if now <= until}
        self._sessions = {secret: each for secret, each in self._sessions.items() if now <= each.until}

    def _secret(self) -> str:
        return base64.urlsafe_b64encode(self._entropy(TOKEN_BYTES)).decode().rstrip("=")


def is_own(session: Session, token: str) -> bool:
    """Return whether a form came from this session's own pages."""
    return _same(session.csrf, token)


def _same(known: str, given: str) -> bool:
    return compare_digest(known.encode(), given.encode(errors="replace"))
