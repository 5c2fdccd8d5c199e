"""House rules, checked like any other behaviour."""

from __future__ import annotations

import ast
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.house.slices import BANK, ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

OPEN_SHELVES = {"base", "web"}
"""Importable at any depth; of other slices only the public face."""

EDGES = {"app.py", "api.py", "pages.py", "jobs.py", "intake.py", "prove.py", "vitals.py"}
"""Files that own a transaction and may ask for the time: `intake.py` batches what arrives, `prove.py` and `vitals.py` stand
outside and look at everything.

So may `*_routes.py`, `*_pages.py` and everything in base/, web/ and cli/.
"""

FLOATS = {
    "base/batch.py": "seconds of waiting",
    "base/clock.py": "seconds of waiting",
    "base/days.py": "seconds of waiting",
    "base/db.py": "seconds of waiting between two tries",
    "base/embedded.py": "seconds of waiting",
    "base/log.py": "durations in milliseconds",
    "base/metrics.py": "Prometheus counts in floats",
    "base/outbox.py": "seconds of waiting between two tries",
    "risk/learn.py": "what a library learns with; its trees leave it as whole numbers",
    "risk/learn_odd.py": "what a library learns with; its trees leave it as whole numbers",
    "risk/learn_measures.py": "how well scores tell frauds; kept in parts of 10,000",
    "risk/travel.py": "sines and cosines; metres are whole",
    "risk/models_drift.py": "logarithms of shares; kept in thousandths",
    "risk/models_reasons.py": "what inputs add to a margin, for a sentence",
    "web/body.py": "seconds of waiting for a body",
    "web/live.py": "seconds between two looks",
    "web/door.py": "seconds that a request took",
}
"""Where a float is no money, and what it is. cli/ may show rates and durations."""

LONG_STORIES: dict[tuple[str, str], str] = {}
"""Functions that may be longer than 50 lines, each with the reason why it reads better in one piece."""

LONGEST = 50
BAD_NAMES = {"utils", "helpers", "common", "core", "manager", "service"}
LEFTOVERS = ("FIX" + "ME", "XX" + "X", "TO" + "DO", "break" + "point(", "import " + "pdb")

BANK_FILES = sorted(BANK.rglob("*.py"))
ALL_FILES = [
    path
    for folder in ("tongbao", "tongbao_sim", "tongbao_bench", "tongbao_sandbox", "tests")
    for path in sorted((ROOT / folder).rglob("*.py"))
]


