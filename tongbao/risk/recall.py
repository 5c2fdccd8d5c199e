"""Recall what is known of the parties of payments, and make features of it: one statement for a whole batch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from tongbao.base.db import Tx
from tongbao.risk import store
from tongbao.risk.feature import HOUR, MINUTE, Edge, Entity, Feature, Filter, Measure, value
from tongbao.risk.model import EVER, KINDS, NOBODY, Asked, Counts, Key, Recalled, Seen
from tongbao.risk.reading import (
    MOST_MEETINGS,
    NEWEST,
    NO_COUNTS,
    Met,
    Reader,
    Reading,
    Travel,
    fraud_share,
    known_frauds,
    reader,
)
from tongbao.risk.travel import Spot, metres

_OTHERS: Final = {
    (Entity.PAYER, Entity.PAYEE): True,
    (Entity.PAYER, Entity.DEVICE): False,
    (Entity.PAYEE, Entity.PAYER): False,
    (Entity.DEVICE, Entity.PAYER): True,
}
"""Who may be told apart for whom, and whether they are found as whom it met, or as who met it."""
_TRAVELS: Final = (Measure.DISTANCE, Measure.SPEED)
_OF_LABELS: Final = (Measure.FRAUDS_KNOWN, Measure.FRAUD_SHARE)
_NEVER_TOTALLED: Final = (Measure.DISTINCT, Measure.SINCE_FIRST, Measure.SINCE_LAST, Measure.FRAUDS_KNOWN, *_TRAVELS)


def check(feature: Feature) -> None:
    """Raises ValueError for a definition that the memory cannot answer."""
    exact = feature.edge is Edge.EXACT
    told_apart = (feature.entity, feature.of) in _OTHERS
    wrong = {
        "a window ends now": feature.delay_s != 0 and feature.measure is not Measure.FRAUD_SHARE,
        "a device has accounts of several currencies": feature.entity is Entity.DEVICE
        and feature.measure in (Measure.SUM, Measure.MEAN, Measure.RATIO),
        "only short windows are exact": exact and feature.window_s is not None and feature.window_s > HOUR,
        "a pair has no exact window": exact and feature.window_s is not None and feature.entity is Entity.PAIR,
        "what is received is another payment": feature.entity is Entity.RECEIVED
        and feature.measure in (Measure.MEAN, Measure.RATIO),
        "it is told apart by whom?": (feature.measure is Measure.DISTINCT) != told_apart,
        "labels are remembered of a payee": feature.measure in _OF_LABELS
        and (feature.entity is not Entity.PAYEE or feature.only is not Filter.ALL),
        "labels are counted by the hour": feature.measure in _OF_LABELS and (exact or feature.window_s is None),
        "labels come late: a share needs a delay": feature.measure is Measure.FRAUD_SHARE and feature.delay_s < HOUR,
        "a payer travels, since an hour": feature.measure in _TRAVELS
        and (feature.entity is not Entity.PAYER or exact or feature.window_s is None),
        "others are told apart by the hour": feature.measure is Measure.DISTINCT
        and (exact or feature.window_s is None),
    }
    for reason, is_so in wrong.items():
        if is_so:
            raise ValueError(f"{feature.name}: {reason}")


async def recall(tx: Tx, asked: Sequence[Asked], features: Sequence[Feature], *, at_s: int) -> Seen:
    """Features of each payment: of what this snapshot shows, of those before it in `asked`, and of itself.

    `at_s`: the moment of them all. A value is None where a payment has no such party, or the party was never seen before. Windows
    by the hour, and times since, see what was rolled into totals; windows exact to the second, all that is committed. A payment
    that is remembered already, or comes twice, is looked at once. Refuses `bank_not_founded`.
    """
    if not asked:
        return Seen("", 0, {})
    windows = _Windows(features, at_s)
    keys = _Keys()
    places = [keys.of(one) for one in asked]
    found = await store.recall(
        tx,
        [one.id for one in asked],
        keys.all,
        edges_s=windows.edges_s,
        hours=windows.hours,
        met_hours=windows.met_hours,
        fraud_hours=windows.fraud_hours,
    )
    return Seen(found.as_of, found.rolled_to, _Batch(windows, found).read(asked, places))


class _Windows:
    """Moments at which the windows of features begin, as they are asked for, and how each feature is read."""

    def __init__(self, features: Sequence[Feature], at_s: int) -> None:
        exact = [f for f in features if _is_exact(f)]
        by_totals = [f for f in features if _is_by_totals(f)]
        self.met_hours = sorted({_hour(f, at_s) for f in features if f.measure is Measure.DISTINCT})
        if len(self.met_hours) > MOST_MEETINGS:
            raise ValueError("others are told apart in four windows at most")
        self.fraud_hours = list({_hours(f, at_s) for f in features if f.measure in _OF_LABELS})
        self.at_s = at_s
        self.met_begins_s = [hour * HOUR - 1 for hour in self.met_hours]
        self.edges_s = sorted({_begins(f, at_s) + 1 for f in exact})
        of_kind = {
            entity: sorted({hour for f in by_totals if f.entity is entity for hour in _hours(f, at_s)} | {EVER})
            for entity in Entity
        }
        of_kind[Entity.PAYEE] = of_kind[Entity.RECEIVED] = sorted({*of_kind[Entity.PAYEE], *of_kind[Entity.RECEIVED]})
        by_kind = {KINDS[entity]: hours for entity, hours in of_kind.items()}
        self.hours = [(kind, hour) for kind, hours in by_kind.items() for hour in hours]
        self.width = len(features)
        self.readings = {entity: Reading([], [], []) for entity in Entity}
        for place, feature in enumerate(features):
            reading = self.readings[feature.entity]
            if feature.of is not None:
                reading.others.append((place, feature.of, self.met_hours.index(_hour(feature, at_s))))
                continue
            if feature.measure in _TRAVELS:
                reading.travels.append((place, feature.measure, _begins(feature, at_s)))
                continue
            if feature.measure in _OF_LABELS:
                reading.readers.append((place, self._of_labels(feature, of_kind[feature.entity])))
                continue
            totals = of_kind[feature.entity].index(_hour(feature, at_s)) if _is_by_totals(feature) else None
            lately = self.edges_s.index(_begins(feature, at_s) + 1) if _is_exact(feature) else None
            reading.readers.append((place, reader(feature, at_s, totals, lately)))

    def _of_labels(self, feature: Feature, hours: Sequence[int]) -> Reader:
        since, until = _hours(feature, self.at_s)
        among = self.fraud_hours.index((since, until))
        if feature.measure is Measure.FRAUDS_KNOWN:
            return known_frauds(among)
        return fraud_share(among, hours.index(since), hours.index(until))


def _begins(feature: Feature, at_s: int) -> int:
    begins = feature.begins(at_s)
    return -1 if begins is None else begins


def _hour(feature: Feature, at_s: int) -> int:
    return (_begins(feature, at_s) + 1) // HOUR


def _hours(feature: Feature, at_s: int) -> tuple[int, int]:
    """From which hour on payments count, and before which."""
    return _hour(feature, at_s), (feature.ends(at_s) + 1) // HOUR if feature.delay_s else EVER


def _counts(feature: Feature) -> bool:
    return feature.measure not in _NEVER_TOTALLED


def _is_by_totals(feature: Feature) -> bool:
    return _counts(feature) and (feature.edge is Edge.HOUR or feature.window_s is None)


def _is_exact(feature: Feature) -> bool:
    return _counts(feature) and not _is_by_totals(feature)


_Places = tuple[int, int | None, int | None, int | None, int | None, int]
"""Where among the keys a payment's payer, payee, device, pair, meeting of device and payer, and the payer as payee of others stand."""
_ENTITIES: Final = ((Entity.PAYER, 0), (Entity.PAYEE, 1), (Entity.DEVICE, 2), (Entity.PAIR, 3), (Entity.RECEIVED, 5))
_PAIR: Final = 3
_MEETING: Final = 4


