"""Try a rule on history: ask for it, watch it, read what it would have met."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal
from uuid import UUID

import msgspec
from litestar import get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import QueryParameter

from tongbao.base import days
from tongbao.base.db import Database, Tx
from tongbao.base.ids import derived
from tongbao.base.refusal import Refusal
from tongbao.risk import patterns, rules, trial, trial_words
from tongbao.risk.expression_error import ExpressionError
from tongbao.risk.propose_rule import MAY_WRITE
from tongbao.risk.rule_form import Scope, choices, given_of, read_countries, read_merchants
from tongbao.risk.rule_model import Action, RuleVersion
from tongbao.risk.trial_model import Result, Trial, Tried
from tongbao.web import forms, pages, tables
from tongbao.web.forms import Filled, Form
from tongbao.web.listing import Linked, Listing, Marked
from tongbao.web.pages import Page, PageRequest
from tongbao.web.site import By, Db, Id, Now, visitor
from tongbao.web.tables import Column

_DAYS: Final = 30
TRIALS: Final = (
    Column("asked_at", "Asked for", "发起时间", tables.MOMENT),
    Column("rule", "Rule", "规则"),
    Column("condition", "Condition", "条件"),
    Column("state", "State", "状态", words=trial_words.trial_state_word),
    Column("hits", "Meets", "命中笔数", tables.COUNT),
    Column("precision", "Precision", "精确率"),
)
FIGURES: Final = (
    Column("figure", "Figure", "指标"),
    Column("new", "As tried", "试算条件"),
    Column("now", "As it stands", "现行版本"),
)
DAYS: Final = (
    Column("day", "Day", "日期", tables.DATE),
    Column("new", "As tried", "试算条件", tables.COUNT),
    Column("now", "As it stands", "现行版本", tables.COUNT),
)
OVERLAPS: Final = (
    Column("rule", "Other rule", "其他规则"),
    Column("theirs", "It met then", "当时命中", tables.COUNT),
    Column("both", "Both meet", "共同命中", tables.COUNT),
    Column("share", "Share of what is tried", "占试算命中的比例"),
)
Of = Annotated[UUID | None, QueryParameter(name="rule")]
SearchOf = Annotated[UUID | None, QueryParameter(name="search")]
Numbered = Annotated[int, QueryParameter(name="pattern", ge=1, le=100)]


class TrialForm(Form, frozen=True, kw_only=True):
    """A kind or a method that is empty: all of them. The form of a rule holds more, of which nothing is tried."""

    id: UUID
    expression: Annotated[str, msgspec.Meta(min_length=1, max_length=2_000)]
    action: Action
    points: Annotated[int, msgspec.Meta(ge=0, le=100)]
    kind: Literal["payment", "transfer"] | None = None
    method: Literal["account", "qr", "card", "api"] | None = None
    merchants: Scope = ""
    countries: Scope = ""
    days: Annotated[int, msgspec.Meta(ge=1, le=trial.MOST_DAYS)] = _DAYS
    expected: str = ""
    name: str = ""
    mode: str = ""
    effective_from: str = ""
    effective_until: str = ""
    why_en: str = ""
    why_zh: str = ""
    told_en: str = ""
    told_zh: str = ""
    reason: str = ""


@get("/staff/risk/trials", guards=[visitor("staff", "risk:read")], include_in_schema=False)
async def trials_page(
    request: PageRequest, db: Db, of: Of = None, search: SearchOf = None, number: Numbered = 1
) -> Page:
    """What was tried, and the form to try something; with `rule`, or with `search` and `pattern`, its condition stands in it."""
    if search is None:
        return await _show(request, db, of, None)
    async with db.read() as tx:
        found, _ = await patterns.pattern(tx, search, number)
    form = forms.blank(expression=found.expression, days=_DAYS, **_given(None, None))
    return await _show(request, db, None, form)


async def _show(
    request: PageRequest, db: Database, of: UUID | None, form: Filled[Any] | None, status: int = 200
) -> Page:
    lang, zone = pages.language(request), pages.of(request).settings.zone
    async with db.read() as tx:
        found = await trial.trials(tx)
        rule = await rules.rule(tx, of) if of else None
    return pages.show(
        request,
        "risk/trials.html",
        status=status,
        table=Listing(columns=TRIALS, rows=[_row(one) for one in found]),
        rule=rule,
        form=form or forms.blank(**_given(rule, zone), days=_DAYS),
        **choices(lang),
    )


def _given(rule: RuleVersion | None, zone: Any) -> dict[str, Any]:
    return given_of(rule, zone) if rule else {"action": "challenge", "points": 20}


def _row(one: Trial) -> tuple[Any, ...]:
    new = one.result.new if one.result else None
    return (
        Linked(one.asked_at, f"/staff/risk/trials/{one.id}"),
        one.what.name or None,
        one.what.expression,
        Marked(trial_words.state_of(one)),
        new.hits if new else None,
        trial_words.share(new.frauds, new.hits) if new else None,
    )


@post("/staff/risk/trials", guards=[visitor("staff", MAY_WRITE)], include_in_schema=False)
async def try_rule(request: PageRequest, db: Db, clock: Now, principal: By, of: Of = None) -> Page:
    """From this page's form, or from that of a rule. The same form with the same words is one trial, with others another."""
    lang = pages.language(request)
    filled = await forms.read(request, TrialForm)
    wanted = filled.value
    if wanted is None:
        return await _show(request, db, of, filled, 422)

    async def ask(tx: Tx) -> UUID:
        rule = await rules.rule(tx, of) if of else None
        what = _tried(wanted, rule, *trial.span((await days.current(tx)).open_date, wanted.days))
        rules.check_scoped(what, await rules.list_units(tx))
        id_ = derived(wanted.id, f"risk.trial {msgspec.json.encode(what).decode()}")
        await trial.ask_trial(tx, principal, what, id=id_, at=clock.now())
        return id_

    try:
        id_ = await db.retry(ask)
    except ExpressionError as error:
        return await _show(request, db, of, _wrong(filled, "expression", error.said(lang)), 422)
    except Refusal as refusal:
        return await _show(request, db, of, filled.refused(refusal, lang), refusal.kind.status)
    return pages.go(f"/staff/risk/trials/{id_}")


