"""The ledger's invariants, proved on live data. docs/invariants.md says what each number means."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, Final

from tongbao.base.db import Tx
from tongbao.base.prove import MOST_FINDINGS, Check, Finding, Proof
from tongbao.ledger import store

_POSTINGS: Final = "ledger.postings"
_TRANSFERS: Final = "ledger.transfers"
_RANGE: Final = 500_000


class _Broken(Exception):
    """Rolls a range back, so that it is not taken for proved."""

    def __init__(self, findings: list[Finding]) -> None:
        self.findings = findings


async def _postings(proof: Proof) -> AsyncIterator[Finding]:
    """Follows every account's chain through the postings, in ranges of their ids; stops at the first broken range."""
    async with proof.db.read() as tx:
        last = await store.prove_last_posting(tx)
    await proof.settled()
    low = await proof.mark(_POSTINGS)
    start = low
    while low < last:
        high = min(low + proof.step(_RANGE), last)
        try:
            async with proof.db.tx() as tx:
                await _follow(proof, tx, low, high)
        except _Broken as broken:
            for finding in broken.findings:
                yield finding
            return
        proof.progress("entries", 2 * (high - start), 2 * (last - start))
        low = high
        await proof.breathe()


async def _follow(proof: Proof, tx: Tx, low: int, high: int) -> None:
    await store.prove_room(tx)
    findings = [*await _chain(tx, low, high), *await _reasons(tx, low, high)]
    moved = await store.prove_movements(tx, low, high)
    entries = sum(row[10] for row in moved)
    if entries != 2 * await store.prove_count(tx, low, high) or any(row[11] for row in moved):
        findings += await _strangers(tx, low, high)
    closes = await store.prove_closes(tx)
    if any(row[12] > closes.get(row[0], row[12]) for row in moved):
        findings += await _late(tx, low, high)
    if findings:
        raise _Broken(findings)
    await store.prove_remember(tx, low, high, [row[:10] for row in moved])
    await proof.set_mark(tx, _POSTINGS, high)
    proof.rows += entries


async def _chain(tx: Tx, low: int, high: int) -> list[Finding]:
    found: list[Finding] = []
    for id_, account, version, next_version, balance, next_balance in await store.prove_chain(
        tx, low, high, MOST_FINDINGS
    ):
        key = f"id={id_} account={account} version={version}"
        if version != next_version:
            found.append(Finding("L1", "ledger.posting", key, f"version {next_version}", f"version {version}"))
        else:
            found.append(Finding("L2", "ledger.posting", key, f"balance {next_balance}", f"balance {balance}"))
    return found


async def _reasons(tx: Tx, low: int, high: int) -> list[Finding]:
    found: list[Finding] = []
    for first_id, transfer, count, postings, day, first_day, last_day in await store.prove_reasons(
        tx, low, high, MOST_FINDINGS
    ):
        key = f"id={transfer}"
        if postings is None:
            found.append(
                Finding("L4", "ledger.posting", f"id={first_id}", f"a transfer {transfer}", "no such transfer")
            )
        elif not first_day == last_day == day:
            found.append(Finding("L4", "ledger.transfer", key, f"postings of {day}", f"postings of {first_day}"))
        else:
            found.append(Finding("L5", "ledger.transfer", key, f"{postings} postings", f"{count} postings"))
    return found


async def _strangers(tx: Tx, low: int, high: int) -> list[Finding]:
    return [
        Finding(
            "L3",
            "ledger.posting",
            f"id={id_}",
            f"accounts {debit} and {credit} in {currency}, none a control account",
            f"{debit_currency or 'no account'} on line {debit_line}, {credit_currency or 'no account'} on line {credit_line}",
        )
        for id_, debit, credit, currency, debit_currency, credit_currency, debit_line, credit_line in (
            await store.prove_strangers(tx, low, high, MOST_FINDINGS)
        )
    ]


async def _late(tx: Tx, low: int, high: int) -> list[Finding]:
    return [
        Finding("L12", "ledger.posting", f"id={id_}", f"no posting of {day} after id {last}", f"id {id_}")
        for id_, day, last in await store.prove_late(tx, low, high, MOST_FINDINGS)
    ]


async def _transfers(proof: Proof) -> AsyncIterator[Finding]:
    """Looks for transfers without postings, in ranges of their numbers; stops at the first broken range."""
    async with proof.db.read() as tx:
        last = await store.prove_last_transfer(tx)
    await proof.settled()
    low = await proof.mark(_TRANSFERS)
    start = low
    while low < last:
        high = min(low + proof.step(_RANGE), last)
        async with proof.db.tx() as tx:
            orphans = await store.prove_orphans(tx, low, high, MOST_FINDINGS)
            if not orphans:
                await proof.set_mark(tx, _TRANSFERS, high)
        for _, id_, postings in orphans:
            yield Finding("L5", "ledger.transfer", f"id={id_}", f"{postings} postings", "none")
        if orphans:
            return
        proof.rows += high - low
        proof.progress("transfers", high - start, last - start)
        low = high
        await proof.breathe()


