"""What pages and files call what is cleared and settled, in both languages."""

from __future__ import annotations

from typing import Final

from tongbao.base.say import Lang

Words = dict[str, tuple[str, str]]

STATES: Final[Words] = {
    "drawn": ("being cleared", "清算中"),
    "cleared": ("to be paid out", "待结算"),
    "pending": ("to be paid out", "待结算"),
    "settled": ("paid out", "已结算"),
    "carried": ("carried forward", "已结转"),
    "suspense": ("kept by the bank", "已转入待处理款项"),
    "counter": ("the bank's side", "银行方"),
}
BATCH_STATES: Final[Words] = {
    "drawn": ("being cleared", "清算中"),
    "cleared": ("cleared", "已清算"),
    "settled": ("settled", "已结算"),
}
KINDS: Final[Words] = {
    "merchant": ("merchant", "商户"),
    "fee_income": ("fee income", "手续费收入"),
    "acquirer": ("acquirer", "收单机构"),
}
STEPS: Final[Words] = {
    "expire": ("expiry", "过期处理"),
    "close": ("close", "关闭营业日"),
    "trial_balance": ("trial balance", "试算平衡"),
    "clear": ("clearing", "清算"),
    "settle": ("settlement", "结算"),
}
MOVES: Final[Words] = {
    "capture": ("sale", "收款"),
    "confirm": ("sale", "收款"),
    "refund": ("refund", "退款"),
    "cover": ("put in for a refund", "补足退款"),
}


def state_word(state: str, lang: Lang) -> str:
    """Of a settlement."""
    return _word(STATES, state, lang)


def batch_state_word(state: str, lang: Lang) -> str:
    return _word(BATCH_STATES, state, lang)


def kind_word(kind: str, lang: Lang) -> str:
    """Of a participant."""
    return _word(KINDS, kind, lang)


def step_word(step: str, lang: Lang) -> str:
    """Of the end of a day."""
    return _word(STEPS, step, lang)


def move_word(kind: str, lang: Lang) -> str:
    """Of a movement on a merchant's takings."""
    return _word(MOVES, kind, lang)


def _word(words: Words, value: str, lang: Lang) -> str:
    en, zh = words.get(value, (value, value))
    return zh if lang == "zh" else en
