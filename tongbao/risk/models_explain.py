"""Ask the models of then again: what they say of what was known then, or of what might have been, and what spoke for fraud."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final
from uuid import UUID

import msgspec

from tongbao.base.db import Tx
from tongbao.base.refusal import Refusal
from tongbao.risk import models, models_store
from tongbao.risk.models_code import compiled
from tongbao.risk.models_facts import Spread
from tongbao.risk.models_model import Role
from tongbao.risk.models_reasons import reasons
from tongbao.risk.models_trees import BrokenModelError
from tongbao.risk.ruleset import Scored

MOST: Final = 5


class Cause(msgspec.Struct, frozen=True):
    """An input and its value; `added` to the log-odds in ten-millionths, below 0 where it spoke against fraud."""

    name: str
    value: int | None
    added: int
    spread: Spread | None


class Voice(msgspec.Struct, frozen=True):
    """What a model said of a payment then, 0 to 100, and says `again`; None where it is broken or gone.

    `causes`: why it says so again; those that weigh most, the heaviest first.
    """

    role: Role
    model: int
    score: int | None
    again: int | None = None
    causes: tuple[Cause, ...] = ()


class Explained(msgspec.Struct, frozen=True):
    """`voices`: the champion of then and its challenger, as far as they said anything."""

    scored: Scored
    voices: tuple[Voice, ...] = ()


async def explain(
    tx: Tx, payment_id: UUID, otherwise: Mapping[str, int | bool | str | None] | None = None
) -> Explained | None:
    """None where risk has not looked at this payment. Takes some milliseconds for each model that gave a score.

    `otherwise`: by name, what is put in place of what was known then.
    """
    found = await models_store.scored(tx, payment_id)
    if found is None:
        return None
    scored, known = found
    values = known | {name: value for name, value in (otherwise or {}).items() if not isinstance(value, str)}
    spoke = ((Role.CHAMPION, scored.model, scored.score), (Role.CHALLENGER, scored.beside_model, scored.beside))
    voices = [await _voice(tx, role, model, score, values) for role, model, score in spoke if model is not None]
    return Explained(scored, tuple(voices))


async def _voice(tx: Tx, role: Role, number: int, score: int | None, known: Mapping[str, int | None]) -> Voice:
    try:
        model = await models.load_model(tx, number)
    except (BrokenModelError, Refusal):
        return Voice(role, number, score)
    spreads = (await models.model(tx, number)).facts.spreads
    values = [known.get(name) for name in model.inputs]
    added = reasons(model, values).added
    heaviest = sorted(added, key=lambda name: -abs(added[name]))[:MOST]
    causes = tuple(Cause(name, known.get(name), added[name], spreads.get(name)) for name in heaviest if added[name])
    return Voice(role, number, score, compiled(model, model.inputs)([values])[0], causes)
