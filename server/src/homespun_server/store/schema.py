"""The tables, as the newest migration leaves them."""

from sqlalchemy import Column, ForeignKey, Integer, LargeBinary, MetaData, String, Table

NAME_LENGTH = 100

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
