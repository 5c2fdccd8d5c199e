"""What a customer does for his own safety: lower limits, an account frozen at once, every session ended."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Final, Literal, cast

import msgspec
from litestar import get, post
from litestar.handlers import HTTPRouteHandler

from tongbao import identity
from tongbao.base import days, say
from tongbao.base.db import Database, Tx
from tongbao.base.principal import Principal
from tongbao.base.refusal import Refusal
from tongbao.base.say import Lang
from tongbao.identity import Product
from tongbao.payments.model import AccountLimits, Limits
from tongbao.payments.own_accounts import own_accounts
from tongbao.payments.set_limits import limits_of, set_own_limit
from tongbao.web import forms, i18n, pages, session
from tongbao.web.body import Headers
from tongbao.web.forms import Filled, Form, SumOrZero
from tongbao.web.pages import Page, PageRequest
from tongbao.web.site import By, Config, Db, Now, door_of, visitor

LIMIT_MESSAGES: Final = {
    "per_payment": "One payment",
    "per_day": "A day",
    "per_month": "A month",
    "count_per_day": "Payments a day",
    "count_per_month": "Payments a month",
}
"""What limits are called, in the order of the fields of `Limits`."""

REASON_MESSAGES: Final = {
    "lost": "My telephone or computer is lost.",
    "payment": "There is a payment that I did not make.",
    "told": "Somebody else knows how to get into my account.",
    "other": "Another reason",
}

Count = Annotated[int, msgspec.Meta(ge=0, le=1_000_000_000)]


class OwnLimits(Form, frozen=True):
    """Every limit anew; what is left empty is no limit. `expected`: those that the page showed."""

    account: str
    expected: str
    per_payment: SumOrZero | None = None
    per_day: SumOrZero | None = None
    per_month: SumOrZero | None = None
    count_per_day: Count | None = None
    count_per_month: Count | None = None

    def limits(self) -> Limits:
        return Limits(self.per_payment, self.per_day, self.per_month, self.count_per_day, self.count_per_month)


class Freeze(Form, frozen=True):
    account: str
    why: Literal["lost", "payment", "told", "other"]
    more: Annotated[str, msgspec.Meta(max_length=300)] = ""


@get("/me/safety", guards=[visitor("me", "me:read")], include_in_schema=False)
async def safety_page(request: PageRequest, principal: By, db: Db, clock: Now, settings: Config) -> Page:
    day = days.local_day(clock.now(), settings.zone)
    return await _show(request, principal, db, day, account=request.query_params.get("account"))


@post("/me/safety/limits", guards=[visitor("me", "me:pay")], include_in_schema=False)
async def set_limits(request: PageRequest, principal: By, db: Db, clock: Now, settings: Config) -> Page:
    lang, at = pages.language(request), clock.now()
    day = days.local_day(at, settings.zone)
    given = await forms.posted(request)
    async with db.read() as tx:
        own = await own_accounts(tx, principal, given.get("account") or "-")
        assert own is not None
    account = own.chosen.account
    filled = forms.convert(request, OwnLimits, given, currency=account.currency)
    wanted = filled.value
    if wanted is None:
        return await _show(request, principal, db, day, account=str(account.id), limits_form=filled)

    async def write(tx: Tx) -> bool:
        if _print(await limits_of(tx, account.id, day)) != wanted.expected:
            return False
        await set_own_limit(tx, account.id, wanted.limits(), by=principal, at=at, day=day)
        return True

    try:
        done = await db.retry(write)
    except Refusal as refusal:
        again = filled.refused(refusal, lang)
        return await _show(
            request, principal, db, day, account=str(account.id), limits_form=again, status=refusal.kind.status
        )
    if not done:
        said = i18n.say("These limits were changed meanwhile, in another tab. Look at them again, then decide.", lang)
        stale = Filled(None, {}, {"": said})
        return await _show(request, principal, db, day, account=str(account.id), limits_form=stale, status=409)
    return pages.go(f"/me/safety{own.query}", said="Your limits hold from now on.")


@post("/me/safety/freeze", guards=[visitor("me", "me:pay")], include_in_schema=False)
async def freeze(request: PageRequest, principal: By, db: Db, clock: Now, settings: Config) -> Page:
    lang, at = pages.language(request), clock.now()
    given = await forms.posted(request)
    async with db.read() as tx:
        own = await own_accounts(tx, principal, given.get("account") or "-")
        assert own is not None
    account = own.chosen.account
    filled = forms.convert(request, Freeze, given)
    show: Any = {"account": str(account.id), "freeze_form": filled}
    day = days.local_day(at, settings.zone)
    if filled.value is None:
        return await _show(request, principal, db, day, **show)
    why = i18n.say(REASON_MESSAGES[filled.value.why], lang)
    reason = f"{why} {filled.value.more}".strip()

    async def write(tx: Tx) -> None:
        await identity.freeze_account(tx, account.id, reason=reason, by=principal, at=at)

    try:
        await db.retry(write)
    except Refusal as refusal:
        show["freeze_form"] = filled.refused(refusal, lang)
        return await _show(request, principal, db, day, status=refusal.kind.status, **show)
    return pages.go(f"/me/safety{own.query}", said="The account is frozen. Nobody can pay from it.")


@post("/me/safety/logout", guards=[visitor("me", "me:read")], include_in_schema=False)
async def log_out_everywhere(request: PageRequest, principal: By, db: Db, clock: Now, settings: Config) -> Page:
    reason = i18n.say("The customer logged out everywhere.", pages.language(request))

    async def write(tx: Tx) -> None:
        assert principal.subject_id is not None
        holder = principal.subject_id
        await identity.log_out_everywhere(
            tx, holder, reason=reason, by=principal, at=clock.now(), lang=pages.language(request)
        )

    await db.retry(write)
    door_of(request).forget()
    response = pages.go("/", said="You are logged out, here and everywhere else.")
    on_loopback = session.is_loopback(cast("Headers", request.scope["headers"]))
    secure = settings.env == "production" or not on_loopback
    response.headers["set-cookie"] = session.ended(secure=secure, name=session.NAMES["me"])
    response.headers.update(session.CLEARED)
    return response


async def _show(
    request: PageRequest,
    principal: Principal,
    db: Database,
    day: date,
    *,
    account: str | None,
    limits_form: Filled[Any] | None = None,
    freeze_form: Filled[Any] | None = None,
    status: int = 422,
) -> Page:
    lang = pages.language(request)
    async with db.read() as tx:
        own = await own_accounts(tx, principal, account)
        found = await limits_of(tx, own.chosen.account.id, day) if own else None
        assert principal.subject_id is not None
        recovering = await identity.open_recovery(tx, principal.subject_id, at=pages.of(request).clock.now())
        cautious = await identity.cautious_until(tx, principal.subject_id)
        restricted = await identity.restriction_of(tx, principal.subject_id)
        has = (await identity.factors_of(tx, [principal.subject_id]))[principal.subject_id]
    if own is None or found is None:
        return pages.show(
            request,
            "payments/me_safety.html",
            own=None,
            recovering=recovering,
            cautious=cautious,
            restricted=restricted,
        )
    found.spending.roll(day)
    if limits_form is None or not limits_form.given:
        limits_form = Filled(None, _given(found), limits_form.errors if limits_form else {})
    return pages.show(
        request,
        "payments/me_safety.html",
        status=status if limits_form.errors or (freeze_form and freeze_form.errors) else 200,
        own=own,
        one_sort=identity.one_sort_only(has),
        recovering=recovering,
        cautious=cautious,
        restricted=restricted,
        level=found.level.level,
        limits=_lines(found, lang),
        expected=_print(found),
        limits_form=limits_form,
        freeze_form=freeze_form or forms.blank(why="lost"),
        reasons=[(key, i18n.say(REASON_MESSAGES[key], lang)) for key in REASON_MESSAGES],
        may_freeze=own.chosen.is_open and own.chosen.account.product is Product.CURRENT,
    )


class LimitLine(msgspec.Struct, frozen=True):
    """One limit: the bank's, and what is used of it; None: there is no such limit."""

    key: str
    title: str
    is_money: bool
    bank: int | None
    used: int | None


