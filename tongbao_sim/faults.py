"""Things that happen to requests in the world: replies that nobody hears, repeats, disorder, slow lines.

Each works on a `Client` whose bank is real; what the bank makes of it is for the auditor to say.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from time import monotonic
from typing import TypeVar

from tongbao_sim.chance import Chance
from tongbao_sim.client import Client, NoAnswer, Reply

T = TypeVar("T")


async def drop_the_reply(client: Client, wire: bytes, after_s: float = 0.0) -> None:
    """Send a whole request and close the socket without reading; the outcome stays unknown."""
    connection = await client.connect()
    connection.begin(monotonic() + client.timeout_s).cancel()
    connection.write(wire)
    if after_s:
        await asyncio.sleep(after_s)
    connection.hang_up()


async def break_off(client: Client, wire: bytes, after_bytes: int) -> None:
    """Send only the first bytes of a request and leave: the bank must not act on half an order."""
    await drop_the_reply(client, wire[:after_bytes])


async def send_slowly(client: Client, wire: bytes, pieces: int = 8, pause_s: float = 0.02) -> Reply:
    """A phone on a bad line: the request arrives in pieces."""
    connection = await client.connect()
    reply = connection.begin(monotonic() + client.timeout_s)
    size = max(1, -(-len(wire) // pieces))
    try:
        for start in range(0, len(wire), size):
            connection.write(wire[start : start + size])
            await asyncio.sleep(pause_s)
        return await asyncio.wait_for(reply, client.timeout_s)
    except TimeoutError as late:
        raise NoAnswer("no reply to a slow request within the time limit") from late
    finally:
        connection.abort()


async def send_twice(client: Client, wire: bytes) -> tuple[Reply | Exception, Reply | Exception]:
    """The same bytes on two sockets at the same moment."""
    first, second = await asyncio.gather(client.once(wire), client.once(wire), return_exceptions=True)
    for result in (first, second):
        if isinstance(result, BaseException) and not isinstance(result, Exception):
            raise result
    return first, second  # pyright: ignore[reportReturnType]


async def out_of_order(chance: Chance, steps: Sequence[Callable[[], Awaitable[T]]]) -> list[T]:
    """Run steps all at once in a shuffled order; the results come back in the order in which they were given."""
    order = list(range(len(steps)))
    chance.shuffle(order)
    results = await asyncio.gather(*(steps[i]() for i in order))
    return [result for _, result in sorted(zip(order, results, strict=True), key=lambda pair: pair[0])]
