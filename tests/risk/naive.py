"""Features as anybody would compute them: for every payment a walk through all that it could see."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any, NamedTuple
from uuid import UUID

from tongbao.base.db import Database
from tongbao.risk import HOUR, Edge, Entity, Feature, Filter, Measure, value
from tongbao.risk.travel import metres

NEWEST = 100


class Row(NamedTuple):
    """An assessment as it lies in the database."""

    id: UUID
    at_s: int
    at_us: int
    xid: int
    place: int
    payer: UUID
    payee: UUID | None
    device: UUID | None
    amount_minor: int
    is_night: bool
    is_declined: bool
    snapshot: str
    rolled_to: int
    latitude_e6: int | None
    longitude_e6: int | None
    features: list[int | None]

    @property
    def spot(self) -> tuple[int, int] | None:
        return None if self.latitude_e6 is None or self.longitude_e6 is None else (self.latitude_e6, self.longitude_e6)

    def of(self, entity: Entity) -> Any:
        match entity:
            case Entity.PAYER:
                return self.payer
            case Entity.PAYEE:
                return self.payee
            case Entity.DEVICE:
                return self.device
            case Entity.PAIR:
                return (self.payer, self.payee) if self.payee else None
            case Entity.RECEIVED:
                return self.payer

    def brings(self, entity: Entity) -> Any:
        """The party to whose count this row adds."""
        return self.payee if entity is Entity.RECEIVED else self.of(entity)

    def meets(self, only: Filter, *, in_batch: bool) -> bool:
        match only:
            case Filter.ALL:
                return True
            case Filter.NIGHT:
                return self.is_night
            case Filter.DECLINED:
                return self.is_declined and not in_batch


async def rows(db: Database) -> list[Row]:
    async with db.read() as tx:
        found = await tx.rows(
            "SELECT id, floor(extract(epoch FROM at))::bigint, (extract(epoch FROM at) * 1000000)::bigint, xid::text::bigint, place,"
            " payer, payee, device, amount_minor, is_night, is_declined, as_of::text, rolled_to::text::bigint, latitude_e6,"
            " longitude_e6, features"
            " FROM risk.assessment ORDER BY xid, place"
        )
    return [Row(*row) for row in found]


class Label(NamedTuple):
    """A label as it lies in the database: of a payment, in which transaction."""

    payment_id: UUID
    number: int
    is_fraud: bool
    xid: int


async def labels(db: Database) -> list[Label]:
    async with db.read() as tx:
        found = await tx.rows(
            "SELECT payment_id, number, is_fraud, xid::text::bigint FROM risk.label ORDER BY payment_id, number"
        )
    return [Label(*row) for row in found]


def saw(snapshot: str, xid: int) -> bool:
    """Whether a snapshot shows what a transaction wrote. Its text: lowest that runs, first not begun, those that run."""
    low, high, running = snapshot.split(":")
    return xid < int(low) or (xid < int(high) and str(xid) not in running.split(","))


class Book:
    """All rows, and those of each party."""

    def __init__(self, rows: Sequence[Row], labels: Sequence[Label] = ()) -> None:
        self._labels = labels
        self._of: dict[tuple[Entity, Any], list[Row]] = defaultdict(list)
        for row in rows:
            for entity in Entity:
                self._of[entity, row.brings(entity)].append(row)

    def features(self, mine: Row, definitions: Sequence[Feature]) -> list[int | None]:
        """What each definition comes to for this row."""
        kept = {entity: self._seen(mine, entity) for entity in Entity}
        frauds = self._frauds(mine)
        return [
            self._known_frauds(mine, frauds, f)
            if f.measure in (Measure.FRAUDS_KNOWN, Measure.FRAUD_SHARE)
            else self._travel(mine, f)
            if f.measure in (Measure.DISTANCE, Measure.SPEED)
            else _feature(mine, *kept[f.entity], f)
            for f in definitions
        ]

    def _frauds(self, mine: Row) -> set[UUID]:
        """Payments whose newest label, of those that this row could see, says fraud."""
        newest = {label.payment_id: label.is_fraud for label in self._labels if saw(mine.snapshot, label.xid)}
        return {id_ for id_, is_fraud in newest.items() if is_fraud}

    def _known_frauds(self, mine: Row, frauds: set[UUID], f: Feature) -> int | None:
        begins = f.begins(mine.at_s)
        if mine.payee is None or begins is None:
            return None
        rows = [row for row in self._of[f.entity, mine.payee] if row.at_s > begins]
        if f.delay_s:
            rows = [row for row in rows if row.at_s <= f.ends(mine.at_s)]
        known = min(NEWEST, sum(row.id in frauds for row in rows))
        if f.measure is Measure.FRAUDS_KNOWN:
            return known
        return value(f.measure, sum(row.xid < mine.rolled_to for row in rows), known, mine.amount_minor)

    def _travel(self, mine: Row, f: Feature) -> int | None:
        """From the shop before in the batch, or else from the newest one of all that were rolled."""
        begins, rows = f.begins(mine.at_s), self._of[Entity.PAYER, mine.payer]
        if mine.spot is None or begins is None:
            return None
        rolled = [row for row in rows if row.spot and row.xid < mine.rolled_to]
        before = [row for row in rows if row.spot and row.xid == mine.xid and row.place < mine.place]
        stops = [*sorted(rolled, key=lambda row: (row.at_us, row.spot)), *before]
        if not stops or stops[-1].at_s <= begins:
            return None
        seconds = 60 if stops[-1] in before else max(60, mine.at_s - stops[-1].at_s)
        way_m = metres(stops[-1].spot or mine.spot, mine.spot)
        return way_m if f.measure is Measure.DISTANCE else way_m * 36 // (10 * seconds)

    def _seen(self, mine: Row, entity: Entity) -> tuple[list[Row], list[Row], list[Row]]:
        """Of the same party: the batch up to this row; the newest that were committed; all that were rolled."""
        rows = self._of[entity, mine.of(entity)]
        batch = [row for row in rows if row.xid == mine.xid and row.place <= mine.place]
        committed = [row for row in rows if row.at_s > mine.at_s - HOUR and saw(mine.snapshot, row.xid)]
        newest = sorted(committed, key=lambda row: (row.at_us, row.id), reverse=True)[:NEWEST]
        return batch, newest, [row for row in rows if row.xid < mine.rolled_to]


def _feature(mine: Row, batch: list[Row], newest: list[Row], rolled: list[Row], f: Feature) -> int | None:
    if mine.of(f.entity) is None or (f.of is not None and mine.of(f.of) is None):
        return None
    before = newest if f.edge is Edge.EXACT and f.window_s is not None else rolled
    if f.measure in (Measure.SINCE_LAST, Measure.SINCE_FIRST):
        return _since(mine, before, batch, f)
    begins = f.begins(mine.at_s)
    inside = [row for row in before if begins is None or row.at_s > begins]
    if f.measure is Measure.DISTINCT:
        assert f.of is not None
        return min(NEWEST, len({row.of(f.of) for row in (*inside, *batch) if row.of(f.of) is not None}))
    counted = [row for row in inside if row.meets(f.only, in_batch=False)]
    counted += [row for row in batch if row.meets(f.only, in_batch=True)]
    return value(f.measure, len(counted), sum(row.amount_minor for row in counted), mine.amount_minor)


def _since(mine: Row, before: list[Row], batch: list[Row], f: Feature) -> int | None:
    moments = [row.at_s for row in before]
    if f.measure is Measure.SINCE_FIRST:
        return max(0, mine.at_s - min(moments)) if moments else 0
    if len(batch) > (f.entity is not Entity.RECEIVED):
        return 0
    return max(0, mine.at_s - max(moments)) if moments else None
