"""What people ask about their data: each has its day, reaches staff, is answered in words that only the two of them can read."""

from __future__ import annotations

import asyncio
import json
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from tests.console.house import HOSTILE
from tests.govern.conftest import Somebody
from tongbao import govern, identity, vault
from tongbao.base import calendar
from tongbao.base.days import local_day
from tongbao.base.refusal import Refusal
from tongbao.govern import RequestKind, RequestState
from tongbao.govern.requests import last_day
from tongbao.identity import Role

if TYPE_CHECKING:
    from uuid import UUID

    from tests.console.house import House


async def requests_of(house: House, somebody: Somebody) -> list[govern.Request]:
    async with house.db.read() as tx:
        return await govern.requests_of(tx, somebody.id)


async def test_the_day_for_an_answer_is_the_fifteenth_working_day(house: House) -> None:
    async with house.db.tx() as tx:
        await calendar.seed(tx, [2026])
        assert await last_day(tx, date(2026, 11, 23)) == date(2026, 12, 14)
        assert await last_day(tx, date(2026, 9, 25)) == date(2026, 10, 22), "seven days of the national day lie between"


async def test_a_wrong_name_is_corrected_and_the_customer_reads_the_answer(house: House, wang: Somebody) -> None:
    assert (await wang.ask("correction", "My name is 王晓明")).to == "/me/privacy"
    (asked,) = await requests_of(house, wang)
    clerk = house.staff(Role.OPERATOR)
    queue = await house.look("/staff/privacy", clerk)
    assert "Something is wrong and should be corrected" in queue.text
    page = await house.look(f"/staff/privacy/{asked.id}", clerk)
    assert "My name is 王晓明" in page.text
    answer = {"state": "done", "text": "It is corrected.", "name": "王晓明"}
    assert (await house.send_form(f"/staff/privacy/{asked.id}", answer, clerk)).to == "/staff/privacy"
    assert "The bank's answer: It is corrected." in (await wang.look()).text
    async with house.db.tx() as tx:
        known = await vault.read(tx, [wang.id], [vault.Kind.NAME], by=wang.himself, reason="test", at=house.at)
    assert known[wang.id][vault.Kind.NAME] == "王晓明"
    again = await house.send_form(f"/staff/privacy/{asked.id}", answer, clerk)
    assert again.status == 409
    assert "has been answered or withdrawn" in again.text


async def test_a_complaint_says_what_it_is_about_and_cannot_be_lost(house: House, wang: Somebody) -> None:
    empty = await wang.ask("complaint", "   ")
    assert (empty.status, "Write what it is about" in empty.text) == (422, True)
    first = house.id()
    assert (await wang.ask("complaint", "Somebody knows my balance", id=first)).status == 303
    assert (await wang.ask("complaint", "Somebody knows my balance", id=first)).status == 303, "the same form twice"
    second = await wang.ask("complaint", "And he told others")
    assert (second.status, "is being worked on" in second.text) == (409, True)
    (asked,) = await requests_of(house, wang)
    house.clock.tick(timedelta(days=30))
    late = await house.look("/staff/privacy", house.staff())
    assert "One request is past its day." in late.text
    assert (await wang.send(f"/me/privacy/requests/{asked.id}/withdraw")).status == 303
    assert (await requests_of(house, wang))[0].state is RequestState.WITHDRAWN
    assert "past its day" not in (await house.look("/staff/privacy", house.staff())).text


async def test_two_at_once_make_one_request(house: House, wang: Somebody) -> None:
    answers = await asyncio.gather(*(wang.ask("access", f"number {n}") for n in range(10)))
    assert sorted({answer.status for answer in answers}) == [303, 409]
    assert len(await requests_of(house, wang)) == 1


async def test_nobody_reads_or_withdraws_what_another_has_asked(house: House, wang: Somebody) -> None:
    await wang.ask("complaint", "about my neighbour")
    (asked,) = await requests_of(house, wang)
    stranger = Somebody(house, await house.person())
    assert (await stranger.send(f"/me/privacy/requests/{asked.id}/withdraw")).status == 404
    assert "my neighbour" not in (await stranger.look()).text
    assert (await house.look(f"/staff/privacy/{asked.id}", house.staff(Role.ACCOUNTANT))).status == 403
    auditor = house.staff(Role.AUDITOR)
    assert (await house.look(f"/staff/privacy/{asked.id}", auditor)).status == 200
    assert (await house.send_form(f"/staff/privacy/{asked.id}", {"state": "done", "text": "x"}, auditor)).status == 403


async def test_what_was_written_is_sealed(house: House, wang: Somebody) -> None:
    await wang.ask("complaint", "机密文字 about my balance")
    rows = await house.run_sql("SELECT r::text FROM govern.request r")
    assert len(rows) == 1
    assert "机密文字".encode().hex() not in rows[0][0]
    assert "balance" not in rows[0][0]


@pytest.mark.parametrize("hostile", HOSTILE)
async def test_hostile_words_are_kept_as_words(house: House, wang: Somebody, hostile: str) -> None:
    answer = await wang.ask("complaint", hostile)
    assert answer.status == (422 if len(hostile) > 1000 else 303)
    page = await wang.look(lang="zh")
    assert "<script>alert" not in page.html


