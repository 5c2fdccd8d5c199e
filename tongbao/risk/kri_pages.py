"""Key indicators of risk before staff: what they are now, their trend, and the limits that two people set."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal
from uuid import UUID

import msgspec
from litestar import get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath

from tongbao.base import approvals
from tongbao.base.approvals import Approval, ApprovalState
from tongbao.base.db import Database, Tx
from tongbao.base.refusal import Refusal
from tongbao.base.say import Lang
from tongbao.risk import kri, kri_store, stance_store
from tongbao.risk.kri_model import INDICATORS, Breach, Limit, LimitChange, Measured
from tongbao.risk.kri_propose import SET_LIMIT, propose_limit
from tongbao.risk.kri_words import indicator_state_word, indicator_word, sign_of, tightens_word, value_word
from tongbao.risk.propose_rule import MAY_WRITE
from tongbao.risk.refusals import INDICATOR_UNKNOWN
from tongbao.risk.stance_words import stance_line
from tongbao.web import forms, i18n, pages, tables
from tongbao.web.forms import Filled, Form, Reason
from tongbao.web.listing import Linked, Listing, Marked
from tongbao.web.pages import Page, PageRequest
from tongbao.web.site import By, Config, Db, Now, visitor
from tongbao.web.tables import Column

PATH: Final = "/staff/risk/indicators"
_MOST: Final = 50
_At = Annotated[int, msgspec.Meta(ge=1, le=1_000_000)]

COLUMNS: Final = (
    Column("indicator", "Indicator", "指标", words=indicator_word),
    Column("state", "State", "状态", words=indicator_state_word),
    Column("value", "Last seven days", "近 7 天"),
    Column("amber", "Amber from", "黄色起点"),
    Column("red", "Red from", "红色起点"),
    Column("tightens", "Beyond red", "超出红色后", words=tightens_word),
)
TREND: Final = (Column("day", "Day", "日期", tables.DATE), Column("value", "Value", "数值", tables.COUNT))
LIMITS: Final = (
    Column("version", "Version", "版本", tables.COUNT),
    Column("since_at", "Since", "生效时间", tables.MOMENT),
    Column("amber", "Amber from", "黄色起点"),
    Column("red", "Red from", "红色起点"),
    Column("tightens", "Beyond red", "超出红色后", words=tightens_word),
    Column("reason", "Reason", "理由"),
)
TOLD: Final = (
    Column("told_at", "Told", "提示时间", tables.MOMENT),
    Column("indicator", "Indicator", "指标", words=indicator_word),
    Column("state", "State", "状态", words=indicator_state_word),
    Column("value", "Value", "数值"),
)


class LimitForm(Form, frozen=True, kw_only=True):
    """`expected`: the version that the page showed, 0 for none."""

    id: UUID
    expected: Annotated[int, msgspec.Meta(ge=0, lt=2**31)]
    amber: _At
    red: _At
    tightens: Literal["no", "yes"] = "no"
    reason: Reason


@get(PATH, guards=[visitor("staff", "risk:read")], include_in_schema=False)
async def indicators_page(request: PageRequest, db: Db, clock: Now, settings: Config) -> Page:
    lang = pages.language(request)
    async with db.read() as tx:
        found = await kri.measure(tx, at=clock.now(), zone=settings.zone, currency=settings.currency)
        told = await kri_store.breaches(tx, _MOST)
        stance = await stance_store.newest(tx)
    return pages.show(
        request,
        "risk/indicators.html",
        stance=stance_line(stance, lang),
        table=Listing(columns=COLUMNS, rows=[_row(one, lang) for one in found]),
        told=Listing(
            columns=TOLD,
            rows=[_told_row(one, lang) for one in told],
            empty=i18n.say("No indicator went beyond a limit.", lang),
        ),
    )


def _row(one: Measured, lang: Lang) -> tuple[Any, ...]:
    name = one.indicator.name
    return (
        Linked(name, f"{PATH}/{name}"),
        Marked(sign_of(one.state)),
        value_word(name, one.value, lang),
        value_word(name, one.limit.amber if one.limit else None, lang),
        value_word(name, one.limit.red if one.limit else None, lang),
        one.limit.tightens if one.limit else None,
    )


def _told_row(one: Breach, lang: Lang) -> tuple[Any, ...]:
    return one.told_at, one.indicator, Marked(sign_of(one.state)), value_word(one.indicator, one.value, lang)


@get(PATH + "/{name:str}", guards=[visitor("staff", "risk:read")], include_in_schema=False)
async def indicator_page(request: PageRequest, name: FromPath[str], db: Db, clock: Now, settings: Config) -> Page:
    return await _show(request, name, db, clock, settings, None)


async def _show(
    request: PageRequest,
    name: str,
    db: Database,
    clock: Now,
    settings: Config,
    filled: Filled[Any] | None,
    status: int = 200,
) -> Page:
    if name not in INDICATORS:
        raise INDICATOR_UNKNOWN()
    lang = pages.language(request)
    async with db.read() as tx:
        found = await kri.measure(tx, at=clock.now(), zone=settings.zone, currency=settings.currency)
        limits = await kri_store.limits_of(tx, name, _MOST)
        waiting = await approvals.approvals(tx, state=ApprovalState.PROPOSED, kind=SET_LIMIT)
    one = next(one for one in found if one.indicator.name == name)
    now = one.limit
    given = {"amber": now.amber, "red": now.red, "tightens": "yes" if now.tightens else "no"} if now else {}
    return pages.show(
        request,
        "risk/indicator.html",
        status=status,
        one=one,
        named=indicator_word(name, lang),
        sign=sign_of(one.state),
        state_word=indicator_state_word(sign_of(one.state), lang),
        value=value_word(name, one.value, lang),
        is_share=one.indicator.scale != 1,
        trend=Listing(columns=TREND, rows=one.days, chart="line"),
        limits=Listing(
            columns=LIMITS,
            rows=[_limit_row(limit, lang) for limit in limits],
            empty=i18n.say("Nobody has set limits yet.", lang),
        ),
        waiting=[w for w in waiting if w.payload["indicator"] == name],
        ways=[(word, tightens_word(word == "yes", lang)) for word in ("no", "yes")],
        form=filled or forms.blank(expected=now.version if now else 0, **given),
    )


def _limit_row(one: Limit, lang: Lang) -> tuple[Any, ...]:
    amber, red = (value_word(one.indicator, value, lang) for value in (one.amber, one.red))
    version = Linked(one.version, f"/staff/approvals/{one.approval_id}")
    return version, one.since_at, amber, red, one.tightens, one.reason


@post(PATH + "/{name:str}", guards=[visitor("staff", MAY_WRITE)], include_in_schema=False)
async def propose_limits(
    request: PageRequest, name: FromPath[str], db: Db, clock: Now, settings: Config, principal: By
) -> Page:
    """Whoever was overtaken is told, and nothing that was typed is lost."""
    filled = await forms.read(request, LimitForm)
    wanted = filled.value
    if wanted is None:
        return await _show(request, name, db, clock, settings, filled, status=422)

    async def propose(tx: Tx) -> Approval:
        change = LimitChange(
            indicator=name,
            expected=wanted.expected,
            amber=wanted.amber,
            red=wanted.red,
            tightens=wanted.tightens == "yes",
        )
        return await propose_limit(tx, principal, change, id=wanted.id, reason=wanted.reason, at=clock.now())

    try:
        await db.retry(propose)
    except Refusal as refusal:
        if name not in INDICATORS:
            raise
        again = filled.refused(refusal, pages.language(request))
        return await _show(request, name, db, clock, settings, again, status=refusal.kind.status)
    return pages.go(f"/staff/approvals/{wanted.id}", said="Proposed. Another person decides.")


ROUTES: Final[tuple[HTTPRouteHandler, ...]] = (indicators_page, indicator_page, propose_limits)
