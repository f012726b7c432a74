"""Values without input or output: what the other floors speak about."""
