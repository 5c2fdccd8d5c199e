"""The sandbox's SMS gateway: it does what its README says, once for each id, and a person reads it on a page."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from uuid import uuid4

import httpx
import pytest

from tests.sandbox.sms import SmsGateway, running
from tongbao_sandbox.phones import POLICY
from tongbao_sandbox.sms import TRIGGERS, Gateway, Trigger

SANDBOX = Path(__file__).parents[2] / "tongbao_sandbox"
CODE = "【通宝银行】登录验证码 048213，5 分钟内有效。"


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SmsGateway]:
    with running(tmp_path_factory.mktemp("sms"), "--late-s", "1") as gateway:
        yield gateway


def new() -> str:
    return str(uuid4())


def number(last: str = "5678") -> str:
    """Nobody else's, with these last digits."""
    return f"+86138{uuid4().int % 10_000:04d}{last}"


class InProcess:
    """The same gateway on a clock that is wound by hand."""

    def __init__(self, folder: Path) -> None:
        self.now = 1_790_000_000
        self.gateway = Gateway(folder, lambda: self.now, late_s=15)
        transport = httpx.ASGITransport(app=self.gateway.application)  # pyright: ignore[reportArgumentType]
        self.http = httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1")

    async def send(self, to: str, text: str = CODE, id: str | None = None) -> httpx.Response:
        return await self.http.post("/messages", json={"id": id or new(), "to": to, "text": text})


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[InProcess]:
    here = InProcess(tmp_path)
    yield here
    await here.http.aclose()
    here.gateway.close()


def test_a_message_arrives_once(gateway: SmsGateway) -> None:
    id_, to = new(), number()
    answers = [gateway.send(id_, to, CODE) for _ in range(3)]
    assert {answer.status_code for answer in answers} == {200}
    assert [answer.json() for answer in answers] == [{"id": id_, "status": "delivered"}] * 3
    assert gateway.report(id_).json() == {"id": id_, "status": "delivered"}
    (message,) = gateway.messages(to)
    assert (message["id"], message["text"], message["code"]) == (id_, CODE, "048213")


def test_many_ask_at_once_and_it_is_sent_once(gateway: SmsGateway) -> None:
    id_, to, before = new(), number(), gateway.total()
    with ThreadPoolExecutor(8) as people:
        list(people.map(lambda _: gateway.send(id_, to), range(24)))
    assert len(gateway.messages(to)) == 1
    assert gateway.total() == before + 1


def test_an_id_stands_for_one_message(gateway: SmsGateway) -> None:
    id_, to = new(), number()
    gateway.send(id_, to, "one")
    assert gateway.send(id_, to, "two").status_code == 409
    assert gateway.send(id_, number(), "one").status_code == 409
    assert gateway.texts(to) == ["one"]


def test_what_it_never_heard_of(gateway: SmsGateway) -> None:
    id_ = new()
    assert gateway.report(id_).status_code == 404
    assert gateway.report(id_).json() == {"id": id_, "status": "never_seen"}
    assert gateway.messages(number()) == []


@pytest.mark.parametrize(
    ("last", "status", "copies"), [("0001", "refused", 0), ("0002", "undelivered", 0), ("0004", "delivered", 2)]
)
def test_what_becomes_of_it(gateway: SmsGateway, last: str, status: str, copies: int) -> None:
    id_, to = new(), number(last)
    assert gateway.send(id_, to).json() == {"id": id_, "status": status}
    assert len(gateway.messages(to)) == copies


async def test_it_arrives_late(here: InProcess) -> None:
    id_, to = new(), number("0003")
    assert (await here.send(to, id=id_)).json()["status"] == "taken"
    here.now += 14
    assert (await here.http.get(f"/messages/{id_}")).json()["status"] == "taken"
    assert (await here.http.get(f"/phones/{to}.json")).json()["messages"] == []
    here.now += 1
    assert (await here.http.get(f"/messages/{id_}")).json()["status"] == "delivered"
    (message,) = (await here.http.get(f"/phones/{to}.json")).json()["messages"]
    assert message["code"] == "048213"


@pytest.mark.parametrize(
    ("trigger", "is_done"),
    [(Trigger.ANSWER_LOST, True), (Trigger.REQUEST_LOST, False), (Trigger.ALWAYS_LOST, False)],
    ids=lambda value: value.name if isinstance(value, Trigger) else "",
)
def test_it_says_nothing(gateway: SmsGateway, trigger: Trigger, is_done: bool) -> None:
    last = next(digits for digits, one in TRIGGERS.items() if one is trigger)
    id_, to = new(), number(last)
    with pytest.raises(httpx.ReadTimeout):
        gateway.send(id_, to, timeout=1)
    assert len(gateway.messages(to)) == is_done
    if trigger is Trigger.REQUEST_LOST:
        assert gateway.send(id_, to).json()["status"] == "delivered"
        assert len(gateway.messages(to)) == 1
    else:
        with pytest.raises(httpx.ReadTimeout):
            gateway.send(id_, to, timeout=1)
        assert len(gateway.messages(to)) == is_done


