"""The pages at the server while payments go on: how long each takes and how large it is.

`tongbao demo` founds a small city and serves it, with a worker and one API process; 200 payments a second are made beside. Every
page that links lead to is then asked for in turn, over and over, by one reader who is staff, a customer and a shop at once, and
beside each a route that answers in JSON. Times are from the request's first byte to the answer's last, over loopback.
"""

from __future__ import annotations

import asyncio
import gzip
import os
import platform
import secrets
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

import httpx
import msgspec

from tongbao import app, history, identity
from tongbao.base import ids
from tongbao.base.db import BULK, Database
from tongbao.base.principal import SYSTEM
from tongbao.web import session
from tongbao_bench import links
from tongbao_bench.own_database import settings
from tongbao_bench.payments import free_port
from tongbao_sim.client import Client, NoAnswer, NotSent, Reply

CITY = {"people": 400, "shops": 40, "payments": 10_000, "days": 14}
RATE = 230
"""Stories a second; not each of them is a payment, so that some 200 a second are."""
ROUNDS = 100
EACH = 3
AT_MOST_S = 240
WARM_UP_S = 5


class Guest(msgspec.Struct, frozen=True):
    """One reader who holds a session of every area, a key of the bank's own, and the city for the traffic."""

    cookie: str
    key: str
    city: dict[str, Any]


class Times(msgspec.Struct, frozen=True):
    samples: int
    p50_ms: float
    p95_ms: float
    p99_ms: float


class PageFigures(msgspec.Struct, frozen=True):
    """`bytes` as the browser reads it, `sent` as it goes over the line; the largest of what was seen."""

    route: str
    addresses: int
    samples: int
    p50_ms: float
    p95_ms: float
    p99_ms: float
    bytes: int
    sent: int


def bench(
    url: str, *, rate: int = RATE, rounds: int = ROUNDS, said: Callable[[str], None] = lambda _: None
) -> dict[str, Any]:
    """`errors` lists what did not answer 200, pages and dead links alike."""
    port = free_port()
    said("founding a city")
    with living(url, port):
        guest = asyncio.run(admit(url, port))
        with traffic(port, guest, rate) as live:
            said("following links")
            found = asyncio.run(explore(port, guest))
            time.sleep(WARM_UP_S)
            said(f"asking for {len(found.pages)} pages")
            began = time.monotonic()
            readings = asyncio.run(read(port, guest, found, rounds))
            figures = live(time.monotonic() - began)
    return document(found, readings, figures) | {
        "rate": rate,
        "settings": settings(url),
        "machine": f"{platform.machine()}, {platform.system()} {platform.release()}, Python {platform.python_version()}",
        "cores": os.cpu_count(),
    }


@contextmanager
def living(url: str, port: int) -> Iterator[None]:
    """The demo on this database, with next to no traffic of its own, until the block ends."""
    command = [sys.executable, "-m", "tongbao.cli", "demo", "--port", str(port), "--rate", "1", "--json"]
    for name, value in CITY.items():
        command += [f"--{name}", str(value)]
    with tempfile.TemporaryFile() as said:
        demo = subprocess.Popen(
            command, env={**os.environ, "TONGBAO_DATABASE_URL": url}, stdout=subprocess.DEVNULL, stderr=said
        )
        try:
            asyncio.run(_open(port, demo))
            yield
        except _Ended as ended:
            said.seek(0)
            sys.exit(f"tongbao bench: the demo ended with {ended}:\n{said.read()[-3000:].decode(errors='replace')}")
        finally:
            demo.terminate()
            demo.wait()


class _Ended(Exception):
    """The demo is no more; its exit status."""


async def _open(port: int, demo: subprocess.Popen[bytes]) -> None:
    while True:
        if demo.poll() is not None:
            raise _Ended(demo.returncode)
        try:
            async with Client("127.0.0.1", port, "", 1, timeout_s=2) as client:
                if (await client.get("/readyz"))[0] == 200:
                    return
        except (NotSent, NoAnswer):
            await asyncio.sleep(0.2)


