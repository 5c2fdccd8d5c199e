"""docs/operating says of every setting what the code says of it, and names every figure that is counted."""

from __future__ import annotations

import ast
import re
from itertools import pairwise

from tests.house.slices import BANK, ROOT
from tongbao.base import metrics
from tongbao.base.settings import PREFIX, Settings

OPERATING = ROOT / "docs" / "operating"
SETTINGS = (OPERATING / "settings.md").read_text(encoding="utf-8")
FIGURES = (OPERATING / "figures.md").read_text(encoding="utf-8")
ROW = re.compile(rf"^\| `({PREFIX}[A-Z0-9_]+)` \| ([^|]+) \| ([^|]+) \|$", re.MULTILINE)


def _docstrings() -> dict[str, str]:
    """The sentence below each field of Settings; fields without one are described in the table alone."""
    tree = ast.parse((BANK / "base" / "settings.py").read_text(encoding="utf-8"))
    body = next(node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == "Settings").body
    return {
        field.target.id: " ".join(sentence.value.value.split())
        for field, sentence in pairwise(body)
        if isinstance(field, ast.AnnAssign)
        and isinstance(field.target, ast.Name)
        and isinstance(sentence, ast.Expr)
        and isinstance(sentence.value, ast.Constant)
        and isinstance(sentence.value.value, str)
    }


def _usual(value: object) -> str:
    if value == "":
        return "empty"
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


def test_every_setting_is_described_as_in_the_code() -> None:
    usual, said = Settings(), _docstrings()
    table = {name: (default.strip(), text.strip()) for name, default, text in ROW.findall(SETTINGS)}
    assert list(table) == [PREFIX + name.upper() for name in Settings.__struct_fields__]
    for name in Settings.__struct_fields__:
        default, text = table[PREFIX + name.upper()]
        assert default == _usual(getattr(usual, name)), name
        assert text, name
        if name in said:
            assert text == said[name], name


def test_every_figure_is_named() -> None:
    missing = [family.name for family in metrics.REGISTRY.collect() if f"`{family.name}" not in FIGURES]
    assert not missing


def test_every_figure_of_the_bank_is_described_as_in_the_code() -> None:
    rows = re.findall(r"^\| `(tongbao_\w+)` \| ([\w, ]*) \| ([^|]+) \| [^|]* \|$", FIGURES, re.MULTILINE)
    assert [(name, labels.strip(), text) for name, labels, text in rows] == [
        (name, ", ".join(figure.labels), figure.says) for name, figure in metrics.FIGURES.items()
    ]
