"""Pseudonyms: a random key for each person, found by a keyed hash of what the operator calls them.

Rules:

- The pseudonym is the HMAC of a constant under the person's own random key, and says nothing of what they are called:
  who has the tables alone cannot even try names.
- Destroying the key forgets one person: nothing leads from them to their pseudonym any more, and whoever comes back
  under the same name is another.
"""

import hmac
import secrets
from collections.abc import Callable
from hashlib import sha256

from sqlalchemy import Connection, delete, select, update

from homespun.errors import MisuseError
from homespun.protocol.consent_report import MAX_SUBJECT
from homespun_server.compliance.consent.rows import add_if_absent
from homespun_server.compliance.keys import ComplianceKeys
from homespun_server.store import Store
from homespun_server.store.schema_consent import consent_subjects

KEY_BYTES = 32
"""Bytes of a person's key."""

Bytes = Callable[[int], bytes]

_PSEUDONYM = b"homespun pseudonym 1\n"


class Subjects:
    """The people that the operator knows, by pseudonym. Safe to use from several threads and processes at once."""

    def __init__(self, store: Store, keys: ComplianceKeys, entropy: Bytes = secrets.token_bytes) -> None:
        """Use a store, which stays the caller's to close.

        Args:
            store: The store.
            keys: The compliance keys, of which ``lookup`` finds people.
            entropy: Returns so many unpredictable bytes.
        """
        self._store = store
        self._keys = keys
        self._entropy = entropy

    def pseudonym(self, identifier: str) -> str | None:
        """Return a person's pseudonym, 64 hexadecimal digits; None: they are not known, or were forgotten.

        Args:
            identifier: What the operator calls them, at most 200 characters.

        Raises:
            MisuseError: It names nobody.
            StoreError: If the store cannot be read.
        """
        with self._store.reading() as connection:
            return self.pseudonym_within(connection, identifier, create=False)

    def pseudonym_within(self, connection: Connection, identifier: str, *, create: bool) -> str | None:
        """Return a person's pseudonym within a transaction.

        Args:
            connection: The transaction's.
            identifier: What the operator calls them.
            create: Whether to make them a key if they have none; they then have a pseudonym.

        Raises:
            MisuseError: It names nobody.
        """
        found = self.key_within(connection, identifier, create=create)
        return None if found is None else pseudonym_of(found)

    def key_within(self, connection: Connection, identifier: str, *, create: bool) -> bytes | None:
        """Return a person's key within a transaction; see ``pseudonym_within``."""
        lookup = self._lookup(identifier)
        query = select(consent_subjects.c.key).where(consent_subjects.c.lookup == lookup)
        # Whoever writes under a pseudonym holds its key until then: an erasure waits, and finds what was written.
        found = connection.scalar(query.with_for_update(read=True) if create else query)
        if found is None and create:
            key = self._entropy(KEY_BYTES)
            add_if_absent(connection, consent_subjects, lookup=lookup, pseudonym=pseudonym_of(key), key=key)
            # Another transaction may have been first; there is one key a person.
            found = connection.scalar(query)
        return None if found is None else bytes(found)

    def key_of_within(self, connection: Connection, pseudonym: str) -> bytes | None:
        """Return the key of a pseudonym within a transaction that writes under it; None: it was destroyed."""
        query = select(consent_subjects.c.key).where(consent_subjects.c.pseudonym == pseudonym)
        # As in ``key_within``: an erasure waits, and finds what was written.
        found = connection.scalar(query.with_for_update(read=True))
        return None if found is None else bytes(found)

    def forget_within(self, connection: Connection, identifier: str) -> str | None:
        """Destroy a person's key within a transaction, and return the pseudonym that was; None: there was none.

        The row is overwritten before it is removed. SQLite's older pages are gone once its log is written back, which
        ``overwritten`` does.

        Args:
            connection: The transaction's.
            identifier: What the operator calls them.

        Raises:
            MisuseError: It names nobody.
        """
        pseudonym = self.pseudonym_within(connection, identifier, create=False)
        if pseudonym is not None:
            secure(connection)
            is_theirs = consent_subjects.c.lookup == self._lookup(identifier)
            connection.execute(update(consent_subjects).where(is_theirs).values(key=bytes(KEY_BYTES)))
            connection.execute(delete(consent_subjects).where(is_theirs))
        return pseudonym

    def _lookup(self, identifier: str) -> str:
        if not isinstance(identifier, str) or not 1 <= len(identifier) <= MAX_SUBJECT:
            raise MisuseError(f"a person is named by 1 to {MAX_SUBJECT} characters; this names nobody.")
        return self._keys.looked_up(identifier)


def pseudonym_of(key: bytes) -> str:
    """Return the pseudonym that follows from a person's key, in hexadecimal."""
    return hmac.digest(key, _PSEUDONYM, sha256).hex()


def secure(connection: Connection) -> None:
    """Let SQLite overwrite what this connection deletes."""
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("PRAGMA secure_delete=ON")


def overwritten(store: Store) -> bool:
    """Write SQLite's log back and empty it, so that no older page is left; return whether nobody's reading kept it.

    PostgreSQL's older rows stay until its own vacuum and the recycling of its log; those are the database's to keep.
    """
    with store.reading() as connection:
        if connection.dialect.name != "sqlite":
            return False
        connection.exec_driver_sql("COMMIT")
        (busy, _, _) = connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)").one()
        connection.exec_driver_sql("BEGIN")
        return not busy
