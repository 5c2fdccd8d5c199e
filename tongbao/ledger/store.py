"""The only Python that touches `ledger.*`: one small function a named statement."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID

from tongbao.base import sql
from tongbao.base.db import Rank, Tx
from tongbao.ledger.model import Account, Entry, Hold, NewAccount, Posting, State, Transfer

Q = sql.load("tongbao.ledger")

_STATES = {int(state): state for state in State}


class Rows:
    """What a book has decided and not yet written, a list a column."""

    def __init__(self, at: datetime, booking_date: date) -> None:
        self.at = at
        self.booking_date = booking_date
        self.transfers: list[tuple[Any, ...]] = []
        self.postings: list[tuple[Any, ...]] = []
        self.new_holds: list[UUID] = []
        self.touched_holds: set[UUID] = set()
        self.touched_accounts: set[int] = set()

    def transfer(self, item: Transfer, moment: datetime) -> None:
        self.transfers.append(
            (
                item.id,
                item.kind,
                moment,
                len(item.postings),
                item.forced and item.forced.value,
                item.reverses,
                item.reason,
            )
        )

    def posting(
        self,
        transfer_id: UUID,
        moment: datetime,
        posting: Posting,
        debit: Account,
        credit: Account,
        debit_balance: int,
        credit_balance: int,
    ) -> None:
        self.postings.append(
            (
                transfer_id,
                moment,
                debit.id,
                credit.id,
                posting.amount_minor,
                debit.version,
                credit.version,
                debit_balance,
                credit_balance,
                posting.value_date or self.booking_date,
                posting.currency,
            )
        )


_TRANSFER = ("t_id", "t_kind", "t_at", "t_postings", "t_forced", "t_reverses", "t_reason")
_POSTING = (
    "p_transfer", "p_at", "p_debit", "p_credit", "p_amount", "p_debit_version", "p_credit_version", "p_debit_balance",
    "p_credit_balance", "p_value_date", "p_currency",
)  # fmt: skip


def _by_id(row: tuple[Any, ...]) -> int:
    return row[0].int


def _columns(names: Sequence[str], rows: list[tuple[Any, ...]]) -> dict[str, list[Any]]:
    return dict(zip(names, map(list, zip(*rows, strict=True)), strict=True)) if rows else {name: [] for name in names}


async def write(tx: Tx, rows: Rows, accounts: dict[int, Account], holds: dict[UUID, Hold]) -> None:
    """Everything decided, in one statement."""
    if not rows.touched_accounts:
        return
    touched = [accounts[i] for i in sorted(rows.touched_accounts)]
    params: dict[str, Any] = {
        **_columns(_TRANSFER, sorted(rows.transfers, key=_by_id)),
        **_columns(_POSTING, rows.postings),
        "booking_date": rows.booking_date,
        "a_id": [a.id for a in touched],
        "a_balance": [a.balance_minor for a in touched],
        "a_held": [a.held_minor for a in touched],
        "a_excess": [a.excess_minor for a in touched],
        "a_version": [a.version for a in touched],
        "a_at": [a.recorded_at for a in touched],
    }
    if not rows.new_holds and not rows.touched_holds:
        tx.write(Q["write_postings"], **params)
        return
    fresh = [holds[i] for i in sorted(rows.new_holds)]
    old = [holds[i] for i in sorted(rows.touched_holds.difference(rows.new_holds))]
    tx.write(
        Q["write"],
        **params,
        at=rows.at,
        n_id=[h.id for h in fresh],
        n_account=[h.account_id for h in fresh],
        n_amount=[h.amount_minor for h in fresh],
        n_left=[h.left_minor for h in fresh],
        n_captured=[h.captured_minor for h in fresh],
        n_expires=[h.expires_at for h in fresh],
        h_id=[h.id for h in old],
        h_left=[h.left_minor for h in old],
        h_captured=[h.captured_minor for h in old],
    )


def _account(row: Sequence[Any]) -> Account:
    i, balance, held, excess, floor, version, recorded_at, state, currency, gl_line, controls = row[:11]
    return Account(i, balance, held, excess, floor, version, recorded_at, _STATES[state], currency, gl_line, controls)


async def lock_holds(tx: Tx, holds: Iterable[UUID]) -> dict[UUID, Hold]:
    return {row[0]: Hold(*row) for row in await tx.lock(Rank.HOLDS, Q["lock_holds"], holds)}


async def lock_accounts(tx: Tx, accounts: Iterable[int]) -> tuple[dict[int, Account], date | None]:
    """The locked accounts with their control accounts, and the open business day (None where none was found)."""
    rows = await tx.lock(Rank.ACCOUNTS, Q["lock_accounts"], accounts)
    return {row[0]: _account(row) for row in rows}, rows[0][11] if rows else None


async def lockable(tx: Tx, accounts: Iterable[int]) -> set[int]:
    return {row[0] for row in await tx.lock(Rank.ACCOUNTS, Q["lockable_accounts"], accounts)}


async def accounts(tx: Tx, ids: Iterable[int]) -> dict[int, Account]:
    return {row[0]: _account(row) for row in await tx.rows(Q["accounts"], ids=list(ids))}


async def open_accounts(tx: Tx, new: Sequence[NewAccount]) -> list[int]:
    rows = await tx.rows(
        Q["open_accounts"],
        floors=[a.floor_minor for a in new],
        moments=[a.at for a in new],
        hottest=[a.hottest for a in new],
        currencies=[a.currency for a in new],
        gl_lines=[a.gl_line for a in new],
        entities=[a.legal_entity for a in new],
        branches=[a.branch for a in new],
        controls=["{" + ",".join(map(str, a.controls)) + "}" for a in new],
    )
    return sorted(row[0] for row in rows)


async def bank_account(tx: Tx, gl_line: str, currency: str, entity: str, branch: str) -> int | None:
    row = await tx.row(Q["bank_account"], gl_line=gl_line, currency=currency, entity=entity, branch=branch)
    return row[0] if row else None


async def one_opener(tx: Tx) -> None:
    await tx.rows(Q["one_opener"])


async def set_state(tx: Tx, account_id: int, state: State) -> None:
    await tx.run(Q["set_state"], id=account_id, state=int(state))


async def set_floor(tx: Tx, account_id: int, floor_minor: int) -> None:
    await tx.run(Q["set_floor"], id=account_id, floor=floor_minor)


async def existing_transfers(tx: Tx, ids: list[UUID]) -> list[tuple[Any, ...]]:
    """(id, kind, recorded_at, booking_date, reverses) of those ids that are posted."""
    return await tx.rows(Q["existing_transfers"], ids=ids)


async def existing_holds(tx: Tx, ids: list[UUID]) -> list[tuple[Any, ...]]:
    """(id, account, amount, placed_at, expires_at) of those ids that are placed."""
    return await tx.rows(Q["existing_holds"], ids=ids)


async def reversed_of(tx: Tx, ids: list[UUID]) -> set[UUID]:
    return {row[0] for row in await tx.rows(Q["reversed_of"], ids=ids)}


async def entries(
    tx: Tx, account_id: int, *, below: int, above: int, first: date, last: date, most: int
) -> list[Entry]:
    rows = await tx.rows(
        Q["entries"], account_id=account_id, below=below, above=above, first=first, last=last, most=most
    )
    return [Entry(*row) for row in rows]


async def version_at(tx: Tx, account_id: int, *, at: datetime | None = None, day: date | None = None) -> int:
    row = await tx.row(Q["version_at"], account_id=account_id, at=at, day=day)
    return row[0] if row else 0


async def postings_of(tx: Tx, ids: Sequence[UUID]) -> list[tuple[Any, ...]]:
    return await tx.rows(Q["postings_of"], ids=list(ids))


async def balance_on_value_date(tx: Tx, account_id: int, day: date, *, above: int) -> int:
    row = await tx.row(Q["balance_on_value_date"], account_id=account_id, day=day, above=above)
    assert row is not None
    return row[0]


async def mark_day_summed(tx: Tx, day: date, at: datetime) -> bool:
    """False when the day had been summed."""
    return await tx.row(Q["mark_day_summed"], day=day, at=at) is not None


async def sum_day(tx: Tx, day: date, at: datetime) -> None:
    await tx.run(Q["day_movements"], day=day)
    await tx.run(Q["take_trial_balance"], day=day, at=at)


async def last_summed_day(tx: Tx, *, before: date) -> date | None:
    row = await tx.row(Q["last_summed_day"], before=before)
    return row[0] if row else None


async def any_posting_before(tx: Tx, day: date) -> bool:
    return await tx.row(Q["any_posting_before"], day=day) == (True,)


async def aged(tx: Tx, day: date, most: int) -> list[tuple[Any, ...]]:
    return await tx.rows(Q["aged"], day=day, most=most)


async def trial_balance(tx: Tx, day: date) -> list[tuple[Any, ...]]:
    return await tx.rows(Q["trial_balance"], day=day)


async def live_trial_balance(tx: Tx) -> list[tuple[Any, ...]]:
    return await tx.rows(Q["live_trial_balance"])


async def gl_lines(tx: Tx) -> list[tuple[Any, ...]]:
    return await tx.rows(Q["gl_lines"])


async def close_period(tx: Tx, last_day: date, at: datetime, by: UUID) -> None:
    await tx.run(Q["close_period"], last_day=last_day, at=at, by=by)


async def last_closed_period(tx: Tx) -> date | None:
    row = await tx.row(Q["last_closed_period"])
    return row[0] if row else None


async def prove_room(tx: Tx) -> None:
    await tx.rows(Q["prove_room"])


async def prove_last_posting(tx: Tx) -> int:
    return (await tx.rows(Q["prove_last_posting"]))[0][0]


async def prove_last_transfer(tx: Tx) -> int:
    return (await tx.rows(Q["prove_last_transfer"]))[0][0]


async def prove_chain(tx: Tx, low: int, high: int, most: int) -> list[tuple[Any, ...]]:
    return await tx.rows(Q["prove_chain"], low=low, high=high, most=most)


async def prove_reasons(tx: Tx, low: int, high: int, most: int) -> list[tuple[Any, ...]]:
    return await tx.rows(Q["prove_reasons"], low=low, high=high, most=most)


async def prove_movements(tx: Tx, low: int, high: int) -> list[tuple[Any, ...]]:
    return await tx.rows(Q["prove_movements"], low=low, high=high)


async def prove_count(tx: Tx, low: int, high: int) -> int:
    return (await tx.rows(Q["prove_count"], low=low, high=high))[0][0]


async def prove_strangers(tx: Tx, low: int, high: int, most: int) -> list[tuple[Any, ...]]:
    return await tx.rows(Q["prove_strangers"], low=low, high=high, most=most)


async def prove_late(tx: Tx, low: int, high: int, most: int) -> list[tuple[Any, ...]]:
    return await tx.rows(Q["prove_late"], low=low, high=high, most=most)


async def prove_closes(tx: Tx) -> dict[date, int]:
    return dict(await tx.rows(Q["prove_closes"]))


_DAY = (
    "days", "values", "lines", "currencies", "entities", "branches", "debits", "credits", "debit_prints",
    "credit_prints",
)  # fmt: skip


async def prove_remember(tx: Tx, low: int, high: int, moved: list[tuple[Any, ...]]) -> None:
    """Where chains end, and the ten columns of proved_day."""
    await tx.run(Q["prove_remember_accounts"], low=low, high=high)
    await tx.run(Q["prove_remember_days"], **_columns(_DAY, moved))


async def proved_postings(tx: Tx) -> int:
    row = await tx.row(Q["proved_postings"])
    assert row is not None
    return row[0]


async def prove_forget(tx: Tx) -> None:
    await tx.run(Q["prove_forget_accounts"])
    await tx.run(Q["prove_forget_days"])


async def prove_orphans(tx: Tx, low: int, high: int, most: int) -> list[tuple[Any, ...]]:
    return await tx.rows(Q["prove_orphans"], low=low, high=high, most=most)


async def prove_account_bounds(tx: Tx) -> int:
    return (await tx.rows(Q["prove_account_bounds"]))[0][0]


async def prove_accounts(tx: Tx, low: int, high: int, proved: int, most: int) -> list[tuple[Any, ...]]:
    return await tx.rows(Q["prove_accounts"], low=low, high=high, proved=proved, most=most)


async def prove_lost_holds(tx: Tx, most: int) -> list[tuple[Any, ...]]:
    return await tx.rows(Q["prove_lost_holds"], most=most)


async def prove_controls(tx: Tx, most: int) -> list[tuple[Any, ...]]:
    return await tx.rows(Q["prove_controls"], most=most)


async def prove_zero(tx: Tx) -> list[tuple[Any, ...]]:
    return await tx.rows(Q["prove_zero"])


async def prove_trial_balances(tx: Tx, proved: int, most: int) -> list[tuple[Any, ...]]:
    return await tx.rows(Q["prove_trial_balances"], proved=proved, most=most)


async def prove_expected_prints(tx: Tx) -> dict[date, tuple[Any, ...]]:
    return {row[0]: row[1:] for row in await tx.rows(Q["prove_expected_prints"])}


async def prove_day_prints(tx: Tx, low: int, high: int) -> list[tuple[Any, ...]]:
    return await tx.rows(Q["prove_day_prints"], low=low, high=high)


async def prove_day_balances(tx: Tx, day: date, most: int) -> list[tuple[Any, ...]]:
    return await tx.rows(Q["prove_day_balances"], day=day, most=most)


async def prove_hot(tx: Tx) -> list[tuple[Any, ...]]:
    return await tx.rows(Q["prove_hot"])
