"""The command line: table of verbs, spelling, and the two readers of one declaration."""
