"""Trees compiled once to a Python function: whole numbers compared with whole numbers, no library beneath.

The text that is compiled is made of the checked numbers of a model alone; nothing that somebody typed is in it.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from typing import Any, Final

from tongbao.risk.expression_code import Row
from tongbao.risk.models_trees import LARGEST, Model, Tree, check

_TREES_A_LINE: Final = 10
_SMALL: Final = 2**30 - 1
"""Up to here CPython compares fastest."""

Scored = Callable[[Sequence[Row]], list[int]]


def compiled(model: Model, columns: Sequence[str]) -> Scored:
    """What tells the score of each row, 0 to 100; values stand in the order of `columns`, None for what is missing.

    Raises BrokenModelError, and KeyError for an input that is no column. Values must not be negative.
    """
    margins, cuts = compiled_margins(model, columns), model.scores
    return lambda rows: [bisect_right(cuts, margin) for margin in margins(rows)]


def compiled_margins(model: Model, columns: Sequence[str]) -> Scored:
    """What tells the margin of each row, in ten-millionths."""
    check(model)
    place = {name: n for n, name in enumerate(columns)}
    source = _source(model, [place[name] for name in model.inputs], len(columns))
    made: dict[str, Any] = {}
    exec(compile(source, "<model>", "exec"), {"__builtins__": {}}, made)
    return made["margins"]


def _source(model: Model, places: Sequence[int], width: int) -> str:
    sides, highest = _used(model)
    names = ["_"] * width
    for n in sides:
        names[places[n]] = f"x{n}"
    lines = ["def margins(rows):", " found = []", f" for {', '.join(names)}, in rows:"]
    for n, missing_below in sorted(sides.items()):
        above = _SMALL if highest[n] < _SMALL else LARGEST
        if missing_below == {True, False}:
            lines += [f"  if x{n} is None: x{n} = -1; y{n} = {above}", f"  else: y{n} = x{n}"]
        else:
            lines.append(f"  if x{n} is None: x{n} = {-1 if True in missing_below else above}")
    lines.append(f"  m = {model.base}")
    for start in range(0, len(model.trees), _TREES_A_LINE):
        trees = model.trees[start : start + _TREES_A_LINE]
        lines.append("  m += " + " + ".join(_node(tree, 0, sides) for tree in trees))
    return "\n".join([*lines, "  found.append(m)", " return found"])


def _used(model: Model) -> tuple[dict[int, set[bool]], dict[int, int]]:
    """Of each input that is asked for: where it goes when it is missing, and its highest cut."""
    sides: dict[int, set[bool]] = {}
    highest: dict[int, int] = {}
    for tree in model.trees:
        for node, below in enumerate(tree.below):
            if below:
                n = tree.inputs[node]
                sides.setdefault(n, set()).add(tree.missing_below[node])
                highest[n] = max(highest.get(n, 0), tree.cuts[node])
    return sides, highest


def _node(tree: Tree, node: int, sides: dict[int, set[bool]]) -> str:
    below = tree.below[node]
    if not below:
        return f"({tree.values[node]})"
    n = tree.inputs[node]
    name = "y" if len(sides[n]) > 1 and not tree.missing_below[node] else "x"
    yes, no = _node(tree, below, sides), _node(tree, tree.above[node], sides)
    return f"({yes} if {name}{n} < {tree.cuts[node]} else {no})"
