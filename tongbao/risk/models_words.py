"""Models in words: for their pages, and for whoever decides on a proposal."""

from __future__ import annotations

from decimal import Decimal
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from tongbao.base import say
from tongbao.base.approvals import Approval
from tongbao.base.db import Tx
from tongbao.base.say import Lang
from tongbao.risk import models_store
from tongbao.risk.models_model import ModelChange, Registered, Role
from tongbao.web import i18n

CANDIDATE: Final = "candidate"
_ROLE_MESSAGES: Final = {
    "candidate": "candidate: does nothing",
    "champion": "champion: its score counts",
    "challenger": "challenger: judges beside the champion, does not act",
    "outlier": "outliers: says how unlike other payments one is",
    "retired": "retired",
}
_SHORT_MESSAGES: Final = {
    "candidate": "candidate",
    "champion": "champion",
    "challenger": "challenger",
    "outlier": "outliers",
    "retired": "retired",
}


def role_word(role: str, lang: Lang) -> str:
    return i18n.say(_SHORT_MESSAGES[role], lang)


def role_sentence(role: str, lang: Lang) -> str:
    return i18n.say(_ROLE_MESSAGES[role], lang)


def percent(share: int) -> Decimal:
    """Of parts of 10,000."""
    return Decimal(share).scaleb(-2)


def percent_word(value: Decimal, lang: Lang) -> str:
    return f"{value:.2f}%"


def measure_word(share: int) -> str:
    """A measure between 0 and 1, such as the area under a curve."""
    return f"{Decimal(share).scaleb(-4):.4f}"


async def model_facts(tx: Tx, approval: Approval, zone: ZoneInfo, lang: Lang) -> list[tuple[str, str]]:
    """What a proposal about a model would do, and how that model did beside the one that would make way."""
    change = msgspec.convert(approval.payload, ModelChange)
    wanted = await models_store.models(tx, number=change.model)
    before = (await models_store.in_force(tx)).get(change.role)
    facts = [
        (i18n.say("Risk model", lang), str(change.model)),
        (i18n.say("What it is there for", lang), role_sentence(change.role.value, lang)),
    ]
    for one in wanted:
        facts += figures(one, zone, lang)
    if before is not None and before[0] != change.model and change.role is not Role.RETIRED:
        facts.append((i18n.say("Makes way", lang), i18n.say("model %(number)s", lang, number=before[0])))
    return facts


def figures(model: Registered, zone: ZoneInfo, lang: Lang) -> list[tuple[str, str]]:
    """How it did on payments that came after all that it had learned from."""
    facts = model.facts
    return [
        (i18n.say("Learned until", lang), say.moment(model.trained_until, zone, lang)),
        (
            i18n.say("Learned from", lang),
            i18n.say(
                "%(payments)s payments, %(frauds)s of them fraud",
                lang,
                payments=say.count(facts.learned.payments, lang),
                frauds=say.count(facts.learned.frauds, lang),
            ),
        ),
        (
            i18n.say("Tried on", lang),
            i18n.say(
                "%(payments)s payments, %(frauds)s of them fraud",
                lang,
                payments=say.count(facts.validated.payments, lang),
                frauds=say.count(facts.validated.frauds, lang),
            ),
        ),
        (i18n.say("Area under the ROC curve", lang), measure_word(facts.auc)),
        (i18n.say("Average precision", lang), measure_word(facts.average_precision)),
    ]
