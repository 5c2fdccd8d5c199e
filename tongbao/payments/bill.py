"""What a month cost: what left an account by category of shop and by day, less what came back, beside the month before."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec

from tongbao.base.db import Tx
from tongbao.payments import bill_store as store
from tongbao.payments import own_store, words


class Spent(msgspec.Struct, kw_only=True):
    """A category: that of the shop, `other` where it has none that we know, else the kind of payment. Sums in minor units."""

    category: str
    count: int = 0
    paid_minor: int = 0
    before_minor: int = 0
    """In the month before."""


class Bill(msgspec.Struct, frozen=True, kw_only=True):
    """`spent`: the dearest first. `days`: every day of the month on which something was paid, in order."""

    first: date
    last: date
    spent: tuple[Spent, ...]
    days: tuple[tuple[date, int, int], ...]
    """Day, payments, minor units."""

    @property
    def count(self) -> int:
        return sum(line.count for line in self.spent)

    @property
    def paid_minor(self) -> int:
        return sum(line.paid_minor for line in self.spent)

    @property
    def before_minor(self) -> int:
        return sum(line.before_minor for line in self.spent)


async def bill(tx: Tx, account_id: UUID, month: date, zone: ZoneInfo) -> Bill:
    """The bill of the month of the bank's zone in which `month` lies."""
    first, after, before = _month(month)
    rows = await store.bill(
        tx,
        account_id,
        before=_midnight(before, zone),
        since=_midnight(first, zone),
        until=_midnight(after, zone),
        zone=zone.key,
    )
    lines: dict[str, Spent] = {}
    for category, _, earlier, count, minor in rows:
        if category is None:
            continue
        line = lines.setdefault(known := words.known_category(category), Spent(category=known))
        if earlier:
            line.before_minor += minor
        else:
            line.count += count
            line.paid_minor += minor
    spent = sorted(lines.values(), key=lambda line: (-line.paid_minor, -line.before_minor, line.category))
    days = sorted((day, count, minor) for _, day, _, count, minor in rows if day is not None)
    return Bill(first=first, last=after - timedelta(1), spent=tuple(spent), days=tuple(days))


async def income(tx: Tx, account_id: UUID, month: date, zone: ZoneInfo) -> list[tuple[str, int, int]]:
    """What others paid to an account in the month in which `month` lies, less what went back: kind, payments, minor units."""
    first, after, _ = _month(month)
    return await own_store.income(tx, account_id, _midnight(first, zone), _midnight(after, zone))


async def week(tx: Tx, account_id: UUID, today: date, zone: ZoneInfo) -> list[tuple[date, int]]:
    """What left an account on each of the seven days that end with `today`, less what came back; in minor units."""
    first = today - timedelta(6)
    paid = await store.days(tx, account_id, since=_midnight(first, zone), zone=zone.key)
    return [(day, paid.get(day, 0)) for day in (first + timedelta(n) for n in range(7))]


def _month(day: date) -> tuple[date, date, date]:
    """The first days of the month, of the next one and of the one before."""
    first = day.replace(day=1)
    return first, (first + timedelta(31)).replace(day=1), (first - timedelta(1)).replace(day=1)


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, datetime.min.time(), zone).astimezone(UTC)
