"""A condition that was checked, as a closure over a row: compiled once, for every payment.

Python is written from the checked tree alone and compiled without builtins. Each condition is written in two ways, as what
makes it true and as what makes it false, so that no third truth value is ever computed.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, Final

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
    Unit,
    Value,
    Within,
    divided,
)
from tongbao.risk.list_words import Words

Row = Sequence[Any]
Test = Callable[[Row], bool]

_TRUE: Final = {"=": "==", "<>": "!=", "<": "<", "<=": "<=", ">": ">", ">=": ">="}
_FALSE: Final = {"=": "!=", "<>": "==", "<": ">=", "<=": ">", ">": "<=", ">=": "<"}


def compiled(checked: Checked, columns: Sequence[str], lists: Mapping[str, Collection[str]] | None = None) -> Test:
    """A test of rows whose values stand in the order of `columns`: whole numbers, texts, truths, or None.

    Every name of the condition is among `columns`, and every list among `lists`, whose members may change later, but for words.
    """
    writer = _Writer({name: place for place, name in enumerate(columns)})
    condition = writer.true(checked.root)
    read = sorted(writer.read)
    names = "".join(f"    c{place} = row[{place}]\n" for place in read)
    given: dict[str, Any] = {
        f"l{n}": Words(members) if name in writer.words else members
        for name, n in writer.lists.items()
        for members in [lists[name] if lists else ()]
    }
    given |= {f"k{n}": frozenset(values) for n, values in enumerate(writer.sets)}
    bound = "".join(f", {name}={name}" for name in given)
    written = f"def test(row, divided=divided{bound}):\n{names}    return {condition}\n"
    space: dict[str, Any] = {"__builtins__": {}, "divided": divided, **given}
    exec(compile(written, "<rule>", "exec"), space)
    return space["test"]


class _Writer:
    def __init__(self, places: Mapping[str, int]) -> None:
        self._places = places
        self.read: set[int] = set()
        self.lists: dict[str, int] = {}
        self.words: set[str] = set()
        self.sets: list[tuple[Any, ...]] = []

    def true(self, node: Node) -> str:
        """What holds exactly where the condition is true."""
        match node:
            case Joined(op, parts):
                return "(" + f" {op} ".join(self.true(part) for part in parts) + ")"
            case Not(of):
                return self.false(of)
            case IsNull(of):
                known = self._known(of)
                return f"(not ({' and '.join(known)}))" if known else "False"
            case Name():
                return f"{self._column(node)} is True"
            case Value(value):
                return str(bool(value))
            case Compare(op, left, right, currency):
                said = f"{self._value(left)} {_TRUE[op]} {self._value(right)}"
                return self._guarded([left, right], currency, said)
            case Within(left, _, currency):
                return self._guarded([left], currency, f"{self._value(left)} in {self._set(node)}")
            case Listed(name, _):
                return self._guarded([name], None, f"{self._column(name)} in {self._list(node)}")
            case Arithmetic():
                raise TypeError("a number is no condition")

    def false(self, node: Node) -> str:
        """What holds exactly where the condition is false."""
        match node:
            case Joined(op, parts):
                other = "or" if op == "and" else "and"
                return "(" + f" {other} ".join(self.false(part) for part in parts) + ")"
            case Not(of):
                return self.true(of)
            case IsNull(of):
                known = self._known(of)
                return f"({' and '.join(known)})" if known else "True"
            case Name():
                return f"{self._column(node)} is False"
            case Value(value):
                return str(not value)
            case Compare(op, left, right, currency):
                said = f"{self._value(left)} {_FALSE[op]} {self._value(right)}"
                return self._guarded([left, right], currency, said)
            case Within(left, _, currency):
                return self._guarded([left], currency, f"{self._value(left)} not in {self._set(node)}")
            case Listed(name, _):
                return self._guarded([name], None, f"{self._column(name)} not in {self._list(node)}")
            case Arithmetic():
                raise TypeError("a number is no condition")

    def _guarded(self, of: Sequence[Node], currency: str | None, said: str) -> str:
        known = [part for node in of for part in self._known(node)]
        if currency and "currency" in self._places:
            known.insert(0, f"{self._place('currency')} == {currency!r}")
        return f"({' and '.join([*dict.fromkeys(known), said])})"

    def _known(self, node: Node) -> list[str]:
        """What holds where a value is not missing."""
        match node:
            case Name():
                return [f"{self._column(node)} is not None"]
            case Arithmetic(op, left, right):
                known = [*self._known(left), *self._known(right)]
                is_safe = op != "/" or (isinstance(right, Value) and right.value != 0)
                return known if is_safe else [*known, f"{self._value(right)} != 0"]
            case _:
                return []

    def _value(self, node: Node) -> str:
        match node:
            case Name():
                return self._column(node)
            case Value(value):
                return repr(value)
            case Arithmetic("/", left, right):
                return f"divided({self._value(left)}, {self._value(right)})"
            case Arithmetic(op, left, right):
                return f"({self._value(left)} {op} {self._value(right)})"
            case _:
                raise TypeError("a condition is no value")

    def _column(self, name: Name) -> str:
        return self._place(name.name)

    def _place(self, name: str) -> str:
        place = self._places[name]
        self.read.add(place)
        return f"c{place}"

    def _set(self, node: Within) -> str:
        values = tuple(v.value for v in node.values)
        if values not in self.sets:
            self.sets.append(values)
        return f"k{self.sets.index(values)}"

    def _list(self, node: Listed) -> str:
        if node.name.kind.unit is Unit.PLAIN:
            self.words.add(node.list_name)
        return f"l{self.lists.setdefault(node.list_name, len(self.lists))}"
