"""The port to the card network, over TCP to a real one that declines, loses, repeats, is late, takes back and dies."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import date
from uuid import UUID, uuid4

import pytest

from tests.house.slices import ROOT
from tests.sandbox import card_network as network_of_sandbox
from tests.sandbox.card_network import card, running
from tests.sandbox.outsider import free_port
from tongbao.base.clock import SystemClock
from tongbao.payments.card_network import CardNetwork, CardSaid
from tongbao.payments.model import RailSaid
from tongbao.vault import PlainCard
from tongbao_sandbox.card_network import TRIGGERS

VALID = date(2028, 11, 30)


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Iterator[network_of_sandbox.CardNetwork]:
    with running(tmp_path_factory.mktemp("cards"), "--late-s", "3") as network:
        yield network


@pytest.fixture
def network(other: network_of_sandbox.CardNetwork) -> CardNetwork:
    return CardNetwork(other.wire, SystemClock().now, within_s=1)


def plain(trigger: str = "000", beginning: str = "915600") -> PlainCard:
    return PlainCard(card(trigger, beginning), VALID)


async def resolved(network: CardNetwork, id: UUID, amount: int) -> RailSaid:
    """What is known once somebody knows it."""
    for _ in range(10):
        answer = await network.look_up(id, amount, "CNY")
        if answer.said is not RailSaid.SILENT:
            return answer.said
    raise AssertionError("the network never says")


@pytest.mark.parametrize(
    ("trigger", "first", "then", "charged"),
    [
        ("000", RailSaid.ACCEPTED, RailSaid.ACCEPTED, 1),
        ("001", RailSaid.DECLINED, RailSaid.DECLINED, 0),
        ("002", RailSaid.DECLINED, RailSaid.DECLINED, 0),
        ("003", RailSaid.DECLINED, RailSaid.DECLINED, 0),
        ("011", RailSaid.SILENT, RailSaid.ACCEPTED, 1),
        ("012", RailSaid.SILENT, RailSaid.ACCEPTED, 1),
        ("013", RailSaid.SILENT, RailSaid.NEVER_SEEN, 0),
        ("014", RailSaid.SILENT, RailSaid.NEVER_SEEN, 0),
        ("015", RailSaid.SILENT, RailSaid.NEVER_SEEN, 0),
        ("016", RailSaid.SILENT, RailSaid.ACCEPTED, 1),
        ("017", RailSaid.SILENT, RailSaid.ACCEPTED, 1),
        ("018", RailSaid.SILENT, RailSaid.ACCEPTED, 1),
        ("019", RailSaid.ACCEPTED, RailSaid.ACCEPTED, 1),
        ("020", RailSaid.SILENT, RailSaid.ACCEPTED, 1),
        ("021", RailSaid.SILENT, RailSaid.DECLINED, 0),
        ("022", RailSaid.ACCEPTED, RailSaid.ACCEPTED, 1),
        ("023", RailSaid.ACCEPTED, RailSaid.ACCEPTED, 1),
        ("024", RailSaid.ACCEPTED, RailSaid.ACCEPTED, 1),
    ],
)
async def test_each_trigger(
    network: CardNetwork,
    other: network_of_sandbox.CardNetwork,
    trigger: str,
    first: RailSaid,
    then: RailSaid,
    charged: int,
) -> None:
    before, id_, bought = other.charged(), uuid4(), plain(trigger)
    assert (await network.purchase(id_, bought, 1234, "CNY")).said is first
    assert await resolved(network, id_, 1234) is then
    assert other.charged() - before == charged * 1234


def test_every_trigger_of_a_purchase_has_its_test() -> None:
    (mark,) = [m for m in test_each_trigger.pytestmark if m.name == "parametrize"]  # type: ignore[attr-defined]
    tested = {row[0] for row in mark.args[1]} - {"000"}
    assert tested | {"004", "005"} == set(TRIGGERS), "two are of binding"


def test_every_trigger_is_documented() -> None:
    page = (ROOT / "tongbao_sandbox" / "README.md").read_text(encoding="utf-8")
    assert not [digits for digits in TRIGGERS if digits not in page]


async def test_the_same_id_is_one_purchase(network: CardNetwork, other: network_of_sandbox.CardNetwork) -> None:
    before, id_, bought = other.charged(), uuid4(), plain()
    answers = await asyncio.gather(*(network.purchase(id_, bought, 500, "CNY") for _ in range(20)))
    assert {answer.said for answer in answers} == {RailSaid.ACCEPTED}
    assert other.charged() - before == 500
    assert (await network.purchase(id_, bought, 501, "CNY")).said is RailSaid.DECLINED, "an id stands for one amount"
    assert (await network.look_up(id_, 501, "CNY")).said is RailSaid.SILENT, "an answer about another amount is none"


async def test_what_was_charged_is_known_after_the_network_died(
    network: CardNetwork, other: network_of_sandbox.CardNetwork
) -> None:
    id_, bought = uuid4(), plain("012")
    assert (await network.purchase(id_, bought, 700, "CNY")).said is RailSaid.SILENT
    other.kill()
    assert (await network.look_up(id_, 700, "CNY")).said is RailSaid.NOT_SENT
    assert (await network.purchase(uuid4(), bought, 700, "CNY")).said is RailSaid.NOT_SENT
    other.start()
    assert await resolved(network, id_, 700) is RailSaid.ACCEPTED


async def test_a_card_has_no_more_than_it_has(network: CardNetwork) -> None:
    bought = plain()
    assert (await network.purchase(uuid4(), bought, 100_000_000, "CNY")).said is RailSaid.ACCEPTED
    answer = await network.purchase(uuid4(), bought, 1, "CNY")
    assert (answer.said, answer.reason) == (RailSaid.DECLINED, "answer 51")
    assert (await network.purchase(uuid4(), plain(), 10**12, "CNY")).said is RailSaid.DECLINED, "twelve digits at most"


async def test_a_card_of_no_bank_here(network: CardNetwork) -> None:
    answer = await network.purchase(uuid4(), PlainCard("4111111111111111", VALID), 100, "CNY")
    assert (answer.said, answer.reason) == (RailSaid.DECLINED, "answer 14")


async def test_the_owner_is_sent_a_code_and_five_wrong_ones_are_the_end(
    network: CardNetwork, other: network_of_sandbox.CardNetwork
) -> None:
    id_, bought, phone = uuid4(), plain(), "+8613800138001"
    assert await network.verify(id_, bought, "王小明", phone) is CardSaid.YES
    code = other.code(phone)
    assert await network.verify(id_, bought, "王小明", phone) is CardSaid.YES
    assert other.code(phone) == code, "asked twice, sent once"
    assert await network.prove(id_, bought, code) is CardSaid.YES
    wrong = f"{(int(code) + 1) % 10**6:06d}"
    assert [await network.prove(id_, bought, wrong) for _ in range(5)] == [CardSaid.WRONG_CODE] * 5
    assert await network.prove(id_, bought, code) is CardSaid.NO
    assert await network.prove(uuid4(), bought, code) is CardSaid.NO, "nobody was asked under this id"


async def test_whose_card_it_is_not(network: CardNetwork) -> None:
    for trigger in ("004", "005"):
        assert await network.verify(uuid4(), plain(trigger), "王小明", "+8613800138002") is CardSaid.NO
    visa = PlainCard("4111111111111111", VALID)
    assert await network.verify(uuid4(), visa, "王小明", "+8613800138002") is CardSaid.NO


async def test_nobody_there_and_nonsense_are_answers_too() -> None:
    gone = CardNetwork(f"tcp://127.0.0.1:{free_port()}", SystemClock().now, within_s=1)
    assert (await gone.purchase(uuid4(), plain(), 100, "CNY")).said is RailSaid.NOT_SENT
    assert await gone.verify(uuid4(), plain(), "王小明", "+8613800138002") is CardSaid.SILENT
    answers = iter([b"", b"\x00", b"\xff\xff" + b"x" * 100, b"\x00\x04\xff\xfe\x00\x01", b"\x00\x04" + b"0210"])

    async def odd(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(20)
        writer.write(next(answers))
        writer.close()

    async with await asyncio.start_server(odd, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        network = CardNetwork(f"tcp://127.0.0.1:{port}", SystemClock().now, within_s=2)
        for _ in range(5):
            said = await network.purchase(uuid4(), plain(), 100, "CNY")
            assert said.said is RailSaid.SILENT, "it may have been charged"


async def test_reversal_and_echo_of_the_network(other: network_of_sandbox.CardNetwork, network: CardNetwork) -> None:
    id_, bought = uuid4(), plain()
    before = other.charged()
    assert (await network.purchase(id_, bought, 900, "CNY")).said is RailSaid.ACCEPTED
    for kind in ("0400", "0401", "0420", "0800"):
        fields = {"2": bought.number, "3": "000000", "4": f"{900:012d}", "49": "156"}
        heard = await network._ask(kind, id_, fields)
        assert heard.code == "00"
    assert other.charged() == before
    assert await resolved(network, id_, 900) is RailSaid.DECLINED
    late = uuid4()
    await network._ask("0420", late, {"2": bought.number, "3": "000000", "4": f"{900:012d}", "49": "156"})
    assert (await network.purchase(late, bought, 900, "CNY")).said is RailSaid.DECLINED, "it was taken back before"
    assert other.charged() == before


async def test_what_is_taken_back_is_taken_back_once(
    network: CardNetwork, other: network_of_sandbox.CardNetwork
) -> None:
    before, id_, bought = other.charged(), uuid4(), plain()
    assert (await network.purchase(id_, bought, 900, "CNY")).said is RailSaid.ACCEPTED
    for again in (False, True, True):
        assert (await network.reverse(id_, bought, 900, "CNY", again=again)).said is RailSaid.ACCEPTED
    assert other.charged() == before
    late = uuid4()
    assert (await network.reverse(late, bought, 900, "CNY", again=False)).said is RailSaid.ACCEPTED
    assert (await network.purchase(late, bought, 900, "CNY")).said is RailSaid.DECLINED, "it was taken back before"
    unnamed = uuid4()
    assert (await network.purchase(unnamed, bought, 900, "CNY")).said is RailSaid.ACCEPTED
    assert (await network.reverse(unnamed, None, 901, "CNY", again=False)).said is RailSaid.DECLINED, "another amount"
    assert (await network.reverse(unnamed, None, 900, "CNY", again=False)).said is RailSaid.ACCEPTED, "by its id"
    assert other.charged() == before


@pytest.mark.parametrize(
    ("trigger", "said", "charged"),
    [
        ("022", [RailSaid.SILENT, RailSaid.ACCEPTED], 0),
        ("023", [RailSaid.SILENT, RailSaid.SILENT], 1),
        ("024", [RailSaid.DECLINED, RailSaid.DECLINED], 1),
    ],
)
async def test_a_reversal_that_goes_wrong(
    network: CardNetwork, other: network_of_sandbox.CardNetwork, trigger: str, said: list[RailSaid], charged: int
) -> None:
    before, id_, bought = other.charged(), uuid4(), plain(trigger)
    assert (await network.purchase(id_, bought, 400, "CNY")).said is RailSaid.ACCEPTED
    heard = [(await network.reverse(id_, bought, 400, "CNY", again=again)).said for again in (False, True)]
    assert (heard, other.charged() - before) == (said, charged * 400)
