"""The only code that speaks to the kernel: one wrapper per system call."""
