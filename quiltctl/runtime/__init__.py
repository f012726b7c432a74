"""What makes a container out of kernel parts."""
