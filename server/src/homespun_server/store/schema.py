"""The tables, as the newest migration leaves them."""

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKey,
    Index,
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

collection_tasks = Table(
    "homespun_collection_tasks",
    metadata,
    Column("number", Integer, primary_key=True),
    Column("id", String(64), nullable=False, unique=True),
    Column("document", LargeBinary, nullable=False),
    Column("key", LargeBinary, nullable=False),
    Column("added", String(MOMENT_LENGTH), nullable=False),
)
"""The tasks that an aggregator takes part in, as they were signed, with the SHA-256 of the key that checks them."""

collection_batches = Table(
    "homespun_collection_batches",
    metadata,
    Column("task", Integer, ForeignKey(collection_tasks.c.number), primary_key=True, autoincrement=False),
    Column("state", String(20), nullable=False),
    Column("received", BigInteger, nullable=False),
    Column("count", BigInteger, nullable=False),
    Column("checksum", LargeBinary, nullable=False),
    Column("why", Text),
    Column("answer", LargeBinary),
)
"""How far a task is: reports that were taken, those in the sum, and what was answered when it was collected."""

collection_sums = Table(
    "homespun_collection_sums",
    metadata,
    Column("task", Integer, ForeignKey(collection_tasks.c.number), primary_key=True, autoincrement=False),
    Column("total", LargeBinary, nullable=False),
)
"""The running sum of a task's shares, sealed; gone once it was collected."""

collection_jobs = Table(
    "homespun_collection_jobs",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("task", Integer, ForeignKey(collection_tasks.c.number), nullable=False, index=True),
    Column("state", String(20), nullable=False),
    Column("request", LargeBinary),
    Column("answer", LargeBinary),
    Column("leased_until", BigInteger),
    Column("why", Text),
)
"""Aggregation jobs. A leader's are made before they are sent; a helper keeps the answers to repeat."""

collection_reports = Table(
    "homespun_collection_reports",
    metadata,
    Column("sequence", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("task", Integer, ForeignKey(collection_tasks.c.number), nullable=False),
    Column("id", LargeBinary, nullable=False),
    Column("state", String(20), nullable=False),
    Column("job", String(32), index=True),
    Column("time", BigInteger),
    Column("arrived", BigInteger),
    Column("enc", LargeBinary),
    UniqueConstraint("task", "id"),
)
"""The ids of reports, so that none counts twice; the rest of a row is emptied once its job is done."""

Index(
    "homespun_collection_waiting",
    collection_reports.c.task,
    collection_reports.c.sequence,
    sqlite_where=collection_reports.c.state == "waiting",
    postgresql_where=collection_reports.c.state == "waiting",
)

collection_payloads = Table(
    "homespun_collection_payloads",
    metadata,
    Column(
        "report",
        BigInteger().with_variant(Integer, "sqlite"),
        ForeignKey(collection_reports.c.sequence),
        primary_key=True,
        autoincrement=False,
    ),
    Column("content", LargeBinary, nullable=False),
)
"""The sealed shares of reports that wait, without the keys' halves that open them, which are in the report's row."""
