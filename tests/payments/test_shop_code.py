"""What a shop's code says, as it is written, drawn and read."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable
from urllib.parse import urlencode, urlsplit
from uuid import UUID

import pytest
import zxingcpp
from hypothesis import example, given
from hypothesis import strategies as st

from tests.http.conftest import ServedBank
from tests.http.conftest import bank as served  # noqa: F401  the served bank of tests/http
from tests.payments.test_collect_pages import Till, opened_till
from tongbao import payments
from tongbao.base.refusal import Refusal
from tongbao.payments.shop_code import read_code
from tongbao.web.qr import qr_path

HOME = "https://bank.example"
ALSO = "http://localhost:8000"

SCALE = 4
"""Points of a picture to a module of the code."""


def seen(side: int, path: str) -> str:
    """What another reader than the page's own sees in a drawing of `qr_path`."""
    picture = bytearray(b"\xff" * (side * SCALE) ** 2)
    for x, y, wide in re.findall(r"M(\d+) (\d+)h(\d+)v1h-\d+z", path):
        for line in range(int(y) * SCALE, (int(y) + 1) * SCALE):
            start = line * side * SCALE + int(x) * SCALE
            picture[start : start + int(wide) * SCALE] = bytes(int(wide) * SCALE)
    (found,) = zxingcpp.read_barcodes(memoryview(picture).cast("B", (side * SCALE, side * SCALE)))
    return found.text


def drawn(html: str) -> str:
    """What the one code on a page says."""
    ((side, path),) = re.findall(r'<svg class="qr"[^>]*viewBox="0 0 (\d+) \d+"[^>]*>(.*?)</svg>', html, re.DOTALL)
    return seen(int(side), path)


@pytest.fixture
async def wang(served: ServedBank) -> AsyncIterator[Till]:  # noqa: F811
    async with opened_till(served, lang="en") as till:
        yield till


@given(st.uuids())
@pytest.mark.parametrize(("write", "name"), [(payments.shop_link, "merchant"), (payments.order_link, "order")])
def test_what_was_written_is_read(write: Callable[[str, UUID], str], name: str, id_: UUID) -> None:
    assert read_code(write(HOME, id_), (ALSO, HOME)) == {name: str(id_)}


@given(st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), min_size=1, max_size=120))
@example("https://bank.example/me/pay?merchant=0193f0a0-0000-7000-8000-000000000001")
def test_what_is_drawn_is_what_another_reader_sees(text: str) -> None:
    assert seen(*qr_path(text)) == text


@given(st.text(max_size=600))
def test_whatever_is_scanned_is_understood_or_refused(text: str) -> None:
    try:
        said = read_code(text, (HOME,)).keys()
    except Refusal as refusal:
        said = {refusal.kind.code}
    assert said & {"merchant", "order", "to", "code_unreadable", "code_of_another"}


@given(st.text(min_size=1, max_size=40), st.text(min_size=1, max_size=40))
def test_only_the_bank_s_own_address_is_read(host: str, value: str) -> None:
    text = f"https://{host}/me/pay?{urlencode({'merchant': value})}"
    try:
        read_code(text, (HOME,))
    except Refusal:
        return
    assert urlsplit(text.strip()).netloc.lower() == "bank.example"


@pytest.mark.parametrize(
    ("code", "text"),
    [
        ("code_of_another", "https://pay.example/me/pay?merchant=1"),
        ("code_of_another", "weixin://wxpay/bizpayurl?pr=1"),
        ("code_of_another", "00020101021126370009SG.PAYNOW010120210201234567X5303156540510.005802CN6304ABCD"),
        ("code_of_another", "http://bank.example/me/pay?merchant=1"),
        ("code_unreadable", "https://bank.example/me/transfer?to=1"),
        ("code_unreadable", "https://bank.example/me/pay"),
        ("code_unreadable", "noodles"),
        ("code_unreadable", "\u202e" + "1" * 19),
        ("code_unreadable", "1" * 501),
    ],
)
def test_what_is_no_code_of_the_bank_is_refused(code: str, text: str) -> None:
    with pytest.raises(Refusal) as refused:
        read_code(text, (HOME,))
    assert refused.value.kind.code == code


async def test_what_the_shop_s_page_shows_is_its_own_link(wang: Till) -> None:
    page = await wang.get("/shop/code")
    link = drawn(page.html)
    assert link == payments.shop_link(wang.bank.url, wang.customer)
    assert read_code(link, (wang.bank.url,)) == {"merchant": str(wang.customer)}
