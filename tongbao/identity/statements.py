"""An account's statement as its owner reads it: what came, what went, from and to whom, and the balance after each."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from datetime import date, datetime, timedelta
from typing import Any, Final
from uuid import UUID

import msgspec

from tongbao import ledger, vault
from tongbao.base import say
from tongbao.base.db import Database, Tx
from tongbao.base.principal import Principal
from tongbao.base.say import Lang
from tongbao.base.settings import Settings
from tongbao.identity import people, store
from tongbao.identity.masks import masked_number
from tongbao.identity.model import Account
from tongbao.web.export import FileForm, export, refuse_too_many
from tongbao.web.tables import DATE, MOMENT, MONEY, Column

COLUMNS: Final = (
    Column("posted_at", "Posted at", "入账时间", MOMENT),
    Column("booking_date", "Booked on", "记账日", DATE),
    Column("value_date", "Value date", "起息日", DATE),
    Column("kind", "What", "摘要", words=ledger.kind_word),
    Column("amount", "Amount", "金额", MONEY, currency_from="currency", signed=True),
    Column("balance_after", "Balance", "余额", MONEY, currency_from="currency"),
    Column("currency", "Currency", "币种"),
    Column("counterparty_name", "Counterparty", "对方户名"),
    Column("counterparty_number", "Their account", "对方账号"),
    Column("counterparty_account_id", "Their account's id", "对方账户编号"),
    Column("transfer_id", "Transfer", "分录组编号"),
)
"""For programs and spreadsheets: a line's amount has a sign."""

PRINTED: Final = (
    Column("booking_date", "Booked on", "记账日", DATE),
    Column("kind", "What", "摘要", words=ledger.kind_word),
    Column("counterparty_name", "Counterparty", "对方户名"),
    Column("counterparty_number", "Their account", "对方账号"),
    Column("money_in", "Money in", "收入", MONEY, total=True),
    Column("money_out", "Money out", "支出", MONEY, total=True),
    Column("balance_after", "Balance", "余额", MONEY),
)
"""For paper: what came and what went stand apart, as on any bank's statement."""


class Line(msgspec.Struct, frozen=True):
    """An entry, and who stands on its other side as others may see him; nobody where that is the bank itself."""

    entry: ledger.Entry
    account_id: UUID | None = None
    number: str | None = None
    name: str | None = None


class Frame(msgspec.Struct, frozen=True):
    """What a statement begins and ends with. Its entries are those with a version above `after`, up to `through`, whatever is
    posted meanwhile.
    """

    holder: str
    first: date
    last: date
    opening_minor: int
    closing_minor: int
    after: int
    through: int


async def statement_lines(
    tx: Tx, entries: Sequence[ledger.Entry], *, mask: vault.Mask = vault.Mask.OTHERS
) -> list[Line]:
    """Entries of an account with their other sides, names and numbers masked."""
    others = await store.counterparties(tx, {entry.counterparty_id for entry in entries})
    names = await people.names_for_others(tx, {o.customer.id: o.customer for o in others.values()}.values(), mask=mask)
    found: list[Line] = []
    for entry in entries:
        other = others.get(entry.counterparty_id)
        if other is None:
            found.append(Line(entry))
        else:
            name = names[other.customer.id]
            found.append(Line(entry, other.account_id, masked_number(other.number), name))
    return found


async def statement_frame(tx: Tx, account: Account, first: date, last: date, *, by: Principal, at: datetime) -> Frame:
    """Whose statement it is and its balances, before its entries are read."""
    holder = (await store.customers(tx, [account.customer_id]))[account.customer_id]
    named = (await people.details_of(tx, [holder], by=by, reason="a statement of the account", at=at))[holder.id]
    before = await ledger.entries(tx, account.ledger_id, last=first - timedelta(1), most=1)
    newest = await ledger.entries(tx, account.ledger_id, last=last, most=1)
    return Frame(
        holder=named.name,
        first=first,
        last=last,
        opening_minor=before[0].balance_minor if before else 0,
        closing_minor=newest[0].balance_minor if newest else 0,
        after=before[0].version if before else 0,
        through=newest[0].version if newest else 0,
    )


