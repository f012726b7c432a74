"""What a container's networks are made of in the kernel, and the files that tell it of them."""
