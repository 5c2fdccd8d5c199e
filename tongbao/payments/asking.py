"""Ask rails, with no transaction open, and take what they say, each answer in transactions of its own.

Whoever dies between the two loses nothing: the request is repeated under its own id, and the answer is the same.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from datetime import datetime
from uuid import UUID

import msgspec
import structlog

from tongbao.base import audit
from tongbao.base.db import Database, Tx
from tongbao.base.principal import Principal
from tongbao.base.settings import Settings
from tongbao.payments import rail_calls, store, ways
from tongbao.payments import refusals as no
from tongbao.payments.intake import Intake
from tongbao.payments.model import RailCall, RailParcel, RailVerb
from tongbao.payments.rail_answered import answer_operation, waits
from tongbao.payments.rails import Rail, Reversible
from tongbao.payments.resolve import MAY_RESOLVE
from tongbao.payments.seen import may_see_payment

log = structlog.get_logger(__name__)


async def ask_rail(rail: Rail, parcel: RailParcel, at: datetime, *, by: UUID | None = None) -> RailCall:
    """One question, and how long it took. Never raises for what a rail does."""
    started = asyncio.get_running_loop().time()
    if parcel.verb is RailVerb.PULL:
        answer = await rail.pull(parcel.payment_id, parcel.account, parcel.amount_minor, parcel.currency)
    elif parcel.verb is RailVerb.REVERSE:
        assert isinstance(rail, Reversible), parcel.rail
        answer = await rail.reverse(
            parcel.payment_id, parcel.account, parcel.amount_minor, parcel.currency, again=parcel.tries > 0
        )
    else:
        answer = await rail.ask(parcel.payment_id, parcel.amount_minor, parcel.currency)
    return RailCall(
        verb=parcel.verb,
        at=at,
        duration_ms=int((asyncio.get_running_loop().time() - started) * 1000),
        said=answer.said,
        reason=answer.reason,
        asked_by=by,
    )


async def take_answers(db: Database, intake: Intake, calls: Sequence[tuple[RailParcel, RailCall]]) -> None:
    """Writes down what was said, and moves the payments that it speaks of."""

    async def record(tx: Tx) -> None:
        await rail_calls.record(tx, calls)

    await db.retry(record)
    wanted: dict[str, list[tuple[RailParcel, RailCall]]] = {}
    for parcel, call in calls:
        verdict = rail_calls.turn(parcel, call).verdict
        # Who asks out of turn moves a payment only by what the rail knows of it, never by its silence.
        if verdict is not None and (parcel.lease is not None or verdict in rail_calls.VERDICTS.values()):
            wanted.setdefault(verdict, []).append((parcel, call))
    for verdict, answers in wanted.items():
        operations = [answer_operation(verdict, parcel.payment_id, call.reason) for parcel, call in answers]
        for operation, outcome in zip(operations, await intake.ask_many(verdict, operations), strict=True):
            if outcome.refusal is not None and outcome.refusal.code == no.RAIL_CONTRADICTS.code:
                log.error("rail_contradicts", payment_id=str(operation.payment_id))


class AskedAgain(msgspec.Struct, frozen=True):
    """Which rail was asked about a payment by hand, and what it said."""

    rail: str
    call: RailCall


async def ask_again(
    db: Database, intake: Intake, settings: Settings, principal: Principal, payment_id: UUID, at: datetime
) -> AskedAgain:
    """Asks the other bank now what became of a payment, out of turn, and takes what it says. Audited.

    No answer changes nothing. Refuses `permission_missing`, `payment_unknown`, `not_waiting_for_rail`, `rail_unknown`.
    """
    principal.require(MAY_RESOLVE)
    async with db.read() as tx:
        seen = await may_see_payment(tx, principal, payment_id)
        parcel = await store.rail_parcel(tx, payment_id)
    if parcel is None or not waits(seen.payment):
        raise no.NOT_WAITING_FOR_RAIL()
    if parcel.rail not in ways.names(settings):
        raise no.RAIL_UNKNOWN(parcel.rail)
    async with ways.connected(db, lambda: at, settings) as connected:
        call = await ask_rail(connected[parcel.rail], parcel, at, by=principal.id)
    await take_answers(db, intake, [(parcel, call)])

    async def note(tx: Tx) -> None:
        details = {"rail": parcel.rail, "said": call.said.value}
        await audit.record(tx, principal, "payment.ask_again", payment_id, at=at, details=details)

    await db.retry(note)
    return AskedAgain(parcel.rail, call)


async def ask_sooner(tx: Tx, principal: Principal, payment_ids: Iterable[UUID], at: datetime) -> int:
    """Lets the worker ask rails about these payments at its next turn; how many it was not asking already. Audited.

    Those that do not wait for a rail are passed by. Refuses `permission_missing`.
    """
    principal.require(MAY_RESOLVE)
    hurried = await store.hurry_payments(tx, payment_ids, at)
    if hurried:
        details = {"payment_ids": sorted(hurried)}
        await audit.record(tx, principal, "payment.ask_again", "many", at=at, details=details)
    return len(hurried)
