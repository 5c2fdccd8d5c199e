"""What a visit comes to: how far a task went, which page led to which, what was refused."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from tongbao.insight.model import OUTSIDE, WITHIN_S, Act, Step, Task
from tongbao.insight.tasks import TASKS
from tongbao.insight.trace import count

SHANGHAI = ZoneInfo("Asia/Shanghai")
AT = datetime(2026, 11, 23, 1, 30, tzinfo=UTC)
DAY = AT.date()
PAY = Task("pay", (Act("GET", ("/me/pay", "/me/scan")), Act("POST", ("/me/pay",)), Act("GET", ("/me/payments/{id}",))))


def steps(
    *what: str, visit: bytes = b"v" * 16, every_s: int = 4, at: datetime = AT, home: str = "standard"
) -> list[Step]:
    """Each `METHOD place [code]`, one after the other."""
    made: list[Step] = []
    for n, one in enumerate(what):
        method, place, *code = one.split()
        made.append(
            Step(
                id=UUID(int=n),
                visit=visit,
                at=at + timedelta(seconds=n * every_s),
                method=method,
                place=place,
                code=code[0] if code else None,
                home=home,
            )
        )
    return made


def test_a_payment_that_came_to_its_end_reached_every_step() -> None:
    counted = count(steps("GET /me", "GET /me/pay", "POST /me/pay", "GET /me/payments/{id}"), SHANGHAI, [PAY])
    assert dict(counted.tasks) == {
        (DAY, "pay", 1, "standard", 0): 1,
        (DAY, "pay", 2, "standard", 5): 1,
        (DAY, "pay", 3, "standard", 10): 1,
    }
    assert not counted.losses
    assert dict(counted.paths) == {
        (DAY, OUTSIDE, "/me"): 1,
        (DAY, "/me", "/me/pay"): 1,
        (DAY, "/me/pay", "/me/payments/{id}"): 1,
        (DAY, "/me/payments/{id}", OUTSIDE): 1,
    }


def test_scanning_is_paying_too() -> None:
    counted = count(steps("GET /me/scan", "GET /me/pay", "POST /me/pay"), SHANGHAI, [PAY])
    assert [key[2] for key in counted.tasks] == [1, 2]


def test_who_stops_is_lost_to_where_he_went() -> None:
    counted = count(steps("GET /me/pay", "GET /me/pay", "GET /me/help", "GET /me"), SHANGHAI, [PAY])
    assert dict(counted.losses) == {(DAY, "pay", 1, "/me/help"): 1}
    left = count(steps("GET /me/pay"), SHANGHAI, [PAY])
    assert dict(left.losses) == {(DAY, "pay", 1, OUTSIDE): 1}


def test_what_was_refused_is_no_step_further() -> None:
    counted = count(
        steps("GET /me/pay", "POST /me/pay insufficient_funds", "POST /me/pay insufficient_funds", "GET /me"),
        SHANGHAI,
        [PAY],
    )
    assert [key[2] for key in counted.tasks] == [1]
    assert dict(counted.refused) == {(DAY, "/me/pay", "POST", "insufficient_funds"): 1}, "in one visit, however often"
    assert dict(counted.losses) == {(DAY, "pay", 1, "/me"): 1}


def test_paying_twice_in_a_visit_counts_once_and_the_visits_add_up() -> None:
    once = ("GET /me/pay", "POST /me/pay", "GET /me/payments/{id}")
    visits = [*steps(*once, *once, visit=b"a" * 16), *steps(*once, visit=b"b" * 16, home="large")]
    counted = count(visits, SHANGHAI, [PAY])
    assert counted.tasks[DAY, "pay", 1, "standard", 0] == 1
    assert counted.tasks[DAY, "pay", 1, "large", 0] == 1
    assert counted.paths[DAY, "/me/pay", "/me/payments/{id}"] == 3
    assert counted.paths[DAY, OUTSIDE, "/me/pay"] == 2


def test_a_visit_belongs_to_the_banks_day_on_which_it_began() -> None:
    late = datetime(2026, 11, 23, 15, 59, 58, tzinfo=UTC)
    counted = count(steps("GET /me/pay", "POST /me/pay", at=late), SHANGHAI, [PAY])
    assert {key[0] for key in counted.tasks} == {DAY}, "23:59:58 in Shanghai; the next step was the day after"
    after = count(steps("GET /me/pay", at=late + timedelta(seconds=2)), SHANGHAI, [PAY])
    assert {key[0] for key in after.tasks} == {DAY + timedelta(days=1)}


PLACES = sorted({place for task in TASKS for act in task.acts for place in act.places} | {"/me", "/me/help"})
VISIT = st.lists(
    st.tuples(st.sampled_from(["GET", "POST"]), st.sampled_from(PLACES), st.sampled_from(["", " busy"])), max_size=30
)


@given(st.lists(VISIT, max_size=4))
def test_whatever_people_do_it_adds_up(visits: list[list[tuple[str, str, str]]]) -> None:
    made = [
        step
        for n, visit in enumerate(visits)
        for step in steps(*(f"{method} {place}{code}" for method, place, code in visit), visit=bytes([n]) * 16)
    ]
    counted = count(made, SHANGHAI)
    for task in TASKS:
        reached = [
            sum(n for key, n in counted.tasks.items() if key[1:3] == (task.name, step))
            for step in range(1, len(task.acts) + 1)
        ]
        assert reached == sorted(reached, reverse=True), "nobody reaches a step without the one before"
        lost = sum(n for key, n in counted.losses.items() if key[1] == task.name)
        assert reached[0] - reached[-1] == lost, "who began came to the end or was lost somewhere"
    assert {key[4] for key in counted.tasks} <= set(WITHIN_S)
    entered = sum(n for (_, here, _), n in counted.paths.items() if here == OUTSIDE)
    left = sum(n for (_, _, there), n in counted.paths.items() if there == OUTSIDE)
    assert entered == left <= len(visits)
