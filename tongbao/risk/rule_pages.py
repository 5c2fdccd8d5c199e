"""The rules by which payments are judged: which there are, one with its versions, and the proposing of another version."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Final
from uuid import UUID

import msgspec
from litestar import get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import QueryParameter

from tongbao.base import approvals
from tongbao.base.approvals import Approval, ApprovalState
from tongbao.base.db import Database, Tx
from tongbao.base.refusal import Refusal
from tongbao.base.say import Lang
from tongbao.risk import patterns, rule_words, rules, stance_store, trial
from tongbao.risk.expression_error import ExpressionError
from tongbao.risk.patterns_words import proposed
from tongbao.risk.propose_rule import MAY_WRITE, SET_RULE, propose_rule
from tongbao.risk.rule_form import NewRuleForm, RuleForm, choices, given_of, scope_given, wrong_moment
from tongbao.risk.rule_model import Hits, Mode, RuleChange, RuleVersion
from tongbao.risk.stance_words import stance_line
from tongbao.web import forms, i18n, pages, paging, tables
from tongbao.web.forms import Filled
from tongbao.web.listing import Linked, Listing, Marked
from tongbao.web.pages import Page, PageRequest
from tongbao.web.site import By, Cursor, Db, Id, Now, visitor
from tongbao.web.tables import Column

TrialOf = Annotated[UUID | None, QueryParameter(name="trial")]
SearchOf = Annotated[UUID | None, QueryParameter(name="search")]
Numbered = Annotated[int, QueryParameter(name="pattern", ge=1, le=100)]

COLUMNS: Final = (
    Column("name", "Rule", "规则"),
    Column("state", "State", "状态", words=rule_words.rule_state_word),
    Column("action", "What it does", "处置", words=rule_words.action_word),
    Column("points", "Points", "分值", tables.COUNT),
    Column("scope", "Looks at", "适用范围"),
    Column("today", "Met today", "今日命中", tables.COUNT),
    Column("week", "In 7 days", "近 7 天命中", tables.COUNT),
    Column("month", "In 30 days", "近 30 天命中", tables.COUNT),
    Column("version", "Version", "版本", tables.COUNT),
    Column("why", "Reason", "理由"),
)
HITS: Final = (
    Column("mode", "While it", "规则状态", words=rule_words.rule_state_word),
    Column("today", "Met today", "今日命中", tables.COUNT),
    Column("week", "In 7 days", "近 7 天命中", tables.COUNT),
    Column("month", "In 30 days", "近 30 天命中", tables.COUNT),
)
_NONE: Final = Hits(0, 0, 0)
VERSIONS: Final = (
    Column("version", "Version", "版本", tables.COUNT),
    Column("begins_at", "Begins", "开始时间", tables.MOMENT),
    Column("condition", "Condition", "条件"),
    Column("mode", "State", "状态", words=rule_words.rule_state_word),
    Column("action", "What it does", "处置", words=rule_words.action_word),
    Column("points", "Points", "分值", tables.COUNT),
    Column("reason", "Why it was changed", "变更理由"),
)
WAITING: Final = (
    Column("proposed_at", "Proposed", "申请时间", tables.MOMENT),
    Column("name", "Rule", "规则"),
    Column("reason", "Reason", "理由"),
)


@get("/staff/risk/rules", guards=[visitor("staff", "risk:read")], include_in_schema=False)
async def rules_page(request: PageRequest, db: Db, clock: Now) -> Page:
    """What waits for a second person stands below what there is."""
    lang, at = pages.language(request), clock.now()
    async with db.read() as tx:
        found = await rules.rules(tx)
        hits = await rules.hits_lately(tx)
        waiting = await approvals.approvals(tx, state=ApprovalState.PROPOSED, kind=SET_RULE)
    return pages.show(
        request,
        "risk/rules.html",
        table=Listing(
            columns=COLUMNS,
            rows=[_row(version, hits.get(version.rule_id, {}), at, lang) for version in found],
            empty=i18n.say("There is no rule yet.", lang),
        ),
        waiting=_waiting(waiting, lang),
    )


def _row(version: RuleVersion, hits: dict[Mode, Hits], at: datetime, lang: Lang) -> tuple[Any, ...]:
    says, lately = version.says, sum(hits.values(), _NONE)
    return (
        Linked(version.name, f"/staff/risk/rules/{version.rule_id}"),
        Marked(version.state(at)),
        says.action.value,
        says.points,
        rule_words.scope_word(says, lang),
        lately.day,
        lately.week,
        lately.month,
        version.version,
        says.why_zh if lang == "zh" else says.why_en,
    )


def _waiting(waiting: list[Approval], lang: Lang) -> Listing:
    rows = [(Linked(a.proposed_at, f"/staff/approvals/{a.id}"), a.payload["name"], a.reason) for a in waiting]
    return Listing(columns=WAITING, rows=rows, empty=i18n.say("Nothing waits for a decision.", lang))


@get("/staff/risk/rules/new", guards=[visitor("staff", MAY_WRITE)], include_in_schema=False)
async def new_rule(
    request: PageRequest, db: Db, tried: TrialOf = None, search: SearchOf = None, number: Numbered = 1
) -> Page:
    """With `trial`, what was tried stands in it; with `search` and `pattern`, a pattern that was found."""
    lang = pages.language(request)
    given = {"action": "challenge", "mode": "shadow", "points": 20, **await _tried(db, tried)}
    if search is not None:
        async with db.read() as tx:
            found, newer = await patterns.pattern(tx, search, number)
        given |= proposed(found, newer, lang)
    return pages.show(request, "risk/rule_new.html", form=forms.blank(expected=0, **given), **choices(lang))


@post("/staff/risk/rules/new", guards=[visitor("staff", MAY_WRITE)], include_in_schema=False)
async def propose_new(request: PageRequest, db: Db, clock: Now, principal: By) -> Page:
    """The rule takes the id of the page, and so the form sent twice proposes once."""
    filled = await forms.read(request, NewRuleForm)
    done = await _proposed(request, filled, db, clock, principal, None)
    if not isinstance(done, tuple):
        return done
    return forms.again(request, "risk/rule_new.html", done[0], status=done[1], **choices(pages.language(request)))


@get("/staff/risk/rules/{id:uuid}", guards=[visitor("staff", "risk:read")], include_in_schema=False)
async def rule_page(
    request: PageRequest, id: Id, db: Db, clock: Now, cursor: Cursor = None, tried: TrialOf = None
) -> Page:
    return await _show(request, db, id, clock.now(), None, cursor=cursor, tried=await _tried(db, tried))


async def _tried(db: Database, trial_id: UUID | None) -> dict[str, Any]:
    """What stands in the form of a rule that was tried on history: as it was tried."""
    if trial_id is None:
        return {}
    async with db.read() as tx:
        what = (await trial.trial(tx, trial_id)).what
    return {
        "expression": what.expression,
        "action": what.action.value,
        "points": what.points,
        "kind": next(iter(what.kinds), ""),
        "method": next(iter(what.methods), ""),
        **scope_given(what.merchants, what.countries),
    }


async def _show(
    request: PageRequest,
    db: Database,
    id: UUID,
    at: datetime,
    filled: Filled[Any] | None,
    *,
    status: int = 200,
    cursor: str | None = None,
    tried: dict[str, Any] | None = None,
) -> Page:
    lang, most, zone = pages.language(request), paging.USUAL, pages.of(request).settings.zone
    place = paging.place(cursor, int)
    async with db.read() as tx:
        now = await rules.rule(tx, id)
        hits = (await rules.hits_lately(tx, id)).get(id, {})
        found = await rules.rule_versions(tx, id, below=place[0] if place else None, most=most + 1)
        waiting = await approvals.approvals(tx, state=ApprovalState.PROPOSED, kind=SET_RULE)
        stance = await stance_store.newest(tx)
    listed = paging.page(found, most, lambda v: paging.cursor(v.version), _version_row)
    own = [a for a in waiting if a.payload["rule_id"] == str(id)]
    return pages.show(
        request,
        "risk/rule.html",
        status=status,
        rule=now,
        stance=stance_line(stance, lang),
        rule_state=now.state(at),
        rule_state_word=rule_words.rule_state_word(now.state(at), lang),
        facts=rule_words.says_facts(msgspec.structs.replace(now.says, effective_from=now.begins_at), zone, lang),
        versions=Listing(columns=VERSIONS, rows=listed.items, next_cursor=listed.next_cursor),
        waiting=_waiting(own, lang),
        hits=Listing(columns=HITS, rows=[_hits_row(mode, hits) for mode in (Mode.LIVE, Mode.SHADOW)]),
        form=filled or forms.blank(**given_of(now, zone) | (tried or {})),
        **choices(lang),
    )


def _hits_row(mode: Mode, hits: dict[Mode, Hits]) -> tuple[Any, ...]:
    found = hits.get(mode, _NONE)
    return Marked(mode.value), found.day, found.week, found.month


def _version_row(version: RuleVersion) -> tuple[Any, ...]:
    says = version.says
    return (
        Linked(version.version, f"/staff/approvals/{version.approval_id}"),
        version.begins_at,
        says.expression,
        Marked(says.mode.value),
        says.action.value,
        says.points,
        version.reason,
    )


@post("/staff/risk/rules/{id:uuid}", guards=[visitor("staff", MAY_WRITE)], include_in_schema=False)
async def propose_version(request: PageRequest, id: Id, db: Db, clock: Now, principal: By) -> Page:
    """Whoever was overtaken is told, and nothing that was typed is lost."""
    filled = await forms.read(request, RuleForm)
    done = await _proposed(request, filled, db, clock, principal, id)
    if not isinstance(done, tuple):
        return done
    return await _show(request, db, id, clock.now(), done[0], status=done[1])


async def _proposed(
    request: PageRequest, filled: Filled[Any], db: Database, clock: Now, principal: By, rule_id: UUID | None
) -> Page | tuple[Filled[Any], int]:
    """Where the proposal is, or the form again with its status: what is wrong with a condition stands beside it."""
    lang, zone = pages.language(request), pages.of(request).settings.zone
    wanted: RuleForm | None = filled.value
    if wanted is None:
        return filled, 422
    moments = {"effective_from": wanted.effective_from, "effective_until": wanted.effective_until}
    odd = wrong_moment(moments, zone)
    if odd:
        return _wrong(filled, odd, i18n.say("Please type a date within this century.", lang)), 422

    wanted_id = rule_id or wanted.id

    async def propose(tx: Tx) -> Approval:
        says = wanted.says(zone)
        name = wanted.name if isinstance(wanted, NewRuleForm) else (await rules.rule(tx, wanted_id)).name
        rules.check_rule(says, await rules.list_units(tx))
        change = RuleChange(rule_id=wanted_id, name=name, expected=wanted.expected, says=says)
        return await propose_rule(tx, principal, change, id=wanted.id, reason=wanted.reason, at=clock.now())

    try:
        await db.retry(propose)
    except ExpressionError as error:
        return _wrong(filled, "expression", error.said(lang)), 422
    except Refusal as refusal:
        return filled.refused(refusal, lang), refusal.kind.status
    return pages.go(f"/staff/approvals/{wanted.id}", said="Proposed. Another person decides.")


def _wrong(filled: Filled[Any], field: str, sentence: str) -> Filled[Any]:
    return Filled(None, filled.given, {**filled.errors, field: sentence})


ROUTES: Final[tuple[HTTPRouteHandler, ...]] = (rules_page, new_rule, propose_new, rule_page, propose_version)
