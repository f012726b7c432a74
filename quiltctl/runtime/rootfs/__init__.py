"""The root file system of a container: what real root makes outside, the plan of it, and its steps."""
