"""What clients get wrong, end to end: each has a refusal of its own, nothing moves, and the next request is served."""

from __future__ import annotations

import asyncio
import json
import time
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from tests.http.conftest import ServedBank, code, issue
from tongbao.base.clock import SystemClock
from tongbao.base.db import BULK, Database
from tongbao.identity import KeyKind

PAY = "/v1/payments"
NOBODY = "018f0000-0000-7000-8000-00000000dead"


async def unmoved(bank: ServedBank, body: Any, expected: tuple[int, str], **asked: Any) -> httpx.Response:
    """Pays, is refused as `expected`, and neither Ann nor Bob has gained or lost."""
    before = await bank.balance(bank.ann), await bank.balance(bank.bob)
    answer = await bank.ask("POST", PAY, body, **asked)
    assert code(answer) == expected, answer.text
    assert (await bank.balance(bank.ann), await bank.balance(bank.bob)) == before
    return answer


@pytest.mark.parametrize(
    ("change", "expected", "field"),
    [
        ({"amount": 0}, (422, "amount_zero"), "amount"),
        ({"amount": -1}, (422, "amount_negative"), "amount"),
        ({"amount": 1.5}, (422, "amount_fractional"), "amount"),
        ({"amount": "100"}, (422, "amount_not_a_number"), "amount"),
        ({"amount": None}, (422, "missing_field"), "amount"),
        ({"amount": True}, (422, "amount_not_a_number"), "amount"),
        ({"amount": 2**53}, (422, "amount_too_large"), "amount"),
        ({"amount": 10**30}, (422, "amount_too_large"), "amount"),
        ({"currency": "ZZZ"}, (422, "currency_unknown"), "currency"),
        ({"currency": "cny"}, (422, "currency_unknown"), "currency"),
        ({"currency": "USD"}, (422, "currency_mismatch"), None),
        ({"payer_account_id": NOBODY}, (422, "payer_unknown"), None),
        ({"payee_account_id": NOBODY}, (422, "payee_unknown"), None),
        ({"payee_account_id": None, "merchant_id": NOBODY}, (404, "merchant_unknown"), None),
        ({"payee_account_id": "an account"}, (422, "invalid_field"), "payee_account_id"),
        ({"payee_account_id": None}, (422, "missing_field"), "payee_account_id"),
        ({"tip": 1}, (422, "unknown_field"), "tip"),
        ({"currency": None}, (422, "missing_field"), "currency"),
        ({"method": "cheque"}, (422, "invalid_field"), "method"),
        ({"reference": "a\x00b"}, (400, "nul_character"), None),
        ({"reference": "午" * 141}, (422, "invalid_field"), "reference"),
    ],
)
async def test_an_order_that_cannot_be(bank: ServedBank, change: dict[str, Any], expected: Any, field: str) -> None:
    answer = await unmoved(bank, bank.order(**change), expected)
    if field:
        assert answer.json()["field"] == field


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (b"", (400, "malformed_json")),
        (b"{", (400, "malformed_json")),
        (b"{'amount': 1}", (400, "malformed_json")),
        (b"[" * 100_000, (400, "malformed_json")),
        (b'{"reference": "\xff\xfe"}', (400, "bad_encoding")),
        (b'{"reference": "\xed\xa0\x80"}', (400, "bad_encoding")),
        (b'{"reference": "\\ud800"}', (400, "nul_character")),
        (b'{"reference": "\\u0000"}', (400, "nul_character")),
        (b'{"amount": NaN}', (400, "malformed_json")),
        (b"null", (422, "invalid_field")),
        (b"[]", (422, "invalid_field")),
        (b'"pay"', (422, "invalid_field")),
    ],
)
async def test_a_body_that_is_no_order(bank: ServedBank, raw: bytes, expected: Any) -> None:
    await unmoved(bank, None, expected, raw=raw)


