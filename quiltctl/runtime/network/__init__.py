"""Networks in the kernel: bridges, veths, the firewall, and what this host has of its own."""
