"""The identity provider of the sandbox: it does what its README says, once for each id, and remembers it."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from uuid import uuid4

import httpx
import pytest

from tests.sandbox.identity_provider import IdentityProvider, id_number, running
from tongbao_sandbox.identity_provider import TRIGGERS

README = Path(__file__).parents[2] / "tongbao_sandbox" / "README.md"


@pytest.fixture(scope="module")
def provider(tmp_path_factory: pytest.TempPathFactory) -> Iterator[IdentityProvider]:
    with running(tmp_path_factory.mktemp("identity"), "--late-s", "1") as provider:
        yield provider


def new() -> str:
    return str(uuid4())


def test_a_name_and_a_number_are_verified_once(provider: IdentityProvider) -> None:
    id_, before = new(), provider.total()
    answers = [provider.check(id_, id_number(1)) for _ in range(3)]
    assert [answer.json() for answer in answers] == [{"id": id_, "status": "verified"}] * 3
    assert provider.status(id_).json() == {"id": id_, "status": "verified"}
    assert provider.total() == before + 1


def test_an_id_stands_for_one_question(provider: IdentityProvider) -> None:
    id_ = new()
    provider.check(id_, id_number(1))
    assert provider.check(id_, id_number(2)).status_code == 409
    assert provider.check(id_, id_number(1), name="李雷").status_code == 409


def test_an_id_that_never_came_is_said_to_have_never_come(provider: IdentityProvider) -> None:
    id_ = new()
    answer = provider.status(id_)
    assert (answer.status_code, answer.json()) == (404, {"id": id_, "status": "never_seen"})


@pytest.mark.parametrize(("serial", "then"), [(902, "verified"), (903, "mismatch")])
def test_some_take_their_time(provider: IdentityProvider, serial: int, then: str) -> None:
    id_ = new()
    said = [provider.check(id_, id_number(serial)).json()["status"]]
    said += [provider.status(id_).json()["status"] for _ in range(3)]
    assert said == ["pending", "pending", then, then]


def test_some_do_not_match_and_some_are_never_decided(provider: IdentityProvider) -> None:
    assert provider.check(new(), id_number(901)).json()["status"] == "mismatch"
    id_ = new()
    assert [provider.check(id_, id_number(904)).json()["status"] for _ in range(4)] == ["pending"] * 4


@pytest.mark.parametrize("serial", [912, 913, 914])
def test_some_answers_never_come(provider: IdentityProvider, serial: int) -> None:
    id_ = new()
    with pytest.raises(httpx.ReadTimeout):
        provider.check(id_, id_number(serial), timeout=1)
    assert (provider.status(id_).status_code == 200) == (serial == 912), "only the answer was lost"
    if serial == 914:
        with pytest.raises(httpx.ReadTimeout):
            provider.check(id_, id_number(serial), timeout=1)
    else:
        assert provider.check(id_, id_number(serial)).json()["status"] == "verified"


def test_some_fail_the_first_time(provider: IdentityProvider) -> None:
    broken, garbled = new(), new()
    assert provider.check(broken, id_number(915)).status_code == 500
    assert provider.check(broken, id_number(915)).json()["status"] == "verified"
    assert provider.check(garbled, id_number(917)).text == '{"status": "verif'
    assert provider.check(garbled, id_number(917)).json()["status"] == "verified"


def test_a_late_answer_is_late_once(provider: IdentityProvider) -> None:
    id_ = new()
    first, second = (provider.check(id_, id_number(911)) for _ in range(2))
    assert first.elapsed.total_seconds() >= 1
    assert second.json() == first.json() == {"id": id_, "status": "verified"}


@pytest.mark.parametrize(
    "wrong",
    [
        {"id": "a b"},
        {"id": 1},
        {"name": ""},
        {"name": "王" * 201},
        {"id_number": "11010119900307001"},
        {"id_number": "11010119900307001x"},
        {"id_number": None},
    ],
)
def test_what_cannot_be_read_is_refused(provider: IdentityProvider, wrong: dict[str, object]) -> None:
    body = {"id": new(), "name": "王小明", "id_number": id_number(1), **wrong}
    assert httpx.post(f"{provider.url}/checks", json=body, trust_env=False).status_code == 422


def test_it_survives_its_death_and_keeps_nobodys_name(tmp_path: Path) -> None:
    with running(tmp_path) as provider:
        id_ = new()
        provider.check(id_, id_number(902))
        provider.kill()
        provider.start()
        assert provider.status(id_).json()["status"] == "pending"
        assert provider.status(id_).json()["status"] == "verified"
        provider.fault("down")
        assert provider.status(id_).status_code == 503
        provider.fault("none")
        assert provider.total() == 1
    with closing(sqlite3.connect(tmp_path / "identity.sqlite3")) as kept:
        rows = kept.execute("SELECT * FROM asked").fetchall()
    assert rows
    assert "王小明" not in str(rows)
    assert id_number(902) not in str(rows)


def test_the_readme_names_every_trigger() -> None:
    section = README.read_text(encoding="utf-8").partition("## A provider of identity checks")[2].partition("\n## ")[0]
    named = {
        int(digits) for row in re.findall(r"^\| ([0-9, ]+) \|", section, re.MULTILINE) for digits in row.split(", ")
    }
    assert named == set(TRIGGERS)
