"""docs/operating: what is generated is new, every alert has its runbook, every runbook its alert, and what they say to type runs."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import psycopg
import pytest

from tests.house import write_docs
from tests.house.slices import ROOT
from tongbao import console
from tongbao.base import metrics
from tongbao.base.roles import APP, VAULT

if TYPE_CHECKING:
    from pathlib import Path

OPERATING = ROOT / "docs" / "operating"
PAGES = sorted(OPERATING.rglob("*.md"))
RUNBOOKS = {page.stem: page for page in sorted((OPERATING / "runbooks").glob("*.md"))}
HEADINGS = ("What you see", "What it means", "What to do", "How you know it is over", "What not to do")
SQL = re.compile(r'tongbao psql -c "([^"]+)"')
PLACES = {"PID": "0", "YYYY_MM": "2026_12"}
"""What the reader fills in, and something that fits."""

LONGEST = 80
"""Lines of a runbook: one screen, with its commands."""


def _name(page: Path) -> str:
    return str(page.relative_to(OPERATING))


def test_rules_and_table_are_those_of_the_code() -> None:
    again = "run `python -m tests.house.write_docs`"
    assert write_docs.RULES.read_text(encoding="utf-8") == write_docs.rules(), again
    assert write_docs.ALERTS.read_text(encoding="utf-8") == write_docs.alerts(), again


def test_every_alert_has_a_runbook_and_every_runbook_an_alert() -> None:
    assert {alert.runbook for alert in console.ALERTS} == set(RUNBOOKS)
    assert len({alert.name for alert in console.ALERTS}) == len(console.ALERTS)


@pytest.mark.parametrize("page", RUNBOOKS.values(), ids=_name)
def test_a_runbook_is_one_screen_and_names_its_alerts(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert tuple(re.findall(r"^## (.+)$", text, re.MULTILINE)) == HEADINGS
    assert len(text.splitlines()) <= LONGEST
    of_it = {alert.name for alert in console.ALERTS if alert.runbook == page.stem}
    said, severities = re.findall(r"^Alerts?: (.+)$", text, re.MULTILINE)[0], {"page", "ticket"}
    assert {name for name in re.findall(r"`(\w+)`", said) if name.startswith("Tongbao")} == of_it
    assert {word for word in severities if re.search(rf"\b{word}s?\b", said)} == {
        alert.severity for alert in console.ALERTS if alert.runbook == page.stem
    }
    steps = text.split("## What to do\n")[1].split("\n## ")[0]
    numbers = [int(number) for number in re.findall(r"^(\d+)\. ", steps, re.MULTILINE)]
    assert numbers == list(range(1, len(numbers) + 1)), "steps are numbered from 1 on"
    assert numbers


def test_each_runbook_is_found_and_rehearsed() -> None:
    for index in (OPERATING / "README.md", OPERATING / "emergency.md"):
        listed = re.findall(r"\(runbooks/([\w-]+)\.md\) \|", index.read_text(encoding="utf-8"))
        assert sorted(listed) == sorted(RUNBOOKS), index.name


def test_every_page_is_in_the_index() -> None:
    index = (OPERATING / "README.md").read_text(encoding="utf-8")
    assert {page.name for page in OPERATING.glob("*.*")} - {"README.md"} == set(re.findall(r"\((\w+\.\w+)\)", index))


def test_figures_and_alerts_named_in_the_pages_exist() -> None:
    known = {family.name for family in metrics.REGISTRY.collect()} | set(metrics.FIGURES)
    known |= {f"{name}_total" for name in known}
    alerts = {alert.name for alert in console.ALERTS}
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        named = set(re.findall(r"`(tongbao_[a-z_]+)(?:\{[^`]*)?`", text)) - {
            "tongbao_backup",
            "tongbao_sim",
            APP,
            VAULT,
        }
        assert named <= known, f"{page.name}: {named - known}"
        assert set(re.findall(r"`(Tongbao[A-Z]\w+)`", text)) <= alerts, page.name


STATEMENTS = sorted({(_name(page), one) for page in PAGES for one in SQL.findall(page.read_text(encoding="utf-8"))})


@pytest.mark.parametrize(("page", "statement"), STATEMENTS, ids=[f"{page}: {one[:60]}" for page, one in STATEMENTS])
def test_statements_that_a_page_tells_to_type_are_understood(database: str, page: str, statement: str) -> None:
    """Each is run on a bank where it does no harm, or at least parsed where it would wait, or reach beyond one database."""
    for place, value in PLACES.items():
        statement = statement.replace(place, value)
    with psycopg.connect(database) as connection:
        if re.search(
            r"ALTER SYSTEM|CHECKPOINT|ROLLBACK PREPARED|pg_reload_conf|pg_sleep|_replication_slot\(|_2026_12", statement
        ):
            _parses(connection, statement)
        else:
            connection.execute(statement.encode())
            connection.rollback()


def _parses(connection: psycopg.Connection, statement: str) -> None:
    """The server reads the whole text before it runs any of it: what fails first is our own division."""
    with pytest.raises(psycopg.errors.DivisionByZero):
        connection.execute(f"SELECT 1 / 0; {statement}".encode())
