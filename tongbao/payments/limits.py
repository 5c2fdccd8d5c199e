"""Spending limits: what counts, in what order it is checked, and what each check compared."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from tongbao.base.refusal import RefusalKind
from tongbao.payments import refusals as no
from tongbao.payments.model import Check, LevelLimits, Limits, Spending

_Limit = tuple[str, int, int | None, RefusalKind]
UNVERIFIED = 0
"""The level of whom nobody has looked at."""


def _each(limits: Limits, spending: Spending, amount_minor: int) -> Iterator[_Limit]:
    yield "limit_per_payment", amount_minor, limits.per_payment_minor, no.OVER_PAYMENT_LIMIT
    yield "limit_per_day", spending.day_minor + amount_minor, limits.per_day_minor, no.OVER_DAY_LIMIT
    yield "limit_per_month", spending.month_minor + amount_minor, limits.per_month_minor, no.OVER_MONTH_LIMIT
    yield "count_per_day", spending.day_count + 1, limits.per_day_count, no.OVER_DAY_COUNT
    yield "count_per_month", spending.month_count + 1, limits.per_month_count, no.OVER_MONTH_COUNT


def check(limits: Limits, spending: Spending, amount_minor: int, checks: list[Check]) -> None:
    """Adds a check for each limit that is set; refuses with the first one that would be passed.

    `spending` has been rolled to the day. Hard limits: they hold exactly, because the counters are locked.
    """
    _hold(_each(limits, spending, amount_minor), checks)


def check_level(level: LevelLimits, spending: Spending, amount_minor: int, checks: list[Check]) -> None:
    """The same for what the customer's level bounds. Refuses `not_verified` at level 0, whatever the amount."""
    if level.level == UNVERIFIED:
        checks.append(Check("level", False, no.NOT_VERIFIED.code))
        raise no.NOT_VERIFIED()
    day_minor = spending.day_minor + amount_minor
    each: tuple[_Limit, ...] = (
        ("level_per_payment", amount_minor, level.per_payment_minor, no.OVER_LEVEL_LIMIT),
        ("level_per_day", day_minor, level.per_day_minor, no.OVER_LEVEL_LIMIT),
    )
    _hold(each, checks)


def _hold(each: Iterable[_Limit], checks: list[Check]) -> None:
    for name, value, bound, refusal in each:
        if bound is None:
            continue
        checks.append(Check(name, value <= bound, value, bound))
        if value > bound:
            raise refusal(f"{value} of {bound}")
