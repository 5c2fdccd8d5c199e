"""A post office: a bank that wants messages sent, a clock that is wound by hand, and a seal that is easy to look through."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any
from uuid import UUID

from tests.sandbox.sms import SmsGateway
from tongbao import notices
from tongbao.base import ids
from tongbao.base.clock import ManualClock
from tongbao.base.db import BULK, Database, Tx
from tongbao.base.refusal import RefusalKind
from tongbao.notices import gateways
from tongbao.notices.gateways import Answer, Gateways
from tongbao.notices.jobs import Sender
from tongbao.notices.model import Said

CODE = "【通宝银行】登录验证码 048213，5 分钟内有效。"
ERASED = RefusalKind("erased", 410, "Gone.", "已清除。")
_MASK = 0x5A


def sealed(plain: str, subject_id: UUID, bound: str) -> bytes:
    """Bound to its place, as a vault's seal is."""
    return bytes(b ^ _MASK for b in f"{subject_id}|{bound}|{plain}".encode())


class Keys:
    """Opens the seals; forgets people, and may be out of order."""

    def __init__(self) -> None:
        self.gone: set[UUID] = set()
        self.trouble: Exception | None = None

    async def open(self, tx: Tx, subject_id: UUID, sealed: bytes, *, bound: str) -> bytes:
        await tx.rows("SELECT 1")
        if self.trouble is not None:
            raise self.trouble
        if subject_id in self.gone:
            raise ERASED()
        whose, where, plain = bytes(b ^ _MASK for b in sealed).split(b"|", 2)
        assert (whose.decode(), where.decode()) == (str(subject_id), bound)
        return plain


class Recorder:
    """A gateway at the edge of the world: counts what it is asked, and answers as it is told."""

    def __init__(self) -> None:
        self.sent: list[UUID] = []
        self.asked: list[UUID] = []
        self.says = Said.DELIVERED
        self.knows = Said.DELIVERED

    async def send(self, id: UUID, to: str, text: str) -> Answer:
        assert to.startswith("+")
        assert text
        self.sent.append(id)
        return Answer(self.says)

    async def ask(self, id: UUID) -> Answer:
        self.asked.append(id)
        return Answer(self.knows)


class Post:
    def __init__(self, db: Database) -> None:
        self.db = db
        self.clock = ManualClock(datetime(2026, 11, 23, 1, 0, tzinfo=UTC))
        self.chance = Random(11)
        self.keys = Keys()

    def id(self) -> UUID:
        return ids.uuid7(self.clock.now(), self.chance.getrandbits)

    def number(self, last: str = "5678") -> str:
        """Nobody else's, with these last digits."""
        return f"+86138{self.chance.randrange(10_000):04d}{last}"

    def later(self, **step: int) -> datetime:
        return self.clock.tick(timedelta(**step))

    def message(self, to: str, text: str = CODE, *, minutes: int = 5, **more: Any) -> notices.NewMessage:
        id_, subject = more.get("id") or self.id(), more.get("subject_id") or self.id()
        return notices.NewMessage(
            id=id_,
            subject_id=subject,
            channel=notices.Channel.SMS,
            kind="code",
            sealed_to=sealed(to, subject, notices.bound_to(id_)),
            sealed_text=sealed(text, subject, notices.bound_text(id_)),
            expires_at=self.clock.now() + timedelta(minutes=minutes),
        )

    async def queue(self, *messages: notices.NewMessage) -> None:
        async with self.db.tx() as tx:
            await notices.queue(tx, messages, at=self.clock.now())

    async def send(self, to: str, text: str = CODE, **more: Any) -> UUID:
        message = self.message(to, text, **more)
        await self.queue(message)
        return message.id

    async def now(self, id: UUID) -> notices.Message:
        async with self.db.read() as tx:
            return (await notices.find(tx, [id]))[id]

    async def ended(self, sender: Sender, *ids_: UUID) -> list[notices.Message]:
        """Winds the clock on until nothing more is done about these messages."""
        found: list[notices.Message] = []
        for _ in range(400):
            while await sender.turn():
                pass
            found = [await self.now(id_) for id_ in ids_]
            if all(message.ended_at for message in found):
                return found
            self.later(seconds=1 if self.clock.now() < found[0].expires_at else 1800)
        raise AssertionError(f"still on their way: {found}")

    def sender(self, ways: Gateways) -> Sender:
        return Sender(self.db, self.clock, ways, self.keys.open)

    @asynccontextmanager
    async def through(self, gateway: SmsGateway, *, within_s: int = 10) -> AsyncIterator[Sender]:
        async with gateways.connected({notices.Channel.SMS: gateway.url}, within_s=within_s) as ways:
            yield self.sender(ways)


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[Post]:
    async with Database(url, size=8, limits=BULK) as db:
        yield Post(db)
