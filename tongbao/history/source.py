"""Reads the files of the source: semicolons, quoted text, dates `yymmdd`. Pure: no database, no clock.

A line that cannot be taken raises `Malformed`; the next line is read all the same. Text is not trusted: a stray quote
must not swallow the lines behind it, so each line is read alone.
"""

from __future__ import annotations

import csv
import hashlib
import re
from array import array
from collections.abc import Callable, Iterator
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import Final, TypeVar

import msgspec

from tongbao.base.money import LARGEST_MINOR
from tongbao.history import refusals as no
from tongbao.history.model import (
    Account,
    Card,
    Client,
    Disposition,
    District,
    Loan,
    Malformed,
    Movement,
    Rejected,
    StandingOrder,
)

_T = TypeVar("_T")

COLUMNS: Final = {
    "district.asc": tuple(f"A{n}" for n in range(1, 17)),
    "client.asc": ("client_id", "birth_number", "district_id"),
    "account.asc": ("account_id", "district_id", "frequency", "date"),
    "disp.asc": ("disp_id", "client_id", "account_id", "type"),
    "card.asc": ("card_id", "disp_id", "type", "issued"),
    "loan.asc": ("loan_id", "account_id", "date", "amount", "duration", "payments", "status"),
    "order.asc": ("order_id", "account_id", "bank_to", "account_to", "amount", "k_symbol"),
    "trans.asc": (
        "trans_id", "account_id", "date", "type", "operation", "amount", "balance", "k_symbol", "bank", "account",
    ),
}  # fmt: skip

TRANSACTIONS: Final = "trans.asc"
_TRANSACTION_COLUMNS: Final = len(COLUMNS[TRANSACTIONS])
_CENTURY: Final = 1900
_WOMAN_ADDS_TO_MONTH: Final = 50
_LONGEST_WORD: Final = 20

_ID = re.compile(r"[0-9]{1,18}")
_MONEY = re.compile(r"(-?)([0-9]{1,16})(?:\.([0-9]{1,2}))?")
_DATE = re.compile(r"([0-9]{2})([0-9]{2})([0-9]{2})")
_ISSUED = re.compile(r"([0-9]{6})(?: [0-9]{2}:[0-9]{2}:[0-9]{2})?")

_STATEMENTS = {
    "POPLATEK MESICNE": "monthly",
    "POPLATEK TYDNE": "weekly",
    "POPLATEK PO OBRATU": "after_transaction",
}


def fields(raw: bytes, columns: int) -> list[str]:
    """The columns of one line, blanks around them taken off."""
    try:
        text = raw.rstrip(b"\r\n").decode("utf-8")
    except UnicodeDecodeError as error:
        raise Malformed("not_utf8", f"byte {error.start + 1}") from None
    if "\0" in text:
        raise Malformed("control_character", f"NUL at character {text.index(chr(0)) + 1}")
    try:
        found = next(csv.reader([text], delimiter=";", strict=True), [])
    except csv.Error as error:
        raise Malformed("quotes_unbalanced", str(error)) from None
    if len(found) != columns:
        raise Malformed("column_count", f"{len(found)} columns, not {columns}")
    return [field.strip() for field in found]


def number(text: str, what: str) -> int:
    if not _ID.fullmatch(text):
        raise Malformed("not_a_number", f"{what} {_shown(text)}")
    return int(text)


def minor(text: str, what: str = "amount") -> int:
    """`700.00`, `700.0` and `700` as minor units; the sign stays."""
    match = _MONEY.fullmatch(text)
    if match is None:
        raise Malformed(f"{what}_not_a_number", _shown(text))
    sign, whole, part = match.groups(default="")
    value = int(whole + part.ljust(2, "0"))
    if value > LARGEST_MINOR:
        raise Malformed(f"{what}_too_large", _shown(text))
    return -value if sign else value


def positive(text: str) -> int:
    value = minor(text)
    if value <= 0:
        raise Malformed("amount_not_positive", _shown(text))
    return value


@lru_cache(maxsize=8192)
def day(text: str) -> date:
    match = _DATE.fullmatch(text)
    try:
        if match is None:
            raise ValueError
        return date(_CENTURY + int(match[1]), int(match[2]), int(match[3]))
    except ValueError:
        raise Malformed("bad_date", _shown(text)) from None


def birth_date(text: str) -> date:
    """A woman's birth number has 50 added to the month."""
    match = _DATE.fullmatch(text)
    try:
        if match is None:
            raise ValueError
        month = int(match[2])
        month -= _WOMAN_ADDS_TO_MONTH if month > _WOMAN_ADDS_TO_MONTH else 0
        return date(_CENTURY + int(match[1]), month, int(match[3]))
    except ValueError:
        # Personal data: the line is named, its content is not repeated.
        raise Malformed("bad_birth_number") from None


def _one_of(text: str, known: dict[str, str], reason: str) -> str:
    if text not in known:
        raise Malformed(reason, _shown(text))
    return known[text]


def _shown(text: str) -> str:
    return ascii(text[:60])


