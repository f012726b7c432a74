"""From the pieces of a template to what writes it (text/template, "Actions")."""

from __future__ import annotations

from quiltctl.ui.template.expressions import Call, Chain, Constant, Expression, Field, Variable
from quiltctl.ui.template.functions import FUNCTIONS
from quiltctl.ui.template.lexer import Piece, Word, cut, fault
from quiltctl.ui.template.statements import Assign, Condition, Leave, Print, Range, Statement, Text

_CONSTANTS = {"true": True, "false": False, "nil": None}
_NOT_HERE = ("define", "template", "block")


def parse(source: str, *, columns: bool = False) -> tuple[Statement, ...]:
    """Return what a template does; with ``columns``, blanks in its text are tabs, as podman has it in a table.

    Raises:
        UsageError: it is no template of the subset; the sentence says where and why.
    """
    reader = _Pieces(cut(source), len(source), columns=columns)
    statements = reader.body()
    if reader.ended_by is not None:
        raise fault(reader.ended_by.at, f"unexpected {reader.ended_by.value}")
    return statements


class _Pieces:
    """Reads statements from pieces, block by block."""

    def __init__(self, pieces: list[Piece], length: int, *, columns: bool) -> None:
        self._pieces = iter(pieces)
        self._length = length
        self._columns = columns
        self._loops = 0
        self.ended_by: Word | None = None
        self._tail = _Words((), length)

    def body(self) -> tuple[Statement, ...]:
        """Return the statements up to ``end``, ``else`` or the end of the template, and keep what it was."""
        statements: list[Statement] = []
        for piece in self._pieces:
            if piece.words is None:
                statements.append(Text(_as_columns(piece.text) if self._columns else piece.text))
                continue
            words = _Words(piece.words, piece.at)
            keyword = words.keyword()
            if keyword is not None and keyword.value in ("end", "else"):
                self.ended_by, self._tail = keyword, words
                break
            statements.append(self._statement(keyword, words))
        else:
            self.ended_by = None  # a block inside has left its own
        return tuple(statements)

    def _statement(self, keyword: Word | None, words: _Words) -> Statement:
        if keyword is None:
            return words.plain()
        if keyword.value in _NOT_HERE:
            raise fault(keyword.at, f"{keyword.value} is not supported")
        if keyword.value in ("break", "continue"):
            if not self._loops:
                raise fault(keyword.at, f"{keyword.value} outside range")
            words.finish()
            return Leave(again=keyword.value == "continue")
        return self._block(keyword, words)

    def _block(self, keyword: Word, words: _Words) -> Statement:
        is_range = keyword.value == "range"
        names = words.declared(2 if is_range else 1)
        expression = words.pipeline()
        words.finish()
        self._loops += is_range
        body = self.body()
        self._loops -= is_range
        otherwise = self._otherwise(keyword)
        if is_range:
            return Range(
                names[0] if len(names) > 1 else "", names[-1] if names else "", expression, body, otherwise, keyword.at
            )
        return Condition(names[0] if names else "", expression, body, otherwise, keyword.value == "with")

    def _otherwise(self, opened_by: Word) -> tuple[Statement, ...]:
        """Return what stands after ``else``, up to the ``end`` of the block, which must be there."""
        statements: tuple[Statement, ...] = ()
        if self.ended_by is not None and self.ended_by.value == "else":
            following = self._tail.keyword()
            if following is not None:  # {{else if}}: the two share one {{end}}
                return (self._block(following, self._tail),)
            self._tail.finish()
            statements = self.body()
        if self.ended_by is None:
            raise fault(self._length, f"no {{{{end}}}} for the {opened_by.value} at character {opened_by.at + 1}")
        if self.ended_by.value != "end":
            raise fault(self.ended_by.at, "a second else")
        self._tail.finish()
        return statements


_KEYWORDS = ("if", "else", "end", "range", "with", "break", "continue", *_NOT_HERE)


