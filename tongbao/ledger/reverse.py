"""Correct a mistake: the same postings the other way round, once, as a new transfer."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from tongbao.base.db import Tx
from tongbao.base.refusal import Refusal
from tongbao.ledger import refusals as no
from tongbao.ledger import store
from tongbao.ledger.model import Forced, Posted, Posting, Transfer
from tongbao.ledger.post import post


async def reverse(
    tx: Tx, transfer_id: UUID, *, id: UUID, at: datetime, reason: str, forced: Forced | None = None
) -> Posted:
    """Posts the opposite of a transfer, value-dated like the original, or just after the last closed period.

    Refuses `transfer_unknown`, `already_reversed`, and what `post` refuses; `forced` lets the payee go below its floor.
    """
    postings = await store.postings_of(tx, [transfer_id])
    if not postings:
        raise no.TRANSFER_UNKNOWN()
    closed = await store.last_closed_period(tx)
    opposite = tuple(
        Posting(credit, debit, amount, currency, value_date if not closed else max(value_date, closed + timedelta(1)))
        for _, _, debit, credit, amount, currency, value_date, *_ in reversed(postings)
    )
    transfer = Transfer(id=id, kind="reversal", postings=opposite, reverses=transfer_id, reason=reason, forced=forced)
    done = (await post(tx, [transfer], at))[0]
    if isinstance(done, Refusal):
        raise done
    return done
