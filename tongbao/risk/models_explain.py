"""Explain a score that was given: what spoke for fraud, and what against it, by the model of then and what was known then."""

from __future__ import annotations

from typing import Final
from uuid import UUID

import msgspec

from tongbao.base.db import Tx
from tongbao.base.refusal import Refusal
from tongbao.risk import models, models_store
from tongbao.risk.models_code import compiled
from tongbao.risk.models_facts import Spread
from tongbao.risk.models_reasons import reasons
from tongbao.risk.models_trees import BrokenModelError
from tongbao.risk.ruleset import Scored

MOST: Final = 5


class Cause(msgspec.Struct, frozen=True):
    """An input and its value then; `added` to the log-odds in ten-millionths, below 0 where it spoke against fraud."""

    name: str
    value: int | None
    added: int
    spread: Spread | None


class Explained(msgspec.Struct, frozen=True):
    """`causes`: those that weighed most, the heaviest first. `again`: the score by the model of then, None where it is broken."""

    scored: Scored
    causes: tuple[Cause, ...] = ()
    again: int | None = None


async def explain(tx: Tx, payment_id: UUID) -> Explained | None:
    """None where risk has not looked at this payment. Takes some milliseconds where a model gave a score."""
    found = await models_store.scored(tx, payment_id)
    if found is None:
        return None
    scored, known = found
    if scored.model is None:
        return Explained(scored)
    try:
        model = await models.load_model(tx, scored.model)
    except (BrokenModelError, Refusal):
        return Explained(scored)
    spreads = (await models.model(tx, scored.model)).facts.spreads
    values = [known.get(name) for name in model.inputs]
    added = reasons(model, values).added
    heaviest = sorted(added, key=lambda name: -abs(added[name]))[:MOST]
    causes = tuple(Cause(name, known.get(name), added[name], spreads.get(name)) for name in heaviest if added[name])
    return Explained(scored, causes, compiled(model, model.inputs)([values])[0])