class CounterSide(msgspec.Struct, frozen=True):
    """Where the other half of a transaction stands: `sign` +1 credits the customer, -1 debits."""

    sign: int
    gl_line: str
    kind: str
    reason: str
    may_be_nothing: bool


_SIGNS: Final = {"PRIJEM": 1, "VYDAJ": -1, "VYBER": -1}
_OPERATIONS: Final = {
    "VKLAD": (1, "1010", "import.cash"),
    "VYBER": (-1, "1010", "import.cash"),
    "VYBER KARTOU": (-1, "1010", "import.card"),
    "PREVOD Z UCTU": (1, "1020", "import.other_bank"),
    "PREVOD NA UCET": (-1, "1020", "import.other_bank"),
}
_BANKS_OWN: Final = {
    "UROK": ("5010", "import.interest"),
    "SANKC. UROK": ("4020", "import.penalty_interest"),
    "SLUZBY": ("4010", "import.fee"),
}
_UNEXPLAINED: Final = {1: "1090", -1: "2090"}

GL_LINES: Final = frozenset(
    {line for _, line, _ in _OPERATIONS.values()}
    | {line for line, _ in _BANKS_OWN.values()}
    | set(_UNEXPLAINED.values())
)


@lru_cache(maxsize=1024)
def counter_side(kind: str, operation: str, symbol: str) -> CounterSide:
    """The counter-account of a transaction.

    Interest, penalty interest and fees are known by their symbol, whatever the operation: the bank printed its own fees
    as cash out. The rest goes by operation. The bank itself without a symbol that says why goes to suspense, not by guess.
    """
    if kind not in _SIGNS:
        raise Malformed("unknown_type", _shown(kind))
    sign = _SIGNS[kind]
    if operation and operation not in _OPERATIONS:
        raise Malformed("unknown_operation", _shown(operation))
    if operation and _OPERATIONS[operation][0] != sign:
        raise Malformed("type_contradicts_operation", f"{kind} {operation}")
    reason = " ".join(word for word in (operation, symbol) if word)
    if symbol in _BANKS_OWN:
        return CounterSide(sign, *_BANKS_OWN[symbol], reason, may_be_nothing=symbol != "SLUZBY")
    if operation:
        return CounterSide(sign, *_OPERATIONS[operation][1:], reason, may_be_nothing=False)
    return CounterSide(sign, _UNEXPLAINED[sign], "import.unexplained", reason, may_be_nothing=False)


def movement(raw: bytes, place: int, line: int) -> Movement:
    """One line of trans.asc. Its account may still be unknown."""
    found = fields(raw, _TRANSACTION_COLUMNS)
    trans_id, account_id, printed_day, kind, operation, amount, balance, symbol, bank, _account = found
    side = counter_side(kind, operation, symbol)
    change = minor(amount) if side.may_be_nothing else positive(amount)
    if change < 0:
        raise Malformed("amount_not_positive", _shown(amount))
    if len(bank) > _LONGEST_WORD or len(symbol) > _LONGEST_WORD:
        raise Malformed("text_too_long", _shown(max(bank, symbol, key=len)))
    return Movement(
        place,
        line,
        number(trans_id, "trans_id"),
        number(account_id, "account_id"),
        day(printed_day),
        side.sign * change,
        minor(balance, "balance"),
        side.gl_line,
        side.kind,
        f"{side.reason} {bank}" if bank else side.reason,
    )


class Ids:
    """Which ids were seen, 64 to a number: a million dense ones take a few megabytes."""

    __slots__ = ("_words",)

    def __init__(self) -> None:
        self._words: dict[int, int] = {}

    def add(self, id_: int) -> bool:
        """False when it had been seen."""
        word, bit = id_ >> 6, 1 << (id_ & 63)
        seen = self._words.get(word, 0)
        self._words[word] = seen | bit
        return not seen & bit


class Survey(msgspec.Struct, frozen=True):
    """What one pass over all files found: their digest, and whether the transactions stand in date order."""

    digest: bytes
    rows: int
    first_day: date | None
    last_day: date | None
    order: array[int] | None
    """Where lines begin, in date order; None where the file is in date order already."""


