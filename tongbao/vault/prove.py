"""What must be true of the vault: that what is stored is what the bank has sealed, for the person and place where it stands."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Sequence
from typing import Final

from tongbao.base.principal import SYSTEM
from tongbao.base.prove import MOST_FINDINGS, Check, Finding, Proof
from tongbao.base.refusal import Refusal
from tongbao.vault import canary_store, ring, store
from tongbao.vault.find import fingerprint_of
from tongbao.vault.keep import bound_datum
from tongbao.vault.rotate import START
from tongbao.vault.store import SealedDatum, WrappedKey
from tongbao.vault.suites import Key

INVARIANTS: Final = {
    "V1": "Every datum stands under a living key of its person.",
    "V2": "Every datum opens under that key, as what it is, for whom it is.",
    "V3": "A datum is found by what it says, and by nothing else.",
    "V4": "Every living key opens under its kek, for the person whose it is.",
    "V5": "Every reading of a canary has raised the alarm.",
}

_RANGE: Final = 500


async def _data(proof: Proof) -> AsyncIterator[Finding]:
    after = START
    while True:
        began_ns = time.monotonic_ns()
        async with proof.db.read() as tx:
            found = await store.data_to_prove(tx, after, proof.step(_RANGE), by=SYSTEM, at=proof.clock.now())
            index = await ring.index_key(tx) if found else None
        if not found or index is None:
            return
        for finding in _wrong_data(index, found)[:MOST_FINDINGS]:
            yield finding
        proof.rows += len(found)
        proof.progress("sealed data", proof.rows, proof.rows)
        after = (found[-1][0].subject_id, found[-1][0].kind.value)
        await proof.breathe(began_ns)


def _wrong_data(index: Key, found: Sequence[tuple[SealedDatum, WrappedKey]]) -> list[Finding]:
    wrong: list[Finding] = []
    for datum, key in found:
        place = ("vault.datum", f"subject_id={datum.subject_id} kind={datum.kind.value}")
        if key.wrapped is None:
            wrong.append(Finding("V1", *place, "a living key", "one that was destroyed"))
            continue
        try:
            plain = ring.opened(key).open(datum.sealed, bound_datum(datum.subject_id, datum.kind))
        except Refusal as refusal:
            wrong.append(Finding("V2", *place, "what the bank has sealed", refusal.code))
            continue
        expected = fingerprint_of(index, datum.kind, plain.decode()) if datum.kind.is_found else None
        if expected != datum.fingerprint:
            wrong.append(Finding("V3", *place, "the fingerprint of its text", "another one"))
    return wrong


async def _keys(proof: Proof) -> AsyncIterator[Finding]:
    after = START
    while True:
        began_ns = time.monotonic_ns()
        async with proof.db.read() as tx:
            found = await store.keys_to_prove(tx, after, proof.step(_RANGE))
        if not found:
            return
        for key in found:
            try:
                ring.opened(key)
            except Refusal as refusal:
                place = ("vault.subject_key", f"subject_id={key.subject_id} version={key.version}")
                yield Finding("V4", *place, "what the bank has wrapped", refusal.code)
        proof.rows += len(found)
        proof.progress("personal keys", proof.rows, proof.rows)
        after = (found[-1].subject_id, str(found[-1].version))
        await proof.breathe(began_ns)


async def _canaries(proof: Proof) -> AsyncIterator[Finding]:
    async with proof.db.read() as tx:
        proof.rows += (await canary_store.watch(tx)).planted
        found = await canary_store.silent_readings(tx, MOST_FINDINGS)
    for reading, subject_id in found:
        place = ("vault.canary_reading", f"subject_id={subject_id}")
        yield Finding("V5", *place, f"a row for reading {reading} of the log", "none")


CHECKS: Final = (
    Check("personal keys", {"V4": INVARIANTS["V4"]}, _keys),
    Check("sealed data", {number: INVARIANTS[number] for number in ("V1", "V2", "V3")}, _data),
    Check("canaries", {"V5": INVARIANTS["V5"]}, _canaries),
)
"""What `tongbao prove` runs for the vault."""
