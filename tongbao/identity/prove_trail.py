"""What must be true of what people may do: each row says what the audit says was last done to it.

The audit itself is under seal (`govern`), so that whoever edits a row and the entry beside it is found as well.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Final
from uuid import UUID

from tongbao.base.db import Tx
from tongbao.base.ids import derived
from tongbao.base.prove import MOST_FINDINGS, Check, Finding, Proof
from tongbao.base.refusal import Refusal
from tongbao.identity import trail_store
from tongbao.identity.model import FULL_LEVEL
from tongbao.vault import PublicKey

INVARIANTS: Final = {
    "I3": "A customer stands as the audit says: open or frozen, at his level, cautious as long as he must be, and restricted while he is.",
    "I4": "What a customer proves himself with was set or added by an entry of the audit, as it is, and not taken away since.",
    "I5": "A device is trusted from the moment that the audit says, unless it was logged out.",
    "I6": "Every answer to what the bank asks leave for was given by its customer, and none is missing.",
    "I7": "A member of staff has the roles, and an API key the rights, that the audit says.",
}

_RANGE: Final = 1_000
_FIRST: Final = UUID(int=0)


async def _customers(proof: Proof) -> AsyncIterator[Finding]:
    after = _FIRST
    while True:
        async with proof.db.read() as tx:
            ids = await trail_store.customers_after(tx, after, proof.step(_RANGE))
            wrong = await _wrong(proof, tx, ids) if ids else []
        if not ids:
            return
        for finding in wrong:
            yield finding
        proof.rows += len(ids)
        proof.progress("customers", proof.rows, proof.rows)
        after = ids[-1]
        await proof.breathe()


async def _wrong(proof: Proof, tx: Tx, ids: Sequence[UUID]) -> list[Finding]:
    most = MOST_FINDINGS
    return [
        *(
            Finding("I3", "identity.customer", f"id={id_} {what}", expected, found)
            for id_, what, expected, found in await trail_store.wrong_standing(tx, ids, FULL_LEVEL, proof.at, most)
        ),
        *(
            Finding("I4", "identity.factor", f"customer_id={id_} kind={kind}", expected, found)
            for id_, kind, expected, found in await trail_store.wrong_factors(tx, ids, most)
        ),
        *(
            Finding("I4", "identity.passkey", f"id={id_}", "as it was added", found)
            for id_, found in await trail_store.wrong_passkeys(tx, ids, most)
        ),
        *(await _device_keys(tx, ids))[:most],
        *(
            Finding("I5", "identity.device", f"id={id_}", expected, found)
            for id_, expected, found in await trail_store.wrong_devices(tx, ids, most)
        ),
        *(
            Finding("I6", "identity.consent", f"{key} purpose={purpose}", expected, found)
            for key, purpose, expected, found in await trail_store.wrong_consents(tx, ids, most)
        ),
    ]


async def _device_keys(tx: Tx, ids: Sequence[UUID]) -> list[Finding]:
    """A key's id follows from whose it is and from the key: another key under it does not fit."""
    wrong: list[Finding] = []
    for id_, customer_id, jwk, is_added, is_back in await trail_store.device_keys_said(tx, ids):
        if not is_added:
            found = "no key that was added"
        elif is_back:
            found = "not removed"
        elif derived(customer_id, f"device key {_kid(jwk)}") != id_:
            found = "another public key"
        else:
            continue
        wrong.append(Finding("I4", "identity.device_key", f"id={id_}", "as it was added", found))
    return wrong


def _kid(jwk: dict[str, str]) -> str | None:
    try:
        return PublicKey.from_jwk(jwk).kid
    except (Refusal, ValueError, KeyError):
        return None


async def _rights(proof: Proof) -> AsyncIterator[Finding]:
    async with proof.db.read() as tx:
        for id_, expected, found in await trail_store.wrong_staff(tx, MOST_FINDINGS):
            yield Finding("I7", "identity.staff", f"id={id_}", expected, found)
    after = _FIRST
    while True:
        async with proof.db.read() as tx:
            ids = await trail_store.keys_after(tx, after, proof.step(_RANGE))
            wrong = await trail_store.wrong_keys(tx, ids, MOST_FINDINGS) if ids else []
        if not ids:
            return
        for id_, expected, found in wrong:
            yield Finding("I7", "identity.api_key", f"id={id_}", expected, found)
        proof.rows += len(ids)
        proof.progress("rights", proof.rows, proof.rows)
        after = ids[-1]
        await proof.breathe()


_OF_CUSTOMERS: Final = {number: INVARIANTS[number] for number in ("I3", "I4", "I5", "I6")}

CHECKS: Final = (
    Check("customers", _OF_CUSTOMERS, _customers),
    Check("rights", {"I7": INVARIANTS["I7"]}, _rights),
)
"""What `tongbao prove` runs of what the audit says."""
