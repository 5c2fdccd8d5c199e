"""The registry of models: keep one that was trained, read one that is meant, and what there is."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from tongbao.base import audit
from tongbao.base.db import Tx
from tongbao.base.principal import SYSTEM
from tongbao.risk import models_store, models_trees
from tongbao.risk import refusals as no
from tongbao.risk.models_facts import Facts
from tongbao.risk.models_model import Registered, Role, RoleHeld
from tongbao.risk.models_trees import BrokenModelError, Model

MOST_ROLES: Final = 50
MOST_NUMBER: Final = 2**31 - 1


async def register_model(tx: Tx, model: Model, facts: Facts, *, until: datetime, at: datetime) -> int:
    """Its number, as a candidate; one that is known already keeps its own. Raises BrokenModelError.

    `until`: it learned from what was known at that moment.
    """
    artefact = models_trees.write(model)
    if len(artefact) > models_trees.LARGEST_BYTES:
        raise BrokenModelError("it is too large")
    sha256 = models_trees.hash_of(artefact)
    number = None
    for _ in range(2):  # two at the same moment may have asked for the same number
        number = await models_store.add_model(tx, artefact, sha256, model.catalogue, facts, until, at)
        if number is not None:
            said = {"sha256": sha256.hex(), "auc": facts.auc, "average_precision": facts.average_precision}
            await audit.record(tx, SYSTEM, "risk.model_trained", str(number), at=at, details=said)
            return number
        number = await models_store.of_hash(tx, sha256)
        if number is not None:
            return number
    raise no.MODEL_CHANGED()


async def load_model(tx: Tx, number: int) -> Model:
    """Its trees, checked against their hash. Refuses `model_unknown`. Raises BrokenModelError."""
    found = await models_store.artefact(tx, number)
    if found is None:
        raise no.MODEL_UNKNOWN()
    return models_trees.read(*found)


async def model(tx: Tx, number: int) -> Registered:
    """Refuses `model_unknown`."""
    found = await models_store.models(tx, number=number) if 1 <= number <= MOST_NUMBER else []
    if not found:
        raise no.MODEL_UNKNOWN()
    return found[0]


async def models(tx: Tx, *, below: int | None = None, most: int = 50) -> list[Registered]:
    """Newest first, from below one on."""
    return await models_store.models(tx, below=below, most=min(most, 1_000))


async def roles(tx: Tx) -> list[RoleHeld]:
    """What models were there for, newest first, 50 at most."""
    return await models_store.roles(tx, MOST_ROLES)


async def champion(tx: Tx) -> int | None:
    found = (await models_store.in_force(tx)).get(Role.CHAMPION)
    return found[0] if found else None
