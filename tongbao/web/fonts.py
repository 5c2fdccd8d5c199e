"""The letters of a printed page: a small TrueType font with just the characters that the page needs.

They are taken from the fonts of the machine, Chinese ones first, and kept: the next page that needs the same letters opens
no font file at all. What no font has becomes a box, from which the character can still be copied and searched for.
"""

from __future__ import annotations

import io
import unicodedata
from collections.abc import Iterable
from fractions import Fraction
from functools import lru_cache
from pathlib import Path
from threading import Lock
from typing import Any, Final

from fontTools.fontBuilder import FontBuilder
from fontTools.pens.cu2quPen import Cu2QuPen
from fontTools.pens.recordingPen import DecomposingRecordingPen
from fontTools.pens.transformPen import TransformPen
from fontTools.pens.ttGlyphPen import TTGlyphPen
from fontTools.ttLib import TTCollection, TTFont, TTLibError

from tongbao.web.refusals import NO_FONT

EM: Final = 1000
"""Units of a letter's height; advances are counted in them."""

_CHINESE: Final = (
    "/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc",  # Debian, Ubuntu
    "/usr/share/fonts/noto-cjk/NotoSansCJK-Regular.ttc",  # Arch
    "/usr/share/fonts/noto/NotoSansCJK-Regular.ttc",  # Alpine
    "/usr/share/fonts/google-noto-cjk/NotoSansCJK-Regular.ttc",  # Fedora, RHEL
    "/usr/share/fonts/google-noto-sans-cjk-fonts/NotoSansCJK-Regular.ttc",
    "/usr/share/fonts/google-noto-sans-cjk-vf-fonts/NotoSansCJK-VF.ttc",
    "/usr/share/fonts/opentype/source-han-sans/SourceHanSansSC-Regular.otf",
    "/usr/share/fonts/truetype/wqy/wqy-microhei.ttc",
    "/System/Library/Fonts/PingFang.ttc",  # macOS
    "/System/Library/Fonts/STHeiti Light.ttc",
    "C:/Windows/Fonts/msyh.ttc",
)
_OTHER: Final = (
    "/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf",
    "/usr/share/fonts/dejavu-sans-fonts/DejaVuSans.ttf",
    "/usr/share/fonts/dejavu/DejaVuSans.ttf",
    "/usr/share/fonts/TTF/DejaVuSans.ttf",
)
"""For letters that the Chinese font lacks, such as Arabic and Hebrew."""

_ONE: Final = ord("一")
"""A font that lacks this has no Chinese; one that has it may lack a rare sign."""
_KEPT_MOST: Final = 8000
_SMOOTH: Final = 1
"""How far, in units of EM, a quadratic curve may lie from the cubic one that it stands for."""


