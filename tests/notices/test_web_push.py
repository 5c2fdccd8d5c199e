"""Web Push: only the browser reads what is pushed, push services know the bank, and a browser that is gone is forgotten."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import msgspec
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.http.conftest import ServedBank, clone, founded, served
from tests.payments.me import Me, Page, session_of
from tests.sandbox.push import Browser, PushService, running
from tongbao import identity, notices, vault
from tongbao.base import outside
from tongbao.base.clock import SystemClock
from tongbao.base.db import BULK, Database
from tongbao.base.embedded import Cluster
from tongbao.base.settings import SettingsError
from tongbao.notices import Channel, Kind, NewNotice, Subscription, What
from tongbao.notices.jobs import Sender
from tongbao.notices.web_push import PushGateway, encrypted, is_usable, plain, point, read_key, web64

CURVE = ec.SECP256R1()
FIREFOX = "https://updates.push.services.mozilla.com/wpush/v2/abc"


def key_of(number: str) -> ec.EllipticCurvePrivateKey:
    return ec.derive_private_key(int.from_bytes(plain(number), "big"), CURVE)


def test_the_example_of_rfc_8291_comes_out_to_the_byte() -> None:
    """Section 5, with the keys of appendix A."""
    subscription = Subscription(
        "https://push.example.net/push/JzLQ3raZJfFBR0aqvOMsLrt54w4rJUsV",
        "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4",
        "BTBZMqHH6r4Tts7J_aSIgg",
    )
    sender = key_of("yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw")
    text = b"When I grow up, I want to be a watermelon"
    body = encrypted(text, subscription, sender, plain("DGv6ra1nlYgDCS1FRnbzlw"))
    assert web64(body) == (
        "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A_"
        "yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN"
    )


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PushService]:
    """Of a browser's maker."""
    with running(tmp_path_factory.mktemp("push")) as service:
        yield service


def subscription(browser: Browser, endpoint: str = "") -> Subscription:
    given = browser.subscription
    return Subscription(endpoint or given["endpoint"], **given["keys"])


def pem(path: Path, curve: ec.EllipticCurve = CURVE) -> ec.EllipticCurvePrivateKey:
    key = ec.generate_private_key(curve)
    form = serialization.PrivateFormat.PKCS8
    path.write_bytes(key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()))
    return key


class World:
    """A served bank that pushes, and 李梅, who is new in it."""

    def __init__(self, db: Database, me: Me, key: ec.EllipticCurvePrivateKey) -> None:
        self.db, self.me, self.key = db, me, key

    async def subscribe(self, browser: Browser, endpoint: str = "") -> None:
        his, at = subscription(browser, endpoint), SystemClock().now()
        id_ = UUID(bytes=his.mark[:16])
        async with self.db.tx() as tx:
            said = msgspec.json.encode(his)
            sealed = await vault.seal(tx, self.me.customer, said, bound=notices.bound_subscription(id_), at=at)
            new = notices.Subscribed(id=id_, subject_id=self.me.customer, sealed=sealed)
            await notices.subscribe(tx, new, his.mark, at=at)

    async def tell(self, text: str) -> None:
        at = SystemClock().now()
        async with self.db.tx() as tx:
            await identity.tell_customer(tx, self.me.customer, text, about=secrets.token_hex(4), at=at, path="/me/help")

    async def send(self, *, later: timedelta = timedelta(0), within_s: int = 10) -> None:
        """As the worker does, `later` than now."""
        async with outside.client(10) as client:
            clock = SystemClock()
            way = PushGateway(client, self.key, "https://localhost", clock.now, secrets.token_bytes, within_s=within_s)
            sender = Sender(self.db, clock, {Channel.PUSH: way}, vault.open_sealed)
            at = clock.now() + later
            for parcel in await sender.take(UUID(bytes=secrets.token_bytes(16)), at):
                await sender.record([(parcel, await sender.send(parcel, at))])

    async def browsers(self) -> int:
        async with self.db.read() as tx:
            return len(await notices.subscriptions_of(tx, [self.me.customer]))

    async def states(self) -> list[tuple[str, str | None]]:
        async with self.db.read() as tx:
            return [
                (one.state.value, one.reason.value if one.reason else None)
                for one in await notices.messages_to(tx, self.me.customer)
                if one.channel is Channel.PUSH
            ]


