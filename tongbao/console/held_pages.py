"""Payments that risk holds: who decides on which, until when, and what becomes of it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import datetime, timedelta
from typing import Annotated, Any, Final, Literal
from uuid import UUID

from litestar import get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import QueryParameter

from tongbao import identity, payments, risk
from tongbao.base.clock import Clock
from tongbao.base.db import Database, Tx
from tongbao.base.principal import Principal
from tongbao.base.refusal import Refusal
from tongbao.base.say import Lang
from tongbao.base.settings import Settings
from tongbao.console import store
from tongbao.console.model import HeldPayment
from tongbao.console.payment_pages import Parties, listing, parties, row
from tongbao.web import export, forms, i18n, pages, paging, tables
from tongbao.web.export import FileForm
from tongbao.web.forms import Filled, Form, Reason
from tongbao.web.listing import Linked, Listing
from tongbao.web.pages import Page, PageRequest
from tongbao.web.site import By, Config, Cursor, Db, Id, Now, visitor
from tongbao.web.tables import Column

COLUMNS: Final = (
    Column("due_at", "Decided until", "最晚审核时间", tables.MOMENT),
    Column("left", "Minutes left", "剩余分钟", tables.COUNT),
    Column("risk", "Risk", "风险分", tables.COUNT),
    Column("amount", "Amount", "金额", tables.MONEY, currency_from="currency"),
    Column("kind", "Kind", "类型", words=payments.kind_word),
    Column("payer", "From", "付款方"),
    Column("payee", "To", "收款方"),
    Column("owner", "With", "经办人"),
    Column("currency", "Currency", "币种"),
    Column("id", "Payment", "付款编号"),
)
_EXPORT_PAGE: Final = 1_000
_LATEST: Final = 8
"""Payments of either side that are shown beside one."""
_WHOSE_MESSAGES: Final = {"mine": "mine", "nobody": "nobody's yet"}
_SIDE_MESSAGES: Final = {"payer": "What the payer did lately", "payee": "What the payee did lately"}


class TakeForm(Form, frozen=True):
    """`seen`: with whom it was when the page was made; empty: with nobody."""

    move: Literal["take", "hand_back"]
    seen: UUID | None = None


class ReleaseForm(Form, frozen=True):
    id: UUID
    reason: Reason


class RefuseForm(Form, frozen=True):
    id: UUID
    why: Reason
    is_fraud: Literal["", "true"] = ""
    freeze: Literal["none", "payer", "payee"] = "none"


Whose = Literal["", "mine", "nobody"]
Order = Literal["", "risk"]


@get("/staff/risk/held", guards=[visitor("staff", "risk:read")], include_in_schema=False)
async def list_page(
    request: PageRequest,
    db: Db,
    clock: Now,
    settings: Config,
    principal: By,
    whose: Annotated[Whose, QueryParameter(name="whose")] = "",
    order: Annotated[Order, QueryParameter(name="order")] = "",
    form: Annotated[FileForm | None, QueryParameter(name="format")] = None,
    cursor: Cursor = None,
) -> Any:
    """The first to end first, or the riskiest."""
    wanted: dict[str, Any] = {"whose": whose or "all", "me": principal.id, "riskiest": order == "risk"}
    if form is not None:
        return await _file(request, db, clock, settings, wanted, form)
    most, at, lang = paging.USUAL, clock.now(), pages.language(request)
    place = paging.place(cursor, int, datetime, UUID)
    async with db.read() as tx:
        after = (place[0], place[1], place[2]) if place else None
        found = await store.held_payments(tx, after=after, most=most + 1, **wanted)
        rows = await _rows(tx, found[:most], at, link=True)
    listed = paging.page(found, most, lambda one: paging.cursor(one.risk, one.due_at, one.payment_id), lambda one: one)
    table = Listing(
        columns=COLUMNS,
        rows=rows,
        next_cursor=listed.next_cursor,
        hidden=("currency", "id"),
        files=("csv", "xlsx", "pdf"),
        empty=i18n.say("No payment is held.", lang),
    )
    choices = [(key, i18n.say(said, lang)) for key, said in _WHOSE_MESSAGES.items()]
    return pages.show(request, "console/held.html", table=table, choices=choices, whose=whose, riskiest=order == "risk")


async def _file(
    request: PageRequest, db: Database, clock: Clock, settings: Settings, wanted: dict[str, Any], form: FileForm
) -> Any:
    """All of them as they are asked for: of what comes and goes while it is read, a row may be missing."""
    at, lang = clock.now(), pages.language(request)

    async def rows() -> AsyncIterator[tuple[Any, ...]]:
        after: tuple[int, datetime, UUID] | None = None
        while True:
            async with db.read() as tx:
                found = await store.held_payments(tx, after=after, most=_EXPORT_PAGE, **wanted)
                shown = await _rows(tx, found, at, link=False)
            for one in shown:
                yield one
            if len(found) < _EXPORT_PAGE:
                return
            after = (found[-1].risk, found[-1].due_at, found[-1].payment_id)

    title = i18n.say("Held payments", lang)
    return await export.export(
        COLUMNS, rows(), name="held", form=form, title=title, settings=settings, at=at, lang=lang
    )


async def _rows(tx: Tx, found: Sequence[HeldPayment], at: datetime, *, link: bool) -> list[tuple[Any, ...]]:
    known = await parties(tx, found)
    owners = await identity.find_staff(tx, {one.taken_by for one in found if one.taken_by})
    return [_row(one, known, owners, at, link=link) for one in found]


def _row(
    one: HeldPayment, known: Parties, owners: dict[UUID, identity.Staff], at: datetime, *, link: bool
) -> tuple[Any, ...]:
    """In the order of COLUMNS; `link` for a page, a plain value for a file."""
    owner = owners.get(one.taken_by) if one.taken_by else None
    return (
        Linked(one.due_at, f"/staff/risk/held/{one.payment_id}") if link else one.due_at,
        max(0, (one.due_at - at) // timedelta(minutes=1)),
        one.risk,
        one.amount_minor,
        one.kind,
        known.payer(one),
        known.payee(one),
        owner.name if owner else None,
        one.currency,
        str(one.payment_id),
    )


@get("/staff/risk/held/{id:uuid}", guards=[visitor("staff", "risk:read")], include_in_schema=False)
async def held_page(request: PageRequest, id: Id, db: Db, settings: Config, principal: By) -> Page:
    return await _show(request, db, settings, id, principal)


async def _show(
    request: PageRequest,
    db: Database,
    settings: Settings,
    id: UUID,
    principal: Principal,
    *,
    releasing: Filled[Any] | None = None,
    refusing: Filled[Any] | None = None,
    refused: str | None = None,
    status: int = 200,
) -> Page:
    """One held payment, or one that was; `refused`: what was asked and cannot be."""
    lang = pages.language(request)
    async with db.read() as tx:
        shown = await _facts(tx, id, principal, lang)
        latest = await _latest(tx, shown["payment"], settings, lang)
    return pages.show(
        request,
        "console/held_payment.html",
        status=status,
        **shown,
        latest=latest,
        releasing=releasing or forms.blank(),
        refusing=refusing or forms.blank(),
        refused=refused,
    )


async def _facts(tx: Tx, id: UUID, principal: Principal, lang: Lang) -> dict[str, Any]:
    payment = (await payments.find_payments(tx, [id])).get(id)
    if payment is None:
        raise payments.PAYMENT_UNKNOWN()
    waiting = await store.held_payments(tx, whose="all", me=principal.id, after=None, most=1, id=id)
    known = await parties(tx, [payment])
    owner_id = waiting[0].taken_by if waiting else None
    return {
        "payment": payment,
        "state": payments.state_word(payment.state, lang),
        "kind": payments.kind_word(payment.kind, lang),
        "payer": known.payer(payment),
        "payee": known.payee(payment),
        "is_held": bool(waiting),
        "owner": (await identity.find_staff(tx, {owner_id})).get(owner_id) if owner_id else None,
        "owner_id": owner_id,
        "is_mine": owner_id == principal.id,
        "said_by_rules": await risk.sayings(tx, id, lang),
        "risk": (await risk.risks_of(tx, [id])).get(id),
        "freezable": _freezable(payment, lang, may_freeze="accounts:freeze" in principal.permissions),
    }


async def _latest(tx: Tx, payment: payments.Payment, settings: Settings, lang: Lang) -> list[tuple[str, Listing]]:
    """What either side paid and was paid lately, this payment left out; a shop has too much trade to say anything by it."""
    found: list[tuple[str, Listing]] = []
    sides = {"payer": payment.payer_account_id, "payee": None if payment.merchant_id else payment.payee_account_id}
    for side, account_id in sides.items():
        if account_id is None or account_id == payments.OUTSIDE:
            continue
        wanted = payments.Filter(account_id=account_id)
        newest = await payments.list_payments(tx, wanted, settings.zone, most=_LATEST + 1)
        others = [one for one in newest if one.id != payment.id][:_LATEST]
        known = await parties(tx, others)
        table = listing([row(one, known, link=True) for one in others])
        found.append((i18n.say(_SIDE_MESSAGES[side], lang), table))
    return found


def _freezable(payment: payments.Payment, lang: Lang, *, may_freeze: bool) -> list[tuple[str, str]]:
    """Whose account may be frozen with the refusal: a shop's takings may not."""
    found = [("none", i18n.say("no account", lang))]
    if may_freeze:
        found.append(("payer", i18n.say("the payer's account: he has been robbed, or is being urged", lang)))
        if payment.merchant_id is None:
            found.append(("payee", i18n.say("the payee's account: it collects for others", lang)))
    return found


