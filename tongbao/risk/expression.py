"""The language of rules: conditions over the features of a payment, as analysts know them from SQL.

    amount_minor > 500.00 CNY and (payer_count_10m >= 5 or not device_known) and payee in watched_payees

`check` parses and types one against a catalogue. Values may be missing: three-valued logic as in SQL, and what divides by
zero is missing too. Numbers are whole; a division drops the rest, towards zero. `expression_code` makes a closure of what
was checked, `expression_sql` a condition in SQL: both answer alike.
"""

from __future__ import annotations

import ast
import difflib
from collections.abc import Collection, Mapping
from typing import Final

from tongbao.risk.expression_error import ExpressionError
from tongbao.risk.expression_model import (
    PLAIN,
    TEXT,
    TRUTH,
    Arithmetic,
    Catalogue,
    Checked,
    Compare,
    IsNull,
    Joined,
    Kind,
    Listed,
    Name,
    Node,
    Not,
    Sort,
    Unit,
    Value,
    Within,
    currency_of,
    divided,
    kind_of,
)
from tongbao.risk.expression_text import DEEPEST, Operand, Parsed, parse

MOST_NODES: Final = 200
_MOST_BITS: Final = 126
"""History computes in 128 bits, with their sign."""
_COLUMN_BITS: Final = 63


def check(source: str, catalogue: Catalogue, lists: Mapping[str, Unit] | None = None) -> Checked:
    """Raises ExpressionError. `lists`: which there are, and what their members are."""
    checker = _Checker(parse(source), catalogue, lists or {})
    root = checker.condition(checker.parsed.tree, 1)
    return Checked(source, root, frozenset(checker.names), frozenset(checker.listed))


_OPS: Final[dict[type[ast.operator], str]] = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.FloorDiv: "/"}
_COMPARES: Final[dict[type[ast.cmpop], str]] = {
    ast.Eq: "=", ast.NotEq: "<>", ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=",
}  # fmt: skip


