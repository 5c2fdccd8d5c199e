"""A model as it is kept: boosted trees of whole numbers, checked when they are read.

A tree asks of one input after the other whether it lies below a cut. Leaves are ten-millionths of log-odds; their sum with `base`
is the margin, and `scores` says from which margin on each score of 1 to 100 begins. Inputs are names of the catalogue.
"""

from __future__ import annotations

from hashlib import sha256
from typing import Annotated, Final, Literal

import msgspec

from tongbao.risk.catalogue import NAMES, SAID_BY_MODELS
from tongbao.risk.expression_model import Sort

UNIT: Final = 10_000_000
"""Of leaves, of `base` and of `scores`: so many are 1 of log-odds; and of covers."""
LARGEST: Final = 2**63
LARGEST_BYTES: Final = 4_000_000
MOST_TREES: Final = 400
MOST_NODES: Final = 127
DEEPEST: Final = 8
SCORES: Final = 100

_FIGURES: Final = frozenset(name for name, kind in NAMES.items() if kind.sort is not Sort.TEXT) - SAID_BY_MODELS

Inputs = Annotated[tuple[str, ...], msgspec.Meta(min_length=1, max_length=500)]


Kind = Literal["boosted", "isolation"]
"""How it was learned: from labels, its score the chance of fraud; or without, its score how many of 100 payments are more usual."""


class BrokenModelError(Exception):
    """Bytes that are no model, or not the one that was meant."""


class Tree(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Nodes by their places, the root first; a node comes before its children. Where `below` is 0 it is a leaf.

    `below`, `above`: where it goes on when its input lies below the cut, and when it does not; `missing_below`: which of them where
    there is no input. `covers`: how much of what it was trained on came through (hessians).
    """

    inputs: tuple[int, ...]
    cuts: tuple[int, ...]
    below: tuple[int, ...]
    above: tuple[int, ...]
    missing_below: tuple[bool, ...]
    values: tuple[int, ...]
    covers: tuple[int, ...]


class Model(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`catalogue`: the version that its inputs are of. `scores`: 100 margins, ascending."""

    format: Annotated[int, msgspec.Meta(ge=1, le=1)] = 1
    kind: Kind = "boosted"
    catalogue: int
    inputs: Inputs
    base: int
    trees: tuple[Tree, ...]
    scores: tuple[int, ...]


def hash_of(artefact: bytes) -> bytes:
    return sha256(artefact).digest()


def write(model: Model) -> bytes:
    """Raises BrokenModelError for what could not be read again."""
    check(model)
    return msgspec.json.encode(model)


def read(artefact: bytes, expected: bytes) -> Model:
    """Raises BrokenModelError unless these bytes hash to what is expected and are a model."""
    if hash_of(artefact) != expected:
        raise BrokenModelError("its hash is another")
    try:
        model = msgspec.json.decode(artefact, type=Model)
    except (msgspec.DecodeError, RecursionError) as error:
        raise BrokenModelError(f"it cannot be read: {error}") from None
    check(model)
    return model


def check(model: Model) -> None:
    """Raises BrokenModelError where it does not hold together."""
    unknown = [name for name in model.inputs if name not in _FIGURES]
    if unknown or len(set(model.inputs)) != len(model.inputs):
        raise BrokenModelError(f"the catalogue has no figure for {unknown}")
    if not 1 <= len(model.trees) <= MOST_TREES:
        raise BrokenModelError("it has too many trees, or none")
    ordered = all(a <= b for a, b in zip(model.scores, model.scores[1:], strict=False))
    if len(model.scores) != SCORES or not ordered or not all(map(_is_small, (model.base, *model.scores))):
        raise BrokenModelError("its scores do not ascend")
    for number, tree in enumerate(model.trees):
        if not _holds(tree, len(model.inputs)):
            raise BrokenModelError(f"tree {number} does not hold together")


def _is_small(number: int) -> bool:
    return -LARGEST <= number < LARGEST


def _holds(tree: Tree, inputs: int) -> bool:
    size = len(tree.inputs)
    columns = (tree.cuts, tree.below, tree.above, tree.missing_below, tree.values, tree.covers)
    if not 1 <= size <= MOST_NODES or any(len(column) != size for column in columns):
        return False
    depth = [0] * size
    reached = [True] + [False] * (size - 1)
    for node in range(size):
        if not reached[node] or not _is_small(tree.values[node]) or not 0 <= tree.covers[node] < LARGEST:
            return False
        below, above = tree.below[node], tree.above[node]
        if below == above == 0:
            continue
        if not (0 <= tree.inputs[node] < inputs and 0 <= tree.cuts[node] <= LARGEST and tree.covers[node]):
            return False
        for child in (below, above):
            if not node < child < size or reached[child]:
                return False
            reached[child], depth[child] = True, depth[node] + 1
    return max(depth) <= DEEPEST
