"""The sandbox's push service: it takes what a sender vouches for, and the browser alone reads it."""

from __future__ import annotations

import json
import re
import secrets
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from tests.sandbox.push import Browser, PushService, running
from tongbao.notices.web_push import Subscription, encrypted
from tongbao_sandbox.push import BODY_LARGEST, KEPT, Fate, Push
from tongbao_sandbox.push_coding import CURVE, Keys, plain, point, web64

README = Path(__file__).parents[2] / "tongbao_sandbox" / "README.md"
NOW = 1_790_000_000
URL = "http://127.0.0.1:8096"
SENDER = ec.generate_private_key(CURVE)


def test_the_example_of_rfc_8291_is_read() -> None:
    """Section 5, with the keys of appendix A."""
    browser = Keys(plain("q1dXpw3UpT5VOmu_cf_v6ih07Aems3njxI-JWgLcM94"), plain("BTBZMqHH6r4Tts7J_aSIgg"))
    assert browser.shown()["p256dh"] == (
        "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4"
    )
    body = plain(
        "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A_"
        "yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN"
    )
    assert browser.read(body) == b"When I grow up, I want to be a watermelon"
    assert Keys.fresh().read(body) is None, "nobody else does"
    for n in range(0, len(body), 7):
        assert browser.read(body[:n]) is None
        assert browser.read(body[:n] + bytes([body[n] ^ 1]) + body[n + 1 :]) is None, f"byte {n} is another"


def vouched(key: ec.EllipticCurvePrivateKey = SENDER, *, alg: str = "ES256", at: int = NOW, **changed: Any) -> str:
    """As RFC 8292 has it, for half a day."""
    claims = {"aud": URL, "exp": at + 43_200, "sub": "https://bank.example", **changed}
    signed = ".".join(web64(json.dumps(part).encode()) for part in ({"typ": "JWT", "alg": alg}, claims))
    r, s = decode_dss_signature(key.sign(signed.encode(), ec.ECDSA(hashes.SHA256())))
    return f"vapid t={signed}.{web64(r.to_bytes(32, 'big') + s.to_bytes(32, 'big'))}, k={web64(point(key))}"


def sealed(subscription: dict[str, Any], text: str) -> bytes:
    his = Subscription(subscription["endpoint"], **subscription["keys"])
    return encrypted(text.encode(), his, ec.generate_private_key(CURVE), secrets.token_bytes(16))


class InProcess:
    """The same service at a moment that stands still."""

    def __init__(self, folder: Path) -> None:
        self.push = Push(folder, URL, lambda: NOW)
        transport = httpx.ASGITransport(app=self.push.application)  # pyright: ignore[reportArgumentType]
        self.http = httpx.AsyncClient(transport=transport, base_url=URL)

    async def browser(self, **wanted: str) -> dict[str, Any]:
        return (await self.http.post("/browsers", json=wanted)).json()

    async def send(self, browser: dict[str, Any], text: str, **changed: str | None) -> httpx.Response:
        return await self.post(browser, sealed(browser["subscription"], text), **changed)

    async def post(self, browser: dict[str, Any], body: bytes, **changed: str | None) -> httpx.Response:
        given = {"authorization": vouched(), "ttl": "60", "content-encoding": "aes128gcm"}
        given |= {name.replace("_", "-"): value for name, value in changed.items()}
        headers = [(name.encode(), value.encode("latin-1")) for name, value in given.items() if value is not None]
        return await self.http.post(browser["subscription"]["endpoint"], content=body, headers=headers)

    async def messages(self, browser: dict[str, Any]) -> list[dict[str, Any]]:
        return (await self.http.get(f"/browsers/{browser['id']}/messages")).json()["messages"]


@pytest.fixture
async def push(tmp_path: Path) -> AsyncIterator[InProcess]:
    push = InProcess(tmp_path)
    async with push.http:
        yield push
    push.push.close()