class _Checker:
    def __init__(self, parsed: Parsed, catalogue: Catalogue, lists: Mapping[str, Unit]) -> None:
        self.parsed = parsed
        self.names: set[str] = set()
        self.listed: set[str] = set()
        self._catalogue = catalogue
        self._lists = lists
        self._nodes = 0

    def _error(self, code: str, at: ast.AST, **values: object) -> ExpressionError:
        return ExpressionError(code, self.parsed.place(at), source=self.parsed.source, **values)

    def _enter(self, node: ast.expr, depth: int) -> None:
        self._nodes += 1
        if depth > DEEPEST:
            raise self._error("too_deep", node, most=DEEPEST)
        if self._nodes > MOST_NODES:
            raise self._error("too_large", node, most=MOST_NODES)

    def condition(self, node: ast.expr, depth: int) -> Node:
        """What is true, false or unknown."""
        match node:
            case ast.BoolOp(op, values):
                self._enter(node, depth)
                word = "and" if isinstance(op, ast.And) else "or"
                return Joined(word, tuple(self.condition(v, depth + 1) for v in values))
            case ast.UnaryOp(ast.Not(), operand):
                self._enter(node, depth)
                return Not(self.condition(operand, depth + 1))
            case ast.Compare():
                self._enter(node, depth)
                return self._compare(node, depth)
            case ast.Name():
                found = self._operand(node, depth)
                if found.kind != TRUTH:
                    raise self._error("needs_condition", node)
                return found
            case _:
                raise self._unfit(node, "needs_condition")

    def _unfit(self, node: ast.expr, code: str) -> ExpressionError:
        match node:
            case ast.Constant(None):
                return self._error("null_compared", node)
            case ast.BinOp() | ast.UnaryOp() | ast.BoolOp() | ast.Compare() | ast.Name():
                return self._error(code, node)
            case _:
                place = self.parsed.place(node)
                return self._error("not_understood", node, what=self.parsed.source[place : place + 12].split("\n")[0])

    def _compare(self, node: ast.Compare, depth: int) -> Node:
        if len(node.ops) > 1:
            raise self._error("chained", node.comparators[0])
        op, right = node.ops[0], node.comparators[0]
        if isinstance(op, ast.Is | ast.IsNot):
            if not (isinstance(right, ast.Constant) and right.value is None):
                raise self._error("null_compared", right)
            found = IsNull(self._value(node.left, depth + 1, truth=True)[0])
            return Not(found) if isinstance(op, ast.IsNot) else found
        if isinstance(op, ast.In | ast.NotIn):
            within = self._within(node.left, right, depth)
            return Not(within) if isinstance(op, ast.NotIn) else within
        return self._ordered(_COMPARES[type(op)], node.left, right, depth)

    def _ordered(self, op: str, left: ast.expr, right: ast.expr, depth: int) -> Node:
        truth = self._truth(op, left, right, depth)
        if truth is not None:
            return truth
        (one, _), (two, _) = self._value(left, depth + 1), self._value(right, depth + 1)
        currency = self._alike(one, two, right)
        if kind_of(one).sort is Sort.TEXT and op not in ("=", "<>"):
            raise self._error("text_order", left)
        return Compare(op, one, two, currency)

    def _truth(self, op: str, left: ast.expr, right: ast.expr, depth: int) -> Node | None:
        """`x = true` is x; `x <> true` and `x = false` are not x."""
        sides = [(side, self._named(side)) for side in (left, right)]
        literals = [(side, found.value) for side, found in sides if found and found.sort == "truth"]
        if not literals:
            for side, found in sides:
                is_truth = found and found.sort == "name" and self._catalogue.get(str(found.value)) == TRUTH
                if is_truth or isinstance(side, ast.BoolOp | ast.Compare):
                    raise self._error("truth_compared", side)
            return None
        if op not in ("=", "<>"):
            raise self._error("truth_compared", left)
        side, value = literals[-1]
        of = self.condition(left if side is right else right, depth + 1)
        return of if value is (op == "=") else Not(of)

    def _named(self, node: ast.expr) -> Operand | None:
        if isinstance(node, ast.Name) and node.id != "between":
            return self.parsed.operands[int(node.id[1:])]
        return None

    def _within(self, left: ast.expr, right: ast.expr, depth: int) -> Node:
        match right:
            case ast.Call(ast.Name("between"), [low, high]):
                return Joined("and", (self._ordered(">=", left, low, depth), self._ordered("<=", left, high, depth)))
            case ast.Call():
                raise self._error("between_and", right)
            case ast.Name() if (found := self._named(right)) and found.sort == "name":
                return self._in_list(left, right, str(found.value), depth)
            case _:
                pass
        one, _ = self._value(left, depth + 1)
        elements = right.elts if isinstance(right, ast.Tuple) else [right]
        values: list[Value] = []
        currency: str | None = None
        for element in elements:
            value = _folded(self._value(element, depth + 1)[0])
            if value is None:
                raise self._error("values_only", element)
            found = self._alike(one, value, element)
            if currency and found and currency != found:
                raise self._error("two_currencies", element)
            currency = currency or found
            values.append(value)
        if not values:
            raise self._error("values_only", right)
        return Within(one, tuple(values), currency)

    def _in_list(self, left: ast.expr, right: ast.expr, name: str, depth: int) -> Node:
        if name not in self._lists:
            raise self._error("list_unknown", right, what=name)
        one, _ = self._value(left, depth + 1)
        if not isinstance(one, Name) or one.kind.sort is not Sort.TEXT:
            raise self._error("list_of_name", left)
        if one.kind.unit is not self._lists[name]:
            raise self._error("list_kind", right, what=name)
        self.listed.add(name)
        return Listed(one, name)

    def _value(self, node: ast.expr, depth: int, *, truth: bool = False) -> tuple[Node, int]:
        """A number or a text, and how many bits it may take; a truth only where it is asked for."""
        match node:
            case ast.Name():
                found = self._operand(node, depth)
                if found.kind == TRUTH and not truth:
                    raise self._error("truth_compared", node)
                typed = found.value if isinstance(found, Value) else None
                return found, typed.bit_length() if isinstance(typed, int) else _COLUMN_BITS
            case ast.UnaryOp(ast.USub(), operand):
                self._enter(node, depth)
                of, bits = self._number(operand, depth + 1)
                return Arithmetic("-", Value(0, kind_of(of)), of, kind_of(of), currency_of(of)), bits + 1
            case ast.BinOp(left, op, right) if type(op) in _OPS:
                self._enter(node, depth)
                return self._arithmetic(_OPS[type(op)], node, left, right, depth)
            case _:
                raise self._unfit(node, "needs_number")

    def _number(self, node: ast.expr, depth: int) -> tuple[Node, int]:
        found, bits = self._value(node, depth)
        if kind_of(found).sort is not Sort.INT:
            raise self._error("needs_number", node)
        return found, bits

    def _arithmetic(self, op: str, node: ast.expr, left: ast.expr, right: ast.expr, depth: int) -> tuple[Node, int]:
        (one, bits), (two, more) = self._number(left, depth + 1), self._number(right, depth + 1)
        if op in "+-":
            currency, kind, bits = self._alike(one, two, right), _finer(one, two), max(bits, more) + 1
        elif op == "*":
            if Unit.PLAIN not in (kind_of(one).unit, kind_of(two).unit):
                raise self._error("two_units", right)
            currency, kind, bits = currency_of(one) or currency_of(two), _finer(one, two), bits + more
        else:
            divisor = _folded(two)
            if divisor is not None and divisor.value == 0:
                raise self._error("division_by_zero", right)
            is_plain = kind_of(two).unit is Unit.PLAIN
            currency = currency_of(one) if is_plain else self._alike(one, two, right)
            kind = kind_of(one) if is_plain else PLAIN
        if bits > _MOST_BITS:
            raise self._error("grows_too_large", node)
        return Arithmetic(op, one, two, kind, currency), bits

    def _alike(self, one: Node, two: Node, at: ast.expr) -> str | None:
        """That both may be compared or added; the currency that they are in, where one was typed."""
        left, right = kind_of(one), kind_of(two)
        if left.sort is not right.sort:
            raise self._error("needs_same", at)
        if left.sort is Sort.INT and left.unit is not right.unit and not (_is_zero(one) or _is_zero(two)):
            units = {left.unit, right.unit}
            needs = "needs_amount" if Unit.MONEY in units else "needs_span"
            raise self._error("two_units" if Unit.PLAIN not in units else needs, at)
        currencies = {c for c in (currency_of(one), currency_of(two)) if c}
        if len(currencies) > 1:
            raise self._error("two_currencies", at)
        return next(iter(currencies), None)

    def _operand(self, node: ast.Name, depth: int) -> Name | Value:
        self._enter(node, depth)
        found = self._named(node)
        if found is None:
            raise self._error("between_and", node)
        match found.sort:
            case "name":
                return self._name(node, str(found.value))
            case "number":
                return Value(found.value, PLAIN)
            case "money":
                return Value(found.value, Kind(Sort.INT, Unit.MONEY), found.currency)
            case "span":
                return Value(found.value, Kind(Sort.INT, Unit.SECONDS))
            case "text":
                return Value(found.value, TEXT)
            case "truth":
                return Value(found.value, TRUTH)

    def _name(self, node: ast.AST, name: str) -> Name:
        kind = self._catalogue.get(name)
        if kind is None:
            near: Collection[str] = difflib.get_close_matches(name, self._catalogue, n=1)
            if near:
                raise self._error("name_near", node, what=name, near=next(iter(near)))
            raise self._error("name_unknown", node, what=name)
        self.names.add(name)
        return Name(name, kind)


def _finer(one: Node, two: Node) -> Kind:
    return kind_of(two) if kind_of(one).unit is Unit.PLAIN else kind_of(one)


def _is_zero(node: Node) -> bool:
    return isinstance(node, Value) and node.value == 0 and node.kind.unit is Unit.PLAIN


def _folded(node: Node) -> Value | None:
    """What names nothing as one value; None for what does, and for what divides by zero."""
    if isinstance(node, Value):
        return node
    if not isinstance(node, Arithmetic):
        return None
    one, two = _folded(node.left), _folded(node.right)
    if one is None or two is None or not (isinstance(one.value, int) and isinstance(two.value, int)):
        return None
    answer = _calculated(node.op, one.value, two.value)
    return None if answer is None else Value(answer, node.kind, node.currency)


def _calculated(op: str, one: int, two: int) -> int | None:
    match op:
        case "+":
            return one + two
        case "-":
            return one - two
        case "*":
            return one * two
        case _:
            return divided(one, two)
