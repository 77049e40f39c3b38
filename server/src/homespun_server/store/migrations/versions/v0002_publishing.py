"""The registry of bundles, the pipeline's runs, the service's tokens, and the record of changes."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Make the tables, and let the database refuse changes to the record of changes."""
    _registry()
    _runs()
    _tokens()
    _audit()
    for statement in _REFUSALS[op.get_bind().dialect.name]:
        op.execute(statement)


def _registry() -> None:
    op.create_table(
        "homespun_bundle_names",
        sa.Column("name", sa.String(100), primary_key=True),
        sa.Column("versions", sa.Integer, nullable=False),
    )
    op.create_table(
        "homespun_bundles",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("name", sa.String(100), sa.ForeignKey("homespun_bundle_names.name"), nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("stage", sa.String(20), nullable=False),
        sa.Column("created", sa.String(40), nullable=False),
        sa.Column("added", sa.String(40), nullable=False),
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("privacy", sa.String(40), nullable=False),
        sa.Column("epsilon", sa.String(40)),
        sa.Column("delta", sa.String(40)),
        sa.Column("note", sa.Text, nullable=False),
        sa.Column("lineage", sa.Text, nullable=False),
        sa.Column("card", sa.Text, nullable=False),
        sa.Column("gates", sa.Text, nullable=False),
        sa.UniqueConstraint("name", "version"),
    )
    op.create_table(
        "homespun_bundle_moves",
        sa.Column("bundle", sa.String(64), sa.ForeignKey("homespun_bundles.id"), primary_key=True),
        sa.Column("sequence", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("stage", sa.String(20), nullable=False),
        sa.Column("moment", sa.String(40), nullable=False),
        sa.Column("who", sa.String(120), nullable=False),
        sa.Column("why", sa.Text, nullable=False),
    )


def _runs() -> None:
    op.create_table(
        "homespun_runs",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("name", sa.String(100), nullable=False),
        sa.Column("started", sa.String(40), nullable=False),
        sa.Column("ended", sa.String(40)),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("bundle", sa.String(64)),
        sa.Column("record", sa.Text, nullable=False),
    )


def _tokens() -> None:
    op.create_table(
        "homespun_tokens",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("digest", sa.String(64), nullable=False, unique=True),
        sa.Column("role", sa.String(20), nullable=False),
        sa.Column("note", sa.Text, nullable=False),
        sa.Column("created", sa.String(40), nullable=False),
        sa.Column("expires", sa.String(40), nullable=False),
        sa.Column("revoked", sa.String(40)),
        sa.Column("last_used", sa.String(10)),
    )


def _audit() -> None:
    op.create_table(
        "homespun_audit",
        sa.Column("sequence", sa.Integer, primary_key=True),
        sa.Column("moment", sa.String(40), nullable=False),
        sa.Column("who", sa.String(120), nullable=False),
        sa.Column("role", sa.String(20), nullable=False),
        sa.Column("action", sa.String(40), nullable=False),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("detail", sa.Text, nullable=False),
    )


_REFUSALS = {
    "sqlite": (
        """
        CREATE TRIGGER homespun_audit_no_update BEFORE UPDATE ON homespun_audit
        BEGIN SELECT RAISE(ABORT, 'the record of changes is only added to'); END
        """,
        """
        CREATE TRIGGER homespun_audit_no_delete BEFORE DELETE ON homespun_audit
        BEGIN SELECT RAISE(ABORT, 'the record of changes is only added to'); END
        """,
    ),
    "postgresql": (
        """
        CREATE FUNCTION homespun_audit_refuse() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN RAISE EXCEPTION 'the record of changes is only added to'; END $$
        """,
        """
        CREATE TRIGGER homespun_audit_no_change BEFORE UPDATE OR DELETE OR TRUNCATE ON homespun_audit
        FOR EACH STATEMENT EXECUTE FUNCTION homespun_audit_refuse()
        """,
    ),
}
