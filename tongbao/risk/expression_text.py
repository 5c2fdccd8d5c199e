"""The text of an expression, cut into tokens and written as Python of operands and operators alone, which `ast` parses.

Every operand becomes `v0`, `v1`, ...: nothing that an author types reaches Python but the words and signs of this file.
"""

from __future__ import annotations

import ast
import re
import unicodedata
from bisect import bisect_right
from typing import Final, Literal

import msgspec

from tongbao.base.money import exponent, is_currency
from tongbao.risk.expression_error import ExpressionError

LONGEST: Final = 2_000
DEEPEST: Final = 32
LARGEST: Final = 10**15
"""Of a number that is typed, in minor units where it is an amount."""

_TOKEN: Final = re.compile(
    r"(?P<space>[ \t\r\n]+)|(?P<text>'(?:[^']|'')*')|(?P<number>[0-9][0-9_,]*[0-9]|[0-9])(?P<part>\.[0-9]+)?"
    r"|(?P<word>[A-Za-z_][A-Za-z0-9_]*)|(?P<sign><=|>=|<>|[=<>+\-*/(),])",
    re.ASCII,
)
_SPANS: Final = {"second": 1, "minute": 60, "hour": 3_600, "day": 86_400}
_SIGNS: Final = {"=": "==", "<>": "!=", "/": "//"}
_WORDS: Final = {"and": "and", "or": "or", "not": "not", "in": "in", "is": "is", "null": "None"}
_ENDS_BETWEEN: Final = frozenset({"and", "or", ")", ",", "==", "!=", "<", "<=", ">", ">=", "in", "is", "between"})

Sort = Literal["name", "number", "money", "span", "text", "truth"]


class Operand(msgspec.Struct, frozen=True):
    """What an author named or typed. `value`: the name, the whole number (minor units, seconds), the text, or the truth."""

    sort: Sort
    value: str | int | bool
    place: int
    currency: str | None = None


class Parsed(msgspec.Struct):
    """Python's tree over `v0`, `v1`, ... and what those are."""

    source: str
    tree: ast.expr
    operands: list[Operand]
    outs: list[int]
    places: list[int]

    def place(self, node: ast.AST) -> int:
        """Where in the source this node begins."""
        return self.places[max(0, bisect_right(self.outs, getattr(node, "col_offset", 0)) - 1)]


class _Writer:
    def __init__(self, source: str) -> None:
        self.source = source
        self.operands: list[Operand] = []
        self.out: list[str] = []
        self.outs: list[int] = []
        self.places: list[int] = []
        self._length = 0
        self._open: list[list[bool]] = [[]]
        """By bracket: of each `between` in it that is open, whether its `and` has come."""

    def put(self, text: str, place: int) -> None:
        if self._open[-1] and text in _ENDS_BETWEEN:
            if text == "and" and not self._open[-1][-1]:
                self._open[-1][-1] = True
                text = ","
            else:
                self._end_between(place)
        if text == "(":
            self._open.append([])
        elif text == ")" and len(self._open) > 1:
            self._open.pop()
        if len(self._open) > DEEPEST:
            raise ExpressionError("too_deep", place, source=self.source, most=DEEPEST)
        if text == "between":
            for part in ("in", "between", "("):
                self._write(part, place)
            self._open[-1].append(False)
        else:
            self._write(text, place)

    def operand(self, sort: Sort, value: str | int | bool, place: int, currency: str | None = None) -> None:
        self._write(f"v{len(self.operands)}", place)
        self.operands.append(Operand(sort, value, place, currency))

    def end(self) -> None:
        while self._open[-1]:
            self._end_between(len(self.source))

    def _end_between(self, place: int) -> None:
        if not self._open[-1].pop():
            raise ExpressionError("between_and", place, source=self.source)
        self._write(")", place)

    def _write(self, text: str, place: int) -> None:
        self.outs.append(self._length)
        self.places.append(place)
        self.out.append(text)
        self._length += len(text) + 1


def parse(source: str) -> Parsed:
    """Raises ExpressionError."""
    if len(source) > LONGEST:
        raise ExpressionError("too_long", LONGEST, source=source, most=LONGEST)
    if not source.strip():
        raise ExpressionError("empty", 0, source=source)
    writer = _Writer(source)
    place = 0
    while place < len(source):
        place = _next(writer, source, place)
    writer.end()
    try:
        tree = ast.parse(" ".join(writer.out), mode="eval").body
    except SyntaxError as error:
        raise _unexpected(error, writer) from None
    except (RecursionError, MemoryError, ValueError):
        raise ExpressionError("too_deep", 0, source=source, most=DEEPEST) from None
    return Parsed(source, tree, writer.operands, writer.outs, writer.places)


