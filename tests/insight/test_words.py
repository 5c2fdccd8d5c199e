"""Every page of the app has a name for whoever looks at how it is used, and every task leads over pages that there are."""

from __future__ import annotations

import re
from typing import Any, cast

import pytest

from tongbao import app
from tongbao.insight.tasks import BY_NAME, NO_STEPS, NO_STEPS_BEHIND, TASKS
from tongbao.insight.words import PLACE_MESSAGES, TASK_MESSAGES, code_word, place_word

ROUTES = {
    (method, re.sub(r":[a-z]+\}", "}", path))
    for route in cast("tuple[Any, ...]", app.PAGES)
    for path in route.paths
    for method in route.http_methods
    if path == "/me" or path.startswith("/me/")
}


def test_every_page_of_the_app_has_a_name() -> None:
    pages = {place for method, place in ROUTES if method == "GET" and place not in NO_STEPS}
    pages = {place for place in pages if not place.endswith(NO_STEPS_BEHIND)}
    assert pages == set(PLACE_MESSAGES)


def test_every_step_of_a_task_is_a_page_or_a_form_of_the_bank() -> None:
    steps = {(act.method, place) for task in TASKS for act in task.acts for place in act.places}
    assert steps - ROUTES == set()
    assert set(TASK_MESSAGES) == set(BY_NAME)
    assert {place for place in NO_STEPS if not any(place == known for _, known in ROUTES)} == set()


@pytest.mark.parametrize(
    ("place", "zh"),
    [("/me/pay", "付款"), ("/me/cards/{id}/prefer", "他行银行卡"), ("", "离开应用"), ("/elsewhere", "/elsewhere")],
)
def test_a_form_is_called_after_the_page_that_it_stands_on(place: str, zh: str) -> None:
    assert place_word(place, "zh") == zh


def test_a_refusal_says_what_the_customer_read() -> None:
    assert code_word("insufficient_funds", "zh") == "可用余额不足。"
    assert code_word("http_418", "en") == "http_418"
