"""An SMS leaves when its transaction has committed, reaches a person once, and never when it is too late."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest
import structlog

from tests.notices.post import CODE, Post, Recorder
from tests.sandbox.sms import SmsGateway, running
from tongbao import notices, vault
from tongbao.base.db import BULK, Database
from tongbao.base.jobs import JobContext, run_now
from tongbao.base.principal import SYSTEM
from tongbao.base.settings import Settings
from tongbao.notices import Channel, MessageState, Reason
from tongbao.notices.jobs import AT_ONCE, FAILURES, JOBS, send_messages
from tongbao.notices.messages import LEASE, take_due
from tongbao.notices.model import Said


class NotHappened(Exception):
    """What a message speaks of was rolled back."""


async def test_a_message_leaves_with_its_transaction_or_never(post: Post, gateway: SmsGateway) -> None:
    kept, dropped = post.message(post.number()), post.message(to := post.number())
    await post.queue(kept)
    with suppress(NotHappened):
        async with post.db.tx() as tx:
            await notices.queue(tx, [dropped], at=post.clock.now())
            raise NotHappened
    async with post.through(gateway) as sender:
        (message,) = await post.ended(sender, kept.id)
    assert (message.state, message.reason, message.tries) == (MessageState.DELIVERED, None, 1)
    assert message.sent_at is not None
    assert gateway.messages(to) == []
    async with post.db.read() as tx:
        assert await notices.find(tx, [dropped.id]) == {}


async def test_an_id_is_queued_once(post: Post, gateway: SmsGateway) -> None:
    message = post.message(to := post.number())
    await post.queue(message, message)
    await post.queue(message)
    async with post.through(gateway) as sender:
        await post.ended(sender, message.id)
        await post.queue(message)
        assert not await sender.turn(), "also when it has been sent"
    assert gateway.texts(to) == [CODE]


OUTCOMES = {
    "0001": (MessageState.FAILED, Reason.REFUSED, 0),
    "0002": (MessageState.FAILED, Reason.UNDELIVERED, 0),
    "0003": (MessageState.DELIVERED, None, 1),
    "0011": (MessageState.DELIVERED, None, 1),
    "0012": (MessageState.DELIVERED, None, 1),
    "0013": (MessageState.DELIVERED, None, 1),
    "0014": (MessageState.FAILED, Reason.EXPIRED, 0),
    "0015": (MessageState.DELIVERED, None, 1),
    "0016": (MessageState.DELIVERED, None, 1),
    "0017": (MessageState.DELIVERED, None, 1),
}
"""By the last digits of a number (tongbao_sandbox/README.md): state, reason, and how many messages are on the phone."""


async def test_whatever_the_gateway_does(post: Post, gateway: SmsGateway) -> None:
    numbers = {last: post.number(last) for last in OUTCOMES}
    sent = {last: await post.send(to, minutes=1) for last, to in numbers.items()}
    async with post.through(gateway, within_s=1) as sender:
        found = dict(zip(sent, await post.ended(sender, *sent.values()), strict=True))
    outcomes = {last: (m.state, m.reason, len(gateway.messages(numbers[last]))) for last, m in found.items()}
    assert outcomes == OUTCOMES


async def test_a_gateway_that_is_away_and_comes_back(post: Post, tmp_path: Path) -> None:
    with running(tmp_path) as gateway:
        gateway.kill()
        code, notice = post.number(), post.number()
        expired = await post.send(code, minutes=1)
        waiting = await post.send(notice, "您的登录密码已修改。", minutes=60)
        async with post.through(gateway) as sender:
            for _ in range(70):
                while await sender.turn():
                    pass
                post.later(seconds=1)
            assert (await post.now(waiting)).state is MessageState.QUEUED
            assert (await post.now(expired)).reason is Reason.EXPIRED
            gateway.start()
            (message,) = await post.ended(sender, waiting)
        assert message.state is MessageState.DELIVERED
        assert gateway.texts(notice) == ["您的登录密码已修改。"]
        assert gateway.messages(code) == [], "a code that has expired is not sent any more"


async def test_an_expired_code_stays_here(post: Post) -> None:
    gateway = Recorder()
    sender = post.sender({Channel.SMS: gateway})
    id_ = await post.send(post.number(), minutes=5)
    post.later(minutes=5)
    (message,) = await post.ended(sender, id_)
    assert (message.state, message.reason) == (MessageState.FAILED, Reason.EXPIRED)
    assert gateway.sent == gateway.asked == []


async def test_what_may_have_left_is_asked_about_when_it_expires(post: Post) -> None:
    gateway = Recorder()
    gateway.says, gateway.knows = Said.SILENT, Said.DELIVERED
    sender = post.sender({Channel.SMS: gateway})
    id_ = await post.send(post.number(), minutes=1)
    (message,) = await post.ended(sender, id_)
    assert (message.state, message.sent_at is not None) == (MessageState.DELIVERED, True)
    assert len(gateway.sent) > 3
    assert gateway.asked == [id_]


async def test_a_message_lasts_a_day_at_most(post: Post) -> None:
    id_ = await post.send(post.number(), minutes=60 * 24 * 30)
    assert (await post.now(id_)).expires_at == post.clock.now() + notices.LASTS_AT_MOST


async def test_a_report_that_never_comes(post: Post) -> None:
    gateway = Recorder()
    gateway.says = gateway.knows = Said.TAKEN
    (message,) = await post.ended(post.sender({Channel.SMS: gateway}), await post.send(post.number()))
    assert (message.state, message.reason) == (MessageState.SENT, Reason.NO_ANSWER)
    assert len(gateway.sent) == 1
    assert len(gateway.asked) < 60, "a gateway is not asked for ever"


async def test_a_gateway_that_lost_what_it_took(post: Post) -> None:
    gateway = Recorder()
    gateway.says, gateway.knows = Said.TAKEN, Said.NEVER_SEEN
    sender = post.sender({Channel.SMS: gateway})
    id_ = await post.send(post.number())
    await sender.turn()
    post.later(seconds=1)
    await sender.turn()
    assert (await post.now(id_)).state is MessageState.QUEUED
    gateway.says = Said.DELIVERED
    (message,) = await post.ended(sender, id_)
    assert (message.state, gateway.sent) == (MessageState.DELIVERED, [id_, id_])


async def test_two_senders_do_not_send_the_same(post: Post) -> None:
    gateway = Recorder()
    sent = [await post.send(post.number()) for _ in range(40)]
    senders = [post.sender({Channel.SMS: gateway}) for _ in range(2)]
    await asyncio.gather(*(post.ended(sender, *sent) for sender in senders))
    assert sorted(gateway.sent) == sorted(sent)


async def test_a_dead_senders_messages_are_taken_over(post: Post) -> None:
    gateway = Recorder()
    sender = post.sender({Channel.SMS: gateway})
    id_ = await post.send(post.number())
    async with post.db.tx() as tx:
        assert len(await take_due(tx, [Channel.SMS], post.id(), post.clock.now(), most=AT_ONCE)) == 1
    assert not await sender.turn(), "somebody has it"
    post.clock.tick(LEASE)
    (message,) = await post.ended(sender, id_)
    assert message.state is MessageState.DELIVERED


async def test_who_comes_too_late_with_an_answer_changes_nothing(post: Post) -> None:
    slow, quick = Recorder(), Recorder()
    slow.says = Said.REFUSED
    late = post.sender({Channel.SMS: slow})
    id_ = await post.send(post.number())
    await late.start()
    post.clock.tick(LEASE)
    await post.ended(post.sender({Channel.SMS: quick}), id_)
    await late.land()
    assert (await post.now(id_)).state is MessageState.DELIVERED


async def test_who_was_erased_is_told_nothing(post: Post) -> None:
    gateway = Recorder()
    sender = post.sender({Channel.SMS: gateway})
    erased, other = post.message(post.number()), post.message(post.number())
    post.keys.gone.add(erased.subject_id)
    await post.queue(erased, other)
    first, second = await post.ended(sender, erased.id, other.id)
    assert (first.state, first.reason) == (MessageState.FAILED, Reason.UNREADABLE)
    assert (second.state, gateway.sent) == (MessageState.DELIVERED, [other.id])


async def test_a_vault_that_is_shut_for_a_while(post: Post) -> None:
    gateway = Recorder()
    sender = post.sender({Channel.SMS: gateway})
    to = post.number()
    post.keys.trouble = RuntimeError(f"cannot open {to}: {CODE}")
    id_ = await post.send(to)
    with structlog.testing.capture_logs() as logs:
        await sender.turn()
    assert [entry["event"] for entry in logs] == ["message_not_opened"]
    assert to not in str(logs)
    assert "048213" not in str(logs)
    assert (await post.now(id_)).state is MessageState.QUEUED
    post.keys.trouble = None
    (message,) = await post.ended(sender, id_)
    assert (message.state, message.tries) == (MessageState.DELIVERED, 2)


async def test_a_gateway_that_fails_is_asked_by_one_at_a_time(post: Post) -> None:
    gateway = Recorder()
    gateway.says = Said.NOT_SENT
    sender = post.sender({Channel.SMS: gateway})
    sent = [await post.send(post.number()) for _ in range(AT_ONCE + 10)]
    assert await sender.start() == AT_ONCE
    while sender.waiting:
        await sender.land()
    assert AT_ONCE > FAILURES
    assert await sender.start() == 1
    gateway.says = Said.DELIVERED
    found = await post.ended(sender, *sent)
    assert {message.state for message in found} == {MessageState.DELIVERED}


async def test_neither_number_nor_text_is_stored_or_logged(
    post: Post, gateway: SmsGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The bank's own vault seals; rows are looked at before the message has left and after, and the lines of the log."""
    person, id_, to, at = post.id(), post.id(), post.number("0015"), post.clock.now()
    async with post.db.tx() as tx:
        message = notices.NewMessage(
            id=id_,
            subject_id=person,
            channel=Channel.SMS,
            kind="code",
            sealed_to=await vault.seal(tx, person, to.encode(), bound=notices.bound_to(id_), at=at),
            sealed_text=await vault.seal(tx, person, CODE.encode(), bound=notices.bound_text(id_), at=at),
            expires_at=at + timedelta(minutes=5),
        )
        await notices.queue(tx, [message], at=at)
    seen = [await _rows(post)]
    monkeypatch.setattr(post.keys, "open", vault.open_sealed)
    with structlog.testing.capture_logs() as logs:
        async with post.through(gateway) as sender:
            await post.ended(sender, id_)
    seen.append(await _rows(post))
    assert gateway.texts(to) == [CODE]
    for text in (*seen, str(logs).encode()):
        for secret in (to, to.removeprefix("+86"), CODE, "048213"):
            assert secret.encode() not in text
    async with post.db.read() as tx:
        rows = await tx.rows("SELECT sealed_to, sealed_text FROM notices.message")
    assert rows == [(None, None)], "what has ended keeps no content"


