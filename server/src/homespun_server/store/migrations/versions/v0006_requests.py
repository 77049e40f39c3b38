"""What requests of people keep: their course, effects, tombstones, devices that are asked."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"

_REQUESTS = "homespun_requests"
_DOCUMENTS = "homespun_request_documents"


def upgrade() -> None:
    """Make the tables, and let the database refuse changes to what happened."""
    _requests()
    _events()
    _erasing()
    for statement in _REFUSALS[op.get_bind().dialect.name]:
        op.execute(statement)


def _requests() -> None:
    op.create_table(
        _DOCUMENTS,
        sa.Column("digest", sa.String(64), primary_key=True),
        sa.Column("content", sa.Text, nullable=False),
    )
    op.create_table(
        _REQUESTS,
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("regulation", sa.String(100), nullable=False),
        sa.Column("subject", sa.String(64), index=True),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("received", sa.String(40), nullable=False),
        sa.Column("due", sa.String(40), nullable=False),
        sa.Column("next", sa.String(40)),
        sa.Column("events", sa.Integer, nullable=False),
        sa.Column("rules", sa.String(64), sa.ForeignKey(f"{_DOCUMENTS}.digest"), nullable=False),
        sa.Column("data_map", sa.String(64), sa.ForeignKey(f"{_DOCUMENTS}.digest"), nullable=False),
    )
    op.create_index("homespun_requests_next", _REQUESTS, ["next", "id"])
    op.create_index("homespun_requests_state", _REQUESTS, ["state", "due", "id"])


def _events() -> None:
    op.create_table(
        "homespun_request_events",
        sa.Column("request", sa.String(32), sa.ForeignKey(f"{_REQUESTS}.id"), primary_key=True),
        sa.Column("sequence", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("moment", sa.String(40), nullable=False),
        sa.Column("who", sa.String(120), nullable=False),
        sa.Column("role", sa.String(20), nullable=False),
        sa.Column("what", sa.String(20), nullable=False),
        sa.Column("detail", sa.Text, nullable=False),
    )
    op.create_table(
        "homespun_request_people",
        sa.Column("request", sa.String(32), sa.ForeignKey(f"{_REQUESTS}.id"), primary_key=True),
        sa.Column("sealed", sa.LargeBinary, nullable=False),
    )


def _erasing() -> None:
    op.create_table(
        "homespun_tombstones",
        sa.Column("mark", sa.String(64), primary_key=True),
        sa.Column("store", sa.String(100), nullable=False),
        sa.Column("moment", sa.String(40), nullable=False),
        sa.Column("lifted", sa.String(40)),
        sa.Column("number", sa.Integer, nullable=False),
    )
    op.create_table(
        "homespun_retrainings",
        sa.Column("request", sa.String(32), sa.ForeignKey(f"{_REQUESTS}.id"), primary_key=True),
        sa.Column("bundle", sa.String(64), primary_key=True),
        sa.Column("name", sa.String(100), nullable=False, index=True),
        sa.Column("scheduled", sa.String(40), nullable=False),
        sa.Column("evidence", sa.String(64)),
        sa.Column("done", sa.String(40)),
    )


_REFUSALS = {
    "sqlite": (
        """
        CREATE TRIGGER homespun_request_events_no_update BEFORE UPDATE ON homespun_request_events
        BEGIN SELECT RAISE(ABORT, 'what happened to a request is only added to'); END
        """,
        """
        CREATE TRIGGER homespun_request_events_no_delete BEFORE DELETE ON homespun_request_events
        BEGIN SELECT RAISE(ABORT, 'what happened to a request is only added to'); END
        """,
    ),
    "postgresql": (
        """
        CREATE FUNCTION homespun_request_events_refuse() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN RAISE EXCEPTION 'what happened to a request is only added to'; END $$
        """,
        """
        CREATE TRIGGER homespun_request_events_no_change BEFORE UPDATE OR DELETE OR TRUNCATE ON homespun_request_events
        FOR EACH STATEMENT EXECUTE FUNCTION homespun_request_events_refuse()
        """,
    ),
}
