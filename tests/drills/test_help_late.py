"""Runbook help-late: a customer waits for an answer longer than was promised; one takes it, hands it over, and he is answered."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from uuid import UUID, uuid4

import httpx
import pytest

from tests.drills.bank import DrillBank
from tests.drills.runbook import OVER, Drill
from tests.payments.me import Page
from tongbao import identity
from tongbao.base.clock import SystemClock
from tongbao.base.db import BULK, Database
from tongbao.base.ids import uuid7
from tongbao.base.principal import SYSTEM
from tongbao.identity import NewStaff, Role, VisitorKind
from tongbao.web import session

pytestmark = pytest.mark.timeout(300)

ABSENT, THERE = "drill-absent", "drill-there"
"""Colleagues at the desk. The first one has taken the request, and then went home."""


def test_help_late(bank: DrillBank, runbook: Callable[[str], Drill]) -> None:
    drill = runbook("help-late")
    absent, there, customer = asyncio.run(let_in(bank))
    with browser(bank, customer) as his, browser(bank, absent) as hers, browser(bank, there) as other:
        request, earlier = asks(his, "银行卡丢了怎么办？"), asks(his, "如何修改限额？")
        sends(hers, f"/staff/help/{request}/take")
        sends(hers, f"/staff/help/{earlier}/answer", text="请在“安全”页修改。")
        assert not drill.firing(), "within the promised time nobody is woken"
        drill.causes("tongbao psql")
        drill.sees("TongbaoHelpLate")
        assert bank.pay().status_code == 201, "payments go on"

        queue = reads(other, "/staff/help?show=waiting")
        assert f'href="/staff/help/{request}"' in queue.html
        assert f'href="/staff/help/{earlier}"' not in queue.html, "what is answered does not wait"
        assert ABSENT in queue.text
        assert f'href="/staff/help/{request}"' in reads(hers, "/staff/help?show=mine").html
        sends(other, f"/staff/help/{request}/hand-over", text="她今天不在", username=THERE)
        assert f'href="/staff/help/{request}"' in reads(other, "/staff/help?show=mine").html
        assert drill.firing() == {"TongbaoHelpLate"}, "a hand-over is no answer"
        said = drill.types(3, "tongbao psql -c").text
        assert [line.split("|")[1].strip() for line in said.splitlines() if "question" in line] == ["1"]
        sends(other, f"/staff/help/{request}/answer", text="请先挂失，再到柜台补卡。")
        drill.is_over()

        page = reads(his, f"/me/help/{request}")
        assert "请先挂失，再到柜台补卡。" in page.text
        assert "她今天不在" not in page.text
    (check,) = [
        line for line in drill.types(OVER, "tongbao doctor", status=None).text.splitlines() if "help req" in line
    ]
    assert "0 of them longer than was promised" in check


async def let_in(bank: DrillBank) -> tuple[dict[str, str], dict[str, str], dict[str, str]]:
    """Cookies of two colleagues at the desk and of the first of the people."""
    customer = UUID(bank.get(f"/v1/accounts/{bank.accounts[0]}")["customer_id"])
    at, cookies = SystemClock().now(), []
    async with Database(bank.url, size=1, limits=BULK) as db, db.tx() as tx:
        for name in (ABSENT, THERE):
            new = NewStaff(id=uuid7(at), username=name, name=name, roles=frozenset({Role.OPERATOR}))
            hashed = identity.hash_password(secrets.token_urlsafe(18), secrets.token_bytes(16))
            await identity.create_staff(tx, new, hashed, by=SYSTEM, at=at)
            token = identity.fresh_token("staff", secrets.token_bytes)
            await identity.let_in(tx, new.id, session_id=uuid7(at), token=token, by=SYSTEM, at=at)
            cookies.append({session.NAMES["staff"]: str(token)})
        token = identity.fresh_token(VisitorKind.CUSTOMER, secrets.token_bytes)
        opened = {"session_id": uuid7(at), "token": token}
        await identity.open_session(tx, VisitorKind.CUSTOMER, customer, **opened, by=SYSTEM, at=at)
    return cookies[0], cookies[1], {session.NAMES["me"]: str(token)}


@contextmanager
def browser(bank: DrillBank, cookies: dict[str, str]) -> Iterator[httpx.Client]:
    with httpx.Client(
        base_url=f"http://127.0.0.1:{bank.port}",
        cookies={**cookies, "tongbao_language": "zh"},
        headers={"Accept": "text/html", "Sec-Fetch-Site": "same-origin"},
        timeout=bank.patience_s,
        trust_env=False,
    ) as http:
        yield http


def asks(http: httpx.Client, text: str) -> UUID:
    """A customer's request; its id."""
    id_ = uuid4()
    answer = http.post("/me/help", data={"id": str(id_), "kind": "question", "text": text})
    assert answer.status_code == 303, Page(answer).text
    return id_


def sends(http: httpx.Client, path: str, **fields: str) -> None:
    answer = http.post(path, data={"id": str(uuid4()), **fields})
    assert answer.status_code == 303, Page(answer).text


def reads(http: httpx.Client, path: str) -> Page:
    page = Page(http.get(path))
    assert page.status == 200, page.text
    return page
