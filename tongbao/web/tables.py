"""A column of a table, once for the page that shows it and for the files that it is exported to.

A row is a sequence of plain values in the order of its columns; a column knows what its values are and says them.

    COLUMNS = (
        Column("booking_date", "Booked on", "记账日", DATE),
        Column("amount", "Amount", "金额", MONEY, currency_from="currency", signed=True),
        Column("currency", "Currency", "币种", printed=False),
    )
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from enum import Enum
from typing import Any, Final
from zoneinfo import ZoneInfo

import msgspec

from tongbao.base import say
from tongbao.base.money import exponent
from tongbao.base.say import Lang


class Kind(Enum):
    """What a column's values are. Any value may be None, which is shown as nothing."""

    TEXT = "text"
    """Anything that `str` says well: texts, ids, codes."""
    MONEY = "money"
    """An `int` of minor units."""
    COUNT = "count"
    """An `int`."""
    DATE = "date"
    """A `date`."""
    MOMENT = "moment"
    """A `datetime` with an offset; shown on the clocks of the table's zone."""
    TIME = "time"
    """A moment of today: a page shows the clock alone, a file the whole moment."""


TEXT: Final = Kind.TEXT
MONEY: Final = Kind.MONEY
COUNT: Final = Kind.COUNT
DATE: Final = Kind.DATE
MOMENT: Final = Kind.MOMENT
TIME: Final = Kind.TIME


class Column(msgspec.Struct, frozen=True):
    """`key` heads it in CSV, for programs; `en` or `zh` wherever people read.

    `currency_from` is the key of the column that names the currency of each row's amount; without one it is the table's.
    `signed`: amounts show a plus too. `words` turns a value into what people are told (a state, a kind); programs get the
    value. `total`: a printed table ends with its sum. Not `printed`: in CSV, XLSX and on pages alone. `long`: sentences, which a page
    keeps wide enough to read.
    """

    key: str
    en: str
    zh: str
    kind: Kind = Kind.TEXT
    currency_from: str | None = None
    signed: bool = False
    words: Callable[[Any, Lang], str] | None = None
    total: bool = False
    printed: bool = True
    long: bool = False

    def title(self, lang: Lang) -> str:
        return self.zh if lang == "zh" else self.en

    @property
    def is_number(self) -> bool:
        """Whether it stands flush right, in figures of one width."""
        return self.kind in (Kind.MONEY, Kind.COUNT)


class Reading:
    """How the rows of some columns are read: by whom, in which zone, in which currency where no column names one."""

    def __init__(self, columns: Sequence[Column], *, lang: Lang, zone: ZoneInfo, currency: str) -> None:
        self.columns = tuple(columns)
        self.lang: Lang = lang
        self.zone = zone
        self._currency = currency
        places = {column.key: place for place, column in enumerate(columns)}
        self._currency_at = [places[column.currency_from] if column.currency_from else None for column in columns]

    def titles(self) -> list[str]:
        return [column.title(self.lang) for column in self.columns]

    def currency(self, row: Sequence[Any], place: int) -> str:
        """Of the amount in this column of a row."""
        at = self._currency_at[place]
        return self._currency if at is None else row[at]

    def text(self, row: Sequence[Any], place: int) -> str:
        """What a person reads in this column of a row."""
        column, value = self.columns[place], row[place]
        if value is None:
            return ""
        if column.words is not None:
            return column.words(value, self.lang)
        match column.kind:
            case Kind.MONEY:
                return say.money(value, self.currency(row, place), self.lang, signed=column.signed)
            case Kind.COUNT:
                return say.count(value, self.lang)
            case Kind.DATE:
                return say.date_(value, self.lang)
            case Kind.MOMENT | Kind.TIME:
                return say.moment(value, self.zone, self.lang)
            case Kind.TEXT:
                return str(value)

    def texts(self, row: Sequence[Any]) -> list[str]:
        return [self.text(row, place) for place in range(len(self.columns))]

    def plain(self, row: Sequence[Any], place: int) -> object:
        """What a program reads: amounts as 1234.50, moments in ISO 8601 with the zone's offset, values without words."""
        value = row[place]
        if value is None:
            return None
        match self.columns[place].kind:
            case Kind.MONEY:
                return decimal(value, self.currency(row, place))
            case Kind.MOMENT | Kind.TIME:
                return value.astimezone(self.zone).isoformat(timespec="seconds")
            case Kind.DATE:
                return value.isoformat()
            case _:
                return value

    def plains(self, row: Sequence[Any]) -> list[object]:
        return [self.plain(row, place) for place in range(len(self.columns))]


def decimal(amount_minor: int, currency: str) -> Decimal:
    """An amount as a number of its currency, exactly: 123450 fen as Decimal("1234.50")."""
    return Decimal(amount_minor).scaleb(-exponent(currency))
