"""`tongbao vault`, and what a bank does at its start with a keyring, with a bad one and without one."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import uuid4

import msgspec
import psycopg
import pytest
from typer.testing import CliRunner

from tests.http.conftest import environment, served
from tests.vault.house import AT, CLERK, WANG
from tongbao import cli, vault
from tongbao.base.db import Database
from tongbao.base.refusal import Refusal
from tongbao.base.settings import SettingsError
from tongbao.cli import demo
from tongbao.cli.migrate import found
from tongbao.vault import Datum, Keyring

if TYPE_CHECKING:
    from uuid import UUID


@pytest.fixture
def bank(fresh_database: str, tmp_path: Path) -> dict[str, str]:
    """The environment of a bank with a keyring that `tongbao vault init` made."""
    asyncio.run(found(fresh_database))
    said = run(environment(fresh_database), "init", str(tmp_path / "keyring"))
    assert said == f"TONGBAO_KEYRING={tmp_path / 'keyring'}\n", "a line for the environment"
    return environment(fresh_database, TONGBAO_KEYRING=str(tmp_path / "keyring"))


class Said(NamedTuple):
    """What a command left: its exit status, and what it said on both its ways."""

    returncode: int
    stdout: str
    stderr: str


def tongbao(settings: dict[str, str], *words: str) -> Said:
    """As a process of its own would: with these settings, and knowing no keyring yet."""
    vault.use(None)
    done = CliRunner().invoke(cli.app, words, env={k: v for k, v in settings.items() if k.startswith("TONGBAO_")})  # pyright: ignore[reportArgumentType]
    vault.use(None)
    refused = done.exception if isinstance(done.exception, SettingsError | Refusal) else ""
    sentence = refused.kind.en if isinstance(refused, Refusal) else str(refused)
    return Said(done.exit_code, done.stdout, done.stderr + sentence)


def run(settings: dict[str, str], *words: str) -> str:
    done = tongbao(settings, "vault", *words)
    assert done.returncode == 0, done.stderr
    return done.stdout


def status(settings: dict[str, str]) -> Any:
    return msgspec.json.decode(run(settings, "status", "--json"))


def keep(settings: dict[str, str], many: int) -> list[UUID]:
    people = [uuid4() for _ in range(many)]

    async def kept() -> None:
        vault.use(Keyring.open(_keyring(settings)))
        async with Database(settings["TONGBAO_DATABASE_URL"], size=1) as db, db.tx() as tx:
            data = [Datum(subject_id=one, kind=kind, text=text) for one in people for kind, text in WANG.items()]
            await vault.keep(tx, data, at=AT)
        vault.use(None)

    asyncio.run(kept())
    return people


def read(settings: dict[str, str], people: list[UUID]) -> Any:
    async def known() -> Any:
        vault.use(Keyring.open(_keyring(settings)))
        async with Database(settings["TONGBAO_DATABASE_URL"], size=1) as db, db.tx() as tx:
            return await vault.read(tx, people, list(WANG), by=CLERK, reason="test", at=AT)

    try:
        return asyncio.run(known())
    finally:
        vault.use(None)


def _keyring(settings: dict[str, str]) -> Path:
    return Path(settings["TONGBAO_KEYRING"])


def test_a_keyring_is_made_once(bank: dict[str, str]) -> None:
    path = _keyring(bank)
    before = path.read_bytes()
    assert path.stat().st_mode & 0o777 == 0o600
    done = tongbao(bank, "vault", "init", str(path))
    assert done.returncode == 1
    assert "never overwritten" in done.stderr
    assert path.read_bytes() == before
    assert "cannot be written" in tongbao(bank, "vault", "init", "/nowhere/keyring").stderr
    first = {"TONGBAO_ENV": "production", "TONGBAO_KEYRING": ""}
    assert run(first, "init", str(path.with_name("first"))), "production begins with it"


def test_keys_are_changed_and_everything_stays_readable(bank: dict[str, str]) -> None:
    people = keep(bank, 5)
    assert status(bank)["data"] == {"AES-256-GCM": 15}
    root = status(bank)["root_id"]
    assert "0 left" in run(bank, "rotate")
    done = msgspec.json.decode(run(bank, "rotate", "--suite", "SM4-GCM", "--json"))
    assert (done["key"], done["done"], done["left"]) == (3, 5 + 15, 0)
    prepared = run(bank, "rotate", "--root", "--prepare").split()[0]
    assert status(bank)["root_id"] == root, "prepared, not used"
    assert f"root key {prepared}" in run(bank, "rotate", "--root")
    after = status(bank)
    assert (after["root_id"], after["data"], after["left"]) == (prepared, {"SM4-GCM": 15}, 0)
    assert {kek["root_id"] for kek in after["keks"]} == {prepared}
    assert read(bank, people) == dict.fromkeys(people, WANG)
    shown = run(bank, "status")
    assert f"root key {prepared} wraps" in shown
    assert "SM4-GCM" in shown
    for wrong in (["rotate", "--prepare"], ["rotate", "--root", "--suite", "SM4-GCM"]):
        assert tongbao(bank, "vault", *wrong).returncode == 2
    proved = tongbao(bank, "prove", "--json")
    assert msgspec.json.decode(proved.stdout)["holds"]


def test_who_read_what_is_listed(bank: dict[str, str]) -> None:
    one, other = keep(bank, 2)
    read(bank, [one, other])
    read(bank, [other])
    listed = msgspec.json.decode(run(bank, "readings", "--json"))["readings"]
    assert [(r["subjects"], r["reason"]) for r in listed] == [
        ([str(other)], "test"),
        (sorted(map(str, (one, other))), "test"),
    ]
    assert msgspec.json.decode(run(bank, "readings", "--of", str(one), "--json"))["readings"] == listed[1:]
    assert msgspec.json.decode(run(bank, "readings", "--by", str(uuid4()), "--json")) == {"readings": []}
    shown = run(bank, "readings", "--most", "1")
    assert "id_number, name, phone of 1" in shown
    assert not any(text in shown for text in WANG.values())


def test_canaries_are_planted_tried_and_accounted_for(bank: dict[str, str]) -> None:
    assert "there is no canary" in tongbao(bank, "vault", "canary", "try").stderr
    planted = run(bank, "canary", "plant", "2").split()
    planted += msgspec.json.decode(run(bank, "canary", "plant", "1", "--json"))["planted"]
    assert "3 canaries, 0 readings" in run(bank, "canary", "list")
    assert run(bank, "canary", "try").splitlines()[-1].split()[0] in planted
    listed = tongbao(bank, "vault", "canary", "list", "--json")
    assert listed.returncode == 1, "somebody has to find out why"
    found = msgspec.json.decode(listed.stdout)
    assert sorted(one["subject_id"] for one in found["canaries"]) == sorted(planted)
    assert [(one["by_kind"], one["kinds"], one["reason"]) for one in found["readings"]] == [
        ("system", ["name"], "drill")
    ]
    assert "READ" in tongbao(bank, "vault", "canary", "list").stdout
    assert run(bank, "canary", "close", "--reason", "a drill") == "1 readings closed\n"
    assert run(bank, "canary", "close", "--reason", "again") == "0 readings closed\n"
    assert "read 1 times" in run(bank, "canary", "list")
    proved = tongbao(bank, "prove", "--json")
    assert msgspec.json.decode(proved.stdout)["holds"]


def test_proof_names_an_edited_datum_and_needs_the_keys(bank: dict[str, str]) -> None:
    (person,) = keep(bank, 1)
    with psycopg.connect(bank["TONGBAO_DATABASE_URL"], autocommit=True) as conn:
        conn.execute(
            "UPDATE vault.datum SET sealed = set_byte(sealed, 25, get_byte(sealed, 25) # 1) WHERE kind = 'phone'"
        )
    proved = tongbao(bank, "prove", "--json")
    assert proved.returncode == 1
    (finding,) = msgspec.json.decode(proved.stdout)["findings"]
    assert (finding["invariant"], finding["key"]) == ("V2", f"subject_id={person} kind=phone")
    shut = {**bank, "TONGBAO_KEYRING": ""}
    unproved = tongbao(shut, "prove")
    assert unproved.returncode == 2
    assert "tongbao vault init" in unproved.stderr


@pytest.mark.parametrize("words", [("status",), ("rotate",), ("rotate", "--root")])
def test_without_a_keyring_it_says_so(bank: dict[str, str], words: tuple[str, ...]) -> None:
    done = tongbao({**bank, "TONGBAO_KEYRING": ""}, "vault", *words)
    assert done.returncode == 1
    assert "tongbao vault init" in done.stderr


@pytest.mark.parametrize("part", ["serve", "work"])
def test_a_bank_does_not_start_with_a_bad_keyring_or_in_production_without_one(bank: dict[str, str], part: str) -> None:
    shut = tongbao({**bank, "TONGBAO_KEYRING": "", "TONGBAO_ENV": "production"}, part)
    assert (shut.returncode, "TONGBAO_KEYRING is needed in production" in shut.stderr) == (1, True)
    missing = tongbao({**bank, "TONGBAO_KEYRING": "/nowhere/keyring"}, part)
    assert (missing.returncode, "cannot be read" in missing.stderr) == (1, True)
    _keyring(bank).chmod(0o644)
    open_to_all = tongbao(bank, part)
    assert (open_to_all.returncode, "chmod 600" in open_to_all.stderr) == (1, True)


def test_a_bank_for_development_starts_without_one(fresh_database: str) -> None:
    asyncio.run(found(fresh_database))
    with served(fresh_database, TONGBAO_KEYRING="") as (child, _):
        assert child.poll() is None


def test_the_first_start_makes_the_first_keys(bank: dict[str, str]) -> None:
    assert status(bank)["keks"] == []
    with served(bank["TONGBAO_DATABASE_URL"], TONGBAO_KEYRING=bank["TONGBAO_KEYRING"]):
        (kek,) = status(bank)["keks"]
    assert (kek["id"], kek["suite"], kek["retired_at"]) == (1, "AES-256-GCM", None)


def test_everything_in_the_run_has_a_keyring() -> None:
    keyring = Keyring.open(_keyring(dict(os.environ)))
    assert keyring.roots


def test_a_demo_makes_its_keyring_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With its own database beside that; with another one's somewhere that outlives the run."""
    monkeypatch.setenv("TONGBAO_HOME", str(tmp_path / "home"))
    for embedded, where in ((True, "home"), (False, "home-keyring")):
        monkeypatch.setenv("TONGBAO_KEYRING", "")
        made = demo.keyring(embedded=embedded)
        assert made == tmp_path / where / "keyring"
        assert made.stat().st_mode & 0o777 == 0o600
        before = made.read_bytes()
        assert os.environ["TONGBAO_KEYRING"] == str(made), "for this process too, which proves the books"
        monkeypatch.setenv("TONGBAO_KEYRING", "")
        assert demo.keyring(embedded=embedded).read_bytes() == before
    monkeypatch.setenv("TONGBAO_KEYRING", str(tmp_path / "mine"))
    assert demo.keyring(embedded=True) == tmp_path / "mine", "one that is named is used"
