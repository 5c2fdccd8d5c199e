"""What is logged can be read by machines, and by people who may not know our secrets."""

from __future__ import annotations

import io
import json
import logging
import os
import subprocess
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from tongbao.base import log, metrics, tracing
from tongbao.base.settings import Settings, load

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

KEY = "tb_live_9fQ2mXw7Lk3"
CARD = "4111 1111 1111 1111"


@pytest.fixture
def lines() -> Iterator[Callable[[], list[dict[str, Any]]]]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    to = io.StringIO()
    log.configure(to=to)
    yield lambda: [json.loads(line) for line in to.getvalue().splitlines()]
    root.handlers[:], root.level = handlers, level


def test_an_event_is_one_line_of_json_with_what_is_bound(lines: Callable[[], list[dict[str, Any]]]) -> None:
    logger = log.get("tongbao.payments")
    with log.bind(request_id="r-1", payment_id="p-1"):
        logger.info("payment_submitted", amount_minor=1250, note="咖啡")
    logger.debug("too quiet")
    logger.info("after")
    first, second = lines()
    assert first.pop("at").endswith("Z")
    assert first == {
        "event": "payment_submitted",
        "level": "info",
        "logger": "tongbao.payments",
        "request_id": "r-1",
        "payment_id": "p-1",
        "amount_minor": 1250,
        "note": "咖啡",
    }
    assert "request_id" not in second


def test_no_secret_is_ever_written(lines: Callable[[], list[dict[str, Any]]]) -> None:
    class Order(msgspec.Struct):
        api_key: str
        note: str

    class Person(msgspec.Struct):
        name: str

        def __repr__(self) -> str:
            return "Person()"

    logger = log.get("tongbao.door")
    secrets = [
        "王小明",
        KEY,
        "4111111111111111",
        CARD,
        "hunter2",
        "s3cr3t-value",
        "eyJhbGciOi.abc.def",
        "whsec_C2FVsBQIhrscChl",
    ]
    logger.info(
        f"key {KEY} arrived",
        headers={"Authorization": "Bearer eyJhbGciOi.abc.def", "X-Thing": ["Bearer eyJhbGciOi.abc.def"]},
        nested=[{"password": "hunter2", "deep": {"card_number": CARD, "text": f"paid with {CARD}."}}],
        url="postgresql://bank:hunter2@db/tongbao?sslmode=require",
        form="user=mei&password=hunter2&x=1",
        order=Order(api_key="s3cr3t-value", note="4111111111111111"),
        people=[Person("王小明")],
        raw=b"4111111111111111",
        number=4111111111111111,
        secret=["whsec_C2FVsBQIhrscChl"],
        hook="whsec_C2FVsBQIhrscChl",
    )
    try:
        raise ValueError(f"bad key {KEY} with password='hunter2'")
    except ValueError:
        logger.exception("it broke")
    logging.getLogger("some.library").warning("connecting with token=%s and %s", "s3cr3t-value", KEY)
    written = json.dumps(lines(), ensure_ascii=False)
    assert [secret for secret in secrets if secret in written] == []
    assert "sslmode=require" in written
    assert "***1111" in written
    assert "test_no_secret_is_ever_written" in written, "the traceback is there"


def test_what_is_not_a_secret_stays_readable() -> None:
    def check(text: str) -> None:
        assert log.redacted(text) == text

    check("0192f3c0-7b1e-7abc-8def-0123456789ab")
    check("12345678-1234-7123-8123-123456789012")
    check("4111111111111112 fails Luhn")
    check("9007199254740991 minor units at 2026-11-22T06:49:00.123456Z")
    check("token expired; the password was wrong; account 90001 1234")


def test_people_may_read_it_too() -> None:
    to = io.StringIO()
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    try:
        log.configure("warning", "console", to)
        log.get("tongbao").warning("day_closed", day="2026-11-22", key=KEY)
        log.get("tongbao").info("not this one")
    finally:
        root.handlers[:], root.level = handlers, level
    assert "day_closed" in to.getvalue()
    assert KEY not in to.getvalue()
    assert "not this one" not in to.getvalue()


def test_figures_are_rendered_for_prometheus() -> None:
    metrics.PAYMENTS.labels("of_this_test").inc(3)
    metrics.BATCH_SIZE.labels("of_this_test").observe(40)
    text = metrics.render().decode()
    assert 'tongbao_payments_total{state="of_this_test"} 3.0' in text
    assert 'tongbao_batch_items_bucket{batch="of_this_test",le="50.0"} 1.0' in text


def test_processes_that_share_a_directory_count_together(tmp_path: Path) -> None:
    environment = {**os.environ, **metrics.share(tmp_path / "figures")}
    program = "from tongbao.base import metrics; metrics.PAYMENTS.labels('held').inc(2)"
    for _ in range(2):
        subprocess.run([sys.executable, "-c", program], env=environment, check=True)
    program = "from tongbao.base import metrics; print(metrics.render().decode())"
    shown = subprocess.run([sys.executable, "-c", program], env=environment, check=True, capture_output=True, text=True)
    assert 'tongbao_payments_total{state="held"} 4.0' in shown.stdout


def test_tracing_is_off_unless_asked_for() -> None:
    tracing.configure(load({}), "test")
    with tracing.span("payment", items=3) as nothing:
        assert nothing is None


def test_traces_go_to_the_endpoint_and_carry_ids_only() -> None:
    received: list[tuple[str, bytes]] = []

    class Collector(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            received.append((self.path, self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Collector) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        settings = Settings(trace_endpoint=f"http://127.0.0.1:{server.server_port}/v1/traces")
        tracing.configure(settings, "tongbao-test", one_in=1)
        with tracing.span("payment batch", items=3) as span:
            assert span.is_recording()
        tracing.shutdown()
        server.shutdown()
        thread.join()
    ((path, body),) = received
    assert path == "/v1/traces"
    assert b"payment batch" in body
    assert b"tongbao-test" in body
    with tracing.span("afterwards") as nothing:
        assert nothing is None
