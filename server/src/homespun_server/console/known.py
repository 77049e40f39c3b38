"""Browsers that an account signed in from before: whoever keeps guessing elsewhere does not hold these up.

A browser is given a mark when somebody signs in from it: a random number, the day, and an HMAC-SHA-256 over both, the
account and the host, under a key that is made from what is kept of the account's password. So nothing more is kept, a
mark is of no use for another account or at another address, and another password makes all of them worthless.

A mark opens nothing. It says in which lane failures count (see ``console.attempts``).
"""

import base64
import hashlib
import hmac
import re
import secrets
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from homespun_server.console.accounts import kept_within
from homespun_server.store import Store
from homespun_server.store.moments import Now, utc_now

LIFETIME = timedelta(days=180)
"""A browser that nobody signed in from for so long is a stranger's again."""

NUMBER_BYTES = 16

_MARK = re.compile(r"1\.([A-Za-z0-9_-]{22})\.([0-9]{1,10})\.([0-9a-f]{64})", re.ASCII)


class Browsers:
    """Tells browsers that signed in before from others. Safe to use from several threads and processes at once."""

    def __init__(
        self, store: Store, now: Now = utc_now, randomness: Callable[[int], bytes] = secrets.token_bytes
    ) -> None:
        """Use a store, which stays the caller's to close.

        Args:
            store: The store.
            now: Returns the time.
            randomness: Returns so many unpredictable bytes.
        """
        self._store = store
        self._now = now
        self._randomness = randomness
        # For names that nobody has: as much work, and a mark that nobody can make.
        self._nobodys = randomness(NUMBER_BYTES).hex()

    def recognised(self, account: str, host: str, mark: str) -> str | None:
        """Return a browser's number; None: this account did not sign in from it, or too long ago.

        Args:
            account: The name that was typed; it need not be anybody's.
            host: What the browser asked for.
            mark: What the browser brought.

        Raises:
            StoreError: If the store cannot be read.
        """
        found = _MARK.fullmatch(mark)
        if found is None:
            return None
        number, made, proof = found.groups()
        with self._store.reading() as connection:
            kept = kept_within(connection, account)
        wanted = _proof(kept or self._nobodys, account, host, number, made)
        age = self._now() - datetime.fromtimestamp(int(made), UTC)
        return number if hmac.compare_digest(proof, wanted) and age < LIFETIME else None

    def mark(self, kept: str, account: str, host: str, number: str | None) -> str:
        """Return a mark for a browser that an account signs in from.

        Args:
            kept: What is kept of the account's password.
            account: The account.
            host: What the browser asked for.
            number: The browser's number; None: it is new.
        """
        number = number or base64.urlsafe_b64encode(self._randomness(NUMBER_BYTES)).rstrip(b"=").decode()
        made = str(int(self._now().timestamp()))
        return f"1.{number}.{made}.{_proof(kept, account, host, number, made)}"


def _proof(kept: str, account: str, host: str, number: str, made: str) -> str:
    text = f"homespun known browser 1\n{account}\n{host}\n{number}\n{made}"
    return hmac.digest(kept.encode(), text.encode(), hashlib.sha256).hex()