@post("/staff/risk/held/{id:uuid}/take", guards=[visitor("staff", "risk:write")], include_in_schema=False)
async def take(request: PageRequest, id: Id, db: Db, clock: Now, settings: Config, principal: By) -> Page:
    """Takes a payment upon oneself, also from somebody else; or hands it back."""
    filled = await forms.read(request, TakeForm)
    wanted = filled.value
    if wanted is None:
        return await _show(
            request, db, settings, id, principal, status=422, refused=filled.errors[next(iter(filled.errors))]
        )
    to = principal.id if wanted.move == "take" else None
    try:
        await db.retry(lambda tx: payments.take_held(tx, principal, id, to=to, seen=wanted.seen, at=clock.now()))
    except Refusal as refusal:
        said = refusal.kind.zh if pages.language(request) == "zh" else refusal.kind.en
        return await _show(request, db, settings, id, principal, status=refusal.kind.status, refused=said)
    return pages.go(f"/staff/risk/held/{id}", said="It is with you now." if to else "Handed back: nobody has it now.")


@post("/staff/risk/held/{id:uuid}/release", guards=[visitor("staff", "risk:write")], include_in_schema=False)
async def release(request: PageRequest, id: Id, db: Db, clock: Now, settings: Config, principal: By) -> Page:
    """Proposes that the payment goes on; it does when another person approves."""
    filled = await forms.read(request, ReleaseForm)
    wanted = filled.value
    if wanted is None:
        return await _show(request, db, settings, id, principal, releasing=filled, status=422)
    try:
        await db.retry(
            lambda tx: payments.propose_release(tx, principal, id, id=wanted.id, reason=wanted.reason, at=clock.now())
        )
    except Refusal as refusal:
        again = filled.refused(refusal, pages.language(request))
        return await _show(request, db, settings, id, principal, releasing=again, status=refusal.kind.status)
    return pages.go(f"/staff/approvals/{wanted.id}", said="Proposed. Another person decides.")


