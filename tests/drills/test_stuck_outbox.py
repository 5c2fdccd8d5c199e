"""Runbook stuck-outbox: events lie unread because two strangers stand in the dispatcher's way; payments go on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager

import psycopg
import pytest

from tests.drills.bank import DrillBank
from tests.drills.runbook import Drill, Said, in_the_background, until

pytestmark = [pytest.mark.kill, pytest.mark.timeout(300)]

FORGOTTEN = 'tongbao psql -c "SELECT pg_current_xact_id()'
WHO_WRITES = 'tongbao psql -c "SELECT pid, application_name'
WHO_BLOCKS = 'tongbao psql -c "SELECT pid, pg_blocking_pids'
END = 'tongbao psql -c "SELECT pg_terminate_backend(PID)"'


def test_stuck_outbox(bank: DrillBank, runbook: Callable[[str], Drill]) -> None:
    """One has written and left his transaction open; the other has written nothing and locks what the dispatcher writes."""
    drill = runbook("stuck-outbox")
    with in_the_background(bank, drill.cause(FORGOTTEN)), a_lock(bank) as locker:
        until(lambda: bool(writers(bank)), "the forgotten session does not write")
        (writer,) = writers(bank)
        pay_a_quarter_of_an_hour_ago(bank)
        drill.sees("TongbaoOutboxLags", "TongbaoOutboxStuck")

        assert "outbox merchants.orders" in drill.types(1, "tongbao doctor", status=1).text
        assert strangers(drill.types(2, WHO_WRITES)) == [writer]
        drill.types(2, END, PID=writer)
        until(lambda: f"{{{locker}}}" in drill.types(3, WHO_BLOCKS).text, "step 3 does not show who is in the way")
        assert drill.firing() == {"TongbaoOutboxLags", "TongbaoOutboxStuck"}
        drill.types(2, END, PID=locker)
        drill.is_over()

    lag = bank.get("/v1/outbox-lag")["items"]
    assert [line["unread"] for line in lag] == [0] * len(lag)


@contextmanager
def a_lock(bank: DrillBank) -> Iterator[int]:
    """The process of a session that holds one, as somebody does who builds an index."""
    with closing(psycopg.connect(bank.url, application_name="a forgotten shell")) as stranger:
        stranger.execute("LOCK TABLE base.outbox_cursor IN SHARE MODE")
        yield stranger.info.backend_pid


def pay_a_quarter_of_an_hour_ago(bank: DrillBank) -> None:
    """A payment whose event gets older at once, rather than in a quarter of an hour."""
    payment = bank.paid()
    bank.sql("UPDATE base.outbox SET recorded_at = recorded_at - interval '16 min' WHERE aggregate = %s", payment)


def writers(bank: DrillBank) -> list[str]:
    """Sessions that have written and do not end, other than the bank's own."""
    found = bank.sql(
        "SELECT pid::text FROM pg_stat_activity WHERE backend_xid IS NOT NULL AND application_name NOT LIKE 'tongbao%%'"
        " AND pid <> pg_backend_pid()"
    )
    return [pid for (pid,) in found]


def strangers(said: Said) -> list[str]:
    """The first column of what psql shows, of those that are not the bank's own."""
    lines = [line.split("|") for line in said.text.splitlines() if line.count("|") == 3]
    return [pid.strip() for pid, who, *_ in lines if pid.strip().isdigit() and not who.strip().startswith("tongbao")]
