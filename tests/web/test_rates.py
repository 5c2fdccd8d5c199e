"""How often somebody may ask: as many at once as a burst holds, then at an even pace, each by himself, in bounded room."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from litestar import get, post
from litestar.params import FromQuery

from tongbao.base.principal import Principal, PrincipalKind
from tongbao.base.refusal import Refusal
from tongbao.base.settings import Settings
from tongbao.web import refusals
from tongbao.web.door import Door, Visit
from tongbao.web.rates import Buckets, Limits, asked_from, network_of
from tongbao.web.site import SENDS_CODE, By, authenticated, open_to_all, site

SECOND_NS = 10**9
KEY = Principal(id=UUID(int=1), kind=PrincipalKind.PARTNER)
OTHER = Principal(id=UUID(int=2), kind=PrincipalKind.PARTNER)
PHONE = Principal(id=UUID(int=3), kind=PrincipalKind.CUSTOMER, subject_id=UUID(int=3), session_id=UUID(int=31))
LAPTOP = Principal(id=UUID(int=3), kind=PrincipalKind.CUSTOMER, subject_id=UUID(int=3), session_id=UUID(int=32))
TOKENS = {"key": KEY, "other": OTHER, "phone": PHONE, "laptop": LAPTOP}


class Time:
    """Nanoseconds that pass when they are told to."""

    def __init__(self) -> None:
        self.ns = 1_000 * SECOND_NS

    def __call__(self) -> int:
        return self.ns

    def passes(self, seconds: int) -> None:
        self.ns += seconds * SECOND_NS


def test_as_many_at_once_as_the_burst_holds_then_one_at_a_time() -> None:
    time = Time()
    buckets = Buckets(12, burst_s=60, now_ns=time)
    assert [buckets.take("a") for _ in range(12)] == [0] * 12
    assert buckets.take("a") == 5 * SECOND_NS
    time.passes(4)
    assert buckets.take("a") == SECOND_NS, "what is refused takes nothing"
    time.passes(1)
    assert (buckets.take("a"), buckets.take("a")) == (0, 5 * SECOND_NS)
    assert buckets.take("b") == 0, "each has his own"
    time.passes(60)
    assert [buckets.take("a") for _ in range(12)] == [0] * 12


def test_even_the_smallest_rate_lets_one_through() -> None:
    time = Time()
    buckets = Buckets(1, burst_s=1, now_ns=time)
    assert (buckets.take("a"), buckets.take("a")) == (0, 60 * SECOND_NS)
    buckets.give_back("a")
    assert buckets.take("a") == 0
    buckets.give_back("nobody")
    assert buckets.take("nobody") == 0


@given(st.integers(1, 100_000), st.integers(1, 600), st.lists(st.integers(0, 10), max_size=60))
def test_never_more_than_the_burst_and_the_rate(a_minute: int, burst_s: int, pauses: list[int]) -> None:
    """Against a bucket that is kept as a plain level, in sixtieths of a nanosecond's token."""
    time = Time()
    buckets = Buckets(a_minute, burst_s, now_ns=time)
    every, most = 60 * SECOND_NS // a_minute, max(1, a_minute * burst_s // 60)
    level = most * every
    for pause in pauses:
        time.passes(pause)
        level = min(most * every, level + pause * SECOND_NS)
        taken = level >= every
        assert (buckets.take("a") == 0) is taken
        level -= every if taken else 0


def test_a_flood_of_strangers_takes_no_more_room_and_forgets_whoever_was_there_longest_ago() -> None:
    buckets = Buckets(1, now_ns=Time(), most=100)
    buckets.take("often")
    for n in range(10_000):
        buckets.take(n)
        assert buckets.take("often") > 0, "whoever keeps asking is not forgotten"
    assert buckets.kept == 100
    assert buckets.take(0) == 0, "and whoever was there long ago begins anew"


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("203.0.113.9", "203.0.113.9"),
        ("::ffff:203.0.113.9", "203.0.113.9"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
        ("2001:db8:1:2:ffff::1", "2001:db8:1:2::"),
        ("127.0.0.1", None),
        ("127.8.8.8", None),
        ("::1", None),
        ("testclient", None),
    ],
)
def test_what_counts_as_one_address(address: str, network: str | None) -> None:
    assert network_of(address) == network


@pytest.mark.parametrize(
    ("client", "said", "found"),
    [
        ("203.0.113.9", ["198.51.100.1"], "203.0.113.9"),
        ("10.0.0.7", ["198.51.100.1"], "198.51.100.1"),
        ("10.0.0.7", ["1.1.1.1, 198.51.100.1"], "198.51.100.1"),
        ("10.0.0.7", ["1.1.1.1", "198.51.100.1, 10.0.0.8"], "198.51.100.1"),
        ("10.0.0.7", ["2001:db8::1"], "2001:db8::1"),
        ("10.0.0.7", ["198.51.100.1, <script>"], "10.0.0.7"),
        ("10.0.0.7", [], "10.0.0.7"),
        ("10.0.0.7", ["10.0.0.8"], "10.0.0.7"),
    ],
)
def test_only_a_proxy_of_our_own_says_who_asks(client: str, said: list[str], found: str) -> None:
    limits = Limits(proxies="10.0.0.0/24, 2001:db8:ffff::/48")
    scope: dict[str, Any] = {
        "client": (client, 5),
        "path": "/",
        "headers": [(b"x-forwarded-for", one.encode()) for one in said],
    }
    limits.arrived(scope, lambda _: False)
    assert scope["client"][0] == found
    assert asked_from({"client": None, "headers": []}, ()) is None


