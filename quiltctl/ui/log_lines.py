"""Lines of logs as they go to standard output and standard error: the bytes the containers wrote, nothing added.

They are not made harmless for a terminal: a program's output looks as it would without a container around it, as
with docker and podman. ``--json`` is the form for whoever does not trust it.
"""

from __future__ import annotations

import sys

from quiltctl.model.times import format_ns

TYPE_CHECKING = False
if TYPE_CHECKING:
    from io import BufferedWriter
    from typing import TextIO

    from quiltctl.model.log_record import Record

_BATCH_LINES = 2000


class LogLines:
    """Writes lines of one log, or of several with what tells them apart in front.

    ``prefixes`` has one for each log, empty for none. ``show`` gathers, ``flush`` writes out, so that a log of a
    million lines costs a few hundred writes, and the two streams stay in order where they meet.
    """

    def __init__(self, prefixes: list[bytes], *, timestamps: bool) -> None:
        self._prefixes = prefixes
        self._plain = prefixes == [b""] and not timestamps
        self._timestamps = timestamps
        self._gathered: list[bytes] = []
        self._stream = "stdout"
        self._open: dict[str, int] = {}  # the log whose unfinished line stands at the end of a stream

    def show(self, index: int, record: Record) -> None:
        """Show one record of a log."""
        stream = "stdout" if record.stream == "stdout" else "stderr"
        if stream != self._stream or len(self._gathered) >= _BATCH_LINES:
            self.flush()
            self._stream = stream
        if not self._plain or record.stream == "quiltctl":
            self._gathered.append(self._before(index, stream, record))
        self._gathered.append(record.text if record.partial else record.text + b"\n")

    def show_json(self, index: int, record: Record) -> None:
        """Show one record as one line of JSON."""
        from quiltctl.model.document import encode
        from quiltctl.ui.safe import harmless_json

        document: dict[str, object] = {
            "time": format_ns(record.at_ns),
            "stream": record.stream,
            "message": record.text.decode("utf-8", "surrogateescape"),
            "partial": record.partial,
        }
        if self._prefixes[index]:
            document["container"] = self._prefixes[index].decode().rstrip()
        text = encode(document)
        if sys.stdout is not None and sys.stdout.isatty():
            text = harmless_json(text)
        self._gathered.append(text.encode() + b"\n")
        if len(self._gathered) >= _BATCH_LINES:
            self.flush()

    def flush(self) -> None:
        """Write out what was gathered."""
        gathered, self._gathered = self._gathered, []
        # Without the descriptor Python has no such stream: who closed it does not want to know.
        target: TextIO | None = sys.stdout if self._stream == "stdout" else sys.stderr
        if gathered and target is not None:
            binary: BufferedWriter = target.buffer  # type: ignore[assignment]  # TextIO promises BinaryIO only
            binary.write(b"".join(gathered))
            binary.flush()

    def _before(self, index: int, stream: str, record: Record) -> bytes:
        """Return what stands in front of a record: nothing where it goes on with a line of its own log."""
        if record.stream == "quiltctl":
            return self._break(stream) + self._prefixes[index] + b"quiltctl: "
        goes_on = self._open.get(stream) == index
        broken = b"" if goes_on else self._break(stream)
        if record.partial:
            self._open[stream] = index
        else:
            self._open.pop(stream, None)
        if goes_on:
            return b""
        stamp = format_ns(record.at_ns).encode() + b" " if self._timestamps else b""
        return broken + self._prefixes[index] + stamp

    def _break(self, stream: str) -> bytes:
        """Return the newline that ends another log's unfinished line, where there is one."""
        return b"\n" if self._open.pop(stream, None) is not None else b""
