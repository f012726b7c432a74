"""How a line wants its error: as JSON, with the traceback. Asked only when there is an error to report."""

from __future__ import annotations

import os

from quiltctl.cli import spelling
from quiltctl.cli.line import GLOBALS, find
from quiltctl.cli.table import load
from quiltctl.errors import QuiltError
from quiltctl.model.parameters import Flag, Option
from quiltctl.model.value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

_JSON = Flag(("--json",), "")
_FORMAT = Option(("--format",), "")


class Wishes(Value):
    """What the line asks of an error's form."""

    json: bool
    debug: bool


def wishes_of(argv: Sequence[str]) -> Wishes:
    """Return what the line asks, as far as it can be understood: it may be the line itself that is wrong."""
    values = {given.parameter.names[0]: given.value for given in _given(argv)}
    debug = values.get("--log-level") in {"debug", "trace"} or os.environ.get("QUILT_DEBUG", "") not in {"", "0"}
    return Wishes(json=values.get("--json") is True or values.get("--format") == "json", debug=debug)


def _given(argv: Sequence[str]) -> tuple[spelling.Given, ...]:
    """Return the options of the line; --json and --format count for verbs too that do not have them."""
    common = (*GLOBALS, _JSON, _FORMAT)
    try:
        line = find(argv)
        verb = load(line.verb).VERB if line.verb else None
    except (QuiltError, ImportError):
        verb = None
    if verb is None:
        return spelling.read(common, argv).given
    return spelling.read((*common, *verb.parameters), line.rest, words_end_options=verb.words_end_options).given
