"""What runs later: the sender of messages, and housekeeping."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import Final, Protocol
from uuid import UUID

import msgspec

from tongbao.base import log, outside, sender
from tongbao.base.clock import Clock
from tongbao.base.db import Database, Tx
from tongbao.base.jobs import Job, JobContext
from tongbao.base.refusal import Refusal
from tongbao.base.settings import Settings
from tongbao.notices import gateways, messages, subscriptions, web_push
from tongbao.notices.gateways import Answer, Gateways
from tongbao.notices.inbox import forget_notices
from tongbao.notices.model import Call, Channel, Parcel, Said, Verb

AT_ONCE: Final = 16
FAILURES: Final = 5
"""So many questions in a row without an answer, and one at a time finds out whether the gateway is back."""
_BULK: Final = 500
_GONE: Final = 410

logger = log.get(__name__)


class Open(Protocol):
    """Opens what was sealed under a person's key; refuses with status 410 where that key was destroyed."""

    def __call__(self, tx: Tx, subject_id: UUID, sealed: bytes, *, bound: str) -> Awaitable[bytes]: ...


class Sender(sender.Sender[Parcel, Call]):
    """Sends messages."""

    stumbled = "notices_stumbled"

    def __init__(self, db: Database, clock: Clock, ways: Gateways, open_: Open) -> None:
        super().__init__(db, clock)
        self._ways = ways
        self._open = open_
        self._failing = 0
        self._browsers: dict[UUID, bytes] = {}
        """Marks of browsers that are gone, by the message that found it out."""

    async def take(self, lease: UUID, at: datetime) -> Sequence[Parcel]:
        room = (1 if self._failing >= FAILURES else AT_ONCE) - self.waiting
        if room <= 0:
            return ()
        async with self._db.tx() as tx:
            return await messages.take_due(tx, self._ways, lease, at, most=room)

    async def record(self, answers: Sequence[tuple[Parcel, Call]]) -> None:
        gone = [self._browsers.pop(parcel.id) for parcel, _ in answers if parcel.id in self._browsers]

        async def record(tx: Tx) -> None:
            await messages.record(tx, answers)
            if gone:
                await subscriptions.drop_marks(tx, gone)

        await self._db.retry(record)

    async def send(self, parcel: Parcel, at: datetime) -> Call:
        verb = messages.due(parcel, at)
        if verb is None:
            said = Said.EXPIRED
        elif verb is Verb.SEND:
            said = await self._hand_over(parcel)
        else:
            said = self._counted(await self._ways[parcel.channel].ask(parcel.id))
        return Call(verb=verb or parcel.next, said=said, at=at, ended_at=self._clock.now())

    async def _hand_over(self, parcel: Parcel) -> Said:
        """Number and text are open here alone, and only for as long as this takes."""
        try:
            async with self._db.read() as tx:
                to = await self._open(tx, parcel.subject_id, parcel.sealed_to, bound=messages.bound_to(parcel.id))
                text = await self._open(tx, parcel.subject_id, parcel.sealed_text, bound=messages.bound_text(parcel.id))
            number, words = to.decode(), text.decode()
        except Refusal as refusal:
            logger.warning("message_not_opened", message_id=str(parcel.id), code=refusal.code)
            return Said.UNREADABLE if refusal.kind.status == _GONE else Said.NOT_SENT
        except Exception as error:
            # Its own words may hold what was to be sent.
            logger.warning("message_not_opened", message_id=str(parcel.id), error=type(error).__name__)
            return Said.NOT_SENT
        answer = await self._ways[parcel.channel].send(parcel.id, number, words)
        if parcel.channel is Channel.PUSH and answer.said is Said.UNDELIVERED:
            self._browsers[parcel.id] = msgspec.json.decode(number, type=web_push.Subscription).mark
        return self._counted(answer)

    def _counted(self, answer: Answer) -> Said:
        """What it said; how often in a row a gateway did not answer is remembered."""
        self._failing = 0 if answer.said.is_answer else self._failing + 1
        if self._failing == FAILURES:
            logger.warning("gateway_fails", trouble=answer.trouble)
        return answer.said


async def send_messages(db: Database, clock: Clock, settings: Settings, stop: asyncio.Event, *, open_: Open) -> None:
    """The worker's part: sends messages until `stop`, on the ways that the settings name. Run as many workers as you like."""
    if not settings.sms and not settings.push_key:
        await stop.wait()
        return
    async with gateways.connected({Channel.SMS: settings.sms.rstrip("/")} if settings.sms else {}) as ways:
        senders = [Sender(db, clock, ways, open_).run(stop)] if ways else []
        if not settings.push_key:
            await asyncio.gather(*senders)
            return
        # On its own, so that a push service that is silent keeps no SMS waiting.
        async with outside.client(gateways.WITHIN_S) as client:
            contact, key = f"https://{settings.rp_id}", web_push.read_key(settings.push_key)
            push = web_push.PushGateway(client, key, contact, clock.now, secrets.token_bytes)
            await asyncio.gather(*senders, Sender(db, clock, {Channel.PUSH: push}, open_).run(stop))


async def _in_chunks(context: JobContext, verb: Callable[[Tx], Awaitable[int]]) -> None:
    while await context.db.retry(verb) == _BULK:
        pass


async def _end_expired(context: JobContext) -> None:
    await _in_chunks(context, lambda tx: messages.end_expired(tx, context.clock.now(), most=_BULK))


async def _forget_messages(context: JobContext) -> None:
    await _in_chunks(context, lambda tx: messages.forget_messages(tx, context.clock.now(), most=_BULK))


async def _forget_notices(context: JobContext) -> None:
    await _in_chunks(context, lambda tx: forget_notices(tx, context.clock.now(), most=_BULK))


JOBS = (
    Job(name="notices.end_expired", cron="* * * * *", run=_end_expired),
    Job(name="notices.forget_messages", cron="31 19 * * *", run=_forget_messages),
    Job(name="notices.forget_notices", cron="33 19 * * *", run=_forget_notices),
)

__all__ = ["JOBS", "Open", "Sender", "send_messages"]
