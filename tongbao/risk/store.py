"""The only Python that touches what risk remembers: one small function a named statement."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

import msgspec

from tongbao.base import sql
from tongbao.base.days import NOT_FOUNDED
from tongbao.base.db import Tx
from tongbao.base.say import Lang
from tongbao.risk.catalogue import OWN
from tongbao.risk.model import EVER, NOBODY, Asked, Assessment, Key, Known, Own, Recalled, Seen, TotalKey
from tongbao.risk.reading import MET_NOBODY, NO_COUNTS, since_each
from tongbao.risk.ruleset import NOTHING, Hit, Judged, Under

Q = sql.load("tongbao.risk")

_IN_COLUMNS: Final = frozenset({"amount_minor", "currency", "is_night", "payer", "payee", "device"})
_KEPT: Final = tuple(name for name in OWN if name not in _IN_COLUMNS)
"""Of what a payment itself says, what is remembered beside the columns."""

_encode = msgspec.json.Encoder().encode


def _features(values: Sequence[int | None]) -> str:
    return "{" + ",".join("NULL" if value is None else str(value) for value in values) + "}"


def _own(own: Own | None) -> str | None:
    """What is not in a column, and not missing."""
    if own is None:
        return None
    return _encode({name: value for name in _KEPT if (value := own.get(name)) is not None}).decode()


def remember(
    tx: Tx,
    asked: Sequence[Asked],
    seen: Seen,
    judged: Mapping[UUID, Judged],
    own: Mapping[UUID, Own],
    under: Under | None,
    catalogue: int,
    at: datetime,
) -> None:
    rules = [judged.get(a.id, NOTHING) for a in asked]
    scored = [r.scored for r in rules]
    tx.write(
        Q["remember"],
        ids=[a.id for a in asked],
        places=list(range(len(asked))),
        payers=[a.payer for a in asked],
        payees=[a.payee for a in asked],
        devices=[a.device for a in asked],
        amounts=[a.amount_minor for a in asked],
        currencies=[a.currency for a in asked],
        nights=[a.is_night for a in asked],
        actions=[r.action.value for r in rules],
        points=[r.points for r in rules],
        hits=[_encode(r.hits).decode() if r.hits else None for r in rules],
        features=[_features(seen.features[a.id]) for a in asked],
        at=at,
        as_of=seen.as_of,
        rolled_to=seen.rolled_to,
        catalogue=catalogue,
        own=[_own(own.get(a.id)) for a in asked],
        change=under.change if under else None,
        read_at=under.read_at if under else None,
        left_out=list(under.left_out) if under and under.left_out else None,
        scores=[s.score if s else None for s in scored],
        models=[s.model if s else None for s in scored],
        faults=[s.fault if s else None for s in scored],
        beside_scores=[s.beside if s else None for s in scored],
        beside_models=[s.beside_model if s else None for s in scored],
        latitudes=[a.spot[0] if a.spot else None for a in asked],
        longitudes=[a.spot[1] if a.spot else None for a in asked],
    )


def came_to_nothing(tx: Tx, ids: Sequence[UUID]) -> None:
    tx.write(Q["came_to_nothing"], ids=list(ids))


async def recall(
    tx: Tx,
    ids: Sequence[UUID],
    keys: Sequence[Key],
    *,
    edges_s: Sequence[int],
    hours: Sequence[tuple[int, int]],
    met_hours: Sequence[int],
    fraud_hours: Sequence[tuple[int, int]],
) -> Recalled:
    """`edges_s`: exact moments, ascending, an hour ago at most. `hours`: by kind of entity, ascending. `fraud_hours`: from which hour
    to before which. `keys` is not empty.
    """
    rows = await tx.rows(
        Q["recall"],
        ids=list(ids),
        kinds=[key[0] for key in keys],
        ones=[key[1] for key in keys],
        others=[key[2] for key in keys],
        edges=[datetime.fromtimestamp(edge, UTC) for edge in edges_s],
        hour_kinds=[kind for kind, _ in hours],
        hours=[hour for _, hour in hours],
        met_since=[datetime.fromtimestamp(hour * 3_600, UTC) for hour in met_hours],
        fraud_since=[datetime.fromtimestamp(since * 3_600, UTC) for since, _ in fraud_hours],
        fraud_until=[None if until == EVER else datetime.fromtimestamp(until * 3_600, UTC) for _, until in fraud_hours],
    )
    if not rows:
        raise NOT_FOUNDED()
    as_of, rolled_to, already = rows[0][:3]
    nothing = [NO_COUNTS] * len(hours)
    known = [
        Known(
            since_each(lately, len(edges_s)),
            totals or nothing,
            first_s,
            last_s,
            by_one or MET_NOBODY,
            by_other or MET_NOBODY,
            frauds or [],
            (latitude_e6, longitude_e6) if placed_s is not None else None,
            placed_s or 0,
        )
        for _, _, _, lately, totals, first_s, last_s, by_one, by_other, frauds, latitude_e6, longitude_e6, placed_s in rows
    ]
    return Recalled(as_of, rolled_to, set(already), known)


async def assessment(tx: Tx, id_: UUID) -> Assessment | None:
    row = await tx.row(Q["assessment"], id=id_)
    if row is None:
        return None
    *known, hits = row
    return Assessment(*known, hits=msgspec.convert(hits or [], tuple[Hit, ...]))


async def lock_rolled(tx: Tx) -> int | None:
    row = await tx.row(Q["lock_rolled"])
    return row[0] if row else None


async def roll_until(tx: Tx, since: int, most: int) -> int:
    return (await tx.rows(Q["roll_until"], since=since, most=most))[0][0]


async def roll(tx: Tx, since: int, until: int, at: datetime) -> None:
    await tx.run(Q["roll_totals"], since=since, until=until, nobody=NOBODY)
    await tx.run(Q["roll_met"], since=since, until=until, nobody=NOBODY)
    await tx.run(Q["roll_hits"], since=since, until=until)
    await tx.run(Q["rolled_until"], until=until, at=at)


async def forget_totals(tx: Tx, after: TotalKey | None, before: int, most: int) -> TotalKey | None:
    kind, one, other, hour = after or (0, NOBODY, NOBODY, 0)
    row = await tx.row(Q["forget_totals"], kind=kind, one=one, other=other, hour=hour, before=before, most=most)
    return (row[0], row[1], row[2], row[3]) if row else None


async def asks_to_hold(tx: Tx, ids: Collection[UUID]) -> set[UUID]:
    return {id_ for (id_,) in await tx.rows(Q["asks_to_hold"], ids=list(ids))}


async def rule_texts(tx: Tx, versions: Sequence[tuple[UUID, int]], lang: Lang) -> list[tuple[str, str]]:
    """What they say to staff, and to a payer."""
    rules, numbers = [rule for rule, _ in versions], [number for _, number in versions]
    rows = await tx.rows(Q["rule_texts"], rules=rules, versions=numbers)
    return [(why_zh, told_zh) if lang == "zh" else (why_en, told_en) for why_en, why_zh, told_en, told_zh in rows]


async def risks_of(tx: Tx, ids: Collection[UUID]) -> dict[UUID, int]:
    return dict(await tx.rows(Q["risks_of"], ids=list(ids)))
