"""What alembic runs; nothing here is imported by name."""