def _wrong(filled: Filled[Any], field: str, sentence: str) -> Filled[Any]:
    return Filled(None, filled.given, {**filled.errors, field: sentence})


def _tried(wanted: TrialForm, rule: RuleVersion | None, first_day: Any, last_day: Any) -> Tried:
    return Tried(
        expression=wanted.expression,
        action=wanted.action,
        points=wanted.points,
        kinds=(wanted.kind,) if wanted.kind else (),
        methods=(wanted.method,) if wanted.method else (),
        merchants=read_merchants(wanted.merchants),
        countries=read_countries(wanted.countries),
        first_day=first_day,
        last_day=last_day,
        rule_id=rule.rule_id if rule else None,
        name=rule.name if rule else "",
        version=rule.version if rule else None,
    )


@get("/staff/risk/trials/{id:uuid}", guards=[visitor("staff", "risk:read")], include_in_schema=False)
async def trial_page(request: PageRequest, id: Id, db: Db) -> Page:
    async with db.read() as tx:
        found = await trial.trial(tx, id)
    return pages.show(request, "risk/trial.html", **_shown(request, found))


@get("/staff/risk/trials/{id:uuid}/now", guards=[visitor("staff", "risk:read")], include_in_schema=False)
async def trial_now(request: PageRequest, id: Id, db: Db) -> Page:
    """The part of the page that follows a trial."""
    if request.headers.get("hx-request") != "true":
        return pages.go(f"/staff/risk/trials/{id}")
    async with db.read() as tx:
        found = await trial.trial(tx, id)
    return pages.show(request, "risk/trial_now.html", **_shown(request, found))


@post("/staff/risk/trials/{id:uuid}", guards=[visitor("staff", MAY_WRITE)], include_in_schema=False)
async def stop_trial(request: PageRequest, id: Id, db: Db, clock: Now, principal: By) -> Page:
    """One that has ended meanwhile stays as it ended."""
    async with db.tx() as tx:
        await trial.cancel_trial(tx, principal, id=id, at=clock.now())
    return pages.go(f"/staff/risk/trials/{id}")


def _shown(request: PageRequest, found: Trial) -> dict[str, Any]:
    lang, settings = pages.language(request), pages.of(request).settings
    state, what, result = trial_words.state_of(found), found.what, found.result
    whose = f"/staff/risk/rules/{what.rule_id}" if what.rule_id else "/staff/risk/rules/new"
    return {
        "trial": found,
        "trial_state": state,
        "state_said": trial_words.trial_state_word(state, lang),
        "tried": trial_words.tried_facts(found, lang),
        "propose_at": f"{whose}?trial={found.id}",
        "again_at": f"/staff/risk/trials?rule={what.rule_id}" if what.rule_id else "/staff/risk/trials",
        **(_tables(found, result, settings.currency, lang) if result else {}),
    }


def _tables(found: Trial, result: Result, currency: str, lang: Any) -> dict[str, Listing]:
    hidden = () if result.present else ("now",)
    overlaps = sorted(result.overlaps, key=lambda other: -other.both)
    return {
        "figures": Listing(columns=FIGURES, rows=trial_words.figures(result, currency, lang), hidden=hidden),
        "by_day": Listing(
            columns=DAYS, rows=[(day.day, day.new, day.present) for day in result.days], chart="bar", hidden=hidden
        ),
        "overlaps": Listing(
            columns=OVERLAPS,
            rows=[(o.rule, o.theirs, o.both, trial_words.share(o.both, result.new.hits)) for o in overlaps],
        ),
    }


ROUTES: Final[tuple[HTTPRouteHandler, ...]] = (trials_page, try_rule, trial_page, trial_now, stop_trial)
