"""The only Python that touches models: one small function a named statement."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any, Final
from uuid import UUID

import msgspec

from tongbao.base import sql
from tongbao.base.approvals import Approval
from tongbao.base.db import Rank, Tx
from tongbao.risk.models_facts import Facts
from tongbao.risk.models_inputs import inputs, inputs_of, newest_inputs_of
from tongbao.risk.models_model import Registered, Role, RoleHeld, Stopped
from tongbao.risk.ruleset import Scored

Q = sql.load("tongbao.risk", "models")

_FIRST: Final = UUID(int=0)
_NEWEST: Final = 2**31 - 1
_encode = msgspec.json.Encoder().encode


async def learning_days(tx: Tx, catalogue: int, before: datetime) -> list[date]:
    return [row[0] for row in await tx.rows(Q["learning_days"], catalogue=catalogue, before=before)]


async def to_learn_from(
    tx: Tx, catalogue: int, day: date, after: UUID | None, before: datetime, known_at: datetime, most: int
) -> list[tuple[Any, ...]]:
    """Id, second, whether it was fraud, version of the catalogue (up to this one), amount, night, what it said itself by name, features."""
    return await tx.rows(
        Q["to_learn_from"],
        catalogue=catalogue,
        day=day,
        after=after or _FIRST,
        before=before,
        known_at=known_at,
        most=most,
    )


async def add_model(
    tx: Tx, artefact: bytes, sha256: bytes, catalogue: int, facts: Facts, until: datetime, at: datetime
) -> int | None:
    """Its number; None where there is one of this hash, or somebody else's took the number."""
    row = await tx.row(
        Q["add_model"],
        artefact=artefact,
        sha256=sha256,
        catalogue=catalogue,
        facts=_encode(facts).decode(),
        until=until,
        at=at,
    )
    return row[0] if row else None


async def of_hash(tx: Tx, sha256: bytes) -> int | None:
    row = await tx.row(Q["model_of_hash"], sha256=sha256)
    return row[0] if row else None


async def models(tx: Tx, *, number: int | None = None, below: int | None = None, most: int = 1) -> list[Registered]:
    rows = await tx.rows(Q["models"], number=number, below=_NEWEST if below is None else below, most=most)
    return [_registered(row) for row in rows]


def _registered(row: Sequence[Any]) -> Registered:
    number, sha256, size, catalogue, facts, until, at, role, since = row
    return Registered(
        number=number,
        sha256=bytes(sha256),
        size=size,
        catalogue=catalogue,
        facts=msgspec.convert(facts, Facts),
        trained_until=until,
        trained_at=at,
        role=Role(role) if role else None,
        since_at=since,
    )


async def artefact(tx: Tx, number: int) -> tuple[bytes, bytes] | None:
    """Its bytes, and what they should hash to."""
    row = await tx.row(Q["artefact"], number=number)
    return (bytes(row[0]), bytes(row[1])) if row else None


async def in_force(tx: Tx) -> dict[Role, tuple[int, int]]:
    """The model, and since which place, by role: champion and challenger."""
    return {Role(role): (model, place) for model, role, place in await tx.rows(Q["roles_in_force"])}


async def newest_role(tx: Tx) -> int:
    return (await tx.rows(Q["newest_role"]))[0][0]


async def roles(tx: Tx, most: int) -> list[RoleHeld]:
    return [
        RoleHeld(place=place, model=model, role=Role(role), since_at=since, reason=reason, approval_id=approval)
        for place, model, role, since, reason, approval in await tx.rows(Q["roles"], most=most)
    ]


async def add_roles(
    tx: Tx, after: int, held: Sequence[tuple[int, Role]], approval: Approval, approved_by: UUID, at: datetime
) -> bool:
    """Whether these are the next ones."""
    added = await tx.lock(
        Rank.IDS,
        Q["add_roles"],
        range(after + 1, after + 1 + len(held)),
        models=[model for model, _ in held],
        roles=[role.value for _, role in held],
        at=at,
        reason=approval.reason,
        proposed_by=approval.proposed_by,
        approved_by=approved_by,
        approval_id=approval.id,
    )
    return len(added) == len(held)


async def scored(tx: Tx, payment_id: UUID) -> tuple[Scored, dict[str, int | None]] | None:
    """What models said of a payment, and their inputs by name."""
    row = await tx.row(Q["scored"], id=payment_id)
    if row is None:
        return None
    score, model, fault, beside, beside_model, catalogue, *known = row
    values = inputs(*known)
    odd = (known[2] or {}).get("odd_score")
    said = dict(zip(inputs_of(catalogue), values, strict=True))
    return Scored(score, model, fault, beside, beside_model, odd), said


async def newest_inputs(tx: Tx, catalogue: int, most: int) -> list[tuple[int | None, ...]]:
    """Of the payments that were judged last, values in the order of `inputs_of`."""
    return [newest_inputs_of(*row) for row in await tx.rows(Q["newest_inputs"], catalogue=catalogue, most=most)]


async def side_by_side(tx: Tx, one: int, other: int, scores: Sequence[int], most: int) -> list[Stopped]:
    rows = await tx.rows(Q["side_by_side"], one=one, other=other, scores=list(scores), most=most)
    return [Stopped(*row) for row in rows]


async def caught(tx: Tx, model: int, since: datetime, score: int, most: int) -> tuple[int, int]:
    """Frauds that became known since then, and how many of them had this score or more."""
    frauds, seen = (await tx.rows(Q["caught"], model=model, since=since, score=score, most=most))[0]
    return frauds, seen


async def keep_health(tx: Tx, drift: int | None, caught: int | None, at: datetime) -> None:
    await tx.run(Q["keep_health"], drift=drift, caught=caught, at=at)


async def model_health(tx: Tx, since: datetime) -> tuple[int | None, int | None]:
    row = await tx.row(Q["model_health"], since=since)
    return (row[0], row[1]) if row else (None, None)