def test_without_being_asked_nothing_is_bounded_outside_of_production() -> None:
    for settings in (Settings(), Settings(env="demo"), Settings(env="production", rate_limits="never")):
        limits = Limits.of(settings)
        for _ in range(2_000):
            limits.known(PHONE)
    limits = Limits.of(Settings(env="production"))
    for _ in range(300):
        limits.known(PHONE)
    with pytest.raises(Refusal) as refused:
        limits.known(PHONE)
    assert (refused.value.code, refused.value.retry_after_s) == ("rate_limited", 1)


VISITS: list[Visit] = []


@get("/v1/who", guards=[authenticated])
async def who(principal: By) -> str:
    return str(principal.id)


@get("/page", guards=[open_to_all])
async def page() -> str:
    return "open"


@post("/login", guards=[open_to_all], status_code=200)
async def login(right: FromQuery[bool] = False) -> str:
    if not right:
        raise refusals.INVALID_FIELD("no")
    return "in"


@post("/code", guards=[open_to_all], opt=SENDS_CODE, status_code=200)
async def code() -> str:
    return "sent"


async def known(token: str) -> Principal:
    ASKED.append(token)
    if token not in TOKENS:
        raise refusals.INVALID_KEY()
    return TOKENS[token]


ASKED: list[str] = []


class Street:
    """People who ask from addresses of their own."""

    def __init__(self, app: Any) -> None:
        self.app = app

    async def ask(
        self, path: str, *, token: str | None = None, address: str = "203.0.113.9", method: str = "GET", **query: Any
    ) -> httpx.Response:
        transport = httpx.ASGITransport(app=self.app, client=(address, 1))
        async with httpx.AsyncClient(transport=transport, base_url="http://bank.example") as client:
            headers = {"authorization": f"Bearer {token}"} if token else {}
            return await client.request(method, path, headers=headers, params=query)

    async def statuses(self, times: int, path: str, **how: Any) -> list[int]:
        return [(await self.ask(path, **how)).status_code for _ in range(times)]


@asynccontextmanager
async def street(**rates: int) -> AsyncIterator[tuple[Street, Time]]:
    VISITS.clear()
    ASKED.clear()
    time = Time()
    door = Door(known, observe=VISITS.append)
    door.limits = Limits(**rates, proxies="", now_ns=time)
    framework = site([who, page, login, code], door=door, provide={})
    yield Street(door.wrap(framework)), time


async def test_a_key_counts_by_itself_wherever_it_is_used() -> None:
    async with street(key=3, address=1) as (people, time):
        assert await people.statuses(2, "/v1/who", token="key") == [200, 200]
        assert await people.statuses(2, "/v1/who", token="key", address="198.51.100.1") == [200, 429]
        refused = await people.ask("/v1/who", token="key")
        assert refused.headers["content-type"] == "application/problem+json"
        assert (refused.json()["code"], refused.json()["retry_after_s"]) == ("rate_limited", 20)
        assert refused.headers["retry-after"] == "20"
        assert VISITS[-1].principal == KEY, "who asks too often is on record"
        assert await people.statuses(1, "/v1/who", token="other") == [200]
        time.passes(20)
        assert await people.statuses(2, "/v1/who", token="key") == [200, 429]


async def test_a_person_counts_on_each_device_and_on_all_together() -> None:
    async with street(device=2, account=3) as (people, _):
        assert await people.statuses(3, "/v1/who", token="phone") == [200, 200, 429]
        assert await people.statuses(2, "/v1/who", token="laptop") == [200, 429]


async def test_an_address_without_a_key_is_bounded_and_its_neighbours_with_one_are_not() -> None:
    async with street(address=3) as (people, time):
        assert await people.statuses(4, "/page") == [200, 200, 200, 429]
        assert await people.statuses(1, "/page", address="203.0.113.10") == [200]
        assert await people.statuses(1, "/page", address="127.0.0.1") == [200], "this machine's own programs"
        assert await people.statuses(1, "/v1/who", token="key") == [429], "a key that nobody has seen here"
        assert await people.statuses(1, "/v1/who", token="key", address="198.51.100.1") == [200]
        assert await people.statuses(5, "/v1/who", token="key") == [200] * 5
        time.passes(20)
        assert await people.statuses(2, "/page") == [200, 429]


async def test_a_flood_of_made_up_keys_costs_few_questions() -> None:
    async with street(address=3) as (people, _):
        answers = [await people.ask("/v1/who", token=f"guess{n}") for n in range(20)]
        assert [answer.status_code for answer in answers] == [401] * 3 + [429] * 17
        assert len(ASKED) == 3
        assert await people.statuses(1, "/page", token="guess") == [429], "a header opens no page"


async def test_tries_are_few_whomever_they_concern_and_who_comes_in_has_used_none() -> None:
    async with street(tries=3) as (people, time):
        assert await people.statuses(10, "/login", method="POST", right=True) == [200] * 10
        assert await people.statuses(4, "/login", method="POST") == [422, 422, 422, 429]
        assert VISITS[-1].code == "tries_limited"
        assert await people.statuses(1, "/login", method="POST", right=True) == [429], "a right one is not heard now"
        assert await people.statuses(1, "/login", method="POST", right=True, address="198.51.100.1") == [200]
        assert await people.statuses(1, "/page") == [200], "whoever only reads is not in question"
        time.passes(20)
        assert await people.statuses(1, "/login", method="POST", right=True) == [200]


async def test_codes_are_fewer_still_and_stay_tries() -> None:
    async with street(tries=3, codes=2) as (people, _):
        assert await people.statuses(3, "/code", method="POST") == [200, 200, 429]
        assert VISITS[-1].code == "codes_limited"
        assert await people.statuses(1, "/login", method="POST", right=True) == [429], "nobody saw whether they came in"
