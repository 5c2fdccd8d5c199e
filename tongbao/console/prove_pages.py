"""Prove the books: one proof in the whole bank, run by a worker while everybody may watch, and what it found in plain words."""

from __future__ import annotations

from typing import Any, Final
from uuid import UUID

import msgspec
from litestar import get, post
from litestar.handlers import HTTPRouteHandler

from tongbao import identity
from tongbao.base import proofs
from tongbao.base.clock import Clock
from tongbao.base.db import Database, Tx
from tongbao.base.proofs import Checked, ProofRun
from tongbao.base.say import Lang
from tongbao.console.proof import CHECK_MESSAGES, CHECKS, INVARIANT_MESSAGES, INVARIANTS
from tongbao.web import forms, i18n, pages, tables
from tongbao.web.forms import Filled, Form
from tongbao.web.listing import Listing, Marked
from tongbao.web.pages import Page, PageRequest
from tongbao.web.site import By, Db, Now, visitor
from tongbao.web.tables import Column

_EARLIER: Final = 5
_STATE_MESSAGES: Final = {"ok": "it holds", "fail": "BROKEN", "waiting": "still to come", "authorised": "looked at now"}


def _state_word(state: str, lang: Lang) -> str:
    return i18n.say(_STATE_MESSAGES[state], lang)


def check_word(name: str, lang: Lang) -> str:
    return i18n.say(CHECK_MESSAGES.get(name, name), lang)


def _invariant_word(number: str, lang: Lang) -> str:
    return i18n.say(INVARIANT_MESSAGES[number], lang)


RESULTS: Final = (
    Column("number", "Number", "编号"),
    Column("invariant", "Invariant", "不变量", words=_invariant_word),
    Column("state", "State", "状态", words=_state_word),
)
LOOKED_AT: Final = (
    Column("check", "Check", "核验项", words=check_word),
    Column("state", "State", "状态", words=_state_word),
    Column("rows", "Rows", "核验行数", tables.COUNT),
    Column("milliseconds", "Milliseconds", "耗时（毫秒）", tables.COUNT),
)
FINDINGS: Final = (
    Column("invariant", "Number", "编号"),
    Column("table", "Table", "数据表"),
    Column("key", "Row", "记录"),
    Column("expected", "Expected", "应为"),
    Column("found", "Found", "实为"),
)
EARLIER: Final = (
    Column("ended_at", "Ended", "完成时间", tables.MOMENT),
    Column("state", "State", "状态", words=_state_word),
    Column("postings", "Postings", "分录数", tables.COUNT),
    Column("seconds", "Seconds", "耗时（秒）", tables.COUNT),
    Column("by", "By", "核验人"),
)


class Prove(Form, frozen=True):
    id: UUID
    full: bool = False


@get("/staff/prove", guards=[visitor("staff", "books:read")], include_in_schema=False)
async def prove_page(request: PageRequest, db: Db, clock: Now) -> Page:
    return await _show(request, db, clock, forms.blank())


async def _show(request: PageRequest, db: Database, clock: Clock, form: Filled[Any], *, status: int = 200) -> Page:
    async with db.read() as tx:
        run = await proofs.newest(tx)
        earlier = [old for old in await proofs.ended(tx, most=_EARLIER + 1) if run is None or old.id != run.id]
        names = await _names(tx, [*earlier, *([run] if run else [])])
    rows = [
        (old.ended_at, _mark(old), old.postings, old.seconds(clock.now()), names.get(old.asked_by))
        for old in earlier[:_EARLIER]
    ]
    return pages.show(
        request,
        "console/prove.html",
        status=status,
        form=form,
        earlier=Listing(columns=EARLIER, rows=rows),
        **_shown(request, run, names, clock),
    )


@get("/staff/prove/now", guards=[visitor("staff", "books:read")], include_in_schema=False)
async def prove_now(request: PageRequest, db: Db, clock: Now) -> Page:
    """The part of the page that follows a proof."""
    if request.headers.get("hx-request") != "true":
        return pages.go("/staff/prove")
    async with db.read() as tx:
        run = await proofs.newest(tx)
        names = await _names(tx, [run] if run else [])
    return pages.show(request, "console/prove_now.html", **_shown(request, run, names, clock))


async def _names(tx: Tx, runs: list[ProofRun]) -> dict[UUID, str]:
    people = await identity.find_staff(tx, {run.asked_by for run in runs}) if runs else {}
    return {i: person.name for i, person in people.items()}


def _mark(run: ProofRun) -> Marked:
    return Marked("ok" if run.holds else "fail")


def _shown(request: PageRequest, run: ProofRun | None, names: dict[UUID, str], clock: Clock) -> dict[str, Any]:
    return {
        "run": run,
        "by": names.get(run.asked_by) if run else None,
        "seconds": run.seconds(clock.now()) if run else 0,
        "looked_at": _looked_at(run) if run else None,
        "results": _results(run) if run else None,
        "findings": Listing(columns=FINDINGS, rows=[msgspec.structs.astuple(f) for f in run.findings]) if run else None,
        "checks": len(CHECKS),
        "invariants": len(INVARIANTS),
        "at_word": check_word(run.check_name, pages.language(request)) if run and run.check_name else None,
    }


def _looked_at(run: ProofRun) -> Listing:
    """Every check in the order in which they are made, with what became of it."""
    done = {check.name: check for check in run.checks}
    rows = [_check_row(check.name, done.get(check.name), run.check_name) for check in CHECKS]
    return Listing(columns=LOOKED_AT, rows=rows)


def _check_row(name: str, check: Checked | None, now: str | None) -> tuple[Any, ...]:
    if check is None:
        return name, Marked("authorised" if name == now else "waiting"), None, None
    return name, Marked("fail" if check.found else "ok"), check.rows, check.milliseconds


def _results(run: ProofRun) -> Listing:
    """Every invariant that was proved, with those first that do not hold."""
    broken = {finding.invariant for finding in run.findings}
    proved = {number for check in run.checks for number in check.invariants}
    rows = [
        (number, number, Marked("fail" if number in broken else "ok" if number in proved else "waiting"))
        for number in INVARIANTS
    ]
    return Listing(columns=RESULTS, rows=sorted(rows, key=lambda row: row[0] not in broken))


@post("/staff/prove", guards=[visitor("staff", "books:read")], include_in_schema=False)
async def prove(request: PageRequest, db: Db, clock: Now, principal: By) -> Page:
    """Asks for a proof; while one runs, that one is shown."""
    filled = await forms.read(request, Prove)
    wanted = filled.value
    if wanted is None:
        return await _show(request, db, clock, filled, status=422)

    async def ask(tx: Tx) -> ProofRun:
        return await proofs.ask(tx, principal, id=wanted.id, is_full=wanted.full, at=clock.now())

    await db.retry(ask)
    return pages.go("/staff/prove")


ROUTES: Final[tuple[HTTPRouteHandler, ...]] = (prove_page, prove_now, prove)
