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
        if order["kind"] == "payment" and "truth" not in order:
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


def test_a_small_share_of_the_orders_are_frauds_of_every_kind_and_none_of_who_plays_a_part() -> None:
    plan = Plan(seed=5, people=500, shops=60, days=40, payments=20_000, until=UNTIL)
    facts = msgspec.json.Decoder(dict[str, Any]).decode_lines(written(plan))
    stolen = [f for f in orders(facts) if "truth" in f]
    assert {f["truth"] for f in stolen} == {"theft", "scam", "mule", "ring"}
    assert 40 * len(orders(facts)) <= 10_000 * len(stolen) <= 80 * len(orders(facts)), len(stolen)
    assert not any("known_at" in f for f in orders(facts) if "truth" not in f)
    known = [f for f in stolen if "known_at" in f]
    assert 0 < len(known) < len(stolen), "some are never found out"
    assert all(f["known_at"] > f["at"] for f in known)
    named = {f["id"] for f in facts if f["fact"] in ("person", "shop") and f.get("part")}
    parts = named | {f["id"] for f in facts if f["fact"] == "account" and f["owner"] in named}
    assert not any(parts & {f.get("payer"), f.get("payee"), f.get("merchant")} for f in stolen)
    honest = orders(
        msgspec.json.Decoder(dict[str, Any]).decode_lines(written(msgspec.structs.replace(plan, frauds_of_10_000=0)))
    )
    assert (len(honest), any("truth" in f for f in honest)) == (plan.payments, False)


def test_each_kind_of_fraud_looks_as_such_frauds_do() -> None:
    plan = Plan(seed=5, people=500, shops=60, days=40, payments=20_000, until=UNTIL)
    facts = msgspec.json.Decoder(dict[str, Any]).decode_lines(written(plan))
    found = orders(facts)
    owner = {f["id"]: f["owner"] for f in facts if f["fact"] == "account"}
    role = {f["id"]: f["role"] for f in facts if f["fact"] == "person"}
    own_phone = {f["payer"]: f["device"] for f in found if f.get("device") and "truth" not in f}
    for theft in (f for f in found if f.get("truth") == "theft" and f.get("device")):
        assert theft["device"] != own_phone.get(theft["payer"])
    met = set[tuple[str, str]]()
    gone = Counter[str]()
    for order in found:
        pair = (order.get("payer") or "", order.get("payee") or "")
        if order.get("truth") == "scam":
            assert role[owner[order["payer"]]] == "retired"
            assert order["amount"] >= 150_000
            gone["scams"] += 1
            gone["never met"] += pair not in met
        if order.get("truth") == "mule" and any(
            o["payee"] == order["payer"] and timedelta(0) <= local(order) - local(o) <= timedelta(hours=2)
            for o in found
            if o.get("truth") in ("scam", "mule") and o.get("payee")
        ):
            gone["at once"] += 1
        met.add(pair)
    assert gone["never met"] * 10 >= gone["scams"] * 6 > 0
    assert gone["at once"] > 0
    ring = [f for f in found if f.get("truth") == "ring"]
    assert all(f["amount"] % 10_000 == 0 for f in ring)
    assert {f["kind"] for f in ring} == {"payment", "transfer", "refund"}


@pytest.mark.parametrize("seed", range(6))
def test_the_promised_number_of_orders_is_exact_whatever_is_stolen(seed: int) -> None:
    plan = Plan(seed=seed, people=60, shops=8, days=6, payments=1_000, until=UNTIL, frauds_of_10_000=300)
    facts = msgspec.json.Decoder(dict[str, Any]).decode_lines(written(plan))
    assert (len(orders(facts)), facts[-1]["orders"]) == (1_000, 1_000)
    assert any("truth" in f for f in orders(facts))


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


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize(("people", "shops"), [(2, 1), (60, 6), (300, 40)])
def test_every_city_has_its_li_with_money_and_its_noodle_shop(seed: int, people: int, shops: int) -> None:
    plan = Plan(seed=seed, people=people, shops=shops, days=6, payments=people * 8, until=UNTIL, balances=True)
    facts = msgspec.json.Decoder(dict[str, Any]).decode_lines(written(plan))
    (li,) = [f for f in facts if f["fact"] == "person" and f.get("part") == "li"]
    (noodles,) = [f for f in facts if f["fact"] == "shop" and f.get("part") == "noodle_shop"]
    assert (li["name"][0], li["made_up"]) == ("李", True)
    assert (noodles["category_zh"], noodles["name"].count("面馆")) == ("面馆", 1)
    (account,) = [f["id"] for f in facts if f["fact"] == "account" and f["owner"] == li["id"]]
    balance = 0
    lowest = None
    for order in orders(facts):
        if order["expect"] == "completed" and account in (order.get("payer"), order.get("payee")):
            balance += order["amount"] if order.get("payee") == account else -order["amount"]
            lowest = balance if lowest is None else min(lowest, balance)
    assert lowest is not None
    assert lowest >= 500_000


def test_shops_stand_in_their_districts_which_do_not_overlap(facts: list[dict[str, Any]]) -> None:
    """And all of them within half an hour's drive: nobody who buys in two of them is far away."""
    spots: dict[str, list[tuple[int, int]]] = {}
    for shop in (f for f in facts if f["fact"] == "shop"):
        assert shop["place"]["district"] == shop["district"]
        spots.setdefault(shop["district"], []).append((shop["place"]["latitude_e6"], shop["place"]["longitude_e6"]))
    assert len(spots) > 2
    boxes = [
        (min(x for x, _ in of), max(x for x, _ in of), min(y for _, y in of), max(y for _, y in of))
        for of in spots.values()
    ]
    for one in boxes:
        for other in boxes:
            apart = one[1] < other[0] or other[1] < one[0] or one[3] < other[2] or other[3] < one[2]
            assert one is other or apart
    every = [spot for of in spots.values() for spot in of]
    assert max(abs(a[0] - b[0]) + abs(a[1] - b[1]) for a in every for b in every) < 400_000
