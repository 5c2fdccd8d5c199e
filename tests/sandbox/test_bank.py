"""The other bank of the sandbox: it does what its README says, once for each id, and remembers it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from uuid import uuid4

import httpx
import pytest

from tests.sandbox.other_bank import OtherBank, running
from tongbao_sandbox.bank import TRIGGERS, Chance, Trigger

SANDBOX = Path(__file__).parents[2] / "tongbao_sandbox"


@pytest.fixture(scope="module")
def bank(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OtherBank]:
    with running(tmp_path_factory.mktemp("other"), "--late-s", "1") as bank:
        yield bank


def new() -> str:
    return str(uuid4())


def test_it_sends_what_it_is_asked_for_once(bank: OtherBank) -> None:
    id_, before = new(), bank.sent()
    answers = [bank.debit(id_, 1250) for _ in range(3)]
    assert {answer.status_code for answer in answers} == {200}
    assert answers[0].json() == {
        "id": id_,
        "account": "6222020200112233445",
        "amount": 1250,
        "currency": "CNY",
        "status": "accepted",
        "reason": None,
    }
    assert [answer.json() for answer in answers] == [answers[0].json()] * 3
    assert bank.status(id_).json() == answers[0].json()
    assert bank.sent() == before + 1250


def test_many_ask_at_once_and_it_is_sent_once(bank: OtherBank) -> None:
    id_, before = new(), bank.sent()
    with ThreadPoolExecutor(8) as people:
        answers = list(people.map(lambda _: bank.debit(id_, 800).json(), range(24)))
    assert [answer["status"] for answer in answers] == ["accepted"] * 24
    assert bank.sent() == before + 800


def test_an_id_stands_for_one_request(bank: OtherBank) -> None:
    id_ = new()
    bank.debit(id_, 100)
    assert bank.debit(id_, 200).status_code == 409
    assert bank.debit(id_, 100, account="another-1").status_code == 409
    assert bank.status(id_).json()["amount"] == 100


def test_what_it_never_heard_of(bank: OtherBank) -> None:
    id_ = new()
    answer = bank.status(id_)
    assert (answer.status_code, answer.json()) == (404, {"id": id_, "status": "never_seen"})


@pytest.mark.parametrize(("digits", "reason"), [(1, "insufficient_funds"), (2, "account_closed")])
def test_it_declines(bank: OtherBank, digits: int, reason: str) -> None:
    id_, before = new(), bank.sent()
    assert {**bank.debit(id_, 500 + digits).json(), "amount": 0} == {
        "id": id_,
        "account": "6222020200112233445",
        "amount": 0,
        "currency": "CNY",
        "status": "declined",
        "reason": reason,
    }
    assert bank.status(id_).json()["status"] == "declined"
    assert bank.sent() == before


def test_an_account_is_empty_one_day(bank: OtherBank) -> None:
    most = 100_000_000_000
    assert bank.debit(new(), most, account="rich-1").json()["status"] == "accepted"
    poor = bank.debit(new(), 100, account="rich-1").json()
    assert (poor["status"], poor["reason"]) == ("declined", "insufficient_funds")


@pytest.mark.parametrize(
    ("trigger", "is_done"),
    [(Trigger.ANSWER_LOST, True), (Trigger.REQUEST_LOST, False), (Trigger.ALWAYS_LOST, False)],
    ids=lambda value: value.name if isinstance(value, Trigger) else "",
)
def test_it_says_nothing(bank: OtherBank, trigger: Trigger, is_done: bool) -> None:
    digits = next(n for n, one in TRIGGERS.items() if one is trigger)
    id_, before = new(), bank.sent()
    with pytest.raises(httpx.ReadTimeout):
        bank.debit(id_, 300 + digits, timeout=1)
    assert bank.status(id_).status_code == (200 if is_done else 404)
    assert bank.sent() == before + (300 + digits if is_done else 0)
    if trigger is Trigger.REQUEST_LOST:
        assert bank.debit(id_, 300 + digits).json()["status"] == "accepted"
    else:
        with pytest.raises(httpx.ReadTimeout):
            bank.debit(id_, 300 + digits, timeout=1)


def test_it_answers_late_and_the_second_time_at_once(bank: OtherBank) -> None:
    id_ = new()
    first = bank.debit(id_, 711)
    assert first.elapsed.total_seconds() >= 1
    assert bank.debit(id_, 711).json() == first.json()


def test_it_breaks_before_or_after_it_is_done(bank: OtherBank) -> None:
    before, after = new(), new()
    assert bank.debit(before, 415).status_code == 500
    assert bank.status(before).status_code == 404
    assert bank.debit(before, 415).json()["status"] == "accepted"
    assert bank.debit(after, 416).status_code == 500
    assert bank.status(after).json()["status"] == "accepted"


def test_it_talks_nonsense(bank: OtherBank) -> None:
    garbled, other = new(), new()
    assert bank.debit(garbled, 417).content == b'{"status": "acce'
    assert bank.debit(other, 418).json()["amount"] == 41_800
    assert bank.status(garbled).json()["status"] == bank.status(other).json()["status"] == "accepted"


def test_faults_hit_everybody_until_they_end(bank: OtherBank) -> None:
    before = bank.sent()
    try:
        bank.fault("down")
        assert bank.debit(new(), 100).status_code == 503
        assert bank.status(new()).status_code == 503
        assert bank.sent() == before, "its books can be looked at"
        bank.fault("lose")
        lost = new()
        with pytest.raises(httpx.ReadTimeout):
            bank.debit(lost, 100, timeout=1)
        bank.fault("slow")
        assert bank.status(lost).json()["status"] == "accepted"
        assert bank.status(lost).elapsed.total_seconds() >= 3
    finally:
        bank.fault("none")
    assert bank.debit(new(), 100).status_code == 200
    assert httpx.post(f"{bank.url}/faults", json={"mode": "tired"}, trust_env=False).status_code == 422


BAD = [
    {"id": ""},
    {"id": 5},
    {"id": "x" * 65},
    {"account": "a b"},
    {"account": None},
    {"amount": 0},
    {"amount": -5},
    {"amount": 1.5},
    {"amount": True},
    {"amount": "5"},
    {"amount": 2**53},
    {"currency": "yuan"},
]


@pytest.mark.parametrize("change", BAD, ids=str)
def test_it_takes_no_nonsense(bank: OtherBank, change: dict[str, object]) -> None:
    body = {"id": new(), "account": "6222020200112233445", "amount": 100, "currency": "CNY", **change}
    assert httpx.post(f"{bank.url}/debits", json=body, trust_env=False).status_code == 422


def test_a_body_that_is_none(bank: OtherBank) -> None:
    for content, status in ((b"{", 400), (b"[]", 400), (b"\xff", 400), (b'"' + b"x" * 20_000 + b'"', 413)):
        assert httpx.post(f"{bank.url}/debits", content=content, trust_env=False).status_code == status
    assert httpx.get(f"{bank.url}/nothing", trust_env=False).status_code == 404
    assert httpx.get(f"{bank.url}/debits?after=x", trust_env=False).status_code == 422


def test_its_books_outlive_it(tmp_path: Path) -> None:
    with running(tmp_path) as bank:
        ids = [new() for _ in range(5)]
        first = [bank.debit(id_, 100 * n).json() for n, id_ in enumerate(ids, 1)]
        lost = new()
        with pytest.raises(httpx.ReadTimeout):
            bank.debit(lost, 2013, timeout=1)
        bank.kill()
        bank.start()
        assert [bank.status(id_).json() for id_ in ids] == first
        assert [bank.debit(id_, 100 * n).json() for n, id_ in enumerate(ids, 1)] == first
        assert bank.debit(lost, 2013).json()["status"] == "accepted", "that it was lost once is remembered too"
        assert bank.sent() == 1500 + 2013
        books = httpx.get(f"{bank.url}/debits", trust_env=False).json()
        assert [debit["id"] for debit in books["debits"]] == [*ids, lost]
        assert books["after"] is None


def test_the_same_seed_has_the_same_fate() -> None:
    ids = [new() for _ in range(2000)]
    chance = Chance(seed=7, decline=100, late=50, lose=50)
    fates = [chance.of(id_) for id_ in ids]
    assert fates == [Chance(seed=7, decline=100, late=50, lose=50).of(id_) for id_ in ids]
    assert fates != [Chance(seed=8, decline=100, late=50, lose=50).of(id_) for id_ in ids]
    assert {Chance(seed=7).of(id_) for id_ in ids} == {Trigger.NOTHING}
    assert {Chance(seed=7, decline=1000).of(id_) for id_ in ids} == {Trigger.NO_FUNDS}
    for trigger, per_mille in ((Trigger.NO_FUNDS, 100), (Trigger.LATE, 50), (Trigger.ANSWER_LOST, 50)):
        assert per_mille < fates.count(trigger) < 3 * per_mille, trigger


def test_chance_is_set_by_the_command(tmp_path: Path) -> None:
    with running(tmp_path, "--seed", "3", "--decline-per-mille", "1000") as bank:
        assert bank.debit(new(), 100).json()["status"] == "declined"


@pytest.mark.parametrize("path", sorted(SANDBOX.rglob("*.py")), ids=lambda path: path.name)
def test_it_imports_nothing_of_the_bank(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        assert not [name for name in names if name.split(".")[0] == "tongbao"], f"{path.name}:{node.lineno}"


def test_every_trigger_is_documented() -> None:
    page = (SANDBOX / "README.md").read_text(encoding="utf-8")
    assert not [digits for digits in TRIGGERS if f"{digits:02d}" not in page]
