"""Rules and lists before staff: proposed by one person, approved by another, refused where they cannot be used."""

from __future__ import annotations

import re
from datetime import timedelta
from html import unescape
from typing import Any
from uuid import UUID

import msgspec
import pytest

from tests.console.house import HOSTILE, House, Shown
from tests.govern.conftest import house as house
from tests.risk.rolled import roll_all
from tongbao import console, risk
from tongbao.base import approvals
from tongbao.base.approvals import Approval, ApprovalState
from tongbao.base.principal import PERMISSION_MISSING, Principal, PrincipalKind
from tongbao.base.refusal import Refusal
from tongbao.identity import Role
from tongbao.risk import fence, rules
from tongbao.risk import refusals as no
from tongbao.risk.expression_model import Unit
from tongbao.risk.rule_model import Action, Hits, ListChange, Mode, RuleChange, RuleSays
from tongbao.risk.ruleset import COLUMNS

NEW = "/staff/risk/rules/new"
LIST = "/staff/risk/lists/new"
SAYS = RuleSays(
    expression="payer_count_10m >= 5",
    action=Action.CHALLENGE,
    points=30,
    mode=Mode.LIVE,
    why_en="many payments in a short time",
    why_zh="短时间内多次付款",
)
FORM = {
    "name": "many_in_short",
    "expression": "payer_count_10m >= 5 and amount_minor > 100.00 CNY",
    "action": "challenge",
    "points": "30",
    "mode": "live",
    "why_en": "many payments in a short time",
    "why_zh": "短时间内多次付款",
    "reason": "the losses of last week",
}


def fields(page: Shown, place: int = 0) -> dict[str, str]:
    """What stands in the page's form."""
    form = re.split(r'<form method="post"', page.html.partition("<main")[2])[1:][place]
    found = dict(re.findall(r'<input[^>]* name="([^"]+)"[^>]* value="([^"]*)"', form))
    found |= dict(re.findall(r'<textarea[^>]* name="([^"]+)"[^>]*>([^<]*)</textarea>', form))
    for name, options in re.findall(r'<select[^>]* name="([^"]+)".*?>(.*?)</select>', form, re.DOTALL):
        found[name] = next(iter(re.findall(r'value="([^"]*)" selected', options)), "")
    return {name: unescape(value) for name, value in found.items()}


