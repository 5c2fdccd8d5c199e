"""The inbox: people are told of their money once it has moved, hear of the rest as they chose, and read it in their own language."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import timedelta
from typing import Any, LiteralString
from uuid import UUID, uuid4

import pytest

from tests.handed import hand_all
from tests.http.conftest import ServedBank
from tests.http.conftest import bank as served  # noqa: F401  the served bank of tests/http
from tests.identity.phone import sent_to
from tests.payments.me import Me, Page, session_of, visiting
from tongbao import app, govern, identity, notices
from tongbao.base.clock import SystemClock
from tongbao.base.db import BULK, Database
from tongbao.base.ids import uuid7
from tongbao.base.principal import SYSTEM, Principal, PrincipalKind
from tongbao.notices import Kind, NewNotice, Way, What

(CONSUMER,) = [one for one in app.CONSUMERS if one.name == "payments.told"]
WITHIN_S = 60


class Pair:
    """李梅 with ¥1,000.00 reads Chinese, Bob reads English; both are people of the bank."""

    def __init__(self, bank: ServedBank, li: Me, bob: Me, db: Database) -> None:
        self.bank, self.li, self.bob, self.db = bank, li, bob, db

    async def pay(self, fen: int, **more: Any) -> dict[str, Any]:
        order = {"payer_account_id": str(self.li.account), "payee_account_id": str(self.bob.account)}
        return await self.bank.make("/v1/payments", {**order, "amount": fen, "currency": "CNY", **more})

    async def hand_on(self) -> None:
        """Gives the outbox's events to whoever tells people."""
        await hand_all(self.db, CONSUMER)
        async with self.db.read() as tx:
            assert await tx.rows("SELECT error FROM base.outbox_held WHERE consumer = 'payments.told'") == []

    async def told(self, me: Me) -> list[tuple[What | None, int | None]]:
        """Newest first."""
        async with self.db.read() as tx:
            return [(one.what, one.amount_minor) for one in await notices.inbox_of(tx, me.customer, most=100)]

    async def unread(self, me: Me) -> int:
        async with self.db.read() as tx:
            return (await notices.unread(tx, [me.customer]))[me.customer].number

    async def sms(self, me: Me) -> list[tuple[str, str]]:
        world: Any = type("World", (), {"db": self.db})
        return [(kind, text) for kind, _, text in await sent_to(world, me.customer)]

    async def tell(self, me: Me, text: str, kind: Kind = Kind.SECURITY) -> None:
        async with self.db.tx() as tx:
            at = SystemClock().now()
            await identity.tell_customer(
                tx, me.customer, text, about=f"test {uuid4()}", at=at, kind=kind, path="/me/help"
            )


async def _comes(bank: ServedBank, name: str, lang: str) -> Me:
    phone = f"+86137{uuid4().int % 10**8:08}"
    made = await bank.make("/v1/customers", {"kind": "person", "name": name, "phone": phone})
    id_ = UUID(made["id"])
    return Me(bank, id_, await bank.account(100_000, customer=id_), await session_of(bank, id_), lang)


@pytest.fixture
async def pair(served: ServedBank) -> AsyncIterator[Pair]:  # noqa: F811
    async with AsyncExitStack() as stack:
        li, bob = await _comes(served, "李梅", "zh"), await _comes(served, "Bob", "en")
        await stack.enter_async_context(li.http)
        await stack.enter_async_context(bob.http)
        db = await stack.enter_async_context(Database(served.database, size=2, limits=BULK))
        pair = Pair(served, li, bob, db)
        await pair.hand_on()
        async with db.tx() as tx:
            await notices.drop_people(tx, [li.customer, bob.customer])
        yield pair


async def test_both_sides_hear_of_a_payment_in_their_own_language(pair: Pair) -> None:
    paid = await pair.pay(12_345)
    assert await pair.told(pair.li) == [], "no payment waits for its notices"
    await pair.hand_on()
    assert await pair.told(pair.li) == [(What.PAID, 12_345)]
    assert await pair.told(pair.bob) == [(What.RECEIVED, 12_345)]
    mine, his = await pair.li.get("/me/notices"), await pair.bob.get("/me/notices")
    assert "您支付了 ¥123.45。" in mine.text
    assert "¥123.45 came in." in his.text
    for page in (mine, his):
        assert f'href="/me/payments/{paid["id"]}"' in page.html
        assert (await pair.li.get(f"/me/payments/{paid['id']}")).status == 200


async def test_the_same_event_tells_once(pair: Pair) -> None:
    await pair.pay(100)
    async with pair.db.tx() as tx:
        await tx.run("UPDATE base.outbox_cursor SET xid = '0'::xid8, id = 0 WHERE consumer = 'payments.told'")
    await pair.hand_on()
    before = await pair.told(pair.li)
    async with pair.db.tx() as tx:
        await tx.run("UPDATE base.outbox_cursor SET xid = '0'::xid8, id = 0 WHERE consumer = 'payments.told'")
    await pair.hand_on()
    assert await pair.told(pair.li) == before
    assert before.count((What.PAID, 100)) == 1


