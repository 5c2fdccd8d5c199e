"""The models: which there are, how each one did, what it is there for, and the proposing of another use."""

from __future__ import annotations

from typing import Annotated, Any, Final
from uuid import UUID

import msgspec
from litestar import get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath

from tongbao.base import approvals, say
from tongbao.base.approvals import Approval, ApprovalState
from tongbao.base.db import Database, Tx
from tongbao.base.refusal import Refusal
from tongbao.base.say import Lang
from tongbao.risk import models, models_charts, models_watch, models_words
from tongbao.risk.models_model import ModelChange, Registered, Role, RoleHeld, Stopped
from tongbao.risk.models_propose import SET_MODEL, propose_model
from tongbao.risk.propose_rule import MAY_WRITE
from tongbao.web import forms, i18n, pages, paging, tables
from tongbao.web.forms import Filled, Form, Reason
from tongbao.web.listing import Linked, Listing, Marked
from tongbao.web.pages import Page, PageRequest
from tongbao.web.site import By, Cursor, Db, Now, visitor
from tongbao.web.tables import Column

PATH: Final = "/staff/risk/models"
COLUMNS: Final = (
    Column("number", "Model", "模型", tables.COUNT),
    Column("role", "What it is there for", "用途", words=models_words.role_word),
    Column("until", "Learned until", "训练数据截至", tables.MOMENT),
    Column("payments", "Payments learned from", "训练样本笔数", tables.COUNT),
    Column("frauds", "Frauds among them", "其中欺诈笔数", tables.COUNT),
    Column("auc", "ROC area", "ROC 曲线下面积"),
    Column("precision", "Average precision", "平均精度"),
    Column("trained_at", "Trained", "训练时间", tables.MOMENT),
)
ROLES: Final = (
    Column("since_at", "Since", "起始时间", tables.MOMENT),
    Column("model", "Model", "模型", tables.COUNT),
    Column("role", "What it was there for", "用途", words=models_words.role_word),
    Column("reason", "Reason", "理由"),
)
WAITING: Final = (
    Column("proposed_at", "Proposed", "申请时间", tables.MOMENT),
    Column("model", "Model", "模型", tables.COUNT),
    Column("role", "What it would be there for", "申请用途", words=models_words.role_word),
    Column("reason", "Reason", "理由"),
)


class RoleForm(Form, frozen=True, kw_only=True):
    """`expected`: the place of the newest role of all that the page showed, 0 for none."""

    id: UUID
    expected: Annotated[int, msgspec.Meta(ge=0, lt=2**31)]
    role: Role
    reason: Reason


@get(PATH, guards=[visitor("staff", "risk:read")], include_in_schema=False)
async def models_page(request: PageRequest, db: Db, cursor: Cursor = None) -> Page:
    """The newest first; and the champion before this one, to go back to."""
    lang, most = pages.language(request), paging.USUAL
    place = paging.place(cursor, int)
    async with db.read() as tx:
        found = await models.models(tx, below=place[0] if place else None, most=most + 1)
        held = await models.roles(tx)
        waiting = await approvals.approvals(tx, state=ApprovalState.PROPOSED, kind=SET_MODEL)
        beside = await models_watch.side_by_side(tx)
    listed = paging.page(found, most, lambda m: paging.cursor(m.number), _row)
    return pages.show(
        request,
        "risk/models.html",
        table=Listing(
            columns=COLUMNS,
            rows=listed.items,
            next_cursor=listed.next_cursor,
            empty=i18n.say("No model has been trained yet.", lang),
        ),
        held=Listing(columns=ROLES, rows=[_held_row(one) for one in held]),
        waiting=_waiting(waiting, lang),
        against=_against(beside),
        back=before_champion(held),
        expected=held[0].place if held else 0,
    )


def _uses(model: Registered) -> list[Role]:
    fit = (Role.OUTLIER,) if model.facts.kind == "isolation" else (Role.CHAMPION, Role.CHALLENGER)
    return [
        role for role in (*fit, Role.RETIRED) if role is not model.role and (model.role or role is not Role.RETIRED)
    ]


def _against(beside: tuple[int, int, list[Stopped]] | None) -> dict[str, Any] | None:
    if beside is None:
        return None
    one, other, stopped = beside
    newest = stopped[0]
    return {
        "champion": one,
        "challenger": other,
        "payments": newest.payments,
        "frauds": newest.frauds,
        "table": models_charts.against(stopped),
    }


