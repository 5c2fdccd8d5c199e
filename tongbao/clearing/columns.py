"""The tables of clearing, each once for its page and its files."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from msgspec.structs import replace

from tongbao import payments
from tongbao.clearing import words
from tongbao.web.tables import COUNT, DATE, MONEY, Column


def _money(key: str, en: str, zh: str, *, total: bool = True) -> Column:
    return Column(key, en, zh, MONEY, currency_from="currency", total=total)


FIGURES: Final = (
    _money("captured", "Sales", "收款"),
    _money("refunded", "Refunds", "退款"),
    _money("covered", "Put in for refunds", "补足退款"),
    _money("fees", "Fees", "手续费"),
    _money("carried", "Carried forward", "结转"),
    _money("net", "Net", "轧差净额"),
)
SETTLEMENTS: Final = (
    Column("id", "Id", "编号", printed=False),
    Column("batch_id", "Batch", "批次", printed=False),
    Column("merchant_id", "Merchant", "商户", printed=False),
    Column("booking_date", "Booking date", "记账日", DATE),
    Column("currency", "Currency", "币种", printed=False),
    Column("settle_on", "Due on", "应结算日", DATE),
    *FIGURES,
    Column("state", "State", "状态", words=words.state_word),
    Column("booked_on", "Paid out on", "结算日", DATE),
)
POSITIONS: Final = (Column("kind", "Participant", "清算参与方", words=words.kind_word), *SETTLEMENTS)
FEES: Final = (
    Column("date", "Booking date", "记账日", DATE),
    Column("method", "Method", "方式", words=payments.method_word),
    Column("currency", "Currency", "币种", printed=False),
    Column("captures", "Number of sales", "收款笔数", COUNT, total=True),
    _money("captured", "Sales", "收款"),
    _money("refunded", "Refunds", "退款"),
    _money("fees", "Fees", "手续费"),
)


def in_minor_units(columns: Sequence[Column]) -> tuple[Column, ...]:
    """The same with every amount as the whole number that the JSON of the same route has."""
    return tuple(
        replace(column, kind=COUNT, currency_from=None) if column.kind is MONEY else column for column in columns
    )
