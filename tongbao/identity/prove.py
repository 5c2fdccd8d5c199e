"""What must be true of people: that whoever deals with the bank or works there has a name, where names are kept."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Final
from uuid import UUID

from tongbao import vault
from tongbao.base.db import Tx
from tongbao.base.prove import MOST_FINDINGS, Check, Finding, Proof
from tongbao.identity import device_store, prove_trail, store

INVARIANTS: Final = {"I1": "Every customer and every member of staff has a name, unless the person was erased."}

_RANGE: Final = 500
_Nameless = Callable[[Tx, UUID, int], Awaitable[list[tuple[UUID, bool]]]]


async def _names(proof: Proof) -> AsyncIterator[Finding]:
    for table, look in (("identity.customer", store.customers_named), ("identity.staff", store.staff_named)):
        async for finding in _of(proof, table, look):
            yield finding


async def _of(proof: Proof, table: str, look: _Nameless) -> AsyncIterator[Finding]:
    """In ranges of ids: who has none in the clear must have one in the vault."""
    after = UUID(int=0)
    while True:
        began_ns = time.monotonic_ns()
        async with proof.db.read() as tx:
            found = await look(tx, after, proof.step(_RANGE))
            sealed = [id_ for id_, is_clear in found if not is_clear]
            # Nothing is opened: that what is kept opens is the vault's own proof.
            lacking = await vault.lacking(tx, sealed, vault.Kind.NAME)
        if not found:
            return
        for id_ in sorted(lacking)[:MOST_FINDINGS]:
            yield Finding("I1", table, f"id={id_}", "a name in the vault", "none")
        proof.rows += len(found)
        proof.progress("people", proof.rows, proof.rows)
        after = found[-1][0]
        await proof.breathe(began_ns)


async def _sessions(proof: Proof) -> AsyncIterator[Finding]:
    async with proof.db.read() as tx:
        proof.rows += await device_store.count_sessions_in_devices(tx)
        for id_, holder_id, owner_id in await device_store.sessions_in_strange_devices(tx, MOST_FINDINGS):
            yield Finding("I2", "identity.session", f"id={id_}", f"a device of {holder_id}", f"one of {owner_id}")


CHECKS: Final = (
    Check("people", INVARIANTS, _names),
    Check("sessions", {"I2": "A session is in a device of the customer whose it is."}, _sessions),
    *prove_trail.CHECKS,
)
"""What `tongbao prove` runs for identity."""
