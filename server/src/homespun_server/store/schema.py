"""The tables, as the newest migration leaves them."""

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKey,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)

NAME_LENGTH = 100

MOMENT_LENGTH = 40
"""Characters of a moment, ISO 8601, UTC."""

WHO_LENGTH = 120

metadata = MetaData()

budget_data_sets = Table(
    "homespun_budget_data_sets",
    metadata,
    Column("name", String(NAME_LENGTH), primary_key=True),
    Column("events", Integer, nullable=False),
    Column("head", String(64), nullable=False),
)
"""One row a data set: how many events it has, and the SHA-256 of the last one's bytes."""

budget_events = Table(
    "homespun_budget_events",
    metadata,
    Column("data_set", String(NAME_LENGTH), ForeignKey(budget_data_sets.c.name), primary_key=True),
    Column("sequence", Integer, primary_key=True, autoincrement=False),
    Column("event", LargeBinary, nullable=False),
)
"""The events of the budget ledgers; rows are added and never changed."""

sampling_secrets = Table(
    "homespun_sampling_secrets",
    metadata,
    Column("data_set", String(NAME_LENGTH), ForeignKey(budget_data_sets.c.name), primary_key=True),
    Column("secret", LargeBinary, nullable=False),
)
"""The data sets' secrets, apart from everything that is ever shown or exported."""

bundle_names = Table(
    "homespun_bundle_names",
    metadata,
    Column("name", String(NAME_LENGTH), primary_key=True),
    Column("versions", Integer, nullable=False),
)
"""One row a bundle's name: how many versions it ever had, so that the number of a deleted one is not used again."""

bundles = Table(
    "homespun_bundles",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("name", String(NAME_LENGTH), ForeignKey(bundle_names.c.name), nullable=False),
    Column("version", Integer, nullable=False),
    Column("stage", String(20), nullable=False),
    Column("created", String(MOMENT_LENGTH), nullable=False),
    Column("added", String(MOMENT_LENGTH), nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("privacy", String(40), nullable=False),
    Column("epsilon", String(40)),
    Column("delta", String(40)),
    Column("note", Text, nullable=False),
    Column("lineage", Text, nullable=False),
    Column("card", Text, nullable=False),
    Column("gates", Text, nullable=False),
    UniqueConstraint("name", "version"),
)
"""The registered bundles, by identity. Lineage, card and gates are JSON, as they were when it was added."""

bundle_moves = Table(
    "homespun_bundle_moves",
    metadata,
    Column("bundle", String(64), ForeignKey(bundles.c.id), primary_key=True),
    Column("sequence", Integer, primary_key=True, autoincrement=False),
    Column("stage", String(20), nullable=False),
    Column("moment", String(MOMENT_LENGTH), nullable=False),
    Column("who", String(WHO_LENGTH), nullable=False),
    Column("why", Text, nullable=False),
)
"""Into which stages a bundle came, and why; rows are added and never changed."""

runs = Table(
    "homespun_runs",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("name", String(NAME_LENGTH), nullable=False),
    Column("started", String(MOMENT_LENGTH), nullable=False),
    Column("ended", String(MOMENT_LENGTH)),
    Column("state", String(20), nullable=False),
    Column("bundle", String(64)),
    Column("record", Text, nullable=False),
)
"""The pipeline's runs; the record is JSON."""

tokens = Table(
    "homespun_tokens",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("digest", String(64), nullable=False, unique=True),
    Column("role", String(20), nullable=False),
    Column("note", Text, nullable=False),
    Column("created", String(MOMENT_LENGTH), nullable=False),
    Column("expires", String(MOMENT_LENGTH), nullable=False),
    Column("revoked", String(MOMENT_LENGTH)),
    Column("last_used", String(10)),
)
"""The tokens of the service: their SHA-256, never themselves. Of their use no more than the last day is kept."""

audit = Table(
    "homespun_audit",
    metadata,
    Column("sequence", Integer, primary_key=True),
    Column("moment", String(MOMENT_LENGTH), nullable=False),
    Column("who", String(WHO_LENGTH), nullable=False),
    Column("role", String(20), nullable=False),
    Column("action", String(40), nullable=False),
    Column("subject", Text, nullable=False),
    Column("detail", Text, nullable=False),
)
"""What was changed by whom. The database itself refuses to change or remove a row."""
