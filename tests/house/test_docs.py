"""Documents run: what they name exists, in the words of the field, and they speak of the product alone."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING

import msgspec
import opencc
import pytest
import typer

from tests.house.slices import BANK, PYPROJECT, ROOT, WITH_SCHEMA
from tests.house.write_docs import ARCHITECTURE, architecture
from tongbao.cli import app, openapi

if TYPE_CHECKING:
    from pathlib import Path

PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *ROOT.glob("tongbao*/**/*.md")])
CHINESE = [ROOT / "README.zh-CN.md", ROOT / "docs" / "glossary.md", ROOT / "docs" / "refusals.md"]
READMES = [ROOT / "README.md", ROOT / "README.zh-CN.md"]
FOLDERS = (".ci", "docs", "migrations", "tests", "tongbao", "tongbao_sim", "tongbao_sandbox", "tongbao_bench")
FOREIGN = ("TO" + "DO", "/wo" + "rk/", "helper " + "agent", "language " + "model")
"""Words that speak of how something was made, or of one machine, or that were left behind."""

CODE = re.compile(r"^```.*?^```|`[^`\n]+`", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)\s]+)\)")
PLACE = re.compile(r"(?:tests|tongbao\w*|docs|migrations)/[\w./-]*\w(?:::\w+)?")
PLACEHOLDER = re.compile(r"NAME|YYYY")
ROUTE = re.compile(r"/v1/[\w/{}$.-]+")


def _name(path: Path) -> str:
    return str(path.relative_to(ROOT))


@cache
def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8")


@cache
def _code(path: Path) -> list[str]:
    return CODE.findall(_read(path))


@cache
def _targets() -> set[str]:
    return set(re.findall(r"^([a-z]+):", _read(ROOT / "Makefile"), re.MULTILINE))


@cache
def _commands() -> dict[str, set[str]]:
    """Every command with its own commands, if it has any."""
    group = typer.main.get_command(app)
    return {name: set(getattr(one, "commands", {})) for name, one in getattr(group, "commands", {}).items()}


@cache
def _routes() -> set[str]:
    paths = msgspec.json.decode(openapi.document())["paths"]
    return {re.sub(r"\{[^}]*\}", "*", path) for path in paths} | {"/v1/openapi.json"}


def test_a_newcomer_needs_two_commands() -> None:
    for readme in READMES:
        assert "```\nmake demo\nmake test\n```" in _read(readme), f"{readme.name} shows both"
    assert {"demo", "test"} <= _targets()
    assert PYPROJECT["project"]["readme"] == "README.md"


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_commands_exist(page: Path) -> None:
    code = "\n".join(_code(page))
    strange = [f"make {target}" for target in re.findall(r"\bmake ([a-z]+)\b", code) if target not in _targets()]
    for name, sub in re.findall(r"(?<![\w/.-])tongbao ([a-z][a-z-]*)(?: ([a-z][a-z-]*))?", code):
        if name not in _commands() or (sub and _commands()[name] and sub not in _commands()[name]):
            strange.append(f"tongbao {name} {sub}".rstrip())
    assert not strange


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_routes_exist(page: Path) -> None:
    named = {
        re.sub(r"\{[^}]*\}|\$\w+", "*", route).rstrip("/.") for text in _code(page) for route in ROUTE.findall(text)
    }
    assert named - _routes() == set()


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_links_lead_somewhere(page: Path) -> None:
    lost = []
    for link in LINK.findall(_read(page)):
        if link.startswith("https://"):
            continue
        file, _, anchor = link.partition("#")
        target = (page.parent / file) if file else page
        if not target.exists() or (anchor and anchor not in _anchors(target)):
            lost.append(link)
    assert not lost


def _anchors(page: Path) -> set[str]:
    """Headings as GitHub turns them into anchors."""
    headings = re.findall(r"^#+ (.+)$", _read(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_files_and_tests_exist(page: Path) -> None:
    lost = []
    for place in {place for text in _code(page) for place in PLACE.findall(text) if not PLACEHOLDER.search(place)}:
        file, _, test = place.partition("::")
        if not (ROOT / file).exists() or (test and f"def {test}(" not in _read(ROOT / file)):
            lost.append(place)
    assert not sorted(lost)


def test_the_repository_speaks_of_the_product_alone() -> None:
    files = [*(path for path in ROOT.iterdir() if path.is_file())]
    for folder in FOLDERS:
        files += [path for path in (ROOT / folder).rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    said = [f"{_name(path)}: {word}" for path in files for word in FOREIGN if word.encode() in path.read_bytes()]
    assert not said


@pytest.mark.parametrize("page", CHINESE, ids=_name)
def test_chinese_is_simplified(page: Path) -> None:
    simplified = opencc.OpenCC("t2s").convert(_read(page))
    assert [one for one, other in zip(_read(page), simplified, strict=True) if one != other] == []


def test_both_readmes_show_the_same() -> None:
    english, chinese = (
        [re.sub(r"\s+#.*", "", line) for block in _code(page) if block.startswith("```") for line in block.splitlines()]
        for page in READMES
    )
    assert english == chinese
    headings = [len(re.findall(r"^## ", _read(page), re.MULTILINE)) for page in READMES]
    assert headings[0] == headings[1]


def test_each_term_of_the_glossary_stands_once() -> None:
    rows = re.findall(r"^\| ([^|]+) \| ([^|]+) \| ([^|]+) \|$", _read(ROOT / "docs" / "glossary.md"), re.MULTILINE)[1:]
    terms = [row[0] for row in rows]
    assert terms == sorted(terms, key=str.casefold)
    assert len(set(terms)) == len(terms)
    assert len({row[1] for row in rows}) == len(rows), "two terms share a Chinese word"
    assert all(re.search("[\u4e00-\u9fff]", row[1]) and row[2].endswith(".") for row in rows)


def test_each_capability_is_shown_by_something() -> None:
    rows = re.findall(r"^\| ([A-Z]+\d+) \| (.+) \|$", _read(ROOT / "docs" / "capabilities.md"), re.MULTILINE)
    assert len({row[0] for row in rows}) == len(rows) > 0
    silent = [row[0] for row in rows if not re.search(r"`tests/[\w/]+\.py::test_\w+`", row[1])]
    assert not silent, "each row names a test"


def test_the_architecture_names_every_table() -> None:
    stored = _read(ARCHITECTURE).split("## What is stored")[1].split("```")[1]
    named = {
        line.split()[0]: set(re.findall(r"\w+", line)) for line in re.sub(r"\n +", " ", stored).strip().splitlines()
    }
    made = {
        (name, table)
        for name in WITH_SCHEMA
        for table in re.findall(rf"^CREATE TABLE {name}\.(\w+)", _read(BANK / name / "schema.sql"), re.MULTILINE)
    }
    assert sorted(f"{name}.{table}" for name, table in made if table not in named.get(name, ())) == []
    assert set(named) == {name for name, _ in made}


def test_the_path_of_a_payment_is_what_its_test_saw() -> None:
    assert ARCHITECTURE.read_text(encoding="utf-8") == architecture(), "run `make docs`"
