"""What statements and pages call the reasons for which money moves, in both languages."""

from __future__ import annotations

from typing import Final

from tongbao.base.say import Lang

KINDS: Final[dict[str, tuple[str, str]]] = {
    "payment": ("payment", "付款"),
    "transfer": ("transfer", "转账"),
    "topup": ("top-up", "充值"),
    "salary": ("salary", "代发工资"),
    "capture": ("capture", "请款"),
    "refund": ("refund", "退款"),
    "clearing": ("clearing", "清算"),
    "settlement": ("settlement", "结算"),
    "unmatched": ("not matched yet", "待处理款项"),
    "reversal": ("reversal", "冲正"),
    "journal": ("journal", "记账凭证"),
    "import.cash": ("cash", "现金"),
    "import.card": ("card withdrawal", "银行卡取现"),
    "import.other_bank": ("other bank", "跨行转账"),
    "import.interest": ("interest", "利息"),
    "import.penalty_interest": ("penalty interest", "罚息"),
    "import.fee": ("fee", "手续费"),
    "import.unexplained": ("suspense", "待处理款项"),
}
"""By the kind of a transfer; whoever posts one of another kind says here what people call it."""


CLASSES: Final[dict[str, tuple[str, str]]] = {
    "asset": ("asset", "资产"),
    "liability": ("liability", "负债"),
    "equity": ("equity", "权益"),
    "income": ("income", "收入"),
    "expense": ("expense", "支出"),
    "memo": ("memo", "备查"),
}
"""By the class of a general-ledger line."""


def kind_word(kind: str, lang: Lang) -> str:
    """What a transfer of this kind is called; its own name where nobody has said."""
    return _word(KINDS, kind, lang)


def class_word(gl_class: str, lang: Lang) -> str:
    """What a class of general-ledger lines is called."""
    return _word(CLASSES, gl_class, lang)


def _word(words: dict[str, tuple[str, str]], value: str, lang: Lang) -> str:
    en, zh = words.get(value, (value, value))
    return zh if lang == "zh" else en
