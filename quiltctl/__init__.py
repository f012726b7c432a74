"""quiltctl: containers on one Linux host, without a daemon."""

__version__ = "0.1.0"
