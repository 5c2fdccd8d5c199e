"""Structured fields of HTTP (RFC 9651), as far as signatures need them: dictionaries of inner lists and of items.

Strict where the RFC is lenient: a key that stands twice is refused, not overwritten. Decimals, dates and display strings are not read.
"""

from __future__ import annotations

import base64
import binascii
import re
from typing import Final

import msgspec

LONGEST: Final = 8192
"""Characters of a field."""

Bare = str | int | bytes | bool
Params = dict[str, Bare]

_KEY: Final = re.compile(r"[a-z*][a-z0-9_.*-]*")
_STRING: Final = re.compile(r'"((?:[\x20-\x21\x23-\x5b\x5d-\x7e]|\\["\\])*)"')
_INTEGER: Final = re.compile(r"-?[0-9]{1,15}(?![0-9.])")
_BYTES: Final = re.compile(r":([A-Za-z0-9+/]*={0,2}):")
_BOOLEAN: Final = re.compile(r"\?([01])")
_GAP: Final = re.compile(r"[ \t]*")


class Item(msgspec.Struct, frozen=True):
    value: Bare
    params: Params


class InnerList(msgspec.Struct, frozen=True):
    items: tuple[Item, ...]
    params: Params


class Malformed(ValueError):
    """The text is no dictionary of what is read here."""


def parse_dictionary(text: str) -> dict[str, Item | InnerList]:
    """Raises Malformed."""
    if len(text) > LONGEST:
        raise Malformed("too long")
    reader = _Reader(text.strip(" "))
    found: dict[str, Item | InnerList] = {}
    while not reader.done():
        key = reader.take(_KEY)
        if key in found:
            raise Malformed(f"{key} stands twice")
        found[key] = reader.member()
        reader.take(_GAP)
        if reader.done():
            return found
        reader.expect(",")
        reader.take(_GAP)
        if reader.done():
            raise Malformed("a comma at the end")
    return found


def write_inner_list(given: InnerList) -> str:
    """As RFC 9651 section 4.1.1.1 writes it: what is signed."""
    inside = " ".join(write_item(item) for item in given.items)
    return f"({inside}){_write_params(given.params)}"


def write_item(item: Item) -> str:
    return _write_bare(item.value) + _write_params(item.params)


def _write_params(params: Params) -> str:
    return "".join(f";{key}" if value is True else f";{key}={_write_bare(value)}" for key, value in params.items())


def _write_bare(value: Bare) -> str:
    match value:
        case bool():
            return f"?{value:d}"
        case int():
            return str(value)
        case bytes():
            return f":{base64.b64encode(value).decode()}:"
        case _:
            escaped = value.replace("\\", "\\\\").replace('"', '\\"')
            written = f'"{escaped}"'
            if _STRING.fullmatch(written) is None:
                raise Malformed("a string is printable ASCII")
            return written


class _Reader:
    def __init__(self, text: str) -> None:
        self._text, self._at = text, 0

    def done(self) -> bool:
        return self._at == len(self._text)

    def take(self, what: re.Pattern[str]) -> str:
        """What stands here; the group of the pattern where it has one."""
        found = what.match(self._text, self._at)
        if found is None:
            raise Malformed(f"at {self._at}")
        self._at = found.end()
        return found[found.re.groups]

    def meets(self, sign: str) -> bool:
        """Whether `sign` stands here; if so it is taken."""
        here = self._text.startswith(sign, self._at)
        self._at += len(sign) if here else 0
        return here

    def expect(self, sign: str) -> None:
        if not self.meets(sign):
            raise Malformed(f"at {self._at}")

    def member(self) -> Item | InnerList:
        if not self.meets("="):
            return Item(True, self._params())
        return self._inner_list() if self.meets("(") else self._item()

    def _inner_list(self) -> InnerList:
        items: list[Item] = []
        while True:
            spaced = self.meets(" ")
            while self.meets(" "):
                pass
            if self.meets(")"):
                return InnerList(tuple(items), self._params())
            if items and not spaced:
                raise Malformed("items are apart")
            items.append(self._item())

    def _item(self) -> Item:
        return Item(self._bare(), self._params())

    def _params(self) -> Params:
        found: Params = {}
        while self.meets(";"):
            while self.meets(" "):
                pass
            key = self.take(_KEY)
            if key in found:
                raise Malformed(f"{key} stands twice")
            found[key] = self._bare() if self.meets("=") else True
        return found

    def _bare(self) -> Bare:
        match self._text[self._at : self._at + 1]:
            case '"':
                return re.sub(r"\\(.)", r"\1", self.take(_STRING))
            case ":":
                return _decoded(self.take(_BYTES))
            case "?":
                return self.take(_BOOLEAN) == "1"
            case _:
                return int(self.take(_INTEGER))


def _decoded(text: str) -> bytes:
    """The same bytes have one spelling."""
    try:
        raw = base64.b64decode(text, validate=True)
    except binascii.Error:
        raise Malformed("base64") from None
    if base64.b64encode(raw).decode() != text:
        raise Malformed("base64")
    return raw