@post("/staff/risk/held/{id:uuid}/refuse", guards=[visitor("staff", "risk:write")], include_in_schema=False)
async def refuse(request: PageRequest, id: Id, db: Db, clock: Now, settings: Config, principal: By) -> Page:
    """Refuses the payment; with it, where wanted, labels it as fraud, and before it freezes an account."""
    filled = await forms.read(request, RefuseForm)
    wanted = filled.value
    if wanted is None:
        return await _show(request, db, settings, id, principal, refusing=filled, status=422)

    at = clock.now()

    async def freeze(tx: Tx) -> None:
        await _freeze(tx, id, wanted, principal, at)

    async def decide(tx: Tx) -> None:
        await payments.refuse_held(tx, principal, id, id=wanted.id, reason=wanted.why, at=at, zone=settings.zone)
        if wanted.is_fraud:
            source = risk.LabelSource.ANALYST
            await risk.label(tx, id, id=wanted.id, is_fraud=True, source=source, reason=wanted.why, by=principal, at=at)

    try:
        if wanted.freeze != "none":
            # By itself, since accounts are locked last; first, since what fails after it leaves the money where it is.
            await db.retry(freeze)
        await db.retry(decide)
    except Refusal as refusal:
        again = filled.refused(refusal, pages.language(request))
        return await _show(request, db, settings, id, principal, refusing=again, status=refusal.kind.status)
    return pages.go(f"/staff/payments/{id}", said="Refused. The payer has the money back.")


async def _freeze(tx: Tx, id: UUID, wanted: RefuseForm, principal: Principal, at: datetime) -> None:
    payment = (await payments.find_payments(tx, [id])).get(id)
    if payment is None:
        raise payments.PAYMENT_UNKNOWN()
    if payment.state != payments.State.HELD:
        raise payments.NOT_HELD()
    account_id = payment.payer_account_id if wanted.freeze == "payer" else payment.payee_account_id
    assert account_id is not None
    principal.require("accounts:freeze")
    found = (await identity.find_accounts(tx, {account_id})).get(account_id)
    if found is not None and found.status != identity.Standing.FROZEN:
        await identity.freeze_account(tx, account_id, reason=wanted.why, by=principal, at=at)


ROUTES: Final[tuple[HTTPRouteHandler, ...]] = (list_page, held_page, take, release, refuse)
