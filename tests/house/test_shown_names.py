"""What a page is given must not be called what the layout itself uses: one would stand in the other's place without a word."""

from __future__ import annotations

import ast
import re
from pathlib import Path

TONGBAO = Path(__file__).parents[2] / "tongbao"
SHOWS = {"show", "part", "again"}
REPLACED = {"lang", "tag", "now"}
"""The page for when there is no connection is kept in both languages; what is in force is looked at as of a moment."""


def _of_layout() -> set[str]:
    """Names that layout.html sets for all that follows, and those that every page is given and that none replaces on purpose."""
    layout = (TONGBAO / "web/templates/layout.html").read_text(encoding="utf-8")
    pages = ast.parse((TONGBAO / "web/pages.py").read_text(encoding="utf-8"))
    (shared,) = [node for node in ast.walk(pages) if isinstance(node, ast.FunctionDef) and node.name == "_shared"]
    (given,) = [node.value for node in ast.walk(shared) if isinstance(node, ast.Return)]
    assert isinstance(given, ast.Dict)
    return (
        set(re.findall(r"^{%-? set (\w+) =", layout, re.MULTILINE))
        | {key.value for key in given.keys if isinstance(key, ast.Constant) and isinstance(key.value, str)} - REPLACED
    )


def test_no_page_is_given_what_the_layout_calls_otherwise() -> None:
    taken = _of_layout()
    assert {"has_inbox", "said", "path"} <= taken
    wrong: list[str] = []
    for file in sorted(TONGBAO.rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if (
                not isinstance(node, ast.Call)
                or not isinstance(node.func, ast.Attribute)
                or node.func.attr not in SHOWS
            ):
                continue
            if not isinstance(node.func.value, ast.Name) or node.func.value.id not in ("pages", "forms"):
                continue
            names = {one.arg for one in node.keywords if one.arg} & taken
            wrong += [f"{file.relative_to(TONGBAO)}:{node.lineno}: {name}" for name in sorted(names)]
    assert not wrong, wrong
