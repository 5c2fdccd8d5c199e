"""The stance towards risk before staff: what it is, why, how it changed; tightened by one person, eased by two."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal
from uuid import UUID

import msgspec
from litestar import get, post
from litestar.handlers import HTTPRouteHandler

from tongbao.base import approvals
from tongbao.base.approvals import ApprovalState
from tongbao.base.db import Database, Tx
from tongbao.base.refusal import Refusal
from tongbao.base.say import Lang
from tongbao.risk import rule_words, stance_store
from tongbao.risk.propose_rule import MAY_WRITE
from tongbao.risk.stance import EASE, propose_easing, tighten
from tongbao.risk.stance_model import Easing, StanceSet
from tongbao.risk.stance_words import stance_line, stance_word, why_word
from tongbao.web import forms, i18n, pages, tables
from tongbao.web.forms import Filled, Form, Reason
from tongbao.web.listing import Linked, Listing
from tongbao.web.pages import Page, PageRequest
from tongbao.web.site import By, Db, Now, visitor
from tongbao.web.tables import Column

PATH: Final = "/staff/risk/stance"
_MOST: Final = 50

HISTORY: Final = (
    Column("since_at", "Since", "生效时间", tables.MOMENT),
    Column("stance", "Stance towards risk", "风险态势", words=stance_word),
    Column("why", "Reason", "理由"),
)
RAISED: Final = (
    Column("name", "Rule", "规则"),
    Column("action", "What it does", "处置", words=rule_words.action_word),
    Column("condition", "Condition", "条件"),
)


class StanceForm(Form, frozen=True, kw_only=True):
    """`expected`: the change of the stance that the page showed, 0 for none."""

    id: UUID
    expected: Annotated[int, msgspec.Meta(ge=0, lt=2**31)]
    stance: Literal["usual", "tightened"]
    reason: Reason


@get(PATH, guards=[visitor("staff", "risk:read")], include_in_schema=False)
async def stance_page(request: PageRequest, db: Db) -> Page:
    return await _show(request, db, None)


async def _show(request: PageRequest, db: Database, filled: Filled[Any] | None, *, status: int = 200) -> Page:
    lang, zone = pages.language(request), pages.of(request).settings.zone
    async with db.read() as tx:
        found = await stance_store.stances(tx, _MOST)
        raised = await stance_store.raised_rules(tx, _MOST)
        waiting = await approvals.approvals(tx, state=ApprovalState.PROPOSED, kind=EASE)
    now = found[0] if found else None
    return pages.show(
        request,
        "risk/stance.html",
        status=status,
        stance=stance_line(now, lang, zone),
        waiting=waiting,
        raised=Listing(
            columns=RAISED,
            rows=[(Linked(name, f"/staff/risk/rules/{id_}"), action, said) for id_, name, action, said in raised],
            empty=i18n.say("No rule is marked so yet: tightening changes nothing.", lang),
        ),
        history=Listing(
            columns=HISTORY,
            rows=[_row(one, lang) for one in found],
            empty=i18n.say("It was never changed.", lang),
        ),
        form=filled or forms.blank(expected=now.change if now else 0),
    )


def _row(one: StanceSet, lang: Lang) -> tuple[Any, ...]:
    since = Linked(one.since_at, f"/staff/approvals/{one.approval_id}") if one.approval_id else one.since_at
    return since, one.stance.value, why_word(one, lang)


@post(PATH, guards=[visitor("staff", MAY_WRITE)], include_in_schema=False)
async def change_stance(request: PageRequest, db: Db, clock: Now, principal: By) -> Page:
    """Tightens at once, or files the way back for a second person. Whoever was overtaken is told."""
    filled = await forms.read(request, StanceForm)
    wanted = filled.value
    if wanted is None:
        return await _show(request, db, filled, status=422)
    is_easing = wanted.stance == "usual"

    async def work(tx: Tx) -> None:
        if is_easing:
            easing = Easing(expected=wanted.expected)
            await propose_easing(tx, principal, easing, id=wanted.id, reason=wanted.reason, at=clock.now())
        else:
            seen = wanted.expected
            await tighten(tx, principal, id=wanted.id, reason=wanted.reason, expected=seen, at=clock.now())

    try:
        await db.retry(work)
    except Refusal as refusal:
        again = filled.refused(refusal, pages.language(request))
        return await _show(request, db, again, status=refusal.kind.status)
    if is_easing:
        return pages.go(f"/staff/approvals/{wanted.id}", said="Proposed. Another person decides.")
    return pages.go(PATH, said="Tightened. Rules marked so act within a second.")


ROUTES: Final[tuple[HTTPRouteHandler, ...]] = (stance_page, change_stance)