class _Keys:
    """The keys of a batch, each once. They are told apart by numbers: a UUID is slow to hash."""

    def __init__(self) -> None:
        self.all: list[Key] = []
        self._places: dict[tuple[int, int, int], int] = {}

    def of(self, one: Asked) -> _Places:
        payer, payee, device = one.payer, one.payee, one.device
        return (
            self._place(1, payer, NOBODY),
            None if payee is None else self._place(2, payee, NOBODY),
            None if device is None else self._place(3, device, NOBODY),
            None if payee is None else self._place(4, payer, payee),
            None if device is None else self._place(5, device, payer),
            self._place(2, payer, NOBODY),
        )

    def _place(self, kind: int, one: UUID, other: UUID) -> int:
        place = self._places.setdefault((kind, one.int, other.int), len(self.all))
        if place == len(self.all):
            self.all.append((kind, one, other))
        return place


class _Batch:
    """Payments of one batch, one after the other: each sees those before it."""

    def __init__(self, windows: _Windows, found: Recalled) -> None:
        self._windows = windows
        self._known = found.known
        self._already = found.already
        self._before: dict[int, Counts] = {}
        self._met: dict[tuple[int, Entity], Met] = {}
        self._spots: dict[int, Spot] = {}

    def read(self, asked: Sequence[Asked], places: Sequence[_Places]) -> dict[UUID, tuple[int | None, ...]]:
        seen: dict[UUID, tuple[int | None, ...]] = {}
        for one, at in zip(asked, places, strict=True):
            if one.id not in seen and one.id not in self._already:
                seen[one.id] = self._next(one, at)
        return seen

    def _next(self, one: Asked, at: _Places) -> tuple[int | None, ...]:
        values: list[int | None] = [None] * self._windows.width
        for entity, where in _ENTITIES:
            key = at[where]
            if key is None:
                continue
            known, reading, own = self._known[key], self._windows.readings[entity], one.amount_minor
            counts = self._before.get(key, NO_COUNTS) if entity is Entity.RECEIVED else self._count(key, one)
            for place, read in reading.readers:
                values[place] = read(known, counts, own)
            for place, of, since in reading.others:
                meeting = at[_MEETING if Entity.DEVICE in (entity, of) else _PAIR]
                if meeting is not None:
                    rolled = known.met_by_one if _OTHERS[entity, of] else known.met_by_other
                    values[place] = min(NEWEST, rolled[since] + self._meet(key, of, meeting)[since])
            if reading.travels and one.spot is not None:
                self._travel(values, reading.travels, key, one.spot)
        return tuple(values)

    def _travel(self, values: list[int | None], travels: Sequence[Travel], payer: int, here: Spot) -> None:
        """From where the payer was in this batch, or else from where it was before."""
        at_s, known = self._windows.at_s, self._known[payer]
        before, then_s = (self._spots[payer], at_s) if payer in self._spots else (known.spot, known.spot_s)
        if before is not None:
            seconds, way_m = max(MINUTE, at_s - then_s), metres(before, here)
            for place, measure, begins_s in travels:
                values[place] = value(measure, seconds, way_m, 0) if then_s > begins_s else None
        self._spots[payer] = here

    def _count(self, key: int, one: Asked) -> Counts:
        """Payments of the batch count as attempted: none of them as declined."""
        counts = self._before.get(key)
        if counts is None:
            counts = self._before[key] = [0] * 6
        counts[0] += 1
        counts[1] += one.amount_minor
        if one.is_night:
            counts[2] += 1
            counts[3] += one.amount_minor
        return counts

    def _meet(self, key: int, of: Entity, meeting: int) -> list[int]:
        """How many of those that a party met in this batch are new to it since each moment."""
        met = self._met.get((key, of))
        if met is None:
            met = self._met[key, of] = Met(set(), [0] * len(self._windows.met_begins_s))
        if meeting not in met.seen:
            met.seen.add(meeting)
            last_s = self._known[meeting].last_s
            for since, begins_s in enumerate(self._windows.met_begins_s):
                if last_s is None or last_s <= begins_s:
                    met.new[since] += 1
        return met.new
