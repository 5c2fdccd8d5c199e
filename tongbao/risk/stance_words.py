"""The stance towards risk in words: for its page, for the pages that tell of it, and for whoever decides on going back."""

from __future__ import annotations

from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from tongbao.base import say
from tongbao.base.say import Lang
from tongbao.risk.kri_words import indicator_word, value_word
from tongbao.risk.stance import CALM
from tongbao.risk.stance_model import Stance, StanceSet
from tongbao.web import i18n

_MESSAGES: Final = {
    "usual": "the usual rules",
    "tightened": "rules tightened",
}
_SIGNS: Final = {Stance.USUAL: "ok", Stance.TIGHTENED: "warn"}


class StanceLine(msgspec.Struct, frozen=True):
    """`why` is empty where it was never changed."""

    is_tightened: bool
    sign: str
    word: str
    why: str
    calm: str = ""


def stance_word(stance: str, lang: Lang) -> str:
    return i18n.say(_MESSAGES[stance], lang)


def why_word(one: StanceSet, lang: Lang) -> str:
    """The indicator and what it was, or what people said."""
    if one.indicator is None:
        return one.reason or ""
    return f"{indicator_word(one.indicator, lang)} {value_word(one.indicator, one.value, lang)}"


def stance_line(now: StanceSet | None, lang: Lang, zone: ZoneInfo | None = None) -> StanceLine:
    """What stands on pages. `zone`: where it is said since when all is calm."""
    stance = now.stance if now else Stance.USUAL
    is_tightened = stance is Stance.TIGHTENED
    calm = ""
    if now and is_tightened and now.calm_since and zone:
        until = say.moment(now.calm_since + CALM, zone, lang)
        calm = i18n.say(
            "If every indicator that tightens stays within its limits, it ends on %(until)s.", lang, until=until
        )
    why = why_word(now, lang) if now else ""
    return StanceLine(is_tightened, _SIGNS[stance], stance_word(stance.value, lang), why, calm)


def stance_facts(lang: Lang) -> list[tuple[str, str]]:
    """What a proposal of going back would do."""
    before, after = (stance_word(stance.value, lang) for stance in (Stance.TIGHTENED, Stance.USUAL))
    return [(i18n.say("Stance towards risk", lang), f"{before} → {after}")]
