"""What asking devices keeps: who registered, who was asked and answered, the list that was published last."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"

_DEVICES = "homespun_asking_devices"
_ANSWERS = "homespun_asking_answers"


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        _DEVICES,
        sa.Column("device", sa.String(32), primary_key=True),
        sa.Column("subject", sa.String(64), nullable=False, index=True),
        sa.Column("key", sa.String(64), nullable=False),
        sa.Column("secret", sa.LargeBinary, nullable=False),
        sa.Column("sequence", sa.Integer, nullable=False),
        sa.Column("renewed", sa.String(40), nullable=False),
        sa.Column("answered", sa.Integer, nullable=False),
    )
    op.create_table(
        _ANSWERS,
        sa.Column("request", sa.String(64), primary_key=True),
        sa.Column("device", sa.String(32), sa.ForeignKey(f"{_DEVICES}.device"), primary_key=True),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("asked", sa.String(40), nullable=False),
        sa.Column("answered", sa.String(40)),
        sa.Column("receipt", sa.LargeBinary),
    )
    op.create_index("homespun_asking_pending", _ANSWERS, ["device", "state"])
    op.create_table(
        "homespun_asking_lists",
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("entries", sa.Integer, nullable=False),
        sa.Column("made", sa.String(40), nullable=False),
    )