def test_it_answers_late_breaks_or_talks_nonsense(gateway: SmsGateway) -> None:
    late = gateway.send(new(), number("0011"))
    assert (late.status_code, late.elapsed.total_seconds() >= 1) == (200, True)
    before, after, to = new(), new(), number("0015")
    assert gateway.send(before, to).status_code == 500
    assert gateway.messages(to) == []
    assert gateway.send(before, to).status_code == 200
    assert gateway.send(after, number("0016")).status_code == 500
    assert gateway.report(after).json()["status"] == "delivered"
    assert gateway.send(new(), number("0017")).content == b'{"status": "tak'


def test_faults_hit_everybody_until_they_end(gateway: SmsGateway) -> None:
    to = number()
    try:
        gateway.fault("down")
        assert gateway.send(new(), to).status_code == 503
        assert gateway.messages(to) == [], "phones can be looked at"
        gateway.fault("lose")
        with pytest.raises(httpx.ReadTimeout):
            gateway.send(new(), to, timeout=1)
        gateway.fault("slow")
        assert gateway.send(new(), to).elapsed.total_seconds() >= 3
    finally:
        gateway.fault("none")
    assert len(gateway.messages(to)) == 2
    assert httpx.post(f"{gateway.url}/faults", json={"mode": "tired"}, trust_env=False).status_code == 422


def test_what_it_sent_outlives_it(tmp_path: Path) -> None:
    with running(tmp_path) as gateway:
        id_, to = new(), number()
        gateway.send(id_, to, "kept")
        gateway.kill()
        gateway.start()
        assert gateway.send(id_, to, "kept").status_code == 200
        assert gateway.texts(to) == ["kept"]


BAD = [
    {"id": ""},
    {"id": 5},
    {"id": "a/b"},
    {"to": "13800"},
    {"to": "+86 1380013800x"},
    {"to": None},
    {"to": "+8613800138000; +8613800138001"},
    {"text": ""},
    {"text": None},
    {"text": "x" * 1001},
]


@pytest.mark.parametrize("change", BAD, ids=str)
async def test_it_takes_no_nonsense(here: InProcess, change: dict[str, object]) -> None:
    body = {"id": new(), "to": "+8613800138000", "text": "您好", **change}
    assert (await here.http.post("/messages", json=body)).status_code == 422


async def test_a_body_that_is_none(here: InProcess) -> None:
    for content, status in ((b"{", 400), (b"[]", 400), (b"\xff", 400), (b'"' + b"x" * 20_000 + b'"', 413)):
        assert (await here.http.post("/messages", content=content)).status_code == status
    assert (await here.http.get("/nothing")).status_code == 404
    assert (await here.http.get("/phones/five")).status_code == 422


@pytest.mark.parametrize(
    ("given", "is_sent"), [("13800138000", True), ("+86 138-0013-8000", True), ("0013800138000", False)]
)
async def test_ways_to_write_a_number(here: InProcess, given: str, is_sent: bool) -> None:
    assert (await here.send(given)).status_code == (200 if is_sent else 422)
    found = (await here.http.get("/phones/+8613800138000.json")).json()["messages"]
    assert len(found) == is_sent


async def test_a_person_reads_it_on_a_page(here: InProcess) -> None:
    to = number()
    await here.send(to, "older, without a code: 12345")
    here.now += 60
    await here.send(to, CODE)
    page = await here.http.get(f"/phones/{to}")
    assert page.status_code == 200
    assert page.headers["content-security-policy"] == POLICY
    assert '<html lang="zh-Hans-CN">' in page.text
    assert page.text.index("048213") < page.text.index("older"), "newest first"
    assert re.findall(r'class="code">([0-9]+)<', page.text) == ["048213"]
    english = await here.http.get(f"/phones/{to}?lang=en")
    assert '<html lang="en">' in english.text
    assert f"Messages of {to}" in english.text
    browser = await here.http.get(f"/phones/{to}", headers={"accept-language": "en-GB,en;q=0.9"})
    assert browser.text == english.text


async def test_a_phone_is_found_by_its_number(here: InProcess) -> None:
    to = number()
    assert to not in (await here.http.get("/")).text
    await here.send(to)
    assert f'href="/phones/{to}?lang=en"' in (await here.http.get("/?lang=en")).text
    found = await here.http.get("/phones", params={"number": to.removeprefix("+86"), "lang": "en"})
    assert (found.status_code, found.headers["location"]) == (303, f"/phones/{to}?lang=en")
    empty = await here.http.get(f"/phones/{number()}?lang=en")
    assert "Nothing has arrived yet" in empty.text


async def test_a_text_is_only_text(here: InProcess) -> None:
    to, text = number(), "<script>alert(1)</script> & \u202e'\""
    await here.send(to, text)
    page = (await here.http.get(f"/phones/{to}?lang=%22%3E%3Cb%3E")).text
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt; &amp;" in page
    assert "<b>" not in page


def test_every_trigger_is_documented() -> None:
    page = (SANDBOX / "README.md").read_text(encoding="utf-8")
    assert not [digits for digits in TRIGGERS if digits not in page]
