"""What runs later: the asker of the identity provider, and what is forgotten of people who did not come to the end."""

from __future__ import annotations

import asyncio
import functools
import secrets
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Final
from uuid import UUID

from tongbao import vault
from tongbao.base import log, sender
from tongbao.base.clock import Clock
from tongbao.base.db import Database, Tx
from tongbao.base.ids import uuid7
from tongbao.base.jobs import Job, JobContext
from tongbao.base.settings import Settings
from tongbao.identity import (
    envelopes,
    people,
    phone_change,
    providers,
    recovery,
    registration,
    removals,
    restrictions,
    rhythm,
    signing_keys,
    verification,
)
from tongbao.identity.model import BROWSER_KNOWN, VerificationState
from tongbao.identity.providers import IdentityProvider, ProviderAnswer, Said
from tongbao.identity.verification import Question

_AT_ONCE: Final = 8
_BULK: Final = 50
_NONCES: Final = 5_000
_CHUNK: Final = 500
_TROUBLES: Final = 5
"""So many questions in a row without an answer, and the log says so."""

logger = log.get(__name__)


class Verifier:
    """Asks the provider what is due. Leases in one transaction, asks without any, books the answers in others."""

    def __init__(self, db: Database, clock: Clock, provider: IdentityProvider) -> None:
        self._db = db
        self._clock = clock
        self._provider = provider
        self._silent = 0

    async def run(self, stop: asyncio.Event) -> None:
        """Until `stop`; what is in the air is booked first."""
        await sender.turns(self.turn, stop, stumbled="verification_stumbled")

    async def turn(self) -> int:
        """Asks what is due, at most a handful at once, and books each answer as it comes; 0: there was nothing to do."""
        at = self._clock.now()
        lease = uuid7(at, secrets.randbits)

        async def take(tx: Tx) -> list[Question]:
            return await verification.take_due(tx, lease, at, most=_AT_ONCE)

        questions = await self._db.retry(take)
        done = await asyncio.gather(*(self._settle(question) for question in questions), return_exceptions=True)
        for outcome in done:
            if isinstance(outcome, BaseException):
                raise outcome
        return len(questions)

    async def _settle(self, question: Question) -> VerificationState | None:
        answer = await self._ask(question)
        self._count(answer)

        async def book(tx: Tx) -> VerificationState | None:
            return await verification.book_answer(tx, question, answer.said, at=self._clock.now())

        return await self._db.retry(book)

    async def _ask(self, question: Question) -> ProviderAnswer:
        asked = question.verification
        if asked.state is VerificationState.PENDING:
            return await self._provider.ask(asked.id)
        if question.person is None:
            return ProviderAnswer(Said.NOBODY)
        return await self._provider.check(asked.id, *question.person)

    def _count(self, answer: ProviderAnswer) -> None:
        self._silent = self._silent + 1 if answer.said is Said.SILENT else 0
        if self._silent == _TROUBLES:
            logger.warning("identity_provider_silent", trouble=answer.trouble)


async def verify_identities(db: Database, clock: Clock, settings: Settings, stop: asyncio.Event) -> None:
    """The worker's part: asks the provider until `stop`, if the settings name one. Run as many workers as you like."""
    if not settings.identity_provider:
        await stop.wait()
        return
    async with providers.connected(settings.identity_provider.rstrip("/")) as provider:
        await Verifier(db, clock, provider).run(stop)


async def _forget_registrations(context: JobContext) -> None:
    async def forget(tx: Tx) -> int:
        return await registration.forget_registrations(tx, at=context.clock.now(), most=_BULK)

    async def forget_rows(tx: Tx) -> int:
        at = context.clock.now()
        return await registration.forget_rows(tx, at=at, browsers_before=at - BROWSER_KNOWN)

    while await context.db.retry(forget) == _BULK:
        pass
    await context.db.retry(forget_rows)


