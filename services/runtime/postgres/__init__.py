"""The database: connection, migrations, and reading back what was recorded."""
