"""Runs the migrations on the connection that the store hands over, in its transaction."""

from alembic import context

from homespun_server.store.schema import metadata
from homespun_server.store.versions import VERSION_TABLE

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    version_table=VERSION_TABLE,
    transactional_ddl=True,
)
context.run_migrations()
