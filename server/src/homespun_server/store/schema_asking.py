"""The tables of asking devices, as the newest migration leaves them.

Devices hang from a pseudonym, which means nobody once the person's key is destroyed. No address and no account is kept.
"""

from sqlalchemy import Column, ForeignKey, Index, Integer, LargeBinary, String, Table

from homespun_server.store.schema import MOMENT_LENGTH, metadata

asking_devices = Table(
    "homespun_asking_devices",
    metadata,
    Column("device", String(32), primary_key=True),
    Column("subject", String(64), nullable=False, index=True),
    Column("key", String(64), nullable=False),
    Column("secret", LargeBinary, nullable=False),
    Column("sequence", Integer, nullable=False),
    Column("renewed", String(MOMENT_LENGTH), nullable=False),
    Column("answered", Integer, nullable=False),
)
"""Devices that registered: what verifies their receipts, and the secret that finds their entries, sealed."""

asking_answers = Table(
    "homespun_asking_answers",
    metadata,
    Column("request", String(64), primary_key=True),
    Column("device", String(32), ForeignKey(asking_devices.c.device), primary_key=True),
    Column("kind", String(20), nullable=False),
    Column("state", String(20), nullable=False),
    Column("asked", String(MOMENT_LENGTH), nullable=False),
    Column("answered", String(MOMENT_LENGTH)),
    Column("receipt", LargeBinary),
)
"""Which device was asked what, and its signed answer as it came."""

Index("homespun_asking_pending", asking_answers.c.device, asking_answers.c.state)

asking_lists = Table(
    "homespun_asking_lists",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("sha256", String(64), nullable=False),
    Column("entries", Integer, nullable=False),
    Column("made", String(MOMENT_LENGTH), nullable=False),
)
"""One row: the list that was published last."""
