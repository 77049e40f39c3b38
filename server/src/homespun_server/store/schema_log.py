"""The transparency log's tables. What is public is only added to; the database itself refuses the rest."""

from sqlalchemy import BigInteger, Column, ForeignKey, LargeBinary, SmallInteger, String, Table, UniqueConstraint

from homespun_server.store.schema import MOMENT_LENGTH, metadata

KIND_LENGTH = 20
SUBJECT_LENGTH = 64

log_head = Table(
    "homespun_log_head",
    metadata,
    Column("id", SmallInteger, primary_key=True, autoincrement=False),
    Column("size", BigInteger, nullable=False),
    Column("peaks", LargeBinary, nullable=False),
)
"""One row: how many entries there are, and the hashes of the complete subtrees, the largest first. It only grows."""

log_entries = Table(
    "homespun_log_entries",
    metadata,
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("kind", String(KIND_LENGTH), nullable=False),
    Column("reference", LargeBinary, nullable=False),
    Column("moment", String(MOMENT_LENGTH), nullable=False),
    Column("entry", LargeBinary, nullable=False),
    UniqueConstraint("reference"),
)
"""The entries, as everybody may see them; the reference is a hash, by which the same is not added twice."""

log_nodes = Table(
    "homespun_log_nodes",
    metadata,
    Column("level", SmallInteger, primary_key=True, autoincrement=False),
    Column("place", BigInteger, primary_key=True, autoincrement=False),
    Column("hash", LargeBinary, nullable=False),
)
"""The hashes of all complete subtrees; level 0 are the entries' own."""

log_openings = Table(
    "homespun_log_openings",
    metadata,
    Column("number", BigInteger, ForeignKey(log_entries.c.number), primary_key=True, autoincrement=False),
    Column("salt", LargeBinary, nullable=False),
    Column("content", LargeBinary, nullable=False),
    Column("subject", String(SUBJECT_LENGTH), index=True),
)
"""What an entry commits to. A subject's rows are deleted when they are forgotten; nothing else here ever is."""

log_checkpoints = Table(
    "homespun_log_checkpoints",
    metadata,
    Column("size", BigInteger, primary_key=True, autoincrement=False),
    Column("moment", String(MOMENT_LENGTH), nullable=False),
    Column("note", LargeBinary, nullable=False),
)
"""The checkpoints that were signed, as signed notes."""

log_cosignatures = Table(
    "homespun_log_cosignatures",
    metadata,
    Column("size", BigInteger, ForeignKey(log_checkpoints.c.size), primary_key=True, autoincrement=False),
    Column("witness", String(128), primary_key=True),
    Column("note", LargeBinary, nullable=False),
)
"""Checkpoints as witnesses gave them back."""
