"""A table as a file: CSV for programs, a workbook for spreadsheets, PDF for paper. Any table of columns, for any route.

    if form != "json":
        return await export(COLUMNS, rows, name="payments", form=form, lang=lang, settings=settings, at=clock.now(),
                            title="付款记录" if lang == "zh" else "Payments")

`rows` may come page by page from the database. CSV is sent as they come, however many; the others are made in a worker
thread and are bounded.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Callable, Sequence
from contextlib import closing
from datetime import datetime
from typing import Annotated, Any, Final, Literal, TypeVar
from weakref import WeakKeyDictionary

from litestar import Response
from litestar.params import QueryParameter

from tongbao.base.say import Lang
from tongbao.base.settings import Settings
from tongbao.web import csv, pdf, xlsx
from tongbao.web.pdf import Paper
from tongbao.web.refusals import EXPORT_TOO_LARGE
from tongbao.web.sheet import About
from tongbao.web.site import Export
from tongbao.web.tables import Column, Reading

FileForm = Literal["csv", "xlsx", "pdf"]
Form = Annotated[
    Literal["json", "csv", "xlsx", "pdf"],
    QueryParameter(name="format", description="`csv`, `xlsx`, `pdf`: all of it, as a file."),
]
ReadersLang = Annotated[Lang, QueryParameter(name="lang", description="The language of a file for people.")]

PDF: Final = "application/pdf"
MOST: Final = {"xlsx": 100_000, "pdf": 10_000}
"""Rows that a file may hold."""

_AT_ONCE: Final = 2
"""Files that a process makes at a time; the others wait before they read a row."""
_PIECE: Final = 1000

_T = TypeVar("_T")


async def export(
    columns: Sequence[Column],
    rows: AsyncIterable[Sequence[Any]],
    *,
    name: str,
    form: FileForm,
    title: str,
    settings: Settings,
    at: datetime,
    lang: Lang = "zh",
    currency: str | None = None,
    facts: Sequence[tuple[str, str]] = (),
    note: str = "",
) -> Any:
    """The answer: a file called `name` with an ending. Refuses `export_too_large` and, for PDF, `no_font`.

    `title`, `facts` (what is named what) and `note` are said in `lang` already. `currency`: of amounts whose column names
    none; the bank's own unless told.
    """
    reading = Reading(columns, lang=lang, zone=settings.zone, currency=currency or settings.currency)
    if form == "csv":
        lines = csv.stream([column.key for column in columns], _plain(reading, await _begun(rows)))
        return Export(lines, media_type=csv.MEDIA_TYPE, headers=_named(f"{name}.csv"))
    about = About(title=title, bank=bank_name(settings, lang), at=at, lang=lang)
    async with _slot():
        if form == "xlsx":
            return as_file(await _workbook(reading, rows, about, facts), f"{name}.xlsx", xlsx.MEDIA_TYPE)
        read = [row async for piece in _pieces(rows, MOST["pdf"]) for row in piece]
        paper = Paper(about=about, facts=facts, note=note)
        return as_file(await asyncio.to_thread(pdf.table, reading, read, paper, settings.pdf_font), f"{name}.pdf", PDF)


def refuse_too_many(form: str, rows: int) -> None:
    """For whoever knows beforehand how many rows there are. Refuses `export_too_large`."""
    if rows > MOST.get(form, rows):
        raise EXPORT_TOO_LARGE(f"{rows} rows, at most {MOST[form]}")


async def printed(draw: Callable[[], bytes], *, name: str) -> Any:
    """The answer with a document that `draw` makes in a worker thread."""
    async with _slot():
        return as_file(await asyncio.to_thread(draw), f"{name}.pdf", PDF)


def bank_name(settings: Settings, lang: Lang) -> str:
    """As the bank signs what it prints."""
    return settings.bank_name or ("通宝银行" if lang == "zh" else "Tongbao Bank")


def as_file(content: bytes, name: str, media_type: str) -> Any:
    return Response(content, media_type=media_type, headers=_named(name))


def _named(name: str) -> dict[str, str]:
    return {"content-disposition": f'attachment; filename="{name}"'}


async def _begun(rows: AsyncIterable[_T]) -> AsyncIterator[_T]:
    """The same rows with the first one read: what is refused then is still answered as a refusal, not as half a file."""
    coming = aiter(rows)
    try:
        first = [await anext(coming)]
    except StopAsyncIteration:
        first = []

    async def all_of_them() -> AsyncIterator[_T]:
        for row in first:
            yield row
        async for row in coming:
            yield row

    return all_of_them()


async def _plain(reading: Reading, rows: AsyncIterable[Sequence[Any]]) -> AsyncIterator[list[object]]:
    async for row in rows:
        yield reading.plains(row)


async def _workbook(
    reading: Reading, rows: AsyncIterable[Sequence[Any]], about: About, facts: Sequence[tuple[str, str]]
) -> bytes:
    workbook = xlsx.Workbook(reading, about.title)
    with closing(workbook):
        async for piece in _pieces(rows, MOST["xlsx"]):
            await asyncio.to_thread(workbook.add, piece)
        return await asyncio.to_thread(workbook.done, facts, bank=about.bank, at=about.at)


async def _pieces(rows: AsyncIterable[_T], most: int) -> AsyncIterator[list[_T]]:
    """Lists of some rows each. Refuses `export_too_large` as soon as there is one row too many."""
    piece: list[_T] = []
    count = 0
    async for row in rows:
        count += 1
        if count > most:
            raise EXPORT_TOO_LARGE(f"at most {most} rows")
        piece.append(row)
        if len(piece) == _PIECE:
            yield piece
            piece = []
    yield piece


_SLOTS: Final[WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Semaphore]] = WeakKeyDictionary()


def _slot() -> asyncio.Semaphore:
    return _SLOTS.setdefault(asyncio.get_running_loop(), asyncio.Semaphore(_AT_ONCE))
