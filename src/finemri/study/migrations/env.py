"""Alembic's entrance: the connection is handed over by finemri.study.database.migrate."""

from alembic import context

from finemri.study.tables import METADATA

context.configure(connection=context.config.attributes["connection"], target_metadata=METADATA)
with context.begin_transaction():
    context.run_migrations()
