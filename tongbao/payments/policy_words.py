"""Why a payer is asked to prove himself, in words: to staff, who read what was found, and to the payer himself."""

from __future__ import annotations

from typing import Final

from tongbao.base.say import Lang

_FOUND: Final[dict[str, tuple[str, str]]] = {
    "small": ("a small amount on a known device", "已知设备上的小额付款"),
    "new_payee": ("a payee whom this account has not paid before", "首次向该收款人付款"),
    "unknown_device": ("a device that is not known yet", "设备尚未确认"),
    "level": ("the bank knows the payer little", "付款人身份核实级别较低"),
    "above_none": ("more than is paid without being asked", "超过免验证单笔限额"),
    "day_above_none": ("more in a day than is paid without being asked", "超过免验证当日累计限额"),
    "above_one": ("more than one way is enough for", "超过单一验证单笔限额"),
    "day_above_one": ("more in a day than one way is enough for", "超过单一验证当日累计限额"),
    "foreign_currency": ("not in CNY", "非人民币付款"),
    "odd_amount": ("far more than the payer usually pays", "金额明显高于平常"),
    "night": ("at an unusual hour", "在非常用时段付款"),
    "factors_changed": ("the payer's ways to prove himself were changed lately", "近期更改过验证方式"),
    "risk": ("the risk was found to be high", "风险评分较高"),
    "takeover": (
        "much money, from a device that is not known, after the ways to prove oneself were changed",
        "更改验证方式后，在未确认的设备上大额付款",
    ),
    "absurd_amount": ("more than anybody may pay this way", "超过线上付款最高金额"),
    "family": ("the payer's trusted person is to agree", "须亲友确认"),
}
_WAYS: Final[dict[int, tuple[str, str]]] = {
    0: ("nothing is asked for", "无需验证"),
    1: ("one way", "须单一验证"),
    2: ("two different ways", "须双重验证"),
}
_ASKED: Final[dict[str, tuple[str, str]]] = {
    "new_payee": ("You have not paid this payee before.", "您此前未向该收款人付过款。"),
    "unknown_device": ("You pay from a device that the bank does not know yet.", "您正在使用银行尚未确认的设备。"),
    "level": ("The bank does not know you well yet.", "您的身份核实级别较低。"),
    "above_none": ("The amount is not small.", "本笔金额较大。"),
    "day_above_none": ("Together with today's payments it is no small amount.", "今日累计付款金额较大。"),
    "above_one": ("The amount is large.", "本笔金额超过单一验证限额。"),
    "day_above_one": ("Together with today's payments it is a large amount.", "今日累计付款超过单一验证限额。"),
    "foreign_currency": ("It is not paid in CNY.", "本笔为外币付款。"),
    "odd_amount": ("It is far more than you usually pay.", "本笔金额明显高于您平常的付款。"),
    "night": ("It is late at night.", "当前为夜间时段。"),
    "factors_changed": ("You changed a password or another proof lately.", "您近期更改过密码或其他验证方式。"),
    "risk": ("Something about this payment is unusual.", "本笔付款存在异常情况。"),
    "family": ("You have asked that your trusted person agrees to such a payment.", "您已设定此类付款须由亲友确认。"),
}


def why_words(why: str, lang: Lang) -> str:
    """What was found, as staff read it; codes that the bank no longer knows stay as they are."""
    found = [_FOUND.get(code, (code, code)) for code in why.split()]
    return "；".join(zh for _, zh in found) if lang == "zh" else "; ".join(en for en, _ in found)


def ways_words(ways: int, lang: Lang) -> str:
    en, zh = _WAYS[ways]
    return zh if lang == "zh" else en


def asked_words(why: str, lang: Lang) -> list[str]:
    """Why he is asked, as the payer reads it, a sentence each."""
    return [zh if lang == "zh" else en for code in why.split() for en, zh in [_ASKED.get(code, ("", ""))] if en]
