"""A table as a workbook for spreadsheets: amounts as exact numbers, days as days, texts never as formulas.

XlsxWriter writes it; here is what a bank adds. Rows go to a folder of their own among the temporary files, not to memory,
and nothing is left there afterwards.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, date, datetime
from tempfile import TemporaryDirectory
from typing import Any, Final

import xlsxwriter

from tongbao.base.money import exponent
from tongbao.base.say import Lang
from tongbao.web.tables import Column, Kind, Reading, decimal

MEDIA_TYPE: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"

_EXACT: Final = 10**15
"""A spreadsheet keeps fifteen digits; an amount with more would lose its cents and is written as text."""
_CELL_MOST: Final = 16_000
"""Characters of a cell: half of what Excel takes, since it counts some twice."""
_TAB_MOST: Final = 28
"""The same of a sheet's name, which may have 31."""
_FIRST: Final = date(1900, 3, 1)
"""Before it Excel's calendar is wrong by a day."""

_NO_XML: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_IN_TWO: Final = re.compile("(?<=_)(?=x[0-9A-Fa-f]{4}_)")

_ABOUT: Final[dict[Lang, str]] = {"zh": "说明", "en": "About"}
_WIDTHS: Final = {Kind.TEXT: 26, Kind.MONEY: 20, Kind.COUNT: 12, Kind.DATE: 17, Kind.MOMENT: 26, Kind.TIME: 26}
_TIMES: Final[dict[Lang, tuple[str, str]]] = {
    "zh": ('yyyy"年"m"月"d"日"', 'yyyy"年"m"月"d"日" hh:mm:ss'),
    "en": ("d mmm yyyy", 'd mmm yyyy", "hh:mm:ss'),
}

_Write = Callable[[int, Sequence[Any]], None]


