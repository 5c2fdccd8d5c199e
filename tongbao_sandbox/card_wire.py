"""ISO 8583:1987 as the card network speaks it: two bytes of length, then a message in ASCII; field 48 holds tagged values.

A tag has two digits, its length three: 01 the id of the transaction, 02 a name, 03 a telephone number, 04 a one-time code, 05 the
response code of the transaction that is asked about, 06 `R` where that was taken back.
"""

from __future__ import annotations

import asyncio
import copy
from typing import Any, Final

import iso8583
from iso8583.specs import default_ascii

LARGEST: Final = 2048

SPEC: Final[dict[str, Any]] = copy.deepcopy(default_ascii)
SPEC["48"] |= {"data_enc": "utf-8"}

Fields = dict[str, str]


class Malformed(Exception):
    """What came is no message of this network."""


async def hear(reader: asyncio.StreamReader) -> Fields | None:
    """The next message; None where the other side has gone. Raises Malformed."""
    try:
        length = int.from_bytes(await reader.readexactly(2))
        if not 0 < length <= LARGEST:
            raise Malformed("length")
        body = await reader.readexactly(length)
    except asyncio.IncompleteReadError:
        return None
    try:
        return iso8583.decode(body, SPEC)[0]
    except (iso8583.DecodeError, ValueError) as error:
        raise Malformed(str(error)) from None


def said(fields: Fields) -> bytes:
    body = bytes(iso8583.encode(dict(fields), SPEC)[0])
    return len(body).to_bytes(2) + body


def tags(text: str) -> dict[str, str]:
    """What field 48 says. Raises Malformed."""
    found: dict[str, str] = {}
    while text:
        head, rest = text[:5], text[5:]
        if len(head) < 5 or not head.isdigit() or len(rest) < int(head[2:]):
            raise Malformed("field 48")
        found[head[:2]], text = rest[: int(head[2:])], rest[int(head[2:]) :]
    return found


def tagged(values: dict[str, str]) -> str:
    return "".join(f"{tag}{len(value):03d}{value}" for tag, value in values.items())