async def admit(url: str, port: int) -> Guest:
    """In by the demo's doors as a customer and as a shop; as staff of every role at once, whom no door lets in."""
    at = datetime.now(UTC)
    token, key = (identity.fresh_token(kind, secrets.token_bytes) for kind in ("staff", "bank"))
    async with Database(url, size=1, limits=BULK, name="tongbao bench") as db, db.tx() as tx:
        city = await history.city_file(tx, "CNY")
        new = identity.NewKey(id=ids.uuid7(at), kind=identity.KeyKind.BANK)
        await identity.issue_key(tx, new, key, by=SYSTEM, at=at)
        person = identity.NewStaff(id=ids.uuid7(at), username="bench", name="Bench", roles=frozenset(identity.Role))
        hashed = identity.hash_password(secrets.token_urlsafe(), secrets.token_bytes(16))
        await identity.create_staff(tx, person, hashed, by=SYSTEM, at=at)
        await identity.let_in(tx, person.id, session_id=ids.uuid7(at), token=token, by=SYSTEM, at=at)
    cookies = {session.NAMES["staff"]: str(token)}
    address = f"http://127.0.0.1:{port}"
    async with httpx.AsyncClient(base_url=address, headers={"Origin": address}, timeout=30, trust_env=False) as client:
        for who in ("customer", "shop"):
            cookies.update((await client.post("/door", data={"who": who})).cookies)
    return Guest("; ".join(f"{name}={value}" for name, value in cookies.items()), str(key), city)


@contextmanager
def traffic(port: int, guest: Guest, rate: int) -> Iterator[Callable[[float], dict[str, Any]]]:
    """The city's payments until the block ends; asked, it tells what went through in the last so many seconds."""
    with tempfile.TemporaryDirectory(prefix="tongbao-bench-") as folder:
        city, lines = Path(folder) / "city.json", Path(folder) / "lines"
        city.write_bytes(msgspec.json.encode(guest.city))
        command = [
            sys.executable,
            "-m",
            "tongbao_sim",
            "load",
            "--url",
            f"http://127.0.0.1:{port}",
            "--city",
            str(city),
        ]
        command += ["--rate", str(rate), "--flat", "--seed", "7", "--json", "--audit-every-s", "3600"]
        with lines.open("wb") as out:
            child = subprocess.Popen(command, env={**os.environ, "TONGBAO_KEY": guest.key}, stdout=out)
        try:
            yield lambda seconds: _live(lines, int(seconds))
        finally:
            child.kill()
            child.wait()


def _live(lines: Path, seconds: int) -> dict[str, Any]:
    said = [msgspec.json.decode(line) for line in lines.read_bytes().splitlines(keepends=True) if line.endswith(b"\n")]
    last = said[-max(1, seconds) :]
    return {
        "payments_per_s": round(sum(line["payments_per_s"] for line in last) / max(1, len(last)), 1),
        "success_rate": min((line["success_rate"] for line in last), default=0.0),
        "p50_ms": round(median([line["p50_ms"] for line in last] or [0.0]), 2),
        "p99_ms": round(median([line["p99_ms"] for line in last] or [0.0]), 2),
    }


async def explore(port: int, guest: Guest) -> links.Found:
    headers = {"Cookie": guest.cookie, "Accept": "text/html", "Accept-Language": "zh-CN"}
    known = links.templates(app.PAGES)
    async with httpx.AsyncClient(headers=headers, timeout=30, trust_env=False) as client:
        client.base_url = httpx.URL(f"http://127.0.0.1:{port}")
        return await links.follow(client, known, each=EACH)


