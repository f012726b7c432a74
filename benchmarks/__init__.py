"""What quiltctl's speed is compared with, and how: `script/bench --help`."""
