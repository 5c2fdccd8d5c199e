"""What a client sends: headers, a bounded body, and its decoding into a noun. Plain functions over ASGI's own shapes.

The happy way is one msgspec call. Only a body that failed is looked at again, to say which refusal it deserves.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Awaitable, Callable, Iterable, Mapping
from functools import cache, lru_cache
from hashlib import sha256
from typing import Annotated, Any, Final, TypeVar
from uuid import UUID

import msgspec
import pycountry

from tongbao.base.money import LARGEST_MINOR, is_currency
from tongbao.base.refusal import Refusal
from tongbao.web import refusals

Headers = Iterable[tuple[bytes, bytes]]
Receive = Callable[[], Awaitable[Any]]

_T = TypeVar("_T")

LARGEST: Final = 1 << 20
WITHIN_S: Final = 10

END: Final = r"$(?!\n)"
"""The end of a text in a pattern. Python's `$` alone also matches before a last line feed; this reads as well in OpenAPI."""

CURRENCIES: Final = tuple(sorted(c.alpha_3 for c in pycountry.currencies if is_currency(c.alpha_3)))

Amount = Annotated[
    int,
    msgspec.Meta(
        ge=1,
        le=LARGEST_MINOR,
        description="Minor units of the currency (fen, cents), a whole number.",
        examples=[1250],
        extra={"refuse_as": "amount"},
    ),
]
"""An amount of money in a body: an integer of minor units above zero. Each way to get it wrong has its own code."""

AmountOrZero = Annotated[
    int,
    msgspec.Meta(
        ge=0,
        le=LARGEST_MINOR,
        description="Minor units of the currency, zero allowed.",
        examples=[0],
        extra={"refuse_as": "amount"},
    ),
]

Currency = Annotated[
    str,
    msgspec.Meta(
        pattern=f"^(?:{'|'.join(CURRENCIES)}){END}",
        description="ISO 4217 code.",
        examples=["CNY"],
        extra={"refuse_as": "currency"},
    ),
]

Reason = Annotated[
    str, msgspec.Meta(min_length=2, max_length=500, description="Why; kept in the audit.", examples=["lost phone"])
]


