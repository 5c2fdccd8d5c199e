"""Rules and lists in words: for their pages, and for whoever decides on a proposal."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from tongbao.base import say
from tongbao.base.approvals import Approval
from tongbao.base.db import Tx
from tongbao.base.say import Lang
from tongbao.risk import rule_store
from tongbao.risk.kind_words import unit_word
from tongbao.risk.kri_propose import SET_LIMIT
from tongbao.risk.kri_words import limit_facts
from tongbao.risk.models_propose import SET_MODEL
from tongbao.risk.models_words import model_facts
from tongbao.risk.rule_model import ListChange, RuleChange, RuleSays
from tongbao.risk.stance import EASE
from tongbao.risk.stance_words import stance_facts
from tongbao.web import i18n

_ACTION_MESSAGES: Final = {
    "approve": "let it pass",
    "challenge": "ask the payer to prove himself",
    "hold": "hold it until a person has decided",
    "deny": "refuse it",
}
_STATE_MESSAGES: Final = {
    "live": "acts",
    "shadow": "in shadow: judges, does not act",
    "raised": "acts only while risk is raised, in shadow otherwise",
    "off": "switched off",
    "waiting": "begins later",
    "ended": "ended",
}
_KIND_MESSAGES: Final = {
    "payment": "payments to shops",
    "transfer": "transfers",
}
_METHOD_MESSAGES: Final = {
    "account": "from an account",
    "qr": "by code",
    "card": "by card",
    "api": "by API",
}


def action_word(action: str, lang: Lang) -> str:
    return i18n.say(_ACTION_MESSAGES[action], lang)


def rule_state_word(state: str, lang: Lang) -> str:
    return i18n.say(_STATE_MESSAGES[state], lang)


def rule_kind_word(kind: str, lang: Lang) -> str:
    return i18n.say(_KIND_MESSAGES.get(kind, kind), lang)


def rule_method_word(method: str, lang: Lang) -> str:
    return i18n.say(_METHOD_MESSAGES.get(method, method), lang)


def scope_word(says: RuleSays, lang: Lang) -> str:
    """Which payments it looks at."""
    words = [*(rule_kind_word(k, lang) for k in says.kinds), *(rule_method_word(m, lang) for m in says.methods)]
    words += [*map(str, says.merchants), *says.countries]
    return _listed(words, lang) if words else i18n.say("every payment", lang)


def _listed(words: Sequence[str], lang: Lang) -> str:
    return ("、" if lang == "zh" else ", ").join(words)


def says_facts(says: RuleSays, zone: ZoneInfo, lang: Lang) -> list[tuple[str, str]]:
    """What a version says, fact by fact; the customer's sentence in the reader's language."""
    told, why = (says.told_zh, says.why_zh) if lang == "zh" else (says.told_en, says.why_en)
    return [
        (i18n.say("Condition", lang), says.expression),
        (i18n.say("What it does", lang), action_word(says.action, lang)),
        (i18n.say("Points", lang), str(says.points)),
        (i18n.say("State", lang), rule_state_word(says.mode, lang)),
        (i18n.say("Looks at", lang), scope_word(says, lang)),
        (i18n.say("Begins", lang), _moment(says.effective_from, zone, lang, i18n.say("its approval", lang))),
        (i18n.say("Until", lang), _moment(says.effective_until, zone, lang, i18n.say("further notice", lang))),
        (i18n.say("Reason that staff read", lang), why),
        (i18n.say("What the customer reads", lang), told or i18n.say("the general sentence", lang)),
    ]


def _moment(at: datetime | None, zone: ZoneInfo, lang: Lang, otherwise: str) -> str:
    return otherwise if at is None else say.moment(at, zone, lang)


async def rule_facts(tx: Tx, approval: Approval, zone: ZoneInfo, lang: Lang) -> list[tuple[str, str]]:
    """What a proposal about a rule, a list, a model, limits or the stance would do."""
    if approval.kind == SET_LIMIT:
        return await limit_facts(tx, approval, lang)
    if approval.kind == EASE:
        return stance_facts(lang)
    if approval.kind == SET_MODEL:
        return await model_facts(tx, approval, zone, lang)
    if approval.kind == "risk.list":
        return _list_facts(msgspec.convert(approval.payload, ListChange), zone, lang)
    change = msgspec.convert(approval.payload, RuleChange)
    before = await rule_store.versions(tx, change.rule_id, change.expected + 1, 1) if change.expected else []
    old = dict(says_facts(before[0].says, zone, lang)) if before else {}
    said = [
        (name, f"{old[name]} → {value}" if name in old and old[name] != value else value)
        for name, value in says_facts(change.says, zone, lang)
    ]
    version = i18n.say("version %(version)s", lang, version=change.expected + 1)
    return [(i18n.say("Rule", lang), f"{change.name} · {version}"), *said]


def _list_facts(change: ListChange, zone: ZoneInfo, lang: Lang) -> list[tuple[str, str]]:
    facts = [
        (i18n.say("List", lang), change.name),
        (i18n.say("Members are", lang), unit_word(change.unit, lang)),
        (i18n.say("Come in", lang), _listed(change.come, lang)),
        (i18n.say("Go out", lang), _listed(change.go, lang)),
    ]
    if change.come:
        expires = _moment(change.until, zone, lang, i18n.say("further notice", lang))
        facts.append((i18n.say("Until", lang), expires))
    return [(name, value) for name, value in facts if value]
