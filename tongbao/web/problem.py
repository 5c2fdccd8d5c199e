"""Refusals as RFC 9457 problems, for Litestar and for raw ASGI routes alike."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec
from psycopg_pool import PoolTimeout

from tongbao.base.db import BUSY, RETRYABLE, CommitUnknown, QueryCanceled, database_gone
from tongbao.base.refusal import Refusal
from tongbao.web.refusals import INTERNAL_ERROR

MEDIA_TYPE: Final = "application/problem+json"

_encode = msgspec.json.Encoder().encode


class Problem(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Why the bank said no. `code` is stable; sentences may change."""

    type: str
    title: str
    title_zh: str
    status: int
    code: str
    retryable: bool = False
    detail: str | None = None
    field: str | None = None
    retry_after_s: int | None = None
    request_id: str | None = None


class RefusalWith(Refusal):
    """A refusal whose problem carries members of its own, such as the `payment_id` that it is remembered under."""

    def __init__(self, refusal: Refusal, **members: object) -> None:
        super().__init__(refusal.kind, refusal.detail, field=refusal.field, retry_after_s=refusal.retry_after_s)
        self.members = members


def problem(refusal: Refusal, *, request_id: str | None = None, **members: object) -> dict[str, Any]:
    """The problem document as JSON's own types; `members` are added to it."""
    kind = refusal.kind
    document: dict[str, Any] = {
        "type": f"/problems/{kind.code}",
        "title": kind.en,
        "title_zh": kind.zh,
        "status": kind.status,
        "code": kind.code,
    }
    if kind.retryable:
        document["retryable"] = True
    if refusal.detail:
        document["detail"] = refusal.detail
    if refusal.field:
        document["field"] = refusal.field
    if refusal.retry_after_s is not None:
        document["retry_after_s"] = refusal.retry_after_s
    if request_id:
        document["request_id"] = request_id
    if isinstance(refusal, RefusalWith):
        document.update(refusal.members)
    document.update(members)
    return document


def of_accident(error: BaseException) -> Refusal:
    """What a client is told of an accident: `busy` where the same request may go through later, else `internal_error`."""
    if isinstance(error, (*RETRYABLE, CommitUnknown, PoolTimeout, QueryCanceled)):
        return BUSY(retry_after_s=1)
    if isinstance(error, Exception) and database_gone(error):
        return BUSY(retry_after_s=2)
    return INTERNAL_ERROR()


def headers_of(refusal: Refusal) -> dict[str, str]:
    """The headers that go with a refusal."""
    headers: dict[str, str] = {}
    if refusal.retry_after_s is not None:
        headers["retry-after"] = str(refusal.retry_after_s)
    if refusal.kind.status == 401:
        headers["www-authenticate"] = 'Bearer realm="tongbao"'
    if refusal.code in ("body_too_large", "slow_client", "body_incomplete"):
        # What is left of the body is not read: the connection cannot carry another request.
        headers["connection"] = "close"
    return headers


def answer(
    refusal: Refusal, members: Mapping[str, object] | None = None, *, request_id: str | None = None
) -> tuple[int, list[tuple[bytes, bytes]], bytes]:
    """Status, headers and body for a raw ASGI route."""
    body = _encode(problem(refusal, request_id=request_id, **(members or {})))
    headers = [(b"content-type", MEDIA_TYPE.encode()), (b"content-length", str(len(body)).encode())]
    headers += [(name.encode(), value.encode()) for name, value in headers_of(refusal).items()]
    return refusal.kind.status, headers, body
