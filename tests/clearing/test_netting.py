"""Netting is plain arithmetic: each gets what its day left, less fees, less debts; together they are zero."""

from __future__ import annotations

from datetime import date
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from tongbao.clearing import Kind, State
from tongbao.clearing.model import STATE_MOVES, Carried, Movement, batch_id, net

DAY = date(2026, 11, 23)
SHOPS = [UUID(int=n) for n in range(1, 6)]

MONEY = st.integers(0, 10**12)


@st.composite
def movements(draw: st.DrawFn) -> list[Movement]:
    return [
        Movement(shop, "CNY", n, n + 100, draw(MONEY), draw(MONEY), draw(MONEY), draw(st.integers(-(10**6), 10**6)), 1)
        for n, shop in enumerate(draw(st.lists(st.sampled_from(SHOPS), unique=True)), 1)
    ]


@st.composite
def debts(draw: st.DrawFn) -> list[Carried]:
    return [
        Carried(
            UUID(int=1000 + n),
            shop,
            "CNY",
            SHOPS.index(shop) + 1,
            SHOPS.index(shop) + 101,
            -draw(st.integers(1, 10**9)),
        )
        for n, shop in enumerate(draw(st.lists(st.sampled_from(SHOPS), max_size=8)))
    ]


@given(movements(), debts())
def test_every_batch_adds_up_to_zero(moved: list[Movement], carried: list[Carried]) -> None:
    positions = net(DAY, "CNY", moved, carried)
    assert sum(p.net_minor for p in positions) == 0
    merchants = [p for p in positions if p.kind is Kind.MERCHANT]
    assert {p.participant_id for p in merchants} == {m.merchant_id for m in moved} | {c.merchant_id for c in carried}
    assert sum(p.carried_minor for p in merchants) == sum(c.net_minor for c in carried)
    assert {p.batch_id for p in positions} == {batch_id(DAY, "CNY")}
    assert len({p.id for p in positions}) == len(positions)


def test_a_noodle_shop() -> None:
    (shop, fees, acquirer) = net(
        DAY,
        "CNY",
        [Movement(SHOPS[0], "CNY", 1, 2, 5400, 1800, 0, 14, 4)],
        [Carried(UUID(int=9), SHOPS[0], "CNY", 1, 2, -600)],
    )
    assert (shop.takings_minor, shop.net_minor) == (3600, 2986)
    assert (fees.kind, fees.net_minor, fees.state) == (Kind.FEE_INCOME, 14, State.COUNTER)
    assert (acquirer.kind, acquirer.net_minor) == (Kind.ACQUIRER, -3000)


def test_other_currencies_have_batches_of_their_own() -> None:
    moved = [Movement(SHOPS[0], "CNY", 1, 2, 100), Movement(SHOPS[1], "USD", 3, 4, 7)]
    assert [p.captures_minor for p in net(DAY, "USD", moved, [])] == [7, 0, 0]
    assert batch_id(DAY, "USD") != batch_id(DAY, "CNY")
    assert batch_id(DAY, "USD") == batch_id(DAY, "USD")


def test_every_state_has_its_moves() -> None:
    assert set(STATE_MOVES) == set(State)