class Source:
    """The folder. Refuses `source_file_missing` and `source_header_unknown` before anything is read."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        missing = [name for name in COLUMNS if not folder.joinpath(name).is_file()]
        if missing:
            raise no.SOURCE_FILE_MISSING(f"{folder} has no {', '.join(missing)}")
        self._headed = {name: self._check_header(name) for name in COLUMNS}

    def _check_header(self, name: str) -> bool:
        with self.folder.joinpath(name).open("rb") as file:
            first = file.readline().removeprefix(b"\xef\xbb\xbf")
        if not first.strip() or first[:1].isdigit():
            return False
        try:
            if tuple(fields(first, len(COLUMNS[name]))) == COLUMNS[name]:
                return True
        except Malformed:
            pass
        raise no.SOURCE_HEADER_UNKNOWN(f"{name} starts with {_shown(first.decode(errors='replace'))}")

    def lines(self, name: str) -> Iterator[tuple[int, bytes]]:
        """Line numbers, the header being the first, and what stands there; empty lines are left out."""
        with self.folder.joinpath(name).open("rb") as file:
            for line, raw in enumerate(file, 1):
                if (line > 1 or not self._headed[name]) and raw.strip():
                    yield line, raw

    def register(self, name: str, read: Callable[[list[str], int], _T], rejected: list[Rejected]) -> list[_T]:
        """All rows of one of the small files; `read` makes a noun of its columns or raises Malformed."""
        good: list[_T] = []
        for line, raw in self.lines(name):
            try:
                good.append(read(fields(raw, len(COLUMNS[name])), line))
            except Malformed as error:
                rejected.append(Rejected(name, line, error.reason, error.detail))
        return good

    def survey(self) -> Survey:
        digest = hashlib.sha256()
        for name in COLUMNS:
            with self.folder.joinpath(name).open("rb") as file:
                digest.update(hashlib.file_digest(file, "sha256").digest())
        rows, before, ordered = 0, "", True
        first = last = ""
        for _, raw in self.lines(TRANSACTIONS):
            rows += 1
            printed = _printed_day(raw)
            if printed:
                first = min(first or printed, printed)
                last = max(last, printed)
                ordered = ordered and printed >= before
                before = printed
        return Survey(
            digest.digest(), rows, _day_or_none(first), _day_or_none(last), None if ordered else self._sorted()
        )

    def _sorted(self) -> array[int]:
        """Line numbers and beginnings of the transactions in date order, of one day in file order.

        A line without a readable date stays behind the one before it. Sixteen bytes a row, and a sort of row numbers.
        """
        days, places = array("l"), array("q")
        at, current = 0, 0
        with self.folder.joinpath(TRANSACTIONS).open("rb") as file:
            for line, raw in enumerate(file, 1):
                if (line > 1 or not self._headed[TRANSACTIONS]) and raw.strip():
                    current = int(_printed_day(raw) or current)
                    days.append(current)
                    places.extend((line, at))
                at += len(raw)
        order = array("q")
        for row in sorted(range(len(days)), key=days.__getitem__):
            order.extend(places[2 * row : 2 * row + 2])
        return order

    def transactions(self, survey: Survey) -> Iterator[tuple[int, bytes]]:
        """Lines of trans.asc in date order."""
        if survey.order is None:
            yield from self.lines(TRANSACTIONS)
            return
        with self.folder.joinpath(TRANSACTIONS).open("rb") as file:
            for at in range(0, len(survey.order), 2):
                file.seek(survey.order[at + 1])
                yield survey.order[at], file.readline()


def _printed_day(raw: bytes) -> str:
    parts = raw.split(b";", 3)
    if len(parts) < 3:
        return ""
    text = parts[2].strip(b' "')
    return text.decode() if len(text) == 6 and text.isdigit() and _day_or_none(text.decode()) else ""


def _day_or_none(text: str) -> date | None:
    try:
        return day(text)
    except Malformed:
        return None


def district(row: list[str], _line: int) -> District:
    return District(number(row[0], "A1"), row[1], row[2], row[3:])


def client(row: list[str], _line: int) -> Client:
    return Client(number(row[0], "client_id"), birth_date(row[1]), number(row[2], "district_id"))


def account(row: list[str], line: int) -> Account:
    statements = _one_of(row[2], _STATEMENTS, "unknown_frequency")
    return Account(number(row[0], "account_id"), number(row[1], "district_id"), statements, day(row[3]), line)


def disposition(row: list[str], _line: int) -> Disposition:
    kind = _one_of(row[3], {"OWNER": "owner", "DISPONENT": "disponent"}, "unknown_type")
    return Disposition(number(row[0], "disp_id"), number(row[1], "client_id"), number(row[2], "account_id"), kind)


def card(row: list[str], _line: int) -> Card:
    kind = _one_of(row[2], {name: name for name in ("junior", "classic", "gold")}, "unknown_type")
    issued = _ISSUED.fullmatch(row[3])
    if issued is None:
        raise Malformed("bad_date", _shown(row[3]))
    return Card(number(row[0], "card_id"), number(row[1], "disp_id"), kind, day(issued[1]))


def loan(row: list[str], _line: int) -> Loan:
    months = number(row[4], "duration")
    if not 0 < months <= 1200:
        raise Malformed("bad_duration", _shown(row[4]))
    outcome = _one_of(row[6], {letter: letter for letter in "ABCD"}, "unknown_status")
    return Loan(
        number(row[0], "loan_id"),
        number(row[1], "account_id"),
        day(row[2]),
        positive(row[3]),
        months,
        positive(row[5]),
        outcome,
    )


def standing_order(row: list[str], _line: int) -> StandingOrder:
    return StandingOrder(
        number(row[0], "order_id"), number(row[1], "account_id"), row[2], row[3], positive(row[4]), row[5]
    )
