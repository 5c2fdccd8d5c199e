"""docs/invariants.md has every invariant that `tongbao prove` checks, in the same words, and no other."""

from __future__ import annotations

import re
from pathlib import Path

from tongbao.cli.prove import CHECKS

PAGE = Path(__file__).parents[2] / "docs" / "invariants.md"
_ROW = re.compile(r"^\| ([A-Z]\d+) \| (.+?) \|", re.MULTILINE)


def test_every_invariant_is_written_down_once() -> None:
    proved = {number: sentence for check in CHECKS for number, sentence in check.invariants.items()}
    written = _ROW.findall(PAGE.read_text(encoding="utf-8"))
    assert len(written) == len(dict(written)), "a number stands twice"
    assert dict(written) == proved
