"""The only Python that touches rules and lists: one small function a named statement."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from tongbao.base import sql
from tongbao.base.approvals import Approval
from tongbao.base.days import NOT_FOUNDED
from tongbao.base.db import Rank, Tx
from tongbao.risk.expression_model import Unit
from tongbao.risk.rule_model import Action, Hits, ListChange, Member, Mode, RuleChange, RuleList, RuleSays, RuleVersion

Q = sql.load("tongbao.risk", "rule")


def _version(row: Sequence[Any]) -> RuleVersion:
    says = RuleSays(
        expression=row[3],
        action=Action(row[4]),
        points=row[5],
        mode=Mode(row[6]),
        kinds=tuple(row[7]),
        methods=tuple(row[8]),
        effective_from=row[9],
        effective_until=row[10],
        why_en=row[11],
        why_zh=row[12],
        told_en=row[13],
        told_zh=row[14],
        merchants=tuple(row[19]),
        countries=tuple(row[20]),
    )
    return RuleVersion(
        rule_id=row[0],
        name=row[1],
        version=row[2],
        says=says,
        begins_at=row[9],
        reason=row[15],
        proposed_by=row[16],
        approved_by=row[17],
        approval_id=row[18],
    )


async def newest(tx: Tx, rule_id: UUID | None = None) -> list[RuleVersion]:
    return [_version(row) for row in await tx.rows(Q["newest_versions"], rule_id=rule_id)]


async def in_force(tx: Tx, at: datetime, change: int) -> list[RuleVersion]:
    return [_version(row) for row in await tx.rows(Q["versions_in_force"], at=at, change=change)]


async def newest_change(tx: Tx) -> int:
    row = await tx.row(Q["newest_change"])
    if row is None:
        raise NOT_FOUNDED()
    return row[0]


async def next_change(tx: Tx) -> int:
    """Before anything of rules or lists is written."""
    return (await tx.lock(Rank.IDS, Q["next_change"], [True]))[0][0]


async def versions(tx: Tx, rule_id: UUID, below: int, most: int) -> list[RuleVersion]:
    return [_version(row) for row in await tx.rows(Q["versions_of"], rule_id=rule_id, below=below, most=most)]


async def hits_lately(tx: Tx, rule_id: UUID | None) -> dict[UUID, dict[Mode, Hits]]:
    found: defaultdict[UUID, dict[Mode, Hits]] = defaultdict(dict)
    for whose, mode, today, week, month in await tx.rows(Q["hits_lately"], rule_id=rule_id):
        found[whose][Mode(mode)] = Hits(today, week, month)
    return dict(found)


async def named(tx: Tx, name: str) -> UUID | None:
    row = await tx.row(Q["rule_named"], name=name)
    return row[0] if row else None


async def add_rule(tx: Tx, rule_id: UUID, name: str, at: datetime) -> bool:
    """Whether both the id and the name were free."""
    return bool(await tx.lock(Rank.IDS, Q["add_rule"], [rule_id], name=name, at=at))


async def add_version(
    tx: Tx, change: RuleChange, approval: Approval, approved_by: UUID, begins_at: datetime, number: int
) -> bool:
    """Whether this version is new. `number`: of this change."""
    says = change.says
    added = await tx.lock(
        Rank.IDS,
        Q["add_version"],
        [change.rule_id],
        version=change.expected + 1,
        expression=says.expression,
        action=says.action.value,
        points=says.points,
        mode=says.mode.value,
        kinds=list(says.kinds),
        methods=list(says.methods),
        merchants=list(says.merchants),
        countries=list(says.countries),
        begins_at=begins_at,
        until=says.effective_until,
        why_en=says.why_en,
        why_zh=says.why_zh,
        told_en=says.told_en,
        told_zh=says.told_zh,
        reason=approval.reason,
        proposed_by=approval.proposed_by,
        approved_by=approved_by,
        approval_id=approval.id,
        change=number,
    )
    return bool(added)


async def lists(tx: Tx, at: datetime) -> list[RuleList]:
    rows = await tx.rows(Q["lists"], at=at)
    return [RuleList(name=name, unit=Unit(unit), members=n, made_at=made) for name, unit, n, made in rows]


async def list_units(tx: Tx) -> dict[str, Unit]:
    return {name: Unit(unit) for name, unit in await tx.rows(Q["list_units"])}


async def members(tx: Tx, name: str, at: datetime, after: str, most: int) -> list[Member]:
    rows = await tx.rows(Q["members"], name=name, at=at, after=after, most=most)
    return [Member(member=m, since_at=since, until_at=until, approval_id=a) for m, since, until, a in rows]


async def members_in_force(tx: Tx, names: Collection[str], at: datetime, change: int) -> dict[str, frozenset[str]]:
    found: defaultdict[str, set[str]] = defaultdict(set)
    for name, member in await tx.rows(Q["members_in_force"], names=sorted(names), at=at, change=change):
        found[name].add(member)
    return {name: frozenset(found[name]) for name in names}


async def claim_list(tx: Tx, change: ListChange, at: datetime) -> Unit:
    """What the members of this list are, which is made where it was not there."""
    rows = await tx.lock(Rank.IDS, Q["claim_list"], [change.name], unit=change.unit.value, at=at)
    return Unit(rows[0][0])


async def set_members(tx: Tx, change: ListChange, approval_id: UUID, at: datetime, number: int) -> None:
    """`number`: of this change."""
    await tx.run(Q["take_out"], name=change.name, members=[*change.go, *change.come], at=at, change=number)
    await tx.run(
        Q["put_in"],
        name=change.name,
        members=list(change.come),
        until=change.until,
        approval_id=approval_id,
        at=at,
        change=number,
    )