def before_champion(held: list[RoleHeld]) -> int | None:
    """The newest champion that is none any more: who was before the present one, or the last one where there is none."""
    now: dict[int, Role] = {}
    for one in held:
        now.setdefault(one.model, one.role)
    was = (one.model for one in held if one.role is Role.CHAMPION)
    return next((model for model in was if now[model] is not Role.CHAMPION), None)


def _row(model: Registered) -> tuple[Any, ...]:
    facts = model.facts
    return (
        Linked(model.number, f"{PATH}/{model.number}"),
        Marked(model.role.value if model.role else models_words.CANDIDATE),
        model.trained_until,
        facts.learned.payments,
        facts.learned.frauds,
        models_words.measure_word(facts.auc),
        models_words.measure_word(facts.average_precision),
        model.trained_at,
    )


def _held_row(one: RoleHeld) -> tuple[Any, ...]:
    return (
        Linked(one.since_at, f"/staff/approvals/{one.approval_id}"),
        Linked(one.model, f"{PATH}/{one.model}"),
        Marked(one.role.value),
        one.reason,
    )


def _waiting(waiting: list[Approval], lang: Lang) -> Listing:
    rows = [
        (Linked(a.proposed_at, f"/staff/approvals/{a.id}"), a.payload["model"], Marked(a.payload["role"]), a.reason)
        for a in waiting
    ]
    return Listing(columns=WAITING, rows=rows, empty=i18n.say("Nothing waits for a decision.", lang))


@get(PATH + "/{number:int}", guards=[visitor("staff", "risk:read")], include_in_schema=False)
async def model_page(request: PageRequest, number: FromPath[int], db: Db) -> Page:
    return await _show(request, db, number, None)


async def _show(
    request: PageRequest, db: Database, number: int, filled: Filled[Any] | None, *, status: int = 200
) -> Page:
    lang, zone = pages.language(request), pages.of(request).settings.zone
    async with db.read() as tx:
        found = await models.model(tx, number)
        held = await models.roles(tx)
        waiting = await approvals.approvals(tx, state=ApprovalState.PROPOSED, kind=SET_MODEL)
        now = await models_watch.drift(tx, found.facts)
    facts, role = found.facts, found.role.value if found.role else models_words.CANDIDATE
    about = [
        *models_words.figures(found, zone, lang),
        (i18n.say("Trees by", lang), facts.library),
        (i18n.say("Catalogue", lang), i18n.say("version %(version)s", lang, version=found.catalogue)),
        (i18n.say("Size", lang), i18n.say("%(bytes)s bytes", lang, bytes=say.count(found.size, lang))),
        ("SHA-256", found.sha256.hex()),
    ]
    return pages.show(
        request,
        "risk/model.html",
        status=status,
        number=number,
        role=role,
        role_sentence=models_words.role_sentence(role, lang),
        facts=about,
        roc=models_charts.roc(facts),
        precision_recall=models_charts.precision_recall(facts),
        calibration=models_charts.calibration(facts),
        thresholds=models_charts.thresholds(facts),
        inputs=models_charts.inputs(facts, lang, now.inputs),
        drift=now,
        waiting=_waiting([a for a in waiting if a.payload["model"] == number], lang),
        uses=[(r.value, models_words.role_sentence(r.value, lang)) for r in _uses(found)],
        form=filled or forms.blank(expected=held[0].place if held else 0, role=_uses(found)[0].value),
    )


@post(PATH + "/{number:int}", guards=[visitor("staff", MAY_WRITE)], include_in_schema=False)
async def propose_use(request: PageRequest, number: FromPath[int], db: Db, clock: Now, principal: By) -> Page:
    """Whoever was overtaken is told, and nothing that was typed is lost."""
    filled = await forms.read(request, RoleForm)
    wanted = filled.value
    if wanted is None:
        return await _show(request, db, number, filled, status=422)

    async def propose(tx: Tx) -> Approval:
        change = ModelChange(model=number, role=wanted.role, expected=wanted.expected)
        return await propose_model(tx, principal, change, id=wanted.id, reason=wanted.reason, at=clock.now())

    try:
        await db.retry(propose)
    except Refusal as refusal:
        again = filled.refused(refusal, pages.language(request))
        return await _show(request, db, number, again, status=refusal.kind.status)
    return pages.go(f"/staff/approvals/{wanted.id}", said="Proposed. Another person decides.")


ROUTES: Final[tuple[HTTPRouteHandler, ...]] = (models_page, model_page, propose_use)
