"""A table as a printed document: the bank's name, a title, facts, the rows, their sums, numbered pages."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from tongbao.base import say
from tongbao.base.say import Lang
from tongbao.web import fonts
from tongbao.web.fonts import Typeface
from tongbao.web.sheet import GREY, HAIR, INK, MARGIN, About, Sheet, clean, letters, wrap
from tongbao.web.tables import Kind, Reading

Pair = tuple[str, str]
"""What something is called, and what it is."""

_SIZE, _LEADING, _PAD = 8, 11, 5
_TEXT_LEAST, _TEXT_MOST = 46, 150
_LINES_MOST: Final = 4
_PORTRAIT, _LANDSCAPE = 595 - 2 * MARGIN, 842 - 2 * MARGIN
_FOOT: Final = 30
"""Kept free above the lower margin, for the page's number."""

_WORDS: Final[dict[Lang, dict[str, str]]] = {
    "zh": {
        "total": "合计",
        "none": "没有符合条件的记录",
        "end": "—— 以下空白 ——",
        "made": "生成时间：{}",
        "page": "第 {} 页，共 {} 页",
    },
    "en": {
        "total": "Total",
        "none": "There is nothing to show",
        "end": "—— end ——",
        "made": "Made {}",
        "page": "Page {} of {}",
    },
}


class Paper(msgspec.Struct, frozen=True, kw_only=True):
    """What stands around a table. `facts` stand above it in two columns, `note` in small print below."""

    about: About
    facts: Sequence[Pair] = ()
    note: str = ""


def table(reading: Reading, rows: Sequence[Sequence[Any]], paper: Paper, font: str = "") -> bytes:
    """The document. Blocking: for a worker thread. Refuses `no_font`."""
    return _Table(reading, rows, paper, font).drawn()


