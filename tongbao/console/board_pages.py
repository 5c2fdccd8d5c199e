"""The live board of the bank: what happens now, what was refused and why, how the machinery is."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

import msgspec
from litestar import get
from litestar.di import NamedDependency
from litestar.handlers import HTTPRouteHandler
from litestar.params import SkipValidation
from litestar.response import Stream

from tongbao import payments
from tongbao.base.clock import Clock
from tongbao.base.db import Database
from tongbao.base.say import Lang
from tongbao.base.settings import Settings
from tongbao.console.board import Board
from tongbao.console.model import Figures, Vitals
from tongbao.console.vitals import Pulse
from tongbao.web import live, pages, tables
from tongbao.web.listing import Linked, Listing, Marked
from tongbao.web.pages import Page, PageRequest
from tongbao.web.site import Config, visitor
from tongbao.web.tables import Column


class Scene(msgspec.Struct, frozen=True):
    """All that the board shows at one moment."""

    figures: Figures
    vitals: Vitals


class Watch:
    """The board's one source in this process, shared by everybody who watches."""

    def __init__(self, db: Database, clock: Clock, settings: Settings, pulse: Pulse) -> None:
        self._board = Board(db, settings)
        self._clock = clock
        self._pulse = pulse
        self.source: live.Source[Scene] = live.Source("board", self.look)

    async def look(self) -> Scene:
        return Scene(await self._board.look(self._clock.now()), await self._pulse.vitals())


Watched = NamedDependency[SkipValidation[Watch]]


def _state(value: Any, lang: Lang) -> str:
    return payments.state_word(value, lang)


NEWEST: Final = (
    Column("at", "Time", "时间", tables.TIME),
    Column("amount", "Amount", "金额", tables.MONEY, currency_from="currency"),
    Column("payer", "From", "付款方"),
    Column("payee", "To", "收款方"),
    Column("method", "Method", "方式", words=payments.method_word),
    Column("state", "State", "状态", words=_state),
    Column("currency", "Currency", "币种"),
)
DECLINES: Final = (
    Column("at", "Time", "时间", tables.TIME),
    Column("amount", "Amount", "金额", tables.MONEY, currency_from="currency"),
    Column("payer", "From", "付款方"),
    Column("why", "Why", "原因", words=payments.refusal_word),
    Column("currency", "Currency", "币种"),
)
SECONDS: Final = (
    Column("at", "Time", "时间", tables.TIME),
    Column("payments", "Payments", "支付笔数", tables.COUNT),
    Column("declined", "Declined", "拒绝笔数", tables.COUNT),
)
_BAR_S: Final = 10


def _end(number: str | None) -> str | None:
    """An account by its end: enough to recognise, too little to misuse."""
    return None if number is None else f"*{number[-4:]}"


def newest(figures: Figures) -> Listing:
    rows = [
        (
            Linked(p.at, f"/staff/payments/{p.id}"),
            p.amount_minor,
            _end(p.payer),
            p.merchant or _end(p.payee),
            p.method,
            Marked(p.state),
            p.currency,
        )
        for p in figures.newest
    ]
    return Listing(columns=NEWEST, rows=rows, row_ids=[f"p-{p.id}" for p in figures.newest], hidden=("currency",))


def declines(figures: Figures) -> Listing:
    rows = [
        (Linked(d.at, f"/staff/payments/{d.id}"), d.amount_minor, _end(d.payer), d.refusal, d.currency)
        for d in figures.declines
    ]
    return Listing(columns=DECLINES, rows=rows, hidden=("currency",))


def curve(figures: Figures, zone: ZoneInfo) -> Listing:
    """The last five minutes in steps of ten seconds."""
    sums: dict[int, list[int]] = {}
    first = int(figures.at.timestamp()) // _BAR_S - 30
    for step in range(first, first + 30):
        sums[step] = [0, 0]
    for second in figures.seconds:
        step = int(second.at.timestamp()) // _BAR_S
        if step in sums:
            sums[step][0] += second.payments
            sums[step][1] += second.declined
    rows = [(datetime.fromtimestamp(step * _BAR_S, zone), *counts) for step, counts in sums.items()]
    return Listing(columns=SECONDS, rows=rows, chart="line", live="curve")


def _parts(request: PageRequest, scene: Scene | None, zone: ZoneInfo) -> Mapping[str, str]:
    """The board's live parts by the name of their event."""
    if scene is None:
        return {"gone": pages.part(request, "console/board_gone.html", gone=True)}
    context = _context(scene, zone)
    names = ("figures", "newest", "declines", "machinery", "curve")
    return {
        "gone": pages.part(request, "console/board_gone.html", gone=False),
        **{name: pages.part(request, f"console/board_{name}.html", **context) for name in names},
    }


def _context(scene: Scene, zone: ZoneInfo) -> dict[str, Any]:
    figures = scene.figures
    return {
        "figures": figures,
        "newest": newest(figures),
        "declines": declines(figures),
        "vitals": scene.vitals,
        "curve": curve(figures, zone),
    }


@get("/staff/board", guards=[visitor("staff", "payments:read")], include_in_schema=False)
async def board(request: PageRequest, watch: Watched, settings: Config) -> Page:
    scene = await watch.look()
    return pages.show(request, "console/board.html", **_context(scene, settings.zone))


@get("/staff/board/live", guards=[visitor("staff", "payments:read")], include_in_schema=False)
async def board_live(request: PageRequest, watch: Watched, settings: Config) -> Stream:
    return live.stream(watch.source.read(), lambda scene: _parts(request, scene, settings.zone))


ROUTES: Final[tuple[HTTPRouteHandler, ...]] = (board, board_live)