async def read(port: int, guest: Guest, found: links.Found, rounds: int) -> Readings:
    """Rounds over all pages, one request at a time; a round that begins after `AT_MOST_S` is not begun."""
    readings = Readings()
    json_route = f"/v1/accounts/{guest.city['accounts'][0]['id']}"
    async with Client("127.0.0.1", port, guest.key, 1, timeout_s=30) as client:
        began = time.monotonic()
        for n in range(rounds):
            if time.monotonic() > began + AT_MOST_S:
                break
            for route, urls in found.pages.items():
                url = urls[n % len(urls)]
                readings.page(route, url, *await _timed(client, _wire(port, guest, url)))
                readings.json(json_route, *await _timed(client, client.wire("GET", json_route)))
    return readings


def _wire(port: int, guest: Guest, url: str) -> bytes:
    return (
        f"GET {url} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nCookie: {guest.cookie}\r\nAccept: text/html\r\n"
        "Accept-Encoding: gzip\r\nAccept-Language: zh-CN\r\n\r\n"
    ).encode()


async def _timed(client: Client, wire: bytes) -> tuple[Reply, float]:
    began = time.perf_counter()
    try:
        reply = await client.once(wire)
    except (NotSent, NoAnswer):
        reply = Reply(0, b"")
    return reply, (time.perf_counter() - began) * 1000


class Readings:
    """What was measured, and what did not answer 200."""

    def __init__(self) -> None:
        self.pages: dict[str, list[float]] = {}
        self.sizes: dict[str, tuple[int, int]] = {}
        self.plain: list[float] = []
        self.errors: list[links.Wrong] = []

    def page(self, route: str, url: str, reply: Reply, took_ms: float) -> None:
        if reply.status != 200:
            self.errors.append(links.Wrong(url, reply.status, "the measurement"))
            return
        whole = gzip.decompress(reply.body) if reply.body[:2] == b"\x1f\x8b" else reply.body
        self.pages.setdefault(route, []).append(took_ms)
        self.sizes[route] = max(self.sizes.get(route, (0, 0)), (len(whole), len(reply.body)))

    def json(self, url: str, reply: Reply, took_ms: float) -> None:
        if reply.status != 200:
            self.errors.append(links.Wrong(url, reply.status, "the measurement"))
        self.plain.append(took_ms)


def document(found: links.Found, readings: Readings, live: dict[str, Any]) -> dict[str, Any]:
    """The slowest page first; all pages together; and beside them the JSON route, as ratios."""
    pages = [
        PageFigures(route, len(found.pages[route]), **msgspec.structs.asdict(times(took)), bytes=size[0], sent=size[1])
        for route, took in readings.pages.items()
        for size in [readings.sizes[route]]
    ]
    pages.sort(key=lambda page: -page.p95_ms)
    together = times([took for each in readings.pages.values() for took in each])
    plain = times(readings.plain)
    return {
        "page_p50_ms": together.p50_ms,
        "page_p95_ms": together.p95_ms,
        "page_p99_ms": together.p99_ms,
        "slowest": pages[0].route if pages else None,
        "slowest_p95_ms": pages[0].p95_ms if pages else 0.0,
        "largest": max(pages, key=lambda page: page.bytes).route if pages else None,
        "largest_bytes": max((page.bytes for page in pages), default=0),
        "json_p50_ms": plain.p50_ms,
        "json_p95_ms": plain.p95_ms,
        "times_json_p50": round(together.p50_ms / plain.p50_ms, 2) if plain.p50_ms else 0.0,
        "times_json_p95": round(together.p95_ms / plain.p95_ms, 2) if plain.p95_ms else 0.0,
        "pages": msgspec.to_builtins(pages),
        "live": live,
        "unreached": found.unreached,
        "errors": msgspec.to_builtins([*found.wrong, *readings.errors]),
    }


def times(took_ms: list[float]) -> Times:
    if not took_ms:
        return Times(0, 0.0, 0.0, 0.0)
    line = sorted(took_ms)
    at = [round(line[min(len(line) - 1, len(line) * percent // 100)], 2) for percent in (50, 95, 99)]
    return Times(len(line), *at)
