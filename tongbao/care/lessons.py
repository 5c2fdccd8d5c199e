"""The lesson: cases that are answered, each as often as somebody wants; the last answer counts."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Final
from uuid import UUID

from tongbao.base.db import Tx
from tongbao.base.principal import Principal
from tongbao.care import refusals as no
from tongbao.care import tip_store as store
from tongbao.care.help import MAY_READ
from tongbao.care.lesson_cases import CASE_MESSAGES
from tongbao.care.tip_model import Awareness

_FAIR: Final = 5
_HIGH: Final = 7
"""Of eight cases, answered rightly."""


async def answer(tx: Tx, principal: Principal, case_no: int, choice: int, *, at: datetime) -> bool:
    """Whether it was right. Cases and choices count from 1. Refuses `case_unknown`, `choice_unknown`."""
    if not 1 <= case_no <= len(CASE_MESSAGES):
        raise no.CASE_UNKNOWN()
    case = CASE_MESSAGES[case_no - 1]
    if not 1 <= choice <= len(case.choices):
        raise no.CHOICE_UNKNOWN(field="choice")
    assert principal.subject_id is not None
    is_right = choice == case.right
    await store.answer_case(tx, principal.subject_id, case_no, choice, at, is_right=is_right)
    return is_right


async def answers_of(tx: Tx, customer_id: UUID) -> dict[int, int]:
    """What he chose, by case."""
    return {case_no: choice for _, case_no, choice, _ in await store.answers(tx, [customer_id])}


def level_of(chosen: dict[int, int]) -> Awareness:
    """Nothing is known of whoever has not answered all of them."""
    if len(chosen) < len(CASE_MESSAGES):
        return Awareness.NONE
    right = score(chosen)
    return Awareness.HIGH if right >= _HIGH else Awareness.FAIR if right >= _FAIR else Awareness.LOW


def score(chosen: dict[int, int]) -> int:
    return sum(
        CASE_MESSAGES[case_no - 1].right == choice
        for case_no, choice in chosen.items()
        if case_no <= len(CASE_MESSAGES)
    )


async def awareness(tx: Tx, ids: Iterable[UUID]) -> dict[UUID, Awareness]:
    """How well these customers know the tricks, all of them in one statement."""
    wanted = list(ids)
    chosen: dict[UUID, dict[int, int]] = {id_: {} for id_ in wanted}
    for customer_id, case_no, choice, _ in await store.answers(tx, wanted):
        chosen[customer_id][case_no] = choice
    return {id_: level_of(of_him) for id_, of_him in chosen.items()}


async def counts(tx: Tx, principal: Principal) -> list[tuple[int, int, int]]:
    """By case: how many answered it, and rightly. Refuses `permission_missing`."""
    principal.require(MAY_READ)
    found = {number: (number, many, right) for number, many, right in await store.lesson_counts(tx)}
    return [found.get(number, (number, 0, 0)) for number in range(1, len(CASE_MESSAGES) + 1)]


__all__ = ["CASE_MESSAGES", "answer", "answers_of", "awareness", "counts", "level_of", "score"]
