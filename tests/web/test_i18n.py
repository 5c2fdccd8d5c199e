"""Two languages: which one a browser prefers, and what stands where a sentence has a gap."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tongbao.web import i18n


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        ("", "zh"), ("*", "zh"), ("zh", "zh"), ("en", "en"), ("EN-us", "en"), ("zh-Hans-CN,en;q=0.5", "zh"),
        ("en;q=0.5, zh;q=0.6", "zh"), ("en;q=0.6, zh;q=0.5", "en"), ("en, zh", "en"), ("zh, en", "zh"), ("fr, en;q=0.1", "en"),
        ("en;q=0, zh;q=0", "zh"), ("en;q=0", "zh"), ("en ; q=0.9, zh;q=0.8", "en"), ("en; Q=0.9,zh;q=0.8", "en"),
        ("en;q=1.5, zh;q=0.9", "zh"), ("en;q=, zh;q=0.1", "zh"), ("en;q=nan,zh;q=0.1", "zh"), ("en;level=1, zh;q=0.1", "zh"),
        ("english", "zh"), ("fr,de,it", "zh"), ("en;q=１", "zh"), ("x," * 50 + "en", "zh"), (",,;;q=,", "zh"),
    ],
)  # fmt: skip
def test_the_language_that_a_browser_prefers(accept: str, expected: str) -> None:
    assert i18n.preferred(accept) == expected


@given(st.text("enzhq=0.15;,- *", max_size=60))
def test_any_header_prefers_one_of_the_two(accept: str) -> None:
    assert i18n.preferred(accept) in i18n.LANGUAGES


def test_a_sentence_is_said_with_its_values() -> None:
    assert i18n.say("Hello, %(name)s", "en", name="%(x)s 100%") == "Hello, %(x)s 100%"
    assert i18n.say("Hello, %(name)s", "zh", name="李明").endswith("李明")
    assert i18n.say("No such sentence 100%", "zh") == "No such sentence 100%"
    with pytest.raises(KeyError):
        i18n.say("Hello, %(name)s", "en", nobody="x")


def test_the_catalogue_is_read_once_and_whole() -> None:
    assert i18n.catalogue() is i18n.catalogue()
    assert len(i18n.catalogue()) > 100
    assert "" not in i18n.catalogue()
