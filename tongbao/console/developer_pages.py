"""The developer's door of a demo: the request just sent as curl and Python, sent again for real, and the webhook it caused."""

from __future__ import annotations

import time
from typing import Any, Final
from uuid import UUID

import httpx
import msgspec
from litestar import get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromQuery

from tongbao import payments
from tongbao.base import log
from tongbao.base.db import Database
from tongbao.base.settings import Settings
from tongbao.console.demo import DemoFile
from tongbao.console.start_pages import Demo, demo_of, latest_payment
from tongbao.web import forms, pages, session
from tongbao.web.forms import Form
from tongbao.web.pages import Page, PageRequest
from tongbao.web.refusals import NOT_FOUND
from tongbao.web.site import Config, Db, open_to_all

_WITHIN_S: Final = 5
_LONGEST: Final = 20_000
_SHOWN_HEADERS: Final = ("content-type", "idempotency-replayed", "x-request-id", "retry-after")

logger = log.get(__name__)


class Again(Form, frozen=True):
    payment: UUID


class Answer(msgspec.Struct, frozen=True):
    """What the bank said to the request, as it came over the wire."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: str
    took_ms: int
    replayed: bool


def order_body(payment: payments.Payment) -> dict[str, Any]:
    """The body of the request that made a payment, as its row remembers it."""
    body: dict[str, Any] = {
        "payer_account_id": str(payment.payer_account_id),
        "amount": payment.amount_minor,
        "currency": payment.currency,
        "method": payment.method,
    }
    if payment.merchant_id:
        body["merchant_id"] = str(payment.merchant_id)
    else:
        body["payee_account_id"] = str(payment.payee_account_id)
    return body | ({"reference": payment.reference} if payment.reference else {})


def as_curl(address: str, payment_id: UUID, body: dict[str, Any]) -> str:
    lines = [
        f"curl -i {address}/v1/payments",
        "-H 'Authorization: Bearer '\"$TONGBAO_KEY\"",
        f"-H 'Idempotency-Key: {payment_id}'",
        "-H 'Content-Type: application/json'",
        "-d '" + msgspec.json.encode(body).decode().replace("'", "'\\''") + "'",
    ]
    return " \\\n  ".join(lines)


def as_python(address: str, payment_id: UUID, body: dict[str, Any]) -> str:
    said = msgspec.json.format(msgspec.json.encode(body), indent=4).decode()
    return (
        "import os\n\nimport httpx\n\n"
        f'answer = httpx.post(\n    "{address}/v1/payments",\n'
        '    headers={\n        "Authorization": f"Bearer {os.environ[\'TONGBAO_KEY\']}",\n'
        f'        "Idempotency-Key": "{payment_id}",\n    }},\n'
        f"    json={said.replace(chr(10), chr(10) + '    ')},\n)\n"
        'print(answer.status_code, answer.headers.get("Idempotency-Replayed"), answer.json()["id"])\n'
    )


@get("/developer", guards=[open_to_all], include_in_schema=False)
async def developer(
    request: PageRequest, demo: Demo, db: Db, settings: Config, payment: FromQuery[UUID | None] = None
) -> Page:
    return await _show(request, demo_of(request, demo), db, settings, payment, None)


@post("/developer", guards=[open_to_all], include_in_schema=False)
async def send_again(request: PageRequest, demo: Demo, db: Db, settings: Config) -> Page:
    """Sends the very request again: over HTTP, under the same id, as the same customer."""
    cast = demo_of(request, demo)
    filled = await forms.read(request, Again)
    if filled.value is None:
        raise NOT_FOUND()
    found = await _payment(cast, db, settings, filled.value.payment)
    if found is None:
        raise NOT_FOUND()
    answer = await _send(cast, session.token(request.scope["headers"], session.NAMES["me"]), found)
    return await _show(request, cast, db, settings, found.id, answer)


async def _payment(cast: DemoFile, db: Database, settings: Settings, id: UUID | None) -> payments.Payment | None:
    """The payment asked for where it is Li's, else the last one that Li made to the noodle shop."""
    if id is None:
        return await latest_payment(cast, db, settings)
    async with db.read() as tx:
        found = (await payments.find_payments(tx, [id])).get(id)
    return found if found is not None and found.payer_account_id == cast.li_account_id else None


async def _send(cast: DemoFile, token: str | None, payment: payments.Payment) -> Answer | None:
    """None where the bank did not answer in time."""
    headers = {"idempotency-key": str(payment.id)}
    url = f"{cast.address}/v1/payments"
    return await answer_of("POST", url, token or "", headers=headers, json=order_body(payment), within_s=_WITHIN_S)


async def answer_of(
    method: str, url: str, token: str, *, within_s: int, headers: dict[str, str] | None = None, **what: Any
) -> Answer | None:
    """Asks this bank over the wire, as any client would; at most 20,000 characters of the answer are kept."""
    began = time.monotonic_ns()
    try:
        async with httpx.AsyncClient(timeout=within_s, trust_env=False) as client:
            authorised = {"authorization": f"Bearer {token}", **(headers or {})}
            said = await client.request(method, url, headers=authorised, **what)
    except httpx.HTTPError as error:
        logger.warning("demo_request_failed", error=type(error).__name__)
        return None
    shown = tuple((name, said.headers[name]) for name in _SHOWN_HEADERS if name in said.headers)
    took_ms = (time.monotonic_ns() - began) // 10**6
    body = _pretty(said.content)[:_LONGEST]
    return Answer(said.status_code, shown, body, took_ms, said.headers.get("idempotency-replayed") == "true")


def _pretty(raw: bytes) -> str:
    try:
        return msgspec.json.format(raw, indent=2).decode()
    except msgspec.DecodeError:
        return raw.decode("utf-8", "replace")


async def _received(cast: DemoFile, payment: payments.Payment | None) -> list[dict[str, Any]]:
    """What the noodle shop's computer was told about a payment; nothing where it does not answer."""
    if payment is None or not cast.receiver:
        return []
    try:
        async with httpx.AsyncClient(timeout=2, trust_env=False) as client:
            said = await client.get(f"{cast.receiver}/received", params={"aggregate": str(payment.id)})
        found: list[dict[str, Any]] = said.json()["received"]
    except (httpx.HTTPError, ValueError, KeyError):
        return []
    return [{**message, "body": _pretty(_raw(message["body"]))} for message in found[-5:]]


def _raw(body: Any) -> bytes:
    return body.encode() if isinstance(body, str) else msgspec.json.encode(body)


async def _show(
    request: PageRequest,
    cast: DemoFile,
    db: Database,
    settings: Settings,
    payment_id: UUID | None,
    answer: Answer | None,
) -> Page:
    payment = await _payment(cast, db, settings, payment_id)
    body = order_body(payment) if payment else None
    return pages.show(
        request,
        "console/developer.html",
        cast=cast,
        payment=payment,
        curl=as_curl(cast.address, payment.id, body) if payment and body else None,
        python=as_python(cast.address, payment.id, body) if payment and body else None,
        answer=answer,
        sent=request.method == "POST",
        received=await _received(cast, payment),
    )


ROUTES: Final[tuple[HTTPRouteHandler, ...]] = (developer, send_again)
