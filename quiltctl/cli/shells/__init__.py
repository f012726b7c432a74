"""Completion scripts, one module per shell, made from the command table and the declarations."""