async def test_deletion_waits_until_the_customer_has_left(house: House, wang: Somebody) -> None:
    await wang.ask("deletion")
    (asked,) = await requests_of(house, wang)
    clerk = house.staff(Role.OPERATOR)
    done = {"state": "done", "text": "Your factors and devices are deleted."}
    early = await house.send_form(f"/staff/privacy/{asked.id}", done, clerk)
    assert (early.status, "Close the customer's accounts" in early.text) == (409, True)
    async with house.db.tx() as tx:
        await identity.set_pin(tx, wang.id, identity.hash_password("271813", bytes(16)), by=wang.himself, at=house.at)
    await wang.leave()
    assert (await house.send_form(f"/staff/privacy/{asked.id}", done, clerk)).status == 303
    async with house.db.read() as tx:
        assert (await identity.factors_of(tx, [wang.id]))[wang.id] == []


async def test_everything_that_is_known_is_one_file(house: House, wang: Somebody) -> None:
    await wang.ask("access", "All of it, please")
    answer = await house.client.get("/me/privacy/export", headers=wang._headers("en"))
    assert answer.headers["content-disposition"] == 'attachment; filename="personal-data.json"'
    document: dict[str, Any] = json.loads(answer.text)
    assert document["customer"]["name"] == "王小明"
    assert [one["number"] for one in document["accounts"]] == [wang.account.number]
    assert document["requests"][0]["asked"] == "All of it, please"
    assert document["transfers"] is None, "he has never transferred"
    looked_up = {"id": house.id(), "to": wang.account.number, "amount": "1", "arrives": "next_day"}
    assert (await wang.send("/me/transfer", **looked_up)).status == 422, "to himself: looked up, not led on"
    document = json.loads((await house.client.get("/me/privacy/export", headers=wang._headers("en"))).text)
    today = local_day(house.at, house.settings.zone).isoformat()
    assert document["transfers"] == {"arrives": "next_day", "looked_up": 1, "on": today}


async def test_consent_holds_for_the_wording_that_was_read_and_ends_at_once(house: House, wang: Somebody) -> None:
    async def agreed() -> set[UUID]:
        async with house.db.read() as tx:
            return await identity.may_use(tx, [wang.id], identity.Purpose.SUGGESTIONS)

    assert await agreed() == set(), "nobody has asked him"
    yes = (await wang.look()).hidden()
    assert (await wang.send("/me/privacy/consents", **yes)).said == "You agree. You may take that back at any time."
    assert (await wang.send("/me/privacy/consents", **yes)).status == 303, "the same form twice is one answer"
    assert await agreed() == {wang.id}
    house.clock.tick(timedelta(minutes=1))
    other_tab = {**yes, "id": str(house.id())}
    assert (await wang.send("/me/privacy/consents", **other_tab)).status == 303, "from a second tab it is no second one"
    await house.run_sql("INSERT INTO identity.purpose VALUES ('suggestions', 2, 'Another wording.', '新的内容。')")
    assert await agreed() == set(), "to this wording he has not said anything"
    late = await wang.send("/me/privacy/consents", **{**yes, "id": str(house.id())})
    assert (late.status, "The wording has changed since." in late.text) == (409, True)
    assert (await wang.send("/me/privacy/consents", **(await wang.look()).hidden())).status == 303
    assert await agreed() == {wang.id}
    house.clock.tick(timedelta(minutes=1))
    await wang.send("/me/privacy/consents", **(await wang.look()).hidden())
    assert await agreed() == set()
    async with house.db.read() as tx:
        history = await identity.consent_history(tx, wang.id)
    assert [(one.version, one.given) for one in history] == [(2, False), (2, True), (1, True)]


async def test_only_the_customer_himself_agrees(house: House, wang: Somebody) -> None:
    async with house.db.tx() as tx:
        with pytest.raises(Refusal) as refused:
            await identity.set_consent(tx, wang.id, "suggestions", 1, True, id=house.id(), by=house.bank, at=house.at)
        assert refused.value.code == "permission_missing"
        with pytest.raises(Refusal) as refused:
            await identity.set_consent(tx, wang.id, "everything", 1, True, id=house.id(), by=wang.himself, at=house.at)
        assert refused.value.code == "purpose_unknown"


@pytest.mark.parametrize("kind", list(RequestKind))
@pytest.mark.parametrize("lang", ["zh", "en"])
async def test_every_kind_is_answered_in_both_languages(
    house: House, wang: Somebody, kind: RequestKind, lang: str
) -> None:
    assert (await wang.ask(kind.value, "请查", lang=lang)).status == 303
    (asked,) = await requests_of(house, wang)
    clerk = house.staff(Role.OPERATOR)
    for path in ("/staff/privacy", f"/staff/privacy/{asked.id}"):
        assert (await house.look(path, clerk, lang=lang)).status == 200
    refused = {"state": "refused", "text": "依法不能办理"}
    assert (await house.send_form(f"/staff/privacy/{asked.id}", refused, clerk, lang=lang)).status == 303
    assert "依法不能办理" in (await wang.look(lang=lang)).text