def _next(writer: _Writer, source: str, place: int) -> int:
    found = _TOKEN.match(source, place)
    if found is None:
        raise _bad_character(source, place)
    if found["text"] is not None:
        writer.operand("text", _text(found["text"], place, source), place)
    elif found["number"] is not None:
        return _number(writer, source, found)
    elif found["word"] is not None:
        _word(writer, found["word"].lower(), place)
    elif found["sign"] is not None:
        if found["sign"] == "=" and source[place + 1 : place + 2] == "=":
            raise ExpressionError("double_equal", place, source=source)
        writer.put(_SIGNS.get(found["sign"], found["sign"]), place)
    return found.end()


def _word(writer: _Writer, word: str, place: int) -> None:
    if word in ("true", "false"):
        writer.operand("truth", word == "true", place)
    elif word == "between":
        writer.put("between", place)
    elif word in _WORDS:
        writer.put(_WORDS[word], place)
    else:
        writer.operand("name", word, place)


_UNIT: Final = re.compile(r"[ \t]*([A-Za-z]+)(?![A-Za-z0-9_])", re.ASCII)


def _number(writer: _Writer, source: str, found: re.Match[str]) -> int:
    """A whole number, an amount with its currency, or a span of time."""
    place, digits, part = found.start(), re.sub("[_,]", "", found["number"]), (found["part"] or "")[1:]
    after = _UNIT.match(source, found.end())
    unit = after[1] if after else ""
    span = _SPANS.get(unit.lower().removesuffix("s"))
    if after and span and not part:
        value, end = _whole(digits, place, source) * span, after.end()
        writer.operand("span", value, place)
    elif after and len(unit) == 3 and unit.lower() not in ("and", "not"):
        code, end = unit.upper(), after.end()
        if not is_currency(code):
            raise ExpressionError("currency_unknown", after.start(1), source=source, what=unit)
        if len(part) > exponent(code):
            raise ExpressionError("too_precise", place, source=source)
        writer.operand("money", _whole(digits + part.ljust(exponent(code), "0"), place, source), place, code)
    elif part:
        raise ExpressionError("decimals", place, source=source)
    else:
        if len(source) > found.end() and (source[found.end()].isalnum() or source[found.end()] in "_."):
            raise _bad_character(source, found.end())
        end = found.end()
        writer.operand("number", _whole(digits, place, source), place)
    return end


def _whole(digits: str, place: int, source: str) -> int:
    if len(digits) > 40 or int(digits) > LARGEST:
        raise ExpressionError("number_large", place, source=source)
    return int(digits)


def _text(typed: str, place: int, source: str) -> str:
    text = typed[1:-1].replace("''", "'")
    if any(unicodedata.category(c) in ("Cc", "Cf", "Cs", "Co", "Zl", "Zp") for c in text):
        raise ExpressionError("hidden_character", place, source=source)
    alphabets = {
        name
        for c in text
        for name in ("LATIN", "CYRILLIC", "GREEK", "ARMENIAN", "CHEROKEE")
        if c.isalpha() and unicodedata.name(c, "").startswith(name)
    }
    if len(alphabets) > 1:
        raise ExpressionError("mixed_script", place, source=source)
    return text


def _bad_character(source: str, place: int) -> ExpressionError:
    character = source[place]
    if character == "'":
        return ExpressionError("text_open", place, source=source)
    if source.startswith("!=", place):
        return ExpressionError("double_equal", place, source=source)
    if not character.isprintable():
        return ExpressionError("hidden_character", place, source=source)
    return ExpressionError("character", place, source=source, what=character)


def _unexpected(error: SyntaxError, writer: _Writer) -> ExpressionError:
    """Python says where it stopped; the author is shown what he typed there."""
    last = writer.out[-1]
    if not (last.startswith("v") or last in (")", "None")):
        return ExpressionError("unfinished", len(writer.source.rstrip()), source=writer.source)
    at = bisect_right(writer.outs, max(0, (error.offset or 1) - 1)) - 1
    place, source = writer.places[max(0, at)], writer.source
    found = _TOKEN.match(source, place)
    if "never closed" in (error.msg or ""):
        return ExpressionError("bracket_open", place, source=source)
    if found is None:
        return ExpressionError("unfinished", len(source.rstrip()), source=source)
    if "too many nested" in (error.msg or ""):
        return ExpressionError("too_deep", place, source=source, most=DEEPEST)
    return ExpressionError("not_understood", place, source=source, what=found[0])
