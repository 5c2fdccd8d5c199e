"""JSON routes of payrolls: upload, look at, confirm, cancel."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from litestar import Request, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.openapi.spec import OpenAPIMediaType, OpenAPIType, Operation, RequestBody, Schema
from litestar.params import FromQuery, JSONBody

from tongbao.base import days
from tongbao.base.db import Database, Tx
from tongbao.base.money import is_currency
from tongbao.base.refusal import RefusalKind
from tongbao.base.say import Lang
from tongbao.payments import model, payroll, records, store, words
from tongbao.payments import refusals as no
from tongbao.payments.asked import Cursor, Limit, Pays
from tongbao.payments.bodies import NoOrder, PayrollConfirmation, PayrollLineView, PayrollProblem, PayrollView
from tongbao.payments.door import may_debit
from tongbao.web import paging
from tongbao.web.body import header, read
from tongbao.web.export import FileForm, Form, ReadersLang, export
from tongbao.web.paging import Page
from tongbao.web.refusals import CURRENCY_UNKNOWN, EXPORT_TOO_LARGE, NO_FONT, UNSUPPORTED_MEDIA_TYPE
from tongbao.web.site import By, Config, Db, Id, Key, Now, made, problems, require
from tongbao.web.tables import COUNT, MONEY, Column

_FILE: Final = "account_number,name,amount,reference\n9000100000000000177,王小明,1234.50,十一月工资\n"


@dataclass
class _TakesCsv(Operation):
    """The file itself is the body; the framework cannot guess that from a signature."""

    def __post_init__(self) -> None:
        media = OpenAPIMediaType(schema=Schema(type=OpenAPIType.STRING), example=_FILE)
        self.request_body = RequestBody(content={"text/csv": media}, required=True, description="UTF-8.")


async def _payroll_view(tx: Tx, found: model.Payroll) -> PayrollView:
    figures = await store.payroll_figures(tx, found.id)
    payable = [row for row in figures if row[1] is None]
    wrong: dict[str, int] = {}
    for _, problem, _, lines, _ in figures:
        if problem is not None:
            wrong[problem] = wrong.get(problem, 0) + lines
    ended = {state: [row for row in payable if row[0] == state] for state in ("paid", "failed", "skipped")}
    return PayrollView(
        id=found.id,
        state=found.state,
        payer_account_id=found.payer_account_id,
        currency=found.currency,
        lines=sum(row[3] for row in figures),
        payable=sum(row[3] for row in payable),
        total=sum(row[4] for row in payable),
        duplicates=sum(row[3] for row in payable if row[2]),
        problems=[_problem(no.BY_CODE[code], lines) for code, lines in sorted(wrong.items())],
        lines_paid=sum(row[3] for row in ended["paid"]),
        paid=sum(row[4] for row in ended["paid"]),
        lines_failed=sum(row[3] for row in ended["failed"]),
        lines_skipped=sum(row[3] for row in ended["skipped"]),
        created_at=found.created_at,
        confirmed_at=found.confirmed_at,
        completed_at=found.completed_at,
    )


def _problem(kind: RefusalKind, lines: int) -> PayrollProblem:
    return PayrollProblem(code=kind.code, title=kind.en, title_zh=kind.zh, lines=lines)


@post(
    "/v1/payrolls",
    guards=[require("payments:debit")],
    operation_class=_TakesCsv,
    tags=["payrolls"],
    summary="Upload salaries as CSV for a preview; nothing is paid yet",
    operation_id="upload_payroll",
    response_description="What the file says: how many lines, how much money, what is wrong.",
    responses=problems(
        no.ACCOUNT_NOT_FOUND, no.CURRENCY_MISMATCH, no.PAYROLL_UNREADABLE, no.PAYROLL_TOO_LONG, make=True
    ),
)
async def upload_payroll(
    request: Request[Any, Any, Any],
    payer_account_id: FromQuery[UUID],
    key: Key,
    principal: By,
    db: Db,
    clock: Now,
    settings: Config,
    currency: FromQuery[str | None] = None,
) -> PayrollView:
    may_debit(principal)
    headers: Any = request.scope["headers"]
    kind = header(headers, b"content-type")
    if kind is None or kind.partition(b";")[0].strip().lower() != b"text/csv":
        raise UNSUPPORTED_MEDIA_TYPE("send the file as text/csv")
    money = currency or settings.currency
    if not is_currency(money):
        raise CURRENCY_UNKNOWN(field="currency")
    raw = await read(request.receive, headers, largest=payroll.LARGEST_FILE)

    async def keep(tx: Tx) -> tuple[PayrollView, bool]:
        at = clock.now()
        found, replayed = await payroll.upload(
            tx,
            key,
            raw,
            payer_account_id=payer_account_id,
            currency=money,
            by=principal,
            at=at,
            day=days.local_day(at, settings.zone),
        )
        return await _payroll_view(tx, found), replayed

    shown, replayed = await db.retry(keep)
    return made(shown, replayed=replayed)


@get(
    "/v1/payrolls",
    guards=[require("payments:read"), require("payments:debit")],
    tags=["payrolls"],
    summary="Payrolls of an account, newest first",
    operation_id="list_payrolls",
    response_description="A page of payrolls.",
    responses=problems(),
)
async def list_payrolls(
    account_id: FromQuery[UUID], db: Db, cursor: Cursor = None, limit: Limit = None
) -> Page[PayrollView]:
    most = paging.limit(limit)
    place = paging.place(cursor, datetime, UUID) or records.NEWEST
    async with db.read() as tx:
        found = await store.payrolls(tx, account_id, (place[0], place[1]), most + 1)
        shown = {one.id: await _payroll_view(tx, one) for one in found[:most]}
    return paging.page(found, most, lambda p: paging.cursor(p.created_at, p.id), lambda p: shown[p.id])


@get(
    "/v1/payrolls/{id:uuid}",
    guards=[require("payments:debit")],
    tags=["payrolls"],
    summary="A payroll and how far it has come",
    operation_id="get_payroll",
    response_description="The payroll.",
    responses=problems(no.PAYROLL_UNKNOWN),
)
async def get_payroll(id: Id, db: Db) -> PayrollView:
    async with db.read() as tx:
        return await _payroll_view(tx, await payroll.find_payroll(tx, id))


@post(
    "/v1/payrolls/{id:uuid}/confirm",
    status_code=200,
    guards=[require("payments:debit")],
    tags=["payrolls"],
    summary="Pay it; asked again, it goes on where it stopped",
    operation_id="confirm_payroll",
    response_description="The payroll: `completed`, or `running` where the bank was busy and a job goes on with it.",
    responses=problems(
        no.PAYROLL_UNKNOWN, no.PAYROLL_NOT_OPEN, no.PAYROLL_EMPTY, no.PAYROLL_HAS_DUPLICATES, write=True
    ),
)
async def confirm_payroll(
    id: Id,
    principal: By,
    db: Db,
    clock: Now,
    intake: Pays,
    data: JSONBody[PayrollConfirmation | None] = None,
) -> PayrollView:
    may_debit(principal)
    duplicates = (data or PayrollConfirmation()).duplicates

    async def decide(tx: Tx) -> model.Payroll:
        return await payroll.confirm_payroll(tx, id, duplicates=duplicates, by=principal, at=clock.now())

    await db.retry(decide)
    await payroll.run_payroll(db, intake, id, clock.now())
    async with db.read() as tx:
        return await _payroll_view(tx, await payroll.find_payroll(tx, id))


@post(
    "/v1/payrolls/{id:uuid}/cancel",
    status_code=200,
    guards=[require("payments:debit")],
    tags=["payrolls"],
    summary="Throw a preview away",
    operation_id="cancel_payroll",
    response_description="The payroll.",
    responses=problems(no.PAYROLL_UNKNOWN, no.PAYROLL_NOT_OPEN, write=True),
)
async def cancel_payroll(
    id: Id, principal: By, db: Db, clock: Now, data: JSONBody[NoOrder | None] = None
) -> PayrollView:
    may_debit(principal)

    async def cancel_it(tx: Tx) -> PayrollView:
        return await _payroll_view(tx, await payroll.cancel_payroll(tx, id, by=principal, at=clock.now()))

    return await db.retry(cancel_it)


_LINE_COLUMNS: Final = (
    Column("line", "Line", "行号", COUNT),
    Column("account_number", "Account number", "账号"),
    Column("amount", "Amount", "金额", MONEY, currency_from="currency", total=True),
    Column("currency", "Currency", "币种", printed=False),
    Column("reference", "Reference", "附言"),
    Column("state", "State", "状态", words=words.line_word),
    Column("code", "Code", "代码", printed=False),
    Column("why", "Why not", "未成功原因"),
    Column("payment_id", "Payment", "付款编号", printed=False),
)


@get(
    "/v1/payrolls/{id:uuid}/lines",
    guards=[require("payments:debit")],
    tags=["payrolls"],
    summary="Lines of a payroll, or only what was not paid; as a file with format=csv, xlsx or pdf",
    operation_id="list_payroll_lines",
    response_description="A page of lines.",
    responses=problems(no.PAYROLL_UNKNOWN, EXPORT_TOO_LARGE, NO_FONT),
)
async def list_payroll_lines(
    id: Id,
    db: Db,
    clock: Now,
    settings: Config,
    failures: FromQuery[bool] = False,
    cursor: Cursor = None,
    limit: Limit = None,
    form: Form = "json",
    lang: ReadersLang = "zh",
) -> Page[PayrollLineView]:
    most = paging.limit(limit)
    place = paging.place(cursor, int)
    async with db.read() as tx:
        found = await payroll.find_payroll(tx, id)
        if form == "json":
            after = place[0] if place else 0
            lines = await store.payroll_lines(
                tx, id, after=max(0, min(after, 2**31 - 1)), failures=failures, most=most + 1
            )
            return paging.page(lines, most, lambda x: paging.cursor(x.line), _line_view)
    return await export(
        _LINE_COLUMNS,
        _line_rows(db, found, form, lang, failures=failures),
        name=f"payroll-{id}",
        form=form,
        title="代发工资明细" if lang == "zh" else "Payroll",
        settings=settings,
        at=clock.now(),
        lang=lang,
    )


def _line_view(x: model.PayrollLine) -> PayrollLineView:
    return PayrollLineView(
        line=x.line,
        account_number=x.account_number,
        account_id=x.account_id,
        amount=x.amount_minor,
        reference=x.reference,
        duplicate_of=x.duplicate_of,
        state=x.state,
        code=x.problem or x.refusal,
        payment_id=x.payment_id,
    )


async def _line_rows(
    db: Database, found: model.Payroll, form: FileForm, lang: Lang, *, failures: bool
) -> AsyncIterator[Sequence[object]]:
    """In the order of _LINE_COLUMNS. In CSV a number has an apostrophe, else a spreadsheet rounds it."""
    after = 0
    while True:
        async with db.read() as tx:
            lines = await store.payroll_lines(tx, found.id, after=after, failures=failures, most=1000)
        for x in lines:
            code = x.problem or x.refusal
            why = words.refusal_word(code, lang) if code else None
            number = f"'{x.account_number}" if form == "csv" else x.account_number
            yield x.line, number, x.amount_minor, found.currency, x.reference, x.state, code, why, x.payment_id
        if len(lines) < 1000:
            return
        after = lines[-1].line


ROUTES: Final[tuple[HTTPRouteHandler, ...]] = (
    upload_payroll,
    list_payrolls,
    get_payroll,
    confirm_payroll,
    cancel_payroll,
    list_payroll_lines,
)
