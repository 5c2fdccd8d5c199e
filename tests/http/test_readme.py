"""The first payment as the README shows it, line by line, in a shell."""

from __future__ import annotations

import asyncio
import json
import re
import shutil
from typing import Any

import pytest

from tests.house.slices import ROOT
from tests.http.conftest import ServedBank, environment


@pytest.mark.skipif(not (shutil.which("curl") and shutil.which("bash")), reason="needs curl and bash")
async def test_the_first_payment(bank: ServedBank) -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    lines = "\n".join(re.findall(r"^```sh\n(.*?)^```", text, re.MULTILINE | re.DOTALL))
    script = lines.replace("tb_bank_...", bank.tokens["bank"]).replace("http://127.0.0.1:8080", bank.url)
    assert bank.tokens["bank"] in script
    assert bank.url in script
    shell = await asyncio.create_subprocess_exec(
        "bash", "-euc", script, stdout=asyncio.subprocess.PIPE, env=environment(bank.database, no_proxy="127.0.0.1")
    )
    said, _ = await asyncio.wait_for(shell.communicate(), 60)
    assert shell.returncode == 0, said
    answers: list[dict[str, Any]] = [json.loads(line) for line in said.splitlines() if line]
    paid, again, refused, story = answers[-4:]
    assert (paid["state"], paid["captured"]) == ("completed", 1250), paid
    assert again == paid
    assert refused["code"] == "insufficient_funds", refused
    assert story["payment"]["id"] == paid["id"]
    assert await bank.balance(paid["payer_account_id"]) == 10_000 - 1250
