"""Paper: A4 pages on which text, rules and the bank's sign are drawn, in whole points from the top left corner."""

from __future__ import annotations

import tempfile
import unicodedata
from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, Final, Literal

import msgspec
from fpdf import FPDF
from fpdf.bidi import BidiParagraph
from fpdf.enums import TextDirection

from tongbao.base.say import Lang
from tongbao.web.fonts import Typeface

Colour = tuple[int, int, int]
Align = Literal["left", "right", "centre"]

INK: Final[Colour] = (29, 27, 24)
GREY: Final[Colour] = (107, 101, 93)
HAIR: Final[Colour] = (214, 209, 201)
SEAL: Final[Colour] = (199, 62, 29)

MARGIN: Final = 40
_SHORT, _LONG = 595, 842
"""The edges of A4."""


class About(msgspec.Struct, frozen=True, kw_only=True):
    """What a document says of itself."""

    title: str
    bank: str
    at: datetime
    lang: Lang


def clean(text: str) -> str:
    """A text on one line, without what steers a text instead of being part of it; composed (NFC)."""
    if text.isascii() and text.isprintable():
        return text
    kept = (" " if unicodedata.category(c) == "Cc" else c for c in text if not _steers(c))
    return unicodedata.normalize("NFC", "".join(kept))


def _steers(letter: str) -> bool:
    """Controls of direction and joining, half surrogates, variants of a shape: they could make a line say another thing."""
    return unicodedata.category(letter) in ("Cf", "Cs") or 0xFE00 <= ord(letter) <= 0xFE0F


def wrap(face: Typeface, text: str, width: int, size: int, most: int) -> list[str]:
    """Lines of at most `width` points, broken at spaces where there are any; what is over `most` lines ends in an ellipsis.

    `text` is clean and its letters are all in `face`.
    """
    if face.width(text, size) <= width:
        return [text]
    lines: list[str] = []
    rest = text
    while rest and len(lines) < most:
        end = _fitting(face, rest, width, size)
        if end < len(rest) and (space := rest.rfind(" ", 1, end + 1)) > end // 2:
            end = space
        lines.append(rest[:end].strip())
        rest = rest[end:].strip()
    if rest:
        end = _fitting(face, lines[-1], width - face.width("…", size), size)
        lines[-1] = lines[-1][:end].rstrip() + "…"
    return lines


def _fitting(face: Typeface, text: str, width: int, size: int) -> int:
    """How many letters fit, at least one."""
    room = width * 1000
    for place, letter in enumerate(text):
        room -= face.advances[ord(letter)] * size
        if room < 0:
            return max(place, 1)
    return max(len(text), 1)


class Sheet:
    """A document in the making. Blocking: for a worker thread."""

    def __init__(self, face: Typeface, about: About, *, wide: bool = False) -> None:
        self.face = face
        self.width, self.height = (_LONG, _SHORT) if wide else (_SHORT, _LONG)
        self._file = tempfile.NamedTemporaryFile(suffix=".ttf")  # noqa: SIM115 (open as long as the document is)
        self._file.write(face.ttf)
        self._file.flush()
        self._pdf = FPDF("landscape" if wide else "portrait", unit="pt", format="A4")
        self._pdf.set_auto_page_break(False)
        self._pdf.add_font("print", "", self._file.name)
        self._pdf.set_title(about.title)
        self._pdf.set_author(about.bank)
        self._pdf.set_creator("Tongbao")
        self._pdf.set_lang("zh-CN" if about.lang == "zh" else "en")
        self._pdf.set_creation_date(about.at)

    def page(self) -> None:
        self._pdf.add_page()

    def write(self, x: int, y: int, text: str, size: int, colour: Colour = INK, align: Align = "left") -> None:
        """One clean line: `x` is its left end, its right end or its centre, `y` its baseline."""
        if not text:
            return
        if align != "left":
            length = self.face.width(text, size)
            x -= length if align == "right" else length // 2
        self._pdf.set_font("print", size=size)
        self._pdf.set_text_color(*colour)
        self._pdf.text(x, y, _in_reading_order(text))

    def rule(self, x: int, y: int, to: int, colour: Colour = HAIR, *, thick: bool = False) -> None:
        """A line across."""
        self._pdf.set_draw_color(*colour)
        self._pdf.set_line_width(1 if thick else _HAIR_WIDTH)
        self._pdf.line(x, y, to, y)

    def upright(self, x: int, y: int, to: int, colour: Colour = HAIR) -> None:
        """A line down."""
        self._pdf.set_draw_color(*colour)
        self._pdf.set_line_width(_HAIR_WIDTH)
        self._pdf.line(x, y, x, to)

    def frame(self, x: int, y: int, width: int, height: int, colour: Colour = HAIR) -> None:
        self._pdf.set_draw_color(*colour)
        self._pdf.set_line_width(1)
        self._pdf.rect(x, y, width, height)

    def sign(self, x: int, y: int, size: int, colour: Colour = INK) -> None:
        """The coin with a square hole, `x` and `y` its top left corner."""
        self._pdf.set_fill_color(*colour)
        self._pdf.ellipse(x, y, size, size, style="F")
        self._pdf.set_draw_color(255, 255, 255)
        self._pdf.set_line_width(1)
        rim = size // 8
        self._pdf.ellipse(x + rim, y + rim, size - 2 * rim, size - 2 * rim, style="D")
        hole = size // 3
        self._pdf.set_fill_color(255, 255, 255)
        self._pdf.rect(x + hole, y + hole, size - 2 * hole, size - 2 * hole, style="F")

    def stamp(self, x: int, y: int, size: int, lines: Sequence[str]) -> None:
        """A round seal in red with a few words in its middle."""
        self._pdf.set_draw_color(*SEAL)
        self._pdf.set_line_width(2)
        self._pdf.ellipse(x, y, size, size, style="D")
        self._pdf.set_line_width(_HAIR_WIDTH)
        self._pdf.ellipse(x + 4, y + 4, size - 8, size - 8, style="D")
        top = y + size // 2 - 7 * (len(lines) - 1) + 3
        for place, line in enumerate(lines):
            self.write(x + size // 2, top + 14 * place, line, 9, SEAL, "centre")

    def done(self) -> bytes:
        """The document; nothing can be drawn afterwards."""
        with self._file:
            return bytes(self._pdf.output())


_HAIR_WIDTH: Final[Any] = Decimal("0.5")
"""Half a point; whoever draws takes any number."""


def _in_reading_order(text: str) -> str:
    """Arabic and Hebrew run from right to left within the line, as Unicode's annex 9 has it."""
    if text.isascii() or not any(unicodedata.bidirectional(letter) in ("R", "AL", "AN") for letter in text):
        return text
    return BidiParagraph(text, TextDirection.LTR).get_reordered_string()


def letters(texts: Iterable[str]) -> set[str]:
    """What a face must hold to print these clean texts: shapes that mirroring asks for are among them."""
    found = set().union(*texts)
    return found | {_MIRRORED[letter] for letter in found & _MIRRORED.keys()}


_MIRRORED: Final = dict(zip("()[]{}<>«»", ")(][}{><»«", strict=True))
