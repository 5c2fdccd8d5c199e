"""What the bank expects of every way to another bank, asked of each adapter that there is."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest

from tests.sandbox.other_bank import OtherBank, free_port, running
from tongbao.payments import rails
from tongbao.payments.asking import ask_rail
from tongbao.payments.model import RailParcel, RailSaid, RailVerb
from tongbao.payments.rails import Rail

ACCOUNT = "6222020200112233445"


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OtherBank]:
    with running(tmp_path_factory.mktemp("other")) as bank:
        yield bank


@pytest.fixture
async def rail(other: OtherBank) -> AsyncIterator[Rail]:
    async with rails.connected({"sandbox": other.url}, within_s=1) as ways:
        yield ways["sandbox"]


async def pulled(rail: Rail, amount: int, again: UUID | None = None) -> tuple[UUID, RailSaid]:
    id_ = again or uuid4()
    return id_, (await rail.pull(id_, ACCOUNT, amount, "CNY")).said


async def asked(rail: Rail, id: UUID, amount: int) -> RailSaid:
    return (await rail.ask(id, amount, "CNY")).said


async def test_money_is_sent_once_however_often_it_is_asked_for(rail: Rail, other: OtherBank) -> None:
    before = other.sent()
    id_, said = await pulled(rail, 1200)
    assert said is RailSaid.ACCEPTED
    again = await asyncio.gather(*(pulled(rail, 1200, id_) for _ in range(5)))
    assert {said for _, said in again} == {RailSaid.ACCEPTED}
    assert await asked(rail, id_, 1200) is RailSaid.ACCEPTED
    assert other.sent() == before + 1200


async def test_a_no_is_a_no_with_its_reason(rail: Rail) -> None:
    id_ = uuid4()
    answer = await rail.pull(id_, ACCOUNT, 1201, "CNY")
    assert (answer.said, answer.reason) == (RailSaid.DECLINED, "insufficient_funds")
    assert await asked(rail, id_, 1201) is RailSaid.DECLINED


async def test_what_never_arrived_was_never_seen(rail: Rail) -> None:
    assert await asked(rail, uuid4(), 100) is RailSaid.NEVER_SEEN


@pytest.mark.parametrize("amount", [1212, 1213, 1214, 1211, 1215, 1216, 1217, 1218])
async def test_what_says_nothing_is_silence(rail: Rail, amount: int) -> None:
    assert (await pulled(rail, amount))[1] is RailSaid.SILENT


@pytest.mark.parametrize(("amount", "known"), [(1312, True), (1313, False), (1315, False), (1316, True)])
async def test_after_silence_it_says_what_it_knows(rail: Rail, amount: int, known: bool) -> None:
    id_, said = await pulled(rail, amount)
    assert said is RailSaid.SILENT
    assert await asked(rail, id_, amount) is (RailSaid.ACCEPTED if known else RailSaid.NEVER_SEEN)


async def test_an_answer_about_another_amount_is_none(rail: Rail) -> None:
    id_, _ = await pulled(rail, 1400)
    assert await asked(rail, id_, 1401) is RailSaid.SILENT
    assert (await rail.ask(id_, 1400, "EUR")).said is RailSaid.SILENT
    assert (await pulled(rail, 1499, id_))[1] is RailSaid.SILENT, "the id stands for another request"


async def test_a_bank_that_is_not_there_never_heard_us() -> None:
    async with rails.connected({"gone": f"http://127.0.0.1:{free_port()}"}, within_s=1) as ways:
        assert (await pulled(ways["gone"], 100))[1] is RailSaid.NOT_SENT
        assert await asked(ways["gone"], uuid4(), 100) is RailSaid.NOT_SENT


@asynccontextmanager
async def saying(answer: bytes) -> AsyncIterator[Rail]:
    """A rail behind something that answers everything with `answer`; empty: it hangs up."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server, rails.connected({"odd": f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"}) as ways:
        yield ways["odd"]


def http(status: int, body: bytes, *headers: bytes) -> bytes:
    head = [b"HTTP/1.1 %d Odd" % status, b"content-length: %d" % len(body), b"connection: close", *headers]
    return b"\r\n".join(head) + b"\r\n\r\n" + body


ODD = [
    b"",
    b"nonsense\r\n\r\n",
    http(404, b"not found"),
    http(404, b'{"id": "0198f000-0000-7000-8000-000000000000", "status": "never_seen"}'),
    http(302, b"", b"location: http://127.0.0.1:1/"),
    http(200, b"{}"),
    http(200, b"[]"),
    http(200, b"\xff\xfe"),
    http(200, b"x" * 100_000),
    http(204, b""),
    http(429, b"{}"),
]


@pytest.mark.parametrize("answer", ODD, ids=range(len(ODD)))
async def test_what_stands_in_between_is_never_believed(answer: bytes) -> None:
    """A 404 from a gateway must not pass for the other bank's word that it has never seen the request."""
    async with saying(answer) as rail:
        assert await asked(rail, uuid4(), 100) is RailSaid.SILENT
        assert (await pulled(rail, 100))[1] is RailSaid.SILENT


async def test_not_decided_yet_is_silence() -> None:
    id_ = uuid4()
    body = b'{"id": "%s", "status": "pending", "amount": 100, "currency": "CNY"}' % str(id_).encode()
    async with saying(http(200, body)) as rail:
        assert await asked(rail, id_, 100) is RailSaid.SILENT


async def test_a_question_is_timed(rail: Rail) -> None:
    at = datetime(2026, 11, 23, tzinfo=UTC)
    parcel = RailParcel(uuid4(), "sandbox", ACCOUNT, 1214, "CNY", None, RailVerb.PULL, 0, None, None)
    call = await ask_rail(rail, parcel, at)
    assert (call.verb, call.at, call.said) == (RailVerb.PULL, at, RailSaid.SILENT)
    assert call.duration_ms >= 1000
