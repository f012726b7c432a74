"""The only code that sees both the database and the kernel."""
