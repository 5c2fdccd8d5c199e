"""What known frauds have in common: look for patterns, watch the search, read what was found, go on to try or propose it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated, Any, Final
from uuid import UUID

import msgspec
from litestar import get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import QueryParameter

from tongbao.base import days
from tongbao.base.db import Database, Tx
from tongbao.base.ids import derived
from tongbao.base.refusal import Refusal
from tongbao.base.say import Lang
from tongbao.risk import patterns
from tongbao.risk import patterns_words as words
from tongbao.risk.patterns_model import Patterns, Search, Sought
from tongbao.risk.propose_rule import MAY_WRITE
from tongbao.risk.trial_words import share
from tongbao.web import export, forms, i18n, pages, tables
from tongbao.web.export import FileForm
from tongbao.web.forms import Filled, Form
from tongbao.web.listing import Linked, Listing, Marked
from tongbao.web.pages import Page, PageRequest
from tongbao.web.site import By, Config, Db, Id, Now, visitor
from tongbao.web.tables import Column

_AT: Final = "/staff/risk/patterns"
_DAYS: Final = 60
_DELAY: Final = 7
_FLOOR: Final = 50
SEARCHES: Final = (
    Column("asked_at", "Asked for", "发起时间", tables.MOMENT),
    Column("first_day", "From", "起始日期", tables.DATE),
    Column("last_day", "Until", "截止日期", tables.DATE),
    Column("state", "State", "状态", words=words.search_state_word),
    Column("patterns", "Patterns", "规律数", tables.COUNT),
    Column("frauds", "Known frauds", "已知欺诈笔数", tables.COUNT),
)
PATTERNS: Final = (
    Column("number", "Pattern", "规律"),
    Column("words", "What these frauds share", "共同特征", long=True),
    Column("expression", "Condition", "条件", long=True),
    Column("frauds", "Frauds met", "命中欺诈", tables.COUNT),
    Column("honest", "Other payments met", "命中其他付款", tables.COUNT),
    Column("precision", "Precision", "精确率"),
    Column("share", "Share of frauds", "占欺诈比例"),
    Column("paid", "Paid out then", "当时已付出"),
    Column("known", "Met by rules already", "已被规则命中", tables.COUNT),
)


class SearchForm(Form, frozen=True, kw_only=True):
    """`delay`: days before the open one that are left out. `floor`: precision, in percent, from which on a pattern is shown."""

    id: UUID
    days: Annotated[int, msgspec.Meta(ge=1, le=patterns.MOST_DAYS)]
    delay: Annotated[int, msgspec.Meta(ge=0, le=patterns.MOST_DELAY)]
    floor: Annotated[int, msgspec.Meta(ge=5, le=95)]


@get(_AT, guards=[visitor("staff", "risk:read")], include_in_schema=False)
async def patterns_page(request: PageRequest, db: Db) -> Page:
    """What was looked for, and the form to look again; where nobody has labelled a fraud, what to do first."""
    return await _show(request, db, None)


async def _show(request: PageRequest, db: Database, form: Filled[Any] | None, status: int = 200) -> Page:
    lang = pages.language(request)
    async with db.read() as tx:
        found = await patterns.searches(tx)
        labelled = await patterns.is_any_labelled(tx)
    return pages.show(
        request,
        "risk/patterns.html",
        status=status,
        table=Listing(
            columns=SEARCHES, rows=[_row(one) for one in found], empty=i18n.say("Nothing was looked for yet.", lang)
        ),
        is_labelled=labelled,
        form=form or forms.blank(days=_DAYS, delay=_DELAY, floor=_FLOOR),
    )


def _row(one: Search) -> tuple[Any, ...]:
    result = one.result
    return (
        Linked(one.asked_at, f"{_AT}/{one.id}"),
        one.what.first_day,
        one.what.last_day,
        Marked(words.search_state(one)),
        len(result.patterns) if result else None,
        result.older.frauds + result.newer.frauds if result else None,
    )


@post(_AT, guards=[visitor("staff", MAY_WRITE)], include_in_schema=False)
async def look_for_patterns(request: PageRequest, db: Db, clock: Now, principal: By) -> Page:
    """The same form with the same numbers is one search, with others another."""
    filled = await forms.read(request, SearchForm)
    wanted = filled.value
    if wanted is None:
        return await _show(request, db, filled, 422)

    async def ask(tx: Tx) -> UUID:
        first_day, last_day = patterns.span((await days.current(tx)).open_date, wanted.days, wanted.delay)
        what = Sought(first_day=first_day, last_day=last_day, floor=wanted.floor)
        id_ = derived(wanted.id, f"risk.patterns {msgspec.json.encode(what).decode()}")
        await patterns.ask_search(tx, principal, what, id=id_, at=clock.now())
        return id_

    try:
        id_ = await db.retry(ask)
    except Refusal as refusal:
        return await _show(request, db, filled.refused(refusal, pages.language(request)), refusal.kind.status)
    return pages.go(f"{_AT}/{id_}")


@get(_AT + "/{id:uuid}", guards=[visitor("staff", "risk:read")], include_in_schema=False)
async def search_page(
    request: PageRequest,
    id: Id,
    db: Db,
    clock: Now,
    settings: Config,
    form: Annotated[FileForm | None, QueryParameter(name="format")] = None,
) -> Any:
    """How far it is, then what was found; with `format` that as a file."""
    async with db.read() as tx:
        found = await patterns.search(tx, id)
    if form is None:
        return pages.show(request, "risk/pattern_search.html", **_shown(request, found))
    lang = pages.language(request)

    async def rows() -> AsyncIterator[tuple[Any, ...]]:
        for row in _rows(found.result, settings.currency, lang) if found.result else ():
            yield row

    return await export.export(
        PATTERNS,
        rows(),
        name="fraud-patterns",
        form=form,
        title=i18n.say("Patterns of fraud", lang),
        settings=settings,
        at=clock.now(),
        lang=lang,
    )


@get(_AT + "/{id:uuid}/now", guards=[visitor("staff", "risk:read")], include_in_schema=False)
async def search_now(request: PageRequest, id: Id, db: Db) -> Page:
    """The part of the page that follows a search."""
    if request.headers.get("hx-request") != "true":
        return pages.go(f"{_AT}/{id}")
    async with db.read() as tx:
        found = await patterns.search(tx, id)
    return pages.show(request, "risk/pattern_search_now.html", **_shown(request, found))


@post(_AT + "/{id:uuid}", guards=[visitor("staff", MAY_WRITE)], include_in_schema=False)
async def stop_search(request: PageRequest, id: Id, db: Db, clock: Now, principal: By) -> Page:
    """One that has ended meanwhile stays as it ended."""
    async with db.tx() as tx:
        await patterns.cancel_search(tx, principal, id=id, at=clock.now())
    return pages.go(f"{_AT}/{id}")


def _shown(request: PageRequest, found: Search) -> dict[str, Any]:
    lang, settings = pages.language(request), pages.of(request).settings
    state, result = words.search_state(found), found.result
    shown: dict[str, Any] = {
        "search": found,
        "search_state": state,
        "state_said": words.search_state_word(state, lang),
    }
    if result is None:
        return shown
    return shown | {
        "older": words.part_words(result.older, settings.zone, lang),
        "newer": words.part_words(result.newer, settings.zone, lang),
        "together": share(result.together, result.newer.frauds),
        "table": Listing(
            columns=PATTERNS,
            rows=_rows(result, settings.currency, lang),
            hidden=("expression",),
            files=("csv", "xlsx", "pdf") if result.patterns else (),
            chart="bar" if result.patterns else None,
        ),
        "cards": _cards(found.id, result, settings.currency, lang),
    }


def _rows(result: Patterns, currency: str, lang: Lang) -> list[tuple[Any, ...]]:
    return [
        (
            str(number),
            words.pattern_words(one, lang),
            one.expression,
            one.later.frauds,
            one.later.honest,
            share(one.later.frauds, one.later.frauds + one.later.honest),
            share(one.later.frauds, result.newer.frauds),
            words.money_words(one.paid_minor, currency, lang),
            one.known,
        )
        for number, one in enumerate(result.patterns, 1)
    ]


def _cards(id: UUID, result: Patterns, currency: str, lang: Lang) -> list[dict[str, Any]]:
    return [
        {
            "number": number,
            "conditions": [words.condition_words(part, lang) for part in one.conditions],
            "expression": one.expression,
            "facts": words.pattern_facts(one, result.newer, currency, lang),
            "examples": one.examples,
            "try_at": f"/staff/risk/trials?search={id}&pattern={number}",
            "propose_at": f"/staff/risk/rules/new?search={id}&pattern={number}",
        }
        for number, one in enumerate(result.patterns, 1)
    ]


ROUTES: Final[tuple[HTTPRouteHandler, ...]] = (
    patterns_page,
    look_for_patterns,
    search_page,
    search_now,
    stop_search,
)
