"""What the demo writes down for its pages: read in a demo alone, and its keys reach no log and no page of settings."""

from __future__ import annotations

import io
from pathlib import Path
from uuid import UUID

import msgspec
import pytest
from rich.console import Console
from rich.pretty import Pretty

from tongbao.base.settings import Settings
from tongbao.console import demo, in_force
from tongbao.console.demo import DemoFile, DemoStaff

SECRET = "tb_bank_0123456789abcdef_topsecrettopsecrettopsecrettopsecret"


def staff(name: str) -> DemoStaff:
    return DemoStaff(id=UUID(int=7), username=name, name="周岚", roles=("operator",))


FILE = DemoFile(
    address="http://127.0.0.1:8080",
    bank_key=SECRET,
    merchant_key=SECRET.replace("bank", "merchant"),
    receiver="http://127.0.0.1:9",
    webhook_id=UUID(int=1),
    day_every_s=600,
    li_customer_id=UUID(int=2),
    li_account_id=UUID(int=3),
    li_name="李伟",
    noodle_shop_id=UUID(int=4),
    noodle_shop_name="拾里面馆",
    operator=staff("a"),
    accountant=staff("b"),
    second_accountant=staff("c"),
    auditor=staff("d"),
)


@pytest.fixture
def written(tmp_path: Path) -> Path:
    path = tmp_path / "demo.json"
    path.write_bytes(msgspec.json.encode(FILE))
    return path


def test_what_is_written_is_read(written: Path) -> None:
    assert demo.load(written) == FILE
    assert demo.of(Settings(env="demo", demo_file=str(written))) == FILE
    assert [s.username for s in FILE.staff] == ["a", "b", "c", "d"]


@pytest.mark.parametrize("env", ["development", "production"])
def test_outside_of_a_demo_it_is_not_read(env: str, written: Path) -> None:
    assert demo.of(Settings(env=env, demo_file=str(written))) is None  # type: ignore[arg-type]


@pytest.mark.parametrize("content", [None, b"", b"{}", b"[1]", b"\xff"])
def test_a_file_that_is_none(content: bytes | None, tmp_path: Path) -> None:
    path = tmp_path / "demo.json"
    if content is not None:
        path.write_bytes(content)
    assert demo.load(path) is None
    assert demo.of(Settings(env="demo")) is None


def test_its_keys_are_shown_nowhere(written: Path) -> None:
    out = io.StringIO()
    Console(file=out, width=400).print(Pretty(FILE))
    settings = in_force.views(Settings(env="demo", demo_file=str(written)))
    for said in (repr(FILE), str(FILE), out.getvalue(), repr(settings)):
        assert "topsecret" not in said
    assert str(written) in {view.value for view in settings}, "where it lies is no secret; who may read it is its owner"
