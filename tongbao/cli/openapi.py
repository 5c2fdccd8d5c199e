"""`tongbao openapi`: what the bank takes and answers, without a bank."""

from __future__ import annotations

import asyncio
import sys
from typing import Any

import msgspec

from tongbao.base.db import Database
from tongbao.base.settings import Settings
from tongbao.cli.whole import whole


def run() -> None:
    """Print the OpenAPI 3.1 document, as GET /v1/openapi.json answers it."""
    sys.stdout.write(document())


def document() -> str:
    """The document with its usual settings, indented; needs no database."""
    return msgspec.json.format(asyncio.run(_asked()), indent=2).decode() + "\n"


async def _asked() -> bytes:
    settings = Settings(database_url="host=nowhere.invalid")
    nowhere = Database(settings.database_url)
    bank = whole("Bank")(settings, settings.make_clock(), nowhere, nowhere)
    parts: list[bytes] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        parts.append(message.get("body", b""))

    path = "/v1/openapi.json"
    scope: dict[str, Any] = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "root_path": "",
        "query_string": b"",
        "headers": [],
        "client": None,
        "server": None,
    }
    await whole("http")(bank)(scope, receive, send)
    return b"".join(parts)
