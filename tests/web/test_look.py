"""One look everywhere: contrast that can be read, one accent for one action, one sign, nothing from elsewhere."""

from __future__ import annotations

import re
from hashlib import sha256

import pytest

from tests.house.slices import BANK

STATIC = BANK / "web" / "static"
STYLE = (STATIC / "tongbao.css").read_text(encoding="utf-8")
TOKEN = re.compile(r"(--[a-z0-9-]+):\s*(#[0-9a-f]{6})")
READ = [
    ("--ink", "--paper"), ("--ink", "--card"), ("--ink", "--wash"), ("--ink-soft", "--paper"), ("--ink-soft", "--card"),
    ("--ink-soft", "--wash"), ("--on-accent", "--accent"), ("--paper", "--ink"),
]  # fmt: skip
"""Text and what it stands on: 4.5 to 1 (WCAG 2.2, 1.4.3)."""
SEEN = [("--line-strong", "--card"), ("--line-strong", "--paper"), ("--focus", "--paper"), ("--accent", "--card"),
        ("--chart-1", "--card"), ("--chart-2", "--card")]  # fmt: skip
"""Borders of fields, the focus, lines of charts: 3 to 1 (WCAG 2.2, 1.4.11)."""


def _theme(start: str) -> dict[str, str]:
    block = STYLE[STYLE.index(start) :]
    return dict(TOKEN.findall(block[: block.index("}")]))


LIGHT = _theme(":root {")
DARK = LIGHT | _theme(':root[data-theme="dark"] {')
AUTOMATIC = LIGHT | _theme(':root:not([data-theme="light"]) {')


def _luminance(colour: str) -> float:
    """Relative luminance, as WCAG 2.2 defines it."""
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    low, high = sorted((_luminance(one), _luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("theme", [LIGHT, DARK], ids=["light", "dark"])
def test_everything_can_be_read(theme: dict[str, str]) -> None:
    weak = {pair: contrast(theme[pair[0]], theme[pair[1]]) for pair in READ}
    assert not {pair: ratio for pair, ratio in weak.items() if ratio < 4.5}
    seen = {pair: contrast(theme[pair[0]], theme[pair[1]]) for pair in SEEN}
    assert not {pair: ratio for pair, ratio in seen.items() if ratio < 3}


MIXED = re.compile(r"\.(heat-\d) \{ background: color-mix\(in srgb, var\(--ink\) (\d+)%, var\(--card\)\); \}")
"""A warmer cell of a grid is so many percent ink."""


def _mixed(one: str, percent: int, other: str) -> str:
    parts = [(int(one[at : at + 2], 16), int(other[at : at + 2], 16)) for at in (1, 3, 5)]
    return "#" + "".join(f"{round((a * percent + b * (100 - percent)) / 100):02x}" for a, b in parts)


@pytest.mark.parametrize("theme", [LIGHT, DARK], ids=["light", "dark"])
def test_the_warmest_cell_of_a_grid_can_be_read(theme: dict[str, str]) -> None:
    grounds = {name: _mixed(theme["--ink"], int(percent), theme["--card"]) for name, percent in MIXED.findall(STYLE)}
    assert sorted(grounds) == ["heat-1", "heat-2", "heat-3", "heat-4"]
    assert not {name: ground for name, ground in grounds.items() if contrast(theme["--ink"], ground) < 4.5}
    too_soft = [name for name, ground in grounds.items() if contrast(theme["--ink-soft"], ground) < 4.5]
    assert not too_soft or '.heats [class*="heat-"] .soft { color: inherit; }' in STYLE, too_soft


def test_dark_is_one_look_however_it_was_chosen() -> None:
    assert AUTOMATIC == DARK


def test_the_accent_is_the_red_of_a_seal_and_serves_one_purpose() -> None:
    assert LIGHT["--accent"] == "#c73e1d"
    users = re.findall(r"([^{}]+)\{[^{}]*var\(--accent\)[^{}]*\}", STYLE)
    assert users
    assert all(re.search(r"\.act\b", user) for user in users), users
    outside = re.findall(r"#[0-9a-fA-F]{3,6}\b", re.sub(r"--[a-z0-9-]+:\s*#[0-9a-fA-F]{3,6}", "", STYLE))
    assert not outside, "colours are tokens"


def test_the_sign_is_a_round_coin_with_a_square_hole() -> None:
    sign = (STATIC / "sign.svg").read_text(encoding="utf-8")
    path = re.search(r'd="([^"]+)"', sign)
    assert path
    assert path[1] in (BANK / "web" / "templates" / "layout.html").read_text(encoding="utf-8")
    assert "a15 15" in path[1], "round"
    assert "v10h10V11z" in path[1], "a square hole"


def test_third_party_files_are_what_they_were() -> None:
    vendor = STATIC / "vendor"
    sums = dict(reversed(line.split()) for line in (vendor / "SHA256SUMS").read_text(encoding="utf-8").splitlines())
    assert set(sums) == {path.name for path in vendor.glob("*.js")}
    for name, digest in sums.items():
        assert sha256((vendor / name).read_bytes()).hexdigest() == digest, name
        stem = re.match(r"[a-z-]+-\d+\.\d+\.\d+", name)
        assert stem, name
        assert (vendor / f"{stem[0]}.LICENSE").exists(), name


def test_nothing_comes_from_elsewhere() -> None:
    ours = [*(path for path in STATIC.glob("*.*") if path.suffix != ".png"), *BANK.rglob("templates/*.html")]
    for path in ours:
        text = path.read_text(encoding="utf-8").replace("http://www.w3.org/", "")
        loaded = re.findall(r"""(?:src|href|url\(|@import)\s*[=\s]?["'(]?\s*(?:https?:)?//[^\s"')]+""", text)
        assert not loaded, f"{path.name}: {loaded}"
        assert " style=" not in text, f"{path.name}: the style sheet is the only style"
        assert not re.search(r"\son[a-z]+=", text) or path.suffix == ".js", f"{path.name}: scripts are in a file"
        assert "|safe" not in text, path.name
