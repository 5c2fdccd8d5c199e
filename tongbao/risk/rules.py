"""Rules as they stand: which there are, which judge at a moment, and whether a condition can be used."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Protocol
from uuid import UUID

from tongbao.base.db import Tx
from tongbao.risk import refusals as no
from tongbao.risk import rule_store
from tongbao.risk.catalogue import NAMES
from tongbao.risk.expression import check
from tongbao.risk.expression_model import Checked, Joined, Name, Node, Unit, Value, Within
from tongbao.risk.rule_model import Hits, Member, Mode, RuleList, RuleSays, RuleVersion

_NEWEST = 2**31 - 1


def check_rule(says: RuleSays, lists: Mapping[str, Unit]) -> Checked:
    """Its condition, within its scope. Raises ExpressionError."""
    return check_scoped(says, lists)


class Scoped(Protocol):
    """A condition, and which payments it is about: each of its scopes, where it names anything."""

    @property
    def expression(self) -> str: ...
    @property
    def kinds(self) -> tuple[str, ...]: ...
    @property
    def methods(self) -> tuple[str, ...]: ...
    @property
    def merchants(self) -> tuple[UUID, ...]: ...
    @property
    def countries(self) -> tuple[str, ...]: ...


def check_scoped(says: Scoped, lists: Mapping[str, Unit]) -> Checked:
    """A condition of these payments alone. Raises ExpressionError."""
    checked = check(says.expression, NAMES, lists)
    scope = [
        _one_of("kind", says.kinds),
        _one_of("method", says.methods),
        _one_of("merchant", tuple(map(str, says.merchants))),
        _one_of("merchant_country", says.countries),
    ]
    parts = [part for part in scope if part is not None]
    if not parts:
        return checked
    names = checked.names | {part.left.name for part in parts if isinstance(part.left, Name)}
    whole: tuple[Node, ...] = (*parts, checked.root)
    return Checked(checked.source, Joined("and", whole), names, checked.lists)


def _one_of(name: str, words: tuple[str, ...]) -> Within | None:
    return Within(Name(name, NAMES[name]), tuple(Value(w, NAMES[name]) for w in words)) if words else None


async def rules(tx: Tx) -> list[RuleVersion]:
    """Of every rule its newest version, by name."""
    return await rule_store.newest(tx)


async def rules_in_force(tx: Tx, *, at: datetime) -> list[RuleVersion]:
    """What judges at this moment, live or in shadow, by name."""
    return await rule_store.in_force(tx, at, _NEWEST)


async def rule(tx: Tx, rule_id: UUID) -> RuleVersion:
    """Its newest version. Refuses `rule_unknown`."""
    found = await rule_store.newest(tx, rule_id)
    if not found:
        raise no.RULE_UNKNOWN()
    return found[0]


async def rule_versions(tx: Tx, rule_id: UUID, *, below: int | None = None, most: int = 50) -> list[RuleVersion]:
    """Newest first, from below one on."""
    return await rule_store.versions(tx, rule_id, _NEWEST if below is None else below, min(most, 1_000))


async def hits_lately(tx: Tx, rule_id: UUID | None = None) -> dict[UUID, dict[Mode, Hits]]:
    """How often rules were met, by what they were then, `live` or `shadow`: as far as the roller has come, seconds behind."""
    return await rule_store.hits_lately(tx, rule_id)


async def list_units(tx: Tx) -> dict[str, Unit]:
    """Which lists there are, and what the members of each are."""
    return await rule_store.list_units(tx)


async def rule_lists(tx: Tx, *, at: datetime) -> list[RuleList]:
    """Every list, by name."""
    return await rule_store.lists(tx, at)


async def list_members(tx: Tx, name: str, *, at: datetime, after: str = "", most: int = 50) -> list[Member]:
    """Who stands in a list now, a page by member. Refuses `list_unknown`."""
    if name not in await rule_store.list_units(tx):
        raise no.LIST_UNKNOWN()
    return await rule_store.members(tx, name, at, after, min(most, 1_000))
