"""What requests of people keep: their course, effects, tombstones, devices that are asked."""

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Make the tables."""