async def test_what_is_pushed_is_read(push: InProcess) -> None:
    browser, other = await push.browser(), await push.browser()
    answer = await push.send(browser, "您好")
    assert (answer.status_code, answer.content) == (201, b"")
    [message] = await push.messages(browser)
    assert answer.headers["location"] == f"{URL}/messages/{message['number']}"
    assert (message["text"], message["ttl"], message["at"], message["times"]) == ("您好", 60, NOW, 1)
    assert message["vapid"] == {
        "aud": URL,
        "exp": NOW + 43_200,
        "sub": "https://bank.example",
        "key": web64(point(SENDER)),
    }
    assert await push.messages(other) == []
    assert (await push.post(other, sealed(browser["subscription"], "您好"))).status_code == 201
    assert [one["text"] for one in await push.messages(other)] == [None], "taken, and not to be read by this browser"
    assert (await push.http.get("/totals")).json() == {"browsers": 2, "messages": 2}


async def test_one_of_the_same_topic_takes_the_place_of_the_one_before(push: InProcess) -> None:
    browser, other = await push.browser(), await push.browser()
    for text in ("old", "new"):
        await push.send(browser, text, topic="balance")
        await push.send(other, text)
    assert [(one["text"], one["times"]) for one in await push.messages(browser)] == [("new", 2)]
    assert [(one["text"], one["times"]) for one in await push.messages(other)] == [("old", 1), ("new", 1)]


@pytest.mark.parametrize(
    ("authorization", "status"),
    [
        (None, 401),
        ("Bearer tb_bank", 401),
        ("vapid", 403),
        ("vapid t=a.b.c, k=AAAA", 403),
        ("vapid t=å, k=å", 403),
        ({"alg": "none"}, 403),
        ({"aud": "https://push.example"}, 403),
        ({"exp": NOW}, 403),
        ({"exp": NOW + 86_401}, 403),
        ({"exp": "tomorrow"}, 403),
        ({"sub": "the bank"}, 403),
    ],
)
async def test_what_nobody_vouches_for_is_refused(
    push: InProcess, authorization: str | dict[str, Any] | None, status: int
) -> None:
    browser = await push.browser()
    given = vouched(**authorization) if isinstance(authorization, dict) else authorization
    answer = await push.send(browser, "x", authorization=given)
    assert answer.status_code == status, answer.text
    assert answer.headers.get("www-authenticate") == ("vapid" if status == 401 else None)
    assert await push.messages(browser) == []


async def test_the_key_that_is_named_is_the_one_that_signed(push: InProcess) -> None:
    browser = await push.browser(key=web64(point(SENDER)))
    named = vouched(ec.generate_private_key(CURVE)).partition("k=")[0] + f"k={web64(point(SENDER))}"
    assert (await push.send(browser, "x", authorization=named)).status_code == 403
    assert await push.messages(browser) == []


async def test_a_browser_lets_in_the_sender_to_whom_it_subscribed(push: InProcess) -> None:
    browser = await push.browser(key=web64(point(SENDER)))
    assert (await push.send(browser, "x", authorization=vouched(ec.generate_private_key(CURVE)))).status_code == 403
    assert (await push.send(browser, "x")).status_code == 201
    assert (await push.http.post("/browsers", json={"key": "AAAA"})).status_code == 422
    assert (await push.http.post("/browsers", json={"key": 7})).status_code == 422


@pytest.mark.parametrize(
    ("changed", "status"),
    [
        ({"ttl": None}, 400),
        ({"ttl": "soon"}, 400),
        ({"topic": "x" * 33}, 400),
        ({"topic": "a b"}, 400),
        ({"content_encoding": None}, 415),
        ({"content_encoding": "aesgcm"}, 415),
    ],
)
async def test_what_is_no_push_message_is_refused(push: InProcess, changed: dict[str, str | None], status: int) -> None:
    browser = await push.browser()
    assert (await push.send(browser, "x", **changed)).status_code == status
    assert (await push.post(browser, b"x" * (BODY_LARGEST + 1))).status_code == 413
    assert await push.messages(browser) == []


