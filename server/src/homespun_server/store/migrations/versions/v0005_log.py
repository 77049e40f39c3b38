"""What the transparency log keeps: entries, openings, checkpoints."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

_ONLY_ADDED_TO = ("entries", "nodes", "checkpoints", "cosignatures")


def upgrade() -> None:
    """Make the tables, of which those that everybody may see are only added to."""
    _tree()
    _signed()
    for statement in _refusals(op.get_bind().dialect.name):
        op.execute(statement)


def _tree() -> None:
    head = op.create_table(
        "homespun_log_head",
        sa.Column("id", sa.SmallInteger, primary_key=True, autoincrement=False),
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("peaks", sa.LargeBinary, nullable=False),
    )
    op.bulk_insert(head, [{"id": 1, "size": 0, "peaks": b""}])
    op.create_table(
        "homespun_log_entries",
        sa.Column("number", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("reference", sa.LargeBinary, nullable=False, unique=True),
        sa.Column("moment", sa.String(40), nullable=False),
        sa.Column("entry", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "homespun_log_nodes",
        sa.Column("level", sa.SmallInteger, primary_key=True, autoincrement=False),
        sa.Column("place", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("hash", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "homespun_log_openings",
        sa.Column(
            "number",
            sa.BigInteger,
            sa.ForeignKey("homespun_log_entries.number"),
            primary_key=True,
            autoincrement=False,
        ),
        sa.Column("salt", sa.LargeBinary, nullable=False),
        sa.Column("content", sa.LargeBinary, nullable=False),
        sa.Column("subject", sa.String(64)),
    )
    op.create_index("ix_homespun_log_openings_subject", "homespun_log_openings", ["subject"])


def _signed() -> None:
    op.create_table(
        "homespun_log_checkpoints",
        sa.Column("size", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("moment", sa.String(40), nullable=False),
        sa.Column("note", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "homespun_log_cosignatures",
        sa.Column(
            "size",
            sa.BigInteger,
            sa.ForeignKey("homespun_log_checkpoints.size"),
            primary_key=True,
            autoincrement=False,
        ),
        sa.Column("witness", sa.String(128), primary_key=True),
        sa.Column("note", sa.LargeBinary, nullable=False),
    )


def _refusals(dialect: str) -> list[str]:
    return _on_sqlite() if dialect == "sqlite" else _on_postgresql()


def _on_sqlite() -> list[str]:
    refuse = "BEGIN SELECT RAISE(ABORT, 'the transparency log is only added to'); END"
    changes = [(table, change) for table in (*_ONLY_ADDED_TO, "openings") for change in ("UPDATE", "DELETE")]
    changes.remove(("openings", "DELETE"))
    return [
        *(
            f"CREATE TRIGGER homespun_log_{table}_no_{change.lower()} BEFORE {change} ON homespun_log_{table} {refuse}"
            for table, change in changes
        ),
        f"CREATE TRIGGER homespun_log_head_no_delete BEFORE DELETE ON homespun_log_head {refuse}",
        f"""
        CREATE TRIGGER homespun_log_head_grows BEFORE UPDATE ON homespun_log_head
        WHEN NEW.size <= OLD.size OR NEW.id <> OLD.id {refuse}
        """,
    ]


def _on_postgresql() -> list[str]:
    refuse = "FOR EACH STATEMENT EXECUTE FUNCTION homespun_log_refuse()"
    changes = dict.fromkeys(_ONLY_ADDED_TO, "UPDATE OR DELETE OR TRUNCATE")
    changes |= {"openings": "UPDATE", "head": "DELETE OR TRUNCATE"}
    return [
        """
        CREATE FUNCTION homespun_log_refuse() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN RAISE EXCEPTION 'the transparency log is only added to'; END $$
        """,
        *(
            f"CREATE TRIGGER homespun_log_{table}_no_change BEFORE {change} ON homespun_log_{table} {refuse}"
            for table, change in changes.items()
        ),
        """
        CREATE TRIGGER homespun_log_head_grows BEFORE UPDATE ON homespun_log_head FOR EACH ROW
        WHEN (NEW.size <= OLD.size OR NEW.id <> OLD.id) EXECUTE FUNCTION homespun_log_refuse()
        """,
    ]