class _Table:
    def __init__(self, reading: Reading, rows: Sequence[Sequence[Any]], paper: Paper, font: str) -> None:
        self.paper, self.about = paper, paper.about
        self.words = _WORDS[reading.lang]
        self.shown = [place for place, column in enumerate(reading.columns) if column.printed]
        self.columns = [reading.columns[place] for place in self.shown]
        self.titles = [clean(column.title(reading.lang)) for column in self.columns]
        self.rows = [[clean(reading.text(row, place)) for place in self.shown] for row in rows]
        self.sums = self._sums(reading, rows)
        self.facts = [(clean(name), clean(value)) for name, value in paper.facts]
        self.made = self.words["made"].format(say.moment(self.about.at, reading.zone, reading.lang))
        self.title, self.bank, self.note = clean(self.about.title), clean(self.about.bank), clean(paper.note)
        self.face = fonts.typeface(letters(self._texts()), font)
        self.widths, self.wide = _widths(self._natural())

    def _texts(self) -> Sequence[str]:
        cells = [text for row in (*self.rows, *self.sums) for text in row]
        around = [self.title, self.bank, self.note, self.made, *self.words.values(), *map("".join, self.facts)]
        return [*self.titles, *cells, *around, "0123456789:"]

    def _sums(self, reading: Reading, rows: Sequence[Sequence[Any]]) -> list[list[str]]:
        """A line of sums for each currency, where a column asks for sums."""
        sums: dict[str, dict[int, int]] = {}
        for place in (place for place in self.shown if reading.columns[place].total):
            is_money = reading.columns[place].kind is Kind.MONEY
            for row in (row for row in rows if row[place] is not None):
                line = sums.setdefault(reading.currency(row, place) if is_money else "", {})
                line[place] = line.get(place, 0) + row[place]
        return [self._sum(currency, line) for currency, line in sorted(sums.items())]

    def _sum(self, currency: str, line: dict[int, int]) -> list[str]:
        texts = [
            "" if place not in line else say.money(line[place], currency) if currency else say.count(line[place])
            for place in self.shown
        ]
        first = next((at for at, text in enumerate(texts) if not text), None)
        if first is not None:
            texts[first] = self.words["total"]
        return texts

    def _natural(self) -> list[tuple[int, int]]:
        """For each column the least and the best width."""
        return [
            _wish(self.face, column.kind, cells) for column, cells in zip(self.columns, self._by_column(), strict=True)
        ]

    def _by_column(self) -> list[tuple[str, ...]]:
        return list(zip(self.titles, *self.rows, *self.sums, strict=True))

    def drawn(self) -> bytes:
        sheet = Sheet(self.face, self.about, wide=self.wide)
        head = self._wrapped(self.titles)
        top = _band_height() + MARGIN
        first_top = top + self._facts(None, sheet, top)
        pages = self._paginated(sheet, first_top, top, _height(head))
        for number, lines in enumerate(pages, 1):
            sheet.page()
            self._band(sheet, number, len(pages))
            if number == 1:
                self._facts(sheet, sheet, top)
            y = self._row(sheet, first_top if number == 1 else top, head, GREY)
            sheet.rule(MARGIN, y, sheet.width - MARGIN, INK)
            for line, is_sum in lines:
                y = self._row(sheet, y, line, INK)
                sheet.rule(MARGIN, y, sheet.width - MARGIN, INK if is_sum else HAIR)
            if number == len(pages):
                self._end(sheet, y)
        return sheet.done()

    def _wrapped(self, texts: Sequence[str]) -> list[list[str]]:
        found: list[list[str]] = []
        for text, width, column in zip(texts, self.widths, self.columns, strict=True):
            most = _LINES_MOST if column.kind is Kind.TEXT else 99
            found.append(wrap(self.face, text, width - 2 * _PAD, _SIZE, most))
        return found

    def _paginated(self, sheet: Sheet, first_top: int, top: int, head: int) -> list[list[tuple[list[list[str]], bool]]]:
        bottom = sheet.height - MARGIN - _FOOT
        pages: list[list[tuple[list[list[str]], bool]]] = [[]]
        y = first_top + head
        lines = [(self._wrapped(row), False) for row in self.rows] + [(self._wrapped(row), True) for row in self.sums]
        for place, line in enumerate(lines):
            needed = _height(line[0]) + (self._end_height() if place == len(lines) - 1 else 0)
            if y + needed > bottom and pages[-1]:
                pages.append([])
                y = top + head
            pages[-1].append(line)
            y += _height(line[0])
        return pages

    def _row(self, sheet: Sheet, y: int, cells: Sequence[Sequence[str]], colour: tuple[int, int, int]) -> int:
        x = MARGIN
        for lines, width, column in zip(cells, self.widths, self.columns, strict=True):
            for place, line in enumerate(lines):
                baseline = y + _PAD + _SIZE + place * _LEADING
                if column.is_number:
                    sheet.write(x + width - _PAD, baseline, line, _SIZE, colour, "right")
                else:
                    sheet.write(x + _PAD, baseline, line, _SIZE, colour)
            x += width
        return y + _height(cells)

    def _band(self, sheet: Sheet, number: int, pages: int) -> None:
        right = sheet.width - MARGIN
        sheet.sign(MARGIN, MARGIN - 4, 18)
        sheet.write(MARGIN + 26, MARGIN + 9, self.bank, 11)
        sheet.write(right, MARGIN + 9, self.title, 11, INK, "right")
        sheet.rule(MARGIN, MARGIN + 20, right, INK)
        foot = sheet.height - MARGIN
        sheet.rule(MARGIN, foot - 14, right)
        sheet.write(MARGIN, foot, self.made, 7, GREY)
        sheet.write(right, foot, self.words["page"].format(number, pages), 7, GREY, "right")

    def _facts(self, on: Sheet | None, sheet: Sheet, top: int) -> int:
        """Draws the facts in two columns, or only measures them; their height."""
        half = (sheet.width - 2 * MARGIN) // 2
        label = max((self.face.width(name, _SIZE) for name, _ in self.facts), default=0) + 10
        y = top
        for left, right in _in_twos(self.facts):
            tallest = 1
            for x, pair in ((MARGIN, left), (MARGIN + half, right)):
                lines = wrap(self.face, pair[1], half - label - 8, 9, 3)
                tallest = max(tallest, len(lines))
                if on is not None:
                    on.write(x, y + 8, pair[0], _SIZE, GREY)
                    for place, line in enumerate(lines):
                        on.write(x + label, y + 8 + 12 * place, line, 9)
            y += 12 * tallest + 4
        return y - top + (8 if self.facts else 0)

    def _end_height(self) -> int:
        return 22 + (len(self._note_lines()) * 10 + 6 if self.note else 0)

    def _note_lines(self) -> list[str]:
        return wrap(self.face, self.note, (_LANDSCAPE if self.wide else _PORTRAIT), 7, 6) if self.note else []

    def _end(self, sheet: Sheet, y: int) -> None:
        middle = sheet.width // 2
        if not self.rows:
            y += 26
            sheet.write(middle, y, self.words["none"], 9, GREY, "centre")
        sheet.write(middle, y + 16, self.words["end"], 7, GREY, "centre")
        for place, line in enumerate(self._note_lines()):
            sheet.write(MARGIN, y + 32 + 10 * place, line, 7, GREY)


def _band_height() -> int:
    return 34


def _height(cells: Sequence[Sequence[str]]) -> int:
    return max(len(lines) for lines in cells) * _LEADING + 2 * _PAD - 3


def _wish(face: Typeface, kind: Kind, cells: Sequence[str]) -> tuple[int, int]:
    natural = max(face.width(text, _SIZE) for text in cells) + 2 * _PAD
    if kind is not Kind.TEXT:
        return natural, natural
    return min(natural, _TEXT_LEAST), min(natural, _TEXT_MOST)


def _widths(wishes: Sequence[tuple[int, int]]) -> tuple[list[int], bool]:
    """The columns' widths, and whether the page must lie on its side for them."""
    least, best = sum(low for low, _ in wishes), sum(high for _, high in wishes)
    wide = (least + best) // 2 > _PORTRAIT
    room = _LANDSCAPE if wide else _PORTRAIT
    if least > room:
        return [low * room // least for low, _ in wishes], wide
    spare, wanted = room - least, best - least
    if spare < wanted:
        return [low + (high - low) * spare // wanted for low, high in wishes], wide
    return [high * room // best for _, high in wishes], wide


def _in_twos(facts: Sequence[Pair]) -> list[tuple[Pair, Pair]]:
    padded = [*facts, ("", "")] if len(facts) % 2 else facts
    return list(zip(padded[::2], padded[1::2], strict=True))
