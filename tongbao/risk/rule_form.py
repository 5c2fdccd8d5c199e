"""The form by which a version of a rule is proposed: its fields, what stands in them, and what may be chosen."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, Final, Literal
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec

from tongbao.base.countries import is_country
from tongbao.base.say import Lang
from tongbao.risk import rule_words
from tongbao.risk.refusals import RULE_SCOPE_WRONG
from tongbao.risk.rule_model import (
    KINDS,
    METHODS,
    MOST_COUNTRIES,
    MOST_MERCHANTS,
    Action,
    Mode,
    RuleName,
    RuleSays,
    RuleVersion,
    Said,
)
from tongbao.web import i18n
from tongbao.web.forms import Form, Reason

_FIRST: Final = 2000
_LAST: Final = 2099

Local = Annotated[str, msgspec.Meta(pattern=r"^([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}(:[0-9]{2})?)?$")]
"""A moment as browsers send it, on the bank's clocks."""


Scope = Annotated[str, msgspec.Meta(max_length=5_000)]
"""Merchants or countries as they are typed: apart by lines, blanks or commas."""
_APART: Final = re.compile(r"[\s,;，、；]+")


def read_merchants(typed: str) -> tuple[UUID, ...]:
    """In their order, each once. Refuses `rule_scope_wrong`."""
    try:
        found = tuple(dict.fromkeys(UUID(word) for word in _APART.split(typed) if word))
    except ValueError:
        raise RULE_SCOPE_WRONG(field="merchants") from None
    if len(found) > MOST_MERCHANTS:
        raise RULE_SCOPE_WRONG(field="merchants")
    return found


def read_countries(typed: str) -> tuple[str, ...]:
    """In capitals, sorted, each once. Refuses `rule_scope_wrong`."""
    found = tuple(sorted({word.upper() for word in _APART.split(typed) if word}))
    if len(found) > MOST_COUNTRIES or not all(map(is_country, found)):
        raise RULE_SCOPE_WRONG(field="countries")
    return found


class RuleForm(Form, frozen=True, kw_only=True):
    """`expected`: the version that the page showed, 0 for a new rule. A kind or a method that is empty: all of them."""

    id: UUID
    expected: Annotated[int, msgspec.Meta(ge=0, lt=2**31)]
    expression: Annotated[str, msgspec.Meta(min_length=1, max_length=2_000)]
    action: Action
    points: Annotated[int, msgspec.Meta(ge=0, le=100)]
    mode: Mode
    kind: Literal["payment", "transfer"] | None = None
    method: Literal["account", "qr", "card", "api"] | None = None
    merchants: Scope = ""
    countries: Scope = ""
    effective_from: Local = ""
    effective_until: Local = ""
    why_en: Annotated[str, msgspec.Meta(min_length=3, max_length=300)]
    why_zh: Annotated[str, msgspec.Meta(min_length=3, max_length=300)]
    told_en: Said = ""
    told_zh: Said = ""
    reason: Reason

    def says(self, zone: ZoneInfo) -> RuleSays:
        """Raises ValueError for what is no moment. Refuses `rule_scope_wrong`."""
        return RuleSays(
            expression=self.expression,
            action=self.action,
            points=self.points,
            mode=self.mode,
            kinds=(self.kind,) if self.kind else (),
            methods=(self.method,) if self.method else (),
            merchants=read_merchants(self.merchants),
            countries=read_countries(self.countries),
            effective_from=moment(self.effective_from, zone),
            effective_until=moment(self.effective_until, zone),
            why_en=self.why_en,
            why_zh=self.why_zh,
            told_en=self.told_en,
            told_zh=self.told_zh,
        )


class NewRuleForm(RuleForm, frozen=True, kw_only=True):
    """Of a rule that there is not yet."""

    name: RuleName


def moment(typed: str, zone: ZoneInfo) -> datetime | None:
    """What was typed on the bank's clocks. Raises ValueError for no moment, and for one where calendars do not agree."""
    if not typed:
        return None
    at = datetime.fromisoformat(typed).replace(tzinfo=zone)
    if not _FIRST <= at.year <= _LAST:
        raise ValueError("not in this century")
    return at


def wrong_moment(typed: Mapping[str, str], zone: ZoneInfo) -> str | None:
    """The first of these fields that holds no moment."""
    for field, value in typed.items():
        try:
            moment(value, zone)
        except ValueError:
            return field
    return None


def given_of(version: RuleVersion, zone: ZoneInfo) -> dict[str, Any]:
    """What stands in the form of the next version: what holds now."""
    says = version.says
    until = says.effective_until
    return {
        "expected": version.version,
        "expression": says.expression,
        "action": says.action.value,
        "points": says.points,
        "mode": says.mode.value,
        "kind": next(iter(says.kinds), ""),
        "method": next(iter(says.methods), ""),
        **scope_given(says.merchants, says.countries),
        "effective_until": f"{until.astimezone(zone):%Y-%m-%dT%H:%M}" if until else "",
        "why_en": says.why_en,
        "why_zh": says.why_zh,
        "told_en": says.told_en,
        "told_zh": says.told_zh,
    }


def scope_given(merchants: Sequence[UUID], countries: Sequence[str]) -> dict[str, str]:
    """What stands in the fields of its scope."""
    return {"merchants": "\n".join(map(str, merchants)), "countries": " ".join(countries)}


def choices(lang: Lang) -> dict[str, Any]:
    """What the form's lists offer."""
    every = i18n.say("every payment", lang)
    return {
        "actions": [(a.value, rule_words.action_word(a.value, lang)) for a in Action],
        "modes": [(m.value, rule_words.rule_state_word(m.value, lang)) for m in Mode],
        "kinds": [("", every), *((k, rule_words.rule_kind_word(k, lang)) for k in KINDS)],
        "methods": [("", every), *((m, rule_words.rule_method_word(m, lang)) for m in METHODS)],
    }
