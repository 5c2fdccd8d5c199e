"""Canaries: made-up people whom nobody has reason to read. Whoever reads one looks where he has no business."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from tongbao.base import audit, log, metrics
from tongbao.base.db import Tx
from tongbao.base.principal import Principal
from tongbao.vault import canary_store
from tongbao.vault.canary_model import Canary, CanaryReading, CanaryWatch, MadeUp
from tongbao.vault.keep import keep
from tongbao.vault.model import Datum, Kind
from tongbao.vault.refusals import READING_NEEDS_A_REASON

_MOST: Final = 1_000

logger = log.get(__name__)


async def plant(tx: Tx, people: Sequence[MadeUp], *, by: Principal, at: datetime) -> None:
    """Keeps them as anybody is kept. They are nobody's customers, and `find` does not find them."""
    data = [
        Datum(subject_id=one.id, kind=kind, text=text)
        for one in people
        for kind, text in ((Kind.NAME, one.name), (Kind.PHONE, one.phone), (Kind.ID_NUMBER, one.id_number))
    ]
    await keep(tx, data, at=at)
    await canary_store.plant(tx, [one.id for one in people], at)
    await audit.record(tx, by, "canary.plant", "vault.canary", at=at, details={"many": len(people)})


async def alarm(
    tx: Tx, subjects: Iterable[UUID], *, kinds: Sequence[Kind], by: Principal, reason: str, at: datetime
) -> None:
    """Somebody reads canaries, which the reading itself has put on record: in the audit with whoever it is, and counted and logged
    at once, so that a transaction that is taken back does not silence it.
    """
    read = set(subjects)
    notice("read", read, by=by)
    details = {"canaries": sorted(map(str, read)), "kinds": sorted(kind.value for kind in kinds)}
    await audit.record(tx, by, "canary.read", "vault.canary", at=at, reason=reason, details=details)


def notice(verb: str, subjects: Iterable[UUID], *, by: Principal | None = None) -> None:
    """Somebody has come upon canaries: counted, and a line in the log."""
    metrics.CANARIES_TOUCHED.inc()
    who = {} if by is None else {"principal": str(by.id), "principal_kind": by.kind.value}
    logger.error("canary_touched", verb=verb, canaries=sorted(map(str, subjects)), **who)


async def canaries(tx: Tx) -> list[Canary]:
    """Every one, oldest first; nothing is opened."""
    return await canary_store.canaries(tx)


async def canary_readings(tx: Tx, most: int = _MOST) -> list[CanaryReading]:
    """Readings that nobody has accounted for, oldest first."""
    return await canary_store.open_readings(tx, most)


async def close_canary_readings(tx: Tx, through: int, *, by: Principal, outcome: str, at: datetime) -> int:
    """Somebody has found out why canaries were read, up to the reading `through`; how many were open.

    Refuses with `reading_needs_a_reason` without an outcome of 2 to 2,000 characters.
    """
    if not 2 <= len(outcome.strip()) <= 2_000:
        raise READING_NEEDS_A_REASON(field="reason")
    done = await canary_store.close(tx, through, by_id=by.id, outcome=outcome.strip(), at=at)
    if done:
        details = {"through": through, "readings": done}
        await audit.record(tx, by, "canary.close", "vault.canary", at=at, reason=outcome.strip(), details=details)
    return done


async def canary_watch(tx: Tx) -> CanaryWatch:
    """For whoever watches over the bank."""
    return await canary_store.watch(tx)
