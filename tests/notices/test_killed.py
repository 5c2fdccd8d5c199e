"""`tongbao work` and the gateway are killed in the middle of sending: every message arrives, and nobody gets one twice."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest

from tests.sandbox.sms import SmsGateway, running
from tongbao import notices, vault
from tongbao.base import days
from tongbao.base.db import BULK, Database
from tongbao.base.ids import uuid7

pytestmark = pytest.mark.kill

MESSAGES = 90
TEXT = "【通宝银行】您的登录密码已修改。"


async def test_nobody_gets_a_message_twice(fresh_database: str, tmp_path: Path) -> None:
    numbers = [f"+8613800{n:06d}" for n in range(105_000, 105_000 + MESSAGES)]
    with running(tmp_path) as gateway:
        async with Database(fresh_database, size=2, limits=BULK) as db:
            async with db.tx() as tx:
                await days.found(tx, datetime.now(UTC).date())
            sent = await _queue(db, numbers)
            gateway.fault("slow")
            for harm in ("worker", "gateway", "worker"):
                worker = _work(fresh_database, gateway)
                try:
                    before = gateway.total()
                    await _until(lambda before=before: gateway.total() >= min(before + 8, MESSAGES))
                    if harm == "gateway":
                        gateway.kill()
                        gateway.start()
                        gateway.fault("slow")
                        await asyncio.sleep(2)
                finally:
                    os.killpg(worker.pid, signal.SIGKILL)
                    worker.wait()
            gateway.fault("none")
            worker = _work(fresh_database, gateway)
            try:
                found = await _ended(db, sent)
            finally:
                worker.terminate()
                assert worker.wait(60) == 0
        assert {message.state for message in found} == {notices.MessageState.DELIVERED}
        assert [gateway.texts(number) for number in numbers] == [[TEXT]] * MESSAGES


async def _queue(db: Database, numbers: list[str]) -> list[UUID]:
    at, messages = datetime.now(UTC), []
    async with db.tx() as tx:
        person = uuid7(at)
        for number in numbers:
            id_ = uuid7(at)
            messages.append(
                notices.NewMessage(
                    id=id_,
                    subject_id=person,
                    channel=notices.Channel.SMS,
                    kind="changed",
                    sealed_to=await vault.seal(tx, person, number.encode(), bound=notices.bound_to(id_), at=at),
                    sealed_text=await vault.seal(tx, person, TEXT.encode(), bound=notices.bound_text(id_), at=at),
                    expires_at=at + timedelta(hours=1),
                )
            )
        await notices.queue(tx, messages, at=at)
    return [message.id for message in messages]


def _work(url: str, gateway: SmsGateway) -> subprocess.Popen[bytes]:
    settings = {"TONGBAO_DATABASE_URL": url, "TONGBAO_SMS": gateway.url, "TONGBAO_LOG_LEVEL": "error"}
    command = [sys.executable, "-m", "tongbao.cli", "work"]
    return subprocess.Popen(command, env={**os.environ, **settings}, start_new_session=True)


async def _until(is_so: Callable[[], bool]) -> None:
    for _ in range(1_200):
        if is_so():
            return
        await asyncio.sleep(0.1)
    raise TimeoutError


async def _ended(db: Database, ids: list[UUID]) -> list[notices.Message]:
    for _ in range(600):
        async with db.read() as tx:
            found = list((await notices.find(tx, ids)).values())
        if all(message.ended_at for message in found):
            return found
        await asyncio.sleep(0.2)
    raise TimeoutError
