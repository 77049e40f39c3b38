"""The console's tables: accounts, their sessions, and failed sign-ins."""

from sqlalchemy import Column, ForeignKey, Integer, String, Table, Text

from homespun_server.store.schema import MOMENT_LENGTH, metadata

ACCOUNT_LENGTH = 40
"""Characters of an account's name."""

accounts = Table(
    "homespun_console_accounts",
    metadata,
    Column("name", String(ACCOUNT_LENGTH), primary_key=True),
    Column("role", String(20), nullable=False),
    Column("password", Text, nullable=False),
    Column("created", String(MOMENT_LENGTH), nullable=False),
    Column("changed", String(MOMENT_LENGTH), nullable=False),
    Column("disabled", String(MOMENT_LENGTH)),
)
"""Who may sign in. A password is kept as Argon2id's output, with its costs and salt beside it."""

sessions = Table(
    "homespun_console_sessions",
    metadata,
    Column("digest", String(64), primary_key=True),
    Column("account", String(ACCOUNT_LENGTH), ForeignKey(accounts.c.name), nullable=False, index=True),
    Column("created", String(MOMENT_LENGTH), nullable=False),
    Column("seen", String(MOMENT_LENGTH), nullable=False),
    Column("failures", Integer, nullable=False),
)
"""Who is signed in: the SHA-256 of each session's secret, and how many sign-ins had failed before it."""

attempts = Table(
    "homespun_console_attempts",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("failures", Integer, nullable=False),
    Column("last", String(MOMENT_LENGTH), nullable=False, index=True),
)
"""Failed sign-ins since the last good one, by the SHA-256 of the name that was typed, which need not be anybody's."""
