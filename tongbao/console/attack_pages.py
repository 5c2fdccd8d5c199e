"""What looks like an attack, and the health of the bank beside it: the last day by hour, and who it was."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final

from litestar import get
from litestar.di import NamedDependency
from litestar.handlers import HTTPRouteHandler
from litestar.params import SkipValidation

from tongbao.base.say import Lang
from tongbao.console import store
from tongbao.console.attacks import KINDS, MANY, UNKNOWN, AttackHour, AttackSource, word
from tongbao.console.doctor import examine, state_of
from tongbao.console.vitals import Pulse
from tongbao.web import i18n, pages, tables
from tongbao.web.listing import Linked, Listing
from tongbao.web.pages import Page, PageRequest
from tongbao.web.site import Db, Now, visitor
from tongbao.web.tables import Column

HOURS: Final = 24
MOST_SOURCES: Final = 50
_HOUR: Final = Column("hour", "Hour", "时段", tables.TIME)
_HOUR_S: Final = timedelta(hours=1)
_SHOWN: Final = {"customer": "/staff/customers/", "staff": "/staff/readings?reader="}

_OTHER: Final = {
    MANY: ("many more than are counted one by one", "来源过多，合并计数"),
    UNKNOWN: ("not known", "未知"),
    "customer": ("customer", "客户"),
    "staff": ("staff", "员工"),
    "merchant": ("merchant's key", "商户密钥"),
    "partner": ("partner's key", "合作方密钥"),
    "bank": ("bank's key", "本行密钥"),
    "system": ("the bank itself", "系统"),
}


def source_word(source: str, lang: Lang) -> str:
    """A network stays as it is; somebody is said by what he is and the end of his id."""
    of, _, held_by = source.partition(":")
    if of not in _OTHER or (held_by and "-" not in held_by):
        return source
    said = _OTHER[of][lang == "zh"]
    return f"{said} {held_by[-8:]}" if held_by else said


SOURCES: Final = (
    Column("source", "From", "来源", words=source_word),
    Column("kind", "What", "类别", words=word),
    Column("visits", "Visits", "次数", tables.COUNT),
    Column("minutes", "Minutes of it", "涉及分钟数", tables.COUNT),
    Column("first", "First", "首次", tables.MOMENT),
    Column("last", "Last", "最近", tables.MOMENT),
)


@get("/staff/attacks", guards=[visitor("staff", "events:read")], include_in_schema=False)
async def attacks(request: PageRequest, db: Db, clock: Now, pulse: NamedDependency[SkipValidation[Pulse]]) -> Page:
    at, lang = clock.now(), pages.language(request)
    since = at.replace(minute=0, second=0, microsecond=0) - (HOURS - 1) * _HOUR_S
    async with db.read() as tx:
        hours = await store.attack_hours(tx, since)
        sources = await store.attack_sources(tx, since, MOST_SOURCES)
    checks = [check for check in examine(await pulse.vitals()) if check.state != "ok"]
    return pages.show(
        request,
        "console/attacks.html",
        hours=_by_hour(hours, since),
        sources=Listing(
            columns=SOURCES,
            rows=[_row(one) for one in sources],
            empty=i18n.say("Nothing in the last day looks like an attack.", lang),
        ),
        tiles=[(word(kind, lang), sum(one.visits for one in hours if one.kind == kind)) for kind in KINDS],
        seen=bool(hours),
        checks=checks,
        worst=state_of(checks),
    )


def _by_hour(found: list[AttackHour], since: datetime) -> Listing:
    """Every hour has a row, also a quiet one; a kind that did not occur has no column."""
    kinds = [kind for kind in KINDS if any(one.kind == kind for one in found)]
    many = {(one.hour, one.kind): one.visits for one in found}
    rows = [
        (hour, *(many.get((hour, kind), 0) for kind in kinds)) for hour in (since + n * _HOUR_S for n in range(HOURS))
    ]
    columns = (_HOUR, *(Column(kind, *KINDS[kind], tables.COUNT) for kind in kinds))
    return Listing(columns=columns, rows=rows, chart="line")


def _row(one: AttackSource) -> tuple[Any, ...]:
    of, _, held_by = one.source.partition(":")
    place = _SHOWN.get(of) if "-" in held_by else None
    return (
        Linked(one.source, f"{place}{held_by}") if place else one.source,
        one.kind,
        one.visits,
        one.minutes,
        one.first,
        one.last,
    )


ROUTES: Final[tuple[HTTPRouteHandler, ...]] = (attacks,)
