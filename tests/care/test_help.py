"""Help: whoever asks is answered, by whichever way he came; both sides see what was said; a strange payment stops the account."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from tests.console.house import HOSTILE
from tests.govern.conftest import Somebody
from tongbao import care, identity, notices
from tongbao.base.refusal import Refusal
from tongbao.care.jobs import JOBS
from tongbao.care.model import OPEN_AT_MOST, SAID_AT_MOST
from tongbao.identity import Role

if TYPE_CHECKING:
    from uuid import UUID

    from tests.console.house import House, Shown


async def asked(
    house: House, somebody: Somebody, kind: str = "question", text: str = "Where is my money?", **more: Any
) -> UUID:
    id_ = more.pop("id", None) or house.id()
    answer = await somebody.send("/me/help", id=id_, kind=kind, text=text, **more)
    assert answer.to == f"/me/help/{id_}", answer.text
    return id_


async def request(house: House, id: UUID) -> care.Request:
    async with house.db.read() as tx:
        [found] = [one for one in await care.requests_of(tx, (await _of(house, id))) if one.id == id]
    return found


async def _of(house: House, id: UUID) -> UUID:
    [[customer]] = await house.run_sql("SELECT customer_id FROM care.request WHERE id = %(id)s", id=id)
    return customer


async def act(house: House, id: UUID, name: str, by: str, **fields: Any) -> Shown:
    return await house.send_form(f"/staff/help/{id}/{name}", {"id": house.id(), "text": "", **fields}, by)


async def messages(house: House, somebody: Somebody) -> int:
    async with house.db.read() as tx:
        return len(await notices.messages_to(tx, somebody.id, most=100))


async def test_a_question_is_answered_and_both_sides_read_the_same(house: House, wang: Somebody) -> None:
    id_ = await asked(house, wang, page="/me/payments")
    clerk = house.staff(Role.OPERATOR)
    queue = await house.look("/staff/help?show=waiting", clerk)
    assert "A question" in queue.text
    page = await house.look(f"/staff/help/{id_}", clerk)
    assert "Where is my money?" in page.text
    assert "/me/payments" in page.text, "from where he asked"
    assert "王*" in page.text or "*" in page.text, "his name is masked"
    before = await messages(house, wang)
    assert (await act(house, id_, "answer", clerk, text="It arrives tomorrow.")).to == f"/staff/help/{id_}"
    assert await messages(house, wang) == before + 1, "he is told by SMS"
    own = await wang.look(f"/me/help/{id_}")
    assert "It arrives tomorrow." in own.text
    assert "Where is my money?" in own.text
    assert (await request(house, id_)).state is care.State.ANSWERED
    assert "Nobody waits for an answer." in (await house.look("/staff/help?show=waiting", clerk)).text
    assert (await wang.send(f"/me/help/{id_}", id=house.id(), text="It has not.")).status == 303
    assert (await request(house, id_)).state is care.State.WAITING, "the bank's turn again"
    assert (await wang.send(f"/me/help/{id_}/close", id=house.id())).status == 303
    assert (await request(house, id_)).state is care.State.CLOSED
    late = await act(house, id_, "answer", clerk, text="Too late")
    assert (late.status, "This request is closed." in late.text) == (409, True)


async def test_the_same_form_twice_says_it_once(house: House, wang: Somebody) -> None:
    first = house.id()
    await asked(house, wang, id=first)
    await asked(house, wang, id=first)
    message, clerk = house.id(), house.staff(Role.OPERATOR)
    answers = await asyncio.gather(
        *(house.send_form(f"/staff/help/{first}/answer", {"id": message, "text": "Yes."}, clerk) for _ in range(5))
    )
    assert {answer.status for answer in answers} == {303}
    assert (await wang.look(f"/me/help/{first}")).text.count("Yes.") == 1
    assert await messages(house, wang) == 1


async def test_notes_and_hand_overs_stay_among_colleagues(house: House, wang: Somebody) -> None:
    id_ = await asked(house, wang)
    clerk = house.staff(Role.OPERATOR)
    at, by = house.at, house.bank
    async with house.db.tx() as tx:
        new = identity.NewStaff(id=house.id(), username="chen", name="陈静", roles=frozenset({Role.OPERATOR}))
        await identity.create_staff(tx, new, identity.hash_password("correct horse battery", bytes(16)), by=by, at=at)
        other = identity.NewStaff(id=house.id(), username="lin", name="林岚", roles=frozenset({Role.ACCOUNTANT}))
        await identity.create_staff(tx, other, identity.hash_password("correct horse battery", bytes(16)), by=by, at=at)
    assert (await act(house, id_, "hand-over", clerk, text="He is upset.")).status == 303
    for nobody in ("nobody", "lin"):
        refused = await act(house, id_, "hand-over", clerk, username=nobody, text="yours")
        assert (refused.status, "can take it over" in refused.text) == (422, True), nobody
    assert (await act(house, id_, "hand-over", clerk, username="chen", text="Knows him.")).status == 303
    assert (await request(house, id_)).owner_id == new.id
    desk = await house.look(f"/staff/help/{id_}", clerk)
    assert "He is upset." in desk.text
    assert "Knows him." in desk.text
    assert "陈静" in desk.text
    own = await wang.look(f"/me/help/{id_}")
    assert "upset" not in own.text
    assert "Knows him." not in own.text
    assert (await act(house, id_, "take", clerk)).status == 303
    assert (await request(house, id_)).owner_id != new.id


async def test_a_payment_that_was_not_his_freezes_the_account_and_goes_first(house: House) -> None:
    somebody = Somebody(house, await house.person(100_000))
    friend = await house.person(0)
    paid = await house.pay_by_http(somebody.account, friend, 5_000)
    await asked(house, somebody)
    look = await somebody.look(f"/me/payments/{paid['id']}/not-mine")
    assert "The account is frozen at once" in look.text
    answers = await asyncio.gather(
        *(somebody.send(f"/me/payments/{paid['id']}/not-mine", id=house.id(), text="") for _ in range(5))
    )
    assert {answer.status for answer in answers} == {303}
    assert len({answer.to for answer in answers}) == 1, "reported five times, looked at once"
    refused = await house.pay_by_http(somebody.account, friend, 100)
    assert refused.code == "account_frozen"
    clerk = house.staff(Role.OPERATOR)
    queue = await house.look("/staff/help?show=waiting", clerk)
    assert queue.text.rindex("A payment that is not mine") < queue.text.rindex("A question"), (
        "what is urgent stands first"
    )
    page = await house.look(answers[0].to.replace("/me/", "/staff/"), clerk)
    assert "¥50.00" in page.text
    assert "frozen" in page.text


async def test_only_what_he_paid_himself_can_be_reported(house: House, wang: Somebody) -> None:
    payer = await house.person(100_000)
    paid = await house.pay_by_http(payer, wang.account, 5_000)
    refused = await wang.send(f"/me/payments/{paid['id']}/not-mine", id=house.id(), text="")
    assert (refused.status, "left your own account" in refused.text) == (422, True)
    stranger = Somebody(house, await house.person())
    for answer in (
        await stranger.send(f"/me/payments/{paid['id']}/not-mine", id=house.id(), text=""),
        await stranger.look(f"/me/payments/{paid['id']}/not-mine"),
    ):
        assert answer.status == 404


async def test_nobody_reads_or_writes_on_the_request_of_somebody_else(house: House, wang: Somebody) -> None:
    id_ = await asked(house, wang)
    stranger = Somebody(house, await house.person())
    assert (await stranger.look(f"/me/help/{id_}")).status == 404
    assert (await stranger.send(f"/me/help/{id_}", id=house.id(), text="x")).status == 404
    assert (await stranger.send(f"/me/help/{id_}/close", id=house.id())).status == 404
    taken = await stranger.send("/me/help", id=id_, kind="question", text="x")
    assert (taken.status, "There is no such request for help." in taken.text) == (404, True)
    assert (await house.look(f"/staff/help/{id_}", house.staff(Role.ACCOUNTANT))).status == 403
    assert (await act(house, id_, "answer", house.staff(Role.AUDITOR), text="x")).status == 403


async def test_whoever_calls_finds_his_request_in_the_app(house: House, wang: Somebody) -> None:
    clerk = house.staff(Role.OPERATOR)
    new = {
        "id": house.id(),
        "customer": wang.id,
        "kind": "lost",
        "channel": "phone",
        "language": "en",
        "text": "His bag was stolen.",
    }
    assert (await house.send_form("/staff/help/new", new, clerk)).to == f"/staff/help/{new['id']}"
    own = await wang.look("/me/help")
    assert "Telephone or card lost" in own.text
    assert "His bag was stolen." in (await wang.look(f"/me/help/{new['id']}")).text
    assert "by telephone" in (await house.look(f"/staff/help/{new['id']}", clerk)).text
    wrong = await house.send_form("/staff/help/new", {**new, "id": house.id(), "customer": house.id()}, clerk)
    assert (wrong.status, "There is no such customer." in wrong.text) == (404, True)


async def test_words_are_needed_for_a_question_and_not_for_a_call(house: House, wang: Somebody) -> None:
    empty = await wang.send("/me/help", id=house.id(), kind="question", text="  ")
    assert (empty.status, "Write what it is about" in empty.text) == (422, True)
    await asked(house, wang, kind="call", text="")


@pytest.mark.parametrize("text", HOSTILE)
async def test_what_people_type_is_shown_as_it_was_typed(house: House, wang: Somebody, text: str) -> None:
    answer = await wang.send("/me/help", id=house.id(), kind="question", text=text, page=text)
    assert answer.status in (303, 422)
    if answer.status == 303:
        page = await wang.look(answer.to)
        assert "<script>alert" not in page.html
        assert "49" not in page.text


async def test_twenty_at_once_are_the_most(house: House, wang: Somebody) -> None:
    for _ in range(OPEN_AT_MOST):
        await asked(house, wang)
    more = await wang.send("/me/help", id=house.id(), kind="question", text="One more")
    assert (more.status, "twenty requests that are not closed" in more.text) == (409, True)


async def test_there_is_an_end_to_what_is_said(house: House, wang: Somebody) -> None:
    id_ = await asked(house, wang)
    await house.run_sql("UPDATE care.request SET said = %(n)s WHERE id = %(id)s RETURNING 1", n=SAID_AT_MOST, id=id_)
    full = await wang.send(f"/me/help/{id_}", id=house.id(), text="and")
    assert (full.status, "Too much has been said here." in full.text) == (409, True)


async def test_whoever_waits_longer_than_promised_is_seen(house: House, wang: Somebody) -> None:
    id_ = await asked(house, wang)
    clerk = house.staff(Role.OPERATOR)
    assert "longer than was promised" not in (await house.look("/staff/help?show=waiting", clerk)).text
    house.clock.tick(timedelta(hours=25))
    assert "One customer waits longer than was promised." in (await house.look("/staff/help?show=waiting", clerk)).text
    assert "We are sorry" in (await wang.look(f"/me/help/{id_}")).text
    async with house.db.read() as tx:
        waiting = await care.waiting(tx, house.clock.now())
    assert (waiting.open, waiting.late) == (1, 1)


async def test_words_lie_sealed_and_go_two_years_after_the_end(house: House, wang: Somebody) -> None:
    id_ = await asked(house, wang, text="My neighbour 张三 knows my PIN")
    [[sealed]] = await house.run_sql("SELECT sealed FROM care.message WHERE request_id = %(id)s", id=id_)
    assert "张三".encode() not in bytes(sealed)
    await wang.send(f"/me/help/{id_}/close", id=house.id())
    [job] = [one for one in JOBS if one.name == "care.forget_words"]
    context: Any = type("Context", (), {"db": house.db, "clock": house.clock})
    await job.run(context)
    assert "张三" in (await wang.look(f"/me/help/{id_}")).text
    house.clock.tick(timedelta(days=731))
    await job.run(context)
    assert "张三" not in (await wang.look(f"/me/help/{id_}")).text


async def test_what_he_asked_and_was_answered_is_in_his_document(house: House, wang: Somebody) -> None:
    id_, clerk = await asked(house, wang), house.staff(Role.OPERATOR)
    assert (await act(house, id_, "answer", clerk, text="It is on its way.")).status == 303
    assert (await act(house, id_, "hand-over", clerk, text="he asks often")).status == 303
    file = (await wang.look("/me/privacy/export")).html
    said = [(str(one["request_id"]), one["by_me"], one["text"]) for one in json.loads(file)["help"]]
    assert said == [(str(id_), True, "Where is my money?"), (str(id_), False, "It is on its way.")]
    assert "he asks often" not in file, "what colleagues tell each other is theirs"
    other = Somebody(house, await house.person())
    assert json.loads((await other.look("/me/privacy/export")).html)["help"] == []


async def test_a_message_of_another_request_is_not_taken_twice(house: House, wang: Somebody) -> None:
    first, second, message = await asked(house, wang), await asked(house, wang), house.id()
    assert (await wang.send(f"/me/help/{first}", id=message, text="a")).status == 303
    assert (await wang.send(f"/me/help/{second}", id=message, text="a")).status == 404
    with pytest.raises(Refusal, match="permission_missing"):
        async with house.db.tx() as tx:
            await care.answer(tx, wang.himself, first, "x", message_id=house.id(), at=house.at)
