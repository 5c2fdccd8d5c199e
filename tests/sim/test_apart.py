"""The simulator is a user of the bank like any other: it knows the HTTP interface and nothing else."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

SIM = Path(__file__).parents[2] / "tongbao_sim"


@pytest.mark.parametrize("path", sorted(SIM.rglob("*.py")), ids=lambda path: path.name)
def test_it_imports_nothing_of_the_bank(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        assert not [name for name in names if name.split(".")[0] == "tongbao"], f"{path.name}:{node.lineno}"
