"""docs/security.md answers every requirement of OWASP ASVS 5.0.0 that it says it does, once, and what it names is there."""

from __future__ import annotations

import re
from functools import cache
from typing import Final

import msgspec
import pytest

from tests.house.slices import ROOT
from tongbao import app, vault
from tongbao.vault.jwe import EnvelopeSuite
from tongbao.web.site import open_to_all, openapi_document

SECURITY: Final = ROOT / "docs" / "security.md"
THREATS: Final = ROOT / "docs" / "threats.md"

LEVELS: Final = {
    1: "6.1.1 6.2.1 6.2.2 6.2.3 6.2.4 6.2.5 6.2.6 6.2.7 6.2.8 6.3.1 6.3.2 6.4.1 6.4.2 "
    "7.2.1 7.2.2 7.2.3 7.2.4 7.4.1 7.4.2 8.1.1 8.2.1 8.2.2 8.3.1 11.3.1 11.3.2 11.4.1 12.1.1 12.2.1 12.2.2 14.2.1 14.3.1",
    2: "6.1.2 6.1.3 6.2.9 6.2.10 6.2.11 6.2.12 6.3.3 6.3.4 6.4.3 6.4.4 6.5.1 6.5.2 6.5.3 6.5.4 6.5.5 6.6.1 6.6.2 6.6.3 "
    "6.8.1 6.8.2 6.8.3 6.8.4 7.1.1 7.1.2 7.1.3 7.3.1 7.3.2 7.4.3 7.4.4 7.4.5 7.5.1 7.5.2 7.6.1 7.6.2 8.1.2 8.2.3 8.4.1 "
    "11.1.1 11.1.2 11.2.1 11.2.2 11.2.3 11.3.3 11.4.2 11.4.3 11.4.4 11.5.1 11.6.1 12.1.2 12.1.3 12.3.1 12.3.2 12.3.3 12.3.4 "
    "14.1.1 14.1.2 14.2.2 14.2.3 14.2.4 14.3.2 14.3.3",
}
"""The requirements of chapters V6, V7, V8, V11, V12 and V14 of ASVS 5.0.0, by level."""

STATES: Final = ("met", "in part", "not met", "operator", "none here")
TEST: Final = re.compile(r"`(tests/[\w/]+\.py)::(test_\w+)`")
PAGE: Final = re.compile(r"`(/[\w/{}-]*)`")


class Row(msgspec.Struct, frozen=True):
    number: str
    level: int
    asked: str
    state: str
    how: str
    shown_by: str


@cache
def _text() -> str:
    return SECURITY.read_text(encoding="utf-8")


@cache
def rows() -> tuple[Row, ...]:
    cells = [
        [cell.strip() for cell in line[1:-1].split("|")]
        for line in _text().splitlines()
        if re.match(r"\| \d+\.\d+\.\d+ ", line)
    ]
    return tuple(Row(number, int(level), asked, state, how, shown) for number, level, asked, state, how, shown in cells)


@cache
def _pages() -> frozenset[str]:
    return frozenset(_plain(path) for handler in app.PAGES for path in handler.paths)


def _plain(path: str) -> str:
    return re.sub(r":[a-z]+\}", "}", path)


def _section(title: str) -> str:
    return _text().split(f"## {title}\n")[1].split("\n## ")[0]


def test_every_requirement_of_levels_one_and_two_stands_there_once() -> None:
    wanted = [(number, level) for level, numbers in LEVELS.items() for number in numbers.split()]
    assert len(wanted) == 92
    assert sorted((row.number, row.level) for row in rows()) == sorted(wanted)


@pytest.mark.parametrize("row", rows(), ids=lambda row: row.number)
def test_a_row_says_how_it_stands_and_shows_it(row: Row) -> None:
    assert row.state in STATES
    assert row.asked
    if row.state == "met":
        assert TEST.search(row.shown_by) or PAGE.search(row.shown_by), "a test or a page shows it"
    else:
        assert row.how, "and why"
    for file, test in TEST.findall(row.shown_by):
        assert f"def {test}(" in (ROOT / file).read_text(encoding="utf-8"), f"{file}::{test}"
    assert set(PAGE.findall(row.shown_by)) <= _pages()


def test_the_count_and_the_lists_at_the_top_are_those_of_the_rows() -> None:
    top = _text().split("\n## ")[0]
    counted = {
        state: int(number) for state, number in re.findall(r"^\| ([a-z ]+) \| .+ \| (\d+) \|$", top, re.MULTILINE)
    }
    assert counted == {state: sum(row.state == state for row in rows()) for state in STATES}
    for title, state in (("Not met", "not met"), ("In part", "in part")):
        (listed,) = re.findall(rf"^{title}: ([\d., ]+)\.$", top, re.MULTILINE)
        assert listed.split(", ") == [row.number for row in rows() if row.state == state]


def test_every_address_that_is_open_is_listed() -> None:
    handlers = (openapi_document, *app.ROUTES, *app.PAGES)
    opened = {
        (str(method), _plain(path))
        for handler in handlers
        if open_to_all in (handler.guards or ())
        for path in handler.paths
        for method in handler.http_methods
    }
    block = _section("Ways in").split("```")[1]
    listed: set[tuple[str, str]] = set()
    for line in block.strip().splitlines():
        words = line.split()
        methods = [word for word in words if not word.startswith("/")]
        listed |= {(method, word) for word in words if word.startswith("/") for method in methods}
    assert listed == opened
    assert all(handler.guards for handler in handlers), "a route without a guard asks nobody who he is"


def test_every_suite_is_in_the_inventory() -> None:
    inventory = _section("Keys and algorithms")
    used = {one.value for kind in (vault.Suite, vault.SignatureSuite, EnvelopeSuite) for one in kind}
    assert {name for name in used if name not in inventory} == set()


def test_what_stops_a_threat_is_tested() -> None:
    text = THREATS.read_text(encoding="utf-8")
    threats = [line for line in text.splitlines() if re.match(r"\| T\d+ ", line)]
    numbers = [line.split()[1] for line in threats]
    assert numbers == [f"T{number}" for number in range(1, len(threats) + 1)]
    assert threats
    for line in threats:
        named = TEST.findall(line)
        assert named, line
        for file, test in named:
            assert f"def {test}(" in (ROOT / file).read_text(encoding="utf-8"), f"{file}::{test}"
