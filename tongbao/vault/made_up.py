"""People who do not exist, and look as if they did. Pure: chance is handed in."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, timedelta
from typing import Final
from uuid import UUID

from stdnum.cn import ric

from tongbao.vault.canary_model import MadeUp

_SURNAMES: Final = "王李张刘陈杨黄赵吴周徐孙马朱胡郭何高林罗郑梁谢宋唐许韩冯邓曹彭曾"
_GIVEN: Final = "伟芳娜敏静丽强磊军洋勇艳杰娟涛明超霞平刚玲桂英华红建文斌梅慧琳宇浩欣怡晨雪佳俊凯婷鹏飞"
_PREFIXES: Final = ("135", "136", "138", "139", "150", "152", "158", "159", "177", "180", "186", "187", "188", "189")
_PLACES: Final = (
    ("110105", 1950),
    ("120101", 1950),
    ("310104", 1950),
    ("320106", 1983),
    ("330106", 1983),
    ("420106", 1983),
    ("440106", 1985),
    ("510107", 1991),
    ("610113", 1983),
)
"""Counties and districts (GB/T 2260) with many inhabitants, and from which year of birth on."""
_YOUNGEST_DAYS: Final = 19 * 366
_YEARS_DAYS: Final = 50 * 365


def made_up(below: Callable[[int], int], id: UUID, today: date) -> MadeUp:
    """An adult with a common name, a mobile number and an identity number (GB 11643) whose check digit is right.

    `below` is the chance: any number from 0 to one less than what it is given, each as likely.
    """

    def one_of(things: Sequence[str]) -> str:
        return things[below(len(things))]

    name = one_of(_SURNAMES) + "".join(one_of(_GIVEN) for _ in range(1 + (below(4) > 0)))
    born = today - timedelta(_YOUNGEST_DAYS + below(_YEARS_DAYS))
    place = one_of([place for place, since in _PLACES if since <= born.year])
    stem = f"{place}{born:%Y%m%d}{1 + below(999):03}"
    return MadeUp(
        id=id,
        name=name,
        phone=f"+86{one_of(_PREFIXES)}{below(10**8):08}",
        id_number=stem + ric.calc_check_digit(stem + "0"),
    )
