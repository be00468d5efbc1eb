"""Migrations of the schema, run by Alembic in the order of their revisions."""
