"""The lock: exact versions, hashes, and no word about where they come from."""

from __future__ import annotations

import re

import pytest

from tests.house.slices import PYPROJECT, ROOT

PINNED = re.compile(r"[a-z0-9][a-z0-9._-]*(\[[a-z,-]+\])?==[0-9][^ ]*( ; [^:]+)? \\")
HASH = re.compile(r" {4}--hash=sha256:[0-9a-f]{64}( \\)?")


@pytest.mark.parametrize("name", ["requirements.txt", "requirements-dev.txt"])
def test_lock_names_no_place(name: str) -> None:
    strange = [
        line
        for line in (ROOT / name).read_text(encoding="utf-8").splitlines()
        if not PINNED.fullmatch(line) and not HASH.fullmatch(line)
    ]
    assert not strange


def test_lock_holds_what_is_asked_for() -> None:
    project = PYPROJECT["project"]
    run = _locked("requirements.txt")
    develop = _locked("requirements-dev.txt")
    assert _names(project["dependencies"] + PYPROJECT["build-system"]["requires"]) <= set(run)
    assert _names(project["optional-dependencies"]["dev"]) <= set(develop)
    assert run.items() <= develop.items(), "both files pin the same versions"


def _locked(name: str) -> dict[str, str]:
    lines = (ROOT / name).read_text(encoding="utf-8").splitlines()
    return dict(line.split(" ")[0].split("==") for line in lines if "==" in line and not line.startswith(" "))


def _names(requirements: list[str]) -> set[str]:
    return {re.split(r"[^A-Za-z0-9._-]", requirement)[0].lower().replace("_", "-") for requirement in requirements}
