"""What a client sends, and the one refusal that each wrong thing deserves."""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from hashlib import sha256
from typing import Any
from uuid import UUID

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tongbao.base.money import LARGEST_MINOR
from tongbao.base.refusal import Refusal
from tongbao.web import body as bodies
from tongbao.web.body import Amount, AmountOrZero, Body, Currency, canonical_hash, idempotency_key, parse


class Line(Body, frozen=True):
    amount: Amount
    discount: AmountOrZero = 0


class Order(Body, frozen=True):
    amount: Amount
    currency: Currency = "CNY"
    tip: Amount | None = None
    note: str | None = None
    lines: list[Line] = msgspec.field(default_factory=list)
    by_day: dict[str, AmountOrZero] = msgspec.field(default_factory=dict)


def refused(raw: bytes) -> tuple[str, str | None]:
    with pytest.raises(Refusal) as caught:
        parse(Order, raw)
    return caught.value.code, caught.value.field


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (b"", ("malformed_json", None)),
        (b"{", ("malformed_json", None)),
        (b'{"amount":1} x', ("malformed_json", None)),
        (b'{"amount":NaN}', ("malformed_json", None)),
        (b'{"amount":0, broken', ("malformed_json", None)),
        (b'{"amount":1,"note":"a\x01b"}', ("malformed_json", None)),
        (b"[" * 100_000, ("malformed_json", None)),
        (b'{"amount":1,"z":' + b"[" * 100_000, ("malformed_json", None)),
        (b'{"amount":1,"note":"\xff"}', ("bad_encoding", None)),
        (b'{"amount":1,"note":"\xed\xa0\x80"}', ("bad_encoding", None)),
        (b'{"amount":0,"note":"\xff"}', ("bad_encoding", None)),
        (b"\xff\xfe{", ("bad_encoding", None)),
        (b'{"amount":1,"note":"a\x00"}', ("nul_character", None)),
        (b'{"amount":1,"note":"a\\u0000"}', ("nul_character", None)),
        (b'{"amount":1,"note":"\\\\\\u0000"}', ("nul_character", None)),
        (b'{"amount":1,"note":"\\ud83d"}', ("nul_character", None)),
        (b'{"amount":1,"note":"\\ud83d\\ud83d"}', ("nul_character", None)),
        (b'{"amount":1,"note":"\\uDE00x"}', ("nul_character", None)),
        (b'{"amount":1,"\\u0000":1}', ("nul_character", None)),
        (b"[]", ("invalid_field", None)),
        (b"null", ("invalid_field", None)),
        (b'{"amount":1,"colour":"red"}', ("unknown_field", "colour")),
        (b'{"amount":1,"lines":[{"amount":1,"x":2}]}', ("unknown_field", "lines[0].x")),
        (b"{}", ("missing_field", "amount")),
        (b'{"amount":1,"lines":[{"amount":1},{}]}', ("missing_field", "lines[1].amount")),
        (b'{"amount":0}', ("amount_zero", "amount")),
        (b'{"amount":-0}', ("amount_zero", "amount")),
        (b'{"amount":-1}', ("amount_negative", "amount")),
        (b'{"amount":1.0}', ("amount_fractional", "amount")),
        (b'{"amount":1e2}', ("amount_fractional", "amount")),
        (b'{"amount":"1"}', ("amount_not_a_number", "amount")),
        (b'{"amount":null}', ("amount_not_a_number", "amount")),
        (b'{"amount":true}', ("amount_not_a_number", "amount")),
        (b'{"amount":9007199254740992}', ("amount_too_large", "amount")),
        (b'{"amount":' + b"9" * 400 + b"}", ("amount_too_large", "amount")),
        (b'{"amount":' + b"9" * 9_000 + b"}", ("amount_too_large", "amount")),
        (b'{"amount":1e999}', ("amount_too_large", "amount")),
        (b'{"amount":1,"tip":0}', ("amount_zero", "tip")),
        (b'{"amount":1,"lines":[{"amount":-7}]}', ("amount_negative", "lines[0].amount")),
        (b'{"amount":1,"lines":[{"amount":7,"discount":-7}]}', ("amount_negative", "lines[0].discount")),
        (b'{"amount":1,"by_day":{"monday":0.5}}', ("amount_fractional", "by_day[...]")),
        (b'{"amount":1,"currency":"cny"}', ("currency_unknown", "currency")),
        (b'{"amount":1,"currency":"CNY\\n"}', ("currency_unknown", "currency")),
        (b'{"amount":1,"currency":7}', ("currency_unknown", "currency")),
        (b'{"amount":1,"note":7}', ("invalid_field", "note")),
        (b'{"amount":1,"lines":{}}', ("invalid_field", "lines")),
    ],
    ids=lambda value: repr(value[:40]) if isinstance(value, bytes) else None,
)
def test_each_wrong_body_has_its_own_refusal(raw: bytes, expected: tuple[str, str | None]) -> None:
    assert refused(raw) == expected


