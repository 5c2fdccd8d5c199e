"""A condition that was checked, as a condition of DuckDB's SQL, for history: true, false or NULL of the same rows.

Names are columns of one relation. Members of lists are read from `risk_list (list_name, member)`, which the reader makes.
"""

from __future__ import annotations

from typing import Final

from tongbao.risk.expression_model import (
    Arithmetic,
    Checked,
    Compare,
    IsNull,
    Joined,
    Listed,
    Name,
    Node,
    Not,
    Sort,
    Unit,
    Value,
    Within,
)

LISTS: Final = "risk_list"
_PATTERN: Final = "replace(replace(replace(replace(member, '!', '!!'), '%', '!%'), '_', '!_'), '*', '%')"
"""A member of a list of words, in which `*` is anything."""


def written(checked: Checked, *, has_currency: bool = True) -> str:
    """The condition. `has_currency`: whether the relation has a column `currency`."""
    return _written(checked.root, has_currency=has_currency)


def _written(node: Node, *, has_currency: bool) -> str:
    def within(inner: Node) -> str:
        return _written(inner, has_currency=has_currency)

    match node:
        case Joined(op, parts):
            return "(" + f" {op.upper()} ".join(within(part) for part in parts) + ")"
        case Not(of):
            return f"(NOT {within(of)})"
        case IsNull(of):
            return f"({within(of)} IS NULL)"
        case Name(name, kind):
            return f"CAST({_quoted(name)} AS HUGEINT)" if kind.sort is Sort.INT else _quoted(name)
        case Value(value):
            return _literal(value)
        case Arithmetic("/", left, right):
            return f"({within(left)} // nullif({within(right)}, 0))"
        case Arithmetic(op, left, right):
            return f"({within(left)} {op} {within(right)})"
        case Compare(op, left, right, currency):
            return _known_in(currency if has_currency else None, f"({within(left)} {op} {within(right)})")
        case Within(left, values, currency):
            listed = ", ".join(_literal(v.value) for v in values)
            return _known_in(currency if has_currency else None, f"({within(left)} IN ({listed}))")
        case Listed(name, list_name):
            # `NULL IN (nothing)` is false in SQL: what is missing stays unknown here.
            column, members = _quoted(name.name), f"FROM {LISTS} WHERE list_name = {_literal(list_name)}"
            among = f"{column} IN (SELECT member {members})"
            if name.kind.unit is Unit.PLAIN:
                among = f"EXISTS (SELECT member {members} AND lower({column}) LIKE {_PATTERN} ESCAPE '!')"
            return f"(CASE WHEN {column} IS NOT NULL THEN {among} END)"


def _known_in(currency: str | None, said: str) -> str:
    return f"(CASE WHEN {_quoted('currency')} = {_literal(currency)} THEN {said} END)" if currency else said


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _literal(value: int | str | bool) -> str:
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, int):
        return f"CAST({value} AS HUGEINT)"
    return "'" + value.replace("'", "''") + "'"
