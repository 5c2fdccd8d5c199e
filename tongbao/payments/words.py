"""What pages and files call a payment's states, methods, kinds and refusals, in both languages."""

from __future__ import annotations

from typing import Final

from tongbao.base.say import Lang
from tongbao.payments import refusals as no

Words = dict[str, tuple[str, str]]

STATES: Final[Words] = {
    "created": ("on its way", "处理中"),
    "challenged": ("waits for the payer", "待付款人确认"),
    "held": ("waits for review", "待人工审核"),
    "authorised": ("authorised", "已授权"),
    "unknown": ("being found out", "结果待核实"),
    "completed": ("paid", "支付成功"),
    "declined": ("declined", "已拒绝"),
    "cancelled": ("cancelled", "已取消"),
    "expired": ("expired", "已过期"),
}
METHODS: Final[Words] = {
    "account": ("account", "账户"),
    "qr": ("QR code", "扫码"),
    "card": ("card", "银行卡"),
    "api": ("API", "接口"),
}
KINDS: Final[Words] = {
    "payment": ("payment", "付款"),
    "transfer": ("transfer", "转账"),
    "topup": ("top-up", "充值"),
    "salary": ("salary", "代发工资"),
}


CATEGORIES: Final[Words] = {
    "noodles": ("noodle shops", "面馆"),
    "restaurant": ("restaurants", "饭店"),
    "breakfast": ("breakfast", "早点"),
    "tea": ("tea and drinks", "茶饮"),
    "supermarket": ("supermarkets", "超市"),
    "convenience": ("convenience stores", "便利店"),
    "market": ("food markets", "菜市场"),
    "pharmacy": ("pharmacies", "药店"),
    "clothing": ("clothing", "服装"),
    "electronics": ("electronics", "数码"),
    "books": ("books", "图书"),
    "cinema": ("cinema", "电影"),
    "metro": ("public transport", "公共交通"),
    "charging": ("charging a car", "充电"),
    "utilities": ("water, power and gas", "水电燃气"),
    "other": ("other shops", "其他商户"),
}
"""What a month's bill calls kinds of shops."""

LINES: Final[Words] = {
    "waiting": ("waits", "待处理"),
    "skipped": ("left out", "已跳过"),
    "paid": ("paid", "已支付"),
    "failed": ("not paid", "未支付"),
}


def line_word(state: str, lang: Lang) -> str:
    """Of a line of a payroll."""
    return _word(LINES, state, lang)


def state_word(state: str, lang: Lang) -> str:
    return _word(STATES, state, lang)


def method_word(method: str, lang: Lang) -> str:
    return _word(METHODS, method, lang)


def kind_word(kind: str, lang: Lang) -> str:
    return _word(KINDS, kind, lang)


def known_category(category: str) -> str:
    """`other` for a category that has no word; kinds of payments are categories too."""
    return category if category in CATEGORIES or category in KINDS else "other"


def category_word(category: str, lang: Lang) -> str:
    """Of a known category."""
    return _word(KINDS if category in KINDS else CATEGORIES, category, lang)


def refusal_word(code: str, lang: Lang) -> str:
    """The sentence of a refusal, as its payer is told it; the code where the bank no longer knows it."""
    kind = no.BY_CODE.get(code)
    return code if kind is None else kind.zh if lang == "zh" else kind.en


def _word(words: Words, value: str, lang: Lang) -> str:
    en, zh = words.get(value, (value, value))
    return zh if lang == "zh" else en