async def test_a_transfer_that_arrives_later_is_told_of_when_it_leaves_and_when_it_is_taken_back(pair: Pair) -> None:
    sent = await pair.pay(5_000, arrives="in_two_hours")
    await pair.hand_on()
    assert await pair.told(pair.li) == [(What.ON_ITS_WAY, 5_000)]
    assert await pair.told(pair.bob) == [], "it is not his yet"
    answer = await pair.bank.ask("POST", f"/v1/payments/{sent['id']}/recall", {})
    assert answer.status_code in (200, 201), answer.text
    await pair.hand_on()
    assert await pair.told(pair.li) == [(What.CALLED_BACK, 5_000), (What.ON_ITS_WAY, 5_000)]
    assert await pair.told(pair.bob) == []


async def test_what_is_set_aside_taken_and_given_back_is_each_told(pair: Pair) -> None:
    order = {"payer_account_id": str(pair.li.account), "merchant_id": str(pair.bank.shop)}
    held = await pair.bank.make("/v1/payments", {**order, "amount": 900, "currency": "CNY", "capture": "manual"})
    taken = await pair.bank.ask("POST", f"/v1/payments/{held['id']}/capture", {"amount": 600, "final": True})
    assert taken.status_code in (200, 201), taken.text
    back = await pair.bank.ask("POST", f"/v1/payments/{held['id']}/refunds", {"amount": 250})
    assert back.status_code in (200, 201), back.text
    await pair.hand_on()
    assert await pair.told(pair.li) == [(What.REFUNDED, 250), (What.PAID, 600), (What.SET_ASIDE, 900)]


async def test_all_is_read_up_to_what_stood_on_the_page(pair: Pair) -> None:
    await pair.pay(100)
    await pair.hand_on()
    page = await pair.li.get("/me/notices")
    form = page.form("/me/notices")
    await pair.pay(200)
    await pair.hand_on()
    assert await pair.unread(pair.li) == 2
    for _ in range(2):
        assert (await pair.li.post("/me/notices", form)).status_code == 303
        assert await pair.unread(pair.li) == 1, "what came after he looked is new to him"
    assert await pair.unread(pair.bob) == 2, "nobody reads for another"


@pytest.mark.parametrize("seen", ["", "yesterday", "2026-11-22T10:00:00", "<script>alert(1)</script>", "9" * 5000])
async def test_a_moment_that_is_none_marks_nothing(pair: Pair, seen: str) -> None:
    await pair.tell(pair.li, "x")
    answer = await pair.li.post("/me/notices", {"seen": seen})
    assert answer.status_code == 422
    assert "<script>alert" not in answer.text
    assert await pair.unread(pair.li) == 1


async def test_text_is_sealed_and_shown_escaped(pair: Pair) -> None:
    await pair.tell(pair.li, "<b>您的密码已修改</b>")
    rows = await _rows(pair, "SELECT sealed_text FROM notices.inbox WHERE subject_id = %(id)s", pair.li.customer)
    assert "密码".encode() not in bytes(rows[0][0])
    page = await pair.li.get("/me/notices")
    assert "&lt;b&gt;您的密码已修改&lt;/b&gt;" in page.html
    assert [kind for kind, _ in await pair.sms(pair.li)] == ["security"], "by SMS as well"


async def test_ways_are_chosen_and_security_is_never_off(pair: Pair) -> None:
    page = await pair.li.get("/me/notices/channels")
    assert page.html.count("disabled") == 2, "security in the app and by SMS"
    wish = {"money_out_sms": "yes"}
    for _ in range(2):
        answer = await pair.li.post("/me/notices/channels", wish)
        assert answer.status_code == 303, Page(answer).text
    await pair.pay(4_200)
    await pair.tell(pair.li, "答复", Kind.HELP)
    await pair.tell(pair.li, "密码", Kind.SECURITY)
    await pair.hand_on()
    assert await pair.told(pair.li) == [(None, None)], "in the app security alone"
    assert sorted(await pair.sms(pair.li)) == [("money_out", "您支付了 ¥42.00。"), ("security", "密码")]
    assert await pair.told(pair.bob) == [(What.RECEIVED, 4_200)], "what one chose is nobody else's"
    again = await pair.li.get("/me/notices/channels")
    assert 'name="money_out_sms" value="yes" checked' in again.html
    assert 'name="help_sms" value="yes">' in again.html


