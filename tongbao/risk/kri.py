"""Measure the key indicators of risk, and tell of those that are beyond a limit: once a day, indicator and colour."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from tongbao.base import audit
from tongbao.base.db import Tx
from tongbao.base.principal import SYSTEM
from tongbao.risk import kri_store
from tongbao.risk.kri_model import INDICATORS, Measured

DAYS: Final = 30
"""Days of the trend."""
TOGETHER: Final = 7
"""Days that an indicator is made of."""
_MOST_LABELS: Final = 20_000


async def measure(tx: Tx, *, at: datetime, zone: ZoneInfo, currency: str) -> list[Measured]:
    """Every indicator, in order, with its limits in force."""
    since = at.astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=DAYS - 1)
    days = await kri_store.days(tx, since, at, zone=str(zone), currency=currency, most=_MOST_LABELS)
    limits = await kri_store.limits(tx)
    return [
        Measured(
            indicator=one,
            value=one.value(days[-TOGETHER:]),
            days=[(day.day, one.value([day])) for day in days],
            limit=limits.get(one.name),
        )
        for one in INDICATORS.values()
    ]


async def tell(tx: Tx, measured: list[Measured], *, at: datetime, zone: ZoneInfo) -> list[Measured]:
    """Those beyond a limit that nobody was told of today; each stands in the audit."""
    beyond = [one for one in measured if one.state in ("amber", "red")]
    new = await kri_store.tell_breaches(tx, at.astimezone(zone).date(), beyond, at)
    told = [one for one in beyond if one.indicator.name in new]
    for one in told:
        said = {"state": one.state, "value": one.value, "version": one.limit.version if one.limit else 0}
        await audit.record(tx, SYSTEM, "risk.indicator_breach", one.indicator.name, at=at, details=said)
    return told
