"""Compile the rules of a moment, and tell of those that had to be left out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from tongbao.base import audit, metrics
from tongbao.base.db import Tx
from tongbao.base.principal import SYSTEM
from tongbao.risk import rule_store, stance_store
from tongbao.risk.ruleset import Fenced, Ruleset


async def ruleset(
    tx: Tx, *, at: datetime, ticks: Callable[[], int], kept: Ruleset | None = None, change: int | None = None
) -> Ruleset:
    """What judges at this moment, with the members of its lists as they are now: `kept` itself where nothing has changed.

    `ticks`: nanoseconds of a steady clock. `change`: as it was up to a change; else up to the newest that is committed.
    """
    # First of all: what is committed between the statements is a later change, and no part of this one.
    change = await rule_store.newest_change(tx) if change is None else change
    versions = await rule_store.in_force(tx, at, change)
    units = await rule_store.list_units(tx)
    members = await rule_store.members_in_force(tx, list(units), at, change)
    stance = await stance_store.stance_at(tx, change)
    if kept is not None and (kept.made_of, kept.stance) == ((versions, units, members), stance):
        return kept
    return Ruleset(versions, units, members, ticks=ticks, change=change, read_at=at, stance=stance)


async def report(tx: Tx, fenced: Sequence[Fenced], *, at: datetime) -> None:
    """Writes down which rules were left out and why, for the audit; and counts them, for alerts."""
    for one in fenced:
        metrics.RULES_FENCED.labels(one.cause).inc()
        said = {"rule": str(one.rule_id), "version": one.version, "cause": one.cause}
        await audit.record(tx, SYSTEM, "risk.rule_fenced", one.name, at=at, details=said)