@pytest.mark.parametrize(("fate", "status"), [("unknown", 404), ("gone", 410), ("busy", 429), ("broken", 500)])
async def test_what_becomes_of_messages_is_told_for_each_browser(push: InProcess, fate: str, status: int) -> None:
    browser, other = await push.browser(fate=fate), await push.browser()
    answer = await push.send(browser, "x")
    assert answer.status_code == status
    assert answer.headers.get("retry-after") == ("60" if fate == "busy" else None)
    assert (await push.send(other, "x")).status_code == 201, "the other one is well"
    assert (await push.http.post(f"/browsers/{browser['id']}", json={"fate": "taken"})).json()["fate"] == "taken"
    assert (await push.send(browser, "x")).status_code == 201
    assert len(await push.messages(browser)) == 1


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("POST", f"/push/{'0' * 32}", 404),
        ("GET", f"/browsers/{'0' * 32}/messages", 404),
        ("POST", f"/browsers/{'0' * 32}", 404),
        ("GET", "/push/x", 404),
        ("GET", "/healthz", 200),
    ],
)
async def test_other_requests(push: InProcess, method: str, path: str, status: int) -> None:
    assert (await push.http.request(method, path, content=b"{}")).status_code == status


async def test_a_fate_that_is_none(push: InProcess) -> None:
    assert (await push.http.post("/browsers", json={"fate": "nice"})).status_code == 422


async def test_the_newest_are_kept_also_over_a_restart(push: InProcess, tmp_path: Path) -> None:
    browser = await push.browser()
    body = sealed(browser["subscription"], "x")
    for n in range(KEPT + 3):
        await push.post(browser, body, topic=str(n))
    push.push.close()
    push.push = Push(tmp_path, URL, lambda: NOW)
    again = InProcess(tmp_path)
    async with again.http:
        assert [one["number"] for one in await again.messages(browser)] == list(range(4, KEPT + 4))
        assert (await again.send(browser, "after")).status_code == 201
    again.push.close()


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PushService]:
    with running(tmp_path_factory.mktemp("push"), "--late-s", "2") as service:
        yield service


def pushed(service: PushService, browser: Browser, timeout: int = 30) -> httpx.Response:
    headers = {
        "authorization": vouched(aud=service.url, at=int(time.time())),
        "ttl": "60",
        "content-encoding": "aes128gcm",
    }
    body, to = sealed(browser.subscription, "您好"), browser.subscription["endpoint"]
    return httpx.post(to, content=body, headers=headers, timeout=timeout, trust_env=False)


def test_some_are_answered_late_and_some_never(service: PushService) -> None:
    late, lost = service.browser(fate="late"), service.browser(fate="lost")
    for browser in (late, lost):
        with pytest.raises(httpx.ReadTimeout):
            pushed(service, browser, timeout=1)
    assert [len(browser.messages()) for browser in (late, lost)] == [1, 1], "taken all the same"
    assert pushed(service, late).status_code == 201


def test_faults_are_for_every_browser_and_a_restart_ends_them(service: PushService) -> None:
    browser = service.browser()
    service.fault("down")
    assert pushed(service, browser).status_code == 503
    assert browser.messages() == [], "and what was sent is shown all the while"
    service.fault("lose")
    with pytest.raises(httpx.ReadTimeout):
        pushed(service, browser, timeout=1)
    service.kill()
    service.start()
    assert pushed(service, browser).status_code == 201
    assert [one["text"] for one in browser.messages()] == ["您好", "您好"]
    assert service.totals()["browsers"] >= 1


def test_the_readme_names_every_fate() -> None:
    page = README.read_text(encoding="utf-8").partition("## A push service")[2].partition("\n## ")[0]
    assert set(re.findall(r"^\| `(\w+)` \|", page, re.MULTILINE)) == {fate.value for fate in Fate}
