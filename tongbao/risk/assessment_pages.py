"""What risk knew of a payment when it was judged, for whoever asks why."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal
from uuid import UUID

import msgspec
from litestar import get, post
from litestar.handlers import HTTPRouteHandler

from tongbao.base.db import Database, Tx
from tongbao.base.refusal import Refusal
from tongbao.base.say import Lang
from tongbao.risk import replay_store, stance_store, store
from tongbao.risk.catalogue import names_of, sentence
from tongbao.risk.label import label, labels
from tongbao.risk.label_model import Label, LabelSource
from tongbao.risk.label_words import is_fraud_word, reason_word, source_word
from tongbao.risk.models_explain import explain
from tongbao.risk.models_reason_words import for_and_against, value_word
from tongbao.risk.propose_rule import MAY_WRITE
from tongbao.risk.refusals import ASSESSMENT_UNKNOWN
from tongbao.risk.replay import replay
from tongbao.risk.rule_words import action_word, rule_state_word
from tongbao.risk.stance_words import stance_word
from tongbao.web import forms, pages, tables
from tongbao.web.forms import Filled, Form, Reason
from tongbao.web.listing import Listing
from tongbao.web.pages import Page, PageRequest
from tongbao.web.site import By, Db, Id, Now, visitor
from tongbao.web.tables import Column

COLUMNS: Final = (
    Column("name", "Name", "名称"),
    Column("sentence", "What it says", "含义"),
    Column("value", "Then", "当时的值"),
)
LABELS: Final = (
    Column("said_at", "Said", "时间", tables.MOMENT),
    Column("is_fraud", "What it was", "定性"),
    Column("source", "Who says so", "来源", words=source_word),
    Column("reason", "Reason", "理由"),
)


class LabelForm(Form, frozen=True, kw_only=True):
    """`expected`: the number of the newest label that the page showed, 0 for none."""

    id: UUID
    expected: Annotated[int, msgspec.Meta(ge=0, lt=2**31)]
    verdict: Literal["fraud", "genuine"]
    reason: Reason


@get("/staff/risk/payments/{id:uuid}", guards=[visitor("staff", "risk:read")], include_in_schema=False)
async def assessment_page(request: PageRequest, db: Db, id: Id) -> Page:
    return await _show(request, db, id, None)


@post("/staff/risk/payments/{id:uuid}", guards=[visitor("staff", MAY_WRITE)], include_in_schema=False)
async def label_payment(request: PageRequest, db: Db, id: Id, clock: Now, principal: By) -> Page:
    """Says what the payment was. Whoever was overtaken is told, and nothing that was typed is lost."""
    filled = await forms.read(request, LabelForm)
    wanted = filled.value
    if wanted is None:
        return await _show(request, db, id, filled, status=422)

    async def work(tx: Tx) -> None:
        if await store.assessment(tx, id) is None:
            raise ASSESSMENT_UNKNOWN()
        await label(
            tx,
            id,
            id=wanted.id,
            is_fraud=wanted.verdict == "fraud",
            source=LabelSource.ANALYST,
            reason=wanted.reason,
            by=principal,
            at=clock.now(),
            expected=wanted.expected,
        )

    try:
        await db.retry(work)
    except Refusal as refusal:
        again = filled.refused(refusal, pages.language(request))
        return await _show(request, db, id, again, status=refusal.kind.status)
    return pages.go(f"/staff/risk/payments/{id}", said="Noted. Models learn from it.")


async def _show(request: PageRequest, db: Database, id: UUID, filled: Filled[Any] | None, *, status: int = 200) -> Page:
    async with db.read() as tx:
        found = await store.assessment(tx, id)
        known = await labels(tx, id)
        again = await replay(tx, [id])
        explained = await explain(tx, id)
        past = next(iter(await replay_store.past(tx, [id])), None)
        under = past.under if past else None
        stance = await stance_store.stance_at(tx, under.change) if under else None
    if found is None:
        raise ASSESSMENT_UNKNOWN()
    lang = pages.language(request)
    rows = [
        (name, sentence(name, lang), value_word(name, value, found.currency, lang))
        for name, value in zip(names_of(found.catalogue), found.features, strict=True)
    ]
    return pages.show(
        request,
        "risk/assessment.html",
        status=status,
        found=found,
        again=next(iter(again), None),
        device_state=past.own.get("device_state") if past and past.own else None,
        judged_under=stance_word(stance.value, lang) if stance else "",
        explained=explained,
        voices=[
            (voice, *for_and_against(voice.causes, found.currency, lang))
            for voice in (explained.voices if explained else ())
        ],
        action=action_word(found.action, lang),
        modes={hit.mode: rule_state_word(hit.mode.value, lang) for hit in found.hits},
        table=Listing(columns=COLUMNS, rows=rows),
        known=Listing(columns=LABELS, rows=[_label_row(one, lang) for one in known]),
        verdicts=[(value, is_fraud_word(is_fraud=value == "fraud", lang=lang)) for value in ("fraud", "genuine")],
        form=filled or forms.blank(expected=known[0].number if known else 0, verdict="fraud"),
    )


def _label_row(one: Label, lang: Lang) -> tuple[Any, ...]:
    return one.at, is_fraud_word(is_fraud=one.is_fraud, lang=lang), one.source.value, reason_word(one.reason, lang)


ROUTES: Final[tuple[HTTPRouteHandler, ...]] = (assessment_page, label_payment)
