"""The words that people were shown: those that the operator registered, by their SHA-256.

Rules:

- A report names words by their hash. The words themselves are kept only of what the operator registered, so that
  nobody else's text passes for the operator's; what was reported before is told with the words once they are.
- The same words are registered once: their language and version do not change, because proof rests on them.

Non-goal: keeping words that nobody registered. The person's device has them, and a document of it too.
"""

import hashlib

import msgspec
from sqlalchemy import func, select

from homespun.errors import MisuseError
from homespun_server.compliance.consent.rows import add_if_absent
from homespun_server.errors import ConflictError
from homespun_server.store import Store
from homespun_server.store.moments import Now, text_of
from homespun_server.store.schema_consent import consent_counts, consent_notices

MAX_TEXT = 50_000
"""Characters of words that are registered."""

MAX_LANGUAGE, MAX_VERSION = 100, 200
"""Characters of their language, and of the operator's name for them."""

MAX_SHOWN = 1_000
"""How many notices are listed, registered ones first."""


class ShownWords(msgspec.Struct, frozen=True, kw_only=True):
    """Words that people were shown.

    Attributes:
        sha256: Their SHA-256, by which reports name them.
        text: The words; None: not registered.
        language: Their language; empty where they are not registered.
        version: The operator's name for them; likewise.
        registered: When they were registered, ISO 8601, UTC; None: they are not.
        choices: How many choices in the ledger were made on them.
    """

    sha256: str
    text: str | None = None
    language: str = ""
    version: str = ""
    registered: str | None = None
    choices: int


class Notices:
    """The operator's words in a store. Safe to use from several threads and processes at once."""

    def __init__(self, store: Store, now: Now) -> None:
        """Use a store, which stays the caller's to close.

        Args:
            store: The store.
            now: Returns the time.
        """
        self._store = store
        self._now = now

    def register(self, text: str, *, language: str, version: str) -> ShownWords:
        """Register words, once; again with the same language and version changes nothing.

        Args:
            text: The words, character by character as people are shown them.
            language: Their language, for instance ``de-AT``.
            version: The operator's name for them.

        Raises:
            MisuseError: They are empty or too long, or their language or version is.
            ConflictError: They are registered with another language or version.
            StoreError: If the store cannot be written.
        """
        _check("the words", text, MAX_TEXT)
        _check("their language", language, MAX_LANGUAGE)
        _check("their version", version, MAX_VERSION)
        sha256 = hashlib.sha256(text.encode()).hexdigest()
        said = {"sha256": sha256, "text": text, "language": language, "version": version}
        with self._store.writing() as connection:
            add_if_absent(connection, consent_notices, **said, registered=text_of(self._now()))
        (found,) = self.shown(sha256)
        if (found.language, found.version) != (language, version):
            raise ConflictError(
                f"these words are registered as version {found.version} ({found.language}) already, and proof rests on "
                "that. Nothing was changed."
            )
        return found

    def shown(self, sha256: str | None = None) -> tuple[ShownWords, ...]:
        """Return what is registered or was reported to have been shown, registered words first.

        Args:
            sha256: Of these words alone; None: of all, at most ``MAX_SHOWN``.

        Raises:
            StoreError: If the store cannot be read.
        """
        counts, notices = consent_counts.c, consent_notices.c
        number = func.sum(counts.number)
        made = select(counts.notice, number).where(counts.notice != "").group_by(counts.notice)
        registered = select(consent_notices)
        if sha256 is not None:
            made, registered = made.where(counts.notice == sha256), registered.where(notices.sha256 == sha256)
        with self._store.reading() as connection:
            often = {notice: int(times) for notice, times in connection.execute(made)}
            rows = connection.execute(registered).mappings().all()
        known = [ShownWords(**row, choices=often.pop(row["sha256"], 0)) for row in rows]
        others = [ShownWords(sha256=each, choices=times) for each, times in often.items()]
        found = (*sorted(known, key=_often), *sorted(others, key=_often))
        return found[:MAX_SHOWN]


def _often(words: ShownWords) -> tuple[int, str]:
    return -words.choices, words.sha256


def _check(what: str, text: str, most: int) -> None:
    if not 1 <= len(text) <= most:
        raise MisuseError(f"{what} must have 1 to {most:,} characters, and {len(text):,} were given. Nothing was kept.")
