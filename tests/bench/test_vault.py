"""`tongbao bench vault` measures every suite that the bank has, and says which ones the machine lacks."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tongbao.vault import EnvelopeSuite, SignatureSuite, Suite, sm2
from tongbao_bench import vault

LACKING = {"EnvelopeSuite SM2: suite_unavailable", "SignatureSuite SM2: suite_unavailable"}


def test_one_json_document_with_a_row_for_each_suite() -> None:
    command = [sys.executable, "-m", "tongbao_bench", "vault", "--json", "--rounds", "1", "--seconds", "0.001"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    found = json.loads(done.stdout)
    names = {(row["suite"], row["what"]) for row in found["suites"]}
    for suite in Suite:
        assert {(suite.value, "seal"), (suite.value, "open")} <= names
    for suite in SignatureSuite:
        assert {(suite.name, "sign"), (suite.name, "verify")} <= names or LACKING & {*found["missing"]}
    for suite in EnvelopeSuite:
        assert (f"JWE {suite.name}", "decrypt") in names or LACKING & {*found["missing"]}
    assert all(row["per_s"] > 0 for row in found["suites"])
    assert all("ratio" in row or row["suite"].startswith("library ") for row in found["suites"])


def test_a_suite_that_the_machine_lacks_is_named_and_the_rest_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sm2, "_found", lambda: None)
    found = vault.bench(rounds=1, seconds=0.001)
    assert set(found["missing"]) == LACKING
    assert {row["suite"] for row in found["suites"]} >= {"AES-256-GCM", "SM4-GCM", "ED25519", "ES256", "JWE P256"}
