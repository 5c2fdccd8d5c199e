"""What sort of thing a name stands for, in words."""

from __future__ import annotations

from typing import Final

from tongbao.base.say import Lang
from tongbao.risk.expression_model import Kind, Sort, Unit
from tongbao.web import i18n

_UNIT_MESSAGES: Final = {
    Unit.ACCOUNT: "account",
    Unit.DEVICE: "device",
    Unit.MONEY: "amount",
    Unit.SECONDS: "span of time",
}
_SORT_MESSAGES: Final = {Sort.INT: "number", Sort.BOOL: "condition, true or false", Sort.TEXT: "text"}


def kind_word(kind: Kind, lang: Lang) -> str:
    return i18n.say(_UNIT_MESSAGES.get(kind.unit) or _SORT_MESSAGES[kind.sort], lang)


def unit_word(unit: str, lang: Lang) -> str:
    """What the members of a list are."""
    return kind_word(Kind(Sort.TEXT, Unit(unit)), lang)
