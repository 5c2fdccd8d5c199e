"""The bank asks a customer for nothing that his privacy page does not name."""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING

from tests.house.slices import BANK
from tongbao.web.declared import DECLARED, FIELDS, PLAIN

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ASKS = re.compile(r'@post\(\s*f?"/(me|register)\b')


def _fields(path: Path) -> Iterator[str]:
    """Of every form in a file that takes forms from customers."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        bases = [base.id for base in node.bases if isinstance(base, ast.Name)] if isinstance(node, ast.ClassDef) else []
        if isinstance(node, ast.ClassDef) and "Form" in bases:
            yield from (
                one.target.id
                for one in node.body
                if isinstance(one, ast.AnnAssign) and isinstance(one.target, ast.Name)
            )


def _of_customers() -> list[Path]:
    return [path for path in sorted(BANK.rglob("*_pages.py")) if ASKS.search(path.read_text(encoding="utf-8"))]


def test_a_customer_is_asked_for_declared_fields_alone() -> None:
    files = _of_customers()
    assert len(files) >= 5
    wrong = [
        f"{path.name}: {name}" for path in files for name in _fields(path) if name not in FIELDS | dict.fromkeys(PLAIN)
    ]
    assert not wrong, "declare what these are for in tongbao/web/declared.py"


def test_what_is_declared_is_asked_for() -> None:
    asked = {name for path in _of_customers() for name in _fields(path)}
    assert set(FIELDS) <= asked, "nobody asks for these any more"
    assert set(FIELDS.values()) | {"browser", "journey"} == set(DECLARED)
