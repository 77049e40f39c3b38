"""The budget ledgers of data sets, and their sampling secrets."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "homespun_budget_data_sets",
        sa.Column("name", sa.String(100), primary_key=True),
        sa.Column("events", sa.Integer, nullable=False),
        sa.Column("head", sa.String(64), nullable=False),
    )
    op.create_table(
        "homespun_budget_events",
        sa.Column("data_set", sa.String(100), sa.ForeignKey("homespun_budget_data_sets.name"), primary_key=True),
        sa.Column("sequence", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("event", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "homespun_sampling_secrets",
        sa.Column("data_set", sa.String(100), sa.ForeignKey("homespun_budget_data_sets.name"), primary_key=True),
        sa.Column("secret", sa.LargeBinary, nullable=False),
    )