async def _seal_people(context: JobContext) -> None:
    """Chunk by chunk while the bank runs; who was at hand to somebody is left for the next hour."""
    if not vault.is_open(context.settings):
        return
    for move in (people.seal_customers, people.seal_staff):
        after: UUID | None = UUID(int=0)
        while after is not None:

            async def one(tx: Tx, move: Mover = move, place: UUID = after) -> UUID | None:
                return await move(tx, after=place, most=_CHUNK, at=context.clock.now())

            after = await context.db.retry(one)


Mover = Callable[..., Awaitable[UUID | None]]


async def _regain_access(context: JobContext) -> None:
    """Whose waiting is over is told; whose days of caution are over pays as before; what is long over is forgotten."""

    async def tell(tx: Tx) -> int:
        return await recovery.tell_ripe(tx, at=context.clock.now(), most=_BULK)

    async def forget(tx: Tx) -> int:
        return await recovery.forget_recoveries(tx, at=context.clock.now(), most=_BULK)

    async def end_caution(tx: Tx) -> int:
        return await recovery.end_caution(tx, at=context.clock.now())

    if vault.is_open(context.settings):
        while await context.db.retry(tell) == _BULK:
            pass
        while await context.db.retry(forget) == _BULK:
            pass
    await context.db.retry(end_caution)


async def _end_restrictions(context: JobContext) -> None:
    """Whose time is over pays as before, each in a transaction of its own."""
    async with context.db.read() as tx:
        due = await restrictions.due_restrictions(tx, at=context.clock.now(), most=_BULK)
    for id_ in due:
        await context.db.retry(
            functools.partial(restrictions.end_due_restriction, customer_id=id_, at=context.clock.now())
        )


async def _end_waiting(context: JobContext) -> None:
    """New telephone numbers hold and factors go, each in a transaction of its own; what is long over is forgotten."""
    caution = timedelta(days=context.settings.recovery_caution_days)

    async def put(tx: Tx, id_: UUID) -> bool:
        return await phone_change.complete_phone_change(tx, id_, caution=caution, at=context.clock.now())

    async def take(tx: Tx, id_: UUID) -> bool:
        return await removals.complete_removal(tx, id_, at=context.clock.now())

    if not vault.is_open(context.settings):
        return
    for find, end in ((phone_change.ripe_phone_changes, put), (removals.ripe_removals, take)):
        async with context.db.read() as tx:
            due = await find(tx, at=context.clock.now(), most=_BULK)
        for id_ in due:
            await context.db.retry(functools.partial(end, id_=id_))
    await context.db.retry(lambda tx: phone_change.forget_phone_changes(tx, at=context.clock.now()))
    await context.db.retry(lambda tx: removals.forget_removals(tx, at=context.clock.now()))


async def _forget_nonces(context: JobContext) -> None:
    """Nonces whose signatures are over, and private parts of envelope keys that have ended."""

    async def forget(tx: Tx) -> int:
        return await signing_keys.forget_nonces(tx, at=context.clock.now(), most=_NONCES)

    async def forget_keys(tx: Tx) -> list[UUID]:
        return await envelopes.forget_envelope_keys(tx, at=context.clock.now())

    while await context.db.retry(forget) == _NONCES:
        pass
    await context.db.retry(forget_keys)


async def _forget_rhythms(context: JobContext) -> None:
    async def forget(tx: Tx) -> int:
        return await rhythm.forget_rhythms(tx, at=context.clock.now(), most=_NONCES)

    while await context.db.retry(forget) == _NONCES:
        pass


JOBS = (
    Job(name="identity.regain_access", cron="* * * * *", run=_regain_access),
    Job(name="identity.end_restrictions", cron="* * * * *", run=_end_restrictions),
    Job(name="identity.end_waiting", cron="* * * * *", run=_end_waiting),
    Job(name="identity.forget_nonces", cron="*/5 * * * *", run=_forget_nonces),
    Job(name="identity.forget_registrations", cron="7 * * * *", run=_forget_registrations),
    Job(name="identity.forget_rhythms", cron="37 * * * *", run=_forget_rhythms),
    Job(name="identity.seal_people", cron="17 * * * *", run=_seal_people),
)

__all__ = ["JOBS", "Verifier", "verify_identities"]
