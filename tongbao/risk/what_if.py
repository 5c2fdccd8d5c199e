"""Judge a past payment as if something about it, or a rule, had been otherwise. Nothing is stored."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec

from tongbao.base.db import Tx
from tongbao.risk import refusals as no
from tongbao.risk import replay_store, rule_store
from tongbao.risk.catalogue import NAMES
from tongbao.risk.expression import check
from tongbao.risk.expression_code import compiled
from tongbao.risk.expression_error import ExpressionError
from tongbao.risk.expression_model import Compare, Name, Not, Sort, Unit, Value
from tongbao.risk.models_explain import Voice, explain
from tongbao.risk.models_model import Role
from tongbao.risk.replay import in_force_under
from tongbao.risk.replay_model import Past
from tongbao.risk.rule_model import RuleVersion
from tongbao.risk.rules import check_rule
from tongbao.risk.ruleset import COLUMNS, Judged, Ruleset, Scored, Under

_PLAIN_AMOUNT: Final = re.compile(r"[0-9][0-9,]*(\.[0-9]+)?")
_NEWEST: Final = 2**31 - 1
Known = int | bool | str | None


class WhatIf(msgspec.Struct, frozen=True, kw_only=True):
    """`rules` judged then, or judge now where `is_of_then` is false; `before` and `after` are what they say; `changed` has the condition
    that was typed in place of one. `typed_meets`: whether a condition meets it that was typed for no rule, before and after.
    `voices`: what the models of then say; rules and `after` go by what the champion says now, unless its score was changed itself.
    """

    past: Past
    is_of_then: bool
    rules: list[RuleVersion]
    before: Judged
    after: Judged
    typed_meets: tuple[bool, bool] | None
    voices: tuple[Voice, ...] = ()


def read_value(name: str, typed: str, currency: str) -> Known:
    """What was typed for a name: as in a condition, but an amount may lack its currency and a text its marks; empty or null: missing.

    Raises ExpressionError for what is no value of that name.
    """
    kind, said = NAMES[name], typed.strip()
    if not said or said.lower() == "null":
        return None
    if kind.sort is Sort.TEXT:
        said = "'" + said.strip("'").replace("'", "''") + "'"
    elif kind.unit is Unit.MONEY and _PLAIN_AMOUNT.fullmatch(said):
        said = f"{said} {currency}"
    match check(f"{name} = {said}", NAMES).root:
        case Compare("=", Name(found), Value(value, _, in_currency)) if found == name and in_currency in (
            None,
            currency,
        ):
            return value
        case Name(found) if found == name:
            return True
        case Not(Name(found)) if found == name:
            return False
        case _:
            raise ExpressionError("values_only", 0, source=typed)


async def past_decision(tx: Tx, id: UUID) -> Past:
    """Refuses `assessment_unknown`."""
    found = await replay_store.past(tx, [id])
    if not found:
        raise no.ASSESSMENT_UNKNOWN()
    return found[0]


async def what_if(
    tx: Tx, past: Past, changes: Mapping[str, Known], *, condition: str = "", instead_of: str = "", at: datetime
) -> WhatIf:
    """By the rules that judged it; by those of now where that was not remembered. By the models that gave it a score, which are asked
    again; a score by which others are more usual stays as it was.

    `condition` stands in place of the rule `instead_of`, or for itself. Raises ExpressionError where it cannot be used.
    """
    under = past.under or Under(await rule_store.newest_change(tx), at)
    versions, units, members = await in_force_under(tx, under)
    values = past.values()
    explained = await explain(tx, past.id, changes)
    scored = explained.scored if explained else None
    voices = explained.voices if explained else ()
    changed = _heard(voices) | dict(changes)
    row = tuple(values.get(name) for name in COLUMNS)
    other = tuple((values | changed).get(name) for name in COLUMNS)
    replaced, meets = versions, None
    if condition.strip():
        typed = [_with(version, condition) if version.name == instead_of else version for version in versions]
        test = compiled(check(condition, NAMES, units), COLUMNS, members)
        for version in typed:
            check_rule(version.says, units)
        replaced = typed
        meets = (test(row), test(other)) if typed == versions else None
    return WhatIf(
        past=past,
        is_of_then=past.under is not None,
        rules=versions,
        before=_with_score(Ruleset(versions, units, members, ticks=int).judge(row), scored, {}),
        after=_with_score(Ruleset(replaced, units, members, ticks=int).judge(other), scored, changed),
        typed_meets=meets,
        voices=voices,
    )


def _heard(voices: Sequence[Voice]) -> dict[str, Known]:
    """What the champion says now, for the rules that ask for it."""
    said = next((one.again for one in voices if one.role is Role.CHAMPION), None)
    return {} if said is None else {"model_score": said}


def _with_score(judged: Judged, scored: Scored | None, changed: Mapping[str, Known]) -> Judged:
    if scored is None:
        return judged
    score = changed.get("model_score", scored.score)
    return msgspec.structs.replace(judged, scored=msgspec.structs.replace(scored, score=score))


def _with(version: RuleVersion, condition: str) -> RuleVersion:
    return msgspec.structs.replace(version, says=msgspec.structs.replace(version.says, expression=condition))
