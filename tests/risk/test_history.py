"""Features of a whole history are those that a walk through it finds, payment by payment."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tongbao.risk import DAY, HOUR, MINUTE, Edge, Entity, Feature, Filter, Measure, value
from tongbao.risk.history import History, Sorted, integers, values

Payment = tuple[int, int, int, int, int]
MEASURES = (
    Measure.COUNT,
    Measure.SUM,
    Measure.MEAN,
    Measure.RATIO,
    Measure.FRAUD_SHARE,
    Measure.SINCE_FIRST,
)
PAYMENTS = st.lists(
    st.tuples(
        st.integers(0, 3 * DAY).map(lambda at: at - at % 900),
        st.integers(0, 2),
        st.integers(0, 2),
        st.integers(1, 5_000),
        st.integers(0, 1),
    ),
    min_size=1,
    max_size=30,
).map(lambda rows: sorted(rows, key=lambda row: row[0]))
WINDOWS = st.sampled_from([None, MINUTE, HOUR, 5 * HOUR, DAY])


def history(payments: list[Payment]) -> History:
    return History(*(np.array(column, np.int64) for column in zip(*payments, strict=True)))


def party(payment: Payment, entity: Entity) -> object:
    return {Entity.PAYER: payment[1], Entity.PAYEE: payment[2], Entity.PAIR: payment[1:3]}[entity]


def walked(payments: list[Payment], place: int, feature: Feature) -> int:
    own = payments[place]
    seen = payments[: place + 1] if feature.delay_s == 0 else payments
    seen = [p for p in seen if party(p, feature.entity) == party(own, feature.entity)]
    if feature.measure is Measure.SINCE_FIRST:
        return own[0] - min(
            p[0] for p in payments[: place + 1] if party(p, feature.entity) == party(own, feature.entity)
        )
    begins = feature.begins(own[0])
    inside = [p for p in seen if p[0] <= feature.ends(own[0]) and (begins is None or p[0] > begins)]
    amounted = sum(p[4] if feature.measure is Measure.FRAUD_SHARE else p[3] for p in inside)
    return value(feature.measure, len(inside), amounted, own[3])


@given(
    PAYMENTS,
    st.sampled_from([Entity.PAYER, Entity.PAYEE, Entity.PAIR]),
    st.sampled_from(MEASURES),
    WINDOWS,
    st.sampled_from([0, HOUR, DAY]),
    st.sampled_from(Edge),
)
def test_each_value_is_what_a_walk_finds(
    payments: list[Payment], entity: Entity, measure: Measure, window_s: int | None, delay_s: int, edge: Edge
) -> None:
    # With a delay the payment's own amount is not among the others.
    delay_s = 0 if measure in (Measure.RATIO, Measure.SINCE_FIRST) else delay_s
    feature = Feature(name="it", entity=entity, measure=measure, window_s=window_s, delay_s=delay_s, edge=edge)
    past = history(payments)
    counted, amounted = integers(past, feature)
    found = values(measure, counted, amounted, past.amount_minor)
    assert found.tolist() == [walked(payments, place, feature) for place in range(len(payments))]


@given(PAYMENTS, WINDOWS, st.sampled_from([0, HOUR, DAY]))
def test_the_oldest_and_the_newest_with_a_flag_are_what_a_walk_finds(
    payments: list[Payment], window_s: int | None, delay_s: int
) -> None:
    feature = Feature(name="it", entity=Entity.PAYEE, measure=Measure.COUNT, window_s=window_s, delay_s=delay_s)
    past = history(payments)
    oldest, newest = Sorted(past, Entity.PAYEE).outermost(feature, past.is_fraud == 1)
    for place, own in enumerate(payments):
        begins, ends = feature.begins(own[0]), feature.ends(own[0])
        flagged = [
            n
            for n, p in enumerate(payments)
            if p[2] == own[2]
            and p[4]
            and p[0] <= ends
            and (begins is None or p[0] > begins)
            and (delay_s or n <= place)
        ]
        assert (oldest[place], newest[place]) == ((flagged[0], flagged[-1]) if flagged else (-1, -1))


def test_of_payments_in_one_second_each_sees_those_committed_before_it() -> None:
    payments = [(100, 1, 1, 10, 0)] * 3
    feature = Feature(name="it", entity=Entity.PAYER, measure=Measure.COUNT, window_s=HOUR)
    assert integers(history(payments), feature)[0].tolist() == [1, 2, 3]


def test_what_a_history_does_not_answer_it_says() -> None:
    past = history([(100, 1, 1, 10, 0)])
    with pytest.raises(ValueError, match="no nights"):
        integers(past, Feature(name="it", entity=Entity.PAYER, measure=Measure.COUNT, only=Filter.NIGHT))
    with pytest.raises(ValueError, match="distinct"):
        integers(past, Feature(name="it", entity=Entity.PAYER, measure=Measure.DISTINCT, of=Entity.PAYEE))
    with pytest.raises(ValueError, match="tell of device"):
        Sorted(past, Entity.DEVICE)
    with pytest.raises(ValueError, match="order of time"):
        history([(200, 1, 1, 10, 0), (100, 1, 1, 10, 0)])
