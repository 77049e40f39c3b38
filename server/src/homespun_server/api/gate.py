"""Finds tokens, and counts their requests. For one event loop.

A token that was found is remembered by its hash, and looked up again after ``CHECK_SECONDS``: so long another program's
revocation may take to be seen here. One that this service makes is seen at once.
"""

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from anyio import to_thread

from homespun_server.api.limits import TokenBucket
from homespun_server.errors import TokenError
from homespun_server.settings import ServiceSettings
from homespun_server.store.tokens import Token, Tokens, digest

CHECK_SECONDS = 1.0

MAX_KNOWN = 1_000
"""Tokens that are remembered."""

ATTEMPTS_RATE = 20.0
"""Tokens that are not remembered, and so cost a look into the store, a second."""

ATTEMPTS_BURST = 100.0
"""Such tokens at once."""


@dataclass
class _Known:
    token: Token
    checked: float
    bucket: TokenBucket


@dataclass(frozen=True)
class Admitted:
    """What came of a token.

    Attributes:
        token: The token, or why it is none.
        wait: Seconds to wait because there were too many requests; 0: none.
    """

    token: Token | TokenError | None
    wait: int = 0


class TokenGate:
    """Finds tokens, and counts their requests."""

    def __init__(self, tokens: Tokens, settings: ServiceSettings, clock: Callable[[], float] = time.monotonic) -> None:
        """Look tokens up.

        Args:
            tokens: Where.
            settings: How many requests there may be.
            clock: Seconds since any fixed moment; it never goes back.
        """
        self._tokens = tokens
        self._settings = settings
        self._clock = clock
        self._known: OrderedDict[str, _Known] = OrderedDict()
        self._attempts = TokenBucket(ATTEMPTS_RATE, ATTEMPTS_BURST, clock)

    async def admit(self, secret: str) -> Admitted:
        """Return what comes of a request with a token.

        Raises:
            StoreError: If the store cannot be used.
        """
        key = digest(secret)
        known, now = self._known.get(key), self._clock()
        # A flood of made-up tokens must not use up what those that are known may do.
        wait = self._attempts.take() if known is None else known.bucket.take()
        if wait:
            return Admitted(None, wait)
        try:
            if known is not None and now - known.checked < CHECK_SECONDS:
                self._tokens.check_valid(known.token)
                return Admitted(known.token)
            token = await to_thread.run_sync(self._tokens.check, secret)
        except TokenError as error:
            self._known.pop(key, None)
            return Admitted(error)
        self._remember(key, token, now)
        return Admitted(token)

    def forget(self, token_id: str) -> None:
        """Look a token up again when it is used next, because it was revoked. May be called from any thread."""
        for known in list(self._known.values()):
            if known.token.id == token_id:
                known.checked = self._clock() - CHECK_SECONDS

    def _remember(self, key: str, token: Token, now: float) -> None:
        known = self._known.pop(key, None)
        if known is None:
            known = _Known(token, now, TokenBucket(self._settings.token_rate, self._settings.token_burst, self._clock))
            known.bucket.take()
        known.token, known.checked = token, now
        self._known[key] = known
        while len(self._known) > MAX_KNOWN:
            self._known.popitem(last=False)
