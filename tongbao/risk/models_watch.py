"""How models do on what is paid now: whether its inputs are still those that it learned from, and champion against challenger.

Both look at a bounded number of payments, those that were judged last.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

import msgspec

from tongbao.base.db import Tx
from tongbao.risk import models_store
from tongbao.risk.catalogue import VERSION
from tongbao.risk.models_drift import psi, shares
from tongbao.risk.models_facts import Facts
from tongbao.risk.models_inputs import inputs_of
from tongbao.risk.models_model import Role, Stopped

DRIFT_OF: Final = 1_000
FEWEST: Final = 200
"""Payments below which a drift says nothing."""
MOST_INPUTS: Final = 30
SIDE_BY_SIDE_OF: Final = 20_000
SCORES: Final = (10, 30, 50, 70, 90)
OF_HEALTH: Final = 10
"""Inputs, those that tell the champion most, whose drift wakes somebody."""
SEEN_FROM: Final = 50
"""The score from which on a fraud was seen."""
FEWEST_FRAUDS: Final = 20
KNOWN_FOR: Final = timedelta(days=30)


class Health(msgspec.Struct, frozen=True):
    """Of the champion: its largest PSI in thousandths, and of 1,000 frauds that it promised to see how many it saw; None where too
    little is known."""

    drift: int | None
    caught: int | None


class Drift(msgspec.Struct, frozen=True):
    """PSI in thousandths of the inputs that tell a model most, over so many payments; empty where they are too few."""

    payments: int
    inputs: tuple[tuple[str, int], ...]


async def drift(tx: Tx, facts: Facts) -> Drift:
    """Of the payments that were judged last, against what a model learned from."""
    rows = await models_store.newest_inputs(tx, VERSION, DRIFT_OF)
    if len(rows) < FEWEST:
        return Drift(len(rows), ())
    place = {name: n for n, name in enumerate(inputs_of(VERSION))}
    found: list[tuple[str, int]] = []
    for name, _ in facts.gain[:MOST_INPUTS]:
        spread = facts.spreads.get(name)
        if spread is not None and name in place:
            n = place[name]
            found.append((name, psi(spread, shares(spread.cuts, [row[n] for row in rows]))))
    return Drift(len(rows), tuple(found))


async def health(tx: Tx, *, at: datetime) -> Health:
    """Of the champion, as alerts look at it; nothing where there is none."""
    number = (await models_store.in_force(tx)).get(Role.CHAMPION, (None, 0))[0]
    found = await models_store.models(tx, number=number) if number is not None else []
    if number is None or not found:
        return Health(None, None)
    facts = found[0].facts
    inputs = (await drift(tx, facts)).inputs[:OF_HEALTH]
    frauds, seen = await models_store.caught(tx, number, at - KNOWN_FOR, SEEN_FROM, SIDE_BY_SIDE_OF)
    promised = next((t.caught for t in facts.thresholds if t.score == SEEN_FROM), 0)
    caught = seen * 10_000 * 1_000 // (frauds * promised) if frauds >= FEWEST_FRAUDS and promised else None
    return Health(max((psi for _, psi in inputs), default=None), caught)


async def keep_health(tx: Tx, found: Health, *, at: datetime) -> None:
    """For `stance.watch`, which any process may ask."""
    await models_store.keep_health(tx, found.drift, found.caught, at)


async def side_by_side(tx: Tx) -> tuple[int, int, list[Stopped]] | None:
    """Champion, challenger, and what each would have stopped lately; None where one of them is missing."""
    held = await models_store.in_force(tx)
    if Role.CHAMPION not in held or Role.CHALLENGER not in held:
        return None
    one, other = held[Role.CHAMPION][0], held[Role.CHALLENGER][0]
    return one, other, await models_store.side_by_side(tx, one, other, SCORES, SIDE_BY_SIDE_OF)