@pytest.mark.parametrize(
    ("raw", "note"),
    [
        (b'{"amount":1,"note":"\\ud83d\\ude00"}', "\N{GRINNING FACE}"),
        (b'{"amount":1,"note":"\\\\u0000"}', "\\u0000"),
        (b'{"amount":1,"note":"\\u901a\\u5b9d"}', "通宝"),
        ('{"amount":1,"note":"通宝"}'.encode(), "通宝"),
    ],
)
def test_what_only_looks_odd_is_taken(raw: bytes, note: str) -> None:
    assert parse(Order, raw).note == note


def test_the_largest_amount_is_taken() -> None:
    assert parse(Order, json.dumps({"amount": LARGEST_MINOR}).encode()).amount == LARGEST_MINOR


_junk = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from(["CNY", "\ud800", "\x00"]),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(["amount", "currency", "lines", "note"]), inner),
)


@given(_junk)
def test_no_json_is_an_accident(value: Any) -> None:
    with suppress(Refusal):
        parse(Order, json.dumps(value).encode())


@given(st.binary())
def test_no_bytes_are_an_accident(raw: bytes) -> None:
    for body in (raw, b'{"amount":1,"note":"' + raw + b'"}'):
        with suppress(Refusal):
            parse(Order, body)


def test_the_hash_is_of_what_was_meant_not_of_how_it_was_written() -> None:
    one = parse(Order, b'{"amount":1,"currency":"CNY","lines":[]}')
    two = parse(Order, b'{ "lines": [], "amount": 1 }')
    assert canonical_hash(one) == canonical_hash(two) == sha256(b'{"amount":1}').digest()
    nested = parse(Order, b'{"lines":[{"discount":0,"amount":2}],"amount":1}')
    assert canonical_hash(nested) == sha256(b'{"amount":1,"lines":[{"amount":2}]}').digest()
    assert canonical_hash(one, "refund of 7") != canonical_hash(one)
    assert canonical_hash(one) != canonical_hash(parse(Order, b'{"amount":2}'))


KEY = UUID("018f3c3e-7c1e-7000-8000-000000000001")


def test_the_idempotency_key_is_a_uuid_and_somebodys() -> None:
    assert idempotency_key([(b"host", b"x"), (b"idempotency-key", str(KEY).upper().encode())]) == KEY
    with pytest.raises(Refusal, match="idempotency_key_missing"):
        idempotency_key([])
    for wrong in ("", "7", KEY.hex, f"{{{KEY}}}", f"{KEY}\n", str(UUID(int=0)), "ffffffff-ffff-ffff-ffff-ffffffffffff"):
        with pytest.raises(Refusal, match="idempotency_key_malformed"):
            idempotency_key([(b"idempotency-key", wrong.encode())])


@pytest.mark.parametrize("kind", [b"text/plain", b"application/x-www-form-urlencoded", b"application/json2", b""])
def test_only_json_is_taken(kind: bytes) -> None:
    with pytest.raises(Refusal, match="unsupported_media_type"):
        bodies.check_media_type([(b"content-type", kind)])


def test_json_is_taken_by_any_of_its_names() -> None:
    bodies.check_media_type([(b"content-type", b"Application/JSON; charset=utf-8")])
    bodies.check_media_type([])
    with pytest.raises(Refusal, match="unsupported_media_type"):
        bodies.check_media_type([(b"content-encoding", b"gzip")])


class Wire:
    """Parts of a body as they arrive, each after a pause."""

    def __init__(self, *parts: bytes, pause_s: float = 0, whole: bool = True) -> None:
        self.messages: list[dict[str, Any]] = [
            {"type": "http.request", "body": part, "more_body": i < len(parts) - 1 or not whole}
            for i, part in enumerate(parts)
        ]
        if not whole:
            self.messages.append({"type": "http.disconnect"})
        self.pause_s = pause_s
        self.read = 0

    async def receive(self) -> dict[str, Any]:
        await asyncio.sleep(self.pause_s)
        self.read += 1
        return self.messages.pop(0)


async def test_a_body_arrives_whole_or_in_parts() -> None:
    assert await bodies.read(Wire(b"abc").receive, []) == b"abc"
    assert await bodies.read(Wire(b"a", b"", b"bc").receive, []) == b"abc"
    assert await bodies.read(Wire(b"").receive, [(b"content-length", b"0")]) == b""


async def test_a_large_body_is_refused_before_it_is_read_where_it_says_so_and_while_where_it_lies() -> None:
    wire = Wire(b"x" * 10)
    with pytest.raises(Refusal, match="body_too_large"):
        await bodies.read(wire.receive, [(b"content-length", b"99999999999999999999999999")], largest=9)
    assert wire.read == 0
    liar = Wire(*[b"x" * 5] * 10)
    with pytest.raises(Refusal, match="body_too_large"):
        await bodies.read(liar.receive, [(b"content-length", b"5")], largest=9)
    assert liar.read == 2
    with pytest.raises(Refusal, match="body_too_large"):
        await bodies.read(Wire(b"x" * 10).receive, [], largest=9)


async def test_a_slow_client_and_one_that_leaves_are_told_apart() -> None:
    with pytest.raises(Refusal, match="slow_client"):
        await bodies.read(Wire(*[b"x"] * 100, pause_s=0.02).receive, [], within_s=0.05)
    with pytest.raises(Refusal, match="body_incomplete"):
        await bodies.read(Wire(b"x", whole=False).receive, [])
