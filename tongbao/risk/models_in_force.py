"""The models in force, kept by a process between two looks at them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from tongbao.base.db import Tx
from tongbao.base.refusal import Refusal
from tongbao.risk import models, models_store
from tongbao.risk.in_force import LOOK
from tongbao.risk.models_model import Role
from tongbao.risk.models_score import FencedModel, Models
from tongbao.risk.models_trees import BrokenModelError, Model


class ModelsInForce:
    """One a process. A model that was left out stays so until the models change. `ticks`: nanoseconds of a steady clock."""

    def __init__(self, ticks: Callable[[], int]) -> None:
        self._ticks = ticks
        self._read_at: datetime | None = None
        self._places: dict[Role, tuple[int, int]] = {}
        self._models: Models | None = None
        self._told: list[FencedModel] = []

    async def models(self, tx: Tx, *, at: datetime) -> Models | None:
        """Read again once they are a second old, compiled anew where they have changed; None where no model has a role."""
        if self._read_at is not None and abs(at - self._read_at) < LOOK:
            return self._models
        places = await models_store.in_force(tx)
        if places != self._places:
            found = {role: (number, await _load(tx, number)) for role, (number, _) in places.items()}
            self._models = Models(found, ticks=self._ticks) if found else None
            self._places, self._told = places, []
        self._read_at = at
        return self._models

    def newly_fenced(self) -> list[FencedModel]:
        """What was left out since this was asked last: `report_models` tells of it, outside of any payment."""
        fenced = [one for one in (self._models.fenced if self._models else []) if one not in self._told]
        self._told += fenced
        return fenced


async def _load(tx: Tx, number: int) -> Model | BrokenModelError:
    try:
        return await models.load_model(tx, number)
    except BrokenModelError as error:
        return error
    except Refusal:
        return BrokenModelError("it is not there")