def _lines(found: AccountLimits, lang: Lang) -> list[LimitLine]:
    spent = found.spending
    used = (None, spent.day_minor, spent.month_minor, spent.day_count, spent.month_count)
    banks = msgspec.structs.astuple(found.bank)
    return [
        LimitLine(key, i18n.say(LIMIT_MESSAGES[key], lang), not key.startswith("count"), bank, so_far)
        for key, bank, so_far in zip(LIMIT_MESSAGES, banks, used, strict=True)
    ]


def _given(found: AccountLimits) -> dict[str, str]:
    """The customer's own limits as they stand in the form."""
    return {key: text for key, text in zip(LIMIT_MESSAGES, _texts(found), strict=True) if text}


def _texts(found: AccountLimits) -> list[str]:
    own = msgspec.structs.astuple(found.own)
    return [
        ""
        if value is None
        else str(value)
        if key.startswith("count")
        else say.amount(value, found.currency, grouped=False)
        for key, value in zip(LIMIT_MESSAGES, own, strict=True)
    ]


def _print(found: AccountLimits) -> str:
    """What tells one state of a customer's own limits from another."""
    return "/".join(_texts(found))


ROUTES: Final[tuple[HTTPRouteHandler, ...]] = (safety_page, set_limits, freeze, log_out_everywhere)
