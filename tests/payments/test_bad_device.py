"""A rooted telephone bound to a payer: his next payment is asked about, by a rule, and the page of what risk knew says why."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from tests.console.house import House
from tests.govern.conftest import house as house
from tests.payments.payer import Payer, payer
from tests.payments.test_signed_orders import bind
from tests.payments.town import Town
from tongbao import identity, risk
from tongbao.base import approvals
from tongbao.base.approvals import ApprovalState
from tongbao.base.principal import Principal, PrincipalKind
from tongbao.identity import PERMISSIONS, Role
from tongbao.risk.in_force import LOOK

RULE = risk.RuleSays(
    expression="device_state in ('rooted', 'malware')",
    action=risk.Action.CHALLENGE,
    points=50,
    mode=risk.Mode.LIVE,
    why_en="a device bound to the payer is rooted or has malware",
    why_zh="付款人绑定的设备已被破解或检测到恶意软件",
)


async def put_in_force(town: Town) -> None:
    one, two = (Principal(id=town.id(), kind=PrincipalKind.STAFF, permissions=frozenset(PERMISSIONS)) for _ in range(2))
    change = risk.RuleChange(rule_id=town.id(), name="bad_device", expected=0, says=RULE)
    async with town.db.tx() as tx:
        filed = await risk.propose_rule(tx, one, change, id=town.id(), reason="tried out", at=town.at)
        decided: dict[str, Any] = {"state": ApprovalState.APPROVED, "reason": "seen", "at": town.at}
        await approvals.decide(tx, two, risk.KINDS, id=filed.id, **decided)
    town.later(seconds=2 * LOOK.total_seconds())


async def says(li: Payer, key_id: UUID, state: str) -> str:
    async with li.town.db.tx() as tx:
        known = await identity.attest_device(
            tx, li.account.customer_id, key_id, identity.DeviceState(state), by=li.himself, at=li.town.at
        )
    return str(known.state)


async def remembered(town: Town) -> list[tuple[str | None, str, int]]:
    async with town.db.read() as tx:
        return await tx.rows(
            "SELECT own ->> 'device_state', action, points FROM risk.assessment WHERE own ? 'level' ORDER BY at, xid"
        )


async def test_a_rooted_device_raises_the_risk_and_a_word_left_out_does_not_lower_it(town: Town) -> None:
    await put_in_force(town)
    li, shop = await payer(town, "pin"), await town.shop("兰州拉面")

    async def pays() -> str:
        town.later(minutes=1)
        return (await town.pay_by_http(li.account, shop, 800, by=li.key))["state"]

    assert await pays() == "completed"
    first, _ = await bind(li)
    second, _ = await bind(li)
    assert await pays() == "completed", "nothing is said of either"
    assert await says(li, first, "sound") == "sound"
    assert await pays() == "completed"
    assert await says(li, second, "rooted") == "rooted"
    assert await pays() == "challenged", "the worst of his devices counts"
    assert await says(li, second, "sound") == "rooted", "whoever broke it open may say anything"
    assert await pays() == "challenged"
    async with town.db.tx() as tx:
        await identity.remove_device_key(tx, li.account.customer_id, second, by=li.himself, at=town.at)
    assert await pays() == "completed", "it is not bound to him any more"
    assert await remembered(town) == [
        (None, "approve", 0),
        (None, "approve", 0),
        ("sound", "approve", 0),
        ("rooted", "challenge", 50),
        ("rooted", "challenge", 50),
        ("sound", "approve", 0),
    ]


async def test_the_page_of_what_risk_knew_tells_of_the_worst_device(house: House) -> None:
    li, shop = await payer(house, "pin"), await house.shop()
    key_id, _ = await bind(li)
    for state, word, zh in ((None, None, None), ("sound", "sound", "正常"), ("malware", "malware", "恶意软件")):
        if state:
            await says(li, key_id, state)
        paid = await house.pay_by_http(li.account, shop, 800, by=li.key)
        path = f"/staff/risk/payments/{paid['id']}"
        page = await house.look(path, house.staff(Role.OPERATOR))
        assert ("Worst device of the payer" in page.text) == (word is not None)
        if word:
            assert word in page.text.split("Worst device of the payer")[1][:60]
            zh_page = await house.look(path, house.staff(Role.OPERATOR), lang="zh")
            assert zh in zh_page.text.split("付款人状态最差的设备")[1][:60]