def rows(lines: Iterable[Line]) -> list[tuple[object, ...]]:
    """Rows of COLUMNS."""
    return [
        (
            line.entry.recorded_at,
            line.entry.booking_date,
            line.entry.value_date,
            line.entry.kind,
            line.entry.amount_minor,
            line.entry.balance_minor,
            line.entry.currency,
            line.name,
            line.number,
            line.account_id,
            line.entry.transfer_id,
        )
        for line in lines
    ]


def printed_rows(lines: Iterable[Line]) -> list[tuple[object, ...]]:
    """Rows of PRINTED."""
    return [
        (
            line.entry.booking_date,
            line.entry.kind,
            line.name,
            line.number,
            line.entry.amount_minor if line.entry.amount_minor > 0 else None,
            -line.entry.amount_minor if line.entry.amount_minor < 0 else None,
            line.entry.balance_minor,
        )
        for line in lines
    ]


TITLE: Final[dict[Lang, str]] = {"zh": "账户对账单", "en": "Account statement"}
NOTE: Final[dict[Lang, str]] = {
    "zh": "本对账单由本行系统生成，供您核对账务。对方户名与账号已作隐藏处理。如有不符，请及时联系本行。",
    "en": "Made by the bank's books for you to check. Names and numbers of others are masked. Tell the bank of anything wrong.",
}


def facts(account: Account, frame: Frame, lang: Lang) -> list[tuple[str, str]]:
    """What stands above the entries: whose account, which days, from which balance to which."""
    zh = lang == "zh"
    span = f"{say.date_(frame.first, lang)}{'至' if zh else ' to '}{say.date_(frame.last, lang)}"
    return [
        ("户名" if zh else "Account holder", frame.holder),
        ("账号" if zh else "Account number", account.number),
        ("币种" if zh else "Currency", say.currency(account.currency, lang)),
        ("期间" if zh else "Days", span),
        ("期初余额" if zh else "Opening balance", say.money(frame.opening_minor, account.currency, lang)),
        ("期末余额" if zh else "Closing balance", say.money(frame.closing_minor, account.currency, lang)),
    ]


_PIECE: Final = 1_000

Rows = Callable[[Iterable[Line]], list[tuple[object, ...]]]


async def _every(db: Database, account: Account, frame: Frame, made: Rows) -> AsyncIterator[tuple[Any, ...]]:
    """Oldest first, some versions at a time; no connection is held while the client reads."""
    for after in range(frame.after, frame.through, _PIECE):
        async with db.read() as tx:
            lines = await statement_page(tx, account, frame, after=after, most=_PIECE)
        for row in made(lines):
            yield row


async def statement_page(tx: Tx, account: Account, frame: Frame, *, after: int, most: int) -> list[Line]:
    """Up to `most` lines of a statement, oldest first, from behind the version `after`."""
    below = min(after + most, frame.through) + 1
    found = await ledger.entries(tx, account.ledger_id, below=below, first=frame.first, last=frame.last, most=most)
    return await statement_lines(tx, [entry for entry in reversed(found) if entry.version > after])


async def statement_file(
    db: Database, account: Account, frame: Frame, *, form: FileForm, lang: Lang, settings: Settings, at: datetime
) -> Any:
    """The answer with a statement as a file. Refuses `export_too_large` and, for PDF, `no_font`."""
    refuse_too_many(form, frame.through - frame.after)
    is_paper = form == "pdf"
    return await export(
        PRINTED if is_paper else COLUMNS,
        _every(db, account, frame, printed_rows if is_paper else rows),
        name=f"statement-{account.number}-{frame.first}-{frame.last}",
        form=form,
        title=TITLE[lang],
        settings=settings,
        at=at,
        lang=lang,
        currency=account.currency,
        facts=facts(account, frame, lang),
        note=NOTE[lang],
    )
