"""A real browser before a real demo: `tongbao demo` on a database of its own, with a small made-up city and live traffic."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from uuid import uuid4

import httpx
import psycopg
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Playwright, Route, sync_playwright
from psycopg import sql

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tongbao.base.embedded import Cluster

SIZES = {"phone": {"width": 390, "height": 844}, "desktop": {"width": 1280, "height": 900}}
ARGUMENTS = ["--no-sandbox", "--disable-quic", "--disable-background-networking", "--disable-component-update"]
OPEN_WITHIN_S = 240
HEREBY = {"zh": "zh-CN", "en": "en-GB"}


class Demo:
    """Where the demo is, and what it says."""

    def __init__(self, address: str, process: subprocess.Popen[bytes], database: str) -> None:
        self.address = address
        self.process = process
        self.database = database


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def running(cluster: Cluster, folder: Path, *options: str) -> Iterator[Demo]:
    """The demo as `make demo` starts it, on a database of its own."""
    name = f"browser_{uuid4().hex}"
    with psycopg.connect(cluster.url("postgres"), autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    port = _free_port()
    said = folder / "said.txt"
    with said.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "tongbao.cli", "demo", "--port", str(port), *options],
            env={**os.environ, "TONGBAO_DATABASE_URL": cluster.url(name), "PYTHONUNBUFFERED": "1"},
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        yield Demo(_opened(port, process, said), process, cluster.url(name))
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


@pytest.fixture(scope="session")
def demo(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    """For everybody who leaves it as it was: few people, a short past."""
    options = ["--people", "200", "--shops", "20", "--payments", "2000", "--days", "8", "--rate", "6"]
    with running(cluster, tmp_path_factory.mktemp("demo"), *options) as opened:
        yield opened


def _opened(port: int, process: subprocess.Popen[bytes], said: Path) -> str:
    address = f"http://localhost:{port}"
    until = time.monotonic() + OPEN_WITHIN_S
    while time.monotonic() < until:
        assert process.poll() is None, said.read_text(errors="replace")
        try:
            if httpx.get(f"{address}/readyz", timeout=5, trust_env=False).status_code == 200:
                return address
        except httpx.HTTPError:
            pass
        time.sleep(0.2)
    raise TimeoutError(said.read_text(errors="replace"))


@pytest.fixture(scope="session")
def playwright() -> Iterator[Playwright]:
    with sync_playwright() as started:
        yield started


@pytest.fixture(scope="session")
def browser(playwright: Playwright) -> Iterator[Browser]:
    opened = playwright.chromium.launch(executable_path=chromium(), args=ARGUMENTS)
    yield opened
    opened.close()


def chromium() -> str:
    """The system's own."""
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    assert found, "the browser tests need Chromium (Debian: chromium)"
    return found


class Visitor:
    """Somebody with a browser window of a size, a language and a theme; nothing that he does leaves the machine."""

    def __init__(self, context: BrowserContext, demo: Demo) -> None:
        self.context = context
        self.address = demo.address
        self.strangers: list[str] = []
        self.troubles: list[str] = []
        context.route("**/*", self._watch)
        self.page: Page = context.new_page()
        self.page.on("pageerror", lambda error: self.troubles.append(f"{self.page.url}: {error}"))
        self.page.on("console", self._heard)

    def _watch(self, route: Route) -> None:
        if urlsplit(route.request.url).netloc != urlsplit(self.address).netloc and not route.request.url.startswith(
            "data:"
        ):
            self.strangers.append(route.request.url)
            route.abort()
        else:
            route.continue_()

    def _heard(self, message: Any) -> None:
        # A page that answers 4xx on purpose is told to the console by the browser; tests look at the status themselves.
        if message.type == "error" and "the server responded with a status of" not in message.text:
            self.troubles.append(f"{self.page.url}: {message.text}")

    def go(self, path: str) -> int:
        """Opens a page; its status."""
        answer = self.page.goto(self.address + path, wait_until="load")
        assert answer is not None
        return answer.status

    def enter(self, who: str) -> None:
        """By one of the demo's doors: `customer`, `shop`, or a member of staff's user name."""
        self.go("/")
        self.press(f'button.door[name=who][value="{who}"], button[name=who][value="{who}"]')

    def press(self, what: str = "main button.act") -> None:
        """Returns when the page to which it leads is whole: whoever reads at once may read the page before, or half of one."""
        with self.page.expect_navigation():
            self.page.click(what)

    def enter_everywhere(self) -> None:
        """All three sessions at once: each area has its own cookie."""
        for who in ("customer", "shop", self.staff()):
            self.enter(who)

    def staff(self) -> str:
        """The user name behind the staff door."""
        self.go("/")
        return re.findall(r'name="who" value="([a-z.]+\.[a-z.]+)"', self.page.content())[0]


Open = "Callable[..., Visitor]"


@pytest.fixture
def visit(browser: Browser, demo: Demo) -> Iterator[Callable[..., Visitor]]:
    """`visit(size="phone", language="zh", theme="dark", script=True)`; nobody's request leaves the machine, nothing goes wrong unseen."""
    opened: list[Visitor] = []

    def open_window(
        *, size: str = "desktop", language: str = "zh", theme: str = "light", script: bool = True
    ) -> Visitor:
        context = browser.new_context(
            viewport=SIZES[size],  # pyright: ignore[reportArgumentType]
            locale=HEREBY[language],
            color_scheme=theme,  # pyright: ignore[reportArgumentType]
            timezone_id="Asia/Shanghai",
            java_script_enabled=script,
            reduced_motion="reduce",
        )
        context.set_default_timeout(30_000)
        opened.append(Visitor(context, demo))
        return opened[-1]

    yield open_window
    for visitor in opened:
        visitor.context.close()
    assert not [stranger for visitor in opened for stranger in visitor.strangers], "a request left the machine"
    assert not [trouble for visitor in opened for trouble in visitor.troubles]
