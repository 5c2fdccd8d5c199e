"""Questions that an auditor asks the bank, with patience: it may be starting, or busy ending a day."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from datetime import date, timedelta
from typing import Any, TypeVar

import msgspec

from tongbao_sim.client import Client, NoAnswer, NotSent
from tongbao_sim.journal import Sent, Verb

T = TypeVar("T")

PATIENCE = 8
"""How often a question is asked when the bank does not answer: for about ten seconds."""
QUIET_WITHIN_S = 60
"""How long the end of a day may take before takings are left out of an audit."""


class CannotAudit(Exception):
    """The bank gave no usable answer to a question of the auditor."""


async def get(client: Client, path: str, kind: type[T]) -> T | None:
    """None for 404. Asks again for a while: the bank may be starting."""
    problem = ""
    for attempt in range(PATIENCE):
        try:
            reply = await client.request("GET", path)
        except (NotSent, NoAnswer) as no:
            problem = str(no)
        else:
            if reply.status == 404:
                return None
            if reply.status == 200:
                return msgspec.json.decode(reply.body, type=kind)
            problem = f"{reply.status} {reply.body[:200]!r}"
            if reply.status < 500 and reply.status != 429:
                break
        await asyncio.sleep(min(8, 2**attempt) / 4)
    raise CannotAudit(f"GET {path}: {problem}")


async def each(things: Iterable[T], do: Callable[[T], Awaitable[None]], width: int) -> None:
    """Do it for each thing, `width` at a time."""
    queue = iter(things)

    async def worker() -> None:
        for thing in queue:
            await do(thing)

    await asyncio.gather(*(worker() for _ in range(width)))


async def business_date(client: Client) -> str | None:
    """The bank's open business day, None when it does not say."""
    day = await get(client, "/v1/business-day", dict[str, Any])
    return str(day.get("business_date") or day.get("date")) if day else None


async def quiet_date(client: Client) -> str | None:
    """The open business day once the one before has ended, so that takings stand still until the next; else None.

    Waits for the end of a day that is under way.
    """
    for _ in range(QUIET_WITHIN_S * 2):
        day = await business_date(client)
        if day is None:
            return None
        before = date.fromisoformat(day) - timedelta(days=1)
        end = await get(client, f"/v1/business-day/close?date={before}", dict[str, Any])
        if end is None or end.get("phase") == "ended":
            return day
        await asyncio.sleep(0.5)
    return None


class TimelineStep(msgspec.Struct, frozen=True, kw_only=True):
    what: str
    details: dict[str, Any]


class TimelineSeen(msgspec.Struct, frozen=True, kw_only=True):
    steps: list[TimelineStep]


_VERBS: dict[str, Verb] = {"capture": "capture", "refund": "refund", "cancel": "cancel", "expire": "cancel"}


async def operations_of_others(client: Client, order: Sent, ours: frozenset[str]) -> list[Sent]:
    """What somebody else asked of a payment of ours and got, by the bank's own timeline."""
    seen = await get(client, f"/v1/payments/{order.id}/timeline", TimelineSeen)
    return [
        Sent(
            id=said["operation_id"],
            verb=_VERBS[said["kind"]],
            payment=order.id,
            amount=said.get("moved") or 0,
            expect="success",
            final=bool(said.get("final")),
        )
        for step in (seen.steps if seen else ())
        if step.what == "operation"
        and (said := step.details)["operation_id"] not in ours
        and said["kind"] in _VERBS
        and "code" not in said
    ]


class Authorised(msgspec.Struct, frozen=True, kw_only=True):
    authorised: int
    captured: int
    payer_account_id: str | None = None


class AuthorisedPage(msgspec.Struct, frozen=True, kw_only=True):
    items: list[Authorised]
    next_cursor: str | None = None


async def held_for_payments(client: Client, account: str) -> int:
    """What the bank's list of authorised payments says is held on an account."""
    total, cursor = 0, ""
    while True:
        path = f"/v1/payments?account_id={account}&state=authorised&limit=200{cursor}"
        page = await get(client, path, AuthorisedPage)
        mine = [p for p in (page.items if page else ()) if p.payer_account_id == account]
        total += sum(p.authorised - p.captured for p in mine)
        if page is None or not page.next_cursor:
            return total
        cursor = f"&cursor={page.next_cursor}"
