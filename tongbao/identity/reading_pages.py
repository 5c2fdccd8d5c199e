"""Who has read what of whom, and why: the vault's log, for whoever audits the bank."""

from __future__ import annotations

from typing import Any, Final
from uuid import UUID

from litestar import get
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromQuery

from tongbao import vault
from tongbao.base.say import Lang
from tongbao.identity.words import datum_word, reader_word, reading_word
from tongbao.web import pages, paging, tables
from tongbao.web.listing import Linked, Listing
from tongbao.web.pages import Page, PageRequest
from tongbao.web.site import Cursor, Db, visitor
from tongbao.web.tables import Column

READINGS: Final = (
    Column("at", "Time", "时间", tables.MOMENT),
    Column("verb", "Did", "操作"),
    Column("reader", "Who", "操作人", words=reader_word),
    Column("reader_id", "Reader's id", "操作人编号"),
    Column("kinds", "What", "内容"),
    Column("subject", "Of whom", "涉及客户"),
    Column("others", "And of others", "另涉人数", tables.COUNT),
    Column("reason", "Reason", "理由"),
)


@get("/staff/readings", guards=[visitor("staff", "audit:read")], include_in_schema=False)
async def readings(
    request: PageRequest,
    db: Db,
    subject: FromQuery[UUID | None] = None,
    reader: FromQuery[UUID | None] = None,
    cursor: Cursor = None,
) -> Page:
    """Newest first."""
    lang, most = pages.language(request), paging.USUAL
    place = paging.place(cursor, int)
    async with db.read() as tx:
        found = await vault.readings(
            tx, subject_id=subject, by_id=reader, below=place[0] if place else None, most=most + 1
        )
    listed = paging.page(found, most, lambda one: paging.cursor(one.id), lambda one: _row(one, lang))
    return pages.show(
        request,
        "identity/readings.html",
        table=Listing(columns=READINGS, rows=listed.items, next_cursor=listed.next_cursor),
    )


def _row(one: vault.Reading, lang: Lang) -> tuple[Any, ...]:
    first = one.subjects[0] if one.subjects else None
    kinds = "、" if lang == "zh" else ", "
    return (
        one.at,
        reading_word(one.verb, lang),
        one.by_kind.value,
        Linked(str(one.by_id)[-8:], f"/staff/readings?reader={one.by_id}"),
        kinds.join(datum_word(kind, lang) for kind in one.kinds),
        Linked(str(first)[-8:], f"/staff/readings?subject={first}") if first else None,
        len(one.subjects) - 1 if len(one.subjects) > 1 else None,
        one.reason,
    )


ROUTES: Final[tuple[HTTPRouteHandler, ...]] = (readings,)
