"""Features of a whole history, from the same definitions that the memory answers: sorted once, then two look-ups a window.

Needs the extra `risk` (NumPy). Payments stand in commit order. A payment sees those committed before it, and itself; where a window
ends earlier (`delay_s`), all of that moment. What was committed but could not be seen yet is not known to a history: it sees more
than the memory did by what was under way, which is milliseconds.
"""

from __future__ import annotations

import dataclasses
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tongbao.risk.feature import Entity, Feature, Filter, Measure

Ints = NDArray[np.int64]

_SPAN: Final = 1 << 34
"""Seconds that moments of a history lie below; parties are told apart above it."""
_BEFORE_ALL: Final = -1


@dataclasses.dataclass(frozen=True)
class History:
    """Columns of one length: seconds since 1970 or any later moment, parties as small numbers, minor units, 1 where it was fraud."""

    at_s: Ints
    payer: Ints
    payee: Ints
    amount_minor: Ints
    is_fraud: Ints

    def __post_init__(self) -> None:
        if np.any(np.diff(self.at_s) < 0) or (len(self.at_s) and self.at_s[0] < 0):
            raise ValueError("a history is in the order of time")

    def who(self, entity: Entity) -> Ints:
        match entity:
            case Entity.PAYER:
                return self.payer
            case Entity.PAYEE:
                return self.payee
            case Entity.PAIR:
                return self.payer * (int(self.payee.max(initial=0)) + 1) + self.payee
            case Entity.DEVICE | Entity.RECEIVED:
                raise ValueError(f"a history does not tell of {entity}")


class Sorted:
    """A history by one party after the other, each in commit order: windows of it are stretches."""

    def __init__(self, history: History, entity: Entity) -> None:
        _, who = np.unique(history.who(entity), return_inverse=True)
        self._history = history
        self._order = np.argsort(who, kind="stable")
        self._who = who.astype(np.int64)[self._order]
        self._at_s = history.at_s[self._order]
        self._key = self._who * _SPAN + self._at_s
        self._first = np.searchsorted(self._who, self._who, side="left")

    def stretch(self, feature: Feature) -> tuple[Ints, Ints]:
        """Of each payment, in this order: where its window begins and where it ends, the end not among it."""
        own = np.arange(len(self._key), dtype=np.int64)
        begins = self._first
        if feature.window_s is not None:
            since = np.maximum(feature.begins_all(self._at_s), _BEFORE_ALL)
            begins = np.searchsorted(self._key, self._who * _SPAN + since, side="right")
            begins = np.where(since < 0, self._first, begins)
        if not feature.delay_s:
            return begins, own + 1
        until = feature.ends(self._at_s)
        ends = np.searchsorted(self._key, self._who * _SPAN + np.maximum(until, 0), side="right")
        return begins, np.where(until < 0, begins, np.maximum(ends, begins))

    def sums(self, feature: Feature, column: NDArray[Any]) -> NDArray[Any]:
        """The column's sum over each payment's window, in commit order; whole numbers stay whole."""
        begins, ends = self.stretch(feature)
        running = np.concatenate([np.zeros(1, column.dtype), np.cumsum(column[self._order])])
        found = np.empty(len(begins), column.dtype)
        found[self._order] = running[ends] - running[begins]
        return found

    def outermost(self, feature: Feature, flags: NDArray[np.bool_]) -> tuple[Ints, Ints]:
        """The oldest and the newest payment with a flag in each payment's window, as places in commit order; -1 where there is none."""
        begins, ends = self.stretch(feature)
        places, flagged = np.arange(len(self._key), dtype=np.int64), flags[self._order]
        until = np.maximum.accumulate(np.where(flagged, places, -1))
        since = np.minimum.accumulate(np.where(flagged, places, len(places))[::-1])[::-1]
        newest = np.where(ends > begins, until[np.maximum(ends - 1, 0)], -1)
        is_there = newest >= begins
        oldest = since[np.minimum(begins, len(places) - 1)]
        found = np.full((2, len(places)), -1, np.int64)
        found[0, self._order] = np.where(is_there, self._order[np.where(is_there, oldest, 0)], -1)
        found[1, self._order] = np.where(is_there, self._order[np.where(is_there, newest, 0)], -1)
        return found[0], found[1]

    def since_first(self) -> Ints:
        found = np.empty(len(self._key), np.int64)
        found[self._order] = self._at_s - self._at_s[self._first]
        return found


def integers(history: History, feature: Feature, by: Sorted | None = None) -> tuple[Ints, Ints]:
    """What `feature.value` divides, of every payment: (counted, amounted).

    `by`: the history sorted for that entity, where somebody has it. Raises ValueError for a measure that a history does not answer.
    """
    if feature.only is not Filter.ALL:
        raise ValueError(f"{feature.name}: a history knows no nights and no refusals")
    by = by or Sorted(history, feature.entity)
    match feature.measure:
        case Measure.COUNT | Measure.SUM | Measure.MEAN | Measure.RATIO:
            amounted = history.amount_minor
        case Measure.FRAUD_SHARE:
            amounted = history.is_fraud
        case Measure.SINCE_FIRST:
            return by.since_first(), np.zeros(len(history.at_s), np.int64)
        case _:
            raise ValueError(f"{feature.name}: a history does not answer {feature.measure}")
    return by.sums(feature, np.ones(len(history.at_s), np.int64)), by.sums(feature, amounted)


def values(measure: Measure, counted: Ints, amounted: Ints, own_minor: Ints) -> Ints:
    """As `feature.value`, of many at once."""
    some: Any = np.maximum(counted, 1)
    match measure:
        case Measure.SUM:
            return amounted
        case Measure.MEAN:
            return np.where(counted > 0, amounted // some, 0)
        case Measure.RATIO:
            others = amounted - own_minor
            known = (counted > 1) & (others != 0)
            return np.where(known, own_minor * 1_000 * (counted - 1) // np.where(known, others, 1), 0)
        case Measure.FRAUD_SHARE:
            return np.where(counted > 0, amounted * 1_000_000 // some, 0)
        case _:
            return counted
