"""Post a batch of transfers, holds and releases: the ledger's own front door, used where no payment stands above it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from tongbao.base.db import Tx
from tongbao.base.refusal import Refusal
from tongbao.ledger import book, store
from tongbao.ledger import refusals as no
from tongbao.ledger.model import Item, NewHold, Posted, Transfer


async def post(tx: Tx, items: Sequence[Item], at: datetime) -> list[Posted | Refusal]:
    """One outcome an item, in order; the batch equals its items one by one.

    An id that was posted before with the same postings is a replay; with others it is refused. Two transactions that race
    with one id over different accounts: the later one fails on the primary key and, tried again, finds the first.
    """
    accounts = {p.debit for i in items if isinstance(i, Transfer) for p in i.postings}
    accounts |= {p.credit for i in items if isinstance(i, Transfer) for p in i.postings}
    accounts |= {i.account_id for i in items if isinstance(i, NewHold)}
    holds = {i.hold for i in items if not isinstance(i, NewHold) and i.hold}
    locked = await book.lock(tx, accounts=accounts, holds=holds, at=at)
    known = await store.existing_transfers(tx, [i.id for i in items if isinstance(i, Transfer)])
    placed = [i.id for i in items if isinstance(i, NewHold)]
    known |= await store.existing_holds(tx, placed) if placed else {}
    outcomes: list[Posted | Refusal] = []
    for item in items:
        seen = known.get(item.id) if isinstance(item, Transfer | NewHold) else None
        if seen is not None:
            outcomes.append(_replay(item, seen))
            continue
        outcome = locked.apply(item)
        if isinstance(item, Transfer | NewHold) and isinstance(outcome, Posted):
            known[item.id] = _as_seen(item, outcome)
        outcomes.append(outcome)
    await locked.write(tx)
    return outcomes


def _as_seen(item: Transfer | NewHold, outcome: Posted) -> tuple[object, ...]:
    if isinstance(item, NewHold):
        return (item.id, item.account_id, item.amount_minor, outcome.recorded_at)
    postings = item.postings
    return (
        item.id,
        item.kind,
        outcome.recorded_at,
        outcome.booking_date,
        [p.debit for p in postings],
        [p.credit for p in postings],
        [p.amount_minor for p in postings],
    )


def _replay(item: Item, seen: tuple[object, ...]) -> Posted | Refusal:
    if isinstance(item, NewHold):
        same = len(seen) == 4 and seen[1:3] == (item.account_id, item.amount_minor)
        return Posted(seen[3], seen[3].date(), replayed=True) if same else no.TRANSFER_ID_REUSED()  # type: ignore[attr-defined,arg-type]
    assert isinstance(item, Transfer)
    wanted = _as_seen(item, Posted(seen[2], seen[3]))  # type: ignore[arg-type]
    return Posted(seen[2], seen[3], replayed=True) if tuple(seen) == wanted else no.TRANSFER_ID_REUSED()  # type: ignore[arg-type]