async def test_the_vault_says_that_somebody_was_erased(post: Post, monkeypatch: pytest.MonkeyPatch) -> None:
    gateway, person, id_, at = Recorder(), post.id(), post.id(), post.clock.now()
    async with post.db.tx() as tx:
        content = {
            "sealed_to": await vault.seal(tx, person, b"+8613800138000", bound=notices.bound_to(id_), at=at),
            "sealed_text": await vault.seal(tx, person, CODE.encode(), bound=notices.bound_text(id_), at=at),
        }
        message = msgspec.structs.replace(post.message(post.number(), id=id_, subject_id=person), **content)
        await notices.queue(tx, [message], at=at)
        await vault.erase(tx, person, by=SYSTEM, reason="asked for it", at=at)
    monkeypatch.setattr(post.keys, "open", vault.open_sealed)
    (found,) = await post.ended(post.sender({Channel.SMS: gateway}), id_)
    assert (found.reason, gateway.sent) == (Reason.UNREADABLE, [])


async def _rows(post: Post) -> bytes:
    async with post.db.read() as tx:
        rows = await tx.rows("SELECT id::text, kind, reason, sealed_to, sealed_text FROM notices.message")
    return b" ".join(bytes(v) if isinstance(v, bytes | memoryview) else str(v).encode() for row in rows for v in row)


