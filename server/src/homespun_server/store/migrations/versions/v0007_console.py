"""What the console keeps: accounts, sessions and failed sign-ins."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "homespun_console_accounts",
        sa.Column("name", sa.String(40), primary_key=True),
        sa.Column("role", sa.String(20), nullable=False),
        sa.Column("password", sa.Text, nullable=False),
        sa.Column("created", sa.String(40), nullable=False),
        sa.Column("changed", sa.String(40), nullable=False),
        sa.Column("disabled", sa.String(40)),
    )
    op.create_table(
        "homespun_console_sessions",
        sa.Column("digest", sa.String(64), primary_key=True),
        sa.Column(
            "account", sa.String(40), sa.ForeignKey("homespun_console_accounts.name"), nullable=False, index=True
        ),
        sa.Column("created", sa.String(40), nullable=False),
        sa.Column("seen", sa.String(40), nullable=False),
        sa.Column("failures", sa.Integer, nullable=False),
    )
    op.create_table(
        "homespun_console_attempts",
        sa.Column("name", sa.String(64), primary_key=True),
        sa.Column("failures", sa.Integer, nullable=False),
        sa.Column("last", sa.String(40), nullable=False, index=True),
    )
