"""A partner's server as it would be written from the documentation: it signs, seals and reads what comes back."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import msgspec

from tongbao import identity, vault
from tongbao.identity import HttpMessage


class Partner:
    """Asks with an API key's `token` and signs with `key`, whose id at the bank is `keyid`."""

    def __init__(self, http: httpx.AsyncClient, token: str, key: vault.PrivateKey | None = None) -> None:
        self.http = http
        self.token = token
        self.key = key
        self.keyid = ""

    async def register(self, jwk: dict[str, Any], **about: Any) -> httpx.Response:
        return await self.ask("POST", "/v1/signing-keys", {"jwk": jwk, **about})

    async def introduce(self) -> None:
        """Registers its public key."""
        assert self.key is not None
        answer = await self.register(self.key.public().jwk)
        assert answer.status_code == 201, answer.text
        self.keyid = answer.json()["id"]

    def request(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        key: UUID | None = None,
        raw: bytes | None = None,
        media_type: str = "application/json",
        headers: dict[str, str] | None = None,
    ) -> httpx.Request:
        """Unsigned. `raw` is a body as it is."""
        content = raw if raw is not None else b"" if body is None else msgspec.json.encode(body)
        names = {"Authorization": f"Bearer {self.token}"}
        if method == "POST":
            names["Idempotency-Key"] = str(key or uuid4())
        if content:
            names["Content-Type"] = media_type
        return self.http.build_request(method, path, content=content, headers={**names, **(headers or {})})

    def sign(self, request: httpx.Request, *, nonce: str | None = None, **other: Any) -> httpx.Request:
        """The same request with a signature that is good for a minute."""
        assert self.key is not None
        at = datetime.now(UTC)
        said = {"created": at, "expires": at + timedelta(minutes=1), "keyid": self.keyid, **other}
        signed = identity.sign_message(message(request), self.key, nonce=nonce or secrets.token_urlsafe(16), **said)
        known = {name.lower() for name in request.headers}
        for name, value in signed.headers:
            if name.lower() not in known:
                request.headers[name] = value
        return request

    async def ask(self, method: str, path: str, body: Any = None, **other: Any) -> httpx.Response:
        return await self.http.send(self.request(method, path, body, **other))

    async def ask_signed(self, method: str, path: str, body: Any = None, **other: Any) -> httpx.Response:
        return await self.http.send(self.sign(self.request(method, path, body, **other)))


def message(request: httpx.Request) -> HttpMessage:
    path, _, query = request.url.raw_path.decode().partition("?")
    return HttpMessage(
        method=request.method,
        scheme=request.url.scheme,
        authority=request.headers["host"],
        path=path,
        query=query or None,
        headers=tuple(request.headers.items()),
        body=request.content,
    )


def copied(
    request: httpx.Request,
    *,
    body: bytes | None = None,
    url: str | None = None,
    method: str | None = None,
    without: Sequence[str] = (),
    **headers: str,
) -> httpx.Request:
    """What somebody on the way makes of a message that he caught."""
    names = {name: value for name, value in request.headers.items() if name not in (*without, "content-length")}
    names.update({name.replace("_", "-"): value for name, value in headers.items()})
    content = request.content if body is None else body
    return httpx.Request(method or request.method, url or request.url, headers=names, content=content)
