"""Control groups: what a container may use, what it has used, and how all of it is stopped at once."""