async def test_ten_megabytes_are_refused_before_they_are_read(bank: ServedBank) -> None:
    raw = json.dumps(bank.order(reference="x" * 10_000_000)).encode()
    began = time.monotonic()
    await unmoved(bank, None, (413, "body_too_large"), raw=raw)
    assert time.monotonic() - began < 5
    told = await _raw(bank, _head(bank, length=10_000_000) + b"{", until_s=5)
    assert (told.status, told.problem["code"]) == (413, "body_too_large"), "by what it announced"
    endless = _head(bank, length=None) + b"".join(b"10000\r\n" + b" " * 65_536 + b"\r\n" for _ in range(20))
    told = await _raw(bank, endless, until_s=5)
    assert (told.status, told.problem["code"]) == (413, "body_too_large"), "by what came"


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data"])
async def test_a_body_that_says_it_is_no_json(bank: ServedBank, kind: str) -> None:
    raw = json.dumps(bank.order()).encode()
    await unmoved(bank, None, (415, "unsupported_media_type"), raw=raw, headers={"Content-Type": kind})


class Told:
    def __init__(self, raw: bytes) -> None:
        head, _, body = raw.partition(b"\r\n\r\n")
        self.raw = raw
        self.status = int(head.split()[1]) if head else 0
        self.problem: dict[str, Any] = json.loads(body) if body.startswith(b"{") else {}


def _head(bank: ServedBank, length: int | None) -> bytes:
    size = "Transfer-Encoding: chunked" if length is None else f"Content-Length: {length}"
    return (
        f"POST {PAY} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {bank.tokens['bank']}\r\n"
        f"Idempotency-Key: {uuid4()}\r\nContent-Type: application/json\r\n{size}\r\n\r\n"
    ).encode()


async def _raw(bank: ServedBank, sent: bytes, until_s: float) -> Told:
    """Sends bytes and reads until the bank hangs up."""
    reader, writer = await asyncio.open_connection("127.0.0.1", bank.port)
    try:
        writer.write(sent)
        async with asyncio.timeout(until_s):
            return Told(await reader.read())
    finally:
        writer.close()


async def test_slow_clients_do_not_wait_for_ever_and_hold_nobody_up(bank: ServedBank) -> None:
    order = json.dumps(bank.order()).encode()
    whole = _head(bank, length=len(order))
    slow = [
        asyncio.create_task(_raw(bank, whole + order[:-1], until_s=20)),
        asyncio.create_task(_raw(bank, whole[:60], until_s=20)),
        asyncio.create_task(_raw(bank, whole[:60] + b"\r\nX-A: " + b"b" * 100, until_s=20)),
    ]
    await asyncio.sleep(0.5)
    assert (await bank.ask("POST", PAY, bank.order())).status_code == 201, "others are served"
    body, begun, headers = await asyncio.gather(*slow)
    assert (body.status, body.problem["code"]) == (408, "slow_client")
    assert (begun.raw, headers.raw) == (b"", b""), "half a request is hung up on"


async def test_half_a_body_then_gone(bank: ServedBank) -> None:
    order = json.dumps(bank.order()).encode()
    before = await bank.balance(bank.ann)
    reader, writer = await asyncio.open_connection("127.0.0.1", bank.port)
    writer.write(_head(bank, length=len(order)) + order[:-1])
    await writer.drain()
    writer.close()
    await writer.wait_closed()
    del reader
    assert await bank.balance(bank.ann) == before