async def _accounts(proof: Proof) -> AsyncIterator[Finding]:
    """Compares what accounts store with their entries and holds, all of them at every proof."""
    proved = await proof.mark(_POSTINGS)
    async with proof.db.read() as tx:
        last = await store.prove_account_bounds(tx)
    low = 0
    while low < last:
        high = min(low + proof.step(_RANGE), last)
        async with proof.db.tx() as tx:
            await store.prove_room(tx)
            rows = await store.prove_accounts(tx, low, high, proved, MOST_FINDINGS)
        for row in rows:
            for finding in _figures(row):
                yield finding
        proof.rows += high - low
        proof.progress("accounts", high, last)
        low = high
        await proof.breathe()
    async with proof.db.read() as tx:
        for hold, account in await store.prove_lost_holds(tx, MOST_FINDINGS):
            yield Finding("L8", "ledger.hold", f"id={hold}", f"an account {account}", "no such account")
        for control, balance, members, held, held_by_members in await store.prove_controls(tx, MOST_FINDINGS):
            expected = f"balance {members} held {held_by_members}"
            yield Finding("L9", "ledger.account", f"id={control}", expected, f"balance {balance} held {held}")
        for currency, total in await store.prove_zero(tx):
            yield Finding("L11", "ledger.account", f"currency={currency}", "sum 0", f"sum {total}")


def _figures(row: tuple[Any, ...]) -> list[Finding]:
    id_, is_control, version, entries, balance, summed, held, on_hold, excess, short = row
    wrong = [
        ("L6", "version", entries, version),
        ("L10", "excess_minor", short, excess),
    ]
    if not is_control:
        wrong += [("L7", "balance_minor", summed, balance), ("L8", "held_minor", on_hold, held)]
    return [
        Finding(number, "ledger.account", f"id={id_}", f"{column} {expected}", f"{column} {stored}")
        for number, column, expected, stored in wrong
        if expected != stored
    ]


async def _days(proof: Proof) -> AsyncIterator[Finding]:
    """Compares the sums of closed days with the postings they were made of."""
    proved = await proof.mark(_POSTINGS)
    async with proof.db.read() as tx:
        closes = await store.prove_closes(tx)
        for day, *line, d, c, balance, was_d, was_c, was in await store.prove_trial_balances(tx, proved, MOST_FINDINGS):
            key = " ".join([f"booking_date={day}", *line])
            expected = f"debits {d} credits {c} balance {balance}"
            yield Finding("L13", "ledger.trial_balance", key, expected, f"debits {was_d} credits {was_c} balance {was}")
        if any(last > proved for last in closes.values()):
            return
        expected_prints = await store.prove_expected_prints(tx)
        last = await store.prove_account_bounds(tx)
    stored = await _stored_prints(proof, last)
    for day in sorted(expected_prints.keys() | stored.keys()):
        if expected_prints.get(day) == stored.get(day):
            continue
        async with proof.db.read() as tx:
            rows = await store.prove_day_balances(tx, day, MOST_FINDINGS)
        for account, d, c, was_d, was_c in rows:
            key = f"account_id={account} value_date={day}"
            found = f"debits {was_d} credits {was_c}"
            yield Finding("L14", "ledger.day_balance", key, f"debits {d} credits {c}", found)


async def _stored_prints(proof: Proof, last: int) -> dict[Any, tuple[Any, ...]]:
    stored: dict[Any, tuple[Any, ...]] = {}
    low = 0
    while low < last:
        high = min(low + proof.step(_RANGE // 5), last)
        async with proof.db.read() as tx:
            for day, *sums in await store.prove_day_prints(tx, low, high):
                stored[day] = tuple(a + b for a, b in zip(stored.get(day, (0, 0, 0, 0)), sums, strict=True))
        proof.progress("days", high, last)
        low = high
        await proof.breathe()
    return stored


async def _layout(proof: Proof) -> AsyncIterator[Finding]:
    async with proof.db.read() as tx:
        for index, column in await store.prove_hot(tx):
            yield Finding("L15", index, f"column={column}", "no index on what changes", f"{column} is indexed")


async def _restart_postings(proof: Proof, tx: Tx) -> None:
    await store.prove_forget(tx)
    await proof.set_mark(tx, _POSTINGS, 0)


async def _restart_transfers(proof: Proof, tx: Tx) -> None:
    await proof.set_mark(tx, _TRANSFERS, 0)


CHECKS: Final = (
    Check(
        "entries",
        {
            "L1": "An account's entries are numbered 1, 2, 3, ... without gaps, in the order of their ids.",
            "L2": "The balance after an entry is the balance before it with the amount.",
            "L3": "A posting is in the currency of both its accounts, and neither is a control account.",
            "L4": "A posting has a transfer of the same booking date.",
            "L12": "Nothing is booked on a day after it was closed.",
        },
        _postings,
        _restart_postings,
    ),
    Check(
        "transfers", {"L5": "A transfer has exactly the postings that it says it has."}, _transfers, _restart_transfers
    ),
    Check(
        "accounts",
        {
            "L6": "An account's version is the number of its entries.",
            "L7": "An account's balance is the sum of its entries.",
            "L8": "An account's held money is the sum of what is left of its holds.",
            "L9": "A control account's balance and held money are the sums of those of the accounts that name it.",
            "L10": "No account is below its floor but by its excess, and no excess is larger than that.",
            "L11": "In every currency the accounts add up to zero.",
        },
        _accounts,
    ),
    Check(
        "days",
        {
            "L13": "The trial balance of a closed day is the sum of its postings.",
            "L14": "Value-dated sums are the sums of the postings of closed days.",
        },
        _days,
    ),
    Check("layout", {"L15": "No index covers what changes with a posting."}, _layout),
)
"""What `tongbao prove` runs for the ledger, in this order: later ones build on the entries that were proved."""
