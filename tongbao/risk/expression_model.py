"""What a condition is once it has been checked: a tree of typed nodes."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

import msgspec


class Sort(StrEnum):
    INT = "int"
    BOOL = "bool"
    TEXT = "text"


class Unit(StrEnum):
    """What a number counts: it is compared with and added to its like. What a text names: the lists it may stand in."""

    PLAIN = "plain"
    MONEY = "money"
    SECONDS = "seconds"
    ACCOUNT = "account"
    DEVICE = "device"


class Kind(msgspec.Struct, frozen=True):
    """The type of a name."""

    sort: Sort
    unit: Unit = Unit.PLAIN


class Name(msgspec.Struct, frozen=True):
    name: str
    kind: Kind


class Value(msgspec.Struct, frozen=True):
    """A whole number, a text or a truth. `currency`: of an amount that was typed with one."""

    value: int | str | bool
    kind: Kind
    currency: str | None = None


class Arithmetic(msgspec.Struct, frozen=True):
    """`op`: + - * or /."""

    op: str
    left: Node
    right: Node
    kind: Kind
    currency: str | None = None


class Compare(msgspec.Struct, frozen=True):
    """`op`: = <> < <= > >=. With a `currency` it is known of payments in that currency alone."""

    op: str
    left: Node
    right: Node
    currency: str | None = None


class Within(msgspec.Struct, frozen=True):
    left: Node
    values: tuple[Value, ...]
    currency: str | None = None


class Listed(msgspec.Struct, frozen=True):
    name: Name
    list_name: str


class IsNull(msgspec.Struct, frozen=True):
    of: Node


class Not(msgspec.Struct, frozen=True):
    of: Node


class Joined(msgspec.Struct, frozen=True):
    """`op`: and, or."""

    op: str
    parts: tuple[Node, ...]


Node = Name | Value | Arithmetic | Compare | Within | Listed | IsNull | Not | Joined

Catalogue = Mapping[str, Kind]
"""Names that conditions may use. Amounts are in the currency that the name `currency` says, where there is one."""


class Checked(msgspec.Struct, frozen=True):
    """A condition that holds together: what it is, and which names and lists it reads."""

    source: str
    root: Node
    names: frozenset[str]
    lists: frozenset[str]


PLAIN: Final = Kind(Sort.INT)
TRUTH: Final = Kind(Sort.BOOL)
TEXT: Final = Kind(Sort.TEXT)


def kind_of(node: Node) -> Kind:
    return node.kind if isinstance(node, Name | Value | Arithmetic) else TRUTH


def currency_of(node: Node) -> str | None:
    """The currency that was typed in it."""
    return node.currency if isinstance(node, Value | Arithmetic) else None


def divided(one: int, two: int) -> int | None:
    """The whole part, towards zero as SQL has it; None where nothing divides."""
    if two == 0:
        return None
    whole = abs(one) // abs(two)
    return whole if (one < 0) == (two < 0) else -whole