class Body(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A JSON body."""


def header(headers: Headers, name: bytes) -> bytes | None:
    """The first value of a header; `name` in lower case, as ASGI has it."""
    for key, value in headers:
        if key == name:
            return value
    return None


_UUID = re.compile(rb"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\Z")


def idempotency_key(headers: Headers) -> UUID:
    """The id that the client chose. Refuses `idempotency_key_missing` and `idempotency_key_malformed`."""
    raw = header(headers, b"idempotency-key")
    if raw is None:
        raise refusals.IDEMPOTENCY_KEY_MISSING()
    if not _UUID.match(raw):
        raise refusals.IDEMPOTENCY_KEY_MALFORMED()
    key = UUID(raw.decode())
    # The nil id is the bank itself; the last one is reserved by RFC 9562 section 5.10.
    if key.int in (0, 2**128 - 1):
        raise refusals.IDEMPOTENCY_KEY_MALFORMED("the nil and the max UUID are nobody's")
    return key


def check_media_type(headers: Headers) -> None:
    """Refuses `unsupported_media_type` for anything that says it is not plain JSON."""
    kind = header(headers, b"content-type")
    if kind is not None and kind.partition(b";")[0].strip().lower() != b"application/json":
        raise refusals.UNSUPPORTED_MEDIA_TYPE()
    if header(headers, b"content-encoding") not in (None, b"identity"):
        raise refusals.UNSUPPORTED_MEDIA_TYPE("compressed bodies are not taken")


async def read(receive: Receive, headers: Headers, *, largest: int = LARGEST, within_s: float = WITHIN_S) -> bytes:
    """The whole body. Refuses `body_too_large` (before reading where it was announced), `slow_client`, `body_incomplete`."""
    announced = header(headers, b"content-length")
    if announced is not None and announced.isdigit() and int(announced[:20]) > largest:
        raise refusals.BODY_TOO_LARGE(f"at most {largest} bytes")
    try:
        async with asyncio.timeout(within_s):
            message = await receive()
            body: bytes = message.get("body", b"")
            if message["type"] == "http.request" and not message.get("more_body") and len(body) <= largest:
                return body
            return await _read_on(receive, message, largest)
    except TimeoutError:
        raise refusals.SLOW_CLIENT(f"the body must arrive within {within_s:g} s") from None


async def _read_on(receive: Receive, message: Any, largest: int) -> bytes:
    parts: list[bytes] = []
    size = 0
    while True:
        if message["type"] == "http.disconnect":
            raise refusals.BODY_INCOMPLETE()
        part: bytes = message.get("body", b"")
        size += len(part)
        if size > largest:
            raise refusals.BODY_TOO_LARGE(f"at most {largest} bytes")
        parts.append(part)
        if not message.get("more_body"):
            return b"".join(parts)
        message = await receive()


@cache
def _decoder(kind: Any) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(kind)


def parse(kind: type[_T], raw: bytes) -> _T:
    """Decodes a body strictly into `kind`, or refuses with the one code that says what is wrong with it."""
    if b"\\u" in raw or b"\x00" in raw:
        _refuse_odd_characters(raw)
    try:
        return _decoder(kind).decode(raw)
    except msgspec.ValidationError as error:
        raise _classified(kind, raw, str(error)) from None
    except UnicodeDecodeError:
        raise refusals.BAD_ENCODING() from None
    except (msgspec.DecodeError, RecursionError) as error:
        raise _malformed(raw, error) from None


def _refuse_odd_characters(raw: bytes) -> None:
    """PostgreSQL stores no NUL, and half a surrogate pair is no character: both are told apart from broken JSON."""
    if b"\x00" in raw:
        raise refusals.NUL_CHARACTER()
    if any(escape == b"0000" or _SURROGATE.match(escape) for escape in _ESCAPE.findall(raw)):
        raise refusals.NUL_CHARACTER()


# An escaped backslash, a whole surrogate pair, or another \u escape, in that order: each is read as JSON reads it.
_ESCAPE = re.compile(rb"\\\\|\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|\\u([0-9a-fA-F]{4})")

_SURROGATE = re.compile(rb"[dD][89a-fA-F]")

_UNKNOWN = re.compile(r"^Object contains unknown field `(.*?)`(?: - at `(.*)`)?$", re.DOTALL)
_MISSING = re.compile(r"^Object missing required field `(.*?)`(?: - at `(.*)`)?$", re.DOTALL)
_AT = re.compile(r"^(.*?) - at `(?:key in )?(.*)`$", re.DOTALL)
_STEP = re.compile(r"\.([^.\[\]]+)|\[(\d+)\]|\[(\.\.\.)\]")


def _malformed(raw: bytes, error: Exception) -> Refusal:
    try:
        raw.decode()
    except UnicodeDecodeError:
        return refusals.BAD_ENCODING()
    return refusals.MALFORMED_JSON("nested too deep" if isinstance(error, RecursionError) else str(error))


def _classified(kind: Any, raw: bytes, message: str) -> Refusal:
    """The refusal for a validation error of msgspec, from its sentence and the type that stands where it points."""
    # A typed decoder stops at the first wrong value, so what follows may still be broken JSON.
    try:
        value = json.loads(raw, parse_int=str, parse_float=str, parse_constant=_no_constant)
    except UnicodeDecodeError:
        return refusals.BAD_ENCODING()
    except (ValueError, RecursionError) as error:
        return _malformed(raw, error)
    refusal = classified(kind, message)
    if refusal.kind is refusals.AMOUNT_ZERO and _value_at(value, message).startswith("-"):
        return refusals.AMOUNT_NEGATIVE(field=refusal.field)
    return refusal


def _value_at(value: Any, message: str) -> str:
    """What stands where the error points, as it was written; empty where the path names no place (a dict's value)."""
    found = _AT.match(message)
    for name, index, _ in _STEP.findall(found[2] if found else ""):
        if isinstance(value, dict) and name in value:
            value = value[name]
        elif isinstance(value, list) and index:
            value = value[int(index)]
        else:
            return ""
    return value if isinstance(value, str) and value.strip("-0") else ""


def _no_constant(name: str) -> str:
    raise ValueError(f"{name} is not JSON")


def classified(kind: Any, message: str) -> Refusal:
    """As `parse` refuses, for an error that `msgspec.convert` or a decoder raised elsewhere."""
    if found := _UNKNOWN.match(message):
        return refusals.UNKNOWN_FIELD(field=_field(found[2], found[1]))
    if found := _MISSING.match(message):
        return refusals.MISSING_FIELD(field=_field(found[2], found[1]))
    found = _AT.match(message)
    said, path = (found[1], found[2]) if found else (message, "$")
    field = _field(path) or None
    refuse_as = _refuse_as(kind, path)
    if refuse_as == "amount":
        return _amount_refusal(said)(field=field)
    if refuse_as == "currency":
        return refusals.CURRENCY_UNKNOWN(field=field)
    return refusals.INVALID_FIELD(said.replace("`", ""), field=field)


def _amount_refusal(said: str) -> Any:
    if said.startswith("Expected `int` >= 0"):
        return refusals.AMOUNT_NEGATIVE
    if said.startswith("Expected `int` >="):
        return refusals.AMOUNT_ZERO
    if said.startswith("Expected `int` <=") or "out of range" in said:
        return refusals.AMOUNT_TOO_LARGE
    return refusals.AMOUNT_FRACTIONAL if "got `float`" in said else refusals.AMOUNT_NOT_A_NUMBER


def _field(path: str | None, leaf: str = "") -> str:
    """`$.orders[3].amount` as `orders[3].amount`."""
    stem = (path or "$").removeprefix("$").removeprefix(".")
    return f"{stem}.{leaf}" if stem and leaf else stem or leaf


def _refuse_as(kind: Any, path: str) -> str | None:
    """What the type at `path` asks its errors to be called, found by walking the type as the path walks the value."""
    here = _type_info(kind)
    for name, _, _ in _STEP.findall(path):
        here = _below(here, name)
        if here is None:
            return None
    return _asked(here)


@lru_cache(256)
def _type_info(kind: Any) -> msgspec.inspect.Type:
    return msgspec.inspect.type_info(kind)


def _plain(info: msgspec.inspect.Type) -> list[msgspec.inspect.Type]:
    if isinstance(info, msgspec.inspect.Metadata):
        return _plain(info.type)
    if isinstance(info, msgspec.inspect.UnionType):
        return [plain for member in info.types for plain in _plain(member)]
    return [info]


def _below(info: msgspec.inspect.Type, name: str) -> msgspec.inspect.Type | None:
    for plain in _plain(info):
        if name and isinstance(plain, msgspec.inspect.StructType):
            for field in plain.fields:
                if field.encode_name == name:
                    return field.type
        elif not name and isinstance(plain, msgspec.inspect.CollectionType):
            return plain.item_type
        elif not name and isinstance(plain, msgspec.inspect.DictType):
            return plain.value_type
    return None


def _asked(info: msgspec.inspect.Type) -> str | None:
    if isinstance(info, msgspec.inspect.Metadata):
        return (info.extra or {}).get("refuse_as") or _asked(info.type)
    if isinstance(info, msgspec.inspect.UnionType):
        return next((asked for member in info.types if (asked := _asked(member))), None)
    return None


_encode = msgspec.json.Encoder(order="sorted").encode


def canonical_hash(body: msgspec.Struct, *about: object) -> bytes:
    """SHA-256 of what the decoded body means (32 bytes): fields sorted, and left out where they equal their default.

    So a default that was written out hashes as one that was not, and a field that a later version adds changes no old hash.
    `about` is what the request says outside its body, such as the payment that a refund is for.
    """
    digest = sha256(_encode(_meant(body)))
    for part in about:
        digest.update(f"\n{part}".encode())
    return digest.digest()


def _meant(value: Any) -> Any:
    if isinstance(value, msgspec.Struct):
        return {
            name: _meant(given)
            for name, default in _defaults(type(value))
            if (given := getattr(value, name)) != default
        }
    return [_meant(member) for member in value] if isinstance(value, list | tuple) else value


@cache
def _defaults(kind: type[msgspec.Struct]) -> list[tuple[str, Any]]:
    return [
        (field.name, field.default_factory() if field.default_factory is not msgspec.NODEFAULT else field.default)
        for field in msgspec.structs.fields(kind)
    ]


def plain(value: object) -> Mapping[str, Any]:
    """A struct as JSON's own types, for answers that are put together by hand."""
    return msgspec.to_builtins(value)
