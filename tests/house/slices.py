"""What the house rules look at. The arrow is read from where import-linter reads it, so that there is one of it."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]
BANK = ROOT / "tongbao"
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def _layers() -> list[list[str]]:
    contracts = PYPROJECT["tool"]["importlinter"]["contracts"]
    layers = next(contract["layers"] for contract in contracts if contract["id"] == "direction")
    return [re.findall(r"\w+", layer) for layer in reversed(layers)]


ARROW = _layers()
"""Names from low to high; names in one list do not know each other."""

WITH_QUERIES = [name for layer in ARROW for name in layer if (BANK / name / "queries.sql").exists()]
WITH_SCHEMA = [name for layer in ARROW for name in layer if (BANK / name / "schema.sql").exists()]


def below(name: str) -> set[str]:
    """Every name that `name` may use."""
    height = next(i for i, layer in enumerate(ARROW) if name in layer)
    return {lower for layer in ARROW[:height] for lower in layer}


def without_comments(sql: str) -> str:
    """SQL with comments and the insides of text literals taken out."""
    return re.sub(r"'(?:[^']|'')*'", "''", re.sub(r"--.*", "", sql))