@pytest.mark.parametrize("wish", [{"security_app": ""}, {"security_sms": "yes"}, {"money_in_app": "no"}, {"x": "1"}])
async def test_a_form_that_wants_what_is_not_offered_changes_nothing(pair: Pair, wish: dict[str, str]) -> None:
    answer = await pair.li.post("/me/notices/channels", wish)
    assert answer.status_code == 422
    async with pair.db.read() as tx:
        chosen = (await notices.choices_of(tx, [pair.li.customer]))[pair.li.customer]
    assert not chosen.said


async def test_what_is_fixed_stays_whatever_is_written(pair: Pair) -> None:
    async with pair.db.tx() as tx:
        await notices.set_choices(
            tx, pair.li.customer, {(Kind.SECURITY, Way.APP): False, (Kind.SECURITY, Way.SMS): False}
        )
        chosen = (await notices.choices_of(tx, [pair.li.customer]))[pair.li.customer]
        assert chosen.wants(Kind.SECURITY, Way.APP)
        assert chosen.wants(Kind.SECURITY, Way.SMS)
    await pair.tell(pair.li, "密码")
    assert len(await pair.told(pair.li)) == 1


async def test_the_mark_changes_while_he_looks(pair: Pair) -> None:
    """By the stream of every page of his: another's payment changes nothing, his own does."""
    await pair.tell(pair.li, "one")
    async with pair.li.http.stream("GET", "/me/notices/live", timeout=WITHIN_S) as stream:
        assert stream.headers["content-type"].startswith("text/event-stream")
        async with asyncio.timeout(WITHIN_S):
            lines = stream.aiter_lines()
            await _until(lines, '<span class="bell-count">1</span>')
            await pair.pay(300)
            await pair.hand_on()
            await _until(lines, '<span class="bell-count">2</span>')


async def _until(lines: Any, part: str) -> None:
    async for line in lines:
        if part in line:
            return
    raise AssertionError(f"the stream ended without {part}")


async def test_a_long_inbox_has_pages(pair: Pair) -> None:
    at = SystemClock().now()
    async with pair.db.tx() as tx:
        await notices.tell(
            tx,
            [
                NewNotice(
                    id=uuid7(at),
                    subject_id=pair.li.customer,
                    kind=Kind.MONEY_OUT,
                    at=at - timedelta(seconds=n // 2),
                    what=What.PAID,
                    amount_minor=100 + n,
                    currency="CNY",
                )
                for n in range(60)
            ],
        )
    page = await pair.li.get("/me/notices")
    (more,) = [href for text, href in page.links if text == "下一页"]
    rest = await pair.li.get(more)
    assert page.html.count('id="n-') == 50
    assert rest.html.count('id="n-') == 10
    assert (await pair.li.http.get("/me/notices?cursor=nonsense")).status_code == 422


async def test_without_a_session_it_leads_to_the_door(served: ServedBank) -> None:  # noqa: F811
    async with visiting(served) as me:
        me.http.cookies.clear()
        for path in ("/me/notices", "/me/notices/channels"):
            answer = await me.http.get(path)
            assert (answer.status_code, answer.headers["location"].partition("?")[0]) == (303, "/me/login"), path


async def test_it_is_his_own_data_and_goes_with_him_and_with_time(pair: Pair) -> None:
    await pair.tell(pair.li, "您的密码已修改")
    await pair.pay(100)
    await pair.hand_on()
    await pair.li.post("/me/notices/channels", {"tips_sms": "yes"})
    himself = Principal(id=pair.li.customer, kind=PrincipalKind.CUSTOMER, subject_id=pair.li.customer)
    at = SystemClock().now()
    async with pair.db.tx() as tx:
        export = await govern.export_person(tx, himself, at=at)
    assert [one["text"] for one in export["notices"]] == ["您支付了 ¥1.00。", "您的密码已修改"]
    assert {"kind": Kind.TIPS, "way": Way.SMS, "wanted": True} in export["notice_ways"]
    async with pair.db.tx() as tx:
        assert await notices.forget_notices(tx, at + timedelta(days=89)) == 0
        assert await notices.forget_notices(tx, at + timedelta(days=91)) >= 3
        assert await notices.inbox_of(tx, pair.li.customer, most=9) == []
    await pair.tell(pair.li, "noch da")
    await _close_and_erase(pair, pair.li)
    assert await _rows(pair, "SELECT id FROM notices.inbox WHERE subject_id = %(id)s", pair.li.customer) == []
    assert await _rows(pair, "SELECT kind FROM notices.choice WHERE subject_id = %(id)s", pair.li.customer) == []


async def _close_and_erase(pair: Pair, me: Me) -> None:
    async with pair.db.tx() as tx:
        await tx.run("UPDATE identity.customer SET status = 'closed' WHERE id = %(id)s", id=me.customer)
        await identity.erase_people(tx, [me.customer], reason="left", by=SYSTEM, at=SystemClock().now())


async def _rows(pair: Pair, statement: LiteralString, customer: UUID) -> list[Any]:
    async with pair.db.read() as tx:
        return await tx.rows(statement, id=customer)
