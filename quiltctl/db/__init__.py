"""The database: all SQL of one table in one file, the schema in migrations/."""