class Workbook:
    """The table on its first sheet, frozen under its head and ready to be filtered; what it is about on the second.

    `add` rows, in pieces of any size, then take `done`. Blocking: for a worker thread.
    """

    def __init__(self, reading: Reading, title: str) -> None:
        self.rows = 0
        self._reading, self._title = reading, title
        self._made = io.BytesIO()
        self._folder = TemporaryDirectory(prefix="tongbao-xlsx-")
        as_they_are = {"strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
        self._book = xlsxwriter.Workbook(
            self._made, {"constant_memory": True, "tmpdir": self._folder.name, **as_they_are}
        )
        day, moment = _TIMES[reading.lang]
        self._head = self._book.add_format({"num_format": "@", "bold": True})
        self._plain = self._book.add_format({"num_format": "@", "quote_prefix": True})
        self._count = self._book.add_format({"num_format": "#,##0"})
        self._day, self._moment = (self._book.add_format({"num_format": code}) for code in (day, moment))
        self._amounts: dict[tuple[str, bool], Any] = {}
        self._sheet = self._book.add_worksheet(_tab(title, reading.lang))
        self._sheet.freeze_panes(1, 0)
        self._sheet.repeat_rows(0)
        for place, (column, said) in enumerate(zip(reading.columns, reading.titles(), strict=True)):
            self._sheet.set_column(place, place, _WIDTHS[column.kind])
            self._write_text(self._sheet, 0, place, said, self._head)
        self._cells = [self._cell(place, column) for place, column in enumerate(reading.columns)]

    def add(self, rows: Iterable[Sequence[Any]]) -> None:
        """The next rows of the table."""
        for row in rows:
            self.rows += 1
            for write in self._cells:
                write(self.rows, row)

    def done(self, facts: Sequence[tuple[str, str]], *, bank: str, at: datetime) -> bytes:
        """The file. `facts` stand on the second sheet, under the title."""
        self._sheet.autofilter(0, 0, self.rows, len(self._cells) - 1)
        about = self._book.add_worksheet(_ABOUT[self._reading.lang])
        about.set_column(0, 0, 26)
        about.set_column(1, 1, 60)
        self._write_text(about, 0, 0, self._title, self._head)
        for line, fact in enumerate(facts, 1):
            for place, said in enumerate(fact):
                self._write_text(about, line, place, said, self._plain)
        self._book.set_properties({"title": _one(self._title), "author": _one(bank), "created": at.astimezone(UTC)})
        self._book.close()
        self.close()
        return self._made.getvalue()

    def close(self) -> None:
        """Also where the table was given up half way: nothing stays behind."""
        sheets: list[Any] = self._book.worksheets()
        with self._folder:
            for sheet in sheets:
                sheet.row_data_fh.close()

    def _cell(self, place: int, column: Column) -> _Write:
        """How this column of a row is written; nothing for nothing. What a column has words for is text."""
        reading, sheet = self._reading, self._sheet
        if column.words is not None or column.kind is Kind.TEXT:
            return lambda line, row: self._write_text(sheet, line, place, reading.text(row, place), self._plain)
        write = {Kind.MONEY: self._write_amount, Kind.COUNT: self._write_count, Kind.DATE: self._write_day}.get(
            column.kind, self._write_moment
        )
        return lambda line, row: None if row[place] is None else write(line, place, row)

    def _write_amount(self, line: int, place: int, row: Sequence[Any]) -> None:
        minor, currency, signed = row[place], self._reading.currency(row, place), self._reading.columns[place].signed
        known = self._amounts.get((currency, signed))
        if known is None:
            known = self._book.add_format({"num_format": _money_format(currency, signed)})
            self._amounts[currency, signed] = known
        self._write_number(line, place, minor, decimal(minor, currency), known)

    def _write_count(self, line: int, place: int, row: Sequence[Any]) -> None:
        self._write_number(line, place, row[place], row[place], self._count)

    def _write_number(self, line: int, place: int, digits: int, figure: Any, shown: Any) -> None:
        if abs(digits) >= _EXACT:
            self._write_text(self._sheet, line, place, str(figure), self._plain)
        else:
            self._sheet.write_number(line, place, figure, shown)

    def _write_day(self, line: int, place: int, row: Sequence[Any]) -> None:
        if row[place] < _FIRST:
            self._write_text(self._sheet, line, place, row[place].isoformat(), self._plain)
        else:
            self._sheet.write_datetime(line, place, row[place], self._day)

    def _write_moment(self, line: int, place: int, row: Sequence[Any]) -> None:
        at = row[place].astimezone(self._reading.zone)
        if at.date() < _FIRST:
            said = at.isoformat(sep=" ", timespec="seconds")
            self._write_text(self._sheet, line, place, said, self._plain)
        else:
            self._sheet.write_datetime(line, place, at.replace(microsecond=0, tzinfo=None), self._moment)

    @staticmethod
    def _write_text(sheet: Any, line: int, place: int, text: str, shown: Any) -> None:
        if not text:
            return
        if len(text) > _CELL_MOST:
            text = text[: _CELL_MOST - 1] + "…"
        text = _NO_XML.sub("\ufffd", text.replace("\r\n", "\n").replace("\r", "\n"))
        if text.startswith("<r>") and text.endswith("</r>"):
            # XlsxWriter takes such a text for markup of its own and would copy it unescaped; in pieces it is none.
            sheet.write_rich_string(line, place, "<", "r", *_IN_TWO.split(text[2:]), shown)
        else:
            sheet.write_string(line, place, text, shown)


def _one(text: str) -> str:
    """On one line, of characters that XML can say."""
    return " ".join(_NO_XML.sub(" ", text).split())


def _tab(title: str, lang: Lang) -> str:
    """A sheet's name as Excel takes it."""
    name = _one(re.sub(r"[\[\]:*?/\\']", " ", title)).encode("utf-16-le")[: 2 * _TAB_MOST]
    shown = name.decode("utf-16-le", "ignore").strip() or "Tongbao"
    return f"{shown} 1" if shown.casefold() == _ABOUT[lang].casefold() else shown


def _money_format(currency: str, signed: bool) -> str:
    digits = exponent(currency)
    figure = "#,##0" + ("." + "0" * digits if digits else "")
    plus = "+" if signed else ""
    if currency == "CNY":
        positive, negative, zero = f'{plus}"¥"{figure}', f'-"¥"{figure}', f'"¥"{figure}'
    else:
        positive, negative, zero = f'"{currency} "{plus}{figure}', f'"{currency} "-{figure}', f'"{currency} "{figure}'
    return f"{positive};{negative};{zero}"
