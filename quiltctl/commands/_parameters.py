"""Declarations that several verbs share: a flag is spelt and documented once."""

from __future__ import annotations

from quiltctl.model.parameters import Argument, Flag, Option

JSON = Flag(("--json",), "Print the complete, documented JSON.")
FORMAT = Option(("--format",), "Print with a Go template, `table TEMPLATE` or `json`.", metavar="FORMAT")
FILTER = Option(("--filter", "-f"), "Only what matches KEY=VALUE; repeatable.", multiple=True, metavar="KEY=VALUE")
FILTER_LONG = Option(("--filter",), "Only what matches KEY=VALUE; repeatable.", multiple=True, metavar="KEY=VALUE")
"""For verbs whose -f is --force."""
NO_TRUNC = Flag(("--no-trunc",), "Show long values whole.")
QUIET = Flag(("--quiet", "-q"), "Print ids only.")
NO_HEADING = Flag(("--noheading",), "Print no column headings.")
ALL = Flag(("--all", "-a"), "Take all of them.")
LATEST = Flag(("--latest", "-l"), "Take the container that was created last.")
IGNORE = Flag(("--ignore", "-i"), "Say nothing about containers that do not exist.")
CIDFILE = Option(
    ("--cidfile",), "Read the container's id from a file; repeatable.", multiple=True, metavar="FILE", completes="file"
)
CONTAINER = Argument("container", "Name, id, or the beginning of an id.", completes="container")
CONTAINERS = Argument(
    "containers", "Names, ids, or beginnings of ids.", required=False, multiple=True, completes="container"
)
NETWORK = Argument("network", "Name, id, or the beginning of an id.", completes="network")
NETWORKS = Argument("networks", "Names, ids, or beginnings of ids.", multiple=True, completes="network")
