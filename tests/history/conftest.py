"""The real bank's folder, a tiny one to spoil, and ways to bring them in."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar
from zoneinfo import ZoneInfo

import pytest

from tongbao import history
from tongbao.base.clock import ManualClock
from tongbao.base.db import BULK, Database

ROOT = Path(__file__).parents[2]
COMMAND = [sys.executable, "-m", "tongbao.cli", "replay", "bank"]


@pytest.fixture(scope="session")
def bank_folder() -> Path:
    """The folder `bank` of `TONGBAO_DATA_DIR`. A user without the data may skip; whoever promised it may not."""
    given = os.environ.get("TONGBAO_DATA_DIR")
    folder = Path(given) / "bank" if given else ROOT / "data" / "bank"
    if not folder.is_dir():
        if given or os.environ.get("CI"):
            pytest.fail(f"{folder} is missing")
        pytest.skip(f"{folder} is missing; set TONGBAO_DATA_DIR")
    return folder


@pytest.fixture
async def db(fresh_database: str) -> AsyncIterator[Database]:
    async with Database(fresh_database, size=2, limits=BULK) as database:
        yield database


class TinyBank:
    """Two clients with an account each, and what their bank printed."""

    FILES: ClassVar = {
        "district.asc": [
            "A1;A2;A3;A4;A5;A6;A7;A8;A9;A10;A11;A12;A13;A14;A15;A16",
            '1;"Hl.m. Praha";"Prague";1204953;0;0;0;1;1;100.0;12541;0.29;0.43;167;85677;99107',
        ],
        "client.asc": ['"client_id";"birth_number";"district_id"', '1;"706213";1', '2;"450204";1'],
        "account.asc": [
            '"account_id";"district_id";"frequency";"date"',
            '1;1;"POPLATEK MESICNE";930101',
            '2;1;"POPLATEK TYDNE";930102',
        ],
        "disp.asc": [
            '"disp_id";"client_id";"account_id";"type"',
            '1;1;1;"OWNER"',
            '2;2;2;"OWNER"',
            '3;2;1;"DISPONENT"',
        ],
        "card.asc": ['"card_id";"disp_id";"type";"issued"', '1;1;"gold";931107 00:00:00'],
        "loan.asc": [
            '"loan_id";"account_id";"date";"amount";"duration";"payments";"status"',
            '1;1;930705;96396;12;8033.00;"B"',
        ],
        "order.asc": [
            '"order_id";"account_id";"bank_to";"account_to";"amount";"k_symbol"',
            '1;1;"YZ";"87144583";2452.00;"SIPO"',
        ],
        "trans.asc": [
            '"trans_id";"account_id";"date";"type";"operation";"amount";"balance";"k_symbol";"bank";"account"',
            '1;1;930101;"PRIJEM";"VKLAD";700.00;700.00;"";;',
            '2;2;930102;"PRIJEM";"PREVOD Z UCTU";900.50;900.50;"DUCHOD";"AB";"41403269"',
            '3;1;930103;"VYBER";"VYBER";100.00;600.00;"";;',
            '4;1;930103;"VYDAJ";"PREVOD NA UCET";50.00;550.00;"SIPO";"YZ";"87144583"',
            '5;1;930131;"PRIJEM";"";1.50;551.50;"UROK";;',
            '6;1;930131;"VYDAJ";"VYBER";14.60;536.90;"SLUZBY";;',
        ],
    }

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.lines = {name: list(lines) for name, lines in self.FILES.items()}

    def add(self, *transactions: str) -> None:
        self.lines["trans.asc"] += transactions

    def write(self) -> Path:
        self.folder.mkdir(exist_ok=True)
        for name, lines in self.lines.items():
            text = "".join(f"{line}\n" for line in lines)
            (self.folder / name).write_bytes(text.encode("utf-8", errors="surrogateescape"))
        return self.folder


@pytest.fixture
def tiny(tmp_path: Path) -> TinyBank:
    return TinyBank(tmp_path / "bank")


async def bring_in(db: Database, folder: Path) -> history.Report:
    clock = ManualClock(datetime(2026, 11, 20, 9, tzinfo=UTC))
    return await history.replay(
        db,
        folder,
        now=lambda: clock.tick(timedelta(milliseconds=1)),
        zone=ZoneInfo("Asia/Shanghai"),
        bank_code="90001",
    )


def command(url: str, folder: Path) -> list[str]:
    return [*COMMAND, str(folder), "--json", "--database-url", url]


def run_command(url: str, folder: Path) -> dict[str, Any]:
    done = subprocess.run(command(url, folder), capture_output=True, text=True, check=False, timeout=120, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return json.loads(done.stdout)
