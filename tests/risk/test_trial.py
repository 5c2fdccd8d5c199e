"""A rule is tried over last month before it judges anything: what it would have met, caught and disturbed."""

from __future__ import annotations

import asyncio
import json
import random
from collections import Counter
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from typer.testing import CliRunner

from tests.console.house import House
from tests.govern.conftest import house as house
from tests.risk.test_replay import MULES, Judge, features, payment
from tests.risk.test_rules import Desk
from tests.risk.test_rules import desk as desk
from tongbao import risk
from tongbao.base import days
from tongbao.base.principal import PERMISSION_MISSING, Principal
from tongbao.base.refusal import Refusal
from tongbao.cli import risk as command
from tongbao.identity import Role
from tongbao.risk import jobs, trial
from tongbao.risk import refusals as no
from tongbao.risk.rule_model import Action, Mode
from tongbao.risk.trial_model import Result, Trial, Tried

DEAR = "amount_minor >= 600.00 CNY"


class History:
    """Payments of a few days, some of which turned out to be fraud, and the trials that people ask for."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.house = desk.house
        self.analyst = desk.analyst
        self.judge = Judge(desk.house)
        self.own: dict[UUID, dict[str, Any]] = {}
        self.day: dict[UUID, int] = {}
        self.fraud: dict[UUID, bool] = {}

    async def live(self, chance: random.Random, *, days_: int = 3, batches: int = 12) -> None:
        house = self.house
        for number in range(days_):
            for _ in range(batches):
                given = [payment(chance) for _ in range(5)]
                before = len(self.judge.judged)
                at = house.at + timedelta(days=number)
                await self.judge.judge(at, *given, features=[features(chance) for _ in given])
                fresh = self.judge.judged[before:]
                self.own |= dict(zip(fresh, given, strict=True))
                self.day |= dict.fromkeys(fresh, number)
            # The bank's days are those of its books: these payments lie on earlier ones.
            await house.run_sql(
                "UPDATE risk.assessment SET booking_date = booking_date - %(back)s::int WHERE id = ANY(%(ids)s)",
                back=days_ - 1 - number,
                ids=[i for i, day in self.day.items() if day == number],
            )
        for payment_id in chance.sample(self.judge.judged, len(self.judge.judged) // 3):
            await self.label(payment_id, is_fraud=chance.random() < 0.5)

    async def label(self, payment_id: UUID, *, is_fraud: bool) -> None:
        self.fraud[payment_id] = is_fraud
        async with self.house.db.tx() as tx:
            await risk.label(
                tx,
                payment_id,
                id=self.house.id(),
                is_fraud=is_fraud,
                source=risk.LabelSource.ANALYST,
                reason="seen",
                by=self.analyst,
                at=self.house.at,
            )

    async def what(self, expression: str, *, days_: int = 30, **other: Any) -> Tried:
        async with self.house.db.read() as tx:
            first, last = trial.span((await days.current(tx)).open_date, days_)
        return Tried(expression=expression, action=Action.CHALLENGE, points=30, first_day=first, last_day=last, **other)

    async def ask(self, what: Tried, id_: UUID | None = None, by: Principal | None = None) -> UUID:
        id_ = id_ or self.house.id()
        async with self.house.db.tx() as tx:
            await trial.ask_trial(tx, by or self.analyst, what, id=id_, at=self.house.clock.now())
        return id_

    async def look(self, id_: UUID) -> Trial:
        async with self.house.db.read() as tx:
            return await trial.trial(tx, id_)

    async def work(self, id_: UUID) -> Trial:
        """A worker runs until this trial has ended."""
        stop = asyncio.Event()
        working = asyncio.create_task(jobs.keep_trying(self.house.db, self.house.clock, stop))
        try:
            for _ in range(600):
                if not (found := await self.look(id_)).is_open:
                    return found
                await asyncio.sleep(0.05)
            raise TimeoutError
        finally:
            stop.set()
            await working

    async def result(self, what: Tried) -> Result:
        found = await self.work(await self.ask(what))
        assert found.trouble is None
        assert found.result is not None
        assert found.looked == found.total
        return found.result


@pytest.fixture
def history(desk: Desk) -> History:
    return History(desk)


async def refused(awaitable: Any) -> Refusal:
    with pytest.raises(Refusal) as caught:
        await awaitable
    return caught.value


def dear(said: dict[str, Any], from_minor: int = 60_000) -> bool:
    return said["currency"] == "CNY" and said["amount_minor"] >= from_minor


async def test_a_trial_tells_what_was_met_caught_and_disturbed(history: History) -> None:
    """Counted again by hand, payment by payment."""
    await history.desk.approve(
        await history.desk.propose(
            history.desk.change(
                name="at_weekends", expression="is_weekend", action=Action.APPROVE, points=1, mode=Mode.SHADOW
            )
        )
    )
    await history.live(random.Random(4))
    found = await history.result(await history.what(DEAR))
    own, fraud = history.own, history.fraud
    met = [i for i in own if dear(own[i])]
    caught = [i for i in met if fraud.get(i)]
    assert found.looked == len(own) == 180
    assert found.unknown == 0
    assert found.frauds == sum(fraud.values())
    assert found.labelled == len(fraud)
    assert (found.new.hits, found.new.frauds) == (len(met), len(caught))
    assert 0 < len(caught) < len(met) < len(own), "a condition that meets all or nothing proves nothing"
    assert found.new.labelled == sum(i in fraud for i in met)
    assert found.new.annoyed == len({own[i]["payer"] for i in met if not fraud.get(i)})
    assert found.new.fraud_minor == {"CNY": sum(own[i]["amount_minor"] for i in caught)}
    assert found.new.paid_minor == found.new.fraud_minor, "nothing was declined then"
    weekend = [i for i in own if own[i]["is_weekend"]]
    assert [(o.rule, o.theirs, o.both) for o in found.overlaps] == [
        ("at_weekends", len(weekend), len(set(weekend) & set(met)))
    ]
    assert found.alone == len(set(met) - set(weekend))
    assert [(day.looked, day.new) for day in found.days] == [
        (60, sum(history.day[i] == number for i in met)) for number in range(3)
    ]
    assert found.present is None


async def test_the_present_version_stands_beside_the_new_one(history: History) -> None:
    change = history.desk.change(expression="amount_minor >= 2000.00 CNY")
    await history.desk.approve(await history.desk.propose(change))
    await history.live(random.Random(5), days_=1)
    found = await history.result(
        await history.what(DEAR, rule_id=change.rule_id, name=change.name, version=1, kinds=("transfer",))
    )
    own = history.own
    assert found.new.hits == sum(dear(said) and said["kind"] == "transfer" for said in own.values())
    assert found.present is not None
    assert found.present.hits == sum(dear(said, 200_000) for said in own.values())
    assert found.overlaps == (), "a rule does not overlap with itself"
    assert sum(day.present for day in found.days) == found.present.hits


async def test_what_was_declined_then_is_not_saved_again(history: History) -> None:
    await history.live(random.Random(6), days_=1)
    met = [i for i in history.own if dear(history.own[i])]
    for i in met[:2]:
        await history.label(i, is_fraud=True)
    await history.house.run_sql("UPDATE risk.assessment SET is_declined = true WHERE id = %(id)s", id=met[0])
    found = await history.result(await history.what(DEAR))
    apart = found.new.fraud_minor["CNY"] - found.new.paid_minor["CNY"]
    assert apart == history.own[met[0]]["amount_minor"]


async def test_only_the_days_that_were_asked_for(history: History) -> None:
    await history.live(random.Random(7))
    found = await history.result(await history.what(DEAR, days_=1))
    assert found.looked == 60
    assert [day.looked for day in found.days] == [60]


async def test_the_newest_label_counts(history: History) -> None:
    await history.live(random.Random(8), days_=1)
    met = next(i for i in history.own if dear(history.own[i]))
    await history.label(met, is_fraud=True)
    one = await history.result(await history.what(DEAR))
    await history.label(met, is_fraud=False)
    other = await history.result(await history.what(DEAR))
    assert one.new.frauds - other.new.frauds == 1


async def test_lists_are_looked_up_as_they_are_now(history: History) -> None:
    mule = str(MULES[3])
    await history.live(random.Random(9), days_=1)
    change = risk.ListChange(name="mules", unit=risk.Unit.ACCOUNT, come=(mule,))
    await history.desk.approve(await history.desk.propose_list(change))
    found = await history.result(await history.what("payee in mules"))
    assert found.new.hits == sum(said["payee"] == mule for said in history.own.values()) > 0


async def test_one_trial_at_a_time_and_the_same_form_twice_is_one(history: History) -> None:
    what = await history.what(DEAR)
    one = await history.ask(what)
    assert await history.ask(what, one) == one
    assert (await refused(history.ask(what))).code == "trial_open"
    other = history.house.principal_of_staff(Role.OPERATOR)
    await history.ask(what, by=other)
    async with history.house.db.tx() as tx:
        await trial.cancel_trial(tx, history.analyst, id=one, at=history.house.at)
        await trial.cancel_trial(tx, history.analyst, id=one, at=history.house.at)
    assert (await history.look(one)).trouble == "cancelled"
    await history.ask(what)


async def test_what_is_refused(history: History) -> None:
    async with history.house.db.tx() as tx:
        assert (await refused(trial.trial(tx, history.house.id()))).kind is no.TRIAL_UNKNOWN
        gone = trial.cancel_trial(tx, history.analyst, id=history.house.id(), at=history.house.at)
        assert (await refused(gone)).code == "trial_unknown"
        auditor = history.house.principal_of_staff(Role.AUDITOR)
        what = await history.what(DEAR)
        asked = trial.ask_trial(tx, auditor, what, id=history.house.id(), at=history.house.at)
        assert (await refused(asked)).kind is PERMISSION_MISSING
    assert (await refused(history.ask(await history.what("nonsense > 1")))).code == "rule_unsound"


async def test_a_trial_that_is_cancelled_stops_where_it_is(history: History, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trial, "PAGE", 10)
    await history.live(random.Random(10))
    id_ = await history.ask(await history.what(DEAR))
    counted: Counter[str] = Counter()
    count = trial.Trying.count

    def slowly(self: trial.Trying, page: Any) -> None:
        counted["pages"] += 1
        if counted["pages"] == 3:
            asyncio.run_coroutine_threadsafe(cancel(), loop).result()
        count(self, page)

    async def cancel() -> None:
        async with history.house.db.tx() as tx:
            await trial.cancel_trial(tx, history.analyst, id=id_, at=history.house.at)

    loop = asyncio.get_running_loop()
    monkeypatch.setattr(trial.Trying, "count", slowly)
    found = await history.work(id_)
    assert (found.trouble, found.result, found.looked) == ("cancelled", None, 20)
    assert counted["pages"] == 3


async def test_a_worker_that_stops_leaves_its_trial_to_the_next_one(
    history: History, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trial, "PAGE", 10)
    await history.live(random.Random(11))
    id_ = await history.ask(await history.what(DEAR))
    stop = asyncio.Event()
    count = trial.Trying.count

    def stopped(self: trial.Trying, page: Any) -> None:
        count(self, page)
        stop.set()

    with monkeypatch.context() as patch:
        patch.setattr(trial.Trying, "count", stopped)
        await jobs.keep_trying(history.house.db, history.house.clock, stop)
    left = await history.look(id_)
    assert left.is_open
    assert (left.told_at, left.tries) == (None, 0)
    found = await history.work(id_)
    assert found.result is not None
    assert found.result.looked == 180


async def test_a_worker_that_died_is_followed_by_another_three_times(history: History) -> None:
    await history.live(random.Random(12), days_=1)
    id_ = await history.ask(await history.what(DEAR))
    at = history.house.clock.now()

    async def claim() -> Trial | None:
        async with history.house.db.tx() as tx:
            return await trial.next_trial(tx, at=at)

    for number in range(trial.MOST_TRIES):
        found = await claim()
        assert found is not None
        assert found.tries == number + 1
        assert await claim() is None, "while it may be alive, nobody takes its trial"
        at += trial.SILENT * 2
    assert await claim() is None
    assert (await history.look(id_)).trouble == "gave_up"


async def test_who_was_taken_for_dead_says_no_more(history: History) -> None:
    await history.live(random.Random(13), days_=1)
    id_ = await history.ask(await history.what(DEAR))
    async with history.house.db.tx() as tx:
        old = await trial.next_trial(tx, at=history.house.at)
        new = await trial.next_trial(tx, at=history.house.at + trial.SILENT * 2)
        assert old is not None
        assert new is not None
        trying = await trial.begin(tx, old.what, at=history.house.at)
        assert isinstance(trying, trial.Trying)
        assert not await trial.tell(tx, old, trying, at=history.house.at)
        assert await trial.tell(tx, new, trying, at=history.house.at + trial.SILENT * 2)
        assert not await trial.tell(tx, new, trying, at=history.house.at + trial.SILENT * 2 + trial.LONGEST * 2)
    assert (await history.look(id_)).trouble == "too_long"


async def test_more_than_a_trial_can_look_at_is_said(history: History, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trial, "MOST", 20)
    await history.live(random.Random(14), days_=1)
    found = await history.work(await history.ask(await history.what(DEAR)))
    assert found.trouble == "too_many"


async def test_what_was_not_remembered_whole_is_left_out_and_told(history: History) -> None:
    await history.live(random.Random(15), days_=1)
    await history.house.run_sql("UPDATE risk.assessment SET own = NULL WHERE id = %(id)s", id=history.judge.judged[0])
    found = await history.result(await history.what(DEAR))
    assert (found.looked, found.unknown) == (59, 1)


async def test_trials_of_long_ago_are_forgotten(history: History, house: House) -> None:
    one = await history.ask(await history.what(DEAR))
    await history.work(one)
    await house.run_sql("UPDATE risk.trial SET ended_at = ended_at - interval '91 days'")
    await history.ask(await history.what(DEAR))
    async with house.db.read() as tx:
        assert (await refused(trial.trial(tx, one))).code == "trial_unknown"
        assert len(await trial.trials(tx)) == 1


async def test_the_command_tries_without_a_trace(history: History, monkeypatch: pytest.MonkeyPatch) -> None:
    await history.live(random.Random(16), days_=1)
    monkeypatch.setenv("TONGBAO_DATABASE_URL", history.house.db.url)

    async def run(*words: str) -> tuple[int, str]:
        done = await asyncio.to_thread(CliRunner().invoke, command.app, ["trial", *words])
        return done.exit_code, done.output

    met = sum(dear(said) for said in history.own.values())
    status, said = await run(DEAR, "--days", "2", "--json")
    assert (status, json.loads(said)["new"]["hits"]) == (0, met)
    assert f"meets {met} of 60 payments" in (await run(DEAR))[1]
    assert (await run("nonsense > 1"))[0] == 1
    assert await history.house.run_sql("SELECT id FROM risk.trial") == []
