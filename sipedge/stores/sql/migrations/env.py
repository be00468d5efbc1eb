"""What Alembic runs: the migrations, on the connection and in the transaction it is handed."""

from alembic import context

from sipedge.stores.sql.tables import METADATA

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=METADATA,
    render_as_batch=True,
)
context.run_migrations()
