"""What known frauds share is found on older payments, holds on newer ones, and chance is not taken for it."""

from __future__ import annotations

import asyncio
import random
from datetime import timedelta
from typing import Any

import pytest

from tests.govern.conftest import house as house
from tests.risk.patterns_made import Past, is_schemed
from tests.risk.test_rules import Desk
from tests.risk.test_rules import desk as desk
from tongbao.base.principal import PERMISSION_MISSING
from tongbao.base.refusal import Refusal
from tongbao.identity import Role
from tongbao.risk import jobs, patterns
from tongbao.risk import refusals as no
from tongbao.risk.catalogue import NAMES
from tongbao.risk.expression import check
from tongbao.risk.expression_code import compiled
from tongbao.risk.patterns_chance import is_chance
from tongbao.risk.patterns_conditions import candidates, names, written
from tongbao.risk.patterns_model import Search
from tongbao.risk.rule_model import Action, Mode
from tongbao.risk.ruleset import COLUMNS


@pytest.fixture
def past(desk: Desk) -> Past:
    return Past(desk)


async def refused(awaitable: Any) -> Refusal:
    with pytest.raises(Refusal) as caught:
        await awaitable
    return caught.value


def made_of(own: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(own.get(name) for name in COLUMNS)


async def test_a_scheme_among_honest_payments_is_found_and_holds_later(past: Past) -> None:
    """A few of its frauds nobody has labelled, and a few other payments are frauds of another sort."""
    chance = random.Random(7)
    await past.desk.approve(
        await past.desk.propose(
            past.desk.change(
                name="dear_at_night",
                expression="is_night and amount_minor >= 5000.00 CNY",
                action=Action.APPROVE,
                mode=Mode.SHADOW,
            )
        )
    )
    await past.live(1)
    scheme = [i for i, own in past.own.items() if is_schemed(own)]
    others = chance.sample([i for i in past.own if i not in set(scheme)], 6)
    await past.label(*(i for i in scheme if chance.random() < 0.95), *others)
    found = await past.found()
    best = found.patterns[0]
    assert {part.name for part in best.conditions} >= {"amount_minor", "device_known", "payee_known"}
    assert {part.name for part in best.conditions} & {"is_night", "hour"}, best.expression
    assert (2 <= len(best.conditions) <= 4, best.expression) == (True, best.expression)
    assert best.later.frauds >= found.newer.frauds * 8 // 10
    assert best.later.honest <= best.later.frauds // 5
    test = compiled(check(best.expression, NAMES), COLUMNS, {})
    met = {i for i, own in past.own.items() if test(made_of(own))}
    assert len(met & past.frauds) == best.found.frauds + best.later.frauds, "counted again by hand"
    assert len(met - past.frauds) == best.found.honest + best.later.honest
    assert len(met & set(scheme)) >= len(scheme) * 9 // 10
    assert set(best.examples) <= met & past.frauds
    assert sum(best.fraud_minor.values()) <= sum(past.own[i]["amount_minor"] for i in met & past.frauds)
    assert best.paid_minor == best.fraud_minor, "nothing was declined then"
    assert best.rules == ("dear_at_night",)
    assert 0 < best.known < best.later.frauds
    assert found.older.last_at < found.newer.first_at, "measured on what came after"
    assert found.older.frauds + found.newer.frauds == len(past.frauds)


async def test_labels_by_chance_make_no_pattern(past: Past) -> None:
    await past.live(2, scheme=0)
    await past.label(*random.Random(3).sample(list(past.own), 120))
    for floor in (5, 50):
        found = await past.found(await past.what(floor=floor))
        assert found.patterns == ()
        assert found.together == 0
        assert found.older.frauds + found.newer.frauds == 120


async def test_what_no_longer_holds_is_not_shown(past: Past) -> None:
    """Later on most who do as the scheme did are honest: still far from chance, and not worth the trouble."""
    await past.live(10, batches=28)
    await past.label(*(i for i, own in past.own.items() if is_schemed(own)))
    before = set(past.own)
    await past.live(11, batches=12, scheme=0.1, later=28)
    await past.label(*[i for i, own in past.own.items() if i not in before and is_schemed(own)][::3])
    found = await past.found(await past.what(floor=50))
    assert found.patterns == ()
    assert found.rejected > 0
    (shown, *_) = (await past.found(await past.what(floor=20))).patterns
    assert 20 <= shown.later.frauds * 100 // (shown.later.frauds + shown.later.honest) < 50


async def test_without_labels_it_says_that_there_are_too_few(past: Past) -> None:
    await past.live(4, batches=6)
    search = await past.work(await past.ask())
    assert (search.trouble, search.result) == ("too_few", None)


async def test_the_newest_days_are_left_out(past: Past) -> None:
    await past.live(5, batches=6)
    await past.label(*(i for i, own in past.own.items() if is_schemed(own)))
    search = await past.work(await past.ask(await past.what(delay=1)))
    assert (search.trouble, search.looked) == ("too_few", 0)


async def test_honest_payments_are_sampled_and_counted_for_as_many(past: Past, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patterns, "KEPT", 1_000)
    await past.live(1)
    await past.label(*(i for i, own in past.own.items() if is_schemed(own)))
    found = await past.found()
    assert found.every == 2
    assert found.older.frauds + found.newer.frauds == len(past.frauds), "no fraud is left out"
    counted = found.older.honest + found.newer.honest
    assert abs(counted - (len(past.own) - len(past.frauds))) < 250
    assert found.patterns


async def test_more_than_can_be_looked_at_is_said(past: Past, monkeypatch: pytest.MonkeyPatch) -> None:
    await past.live(6, batches=4)
    await past.label(*list(past.own)[:20])
    with monkeypatch.context() as patch:
        patch.setattr(patterns, "MOST", 20)
        assert (await past.work(await past.ask())).trouble == "too_many"
    with monkeypatch.context() as patch:
        patch.setattr(patterns, "MOST_FRAUDS", 19)
        assert (await past.work(await past.ask())).trouble == "too_many"


async def test_one_search_at_a_time(past: Past) -> None:
    one = await past.ask()
    assert await past.ask(id_=one) == one, "the same again is the same"
    other = past.house.principal_of_staff(Role.OPERATOR)
    assert (await refused(past.ask(by=other))).kind is no.PATTERN_SEARCH_OPEN
    async with past.house.db.tx() as tx:
        await patterns.cancel_search(tx, other, id=one, at=past.house.at)
    assert (await past.look(one)).trouble == "cancelled"
    await past.ask(by=other)


async def test_who_may_and_what_is_not_there(past: Past) -> None:
    auditor = past.house.principal_of_staff(Role.AUDITOR)
    assert (await refused(past.ask(by=auditor))).kind is PERMISSION_MISSING
    id_ = await past.ask()
    async with past.house.db.tx() as tx:
        nothing = past.house.id()
        assert (await refused(patterns.search(tx, nothing))).kind is no.PATTERN_SEARCH_UNKNOWN
        assert (await refused(patterns.pattern(tx, id_, 1))).kind is no.PATTERN_SEARCH_UNKNOWN
        cancel = patterns.cancel_search(tx, past.analyst, id=nothing, at=past.house.at)
        assert (await refused(cancel)).kind is no.PATTERN_SEARCH_UNKNOWN
        cancel = patterns.cancel_search(tx, auditor, id=id_, at=past.house.at)
        assert (await refused(cancel)).kind is PERMISSION_MISSING


async def test_a_search_that_is_stopped_finds_nothing_more(past: Past, monkeypatch: pytest.MonkeyPatch) -> None:
    await past.live(1, batches=20)
    await past.label(*(i for i, own in past.own.items() if is_schemed(own)))
    id_ = await past.ask()
    part, loop = patterns.Looking.part, asyncio.get_running_loop()

    async def cancel() -> None:
        async with past.house.db.tx() as tx:
            await patterns.cancel_search(tx, past.analyst, id=id_, at=past.house.at)

    def stopped(self: patterns.Looking) -> bool:
        asyncio.run_coroutine_threadsafe(cancel(), loop).result()
        return part(self)

    monkeypatch.setattr(patterns.Looking, "part", stopped)
    found = await past.work(id_)
    assert (found.trouble, found.result) == ("cancelled", None)


async def test_a_worker_that_is_stopped_leaves_it_to_the_next_one(past: Past, monkeypatch: pytest.MonkeyPatch) -> None:
    await past.live(1, batches=20)
    await past.label(*(i for i, own in past.own.items() if is_schemed(own)))
    id_, stop, add = await past.ask(), asyncio.Event(), patterns.Looking.add

    def stopped(self: patterns.Looking, page: list[Any]) -> None:
        add(self, page)
        stop.set()

    with monkeypatch.context() as patch:
        patch.setattr(patterns.Looking, "add", stopped)
        await jobs.keep_looking(past.house.db, past.house.clock, stop)
    left = await past.look(id_)
    assert (left.is_open, left.told_at, left.tries) == (True, None, 0)
    assert (await past.work(id_)).result is not None


async def test_a_worker_that_died_is_followed_by_another_three_times(past: Past) -> None:
    id_, at = await past.ask(), past.house.clock.now()

    async def claim() -> Search | None:
        async with past.house.db.tx() as tx:
            return await patterns.next_search(tx, at=at)

    for number in range(patterns.MOST_TRIES):
        found = await claim()
        assert found is not None
        assert found.tries == number + 1
        assert await claim() is None, "while it may be alive, nobody takes its search"
        at += patterns.SILENT * 2
    assert await claim() is None
    assert (await past.look(id_)).trouble == "gave_up"


async def test_one_that_takes_too_long_is_ended_and_old_ones_are_forgotten(past: Past) -> None:
    id_, at = await past.ask(), past.house.at
    async with past.house.db.tx() as tx:
        claimed = await patterns.next_search(tx, at=at)
        assert claimed is not None
        looking = await patterns.begin(tx, claimed.what, at=at)
        assert isinstance(looking, patterns.Looking)
        assert await patterns.tell(tx, claimed, looking, at=at)
        assert not await patterns.tell(tx, claimed, looking, at=at + patterns.LONGEST + timedelta(seconds=1))
    assert (await past.look(id_)).trouble == "too_long"
    async with past.house.db.tx() as tx:
        later = at + patterns.STAY + timedelta(days=1)
        await patterns.ask_search(tx, past.analyst, await past.what(), id=past.house.id(), at=later)
        assert (await refused(patterns.search(tx, id_))).kind is no.PATTERN_SEARCH_UNKNOWN


def test_every_condition_says_in_the_language_of_rules_what_it_meets() -> None:
    """Each candidate of each name, written, checked and compiled, meets the payments whose bits it has."""
    chance = random.Random(9)

    def value(name: str) -> Any:
        sort = NAMES[name].sort
        if chance.random() < 0.2:
            return None
        if sort == "bool":
            return chance.random() < 0.5
        if name == "currency":
            return chance.choice(("CNY", "HKD"))
        if sort == "text":
            return chance.choice(("a", "b'c", "d"))
        return chance.choice((0, 1, 5, 23, 60, 3_600, 86_400, 100_000, 10**9)) + chance.randrange(3)

    frauds, honest = ([tuple(map(value, COLUMNS)) for _ in range(many)] for many in (60, 90))
    seen = 0
    for name in names():
        for one in candidates(name, frauds, honest, currency="CNY", fewest=5):
            test = compiled(check(written([one.condition]), NAMES), COLUMNS, {})
            for rows, bits in ((frauds, one.frauds), (honest, one.honest)):
                assert [bool(test(row)) for row in rows] == [bool(bits >> n & 1) for n in range(len(rows))], (
                    one.condition
                )
            seen += 1
    assert seen > 300


def test_chance_is_counted_exactly() -> None:
    """4 of 4 hits out of 10 with 4 frauds: once in 210 draws; two of two out of 4 with 2: once in 6."""
    assert is_chance(4, 4, 4, 10, one_in=210)
    assert not is_chance(4, 4, 4, 10, one_in=209)
    assert is_chance(2, 2, 2, 4, one_in=6)
    assert not is_chance(2, 2, 2, 4, one_in=5)
    assert is_chance(0, 5, 3, 100, one_in=1)
    assert not is_chance(200, 220, 400, 14_000, one_in=1_000)
    assert is_chance(8, 220, 400, 14_000, one_in=1_000)
    assert not is_chance(5, 4, 10, 20, one_in=10**9), "more than there are"


def test_ids_of_parties_and_scores_of_models_are_no_conditions() -> None:
    assert not {"payer", "payee", "device", "merchant", "currency", "model_score", "odd_score"} & set(names())