@pytest.mark.parametrize(
    "sent", [b"\x16\x03\x01\x02\x00\x01\x00", b"GET\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"G\x00T / HTTP/1.1\r\n\r\n"]
)
async def test_what_is_no_http(bank: ServedBank, sent: bytes) -> None:
    told = await _raw(bank, sent, until_s=15)
    assert told.status in (0, 400)
    assert (await bank.ask("GET", "/healthz", who=None)).status_code == 200


async def test_a_request_with_two_lengths_is_refused(bank: ServedBank) -> None:
    order = json.dumps(bank.order()).encode()
    smuggled = _head(bank, length=len(order)).replace(b"\r\n\r\n", b"\r\nTransfer-Encoding: chunked\r\n\r\n") + order
    assert (await _raw(bank, smuggled, until_s=15)).status == 400


async def test_keys_that_do_not_open(bank: ServedBank) -> None:
    order = bank.order()
    await unmoved(bank, order, (401, "missing_key"), who=None)
    await unmoved(bank, order, (401, "missing_key"), who=None, headers={"Authorization": "Basic YWJjOmRlZg=="})
    await unmoved(bank, order, (401, "invalid_key"), who="not a key")
    await unmoved(bank, order, (401, "invalid_key"), who=bank.tokens["bank"][:-1] + "!")
    forged = bank.tokens["bank"][:-2] + ("AA" if not bank.tokens["bank"].endswith("AA") else "BB")
    await unmoved(bank, order, (401, "invalid_key"), who=forged)
    async with Database(bank.database, size=1, limits=BULK) as db, db.tx() as tx:
        soon = await issue(tx, KeyKind.BANK, expires_at=SystemClock().now() + timedelta(seconds=1))
    await asyncio.sleep(1.1)
    answer = await unmoved(bank, order, (401, "key_expired"), who=soon)
    assert answer.headers["www-authenticate"] == 'Bearer realm="tongbao"'
    made = (await bank.ask("POST", "/v1/keys", {"kind": "bank"})).json()
    assert (await bank.ask("GET", "/v1/business-day", who=made["key"])).status_code == 200
    await bank.ask("DELETE", f"/v1/keys/{made['id']}")
    await unmoved(bank, order, (401, "invalid_key"), who=made["key"])


async def test_ids_that_are_missing_or_no_ids(bank: ServedBank) -> None:
    await unmoved(bank, bank.order(), (400, "idempotency_key_missing"), key="")
    for key in ("1", "not-a-uuid", f"{uuid4()}x", "0" * 32, str(UUID(int=0)), str(UUID(int=2**128 - 1))):
        await unmoved(bank, bank.order(), (400, "idempotency_key_malformed"), key=key)


async def test_an_id_is_one_request_of_one_principal(bank: ServedBank) -> None:
    key = uuid4()
    first = await bank.ask("POST", PAY, bank.order(), key=key)
    assert first.status_code == 201, first.text
    again = await bank.ask("POST", PAY, bank.order(), key=key)
    assert (again.status_code, again.text, again.headers["idempotency-replayed"]) == (201, first.text, "true")
    spelled = json.dumps(dict(reversed(bank.order().items())), indent=3).encode()
    assert (await bank.ask("POST", PAY, raw=spelled, key=str(key).upper())).text == first.text, "the same order"
    await unmoved(bank, bank.order(amount=101), (409, "id_reused"), key=key)
    async with Database(bank.database, size=1, limits=BULK) as db, db.tx() as tx:
        stranger = await issue(tx, KeyKind.BANK)
    taken = await unmoved(bank, bank.order(), (409, "id_taken"), key=key, who=stranger)
    assert str(bank.ann) not in taken.text, "nothing is shown"
    await unmoved(bank, bank.order(amount=101), (409, "id_taken"), key=key, who=stranger)


async def test_a_refusal_is_remembered_too(bank: ServedBank) -> None:
    poor, key = await bank.account(), uuid4()
    order = bank.order(payer_account_id=str(poor))
    first = await unmoved(bank, order, (402, "insufficient_funds"), key=key)
    await bank.make("/v1/topups", {"account_id": str(poor), "amount": 1_000, "currency": "CNY"})
    again = await unmoved(bank, order, (402, "insufficient_funds"), key=key)
    assert again.headers["idempotency-replayed"] == "true"
    assert first.json()["payment_id"] == again.json()["payment_id"] == str(key)
    assert (await bank.ask("POST", PAY, order)).status_code == 201, "a new id may"


async def test_accounts_that_do_not_pay_or_receive(bank: ServedBank) -> None:
    why = {"reason": "asked for"}
    frozen, closed = await bank.account(1_000), await bank.account()
    assert (await bank.ask("POST", f"/v1/accounts/{frozen}/freeze", why)).status_code == 200
    assert (await bank.ask("POST", f"/v1/accounts/{closed}/close", why)).status_code == 200
    await unmoved(bank, bank.order(payer_account_id=str(frozen)), (409, "account_frozen"))
    await unmoved(bank, bank.order(payee_account_id=str(closed)), (409, "account_closed"))
    await unmoved(bank, bank.order(payer_account_id=str(closed)), (409, "account_closed"))
    await unmoved(bank, bank.order(payee_account_id=str(bank.ann)), (422, "accounts_must_be_different"))
    yen = await bank.account(currency="JPY")
    await unmoved(bank, bank.order(payee_account_id=str(yen)), (422, "currency_mismatch"))
    customer = await bank.person()
    of_a_frozen_customer = await bank.account(1_000, customer=customer)
    await bank.ask("POST", f"/v1/customers/{customer}/freeze", why)
    answer = await bank.ask("POST", PAY, bank.order(payer_account_id=str(of_a_frozen_customer)))
    assert code(answer)[1] in {"customer_frozen", "account_frozen"}


async def test_limits_hold(bank: ServedBank) -> None:
    payer = await bank.account(100_000)
    limits = {"per_payment": 500, "per_day": 800, "count_per_day": 3}
    path = f"/v1/accounts/{payer}/limits"
    assert (await bank.ask("PUT", path, limits)).status_code == 200
    order = bank.order(payer_account_id=str(payer), amount=500)
    assert code(await bank.ask("POST", PAY, {**order, "amount": 501})) == (402, "over_payment_limit")
    assert (await bank.ask("POST", PAY, order)).status_code == 201
    assert code(await bank.ask("POST", PAY, order)) == (402, "over_day_limit")
    for _ in range(2):
        assert (await bank.ask("POST", PAY, {**order, "amount": 1})).status_code == 201
    assert code(await bank.ask("POST", PAY, {**order, "amount": 1})) == (402, "over_day_count")
    assert code(await bank.ask("PUT", path, {"per_payment": 10**15})) == (422, "limit_above_bank")
    assert code(await bank.ask("PUT", path, {"per_payment": -1})) == (422, "amount_negative")


async def test_places_and_methods_that_are_not(bank: ServedBank) -> None:
    assert code(await bank.ask("GET", "/v1/nothing")) == (404, "not_found")
    assert code(await bank.ask("GET", "/v1/payments/abc")) == (404, "not_found")
    assert code(await bank.ask("DELETE", PAY)) == (405, "method_not_allowed")
    assert code(await bank.ask("GET", f"/v1/payments/{NOBODY}")) == (404, "payment_unknown")
    assert code(await bank.ask("GET", f"/v1/accounts/{NOBODY}")) == (404, "account_not_found")
    assert code(await bank.ask("GET", PAY, cursor="AAAA")) == (422, "cursor_invalid")
    assert code(await bank.ask("GET", PAY, limit="501")) == (422, "invalid_field")
    assert code(await bank.ask("GET", "/v1/audit?subject=%00")) == (400, "nul_character")
    assert code(await bank.ask("GET", "/v1/audit?subject=%ff")) == (400, "bad_encoding")
    for path in ("/v1/gl-lines/%00/accounts", "/v1/gl-lines/%ff/accounts", "/%00", "/%ff%fe"):
        assert (await bank.ask("GET", path)).status_code < 500, path


async def test_a_merchant_learns_nothing_of_others(bank: ServedBank) -> None:
    made = await bank.ask("POST", PAY, bank.order())
    payment = made.json()["id"]
    assert code(await bank.ask("GET", f"/v1/payments/{payment}", who="merchant")) == (404, "payment_unknown")
    refund = await bank.ask("POST", f"/v1/payments/{payment}/refunds", {"amount": 1}, who="merchant")
    assert code(refund) == (404, "payment_unknown")
    assert code(await bank.ask("GET", f"/v1/accounts/{bank.ann}", who="merchant")) == (403, "permission_missing")
    other = UUID((await bank.make("/v1/merchants", {"name": "别家"}))["id"])
    seen = await bank.ask("GET", f"/v1/merchants/{other}", who="merchant")
    assert seen.status_code in (403, 404)
    listed = (await bank.ask("GET", PAY, who="merchant")).json()["items"]
    assert all(item["merchant_id"] == str(bank.shop) for item in listed)
