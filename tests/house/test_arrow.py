"""The arrow: who may import whom."""

from __future__ import annotations

import grimp
import pytest
from importlinter.cli import EXIT_STATUS_SUCCESS, lint_imports

from tests.house.slices import ARROW, BANK, ROOT


def test_calls_go_down(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    status = lint_imports(no_cache=True)
    assert status == EXIT_STATUS_SUCCESS, capsys.readouterr().out


def test_a_store_is_private_to_its_slice() -> None:
    graph = grimp.build_graph("tongbao", cache_dir=None)
    strangers = [
        f"{importer} imports {store}"
        for store in graph.modules
        if store.endswith((".store", "_store"))
        for importer in graph.find_modules_that_directly_import(store)
        if importer.split(".")[1] != store.split(".")[1]
    ]
    assert not strangers


def test_every_slice_has_its_place_and_its_page() -> None:
    known = {name for layer in ARROW for name in layer}
    for folder in sorted(path for path in BANK.iterdir() if (path / "__init__.py").exists()):
        assert folder.name in known, f"tongbao.{folder.name} has no place in the arrow (pyproject.toml)"
        if folder.name not in {"base", "web", "cli"}:
            assert (folder / "README.md").exists(), f"tongbao/{folder.name} has no README.md"
