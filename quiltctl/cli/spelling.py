"""How a command line is spelt: the one place that knows.

    -aq   -t5   -t 5   -t=5 (the = is dropped, as docker does)   --time 5   --time=5   --all   --all=false   --

Options may stand among the words, except where the first word ends them (run, exec). Both readers
work on what ``read`` returns; the slow one gets it written out anew by ``canonical``.
"""

from __future__ import annotations

from quiltctl.errors import UsageError
from quiltctl.model.parameters import Argument, Flag, Option, Refused
from quiltctl.model.value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

TRUE = frozenset(("1", "t", "T", "true", "TRUE", "True"))
FALSE = frozenset(("0", "f", "F", "false", "FALSE", "False"))
"""What Go's strconv.ParseBool takes, which is what docker and podman take after ``--flag=``."""


class Given(Value):
    """An option as it was given: ``name`` is the spelling used; the value of a flag is a bool."""

    parameter: Flag | Option | Refused
    name: str
    value: str | bool


class Spelt(Value):
    """A line taken apart. ``unclear``: options not declared, without their value, or with one that is wrong."""

    given: tuple[Given, ...]
    words: tuple[str, ...]
    unclear: tuple[str, ...]


class _Reading:
    """The line while it is read."""

    def __init__(self, parameters: Iterable[Flag | Option | Refused | Argument], line: Sequence[str]) -> None:
        self.known = {
            name: parameter
            for parameter in parameters
            if not isinstance(parameter, Argument)
            for name in names_of(parameter)
        }
        self.rest = list(reversed(line))
        self.given: list[Given] = []
        self.words: list[str] = []
        self.unclear: list[str] = []

    def long(self, text: str) -> None:
        name, equals, value = text.partition("=")
        if name in self.known:
            self.option(self.known[name], name, value if equals else None)
        else:
            self.unclear.append(text)

    def cluster(self, text: str) -> None:
        """Read ``-aq``, ``-aqt5``: flags, up to an option that takes the rest as its value."""
        for position, letter in enumerate(text[1:], start=2):
            name, rest = f"-{letter}", text[position:]
            parameter = self.known.get(name)
            if parameter is None:
                self.unclear.append(text if letter == "-" else name)  # "--" would mean something else
                return
            if takes_value(parameter) or rest.startswith("="):
                self.option(parameter, name, rest.removeprefix("=") if rest else None)
                return
            self.option(parameter, name, None)

    def option(self, parameter: Flag | Option | Refused, name: str, value: str | None) -> None:
        if isinstance(parameter, Flag):
            self.flag(parameter, name, value)
        elif not takes_value(parameter):
            if value not in FALSE:  # --tty=false asks for nothing that could be refused
                self.given.append(Given(parameter, name, value or ""))
        elif value is not None:
            self.given.append(Given(parameter, name, value))
        elif self.rest:
            self.given.append(Given(parameter, name, self.rest.pop()))
        elif isinstance(parameter, Refused):
            self.given.append(Given(parameter, name, ""))  # what is refused needs no value to be so
        else:
            self.unclear.append(name)

    def flag(self, flag: Flag, name: str, value: str | None) -> None:
        if value is None or value in TRUE or value in FALSE:
            self.given.append(Given(flag, name, (value not in FALSE) == (name in flag.names)))
        else:
            self.unclear.append(f"{flag.names[0]}={value}")


def read(
    parameters: Iterable[Flag | Option | Refused | Argument], line: Sequence[str], *, words_end_options: bool = False
) -> Spelt:
    """Take a line apart by what is declared. Of two parameters with the same name the later one counts."""
    reading = _Reading(parameters, line)
    while reading.rest:
        text = reading.rest.pop()
        if text == "--":
            reading.words += reversed(reading.rest)
            break
        if text == "-" or text[:1] != "-":  # "-" alone is standard input
            reading.words.append(text)
            if words_end_options:
                reading.words += reversed(reading.rest)
                break
        elif text[1] == "-":
            reading.long(text)
        else:
            reading.cluster(text)
    return Spelt(tuple(reading.given), tuple(reading.words), tuple(reading.unclear))


def canonical(spelt: Spelt) -> list[str]:
    """Write the line out in the one spelling that every parser of options reads alike.

    Flags keep their last value only, so that ``--all=false`` needs no spelling. What is unclear comes last and
    without the words: it is an error, and an option without its value must not take the next thing for it.
    """
    line: list[str] = []
    flags: dict[str, tuple[Flag, str | bool]] = {}
    for given in spelt.given:
        if isinstance(given.parameter, Option):
            line += (given.parameter.names[0], str(given.value))
        elif isinstance(given.parameter, Flag):
            flags[given.parameter.names[0]] = (given.parameter, given.value)
    for flag, value in flags.values():
        if value is not flag.default:
            line.append(flag.names[0] if value else negative(flag))
    return [*line, *spelt.unclear] if spelt.unclear else [*line, "--", *spelt.words]


def refuse(spelt: Spelt) -> None:
    """Say no to the first option that docker or podman know and this version cannot honour.

    Raises:
        UsageError: there is one; the sentence is its own spelling and why.
    """
    for given in spelt.given:
        if isinstance(given.parameter, Refused):
            raise UsageError(f"{given.name}: {given.parameter.why}")


def names_of(parameter: Flag | Option | Refused) -> tuple[str, ...]:
    """Return the names by which a parameter is given; a flag that is on by itself is also known by its opposite."""
    if isinstance(parameter, Flag) and parameter.default:
        return (*parameter.names, negative(parameter))
    return parameter.names


def negative(flag: Flag) -> str:
    """Return the name that switches off a flag that is on by itself: ``--no-stream`` for ``--stream``."""
    longest = next(name for name in flag.names if name.startswith("--"))
    return f"--no-{longest[2:]}"


def takes_value(parameter: Flag | Option | Refused) -> bool:
    """Return whether the parameter is followed by a value."""
    return isinstance(parameter, Option) or (isinstance(parameter, Refused) and parameter.takes_value)