class Typeface:
    """Some characters as a font. `advances`: the width of each, in thousandths of its height."""

    def __init__(self, advances: dict[int, int], ttf: bytes) -> None:
        self.advances = advances
        self.ttf = ttf

    def width(self, text: str, size: int) -> int:
        """The length of a text in points, rounded up."""
        return -(-sum(self.advances[ord(letter)] for letter in text) * size // EM)


def typeface(characters: Iterable[str], configured: str = "") -> Typeface:
    """A font with these characters. Refuses `no_font` where Chinese is among them and the machine has no Chinese font.

    `configured`: the path of a font to take before all others. Blocking: for a worker thread.
    """
    codes = sorted({ord(character) for character in characters} | {0x20, 0x3F, 0x2026})
    paths = _paths(configured)
    with _LOCK:
        kept = _kept(paths)
        missing = [code for code in codes if code not in kept]
        if missing:
            if len(kept) + len(missing) > _KEPT_MOST:
                kept.clear()
                missing = codes
            kept.update(_drawn(missing, paths))
        return _built({code: kept[code] for code in codes})


def _paths(configured: str) -> tuple[str, ...]:
    if configured and not Path(configured).is_file():
        raise NO_FONT(f"{configured} is no file")
    chinese = configured or next((path for path in _CHINESE if Path(path).is_file()), None)
    other = next((path for path in _OTHER if Path(path).is_file()), None)
    return tuple(path for path in (chinese, other) if path)


_Letter = tuple[Any, int]
"""An outline and its advance."""

_LOCK: Final = Lock()
"""Around what is kept and around fontTools' objects, which are read bit by bit from open files."""


@lru_cache(4)
def _kept(_paths: tuple[str, ...]) -> dict[int, _Letter]:
    return {}


def _drawn(codes: Iterable[int], paths: Iterable[str]) -> dict[int, _Letter]:
    found: dict[int, _Letter] = {}
    wanted = list(codes)
    for path in paths:
        if wanted:
            found.update(_taken([*wanted, _ONE], path))
            wanted = [code for code in wanted if code not in found]
    if any(_is_han(code) for code in wanted) and _ONE not in found:
        raise NO_FONT()
    return found | {code: _nothing() if _is_silent(code) else _box() for code in wanted}


def _taken(codes: Iterable[int], path: str) -> dict[int, _Letter]:
    """The outlines that a font has of these characters, as TrueType's quadratic curves at 1000 units."""
    try:
        with _opened(path) as font:
            names = font.getBestCmap() or {}
            glyphs, upem = font.getGlyphSet(), int(font["head"].unitsPerEm)  # pyright: ignore[reportAttributeAccessIssue]
            return {code: _outline(glyphs, names[code], upem) for code in codes if code in names}
    except (TTLibError, OSError) as error:
        raise NO_FONT(f"{path} cannot be read: {error}") from error


def _opened(path: str) -> TTFont:
    """Of a collection the face for Simplified Chinese, else the first."""
    if Path(path).suffix.lower() not in (".ttc", ".otc"):
        return TTFont(path, lazy=True)
    with TTCollection(path, lazy=True) as collection:
        faces = [str(face["name"].getBestFullName()) for face in collection.fonts]  # pyright: ignore[reportAttributeAccessIssue]
    chosen = next((i for i, name in enumerate(faces) if " SC" in name and "Mono" not in name), 0)
    return TTFont(path, fontNumber=chosen, lazy=True)


def _outline(glyphs: Any, name: str, upem: int) -> _Letter:
    pen = TTGlyphPen(None)
    parts = DecomposingRecordingPen(glyphs)
    glyphs[name].draw(parts)
    scale = Fraction(EM, upem)
    target: Any = Cu2QuPen(pen, _SMOOTH, reverse_direction=True)
    parts.replay(target if scale == 1 else TransformPen(target, (scale, 0, 0, scale, 0, 0)))
    return pen.glyph(), int(glyphs[name].width * EM // upem)


def _box() -> _Letter:
    pen = TTGlyphPen(None)
    for left, right, bottom, top in ((80, 720, -80, 800), (640, 160, 0, 720)):
        pen.moveTo((left, bottom))
        for corner in ((left, top), (right, top), (right, bottom)):
            pen.lineTo(corner)
        pen.closePath()
    return pen.glyph(), 800


def _nothing() -> _Letter:
    return TTGlyphPen(None).glyph(), 0


def _is_han(code: int) -> bool:
    return 0x3400 <= code <= 0x9FFF or 0x20000 <= code <= 0x3FFFF


def _is_silent(code: int) -> bool:
    """Marks that change their neighbours and have no shape of their own."""
    return unicodedata.category(chr(code)) in ("Mn", "Me", "Cf")


def _built(letters: dict[int, _Letter]) -> Typeface:
    names = {code: f"u{code:04X}" for code in letters}
    builder = FontBuilder(EM, isTTF=True)
    builder.setupGlyphOrder([".notdef", *names.values()])
    builder.setupCharacterMap(names)
    outlines = {".notdef": _box()[0], **{names[code]: outline for code, (outline, _) in letters.items()}}
    builder.setupGlyf(outlines)
    advances = {".notdef": 800, **{names[code]: advance for code, (_, advance) in letters.items()}}
    builder.setupHorizontalMetrics({name: (advances[name], outlines[name].xMin) for name in outlines})
    builder.setupHorizontalHeader(ascent=880, descent=-120)
    builder.setupNameTable({"familyName": "Tongbao Print", "styleName": "Regular"})
    builder.setupOS2(sTypoAscender=880, sTypoDescender=-120, sCapHeight=733)
    builder.setupPost()
    made = io.BytesIO()
    builder.save(made)
    return Typeface({code: advance for code, (_, advance) in letters.items()}, made.getvalue())
