"""The consent ledger's tables, as the newest migration leaves them.

Events are only added: the database refuses to change one, and to remove one whose subject is not marked as being erased
in the same transaction. Nothing here names a person: a subject is a random pseudonym, found by a keyed hash.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Integer,
    LargeBinary,
    String,
    Table,
    Text,
    UniqueConstraint,
)

from homespun_server.store.schema import MOMENT_LENGTH, metadata

PSEUDONYM_LENGTH = 64
_NUMBER = BigInteger().with_variant(Integer, "sqlite")

consent_subjects = Table(
    "homespun_consent_subjects",
    metadata,
    Column("lookup", String(PSEUDONYM_LENGTH), primary_key=True),
    Column("pseudonym", String(PSEUDONYM_LENGTH), nullable=False, unique=True),
    Column("key", LargeBinary, nullable=False),
)
"""One row a person: their key, and the pseudonym that follows from it. Without the row nobody can be found any more."""

consent_notices = Table(
    "homespun_consent_notices",
    metadata,
    Column("sha256", String(64), primary_key=True),
    Column("text", Text, nullable=False),
    Column("language", String(100), nullable=False),
    Column("version", String(200), nullable=False),
    Column("registered", String(MOMENT_LENGTH), nullable=False),
)
"""The words that the operator shows to people, once each, as the operator registered them: no report adds any."""

consent_events = Table(
    "homespun_consent_events",
    metadata,
    Column("number", _NUMBER, primary_key=True),
    Column("subject", String(PSEUDONYM_LENGTH), nullable=False),
    Column("source", String(32), nullable=False),
    Column("sequence", BigInteger, nullable=False),
    Column("origin", String(20), nullable=False),
    Column("known_as", String(20), nullable=False),
    Column("received", String(MOMENT_LENGTH), nullable=False),
    Column("schema", Integer, nullable=False),
    Column("purpose", String(64), nullable=False),
    Column("action", String(40), nullable=False),
    Column("notice", String(64)),
    Column("language", String(100), nullable=False),
    Column("version", String(200), nullable=False),
    Column("surface", String(200), nullable=False),
    Column("method", String(200), nullable=False),
    Column("sdk", String(40), nullable=False),
    Column("time", String(32), nullable=False),
    Column("valid_until", String(32)),
    Column("exception", String(64)),
    Column("signal", String(64)),
    Column("signal_value", Boolean),
    Column("outcome", Text, nullable=False),
    Column("choices", Text, nullable=False),
    Column("basis", Text),
    Column("digest", String(64), nullable=False),
    Column("log", BigInteger),
    UniqueConstraint("subject", "source", "sequence"),
)
"""What people chose. ``received`` is this server's time; ``time`` and ``valid_until`` are what the device claims."""

consent_conflicts = Table(
    "homespun_consent_conflicts",
    metadata,
    Column("number", _NUMBER, primary_key=True),
    Column("subject", String(PSEUDONYM_LENGTH), nullable=False),
    Column("source", String(32), nullable=False),
    Column("sequence", BigInteger, nullable=False),
    Column("received", String(MOMENT_LENGTH), nullable=False),
    Column("digest", String(64), nullable=False),
    UniqueConstraint("subject", "source", "sequence", "digest"),
)
"""Reports that say something else than what was received first, of which nothing more is kept."""

consent_vouched = Table(
    "homespun_consent_vouched",
    metadata,
    Column("subject", String(PSEUDONYM_LENGTH), primary_key=True),
    Column("source", String(32), primary_key=True),
    Column("received", String(MOMENT_LENGTH), nullable=False),
)
"""Streams for which a voucher of the account came, and when first."""

consent_counts = Table(
    "homespun_consent_counts",
    metadata,
    Column("day", String(10), primary_key=True),
    Column("purpose", String(64), primary_key=True),
    Column("notice", String(64), primary_key=True),
    Column("action", String(40), primary_key=True),
    Column("number", BigInteger, nullable=False),
)
"""How many events of a day there are; changed in the transaction that adds or erases them."""

consent_erasing = Table(
    "homespun_consent_erasing",
    metadata,
    Column("subject", String(PSEUDONYM_LENGTH), primary_key=True),
)
"""Whose events may be removed, within one transaction; empty outside of it."""
