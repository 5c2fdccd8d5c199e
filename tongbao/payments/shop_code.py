"""What a shop's code says: a link to the bank's own page for paying, which any camera opens and the app's own scanner reads."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final
from urllib.parse import parse_qsl, urlsplit
from uuid import UUID

from tongbao.payments import refusals as no
from tongbao.payments.foresee import plain_number

_PATH: Final = "/me/pay"
_LONGEST: Final = 500
_NAMES: Final = frozenset({"merchant", "order", "to", "amount", "reference"})
"""What a code may fill in; anything else in it is passed over."""
_EMV: Final = "000201"
"""How codes of other schemes begin: EMV QR Code Specification for Payment Systems, Merchant-Presented Mode: data object 00, its payload format."""


def shop_link(origin: str, merchant_id: UUID) -> str:
    """Of a shop that is always there: whoever scans it types the amount."""
    return f"{origin}{_PATH}?merchant={merchant_id}"


def order_link(origin: str, order_id: UUID) -> str:
    """Of one order: its amount is known, and it is paid once."""
    return f"{origin}{_PATH}?order={order_id}"


def read_code(text: str, origins: Iterable[str]) -> dict[str, str]:
    """What to fill into the page for paying. `text`: what a camera read, or an account number that somebody typed.

    Refuses `code_of_another` for an address outside of `origins` or a code of another scheme, and `code_unreadable`.
    """
    text = text.strip()
    if len(text) > _LONGEST or not text.isprintable():
        raise no.CODE_UNREADABLE(field="code")
    number = plain_number(text)
    if number.isascii() and number.isdigit():
        return {"to": number}
    if text.startswith(_EMV):
        raise no.CODE_OF_ANOTHER(field="code")
    try:
        parts = urlsplit(text)
    except ValueError:
        raise no.CODE_UNREADABLE(field="code") from None
    if not parts.scheme or not parts.netloc:
        raise (no.CODE_OF_ANOTHER if parts.scheme else no.CODE_UNREADABLE)(field="code")
    if f"{parts.scheme}://{parts.netloc}".lower() not in {origin.lower() for origin in origins}:
        raise no.CODE_OF_ANOTHER(field="code")
    said = {name: value for name, value in parse_qsl(parts.query, max_num_fields=20) if name in _NAMES}
    if parts.path != _PATH or not said.keys() & {"merchant", "order", "to"}:
        raise no.CODE_UNREADABLE(field="code")
    return said
