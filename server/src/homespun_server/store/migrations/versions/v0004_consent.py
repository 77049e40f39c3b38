"""What the consent ledger keeps: subjects, notices, events and counts of them."""

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Make the tables."""
