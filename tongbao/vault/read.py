"""Read what is known of people, and leave word of it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from tongbao.base.db import Tx
from tongbao.base.principal import Principal
from tongbao.vault import canary, ring, store
from tongbao.vault.keep import bound_datum
from tongbao.vault.kms import kms
from tongbao.vault.model import Kind
from tongbao.vault.refusals import READING_NEEDS_A_REASON


async def read(
    tx: Tx, subjects: Iterable[UUID], kinds: Iterable[Kind], *, by: Principal, reason: str, at: datetime
) -> dict[UUID, dict[Kind, str]]:
    """What is kept of these people of these kinds, in the clear. One row in `vault.read_log`, whatever was found.

    Of one's own data no word is left. People and kinds of which nothing is kept are left out. A canary among them raises the
    alarm, and is read like anybody: who looks is not warned.
    Refuses with `reading_needs_a_reason`, and with `seal_broken` where a datum was changed or moved.
    """
    subjects, kinds = list(subjects), list(kinds)
    if not reason.strip():
        raise READING_NEEDS_A_REASON(field="reason")
    kms()  # without keys nothing is read, and no word of it is left
    if not subjects or not kinds:
        return {}
    found: dict[UUID, dict[Kind, str]] = {}
    data = await store.read_data(tx, subjects, kinds, by=by, reason=reason.strip(), at=at)
    if made_up := {datum.subject_id for datum, _ in data if datum.canary}:
        await canary.alarm(tx, made_up, kinds=kinds, by=by, reason=reason.strip(), at=at)
    for datum, key in data:
        plain = ring.opened(key).open(datum.sealed, bound_datum(datum.subject_id, datum.kind))
        found.setdefault(datum.subject_id, {})[datum.kind] = plain.decode()
    return found
