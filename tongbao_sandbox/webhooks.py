"""A shop's computer that hears from the bank: takes Standard Webhooks, checks who signed them, and keeps the newest.

https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

from __future__ import annotations

import argparse
import base64
import binascii
import hmac
import json
import os
import re
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qs

from tongbao_sandbox.serving import Message, Receive, Send, Store, Wrong, as_json, raw_body_of, say, serve

KEPT: Final = 200
BODY_LARGEST: Final = 1 << 20
TOLERANCE_S: Final = 300
"""A message that was signed longer ago, or so far ahead, may be somebody's recording."""

SECRET: Final = "WEBHOOK_SECRET"
"""The variable that holds the secret; a command line would show it to everybody on the machine."""

SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS message (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    aggregate TEXT,
    received_at TEXT NOT NULL,
    times INTEGER NOT NULL,
    headers TEXT NOT NULL,
    body TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS message_by_aggregate ON message (aggregate);
"""


class Box(Store):
    """What has come in, the newest `KEPT`."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, "webhooks", SCHEMA)

    def put(self, id: str, aggregate: str | None, headers: dict[str, str], body: str, at: datetime) -> None:
        """A message that comes again is counted, not kept twice."""
        self._db.execute(
            "INSERT INTO message (id, aggregate, received_at, times, headers, body) VALUES (?, ?, ?, 1, ?, ?)"
            " ON CONFLICT (id) DO UPDATE SET times = times + 1",
            (id, aggregate, at.isoformat(), json.dumps(headers), body),
        )
        self._db.execute("DELETE FROM message WHERE number <= (SELECT max(number) FROM message) - ?", (KEPT,))

    def since(self, number: int, aggregate: str | None) -> list[dict[str, Any]]:
        """Oldest first."""
        rows = self.rows(
            "SELECT number, id, received_at, times, headers, body FROM message"
            " WHERE number > ? AND (? IS NULL OR aggregate = ?) ORDER BY number",
            number,
            aggregate,
            aggregate,
        )
        return [
            {
                "number": number_,
                "id": id_,
                "received_at": received_at,
                "times": times,
                "headers": json.loads(headers),
                "body": json.loads(body),
            }
            for number_, id_, received_at, times, headers, body in rows
        ]


class Receiver:
    """The shop's computer as an ASGI application."""

    def __init__(self, folder: Path, secret: str, clock: Callable[[], float] = time.time) -> None:
        self._box = Box(folder)
        self._key = _key(secret)
        self._clock = clock
        self._refused = 0

    def close(self) -> None:
        self._box.close()

    async def application(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        try:
            status, document = await self._answer(scope, receive)
        except Wrong as wrong:
            status, document = wrong.status, {"error": wrong.said}
        await say(send, *as_json(status, document))

    async def _answer(self, scope: Message, receive: Receive) -> tuple[int, Any]:
        method, path = scope["method"], scope["path"]
        if (method, path) == ("POST", "/webhooks"):
            return self._take(scope, await raw_body_of(receive, BODY_LARGEST))
        if (method, path) == ("GET", "/received"):
            return self._received(scope["query_string"])
        if (method, path) == ("GET", "/healthz"):
            return 200, {"status": "ok"}
        raise Wrong(404, "there is no such thing here")

    def _take(self, scope: Message, body: bytes) -> tuple[int, Any]:
        headers = {
            name.decode("latin-1"): value.decode("latin-1")
            for name, value in scope["headers"]
            if name.startswith(b"webhook-")
        }
        try:
            self._check(headers, body)
            said = json.loads(body)
        except (Wrong, ValueError) as wrong:
            self._refused += 1
            raise wrong if isinstance(wrong, Wrong) else Wrong(400, "the body is not JSON") from None
        aggregate = said.get("aggregate") if isinstance(said, dict) else None
        at = datetime.fromtimestamp(self._clock(), UTC)
        self._box.put(headers["webhook-id"], str(aggregate) if aggregate else None, headers, body.decode(), at)
        return 200, {"status": "taken"}

    def _check(self, headers: dict[str, str], body: bytes) -> None:
        id_, stamp = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
        if not id_ or not re.fullmatch(r"[0-9]{1,12}", stamp):
            raise Wrong(400, "webhook-id or webhook-timestamp is missing")
        if abs(self._clock() - int(stamp)) > TOLERANCE_S:
            raise Wrong(400, "signed too long ago, or by a clock that is wrong")
        wanted = hmac.new(self._key, f"{id_}.{stamp}.".encode() + body, sha256).digest()
        for signature in headers.get("webhook-signature", "").split():
            version, _, given = signature.partition(",")
            if version == "v1" and hmac.compare_digest(base64.b64encode(wanted), given.encode()):
                return
        raise Wrong(401, "not signed with the secret of this endpoint")

    def _received(self, query: bytes) -> tuple[int, Any]:
        given = parse_qs(query.decode("latin-1"))
        since, aggregate = given.get("since", ["0"])[0], given.get("aggregate", [None])[0]
        if not re.fullmatch(r"[0-9]{1,15}", since):
            raise Wrong(422, "since is the number of a message")
        found = self._box.since(int(since), aggregate)
        last = found[-1]["number"] if found else int(since)
        return 200, {"received": found, "last": last, "refused": self._refused}


def _key(secret: str) -> bytes:
    try:
        key = base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    except binascii.Error:
        key = b""
    if not secret.startswith("whsec_") or len(key) < 24:
        raise ValueError("a secret is `whsec_` and at least 24 bytes in base64")
    return key


def add_to(parts: Any) -> None:
    """The subcommand `webhooks`."""
    webhooks = parts.add_parser("webhooks", help=f"a shop's receiver of webhooks; its secret is in ${SECRET}")
    webhooks.add_argument("--port", type=int, required=True, help="on 127.0.0.1")
    webhooks.add_argument("--data", type=Path, required=True, help="folder of what it received")
    webhooks.set_defaults(act=_serve)


def _serve(options: argparse.Namespace) -> int:
    try:
        receiver = Receiver(options.data, os.environ.get(SECRET, ""))
    except ValueError as wrong:
        sys.stderr.write(f"tongbao_sandbox: {SECRET}: {wrong}\n")
        return 2
    sys.stderr.write(f"tongbao_sandbox: webhooks are taken at http://127.0.0.1:{options.port}/webhooks\n")
    try:
        serve(receiver.application, options.port)
    finally:
        receiver.close()
    return 0
