"""Why a model gave a score: what each input adds to the margin, exactly (path-dependent TreeSHAP).

Lundberg, Erion, Lee, "Consistent individualized feature attribution for tree ensembles" (2018), algorithm 2. For the page of a
payment and for whoever asks; it takes some milliseconds, and nothing that decides waits for it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

from tongbao.risk.models_trees import UNIT, Model, Tree

_ROOT: Final = -1


class _Step(msgspec.Struct):
    """An input on the way down: the share of paths that flow through where it is not known, and where it is; and the weight of
    sets of this many inputs."""

    of: int
    zero: float
    one: float
    weight: float

    def copy(self) -> _Step:
        return _Step(self.of, self.zero, self.one, self.weight)


class Reasons(msgspec.Struct, frozen=True):
    """Of one payment, in ten-millionths of log-odds: the margin of the mean payment, and what each input adds to it."""

    mean: int
    added: dict[str, int]


def reasons(model: Model, row: Sequence[int | None]) -> Reasons:
    """Values stand in the order of the model's inputs. The mean and all that is added come to the margin."""
    added = [0.0] * len(model.inputs)
    mean = float(model.base)
    for tree in model.trees:
        mean += _expected(tree)
        _explain(tree, row, added)
    return Reasons(round(mean), {name: round(part) for name, part in zip(model.inputs, added, strict=True)})


def _expected(tree: Tree) -> float:
    total = tree.covers[0] or UNIT
    leaves = (n for n, below in enumerate(tree.below) if not below)
    return sum(tree.values[n] * tree.covers[n] for n in leaves) / total if tree.below[0] else float(tree.values[0])


def _explain(tree: Tree, row: Sequence[int | None], added: list[float]) -> None:
    def down(node: int, path: list[_Step], zero: float, one: float, of: int) -> None:
        path = _extended(path, zero, one, of)
        if not tree.below[node]:
            for n in range(1, len(path)):
                weight = sum(step.weight for step in _unwound(path, n))
                added[path[n].of] += weight * (path[n].one - path[n].zero) * tree.values[node]
            return
        n = tree.inputs[node]
        hot, cold = _turn(tree, node, row[n])
        zero = one = 1.0
        before = next((k for k in range(1, len(path)) if path[k].of == n), None)
        if before is not None:
            zero, one = path[before].zero, path[before].one
            path = _unwound(path, before)
        cover = tree.covers[node]
        down(hot, path, zero * tree.covers[hot] / cover, one, n)
        down(cold, path, zero * tree.covers[cold] / cover, 0.0, n)

    down(0, [], 1.0, 1.0, _ROOT)


def _turn(tree: Tree, node: int, value: int | None) -> tuple[int, int]:
    """Where this value goes on, and where others do."""
    is_below = tree.missing_below[node] if value is None else value < tree.cuts[node]
    below, above = tree.below[node], tree.above[node]
    return (below, above) if is_below else (above, below)


def _extended(path: list[_Step], zero: float, one: float, of: int) -> list[_Step]:
    size = len(path)
    longer = [step.copy() for step in path]
    longer.append(_Step(of, zero, one, 0.0 if path else 1.0))
    for n in range(size - 1, -1, -1):
        longer[n + 1].weight += one * longer[n].weight * (n + 1) / (size + 1)
        longer[n].weight = zero * longer[n].weight * (size - n) / (size + 1)
    return longer


def _unwound(path: list[_Step], which: int) -> list[_Step]:
    """The path as it were had this step never been taken."""
    last = len(path) - 1
    one, zero = path[which].one, path[which].zero
    shorter = [step.copy() for step in path]
    carried = shorter[last].weight
    for n in range(last - 1, -1, -1):
        if one:
            weight = shorter[n].weight
            shorter[n].weight = carried * (last + 1) / ((n + 1) * one)
            carried = weight - shorter[n].weight * zero * (last - n) / (last + 1)
        else:
            shorter[n].weight = shorter[n].weight * (last + 1) / (zero * (last - n))
    for n in range(which, last):
        step, after = shorter[n], shorter[n + 1]
        step.of, step.zero, step.one = after.of, after.zero, after.one
    return shorter[:-1]
