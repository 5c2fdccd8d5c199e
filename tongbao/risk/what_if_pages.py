"""What if a value had been another, or a threshold: which rules a past payment would have met then."""

from __future__ import annotations

from typing import Any, Final

from litestar import get
from litestar.handlers import HTTPRouteHandler

from tongbao.base.say import Lang
from tongbao.risk.catalogue import NAMES, sentence
from tongbao.risk.expression_error import ExpressionError
from tongbao.risk.expression_model import Kind, Sort, Unit
from tongbao.risk.expression_text import LONGEST
from tongbao.risk.models_reason_words import for_and_against, value_word
from tongbao.risk.models_words import role_word
from tongbao.risk.replay_model import Past
from tongbao.risk.rule_words import action_word, rule_state_word
from tongbao.risk.what_if import Known, WhatIf, past_decision, read_value, what_if
from tongbao.web import forms, i18n, pages, tables
from tongbao.web.forms import Filled
from tongbao.web.listing import Linked, Listing, Marked
from tongbao.web.pages import Page, PageRequest
from tongbao.web.site import Db, Id, Now, visitor
from tongbao.web.tables import Column

_PLACES: Final = (1, 2, 3)
_LONGEST: Final = 200
_MEETS_MESSAGES: Final = {"met": "met", "unmet": "not met"}


def _meets_word(state: str, lang: Lang) -> str:
    return i18n.say(_MEETS_MESSAGES[state], lang)


RULES: Final = (
    Column("rule", "Rule", "规则"),
    Column("mode", "State", "状态", words=rule_state_word),
    Column("action", "What it does", "处置", words=action_word),
    Column("points", "Points", "分值", tables.COUNT),
    Column("before", "As it was", "当时", words=_meets_word),
    Column("after", "With the changes", "更改后", words=_meets_word),
)
MODELS: Final = (
    Column("model", "Model", "模型"),
    Column("role", "What it is there for", "用途", words=role_word),
    Column("before", "As it was", "当时", tables.COUNT),
    Column("after", "With the changes", "更改后", tables.COUNT),
)
CHANGES: Final = (
    Column("name", "Name", "名称"),
    Column("sentence", "What it says", "含义"),
    Column("before", "As it was", "当时"),
    Column("after", "With the changes", "更改后"),
)


@get("/staff/risk/payments/{id:uuid}/what-if", guards=[visitor("staff", "risk:read")], include_in_schema=False)
async def what_if_page(request: PageRequest, db: Db, id: Id, clock: Now) -> Page:
    """Everything stands in the address: it can be sent to a colleague, and nothing is stored."""
    given = {name: typed[:LONGEST] for name, typed in request.query_params.items()}
    lang = pages.language(request)
    async with db.read() as tx:
        past = await past_decision(tx, id)
        changes, errors = _changes(given, past.currency, lang)
        condition = given.get("condition", "")
        try:
            found = await what_if(
                tx, past, changes, condition=condition, instead_of=given.get("rule", ""), at=clock.now()
            )
        except ExpressionError as error:
            errors["condition"] = error.said(lang)
            found = await what_if(tx, past, changes, at=clock.now())
    return pages.show(
        request, "risk/what_if.html", status=422 if errors else 200, **_shown(found, changes, given, errors, lang)
    )


def _changes(given: dict[str, str], currency: str, lang: Lang) -> tuple[dict[str, Known], dict[str, str]]:
    """What is changed, by name; and what is wrong, by field."""
    changes: dict[str, Known] = {}
    errors: dict[str, str] = {}
    for place in _PLACES:
        name, typed = given.get(f"name{place}", ""), given.get(f"value{place}", "")[:_LONGEST]
        if not name:
            continue
        try:
            changes[name] = read_value(name, typed, currency)
        except (KeyError, ExpressionError):
            example = _example(NAMES[name], currency) if name in NAMES else "payer_count_10m"
            errors[f"value{place}"] = i18n.say(
                "This is no value of that name. Write it such as %(example)s, or nothing where it is to be missing.",
                lang,
                example=example,
            )
    return changes, errors


def _example(kind: Kind, currency: str) -> str:
    if kind.sort is Sort.BOOL:
        return "true"
    if kind.sort is Sort.TEXT:
        return "qr"
    return {Unit.MONEY: f"500.00 {currency}", Unit.SECONDS: "10 minutes"}.get(kind.unit, "5")


def _shown(
    found: WhatIf, changes: dict[str, Known], given: dict[str, str], errors: dict[str, str], lang: Lang
) -> dict[str, Any]:
    values = found.past.values()
    return {
        "found": found,
        "action_before": action_word(found.before.action.value, lang),
        "action_after": action_word(found.after.action.value, lang),
        "table": Listing(columns=RULES, rows=_rules(found), empty=i18n.say("No rule was in force.", lang)),
        "changed": Listing(
            columns=CHANGES,
            rows=[
                (
                    name,
                    sentence(name, lang),
                    _said(name, values.get(name), found.past, lang),
                    _said(name, to, found.past, lang),
                )
                for name, to in changes.items()
            ],
        ),
        "models": Listing(columns=MODELS, rows=_models(found, lang)),
        "voices": [(voice, *for_and_against(voice.causes, found.past.currency, lang)) for voice in found.voices],
        "is_gone": any(voice.again is None for voice in found.voices),
        "meets": [_meets_word("met" if is_met else "unmet", lang) for is_met in found.typed_meets or ()],
        "form": Filled(None, given, errors) if given else forms.blank(),
        "names": [("", i18n.say("nothing", lang)), *((name, name) for name in NAMES)],
        "rules": [("", i18n.say("no rule: for itself", lang)), *((rule.name, rule.name) for rule in found.rules)],
        "places": _PLACES,
    }


def _rules(found: WhatIf) -> list[tuple[Any, ...]]:
    """Those first whose word has changed."""
    before = {hit.name for hit in found.before.hits}
    after = {hit.name for hit in found.after.hits}
    versions = sorted(found.rules, key=lambda rule: (rule.name in before) == (rule.name in after))
    return [
        (
            Linked(rule.name, f"/staff/risk/rules/{rule.rule_id}"),
            Marked(rule.says.mode.value),
            rule.says.action.value,
            rule.says.points,
            Marked("met" if rule.name in before else "unmet"),
            Marked("met" if rule.name in after else "unmet"),
        )
        for rule in versions
    ]


def _models(found: WhatIf, lang: Lang) -> list[tuple[Any, ...]]:
    return [
        (
            Linked(i18n.say("model %(number)s", lang, number=voice.model), f"/staff/risk/models/{voice.model}"),
            voice.role.value,
            voice.score,
            voice.again,
        )
        for voice in found.voices
    ]


def _said(name: str, value: Known, past: Past, lang: Lang) -> str:
    if value is None:
        return i18n.say("missing", lang)
    if isinstance(value, str):
        return value
    return value_word(name, value, past.currency, lang) or ""


ROUTES: Final[tuple[HTTPRouteHandler, ...]] = (what_if_page,)
