"""The policy of authorisation: what holds, what waits for a second person, what held before, and the proposing of another."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Final
from uuid import UUID

import msgspec
from litestar import get, post
from litestar.handlers import HTTPRouteHandler

from tongbao import identity, payments
from tongbao.base import approvals, say
from tongbao.base.approvals import Approval, ApprovalState
from tongbao.base.db import Tx
from tongbao.base.refusal import Refusal
from tongbao.base.say import Lang
from tongbao.console import policy_words
from tongbao.payments import Policy, PolicyChange, Rules
from tongbao.web import forms, i18n, pages, paging, tables
from tongbao.web.forms import Form, Reason, SumOrZero
from tongbao.web.listing import Linked, Listing
from tongbao.web.pages import Page, PageRequest
from tongbao.web.site import By, Cursor, Db, Now, visitor
from tongbao.web.tables import Column

COLUMNS: Final = (
    Column("version", "Version", "版本", tables.COUNT),
    Column("since", "In force since", "生效时间", tables.MOMENT),
    Column("changed", "What it changed", "变更内容"),
    Column("reason", "Reason", "理由"),
    Column("proposed_by", "Proposed by", "申请人"),
    Column("approved_by", "Approved by", "审批人"),
)
RULES: Final = (
    Column("rule", "What is bounded", "规则"),
    Column("bound", "Bound", "数值"),
)
WAITING: Final = (
    Column("proposed_at", "Proposed", "申请时间", tables.MOMENT),
    Column("changed", "What it would change", "拟变更内容"),
    Column("reason", "Reason", "理由"),
    Column("by", "By", "申请人"),
)


class PolicyForm(Form, frozen=True):
    """Every figure, as it shall be. `expected`: the version that the page showed."""

    id: UUID
    expected: Annotated[int, msgspec.Meta(ge=1, lt=2**31)]
    reason: Reason
    none_per_payment_minor: SumOrZero
    none_per_day_minor: SumOrZero
    none_from_level: Annotated[int, msgspec.Meta(ge=0, le=3)]
    one_per_payment_minor: SumOrZero
    one_per_day_minor: SumOrZero
    large_above_minor: SumOrZero
    signed_above_minor: SumOrZero
    refuse_above_minor: SumOrZero
    odd_times: Annotated[int, msgspec.Meta(ge=2, le=1_000)]
    odd_after: Annotated[int, msgspec.Meta(ge=1, le=1_000)]
    night_from: Annotated[int, msgspec.Meta(ge=0, le=24)]
    night_until: Annotated[int, msgspec.Meta(ge=0, le=24)]
    changed_within_h: Annotated[int, msgspec.Meta(ge=0, le=24 * 90)]
    two_from_risk: Annotated[int, msgspec.Meta(ge=1, le=1_000)]
    refuse_from_risk: Annotated[int, msgspec.Meta(ge=1, le=1_000)]

    @property
    def rules(self) -> Rules:
        return Rules(**{name: getattr(self, name) for name in Rules.__struct_fields__})


@get("/staff/policy", guards=[visitor("staff", "limits:read")], include_in_schema=False)
async def policy_page(request: PageRequest, db: Db, cursor: Cursor = None) -> Page:
    """What holds stands first, then what waits, then what held before."""
    lang, most = pages.language(request), paging.USUAL
    place = paging.place(cursor, int)
    async with db.read() as tx:
        now = await payments.policy_in_force(tx)
        found = await payments.policies(tx, below=place[0] if place else None, most=most + 1)
        waiting = await approvals.approvals(tx, state=ApprovalState.PROPOSED, kind=payments.SET_POLICY)
        names = await _names(tx, [now, *found], waiting)
        before = {p.version: p for p in await payments.policies(tx, below=found[-1].version, most=1)} if found else {}
        changes = [await policy_words.proposed(tx, a.payload, lang) for a in waiting]
    known = before | {p.version: p for p in found}
    listed = paging.page(found, most, lambda p: paging.cursor(p.version), lambda p: _row(p, known, names, lang))
    waits = [
        (
            Linked(a.proposed_at, f"/staff/approvals/{a.id}"),
            _said(change, lang),
            a.reason,
            _name(a.proposed_by, names, lang),
        )
        for a, change in zip(waiting, changes, strict=True)
    ]
    return pages.show(
        request,
        "console/policy.html",
        now=now,
        rules=Listing(columns=RULES, rows=policy_words.rule_words(now.rules, lang)),
        reason=_reason(now, lang),
        proposed_by=_name(now.proposed_by, names, lang),
        approved_by=_name(now.approved_by, names, lang),
        waiting=Listing(columns=WAITING, rows=waits, empty=i18n.say("Nothing waits for a decision.", lang)),
        versions=Listing(columns=COLUMNS, rows=listed.items, next_cursor=listed.next_cursor),
    )


async def _names(tx: Tx, versions: list[Policy], waiting: list[Approval]) -> dict[UUID, str]:
    people = {i for p in versions for i in (p.proposed_by, p.approved_by) if i} | {a.proposed_by for a in waiting}
    return {i: person.name for i, person in (await identity.find_staff(tx, people)).items()}


def _name(person: UUID | None, names: Mapping[UUID, str], lang: Lang) -> str:
    if person is None:
        return i18n.say("the bank began with it", lang)
    return names.get(person) or str(person)[-8:]


def _reason(p: Policy, lang: Lang) -> str:
    return p.reason if p.proposed_by else i18n.say("the bank began with it", lang)


def _said(changes: list[tuple[str, str]], lang: Lang) -> str:
    between, colon = ("；", "：") if lang == "zh" else ("; ", ": ")
    return between.join(f"{what}{colon}{how}" for what, how in changes)


def _row(p: Policy, known: Mapping[int, Policy], names: Mapping[UUID, str], lang: Lang) -> tuple[Any, ...]:
    older = known.get(p.version - 1)
    changed = _said(policy_words.differences(older.rules, p.rules, lang), lang) if older else None
    people = [_name(person, names, lang) for person in (p.proposed_by, p.approved_by)]
    return (p.version, p.in_force_at, changed, _reason(p, lang), *people)


@get("/staff/policy/new", guards=[visitor("staff", payments.MAY_SET_POLICY)], include_in_schema=False)
async def new_policy(request: PageRequest, db: Db) -> Page:
    """The form with what holds now in it."""
    async with db.read() as tx:
        now = await payments.policy_in_force(tx)
    given = {name: _typed(name, getattr(now.rules, name)) for name in policy_words.RULE_MESSAGES}
    return pages.show(
        request, "console/policy_new.html", form=forms.blank(expected=now.version, **given), **_form(request)
    )


def _typed(name: str, value: int) -> str:
    return say.amount(value, "CNY", grouped=False) if name in policy_words.AMOUNTS else str(value)


def _form(request: PageRequest) -> dict[str, Any]:
    """What the form's labels and choices say."""
    lang = pages.language(request)
    return {
        "labels": {name: i18n.say(said, lang) for name, said in policy_words.RULE_MESSAGES.items()},
        "levels": [(str(level), policy_words.shown("none_from_level", level, lang)) for level in range(4)],
    }


@post("/staff/policy/new", guards=[visitor("staff", payments.MAY_SET_POLICY)], include_in_schema=False)
async def propose_policy(request: PageRequest, db: Db, clock: Now, principal: By) -> Page:
    """The id is the page's, so the form sent twice proposes once. Whoever was overtaken is told, and nothing is lost."""
    filled = await forms.read(request, PolicyForm)
    wanted = filled.value
    if wanted is None:
        return forms.again(request, "console/policy_new.html", filled, **_form(request))

    async def propose(tx: Tx) -> Approval:
        change = PolicyChange(expected=wanted.expected, rules=wanted.rules)
        return await payments.propose_policy(tx, principal, change, id=wanted.id, reason=wanted.reason, at=clock.now())

    try:
        await db.retry(propose)
    except Refusal as refusal:
        again = filled.refused(refusal, pages.language(request))
        status = refusal.kind.status
        return forms.again(request, "console/policy_new.html", again, status=status, **_form(request))
    return pages.go(f"/staff/approvals/{wanted.id}", said="Proposed. Another person decides.")


ROUTES: Final[tuple[HTTPRouteHandler, ...]] = (policy_page, new_policy, propose_policy)
