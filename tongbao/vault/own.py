"""What somebody reads of himself: no reading that anybody must account for."""

from __future__ import annotations

from collections.abc import Iterable

from tongbao.base.db import Tx
from tongbao.base.principal import Principal
from tongbao.vault import canary, ring, store
from tongbao.vault.keep import bound_datum
from tongbao.vault.kms import kms
from tongbao.vault.model import Kind


async def own(tx: Tx, kinds: Iterable[Kind], *, by: Principal) -> dict[Kind, str]:
    """What is kept of whoever `by` acts for, in the clear; nothing where that is nobody. No row in `vault.read_log`.

    Nobody acts for a canary: it is noticed, and nothing shown. Refuses with `seal_broken` what was changed or moved.
    """
    kms()
    if by.subject_id is None:
        return {}
    found: dict[Kind, str] = {}
    data = await store.own_data(tx, by.subject_id, kinds)
    if any(datum.canary for datum, _ in data):
        canary.notice("own", [by.subject_id], by=by)
        return {}
    for datum, key in data:
        plain = ring.opened(key).open(datum.sealed, bound_datum(datum.subject_id, datum.kind))
        found[datum.kind] = plain.decode()
    return found
