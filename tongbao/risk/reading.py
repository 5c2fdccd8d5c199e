"""Features out of what is known: one reader a feature, made once for a batch of one moment, that looks up two numbers and subtracts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

import msgspec

from tongbao.risk.feature import Entity, Feature, Filter, Measure, value
from tongbao.risk.model import Counts, Known

NEWEST: Final = 100
"""So many payments of an entity are looked at, its newest, where a window is exact to the second; and so many others told apart."""
COLUMNS: Final = {Filter.ALL: 0, Filter.NIGHT: 2, Filter.DECLINED: 4}
"""Where the payments of a filter are counted in `Counts`; their minor units stand behind."""
MOST_MEETINGS: Final = 4
"""So many windows, of different length, tell others apart."""
MET_NOBODY: Final = [0] * MOST_MEETINGS
NO_COUNTS: Final = [0, 0, 0, 0, 0, 0]

Number = Callable[[Known, Counts], int]
Reader = Callable[[Known, Counts, int], int | None]
"""Of what is known, what came before in the batch (this payment among it), and the payment's own minor units."""


Travel = tuple[int, Measure, int]
"""A feature of how a payer travels: its place in the catalogue, what it measures, and after which second the last place counts."""


class Met(msgspec.Struct):
    """Whom a party of the batch met in it: everybody once, and how many of them are new since each of the moments."""

    seen: set[int]
    new: list[int]


class Reading(msgspec.Struct, frozen=True):
    """Features of one entity, by their places in the catalogue."""

    readers: list[tuple[int, Reader]]
    others: list[tuple[int, Entity, int]]
    """Place, who are told apart, and since which of the moments that were asked for."""
    travels: list[Travel]
    """Of a payer: how far, or how fast, from where it was last."""


def reader(feature: Feature, at_s: int, by_totals: int | None, lately: int | None) -> Reader:
    """`by_totals`, `lately`: the place of the window's begin among the entity's hours, or among the exact moments."""
    measure = feature.measure
    if measure is Measure.SINCE_FIRST:
        return lambda known, _counts, _own: 0 if known.first_s is None else max(0, at_s - known.first_s)
    if measure is Measure.SINCE_LAST:
        itself = 0 if feature.entity is Entity.RECEIVED else 1
        return lambda known, counts, _own: _since_last(known, counts, at_s, itself)
    column = COLUMNS[feature.only]
    counted = _number(column, by_totals, lately)
    if measure is Measure.COUNT:
        return lambda known, counts, _own: counted(known, counts)
    amounted = _number(column + 1, by_totals, lately)
    if measure is Measure.SUM:
        return lambda known, counts, _own: amounted(known, counts)
    return lambda known, counts, own: value(measure, counted(known, counts), amounted(known, counts), own)


def known_frauds(since: int) -> Reader:
    """Since which of the moments that were asked for. What comes before in the batch has no label yet."""
    return lambda known, _counts, _own: known.frauds[since]


def fraud_share(since: int, begins: int, ends: int) -> Reader:
    """In which of the windows that were asked for, and between which of the payee's hours. The batch comes after it."""

    def read(known: Known, _counts: Counts, own: int) -> int:
        counted = known.totals[ends][0] - known.totals[begins][0]
        return value(Measure.FRAUD_SHARE, counted, known.frauds[since], own)

    return read


def _since_last(known: Known, counts: Counts, at_s: int, itself: int) -> int | None:
    if counts[0] > itself:
        return 0
    return None if known.last_s is None else max(0, at_s - known.last_s)


def _number(column: int, by_totals: int | None, lately: int | None) -> Number:
    if by_totals is not None:
        return lambda known, counts: known.totals[-1][column] - known.totals[by_totals][column] + counts[column]
    assert lately is not None
    return lambda known, counts: known.lately[lately][column] + counts[column]


def since_each(buckets: Sequence[Sequence[int]] | None, edges: int) -> list[Counts]:
    """Counts since each of so many moments, from counts between them; a bucket is led by how many moments lie before it."""
    if buckets is None:
        return [NO_COUNTS] * edges
    found: list[Counts] = [NO_COUNTS] * edges
    for number, *counts in buckets:
        for edge in range(number):
            found[edge] = [one + more for one, more in zip(found[edge], counts, strict=True)]
    return found
