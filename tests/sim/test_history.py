"""The city and its past: the same for the same seed, payable at every moment, and with the rhythm of a day."""

from __future__ import annotations

import io
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
import pytest

from tongbao_sim import history
from tongbao_sim.city import CATEGORIES, build
from tongbao_sim.history import Plan, is_free, paid_on

UNTIL = date(2026, 11, 21)
MONTH = Plan(seed=7, people=300, shops=40, days=30, payments=6_000, until=UNTIL, balances=True)


def written(plan: Plan) -> bytes:
    out = io.BytesIO()
    history.write(plan, out)
    return out.getvalue()


@pytest.fixture(scope="module")
def facts() -> list[dict[str, Any]]:
    return msgspec.json.Decoder(dict[str, Any]).decode_lines(written(MONTH))


def orders(facts: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [fact for fact in facts if fact["fact"] == "order"]


def local(order: dict[str, Any]) -> datetime:
    return datetime.fromisoformat(order["at"]) + timedelta(hours=8)


def test_a_seed_gives_the_same_bytes_and_another_seed_others() -> None:
    plan = msgspec.structs.replace(MONTH, days=3, payments=900)
    assert written(plan) == written(plan)
    assert written(plan) != written(msgspec.structs.replace(plan, seed=8))


def test_the_same_seed_founds_the_same_people_however_much_they_pay() -> None:
    few, many = build(3, 200, 30, 0), build(3, 200, 30, 0)
    assert few == many
    assert {p.name for p in few.people} != {p.name for p in build(4, 200, 30, 0).people}


def test_every_order_can_be_paid_when_it_is_made_unless_it_says_otherwise(facts: list[dict[str, Any]]) -> None:
    balance: Counter[str] = Counter()
    taken: Counter[str] = Counter()
    for fact in facts:
        if fact["fact"] == "day_end":
            taken.clear()
        if fact["fact"] != "order":
            continue
        payer, merchant, amount = fact.get("payer"), fact.get("merchant"), fact["amount"]
        assert amount > 0
        if fact["expect"] == "insufficient_funds":
            assert balance[payer] < amount
            continue
        if payer:
            assert balance[payer] >= amount, fact
            balance[payer] -= amount
        if fact.get("payee"):
            balance[fact["payee"]] += amount
        if merchant:
            taken[merchant] += amount if payer else -amount
            assert taken[merchant] >= 0, "a shop gives back out of what it took that day"
    said = {f["account"]: f["balance"] for f in facts if f["fact"] == "balance"}
    assert said == {account: balance[account] for account in said}
    assert facts[-1]["balances"] == sum(balance.values())


def test_orders_are_in_time_order_inside_their_day_and_their_ids_too(facts: list[dict[str, Any]]) -> None:
    day, last = "", ""
    for fact in facts:
        match fact["fact"]:
            case "day":
                day, last = fact["date"], ""
            case "order":
                assert fact["at"] >= last
                assert local(fact).date().isoformat() == day
                id_ = UUID(fact["id"])
                assert id_.version == 7
                assert datetime.fromtimestamp((id_.int >> 80) / 1000, UTC) == datetime.fromisoformat(fact["at"])
                last = fact["at"]
            case "day_end":
                assert fact["date"] == day
    assert len({f["id"] for f in orders(facts)}) == len(orders(facts))


def test_there_are_as_many_orders_as_asked_for_and_the_end_counts_them(facts: list[dict[str, Any]]) -> None:
    found, end = orders(facts), facts[-1]
    assert len(found) == end["orders"] == MONTH.payments
    assert end["kinds"] == Counter(f["kind"] for f in found)
    assert end["insufficient_funds"] == sum(f["expect"] == "insufficient_funds" for f in found)
    assert 0 < end["insufficient_funds"] < end["orders"] // 100
    assert sum(f["orders"] for f in facts if f["fact"] == "day_end") == end["orders"]


def test_fewer_orders_than_standing_ones_leaves_the_standing_ones() -> None:
    plan = Plan(seed=1, people=20, shops=3, days=1, payments=0, until=UNTIL)
    found = orders(msgspec.json.Decoder(dict[str, Any]).decode_lines(written(plan)))
    assert [f["kind"] for f in found] == ["topup"] * 20


def test_everybody_who_is_named_is_known_before(facts: list[dict[str, Any]]) -> None:
    known: set[str] = set()
    payments: dict[str, int] = {}
    refunded: Counter[str] = Counter()
    for fact in facts:
        named = {fact.get(key) for key in ("owner", "payer", "payee", "merchant")} - {None}
        assert named <= known, fact
        if fact["fact"] in ("person", "firm", "shop", "account"):
            known.add(fact["id"])
        if fact.get("kind") == "payment":
            payments[fact["id"]] = fact["amount"]
        if fact.get("kind") == "refund":
            refunded[fact["of"]] += fact["amount"]
    assert refunded
    assert all(payments[id_] >= amount for id_, amount in refunded.items())


def test_people_eat_breakfast_lunch_and_supper_when_people_do(facts: list[dict[str, Any]]) -> None:
    shop = {f["id"]: f["category"] for f in facts if f["fact"] == "shop"}
    hours = {code: Counter[int]() for code in set(shop.values())}
    for order in orders(facts):
        if order["kind"] == "payment":
            hours[shop[order["merchant"]]][local(order).hour] += 1
    assert set(hours["breakfast"]) <= set(range(6, 11))
    assert set(hours["noodles"]) <= {11, 12, 13, 17, 18, 19, 20}
    lunch = sum(hours["noodles"][h] for h in (11, 12, 13))
    assert lunch > 0
    assert sum(hours["noodles"].values()) > lunch
    night = sum(count for kind in hours.values() for hour, count in kind.items() if 2 <= hour < 6)
    assert night == 0


def test_weekends_are_busier_and_people_do_not_commute(facts: list[dict[str, Any]]) -> None:
    metro = next(f["id"] for f in facts if f["fact"] == "shop" and f["category"] == "metro")
    days: dict[bool, Counter[str]] = {True: Counter(), False: Counter()}
    for order in orders(facts):
        when = local(order).date()
        if order["kind"] == "payment" and when > date(2026, 11, 5):
            days[is_free(when)]["all"] += 1
            days[is_free(when)]["metro"] += order["merchant"] == metro
    free, working = days[True], days[False]
    assert free["metro"] * working["all"] < working["metro"] * free["all"]
    assert free["all"] * 11 > working["all"] * 5, "five free days of these sixteen, and busier ones"


def test_wages_come_once_a_month_before_the_weekend(facts: list[dict[str, Any]]) -> None:
    assert paid_on(15, date(2026, 11, 13))
    assert not paid_on(15, date(2026, 11, 15))
    wages = [f for f in orders(facts) if f["kind"] == "salary"]
    assert wages
    assert all(local(f).weekday() < 5 for f in wages)
    assert max(Counter((f["payee"], f["at"][:7]) for f in wages).values()) == 1


def test_a_city_has_shops_of_every_category_and_says_that_it_is_made_up(facts: list[dict[str, Any]]) -> None:
    shops = [f for f in facts if f["fact"] == "shop"]
    assert {f["category"] for f in shops} == {c.code for c in CATEGORIES}
    assert len({f["name"] for f in shops}) == len(shops)
    assert all(f["made_up"] for f in facts if f["fact"] in ("person", "firm", "shop"))
    people = [f for f in facts if f["fact"] == "person"]
    assert len({f["phone"] for f in people}) == len(people)


@pytest.mark.parametrize(("people", "shops", "days"), [(1, 5, 1), (10, 0, 1), (10, 5, 0)])
def test_a_city_without_people_shops_or_days_is_refused(people: int, shops: int, days: int) -> None:
    with pytest.raises(ValueError, match="at least"):
        history.History(Plan(seed=1, people=people, shops=shops, days=days, payments=10, until=UNTIL))


def test_the_smallest_city_works() -> None:
    plan = Plan(seed=2, people=2, shops=1, days=40, payments=500, until=UNTIL)
    assert msgspec.json.decode(written(plan).splitlines()[-1])["orders"] == 500
