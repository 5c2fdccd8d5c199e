"""A town in which shop owners look at their own pages, each with the session of his shop."""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime, timedelta
from typing import Any

import httpx
from msgspec.structs import replace

from tests.console.house import HOSTILE, House, Shown
from tests.merchants.market import MONDAY, SETTINGS
from tongbao import clearing, merchants, payments
from tongbao.base import days
from tongbao.base.db import BULK, Database
from tongbao.base.principal import Principal, PrincipalKind
from tongbao.identity import KEY_PERMISSIONS, KeyKind

TUESDAY = MONDAY + timedelta(1)


def morning(day: date) -> datetime:
    """Nine o'clock in Shanghai."""
    return datetime(day.year, day.month, day.day, 1, tzinfo=UTC)


class Till(House):
    """`noodles` is 老王面馆 with its owner's session `wang`; `tea` is another shop, whose owner is `zhao`; `guest` has money."""

    async def open_shops(self) -> None:
        self.noodles, self.tea = await self.shop("老王面馆"), await self.shop("小赵茶馆")
        self.wang, self.zhao = self.owner(self.noodles), self.owner(self.tea)
        self.guest = await self.person(10_000_000)

    def owner(self, shop: merchants.Merchant, *, without: str = "") -> str:
        """The session of a shop's people."""
        held = KEY_PERMISSIONS[KeyKind.MERCHANT] - {without}
        who = Principal(id=self.id(), kind=PrincipalKind.MERCHANT, permissions=held, subject_id=shop.id)
        self.keys[str(who.id)] = who
        return str(who.id)

    async def at_till(self, path: str, by: str | None = "wang", *, lang: str = "en") -> Shown:
        """The page at `path` as the owner of 老王面馆 sees it, unless told."""
        return Shown(await self.client.get(path, headers=self._cookies(by, lang)))

    async def press(self, path: str, fields: dict[str, Any], by: str | None = "wang", *, lang: str = "en") -> Shown:
        headers = {**self._cookies(by, lang), "sec-fetch-site": "same-origin"}
        return Shown(await self.client.post(path, data={k: str(v) for k, v in fields.items()}, headers=headers))

    async def file(self, path: str, by: str = "wang", *, lang: str = "en") -> httpx.Response:
        answer = await self.client.get(path, headers=self._cookies(by, lang))
        assert answer.status_code == 200, answer.text
        return answer

    async def lines(self, path: str, by: str = "wang") -> list[dict[str, str]]:
        """A CSV file."""
        content = (await self.file(path, by)).content.decode("utf-8-sig")
        return list(csv.DictReader(io.StringIO(content, newline="")))

    def _cookies(self, by: str | None, lang: str) -> dict[str, str]:
        token = {"wang": self.wang, "zhao": self.zhao}.get(by or "", by)
        session = f"; tongbao_shop={token}" if token else ""
        return {"accept": "text/html", "cookie": f"tongbao_language={lang}{session}"}

    async def end_day(self, day: date) -> None:
        """Ends `day` half an hour after midnight; the clock then stands at nine on the next."""
        self.clock.set(morning(day) + timedelta(hours=15, minutes=30))
        done = await clearing.end_of_day(self.db, self.clock, self.settings)
        assert [d.day for d in done] == [day]
        self.clock.set(morning(day + timedelta(1)))

    async def payment_now(self, id: Any) -> payments.Payment:
        async with self.db.read() as tx:
            return (await payments.find_payments(tx, [id]))[id]


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[Till]:
    settings = replace(SETTINGS, database_url=url)
    async with Database(url, size=8, limits=BULK) as db:
        async with db.tx() as tx:
            await days.found(tx, MONDAY)
        till = Till(db, settings)
        till.open_doors()
        async with till.client:
            await till.open_shops()
            yield till


__all__ = ["HOSTILE", "MONDAY", "TUESDAY", "Shown", "Till", "morning", "opened"]
