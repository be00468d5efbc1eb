"""The stores over SQL: SQLite by default, PostgreSQL by configuration, the same statements."""
