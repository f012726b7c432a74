"""How values are shown. This floor knows values only."""
