"""What leader and helper keep: tasks, how far they are, sums, jobs, and reports that wait."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

_TASKS = "homespun_collection_tasks"
_REPORTS = "homespun_collection_reports"
_WAITING = sa.text("state = 'waiting'")


def upgrade() -> None:
    """Make the tables."""
    _tasks()
    _sums()
    _reports()


def _tasks() -> None:
    op.create_table(
        _TASKS,
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("id", sa.String(64), nullable=False, unique=True),
        sa.Column("document", sa.LargeBinary, nullable=False),
        sa.Column("key", sa.LargeBinary, nullable=False),
        sa.Column("added", sa.String(40), nullable=False),
    )
    op.create_table(
        "homespun_collection_batches",
        sa.Column("task", sa.Integer, sa.ForeignKey(f"{_TASKS}.number"), primary_key=True, autoincrement=False),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("received", sa.BigInteger, nullable=False),
        sa.Column("count", sa.BigInteger, nullable=False),
        sa.Column("checksum", sa.LargeBinary, nullable=False),
        sa.Column("why", sa.Text),
        sa.Column("answer", sa.LargeBinary),
    )


def _sums() -> None:
    op.create_table(
        "homespun_collection_sums",
        sa.Column("task", sa.Integer, sa.ForeignKey(f"{_TASKS}.number"), primary_key=True, autoincrement=False),
        sa.Column("total", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "homespun_collection_jobs",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("task", sa.Integer, sa.ForeignKey(f"{_TASKS}.number"), nullable=False, index=True),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("request", sa.LargeBinary),
        sa.Column("answer", sa.LargeBinary),
        sa.Column("leased_until", sa.BigInteger),
        sa.Column("why", sa.Text),
    )


def _reports() -> None:
    number = sa.BigInteger().with_variant(sa.Integer, "sqlite")
    op.create_table(
        _REPORTS,
        sa.Column("sequence", number, primary_key=True),
        sa.Column("task", sa.Integer, sa.ForeignKey(f"{_TASKS}.number"), nullable=False),
        sa.Column("id", sa.LargeBinary, nullable=False),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("job", sa.String(32), index=True),
        sa.Column("time", sa.BigInteger),
        sa.Column("arrived", sa.BigInteger),
        sa.Column("enc", sa.LargeBinary),
        sa.UniqueConstraint("task", "id"),
    )
    op.create_index(
        "homespun_collection_waiting",
        _REPORTS,
        ["task", "sequence"],
        sqlite_where=_WAITING,
        postgresql_where=_WAITING,
    )
    op.create_table(
        "homespun_collection_payloads",
        sa.Column("report", number, sa.ForeignKey(f"{_REPORTS}.sequence"), primary_key=True, autoincrement=False),
        sa.Column("content", sa.LargeBinary, nullable=False),
    )