class _Words:
    """Reads expressions from the words of one action."""

    def __init__(self, words: tuple[Word, ...], at: int) -> None:
        self._words = words
        self._next = 0
        self._at = at

    def keyword(self) -> Word | None:
        """Return the keyword that stands next and step over it, or None."""
        word = self._peek()
        if word is None or word.kind != "name" or word.value not in _KEYWORDS:
            return None
        self._next += 1
        return word

    def plain(self) -> Statement:
        """Return the statement of an action without a keyword."""
        first = self._peek()
        following = self._words[1].kind if len(self._words) > 1 else ""
        if first is not None and first.kind == "variable" and following in (":=", "="):
            name = self._variable_name(first)
            self._next = 2
            assign = Assign(name, self.pipeline(), following == ":=", first.at)
            self.finish()
            return assign
        statement = Print(self.pipeline())
        self.finish()
        return statement

    def declared(self, most: int) -> list[str]:
        """Return the variables that stand before ``:=``, at most so many; none leaves the words as they are."""
        signs = [word.kind for word in self._words[self._next : self._next + 2 * most]]
        if ":=" not in signs:
            return []
        end = self._next + signs.index(":=")
        named = self._words[self._next : end : 2]
        if signs[: end - self._next] not in (["variable"], ["variable", ",", "variable"]):
            raise fault(self._at, "what stands before := are variables")
        self._next = end + 1
        return [self._variable_name(word) for word in named]

    def pipeline(self) -> Expression:
        """Return the commands, each with the value of the one before as its last argument."""
        value = self._command(None)
        while (word := self._peek()) is not None and word.kind == "|":
            self._next += 1
            value = self._command(value)
        return value

    def finish(self) -> None:
        """Make sure that nothing is left.

        Raises:
            UsageError: something is.
        """
        word = self._peek()
        if word is not None:
            raise fault(word.at, f"unexpected {word.value if word.kind in ('name', 'literal') else word.kind}")

    def _command(self, piped: Expression | None) -> Expression:
        word = self._peek()
        if word is None or word.kind in ("|", ")"):
            raise fault(word.at if word else self._at, "a value is missing")
        self._next += 1
        operand = self._operand(word)
        arguments: list[Expression] = []
        while (more := self._peek()) is not None and more.kind not in ("|", ")"):
            self._next += 1
            arguments.append(self._operand(more))
        if piped is not None:
            arguments.append(piped)
        if not arguments:
            return operand
        if isinstance(operand, Call) and not operand.arguments and word.kind == "name":
            return Call(operand.at, operand.function, tuple(arguments))
        if isinstance(operand, Field):
            return Field(operand.at, operand.names, tuple(arguments))
        raise fault(word.at, "this takes no arguments")

    def _operand(self, word: Word) -> Expression:
        if word.kind == "literal":
            return Constant(word.at, word.value)
        if word.kind == "field":
            return Field(word.at, _names(word.value))
        if word.kind == "variable":
            name, names = word.value if isinstance(word.value, tuple) else ("", ())
            return Variable(word.at, name, names)
        if word.kind == "(":
            return self._brackets(word)
        if word.kind == "name":
            return self._named(word)
        raise fault(word.at, f"unexpected {word.kind}")

    def _brackets(self, opening: Word) -> Expression:
        inner = self.pipeline()
        closing = self._peek()
        if closing is None or closing.kind != ")":
            raise fault(opening.at, "the bracket is not closed")
        self._next += 1
        following = self._peek()
        if following is not None and following.kind == "chain":
            self._next += 1
            return Chain(following.at, inner, _names(following.value))
        return inner

    def _named(self, word: Word) -> Expression:
        name = str(word.value)
        if name in _CONSTANTS:
            return Constant(word.at, _CONSTANTS[name])
        if name not in FUNCTIONS and name not in ("and", "or"):
            raise fault(
                word.at, f'function "{name}" not defined', hint=f"there are {', '.join(['and', *FUNCTIONS, 'or'])}"
            )
        return Call(word.at, name, ())

    def _variable_name(self, word: Word) -> str:
        name, names = word.value if isinstance(word.value, tuple) else ("", ())
        if names:
            raise fault(word.at, "a field cannot be assigned")
        return str(name)

    def _peek(self) -> Word | None:
        return self._words[self._next] if self._next < len(self._words) else None


def _as_columns(text: str) -> str:
    """Return the text with each run of blanks as one tab."""
    while "  " in text:
        text = text.replace("  ", " ")
    return text.replace(" \t", "\t").replace("\t ", "\t").replace(" ", "\t")


def _names(value: object) -> tuple[str, ...]:
    return value if isinstance(value, tuple) else ()
