"""Cutting a template into text and actions, and actions into words (text/template, "Text and spaces", "Actions")."""

from __future__ import annotations

from quiltctl.errors import UsageError
from quiltctl.model.value import Value

_BLANKS = " \t\r\n"
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "a": "\a", "b": "\b", "f": "\f", "v": "\v", "\\": "\\", '"': '"', "'": "'"}
_HEX_DIGITS = {"x": 2, "u": 4, "U": 8}


class Word(Value):
    """One word of an action. ``at`` is its place in the template.

    ``kind`` is field, chain (a field of what stands in the brackets before it), variable, name, literal, or the sign
    itself. The value of a field or chain is the tuple of names, of a variable its name with the tuple.
    """

    kind: str
    value: object
    at: int


class Piece(Value):
    """Text that is copied, or an action with its words."""

    text: str
    words: tuple[Word, ...] | None
    at: int


def fault(at: int, reason: str, *, hint: str | None = None) -> UsageError:
    """Return the error for what is wrong at a place, counted from 0, of the template."""
    return UsageError(f"cannot use the format at character {at + 1}: {reason}", hint=hint)


def cut(source: str) -> list[Piece]:
    r"""Return the pieces of a template. In text ``\t`` and ``\n`` become what they mean, as docker and podman have it.

    Raises:
        UsageError: an action or a comment is not closed, or a word cannot be read.
    """
    pieces: list[Piece] = []
    at, trim = 0, False
    while at < len(source):
        start = source.find("{{", at)
        end = len(source) if start < 0 else start
        text = source[at:end].replace("\\n", "\n").replace("\\t", "\t")
        text = text.lstrip(_BLANKS) if trim else text
        if start < 0:
            pieces.append(Piece(text, None, at))
            break
        inside = start + 2
        if source.startswith("-", inside) and source[inside + 1 : inside + 2] in tuple(_BLANKS):
            inside, text = inside + 1, text.rstrip(_BLANKS)
        pieces.append(Piece(text, None, at))
        words, at, trim = _comment(source, inside) if _begins_comment(source, inside) else _words(source, inside)
        if words is not None:
            pieces.append(Piece("", tuple(words), start))
    return [piece for piece in pieces if piece.text or piece.words is not None]


def _begins_comment(source: str, at: int) -> bool:
    return source[at:].lstrip(_BLANKS).startswith("/*")


def _comment(source: str, at: int) -> tuple[None, int, bool]:
    end = source.find("*/", at) + 2
    for closing in ("}}", " -}}"):
        if end > 1 and source.startswith(closing, end):
            return None, end + len(closing), closing != "}}"
    raise fault(at, "the comment is not closed by */}}")


def _words(source: str, at: int) -> tuple[list[Word], int, bool]:
    """Return the words of the action that begins at ``at``, where it ends, and whether it trims what follows."""
    words: list[Word] = []
    start = at
    while at < len(source):
        if source.startswith("}}", at):
            return words, at + 2, False
        if source[at] in _BLANKS:
            if source.startswith("-}}", at + 1):
                return words, at + 4, True
            at += 1
            continue
        word, end = _word(source, at)
        if word.kind == "field" and source[at - 1] == ")":
            word = Word("chain", word.value, at)
        words.append(word)
        at = end
    raise fault(start, "the action is not closed by }}")


def _word(source: str, at: int) -> tuple[Word, int]:
    char, following = source[at], source[at + 1 : at + 2]
    if char in ".$":
        return _field_or_variable(source, at)
    if char in "\"`'":
        return _quoted(source, at)
    if char.isdigit() or (char in "+-" and following.isdigit()):
        return _number(source, at)
    if char == ":" and following == "=":
        return Word(":=", None, at), at + 2
    if char in "()|=,":
        return Word(char, None, at), at + 1
    name = _name(source, at)
    if not name:
        raise fault(at, f"unexpected {char!a}")
    return Word("name", name, at), at + len(name)


def _name(source: str, at: int) -> str:
    end = at
    while end < len(source) and (source[end].isalnum() or source[end] == "_"):
        end += 1
    return source[at:end]


def _field_or_variable(source: str, at: int) -> tuple[Word, int]:
    variable = None
    start = at
    if source[at] == "$":
        variable = f"${_name(source, at + 1)}"
        at += len(variable)
    names: list[str] = []
    while source.startswith(".", at) and _name(source, at + 1):
        names.append(_name(source, at + 1))
        at += 1 + len(names[-1])
    if variable is not None:
        return Word("variable", (variable, tuple(names)), start), at
    return Word("field", tuple(names), start), at if names else at + 1


def _number(source: str, at: int) -> tuple[Word, int]:
    end = at + 1
    while end < len(source) and (source[end].isalnum() or source[end] in "._"):
        end += 1
    text = source[at:end]
    for read in (lambda word: int(word, 0), float):
        try:
            return Word("literal", read(text), at), end
        except ValueError:
            continue
    raise fault(at, f"{text} is no number")


def _quoted(source: str, at: int) -> tuple[Word, int]:
    quote, end = source[at], at + 1
    while source[end : end + 1] not in ("", quote):
        end += 2 if source[end] == "\\" and quote != "`" else 1
    if end >= len(source):
        raise fault(at, "the quoted text is not closed")
    text = source[at + 1 : end]
    if quote == "`":
        return Word("literal", text, at), end + 1
    text = _unescaped(text, at)
    if quote == '"':
        return Word("literal", text, at), end + 1
    if len(text) != 1:
        raise fault(at, "single quotes hold one character, text stands in double quotes")
    return Word("literal", ord(text), at), end + 1


def _unescaped(text: str, at: int) -> str:
    head, *parts = text.split("\\")
    if not parts:
        return head
    pieces = [head]
    escaped_backslash = False
    for part in parts:
        if escaped_backslash:  # the split has left nothing between two backslashes: this part follows the second
            pieces.append(part)
            escaped_backslash = False
        elif not part:
            pieces.append("\\")
            escaped_backslash = True
        else:
            pieces.append(_escape(part, at))
    return "".join(pieces)


def _escape(part: str, at: int) -> str:
    if part[0] in _ESCAPES:
        return _ESCAPES[part[0]] + part[1:]
    width = _HEX_DIGITS.get(part[0], 0)
    try:
        return chr(int(part[1 : 1 + width], 16)) + part[1 + width :]
    except (ValueError, OverflowError):
        raise fault(at, f"\\{part[0]} is no escape") from None
