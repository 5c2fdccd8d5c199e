"""Asking somebody outside of the bank by HTTP: bounded in time and size, and whatever goes wrong is an answer too."""

from __future__ import annotations

import asyncio
from typing import Final

import httpx
import msgspec

from tongbao.base.log import redacted

_CONNECT_S: Final = 3
_ANSWER_LARGEST: Final = 16 << 10
_TROUBLE_LONGEST: Final = 200


class Heard(msgspec.Struct, frozen=True, kw_only=True):
    """What was answered. Without `status` there was no answer; `may_have_arrived` says whether the question may have got there."""

    status: int | None = None
    body: bytes = b""
    trouble: str | None = None
    may_have_arrived: bool = True


def client(within_s: int) -> httpx.AsyncClient:
    """Connections to the outside: no redirect is followed, no proxy or netrc of the environment is heeded."""
    return httpx.AsyncClient(
        follow_redirects=False,
        trust_env=False,
        timeout=httpx.Timeout(within_s, connect=min(_CONNECT_S, within_s)),
        headers={"user-agent": "Tongbao"},
    )


async def ask(client: httpx.AsyncClient, request: httpx.Request, *, within_s: int) -> Heard:
    """One question. Never raises for what the other side does; at most 16 KiB of its answer are read."""
    try:
        async with asyncio.timeout(within_s):
            return await _send(client, request)
    except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as failure:
        return Heard(trouble=_words(failure), may_have_arrived=False)
    except TimeoutError:
        return Heard(trouble=f"no answer within {within_s} s")
    except Exception as failure:
        # Whatever a name, an address or an answer can do to us, the question may have arrived.
        return Heard(trouble=_words(failure))


async def _send(client: httpx.AsyncClient, request: httpx.Request) -> Heard:
    response = await client.send(request, stream=True)
    try:
        body = b""
        async for part in response.aiter_bytes():
            body += part
            if len(body) > _ANSWER_LARGEST:
                break
        return Heard(status=response.status_code, body=body)
    finally:
        await response.aclose()


def _words(failure: Exception) -> str:
    return redacted(f"{type(failure).__name__}: {failure}")[:_TROUBLE_LONGEST].replace("\x00", "")
