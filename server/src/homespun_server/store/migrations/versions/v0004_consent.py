"""What the consent ledger keeps: subjects, notices, events and counts of them."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

_NUMBER = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    """Make the tables, and let the database refuse to change events, or to remove those of nobody who is erased."""
    _people()
    _events()
    _counts()
    for statement in _REFUSALS[op.get_bind().dialect.name]:
        op.execute(statement)


def _people() -> None:
    op.create_table(
        "homespun_consent_subjects",
        sa.Column("lookup", sa.String(64), primary_key=True),
        sa.Column("pseudonym", sa.String(64), nullable=False, unique=True),
        sa.Column("key", sa.LargeBinary, nullable=False),
    )
    op.create_table("homespun_consent_erasing", sa.Column("subject", sa.String(64), primary_key=True))


def _events() -> None:
    op.create_table(
        "homespun_consent_notices",
        sa.Column("sha256", sa.String(64), primary_key=True),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("language", sa.String(100), nullable=False),
        sa.Column("version", sa.String(200), nullable=False),
        sa.Column("registered", sa.String(40), nullable=False),
    )
    op.create_table(
        "homespun_consent_events",
        sa.Column("number", _NUMBER, primary_key=True),
        sa.Column("subject", sa.String(64), nullable=False),
        sa.Column("source", sa.String(32), nullable=False),
        sa.Column("sequence", sa.BigInteger, nullable=False),
        sa.Column("origin", sa.String(20), nullable=False),
        sa.Column("known_as", sa.String(20), nullable=False),
        sa.Column("received", sa.String(40), nullable=False),
        sa.Column("schema", sa.Integer, nullable=False),
        sa.Column("purpose", sa.String(64), nullable=False),
        sa.Column("action", sa.String(40), nullable=False),
        sa.Column("notice", sa.String(64)),
        sa.Column("language", sa.String(100), nullable=False),
        sa.Column("version", sa.String(200), nullable=False),
        sa.Column("surface", sa.String(200), nullable=False),
        sa.Column("method", sa.String(200), nullable=False),
        sa.Column("sdk", sa.String(40), nullable=False),
        sa.Column("time", sa.String(32), nullable=False),
        sa.Column("valid_until", sa.String(32)),
        sa.Column("exception", sa.String(64)),
        sa.Column("signal", sa.String(64)),
        sa.Column("signal_value", sa.Boolean),
        sa.Column("outcome", sa.Text, nullable=False),
        sa.Column("choices", sa.Text, nullable=False),
        sa.Column("basis", sa.Text),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("log", sa.BigInteger),
        sa.UniqueConstraint("subject", "source", "sequence"),
    )
    op.create_table(
        "homespun_consent_conflicts",
        sa.Column("number", _NUMBER, primary_key=True),
        sa.Column("subject", sa.String(64), nullable=False),
        sa.Column("source", sa.String(32), nullable=False),
        sa.Column("sequence", sa.BigInteger, nullable=False),
        sa.Column("received", sa.String(40), nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.UniqueConstraint("subject", "source", "sequence", "digest"),
    )
    op.create_table(
        "homespun_consent_vouched",
        sa.Column("subject", sa.String(64), primary_key=True),
        sa.Column("source", sa.String(32), primary_key=True),
        sa.Column("received", sa.String(40), nullable=False),
    )


def _counts() -> None:
    op.create_table(
        "homespun_consent_counts",
        sa.Column("day", sa.String(10), primary_key=True),
        sa.Column("purpose", sa.String(64), primary_key=True),
        sa.Column("notice", sa.String(64), primary_key=True),
        sa.Column("action", sa.String(40), primary_key=True),
        sa.Column("number", sa.BigInteger, nullable=False),
    )


_REFUSALS = {
    "sqlite": (
        """
        CREATE TRIGGER homespun_consent_no_update BEFORE UPDATE ON homespun_consent_events
        BEGIN SELECT RAISE(ABORT, 'consent events are only added to'); END
        """,
        """
        CREATE TRIGGER homespun_consent_no_delete BEFORE DELETE ON homespun_consent_events
        WHEN NOT EXISTS (SELECT 1 FROM homespun_consent_erasing WHERE subject = OLD.subject)
        BEGIN SELECT RAISE(ABORT, 'consent events are removed with their whole subject only'); END
        """,
    ),
    "postgresql": (
        """
        CREATE FUNCTION homespun_consent_refuse() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN RAISE EXCEPTION 'consent events are only added to'; END $$
        """,
        """
        CREATE FUNCTION homespun_consent_check() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN
            IF NOT EXISTS (SELECT 1 FROM homespun_consent_erasing WHERE subject = OLD.subject) THEN
                RAISE EXCEPTION 'consent events are removed with their whole subject only';
            END IF;
            RETURN OLD;
        END $$
        """,
        """
        CREATE TRIGGER homespun_consent_no_change BEFORE UPDATE OR TRUNCATE ON homespun_consent_events
        FOR EACH STATEMENT EXECUTE FUNCTION homespun_consent_refuse()
        """,
        """
        CREATE TRIGGER homespun_consent_no_delete BEFORE DELETE ON homespun_consent_events
        FOR EACH ROW EXECUTE FUNCTION homespun_consent_check()
        """,
    ),
}