class Desk:
    """Two people who make rules without a page between."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.analyst = house.principal_of_staff(Role.OPERATOR)
        self.kinds = console.approval_kinds(house.settings.zone)

    def change(self, **other: Any) -> RuleChange:
        told = {name: other.pop(name) for name in list(other) if name in RuleSays.__struct_fields__}
        given: dict[str, Any] = {"rule_id": self.house.id(), "name": "many_in_short", "expected": 0, **other}
        return RuleChange(says=msgspec.structs.replace(SAYS, **told), **given)

    async def propose(self, change: RuleChange, by: Principal | None = None, id: UUID | None = None) -> Approval:
        async with self.house.db.tx() as tx:
            return await risk.propose_rule(
                tx, by or self.analyst, change, id=id or self.house.id(), reason="tried out", at=self.house.at
            )

    async def propose_list(self, change: ListChange) -> Approval:
        async with self.house.db.tx() as tx:
            return await risk.propose_list(
                tx, self.analyst, change, id=self.house.id(), reason="seen", at=self.house.at
            )

    async def approve(self, filed: Approval, *, later: timedelta = timedelta(0)) -> None:
        second = Principal(id=self.house.id(), kind=PrincipalKind.STAFF, permissions=frozenset({"approvals:decide"}))
        async with self.house.db.tx() as tx:
            await approvals.decide(
                tx, second, self.kinds, id=filed.id, state=ApprovalState.APPROVED, at=self.house.at + later, reason="so"
            )

    async def in_force(self, later: timedelta = timedelta(0)) -> dict[str, int]:
        async with self.house.db.read() as tx:
            return {v.name: v.version for v in await rules.rules_in_force(tx, at=self.house.at + later)}


@pytest.fixture
def desk(house: House) -> Desk:
    return Desk(house)


async def refused(awaitable: Any) -> Refusal:
    with pytest.raises(Refusal) as caught:
        await awaitable
    return caught.value


async def test_a_rule_judges_when_another_person_has_approved_it(desk: Desk) -> None:
    change = desk.change()
    filed = await desk.propose(change)
    assert await desk.in_force() == {}
    await desk.approve(filed)
    assert await desk.in_force() == {"many_in_short": 1}
    assert await desk.house.audited("risk.rule") == [("many_in_short", "tried out")]


async def test_nobody_approves_his_own_rule(desk: Desk) -> None:
    filed = await desk.propose(desk.change())
    async with desk.house.db.tx() as tx:
        refusal = await refused(
            approvals.decide(
                tx, desk.analyst, desk.kinds, id=filed.id, state=ApprovalState.APPROVED, at=desk.house.at, reason="so"
            )
        )
    assert refusal.kind is approvals.SECOND_PERSON_NEEDED
    assert await desk.in_force() == {}


async def test_a_version_is_never_changed_the_next_one_follows(desk: Desk) -> None:
    change = desk.change()
    await desk.approve(await desk.propose(change))
    tomorrow = timedelta(days=1)
    stricter = msgspec.structs.replace(
        change,
        expected=1,
        says=msgspec.structs.replace(change.says, points=60, effective_from=desk.house.at + tomorrow),
    )
    await desk.approve(await desk.propose(stricter))
    assert await desk.in_force() == {"many_in_short": 1}, "the second begins tomorrow"
    assert await desk.in_force(tomorrow) == {"many_in_short": 2}
    off = msgspec.structs.replace(
        stricter, expected=2, says=msgspec.structs.replace(stricter.says, mode=Mode.OFF, effective_from=None)
    )
    await desk.approve(await desk.propose(off), later=2 * tomorrow)
    assert await desk.in_force(2 * tomorrow) == {}
    async with desk.house.db.read() as tx:
        versions = await rules.rule_versions(tx, change.rule_id)
    assert [(v.version, v.says.points, v.says.mode) for v in versions] == [
        (3, 60, Mode.OFF),
        (2, 60, Mode.LIVE),
        (1, 30, Mode.LIVE),
    ]


async def test_a_rule_ends_by_itself(desk: Desk) -> None:
    until = desk.house.at + timedelta(hours=1)
    await desk.approve(await desk.propose(desk.change(effective_until=until)))
    assert await desk.in_force(timedelta(minutes=59)) == {"many_in_short": 1}
    assert await desk.in_force(timedelta(hours=1)) == {}


async def test_the_same_proposal_again_is_the_same_one(desk: Desk) -> None:
    change, same = desk.change(), desk.house.id()
    assert await desk.propose(change, id=same) == await desk.propose(change, id=same)


async def test_keys_do_not_make_rules(desk: Desk) -> None:
    key = Principal(id=desk.house.id(), kind=PrincipalKind.BANK, permissions=frozenset({"risk:write"}))
    assert (await refused(desk.propose(desk.change(), key))).kind is PERMISSION_MISSING
    auditor = desk.house.principal_of_staff(Role.AUDITOR)
    assert (await refused(desk.propose(desk.change(), auditor))).kind is PERMISSION_MISSING


@pytest.mark.parametrize(
    "expression", ["payer_count_10m / 0 > 1", "salary > 3", "payer_count_10m", "payee in nobody_made_this", "(" * 50]
)
async def test_a_bad_rule_cannot_be_proposed(desk: Desk, expression: str) -> None:
    assert (await refused(desk.propose(desk.change(expression=expression)))).kind is no.RULE_UNSOUND


async def test_a_rule_is_checked_again_when_it_is_approved(desk: Desk) -> None:
    """What was proposed while it held together, and holds together no more, does not become a rule."""
    filed = await desk.propose(desk.change())
    broken = msgspec.json.encode(
        {**filed.payload, "says": {**filed.payload["says"], "expression": "payer_count_10m / 0 > 1"}}
    )
    await desk.house.run_sql(
        "UPDATE base.approval SET payload = %(payload)s::jsonb WHERE id = %(id)s RETURNING id",
        payload=broken.decode(),
        id=filed.id,
    )
    assert (await refused(desk.approve(filed))).kind is no.RULE_UNSOUND
    assert await desk.in_force() == {}


async def test_what_a_proposal_of_a_rule_is_refused_for(desk: Desk) -> None:
    first = desk.change()
    assert (await refused(desk.propose(desk.change(expected=3)))).kind is no.RULE_UNKNOWN
    early = await desk.propose(first)
    twin = await desk.propose(desk.change())
    await desk.approve(early)
    assert (await refused(desk.approve(twin))).kind is no.RULE_NAME_TAKEN
    assert (await refused(desk.propose(desk.change()))).kind is no.RULE_NAME_TAKEN
    assert (await refused(desk.propose(first))).kind is no.RULE_CHANGED
    same = msgspec.structs.replace(first, expected=1)
    assert (await refused(desk.propose(same))).kind is no.RULE_UNCHANGED
    gone = desk.change(name="too_late", effective_until=desk.house.at)
    assert (await refused(desk.propose(gone))).kind is no.RULE_PERIOD_WRONG
    async with desk.house.db.read() as tx:
        assert (await refused(rules.rule(tx, desk.house.id()))).kind is no.RULE_UNKNOWN


async def test_members_come_and_go_and_expire(desk: Desk) -> None:
    mule, thief = str(desk.house.id()), str(desk.house.id())
    change = ListChange(name="watched", unit=Unit.ACCOUNT, come=(mule.upper(), mule), until=None)
    await desk.approve(await desk.propose_list(change))
    hour = timedelta(hours=1)
    expiring = ListChange(name="watched", unit=Unit.ACCOUNT, come=(thief,), until=desk.house.at + 2 * hour)
    await desk.approve(await desk.propose_list(expiring))

    async def standing(later: timedelta) -> set[str]:
        async with desk.house.db.read() as tx:
            return {m.member for m in await rules.list_members(tx, "watched", at=desk.house.at + later)}

    assert await standing(hour) == {mule, thief}
    assert await standing(2 * hour) == {mule}
    await desk.approve(await desk.propose_list(ListChange(name="watched", unit=Unit.ACCOUNT, go=(mule,))), later=hour)
    assert await standing(hour) == {thief}
    await desk.approve(await desk.propose(desk.change(expression="payee in watched")))


async def test_words_are_the_same_however_they_are_typed(desk: Desk) -> None:
    change = ListChange(name="harbours", unit=Unit.PLAIN, come=("Ｏld  Harbour", "old harbour "))
    filed = await desk.propose_list(change)
    assert filed.payload["come"] == ["old harbour"]


async def test_what_a_proposal_of_a_list_is_refused_for(desk: Desk) -> None:
    async def kind(**given: Any) -> Any:
        whole: dict[str, Any] = {"name": "watched", "unit": Unit.ACCOUNT, **given}
        return (await refused(desk.propose_list(ListChange(**whole)))).kind

    one = str(desk.house.id())
    assert await kind() is no.LIST_UNCHANGED
    assert await kind(come=("Wang Xiaoming",)) is no.LIST_MEMBER_WRONG
    assert await kind(unit=Unit.PLAIN, come=("\u200b",)) is no.LIST_MEMBER_WRONG
    assert await kind(come=(one,), until=desk.house.at) is no.LIST_PERIOD_WRONG
    await desk.approve(await desk.propose_list(ListChange(name="watched", unit=Unit.ACCOUNT, come=(one,))))
    assert await kind(unit=Unit.DEVICE, come=(one,)) is no.LIST_UNIT_FIXED
    async with desk.house.db.read() as tx:
        assert (await refused(rules.list_members(tx, "friends", at=desk.house.at))).kind is no.LIST_UNKNOWN


async def test_an_analyst_proposes_on_the_page_and_an_accountant_approves(house: House) -> None:
    analyst, auditor = house.staff(Role.OPERATOR), house.staff(Role.AUDITOR)
    empty = await house.look("/staff/risk/rules", auditor)
    assert "There is no rule yet." in empty.text
    assert NEW not in empty.html, "an auditor proposes nothing"
    form = {**fields(await house.look(NEW, analyst)), **FORM}
    filed = await house.send_form(NEW, form, analyst)
    assert (filed.status, filed.said) == (303, "Proposed. Another person decides.")
    assert (await house.send_form(NEW, form, analyst)).to == filed.to, "the same form twice"
    assert "many_in_short" in (await house.look("/staff/risk/rules", auditor)).text
    shown = await house.look(filed.to, house.staff(Role.ACCOUNTANT))
    for said in ("many_in_short · version 1", FORM["expression"], "ask the payer to prove himself", "every payment"):
        assert said in shown.text, said
    await house.agree(filed)
    page = await house.look("/staff/risk/rules", auditor)
    assert "many_in_short" in page.text
    assert "acts" in page.text
    zh = await house.look("/staff/risk/rules", auditor, lang="zh")
    for said in ("many_in_short", "生效", "要求付款人验证身份", "短时间内多次付款"):
        assert said in zh.text, said


async def test_the_next_version_is_proposed_on_the_rules_page(house: House) -> None:
    analyst = house.staff(Role.OPERATOR)
    await house.agree(await house.send_form(NEW, {**fields(await house.look(NEW, analyst)), **FORM}, analyst))
    (path,) = [
        to for to in (await house.look("/staff/risk/rules", analyst)).links() if re.search(r"rules/[0-9a-f-]{36}", to)
    ]
    page = await house.look(path, analyst)
    assert FORM["expression"] in page.text
    stale = {**fields(page), "points": "40", "reason": "more still slips through"}
    change = {**stale, "id": str(house.id()), "mode": "off"}
    filed = await house.send_form(path, change, analyst)
    told = await house.look(filed.to, house.staff(Role.ACCOUNTANT))
    assert "30 → 40" in told.text
    assert "acts → switched off" in told.text
    await house.agree(filed)
    late = await house.send_form(path, stale, analyst)
    assert late.status == 409
    assert "Another version of this rule was approved meanwhile." in late.text
    assert "more still slips through" in late.html, "nothing that was typed is lost"
    after = await house.look(path, analyst)
    assert "In its newest version: 2" in after.text
    assert "the losses of last week" in after.text, "the first version is still told"


@pytest.mark.parametrize(
    ("expression", "said", "zh"),
    [
        (
            "payer_count_10m > 5\nand salary > 3",
            "Line 2, character 5: Nothing is called “salary”.",
            "第 2 行第 5 个字符",
        ),
        ("amount_minor / 0 > 5.00 CNY", "Line 1, character 16: This divides by zero.", "除数为零"),
        ("amount_minor > 500", "Write the other side as 500.00 CNY.", "500.00 CNY"),
    ],
)
async def test_a_bad_condition_is_told_beside_its_field(house: House, expression: str, said: str, zh: str) -> None:
    analyst = house.staff(Role.OPERATOR)
    form = {**fields(await house.look(NEW, analyst)), **FORM, "expression": expression}
    for lang, words in (("en", said), ("zh", zh)):
        page = await house.send_form(NEW, form, analyst, lang=lang)
        assert page.status == 422
        error = re.search(r'id="e-expression">([^<]*)<', page.html)
        assert error
        assert words in unescape(error[1])
        assert unescape(expression.splitlines()[-1]) in unescape(page.html), "what was typed stays"


@pytest.mark.parametrize("hostile", [*HOSTILE, "\u0000x", "payer_count_10m > 5" + " or known" * 400])
async def test_no_form_is_broken_by_what_is_typed(house: House, hostile: str) -> None:
    analyst = house.staff(Role.OPERATOR)
    blank = fields(await house.look(NEW, analyst))
    for field in ("expression", "name", "points", "action", "kind", "effective_until", "why_zh"):
        page = await house.send_form(NEW, {**blank, **FORM, field: hostile}, analyst)
        assert page.status in (303, 400, 422), (field, page.status)
        assert "<script>alert" not in page.html
    lists = fields(await house.look(LIST, analyst))
    for field in ("name", "unit", "come", "until"):
        given = {**lists, "name": "watched", "come": str(house.id()), "reason": "seen twice", field: hostile}
        page = await house.send_form(LIST, given, analyst)
        assert page.status in (303, 400, 422), (field, page.status)


async def test_a_rule_of_a_century_long_gone_is_refused_beside_its_field(house: House) -> None:
    analyst = house.staff(Role.OPERATOR)
    form = {**fields(await house.look(NEW, analyst)), **FORM, "effective_until": "0001-01-01T00:00"}
    page = await house.send_form(NEW, form, analyst)
    assert page.status == 422
    assert "Please type a date within this century." in page.text


@pytest.mark.parametrize("name", ["", "  ", "ab", "Many payments", "new"])
async def test_a_rule_without_a_name_is_not_proposed(house: House, name: str) -> None:
    analyst = house.staff(Role.OPERATOR)
    page = await house.send_form(NEW, {**fields(await house.look(NEW, analyst)), **FORM, "name": name}, analyst)
    assert page.status == 422
    assert 'id="e-name"' in page.html


async def test_moments_are_the_banks_own(house: House) -> None:
    analyst = house.staff(Role.OPERATOR)
    until = f"{house.at.astimezone(house.settings.zone) + timedelta(days=9):%Y-%m-%d}T18:30"
    form = {**fields(await house.look(NEW, analyst)), **FORM, "effective_until": until}
    filed = await house.send_form(NEW, form, analyst)
    assert "18:30:00" in (await house.look(filed.to, house.staff(Role.ACCOUNTANT))).text
    await house.agree(filed)
    (path,) = [
        to for to in (await house.look("/staff/risk/rules", analyst)).links() if re.search(r"/[0-9a-f-]{36}$", to)
    ]
    assert fields(await house.look(path, analyst))["effective_until"] == until


async def test_a_list_is_made_and_changed_on_its_pages(house: House) -> None:
    analyst, auditor = house.staff(Role.OPERATOR), house.staff(Role.AUDITOR)
    assert "There is no list yet." in (await house.look("/staff/risk/lists", auditor)).text
    mule, other = str(house.id()), str(house.id())
    form = {
        **fields(await house.look(LIST, analyst)),
        "name": "watched",
        "come": f"{mule}\n{other}\n",
        "reason": "mules",
    }
    filed = await house.send_form(LIST, form, analyst)
    assert mule in (await house.look(filed.to, house.staff(Role.ACCOUNTANT))).text
    await house.agree(filed)
    page = await house.look("/staff/risk/lists/watched", auditor)
    assert mule in page.text
    assert "<form method" not in page.html.partition("<main")[2], "an auditor proposes nothing"
    own = {**fields(await house.look("/staff/risk/lists/watched", analyst)), "go": mule, "reason": "cleared"}
    await house.agree(await house.send_form("/staff/risk/lists/watched", own, analyst))
    after = await house.look("/staff/risk/lists/watched", auditor, lang="zh")
    assert mule not in after.text
    assert other in after.text
    nothing = {**fields(await house.look("/staff/risk/lists/watched", analyst)), "reason": "for no reason"}
    told = await house.send_form("/staff/risk/lists/watched", nothing, analyst)
    assert told.status == 422
    assert "Say who comes into the list or goes out of it." in told.text


async def test_the_pages_are_for_those_who_have_the_right(house: House) -> None:
    admin, auditor = house.staff(Role.ADMIN), house.staff(Role.AUDITOR)
    for path in ("/staff/risk/rules", "/staff/risk/lists"):
        assert (await house.look(path, admin)).status == 403
        assert (await house.look(path, auditor)).status == 200
        assert (await house.look(path, None)).status in (302, 303)
    for path in (NEW, LIST):
        assert (await house.look(path, auditor)).status == 403
    assert (await house.look(f"/staff/risk/rules/{house.id()}", auditor)).status == 404
    assert (await house.look("/staff/risk/lists/nobody", auditor)).status == 404


async def test_how_often_a_rule_was_met_stands_on_its_pages(desk: Desk) -> None:
    """On the open day, in 7 and in 30 days, apart by whether it acted; a payment is counted once, however often it is rolled."""
    house, auditor = desk.house, desk.house.staff(Role.AUDITOR)
    change = desk.change(expression="amount_minor > 1.00 CNY", mode=Mode.SHADOW)
    await desk.approve(await desk.propose(change))
    payer, shop = await house.person(1_000_000), await house.shop()
    for number in range(5):
        if number == 3:
            live = desk.change(rule_id=change.rule_id, expected=1, expression="amount_minor > 1.00 CNY", mode=Mode.LIVE)
            await desk.approve(await desk.propose(live))
        house.clock.tick(timedelta(seconds=1))
        await house.pay_by_http(payer, shop, 200)
    for back, state in ((6, "live"), (7, "shadow"), (29, "live"), (30, "live")):
        await house.run_sql(
            "INSERT INTO risk.rule_hits SELECT %(rule)s, %(state)s, open_date - %(back)s::int, 1000 FROM base.business_day_view",
            rule=change.rule_id,
            state=state,
            back=back,
        )
    await roll_all(house.db, at=house.at)
    async with house.db.read() as tx:
        hits = (await rules.hits_lately(tx)).get(change.rule_id, {})
    assert hits == {Mode.SHADOW: Hits(3, 3, 1_003), Mode.LIVE: Hits(2, 1_002, 2_002)}
    one = await house.look(f"/staff/risk/rules/{change.rule_id}", auditor)
    assert "acts 2 1,002 2,002" in one.text
    assert "judges, does not act 3 3 1,003" in one.text
    assert " 5 1,005 3,005 " in (await house.look("/staff/risk/rules", auditor)).text


async def test_words_of_a_list_may_stand_for_many(desk: Desk) -> None:
    """`*` is anything; a member that is nothing else would be everybody, and is refused."""
    house = desk.house
    for come in (("*",), ("* *",), ("a*b*c*d*e*f",)):
        wrong = desk.propose_list(ListChange(name="ways", unit=Unit.PLAIN, come=come))
        assert (await refused(wrong)).code == "list_member_wrong", come
    await desk.approve(await desk.propose_list(ListChange(name="ways", unit=Unit.PLAIN, come=("Ａcc*",))))
    await desk.approve(await desk.propose(desk.change(expression="method in ways and currency not in ways")))
    async with house.db.read() as tx:
        judging = await fence.ruleset(tx, at=house.at, ticks=int)
    met = [
        len(judging.judge(tuple({"method": method, "currency": "CNY"}.get(name) for name in COLUMNS)).hits)
        for method in ("account", "qr")
    ]
    assert met == [1, 0]
