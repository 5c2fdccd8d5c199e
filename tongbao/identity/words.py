"""What pages call the levels of customers, what became of a verification, and who has read what, in both languages."""

from __future__ import annotations

from typing import Final

from tongbao.base.say import Lang
from tongbao.identity.model import Role
from tongbao.web import i18n

LEVELS: Final[dict[int, tuple[str, str]]] = {
    0: ("level 0: not verified", "零级（未核实身份）"),
    1: ("level 1: verified by name and number", "一级（姓名与号码已核实）"),
    2: ("level 2: documents seen", "二级（已核验证件）"),
    3: ("level 3: seen at the counter", "三级（柜面核实）"),
}
VERIFICATIONS: Final[dict[str, tuple[str, str]]] = {
    "asked": ("being verified", "核实中"),
    "pending": ("being verified", "核实中"),
    "verified": ("verified", "已核实"),
    "mismatch": ("name and number do not match", "姓名与号码不一致"),
    "failed": ("could not be verified", "未能核实"),
}


def level_word(level: int, lang: Lang) -> str:
    """How well the bank knows a customer."""
    return _of(LEVELS[level], lang)


def verification_word(state: str, lang: Lang) -> str:
    return _of(VERIFICATIONS[state], lang)


def _of(pair: tuple[str, str], lang: Lang) -> str:
    return pair[1] if lang == "zh" else pair[0]


READER_MESSAGES: Final = {
    "staff": "staff",
    "bank": "a key of the bank",
    "merchant": "a merchant",
    "partner": "a partner",
    "customer": "a customer",
    "system": "the bank itself",
}
READING_MESSAGES: Final = {"read": "read", "erase": "erased"}
DATUM_MESSAGES: Final = {
    "name": "name",
    "phone": "telephone number",
    "id_number": "identity number",
    "message": "message",
    "secret": "secret",
    "card": "card number",
}


def reader_word(kind: str, lang: Lang) -> str:
    """Who has read personal data."""
    return i18n.say(READER_MESSAGES[kind], lang)


def reading_word(verb: str, lang: Lang) -> str:
    return i18n.say(READING_MESSAGES[verb], lang)


def datum_word(kind: str, lang: Lang) -> str:
    """What of a person was read."""
    return i18n.say(DATUM_MESSAGES[kind], lang)


ROLE_MESSAGES: Final = {
    Role.OPERATOR: "Operator",
    Role.ACCOUNTANT: "Accountant",
    Role.AUDITOR: "Auditor",
    Role.ADMIN: "Administrator",
}
_KEY_KINDS: Final = {"bank": ("bank", "银行"), "merchant": ("merchant", "商户"), "partner": ("partner", "合作方")}


def role_word(role: Role, lang: Lang) -> str:
    return i18n.say(ROLE_MESSAGES[role], lang)


def key_kind_word(kind: str, lang: Lang) -> str:
    """Whose an API key is."""
    return _of(_KEY_KINDS[kind], lang)
