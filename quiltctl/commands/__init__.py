"""One file per verb: its declaration (VERB) and its function (command)."""
