"""Many salaries from one file: read and shown, then confirmed, then paid line by line.

Each line is a payment under an id derived from the payroll's: whatever is killed in the middle goes on where it stopped.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence
from datetime import date, datetime
from hashlib import sha256
from typing import Final
from uuid import UUID

import msgspec
from stdnum.iso7064 import mod_97_10

from tongbao import identity
from tongbao.base import audit
from tongbao.base.db import Database, Tx
from tongbao.base.ids import derived
from tongbao.base.money import LARGEST_MINOR, exponent
from tongbao.base.principal import Principal
from tongbao.base.refusal import RefusalKind
from tongbao.payments import refusals as no
from tongbao.payments import store
from tongbao.payments.intake import BULK, Intake
from tongbao.payments.model import Kind, Method, Order, Outcome, Payroll, PayrollLine, PayrollState, Scope
from tongbao.web.refusals import AMOUNT_NEGATIVE, AMOUNT_TOO_LARGE, AMOUNT_ZERO, NUL_CHARACTER

MOST_LINES: Final = 10_000
LARGEST_FILE: Final = 2 << 20
_LONGEST_REFERENCE: Final = 140
_COMPARED: Final = "names of a payroll are compared with those of the accounts"

_COLUMNS: Final = {
    "account_number": "account_number", "账号": "account_number", "收款账号": "account_number",
    "name": "name", "户名": "name", "姓名": "name", "收款人": "name",
    "amount": "amount", "金额": "amount",
    "reference": "reference", "附言": "reference", "备注": "reference",
}  # fmt: skip


class Row(msgspec.Struct, frozen=True):
    """A line as it stands in the file; the first line after the headings is 1."""

    line: int
    account_number: str
    name: str
    amount: str
    reference: str


def read_file(raw: bytes) -> list[Row]:
    """The lines of a CSV in UTF-8, with or without a byte-order mark. Empty lines are left out.

    Refuses `payroll_unreadable`, `payroll_too_long`, `nul_character`.
    """
    if b"\x00" in raw:
        raise NUL_CHARACTER()
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise no.PAYROLL_UNREADABLE("not UTF-8") from None
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        columns = [_COLUMNS.get(name.strip().lower()) for name in next(reader, [])]
        if not {"account_number", "amount"} <= set(columns) or None in columns or len(set(columns)) < len(columns):
            raise no.PAYROLL_UNREADABLE("the first line names the columns")
        rows = []
        for cells in reader:
            if not any(cell.strip() for cell in cells):
                continue
            if len(cells) > len(columns):
                raise no.PAYROLL_UNREADABLE(f"line {len(rows) + 1} has more cells than there are columns")
            if len(rows) == MOST_LINES:
                raise no.PAYROLL_TOO_LONG(f"at most {MOST_LINES}")
            named = dict(zip(columns, (cell.strip() for cell in cells), strict=False))
            fields = (named.get(name, "") for name in ("account_number", "name", "amount", "reference"))
            rows.append(Row(len(rows) + 1, *fields))
    except csv.Error as error:
        raise no.PAYROLL_UNREADABLE(str(error)) from None
    return rows


_AMOUNT = re.compile(r"(-?)([0-9]{1,16})(?:\.([0-9]{1,3}))?", re.ASCII)


def read_amount(text: str, currency: str) -> int | RefusalKind:
    """`1234.50` in minor units, without a float on the way; or why not."""
    found = _AMOUNT.fullmatch(text)
    digits = exponent(currency)
    if found is None or len(found[3] or "") > digits:
        return no.AMOUNT_UNREADABLE
    amount = int(found[2] + (found[3] or "").ljust(digits, "0"))
    if amount == 0:
        return AMOUNT_ZERO
    if found[1]:
        return AMOUNT_NEGATIVE
    return amount if amount <= LARGEST_MINOR else AMOUNT_TOO_LARGE


async def upload(
    tx: Tx, id: UUID, raw: bytes, *, payer_account_id: UUID, currency: str, by: Principal, at: datetime, day: date
) -> tuple[Payroll, bool]:
    """Reads a file and keeps its lines for a preview; nothing is paid. The payroll, and whether it was there before.

    Refuses `id_taken`, `id_reused`, `account_not_found`, `currency_mismatch` and what `read_file` refuses. What is wrong
    with a line is written beside it.
    """
    digest = sha256(b"\n".join((payer_account_id.bytes, currency.encode(), raw))).digest()
    new = Payroll(id, by.id, digest, payer_account_id, currency, PayrollState.PREVIEW.value, at, None, None)
    if not await store.claim_payroll(tx, new):
        old = await find_payroll(tx, id)
        if old.principal_id != by.id:
            raise no.ID_TAKEN()
        if old.request_hash != digest:
            raise no.ID_REUSED()
        return old, True
    payer = await store.limits_of(tx, payer_account_id, day)
    if payer is None:
        raise no.ACCOUNT_NOT_FOUND(field="payer_account_id")
    if payer.currency != currency:
        raise no.CURRENCY_MISMATCH(f"the account is kept in {payer.currency}", field="currency")
    lines = await _check(tx, read_file(raw), payer_account_id, currency, by, at)
    if not lines:
        raise no.PAYROLL_UNREADABLE("there is no line")
    await store.add_payroll_lines(tx, id, lines)
    await audit.record(tx, by, "payroll.upload", id, at=at, details={"lines": len(lines)})
    return new, False


async def _check(
    tx: Tx, rows: Sequence[Row], payer_account_id: UUID, currency: str, by: Principal, at: datetime
) -> list[PayrollLine]:
    """Set by set, never line by line: a few look-ups for the whole file."""
    known = await store.accounts_by_number(tx, {_number(row) for row in rows})
    named = {_number(row) for row in rows if row.name}
    owners = {owner for number, (_, _, owner) in known.items() if number in named}
    people = (await identity.find_customers(tx, owners)).values() if owners else ()
    names = await identity.details_of(tx, people, by=by, reason=_COMPARED, at=at)
    seen: dict[tuple[str, str, str], int] = {}
    lines = []
    for row in rows:
        number = _number(row)
        account = known.get(number)
        amount = read_amount(row.amount, currency)
        problem = _problem(row, number, account, payer_account_id, currency)
        if problem is None and account is not None and row.name and _plain(row.name) != _plain(names[account[2]].name):
            problem = no.NAME_DIFFERS
        if problem is None and isinstance(amount, RefusalKind):
            problem = amount
        says = (number, row.amount, row.reference)
        lines.append(
            PayrollLine(
                line=row.line,
                account_number=number[:40],
                account_id=account[0] if account else None,
                amount_minor=amount if isinstance(amount, int) else None,
                reference=row.reference[:_LONGEST_REFERENCE] or None,
                problem=problem.code if problem else None,
                duplicate_of=seen.get(says),
            )
        )
        seen.setdefault(says, row.line)
    return lines


def _number(row: Row) -> str:
    """Spreadsheets group digits and put an apostrophe before long numbers."""
    return row.account_number.lstrip("'").replace(" ", "")


def _plain(name: str) -> str:
    return "".join(name.split()).casefold()


def _problem(
    row: Row, number: str, account: tuple[UUID, str, UUID] | None, payer_account_id: UUID, currency: str
) -> RefusalKind | None:
    if not (number.isascii() and number.isdigit() and mod_97_10.is_valid(number)):
        return no.ACCOUNT_NUMBER_WRONG
    if account is None:
        return no.PAYEE_UNKNOWN
    if account[1] != currency:
        return no.CURRENCY_MISMATCH
    if account[0] == payer_account_id:
        return no.ACCOUNTS_MUST_BE_DIFFERENT
    return no.REFERENCE_TOO_LONG if len(row.reference) > _LONGEST_REFERENCE else None


async def find_payroll(tx: Tx, id: UUID) -> Payroll:
    """Refuses `payroll_unknown`."""
    found = await store.payroll(tx, id)
    if found is None:
        raise no.PAYROLL_UNKNOWN()
    return found


async def confirm_payroll(tx: Tx, id: UUID, *, duplicates: str, by: Principal, at: datetime) -> Payroll:
    """From now on it is paid; a payroll that is confirmed already stays so. `duplicates`: refuse, skip or pay.

    Refuses `payroll_unknown`, `payroll_not_open` (cancelled), `payroll_empty`, `payroll_has_duplicates`.
    """
    payroll = await _locked(tx, id)
    if payroll.state in (PayrollState.RUNNING, PayrollState.COMPLETED):
        return payroll
    if payroll.state != PayrollState.PREVIEW:
        raise no.PAYROLL_NOT_OPEN()
    figures = [row for row in await store.payroll_figures(tx, id) if row[1] is None]
    twice = sum(lines for _, _, is_duplicate, lines, _ in figures if is_duplicate)
    if sum(row[3] for row in figures) - (twice if duplicates == "skip" else 0) == 0:
        raise no.PAYROLL_EMPTY()
    if twice and duplicates == "refuse":
        raise no.PAYROLL_HAS_DUPLICATES(f"{twice} lines")
    await store.confirm_payroll(tx, id, skip_duplicates=duplicates == "skip", by=by.id, at=at)
    await audit.record(tx, by, "payroll.confirm", id, at=at, details={"duplicates": duplicates})
    return await find_payroll(tx, id)


async def cancel_payroll(tx: Tx, id: UUID, *, by: Principal, at: datetime) -> Payroll:
    """Throws a preview away. Refuses `payroll_unknown`, `payroll_not_open`."""
    payroll = await _locked(tx, id)
    if payroll.state == PayrollState.CANCELLED:
        return payroll
    if payroll.state != PayrollState.PREVIEW:
        raise no.PAYROLL_NOT_OPEN()
    await store.set_payroll_state(tx, id, PayrollState.CANCELLED.value, at)
    await audit.record(tx, by, "payroll.cancel", id, at=at)
    return await find_payroll(tx, id)


async def _locked(tx: Tx, id: UUID) -> Payroll:
    found = await store.lock_payroll(tx, id)
    if found is None:
        raise no.PAYROLL_UNKNOWN()
    return found


async def run_payroll(db: Database, intake: Intake, id: UUID, at: datetime) -> bool:
    """Pays what is confirmed and still waits, in chunks; whether it is done. Owns its transactions: it is an edge.

    Idempotent: two who run the same payroll pay it once. Stops where the bank is busy or one of its switches stops salaries;
    whoever asks next goes on.
    """
    async with db.read() as tx:
        payroll = await find_payroll(tx, id)
    while payroll.state == PayrollState.RUNNING:
        async with db.read() as tx:
            if await store.stopped(tx, _SWITCHES, at):
                return False
            waiting = await store.payroll_waiting(tx, id, BULK)
        if not waiting:
            async with db.tx() as tx:
                payroll = await _locked(tx, id)
                if payroll.state == PayrollState.RUNNING:
                    await store.set_payroll_state(tx, id, PayrollState.COMPLETED.value, at)
            return True
        orders = [_order(payroll, *line) for line in waiting]
        outcomes = await intake.pay_many(orders)
        ended = [
            (line, *_ending(outcome), order.id)
            for (line, *_), order, outcome in zip(waiting, orders, outcomes, strict=True)
            if not (outcome.refusal is not None and outcome.refusal.kind.retryable)
        ]
        if ended:
            async with db.tx() as tx:
                await store.record_payroll_lines(tx, id, ended)
        if all(state == "waiting" for _, state, *_ in ended):
            return False
    return payroll.state == PayrollState.COMPLETED


_SWITCHES: Final = ((Scope.KIND, Kind.SALARY.value), (Scope.METHOD, Method.ACCOUNT.value))
"""What stops a payroll: it waits, and goes on when it may. Looking first spares the bank a declined payment a line."""


def _order(
    payroll: Payroll, line: int, account_id: UUID, amount_minor: int, reference: str | None, stopped_id: UUID | None
) -> Order:
    """`stopped_id`: the line's last payment, which a switch stopped; its id stands declined, so the next is derived from it."""
    return Order(
        id=derived(stopped_id or payroll.id, f"line {line}"),
        principal_id=payroll.principal_id,
        request_hash=sha256(payroll.request_hash + b"%d" % line).digest(),
        payer_account_id=payroll.payer_account_id,
        payee_account_id=account_id,
        amount_minor=amount_minor,
        currency=payroll.currency,
        kind=Kind.SALARY,
        method=Method.ACCOUNT,
        reference=reference,
    )


def _ending(outcome: Outcome) -> tuple[str, str | None]:
    if outcome.refusal is None:
        return "paid", None
    return ("waiting", None) if outcome.refusal.kind in no.STOPPED.values() else ("failed", outcome.refusal.code)


async def running_payrolls(tx: Tx) -> list[UUID]:
    """Those that were confirmed and are not done."""
    return await store.running_payrolls(tx)