async def test_the_worker_sends_until_it_is_stopped(post: Post, gateway: SmsGateway, fresh_database: str) -> None:
    stop, to = asyncio.Event(), post.number()
    settings = Settings(sms=f"{gateway.url}/")
    async with Database(fresh_database, size=4, limits=BULK) as db:
        work = asyncio.create_task(send_messages(db, post.clock, settings, stop, open_=post.keys.open))
        id_ = await post.send(to)
        for _ in range(1_200):
            if (await post.now(id_)).ended_at is not None:
                break
            await asyncio.sleep(0.05)
        stop.set()
        await work
    assert gateway.texts(to) == [CODE]


async def test_without_a_gateway_messages_wait_and_end(post: Post) -> None:
    stop = asyncio.Event()
    work = asyncio.create_task(send_messages(post.db, post.clock, Settings(), stop, open_=post.keys.open))
    old = await post.send(post.number(), minutes=1)
    post.later(minutes=1)
    young = await post.send(post.number())
    async with post.db.read() as tx:
        backlog = await notices.backlog(tx, post.clock.now())
    assert (backlog.waiting, backlog.failed) == (2, 0)
    assert backlog.oldest_at == post.clock.now() - timedelta(minutes=1)
    await _housekeeping(post)
    assert [(await post.now(id_)).reason for id_ in (old, young)] == [Reason.EXPIRED, None]
    async with post.db.read() as tx:
        backlog = await notices.backlog(tx, post.clock.now())
    assert (backlog.waiting, backlog.failed) == (1, 1)
    stop.set()
    await work


async def test_old_messages_are_forgotten(post: Post) -> None:
    sender = post.sender({Channel.SMS: Recorder()})
    subject = post.id()
    ended, later = await post.send(post.number(), subject_id=subject), post.message(post.number(), subject_id=subject)
    await post.ended(sender, ended)
    post.later(days=90)
    await post.queue(later)
    await _housekeeping(post)
    async with post.db.read() as tx:
        assert [m.id for m in await notices.messages_to(tx, subject)] == [later.id, ended], "90 days are not over yet"
    post.later(seconds=1)
    await _housekeeping(post)
    async with post.db.read() as tx:
        assert [m.id for m in await notices.messages_to(tx, subject)] == [later.id]


async def _housekeeping(post: Post) -> None:
    context = JobContext(post.db, post.clock, Settings())
    for job in JOBS:
        await run_now(job, context)
