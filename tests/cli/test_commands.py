"""The commands that run a bank: what they print, what they leave behind, and whether their exit status tells the truth."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import msgspec
import psycopg
import pytest
from click.testing import Result
from typer.testing import CliRunner

import tongbao_sandbox
from tongbao import cli, identity
from tongbao.base import migrate
from tongbao.base.db import Database
from tongbao.base.refusal import Refusal
from tongbao.identity import Role

NOW = datetime.now(UTC)


def command(*args: str) -> Result:
    return CliRunner().invoke(cli.app, args)  # pyright: ignore[reportReturnType]


def document(*args: str, status: int = 0) -> Any:
    """What a command prints with --json: one document and nothing else."""
    done = command(*args, "--json")
    assert done.exit_code == status, done.output + repr(done.exception)
    return msgspec.json.decode(done.stdout)


@pytest.fixture
def bank(fresh_database: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """A bank as `tongbao migrate` makes it; commands find it."""
    for name in list(os.environ):
        if name.startswith("TONGBAO_") and name != "TONGBAO_KEYRING":
            monkeypatch.delenv(name)
    monkeypatch.setenv("TONGBAO_DATABASE_URL", fresh_database)
    assert command("migrate").exit_code == 0
    return fresh_database


def asked(url: str, token: str) -> identity.ApiKey | Any:
    async def ask() -> Any:
        async with Database(url, size=1) as db, db.read() as tx:
            return await identity.authenticate(tx, token, at=datetime.now(UTC))

    return asyncio.run(ask())


def run_sql(url: str, statement: str, *values: Any) -> list[tuple[Any, ...]]:
    with psycopg.connect(url, autocommit=True) as conn:
        cursor = conn.execute(statement.encode(), values)
        return cursor.fetchall() if cursor.description else []


def test_migrate_makes_a_bank_that_can_serve(empty_database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TONGBAO_DATABASE_URL", empty_database)
    monkeypatch.setenv("TONGBAO_CLOCK", "2026-11-23T23:30:00+00:00")
    first = document("migrate")
    assert first["new"] == first["applied"] == migrate.present()
    assert first["business_date"] == "2026-11-24", "the day in the bank's own zone"
    assert first["calendar_days"] > 20
    again = document("migrate")
    assert (again["new"], again["calendar_days"], again["business_date"]) == ([], 0, "2026-11-24")
    monkeypatch.setenv("TONGBAO_CLOCK", "2026-12-24T00:00:00+00:00")
    assert document("migrate")["business_date"] == "2026-11-24", "an old bank keeps its day"
    lines = run_sql(empty_database, "SELECT gl_line, count(*) FROM ledger.account GROUP BY 1")
    assert {"1010", "1040", "2040", "4010"} <= {line for line, _ in lines}
    assert {many for _, many in lines} == {1}, "one account of its own a line"


def test_a_key_is_shown_once_and_opens(bank: str) -> None:
    made = command("key", "create", "--note", "till", "--permission", "day:read", "--days", "3")
    token = made.stdout.strip()
    assert asked(bank, token).permissions == {"day:read"}
    (listed,) = document("key", "list")["keys"]
    assert (listed["note"], listed["permissions"]) == ("till", ["day:read"])
    assert token not in command("key", "list").stdout
    rotated = document("key", "rotate", listed["id"], "--overlap-s", "0")
    assert asked(bank, rotated["key"]).permissions == {"day:read"}
    with pytest.raises(Refusal) as old:
        asked(bank, token)
    assert old.value.code == "key_expired"
    assert command("key", "revoke", rotated["id"]).exit_code == 0
    with pytest.raises(Refusal) as revoked:
        asked(bank, rotated["key"])
    assert revoked.value.code == "invalid_key"


@pytest.mark.parametrize(
    "args",
    [
        ("create", "--kind", "merchant"),
        ("create", "--kind", "merchant", "--merchant", str(uuid4())),
        ("create", "--permission", "fly"),
        ("create", "--kind", "merchant", "--permission", "payments:debit"),
        ("create", "--kind", "cat"),
        ("rotate", str(uuid4())),
        ("revoke", str(uuid4())),
        ("revoke", "x"),
    ],
)
def test_keys_that_cannot_be(bank: str, args: tuple[str, ...]) -> None:
    assert command("key", *args).exit_code != 0
    assert document("key", "list") == {"keys": []}


def test_a_member_of_staff_gets_a_password_that_lets_them_in(bank: str) -> None:
    made = document("staff", "create", " Li.Na ", "--role", "accountant", "--role", "operator", "--name", "李娜")
    assert (made["username"], made["name"], made["roles"]) == ("li.na", "李娜", ["accountant", "operator"])

    async def enter() -> Any:
        token = identity.fresh_token("staff", os.urandom)
        async with Database(bank, size=1) as db, db.tx() as tx:
            stored = await identity.password_of(tx, "li.na")
            right = identity.verify_password(stored, made["password"])
            return await identity.log_in(
                tx, "li.na", password_is_right=right, session_id=uuid4(), token=token, at=datetime.now(UTC)
            )

    session = asyncio.run(enter())
    assert isinstance(session, identity.Session)
    assert session.staff.roles == {Role.ACCOUNTANT, Role.OPERATOR}
    assert command("staff", "create", "li.na", "--role", "admin").exit_code != 0, "the name is in use"
    assert command("staff", "create", "wang").exit_code != 0, "nobody without a role"


def _hold(url: str, consumer: str = "webhooks") -> UUID:
    event = uuid4()
    run_sql(
        url,
        "INSERT INTO base.outbox_held VALUES (%s, %s, 1, %s, 1, 'payment.completed', %s, '2026-11-23', '{\"n\": 1}',"
        " 'parked', 10, %s, 'RuntimeError: away')",
        *(consumer, event, event, NOW, NOW),
    )
    return event


def test_dead_events_are_listed_shown_and_sent_again(bank: str) -> None:
    assert document("dead", "list") == {"events": []}
    first, second = _hold(bank), _hold(bank, "orders")
    listed = document("dead", "list", status=1)["events"]
    assert {event["event_id"] for event in listed} == {str(first), str(second)}
    assert [e["event_id"] for e in document("dead", "list", "--consumer", "orders", status=1)["events"]] == [
        str(second)
    ]
    assert document("dead", "list", "--since", "2999-01-01") == {"events": []}
    assert document("dead", "show", str(first))["events"][0]["payload"] == {"n": 1}
    assert '"n": 1' in command("dead", "show", str(first)).stdout
    assert command("dead", "show", str(uuid4())).exit_code != 0
    assert command("dead", "resend").exit_code != 0, "which ones?"
    assert document("dead", "resend", str(first), "--reason", "it is back") == {"sent": 1}
    assert document("dead", "resend", "--all") == {"sent": 1}
    assert document("dead", "list") == {"events": []}
    assert len(document("dead", "list", "--held", status=1)["events"]) == 2
    reasons = run_sql(bank, "SELECT reason FROM base.audit WHERE action = 'events.resend' ORDER BY id")
    assert reasons == [("it is back",), ("tongbao dead resend",)]


def _states(*expected_status: int) -> dict[str, tuple[str, str]]:
    done = command("doctor", "--json")
    assert done.exit_code in expected_status
    found = msgspec.json.decode(done.stdout)
    states = {check["name"]: (check["state"], check["said"]) for check in found["checks"]}
    assert all(check["advice"] for check in found["checks"] if check["state"] != "ok"), "each says what to do"
    assert found["ok"] == (done.exit_code == 0) == ("fail" not in {state for state, _ in states.values()})
    return states


def test_the_doctor_finds_a_new_bank_well_but_for_this_server(bank: str) -> None:
    found = {name: state for name, (state, _) in _states(0, 1).items()}
    assert (found["fsync"], found["synchronous_commit"]) == ("fail", "fail"), "the tests' server is not safe"
    well = ("settings", "database", "clocks", "migrations", "business day", "calendar", "partitions", "stuck payments")
    assert {found[name] for name in well} == {"ok"}
    assert found["outbox"] == "warn", "no worker has run"
    assert "→" in command("doctor").stdout
    assert "没有后台工作进程在运行" in command("doctor", "--zh").stdout


@pytest.mark.parametrize(
    ("wrong", "name", "state", "said"),
    [
        ("DELETE FROM public.schema_migrations WHERE version LIKE '%%100'", "migrations", "fail", "000100"),
        ("INSERT INTO public.schema_migrations VALUES ('29990101000000')", "migrations", "warn", "29990101000000"),
        ("DELETE FROM base.business_day", "business day", "fail", "no business day"),
        (
            "UPDATE base.business_day SET open_date = '2020-01-02', closed_through = '2020-01-01'",
            "business day",
            "fail",
            "2020",
        ),
        ("DELETE FROM base.calendar_day", "calendar", "warn", "no holidays"),
    ],
)
def test_the_doctor_finds_what_is_wrong(bank: str, wrong: str, name: str, state: str, said: str) -> None:
    run_sql(bank, wrong)
    found = _states(0, 1)
    assert found[name][0] == state
    assert said in found[name][1]


def test_the_doctor_misses_partitions_and_finds_what_stands_still(bank: str) -> None:
    (day,) = run_sql(bank, "SELECT open_date FROM base.business_day")[0]
    run_sql(bank, f"DROP TABLE base.outbox_{day:%Y_%m}")
    _hold(bank)
    old = datetime(2020, 1, 1, tzinfo=UTC)
    run_sql(bank, "INSERT INTO base.outbox_cursor VALUES ('webhooks', '0', 0, %s)", old)
    found = _states(1)
    assert found["partitions"] == ("fail", f"missing: base.outbox_{day:%Y_%m}")
    assert found["parked events"] == ("warn", "1")
    assert found["outbox webhooks"][0] == "ok"


def test_the_doctor_says_what_is_wrong_when_nothing_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TONGBAO_DATABASE_URL", "postgresql://u:hunter22222@127.0.0.1:1/none")
    done = command("doctor", "--json")
    assert done.exit_code == 1
    assert "hunter22222" not in done.stdout
    assert "Start the database" in done.stdout
    monkeypatch.setenv("TONGBAO_PORT", "many")
    states = _states(1)
    assert list(states) == ["settings"]
    assert "TONGBAO_PORT" in states["settings"][1]


def test_commands_ask_for_migrate_first(empty_database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TONGBAO_DATABASE_URL", empty_database)
    for args in (("key", "list"), ("dead", "list"), ("work",), ("serve",)):
        done = command(*args)
        assert done.exit_code == 1 or "run `tongbao migrate`" in str(done.exception), args


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_worker_works_until_it_is_told_to_end(bank: str, number: signal.Signals) -> None:
    child = subprocess.Popen(
        [sys.executable, "-m", "tongbao.cli", "work"], env={**os.environ, "TONGBAO_LOG_LEVEL": "info"}
    )
    try:
        deadline = 150
        while deadline and not run_sql(bank, "SELECT 1 FROM base.outbox_cursor"):
            deadline -= 1
            assert child.poll() is None
            with pytest.raises(subprocess.TimeoutExpired):
                child.wait(0.2)
        assert deadline, "no consumer began"
        child.send_signal(number)
        assert child.wait(40) == 0
    finally:
        if child.poll() is None:
            child.kill()
            child.wait()
    assert command("doctor").exit_code in (0, 1)


def test_a_switch_is_thrown_from_the_command_line(bank: str) -> None:
    assert {one["stops"] for one in document("switch", "list")["switches"]} == {False}
    stopped = document("switch", "stop", "method", "qr", "--reason", "false codes", "--until", "2999-01-01T00:00+08:00")
    assert (stopped["version"], stopped["until"]) == (1, "2998-12-31T16:00:00Z")
    (listed,) = document("switch", "list", "--stopped")["switches"]
    assert (listed["key"], listed["stops"], listed["reason"], listed["by"]) == (
        "qr",
        True,
        "false codes",
        str(UUID(int=0)),
    )
    assert "STOPPED" in command("switch", "list").stdout
    stale = command("switch", "resume", "method", "qr", "--reason", "mended", "--expected", "0")
    assert isinstance(stale.exception, Refusal)
    assert stale.exception.code == "switch_changed"
    assert "qr: open" in command("switch", "resume", "method", "qr", "--reason", "mended", "--expected", "1").stdout
    assert document("switch", "list", "--stopped") == {"switches": []}
    assert document("switch", "stop", "country", "HK", "--reason", "ordered")["key"] == "HK"
    assert document("switch", "resume", "country", "HK", "--reason", "over")["stopped"] is False
    for words in (("method", "shell"), ("merchant", str(uuid4())), ("country", "XX")):
        assert command("switch", "stop", *words, "--reason", "none").exit_code != 0
    assert command("switch", "stop", "method", "qr").exit_code != 0, "a reason is needed"


SAMPLE = Path(tongbao_sandbox.__file__).with_name("authenticator.json")


def declared(url: str) -> list[tuple[Any, ...]]:
    return run_sql(
        url,
        "SELECT modality::text, name, false_accept::text, false_reject::text, spoof_accept::text, source"
        " FROM identity.authenticator_model ORDER BY modality::text",
    )


def test_what_makers_declare_is_loaded_once_and_said(bank: str) -> None:
    done = command("key", "authenticators", str(SAMPLE))
    assert done.exit_code == 0, done.output
    face, finger = sorted(done.stdout.splitlines(), key=lambda line: "  fingerprint  " in line)
    assert finger.startswith("7a6d7570-0000-4000-8000-6d6164652075  fingerprint  Made-up")
    assert finger.endswith("  large amounts")
    assert face.endswith("  not for large amounts"), "of likenesses, too many get in"
    assert "2 loaded" in done.stderr
    rows = declared(bank)
    assert [row[0] for row in rows] == ["face", "fingerprint"]
    assert [Decimal(rate) for rate in rows[0][2:5]] == [Decimal("0.000001"), Decimal("0.02"), Decimal("0.2")]
    assert ([Decimal(rate) for rate in rows[1][2:4]], rows[1][4]) == ([Decimal("0.00001"), Decimal("0.03")], None)
    assert {row[5] for row in rows} == {"authenticator.json"}
    assert command("key", "authenticators", str(SAMPLE)).exit_code == 0
    assert declared(bank) == rows, "again is the same"
    trail = run_sql(bank, "SELECT details->>'models' FROM base.audit WHERE action = 'authenticators.load'")
    assert trail == [("2",), ("2",)]


@pytest.mark.parametrize("text", ["", "[1]", '{"entries": 1}'], ids=["empty", "a list of nothing", "no entries"])
def test_what_no_maker_declares_is_not_loaded(bank: str, tmp_path: Path, text: str) -> None:
    file = tmp_path / "statement.json"
    file.write_text(text)
    done = command("key", "authenticators", str(file))
    assert done.exit_code == 1
    assert f"tongbao: {file}: " in str(done.exception or "") + done.output
    assert "authenticators_malformed" in done.output
    missing = command("key", "authenticators", str(tmp_path / "nowhere.json"))
    assert missing.exit_code == 1
    assert declared(bank) == []