@pytest.fixture(scope="module")
async def pushing(
    cluster: Cluster, template: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[tuple[ServedBank, ec.EllipticCurvePrivateKey]]:
    """A served bank, and the key by which push services know it."""
    path = tmp_path_factory.mktemp("bank") / "push.pem"
    key = pem(path)
    with clone(cluster, template) as database:
        token = await founded(database)
        with served(database, TONGBAO_PUSH_KEY=str(path)) as (_, port):
            bank = ServedBank(f"http://127.0.0.1:{port}", database, port)
            bank.tokens["bank"] = token
            async with bank.http:
                yield bank, key


@pytest.fixture
async def world(pushing: tuple[ServedBank, ec.EllipticCurvePrivateKey]) -> AsyncIterator[World]:
    bank, key = pushing
    phone = f"+86138{secrets.randbelow(10**8):08}"
    made = await bank.make("/v1/customers", {"kind": "person", "name": "李梅", "phone": phone})
    id_ = UUID(made["id"])
    me = Me(bank, id_, await bank.account(100_000, customer=id_), await session_of(bank, id_), "zh")
    async with me.http, Database(bank.database, size=2, limits=BULK) as db:
        yield World(db, me, key)


async def test_what_is_pushed_is_read_by_the_browser_alone(world: World, service: PushService) -> None:
    browser, other = service.browser(key=web64(point(world.key))), service.browser()
    await world.subscribe(browser)
    await world.tell("您的密码已修改")
    await world.send()
    [pushed] = browser.messages()
    told = msgspec.json.decode(pushed["text"])
    assert (told["text"], told["path"]) == ("您的密码已修改", "/me/help")
    assert other.messages() == []
    assert (pushed["ttl"], pushed["vapid"]["sub"]) == (86_400, "https://localhost")
    assert await world.states() == [("sent", "no_answer")], "nobody says that it arrived"
    await world.send()
    assert [one["times"] for one in browser.messages()] == [1], "sent once"


async def test_a_browser_that_knows_another_sender_hears_nothing(world: World, service: PushService) -> None:
    """It subscribed under a key that the bank has no more."""
    browser = service.browser(key=web64(point(ec.generate_private_key(CURVE))))
    await world.subscribe(browser)
    await world.tell("x")
    await world.send()
    assert browser.messages() == []
    assert await world.states() == [("queued", None)]


@pytest.mark.parametrize("fate", ["unknown", "gone"])
async def test_a_browser_that_is_gone_is_forgotten(world: World, service: PushService, fate: str) -> None:
    gone, here = service.browser(), service.browser()
    await world.subscribe(gone)
    gone.meets(fate)
    await world.tell("x")
    await world.subscribe(here, "http://127.0.0.1:9/nobody")
    await world.send()
    assert await world.browsers() == 1, "the other one stays"
    assert await world.states() == [("failed", "undelivered")]


@pytest.mark.parametrize("fate", ["busy", "broken"])
async def test_a_service_in_trouble_is_asked_again_later(world: World, service: PushService, fate: str) -> None:
    browser = service.browser(fate=fate)
    await world.subscribe(browser)
    await world.tell("x")
    await world.send()
    assert await world.states() == [("queued", None)]
    assert await world.browsers() == 1
    browser.meets("taken")
    await world.send(later=timedelta(minutes=10))
    assert await world.states() == [("sent", "no_answer")]
    assert [msgspec.json.decode(one["text"])["text"] for one in browser.messages()] == ["x"]


async def test_an_answer_that_is_lost_makes_no_second_notice(world: World, service: PushService) -> None:
    """The message goes again, and takes the place of the first one."""
    browser = service.browser(fate="lost")
    await world.subscribe(browser)
    await world.tell("x")
    await world.send(within_s=1)
    assert await world.states() == [("queued", None)]
    browser.meets("taken")
    await world.send(later=timedelta(minutes=10))
    assert await world.states() == [("sent", "no_answer")]
    assert [one["times"] for one in browser.messages()] == [2]


async def test_money_is_pushed_to_whoever_lets_it(world: World, service: PushService) -> None:
    browser = service.browser()
    await world.subscribe(browser)
    new = NewNotice(
        id=UUID(bytes=secrets.token_bytes(16)),
        subject_id=world.me.customer,
        kind=Kind.MONEY_OUT,
        at=SystemClock().now(),
        what=What.PAID,
        amount_minor=1_280,
        currency="CNY",
        path=None,
    )
    async with world.db.tx() as tx:
        wanted = (await notices.choices_of(tx, [world.me.customer]))[world.me.customer]
        his = await notices.subscriptions_of(tx, [world.me.customer])
        await identity.send_notice(tx, new, wanted, his)
    await world.send()
    assert msgspec.json.decode(browser.messages()[0]["text"])["text"] == "您支付了 ¥12.80。"


async def test_a_browser_is_let_in_and_all_are_sent_away_on_the_page(world: World, service: PushService) -> None:
    page = await world.me.get("/me/notices/channels")
    assert f'data-push="{web64(point(world.key))}"' in page.html
    wish = msgspec.to_builtins(subscription(service.browser(), FIREFOX))
    for _ in range(2):
        answer = await world.me.post("/me/notices/push", wish)
        assert answer.status_code == 303, Page(answer).text
        assert await world.browsers() == 1, "the same browser once"
    assert "您已在 1 个浏览器中开启推送" in (await world.me.get("/me/notices/channels")).text
    assert (await world.me.post("/me/notices/channels", {"security_push": ""})).status_code == 303
    await world.tell("x")
    assert await world.states() == [], "he wants none of it pushed"
    assert (await world.me.post("/me/notices/push/stop", {"id": ""})).status_code == 303
    assert await world.browsers() == 0


async def test_one_browser_is_one_person_s_and_goes_with_him(world: World, service: PushService) -> None:
    browser = service.browser()
    await world.subscribe(browser)
    async with world.db.tx() as tx:
        other = UUID(bytes=secrets.token_bytes(16))
        taken = notices.Subscribed(id=other, subject_id=other, sealed=b"x")
        await notices.subscribe(tx, taken, subscription(browser).mark, at=SystemClock().now())
    assert await world.browsers() == 0, "whoever logs in there now has it"
    await world.subscribe(browser)
    async with world.db.tx() as tx:
        await notices.drop_people(tx, [world.me.customer])
    assert await world.browsers() == 0


NO_SERVICE: list[dict[str, str]] = [
    {"endpoint": "http://updates.push.services.mozilla.com/x"},
    {"endpoint": "https://169.254.169.254/latest"},
    {"endpoint": "https://evil-googleapis.com/x"},
    {"endpoint": "https://fcm.googleapis.com:8443/x"},
    {"endpoint": "https://googleapis.com@localhost/x"},
    {"endpoint": "https://[broken"},
    {"p256dh": "AAAA"},
    {"p256dh": "关"},
    {"auth": "AAAA"},
    {"auth": ""},
]


async def test_what_names_no_push_service_or_no_key_is_turned_away(world: World, service: PushService) -> None:
    usable = msgspec.to_builtins(subscription(service.browser(), FIREFOX))
    for changed in NO_SERVICE:
        assert not is_usable(Subscription(**{**usable, **changed})), changed
        answer = await world.me.post("/me/notices/push", {**usable, **changed})
        assert answer.status_code == 422, changed
        assert "无法向此浏览器推送" in Page(answer).text, changed
        assert await world.browsers() == 0, changed


def test_a_key_that_is_none_is_refused_at_the_start(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="no private key"):
        read_key(str(tmp_path / "nowhere.pem"))
    (tmp_path / "text.pem").write_text("no key")
    with pytest.raises(SettingsError, match="no private key"):
        read_key(str(tmp_path / "text.pem"))
    pem(tmp_path / "other.pem", ec.SECP384R1())
    with pytest.raises(SettingsError, match="P-256"):
        read_key(str(tmp_path / "other.pem"))
