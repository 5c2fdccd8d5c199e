"""Every way to say no is listed for whoever must handle it, means one thing, and is shown by a test."""

from __future__ import annotations

import re

import pytest

from tests.house import write_docs
from tests.house.write_docs import REFUSALS, kinds, shown_by
from tongbao.base.refusal import RefusalKind

EVERY = [(slice_, kind) for slice_, found in kinds().items() for kind in found]
REGENERATE = "run `python -m tests.house.write_docs`"


def _name(pair: tuple[str, RefusalKind]) -> str:
    return f"{pair[0]}.{pair[1].code}"


def test_the_page_is_what_the_code_says() -> None:
    assert REFUSALS.exists(), REGENERATE
    page = REFUSALS.read_text(encoding="utf-8")
    missing = sorted({kind.code for _, kind in EVERY if f"`{kind.code}`" not in page})
    assert not missing, f"docs/refusals.md lacks {missing}; {REGENERATE}"
    assert page == write_docs.refusals(), f"docs/refusals.md is out of date; {REGENERATE}"


@pytest.mark.parametrize("pair", EVERY, ids=_name)
def test_a_refusal_is_whole(pair: tuple[str, RefusalKind]) -> None:
    kind = pair[1]
    assert re.fullmatch(r"[a-z][a-z0-9_]*", kind.code)
    assert 400 <= kind.status < 600
    assert kind.en.endswith("."), "a sentence"
    assert kind.zh.endswith("。"), "a sentence"
    assert re.search(r"[一-鿿]", kind.zh), "in Chinese"
    assert "|" not in kind.en + kind.zh, "it stands in a table"
    if kind.status in (408, 429) or (kind.status == 503 and kind.code != "bank_not_founded"):
        assert kind.retryable, "the status tells clients to try again"


def test_a_code_means_one_thing_everywhere() -> None:
    meanings: dict[str, set[tuple[int, bool]]] = {}
    for _, kind in EVERY:
        meanings.setdefault(kind.code, set()).add((kind.status, kind.retryable))
    assert {code: found for code, found in meanings.items() if len(found) > 1} == {}


@pytest.mark.parametrize("pair", EVERY, ids=_name)
def test_a_refusal_is_shown_by_a_test(pair: tuple[str, RefusalKind]) -> None:
    assert shown_by(pair[1].code, pair[0]), f"no test names {pair[1].code}"
