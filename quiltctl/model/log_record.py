"""A line of a container's log."""

from __future__ import annotations

from quiltctl.model.value import Value


class Record(Value):
    """One line of the log, without its newline; ``partial`` says that the program has not ended the line here.

    The stream is ``stdout`` or ``stderr``, or ``quiltctl`` for what the log itself has to say.
    """

    at_ns: int
    stream: str
    text: bytes
    partial: bool
