"""Score payments by the models in force: the champion, whose score counts, the challenger beside it, and how odd they are.

A model that throws or is slow is left out until the models change; payments go on by the points of the rules alone, and each
assessment says so. Nothing is told here: `fenced` says what there is to tell, and `report` tells it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, Final

import msgspec

from tongbao.base import audit, metrics
from tongbao.base.db import Tx
from tongbao.base.principal import SYSTEM
from tongbao.risk.expression_code import Row
from tongbao.risk.models_code import Scored as Scoring
from tongbao.risk.models_code import compiled
from tongbao.risk.models_model import Role
from tongbao.risk.models_trees import BrokenModelError, Model
from tongbao.risk.ruleset import COLUMNS, SCORES_AT, Judged, Ruleset, Scored, row

MOST_THROWN: Final = 3
"""Batches in which a model may throw."""
SLOWEST_NS: Final = 100_000
"""Nanoseconds a row from which on a batch counts as slow, ten times what a model may cost."""
MOST_SLOW: Final = 5
"""Batches one after the other in which a model may be slow: a machine that stumbles once is not the model's fault."""
BROKEN: Final = "broken"
SLOW: Final = "slow"


class FencedModel(msgspec.Struct, frozen=True):
    """A model that was left out. `cause`: `broken` or `slow`."""

    model: int
    role: Role
    cause: str


class _Running:
    """One model, as long as it behaves. `fault` says why it is left out."""

    def __init__(self, number: int, model: Model | BrokenModelError, ticks: Callable[[], int]) -> None:
        self.number = number
        self.fault: str | None = None
        self._ticks = ticks
        self._thrown = self._slow = 0
        self._score: Scoring | None = None
        try:
            if isinstance(model, BrokenModelError):
                raise model
            self._score = compiled(model, COLUMNS)
        except (BrokenModelError, KeyError, SyntaxError, RecursionError, MemoryError):
            self.fault = BROKEN

    def score_all(self, rows: Sequence[Row]) -> tuple[Sequence[int] | None, str | None]:
        """The score of each row; or none, and why."""
        if self.fault or self._score is None:
            return None, self.fault
        began = self._ticks()
        try:
            found = self._score(rows)
        except Exception:  # whatever a model does, payments go on
            self._thrown += 1
            if self._thrown >= MOST_THROWN:
                self.fault = BROKEN
            return None, BROKEN
        self._slow = self._slow + 1 if self._ticks() - began > SLOWEST_NS * len(rows) else 0
        if self._slow >= MOST_SLOW:
            self.fault = SLOW
        return found, None


class Models:
    """Champion, challenger and who tells outliers, compiled once. One of it serves a process until they change; none has no champion either.

    `found`: by role the model's number with its trees, or with what is wrong with them.
    """

    def __init__(
        self,
        found: dict[Role, tuple[int, Model | BrokenModelError]],
        *,
        ticks: Callable[[], int],
    ) -> None:
        self._running = {role: _Running(number, model, ticks) for role, (number, model) in found.items()}

    @property
    def fenced(self) -> list[FencedModel]:
        """Those that are left out now."""
        return [FencedModel(r.number, role, r.fault) for role, r in self._running.items() if r.fault]

    def score_all(self, rows: Sequence[Row]) -> list[Scored]:
        """Of each payment of a batch, in its order; values stand in the order of `COLUMNS`."""
        scores: Sequence[int | None] | None = None
        others: Sequence[int | None] | None = None
        champion, challenger = self._running.get(Role.CHAMPION), self._running.get(Role.CHALLENGER)
        number = other = fault = None
        if champion is not None:
            scores, fault = champion.score_all(rows)
            number = champion.number if scores is not None else None
        if challenger is not None:
            others, _ = challenger.score_all(rows)
            other = challenger.number if others is not None else None
        outlier = self._running.get(Role.OUTLIER)
        odd = outlier.score_all(rows)[0] if outlier is not None else None
        nothing = [None] * len(rows)
        return [
            Scored(score, number, fault, beside, other, unlike)
            for score, beside, unlike in zip(scores or nothing, others or nothing, odd or nothing, strict=True)
        ]


def judge_all(
    rules: Ruleset, models: Models | None, says: Sequence[dict[str, Any]], features: Sequence[Sequence[int | None]]
) -> list[Judged]:
    """What models and rules say of payments: what each one says itself, by name, and its features in the order of the catalogue.

    Models come first: rules may ask for the champion's score and the outliers', which are put among what the payment says.
    """
    rows = [row(own, seen) for own, seen in zip(says, features, strict=True)]
    if models is None:
        return rules.judge_all(rows)
    scored = models.score_all(rows)
    for own, one in zip(says, scored, strict=True):
        own["model_score"], own["odd_score"] = one.score, one.odd
    judged = rules.judge_all(
        [(*r[:SCORES_AT], one.score, one.odd, *r[SCORES_AT + 2 :]) for r, one in zip(rows, scored, strict=True)]
    )
    return [Judged(j.hits, j.action, j.points, one) for j, one in zip(judged, scored, strict=True)]


async def report_models(tx: Tx, fenced: Sequence[FencedModel], *, at: datetime) -> None:
    """Writes down which models were left out and why, for the audit; and counts them, for alerts."""
    for one in fenced:
        metrics.MODELS_FENCED.labels(one.cause).inc()
        said = {"role": one.role.value, "cause": one.cause}
        await audit.record(tx, SYSTEM, "risk.model_fenced", str(one.model), at=at, details=said)
