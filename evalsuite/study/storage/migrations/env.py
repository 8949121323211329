"""What alembic runs: the steps, inside the transaction that `migrate` opened."""

from alembic import context

from evalsuite.study.storage.tables import METADATA

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=METADATA,
    transactional_ddl=True,
    transaction_per_migration=False,
)
context.run_migrations()
