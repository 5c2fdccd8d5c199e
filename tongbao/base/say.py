"""How money, dates, moments and counts are said to people, in Simplified Chinese and in English. Whole numbers only."""

from __future__ import annotations

from datetime import date, datetime
from functools import cache
from typing import Final, Literal
from zoneinfo import ZoneInfo

from babel.numbers import get_currency_name

from tongbao.base.money import exponent

Lang = Literal["zh", "en"]

MINUS: Final = "-"
"""The hyphen-minus, as Chinese banks print it: what is copied into a spreadsheet is still a number there."""

_LOCALES: Final[dict[Lang, str]] = {"zh": "zh_Hans_CN", "en": "en"}
_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def amount(amount_minor: int, currency: str, *, grouped: bool = True) -> str:
    """The figure alone, with the digits that its currency has: `-1,234.50`; `-1234.50` where not `grouped`."""
    digits = exponent(currency)
    whole, part = divmod(abs(amount_minor), 10**digits)
    figure = (f"{whole:,}" if grouped else str(whole)) + (f".{part:0{digits}d}" if digits else "")
    return MINUS + figure if amount_minor < 0 else figure


def money(amount_minor: int, currency: str, lang: Lang = "zh", *, signed: bool = False) -> str:
    """`¥1,234.50` for renminbi, `USD 1,234.50` for the rest, alike in both languages; `signed` shows a plus too.

    Raises KeyError for a currency that the bank does not know.
    """
    figure = amount(abs(amount_minor), currency)
    sign = MINUS if amount_minor < 0 else "+" if signed and amount_minor else ""
    return f"{sign}¥{figure}" if currency == "CNY" else f"{currency} {sign}{figure}"


def count(number: int, lang: Lang = "zh") -> str:
    """`12,345`, alike in both languages."""
    return f"{number:,}"


@cache
def currency(code: str, lang: Lang) -> str:
    """`人民币`, `Chinese Yuan`."""
    return get_currency_name(code, locale=_LOCALES[lang])


def date_(day: date, lang: Lang) -> str:
    """`2026年11月22日`, `22 Nov 2026`."""
    if lang == "zh":
        return f"{day.year}年{day.month}月{day.day}日"
    return f"{day.day} {_MONTHS[day.month - 1]} {day.year}"


def moment(at: datetime, zone: ZoneInfo, lang: Lang) -> str:
    """`2026年11月22日 14:03:05`, `22 Nov 2026, 14:03:05`, on the clocks of `zone`."""
    local = at.astimezone(zone)
    return f"{date_(local.date(), lang)}{' ' if lang == 'zh' else ', '}{local:%H:%M:%S}"


_DIGITS: Final = "零壹贰叁肆伍陆柒捌玖"
_PLACES: Final = ((10**8, "亿"), (10**4, "万"), (1000, "仟"), (100, "佰"), (10, "拾"))


def capital(amount_minor: int) -> str:
    """Renminbi in the capital figures that cannot be altered by a stroke: 123450 is 人民币壹仟贰佰叁拾肆元伍角整.

    After 正确填写票据和结算凭证的基本规定 (annex 1 of 支付结算办法, People's Bank of China, 1997). Where it leaves a choice:
    yuan that end in 0 have 零 before the 角, and 整 stands after 角 as well. A negative amount begins with 负.
    """
    yuan, fen = divmod(abs(amount_minor), 100)
    jiao, fen = divmod(fen, 10)
    said = f"{_whole(yuan)}元" if yuan or not (jiao or fen) else ""
    if yuan and (jiao or fen) and not (jiao and yuan % 10):
        said += "零"
    if jiao:
        said += f"{_DIGITS[jiao]}角"
    said += f"{_DIGITS[fen]}分" if fen else "整"
    return f"人民币{'负' if amount_minor < 0 else ''}{said}"


def _whole(number: int) -> str:
    for size, place in _PLACES:
        if number >= size:
            head, tail = divmod(number, size)
            gap = "零" if 0 < tail < size // 10 else ""
            return _whole(head) + place + (gap + _whole(tail) if tail else "")
    return _DIGITS[number]
