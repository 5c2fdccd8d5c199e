"""The files of the pages: under names that hold their hash, kept for ever, and nothing beside them."""

from __future__ import annotations

import gzip
import re
from hashlib import sha256
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest

from tests.house import draw_icons
from tests.house.slices import BANK
from tests.web.page_house import application, browser
from tongbao.web import assets

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import httpx

STATIC = BANK / "web" / "static"
KINDS = {".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml"}
FILES = [path for path in (*STATIC.iterdir(), *(STATIC / "vendor").iterdir()) if path.suffix in KINDS]


@pytest.fixture(scope="module")
def app() -> Any:
    return application()


@pytest.fixture
async def http(app: Any) -> AsyncIterator[httpx.AsyncClient]:
    async with browser(app) as client:
        yield client


def address(name: str) -> str:
    return assets.address(name)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
async def test_a_file_is_what_its_name_says(http: httpx.AsyncClient, path: Any) -> None:
    at = address(str(path.relative_to(STATIC)))
    assert at == f"/static/{path.stem}.{sha256(path.read_bytes()).hexdigest()[:12]}{path.suffix}"
    plain = await http.get(at, headers={"accept-encoding": "identity"})
    small = await http.get(at, headers={"accept-encoding": "gzip"})
    assert plain.content == small.content == path.read_bytes()
    assert small.headers["content-encoding"] == "gzip"
    assert "content-encoding" not in plain.headers
    for answer in (plain, small):
        assert answer.status_code == 200
        assert answer.headers["content-type"] == KINDS[path.suffix]
        assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
        assert answer.headers["vary"] == "Accept-Encoding"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "set-cookie" not in answer.headers
    asset = assets.find(at.removeprefix("/static/"))
    assert asset
    assert gzip.decompress(asset.small) == asset.raw


PLAIN_NAMES = [
    "tongbao.css",
    "vendor/htmx-2.0.11.min.js",
    "SHA256SUMS",
    "tongbao.00000000000.css",
    "other.000000000000.css",
    "htmx-2.0.11.LICENSE",
    "",
]
ELSEWHERE = ["../pages.py", "..%2fpages.py", "%2e%2e/pages.py", "..%5cpages.py", "vendor/../../zh.po", "/etc/passwd", "%2fetc%2fpasswd",
             "....//pages.py", "..", ".", "~root", "tongbao.css%00.js", "//etc/passwd", "../templates/layout.html"]  # fmt: skip


@pytest.mark.parametrize("name", [*PLAIN_NAMES, *ELSEWHERE])
async def test_there_is_nothing_beside_them(http: httpx.AsyncClient, name: str) -> None:
    answer = await http.get(f"http://bank.example/static/{name}")
    assert answer.status_code in (400, 404)
    assert answer.headers["cache-control"] == "no-store", "what is missing now may be there tomorrow"
    assert "root:" not in answer.text
    assert "from __future__" not in answer.text


async def test_a_page_of_another_version_finds_this_version_of_its_files(http: httpx.AsyncClient) -> None:
    """Kept by nobody: the next answer may come from the version that the name is of."""
    answer = await http.get("/static/tongbao.000000000000.css")
    assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-store")
    assert answer.content == (STATIC / "tongbao.css").read_bytes()


def test_no_name_leads_out_of_the_package() -> None:
    for name in (*ELSEWHERE, *(quote(name, safe="") for name in ELSEWHERE)):
        assert assets.find(name) is None
        with pytest.raises(KeyError):
            assets.address(name)


async def test_every_page_names_files_that_are_there(http: httpx.AsyncClient) -> None:
    html = (await http.get("/open")).text
    named = re.findall(r'(?:src|href|data-charts)="(/static/[^"]+)"', html)
    assert len(named) == 8
    for at in named:
        assert (await http.get(at)).status_code == 200
    assert not re.search(r'(?:src|href)="(?:https?:)?//', html)


async def test_the_icon_that_browsers_ask_for(http: httpx.AsyncClient) -> None:
    answer = await http.get("/favicon.ico")
    assert (answer.status_code, answer.headers["location"]) == (303, address("sign.svg"))


@pytest.mark.parametrize("name", draw_icons.ICONS)
def test_the_icons_are_drawn_from_the_sign(name: str) -> None:
    assert draw_icons.draw(*draw_icons.ICONS[name]) == (STATIC / name).read_bytes()