def _name(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", BANK_FILES, ids=_name)
def test_the_bank_is_tidy(path: Path) -> None:
    here = path.relative_to(BANK)
    tree = ast.parse(path.read_text(encoding="utf-8"))
    bad = [*_reaches(tree, here.parts[0]), *_sql_outside_its_file(tree, here.parts[0])]
    if str(here) not in FLOATS and here.parts[0] != "cli":
        bad += _floats(tree)
    if here.parts[0] not in {"base", "web", "cli"} and not _is_edge(here.name):
        bad += [*_clock_and_chance(tree), *_commits(tree)]
    assert not bad, "\n".join(f"{_name(path)}:{line}" for line in bad)


@pytest.mark.parametrize("path", ALL_FILES, ids=_name)
def test_file_is_tidy(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    bad = [f"leftover {word}" for word in LEFTOVERS if word in text]
    if path.stem in BAD_NAMES:
        bad.append(f"{path.stem} says nothing; name the file after what it does")
    assert not bad, "\n".join(f"{_name(path)}: {line}" for line in bad)


@pytest.mark.parametrize("path", [path for path in ALL_FILES if "tests" not in path.parts], ids=_name)
def test_functions_stay_small(path: Path) -> None:
    grown = [
        f"{node.name} has {size} lines"
        for node, size in _functions(path)
        if size > LONGEST and (_name(path), node.name) not in LONG_STORIES
    ]
    assert not grown, f"{_name(path)}: {grown}; more than {LONGEST} needs a reason in LONG_STORIES"


def test_long_stories_are_still_long() -> None:
    long = {(_name(path), node.name) for path in ALL_FILES for node, size in _functions(path) if size > LONGEST}
    assert set(LONG_STORIES) <= long, "a story that became short leaves the list"


def test_the_root_is_one_screen() -> None:
    visible = {path.name for path in ROOT.iterdir() if not path.name.startswith(".")}
    ignored = subprocess.run(
        ["git", "check-ignore", "--", *visible], cwd=ROOT, capture_output=True, text=True, check=False
    ).stdout.split()
    shown = sorted(visible - set(ignored) - {"__pycache__"})
    assert len(shown) <= 18, shown


def _is_edge(name: str) -> bool:
    """`api.py` that has outgrown a file is cut by what its routes are about: `account_routes.py`, `login_pages.py`."""
    return name in EDGES or name.endswith(("_routes.py", "_pages.py"))


def _functions(path: Path) -> Iterator[tuple[ast.FunctionDef | ast.AsyncFunctionDef, int]]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node, (node.end_lineno or node.lineno) - node.lineno + 1


def _reaches(tree: ast.AST, here: str) -> Iterator[str]:
    for node in ast.walk(tree):
        modules: list[str] = []
        if isinstance(node, ast.ImportFrom) and node.module:
            modules = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names if _is_module(node, alias))]
        elif isinstance(node, ast.Import):
            modules = [alias.name for alias in node.names]
        for module in modules:
            parts = module.split(".")
            if parts[0] == "tongbao" and len(parts) > 2 and parts[1] not in OPEN_SHELVES | {here}:
                # What mounts routes, jobs and commands by name has to name them.
                if here in {"app.py", "app", "cli"} and _is_edge(f"{parts[2]}.py"):
                    continue
                yield f"{node.lineno} reaches into {module}; import from tongbao.{parts[1]}"


def _is_module(node: ast.ImportFrom, alias: ast.alias) -> bool:
    folder = ROOT.joinpath(*(node.module or "").split("."))
    return (folder / f"{alias.name}.py").exists() or (folder / alias.name / "__init__.py").exists()


def _floats(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and node.id == "float":
            yield f"{node.lineno} float near money"
        elif isinstance(node, ast.Constant) and isinstance(node.value, float):
            yield f"{node.lineno} {node.value} is a float near money"
        elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div) and _may_be_number(node):
            yield f"{node.lineno} / makes a float; use // or Decimal"


def _may_be_number(node: ast.BinOp) -> bool:
    """A path is joined with text; a Decimal is said to be one."""
    sides = [ast.unparse(node.left), ast.unparse(node.right)]
    is_text = any(
        isinstance(side, ast.JoinedStr) or (isinstance(side, ast.Constant) and isinstance(side.value, str))
        for part in ast.walk(node)
        for side in [part]
    )
    return not is_text and not any("Decimal" in side or "Path" in side for side in sides)


def _clock_and_chance(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr in {"now", "utcnow", "today", "time_ns", "uuid4", "uuid1"}:
            yield f"{node.lineno} .{node.attr}: time and chance are handed in"
        elif isinstance(node, ast.Import | ast.ImportFrom):
            names = {getattr(node, "module", None), *(alias.name for alias in node.names)}
            for name in names & {"random", "secrets", "time", "uuid4", "uuid1"}:
                yield f"{node.lineno} imports {name}: time and chance are handed in"


def _commits(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr in {"commit", "rollback"}:
            yield f"{node.lineno} only the edge ends a transaction"


def _sql_outside_its_file(tree: ast.AST, here: str) -> Iterator[str]:
    if here in {"base", "cli"}:
        return
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Constant)
            and isinstance(node.value, str)
            and node.value.lstrip().startswith(("SELECT ", "INSERT INTO ", "UPDATE ", "DELETE FROM ", "COPY ", "WITH "))
        ):
            yield f"{node.lineno} SQL lives in queries.sql"
