"""The wall: how payments are judged at this moment, what was not let pass, and what labels say of it."""

from __future__ import annotations

from collections.abc import Mapping
from math import isqrt
from typing import Any, Final

from litestar import get
from litestar.di import NamedDependency
from litestar.handlers import HTTPRouteHandler
from litestar.params import SkipValidation
from litestar.response import Stream

from tongbao.base.clock import Clock
from tongbao.base.db import Database
from tongbao.base.say import Lang
from tongbao.base.settings import Settings
from tongbao.risk import rule_words
from tongbao.risk.rule_model import Action
from tongbao.risk.stance_words import stance_line
from tongbao.risk.wall import Wall
from tongbao.risk.wall_model import District, Scene, Span
from tongbao.web import i18n, live, pages, tables
from tongbao.web.listing import Linked, Listing, Marked
from tongbao.web.pages import Page, PageRequest
from tongbao.web.site import visitor
from tongbao.web.tables import Column

HEATS: Final = 4
"""Shades of the grid."""
_SPAN_MESSAGES: Final = ("last hour", "last 24 hours", "last 7 days")
_DAYS: Final = (
    ("Mon", "周一"),
    ("Tue", "周二"),
    ("Wed", "周三"),
    ("Thu", "周四"),
    ("Fri", "周五"),
    ("Sat", "周六"),
    ("Sun", "周日"),
)


class OnWall:
    """The wall's one source in this process, shared by everybody who watches."""

    def __init__(self, db: Database, clock: Clock, settings: Settings) -> None:
        self._wall = Wall(db, settings)
        self._clock = clock
        self.source: live.Source[Scene] = live.Source("wall", self.look)

    async def look(self) -> Scene:
        return await self._wall.look(self._clock.now())


def provided(db: Database, clock: Clock, settings: Settings) -> dict[str, Any]:
    """What these routes ask for besides what every page has; `db` is the pool for everything but money."""
    return {"wall": OnWall(db, clock, settings)}


Watched = NamedDependency[SkipValidation[OnWall]]


def per_10000(part: int, whole: int) -> int | None:
    return (part * 10_000 + whole // 2) // whole if whole else None


def percent_word(parts: int | None, _lang: Lang) -> str:
    """Parts of 10,000."""
    return "–" if parts is None else f"{parts // 100}.{parts % 100:02d}%"


def _span_word(place: int, lang: Lang) -> str:
    return i18n.say(_SPAN_MESSAGES[place], lang)


MINUTES: Final = (
    Column("at", "Minute", "分钟", tables.TIME),
    Column("approve", "Let pass", "放行", tables.COUNT),
    Column("challenge", "Asked", "要求确认", tables.COUNT),
    Column("hold", "To be decided by a person", "待人工审核", tables.COUNT),
    Column("deny", "Refused", "拒绝", tables.COUNT),
)
SPANS: Final = (
    Column("span", "Span", "时段", words=_span_word),
    Column("payments", "Judged", "评估笔数", tables.COUNT),
    Column("challenge", "Asked", "要求确认", tables.COUNT, words=percent_word),
    Column("hold", "To be decided by a person", "待人工审核", tables.COUNT, words=percent_word),
    Column("deny", "Refused", "拒绝", tables.COUNT, words=percent_word),
    Column("denied", "Money refused", "拒绝金额", tables.MONEY),
    Column("by_fallback", "Without the model", "未经模型评估", tables.COUNT, words=percent_word),
)
ODD: Final = (
    Column("at", "Time", "时间", tables.MOMENT),
    Column("amount", "Amount", "金额", tables.MONEY, currency_from="currency"),
    Column("action", "Judged to", "处置", words=rule_words.action_word),
    Column("risk", "Risk", "风险分", tables.COUNT),
    Column("rule", "Rule", "规则"),
    Column("currency", "Currency", "币种"),
)
RULES: Final = (
    Column("name", "Rule", "规则"),
    Column("mode", "State", "状态", words=rule_words.rule_state_word),
    Column("hits", "Met today", "今日命中", tables.COUNT),
)

_TRUTHS: Final = {
    "theft": ("stolen telephone", "手机被盗"),
    "scam": ("scam", "电信诈骗"),
    "mule": ("mule account", "资金中转账户"),
    "ring": ("fake trade", "虚假交易"),
}


def _truth_word(what: str, lang: Lang) -> str:
    return _TRUTHS[what][lang == "zh"] if what in _TRUTHS else what


TRUTH: Final = (
    Column("what", "What it was", "真实情况", words=_truth_word),
    Column("frauds", "Payments", "笔数", tables.COUNT),
    Column("caught", "Not let pass", "未放行", tables.COUNT),
    Column("missed", "Missed", "漏过", tables.COUNT),
    Column("missed_minor", "Money lost", "损失金额", tables.MONEY),
    Column("scored", "Seen by a model", "经模型评分", tables.COUNT),
    Column("scored_high", "Scored 50 and more", "评分五十及以上", tables.COUNT),
)


def _minutes(scene: Scene) -> Listing:
    rows = [(at, *(judged.get(action, 0) for action in Action)) for at, judged in scene.minutes]
    return Listing(columns=MINUTES, rows=rows, chart="stack", live="minutes")


def _span_row(place: int, span: Span) -> tuple[Any, ...]:
    whole = span.payments
    shares = (per_10000(span.many(action), whole) for action in (Action.CHALLENGE, Action.HOLD, Action.DENY))
    without = sum(one.by_fallback for one in span.judged.values())
    return place, whole, *shares, span.amount_minor(Action.DENY), per_10000(without, whole)


def _odd(scene: Scene, lang: Lang) -> Listing:
    rows = [
        (Linked(o.at, f"/staff/risk/payments/{o.id}"), o.amount_minor, o.action.value, o.risk, o.rule, o.currency)
        for o in scene.odd
    ]
    return Listing(
        columns=ODD,
        rows=rows,
        row_ids=[f"o-{o.id}" for o in scene.odd],
        hidden=("currency",),
        empty=i18n.say("Every payment of the last days was let pass.", lang),
    )


def _rules(scene: Scene, lang: Lang) -> Listing:
    rows = [(Linked(r.name, f"/staff/risk/rules/{r.rule_id}"), Marked(r.mode), r.hits) for r in scene.rules]
    return Listing(columns=RULES, rows=rows, empty=i18n.say("No rule was met today.", lang))


def _grid(scene: Scene, lang: Lang) -> list[tuple[str, list[tuple[int | None, int]]]]:
    """A row a day of the week: of 1,000 payments of each hour how many were not let pass, and its shade; None where there was none."""
    shares = {place: odd * 1_000 // many for place, (many, odd) in scene.grid.items() if many}
    most = max(shares.values(), default=0)
    return [
        (name[lang == "zh"], [_shade(shares.get((day, hour)), most) for hour in range(24)])
        for day, name in enumerate(_DAYS, start=1)
    ]


def _map(scene: Scene) -> list[list[tuple[District, int | None, int]]]:
    """Districts as they lie, north above south and west before east, as many in a row as there are rows: each with the share of its
    payments that were not let pass, in 1,000, and its shade."""
    shares = {d.name: d.odd * 1_000 // d.payments for d in scene.districts}
    most, wide = max(shares.values(), default=0), max(1, isqrt(len(shares) - 1) + 1 if shares else 1)
    southward = sorted(scene.districts, key=lambda d: (-d.latitude_e6, d.name))
    rows = [
        sorted(southward[n : n + wide], key=lambda d: (d.longitude_e6, d.name)) for n in range(0, len(shares), wide)
    ]
    return [[(d, *_shade(shares[d.name], most)) for d in row] for row in rows]


def _shade(share: int | None, most: int) -> tuple[int | None, int]:
    return share, -(-share * HEATS // most) if share and most else 0


def _context(scene: Scene, lang: Lang) -> dict[str, Any]:
    hour, day = scene.spans[0], scene.spans[1]
    known = scene.known
    return {
        "scene": scene,
        "stance": stance_line(scene.stance, lang),
        "minutes": _minutes(scene),
        "spans": Listing(
            columns=SPANS, rows=[_span_row(n, span) for n, span in enumerate(scene.spans)], currency=scene.currency
        ),
        "odd": _odd(scene, lang),
        "rules": _rules(scene, lang),
        "grid": _grid(scene, lang),
        "districts": _map(scene),
        "last_minute": sum(scene.minutes[-2][1].values()),
        "asked": percent_word(per_10000(hour.many(Action.CHALLENGE), hour.payments), lang),
        "refused": percent_word(per_10000(hour.many(Action.DENY), hour.payments), lang),
        "denied_minor": day.amount_minor(Action.DENY),
        "known": known,
        "truth": Listing(
            columns=TRUTH,
            rows=[
                (t.what, t.frauds, t.caught, t.frauds - t.caught, t.missed_minor, t.scored, t.scored_high)
                for t in scene.truth
            ],
            currency=scene.currency,
        ),
        "false_alarms": percent_word(per_10000(known.false_alarms, known.stopped), lang),
    }


_PARTS: Final = ("behind", "stance", "figures", "minutes", "odd", "rules", "known", "truth", "grid", "districts")


def _parts(request: PageRequest, scene: Scene | None) -> Mapping[str, str]:
    """The wall's live parts by the name of their event."""
    gone = {"gone": pages.part(request, "risk/wall_gone.html", gone=scene is None)}
    if scene is None:
        return gone
    context = _context(scene, pages.language(request))
    return {**gone, **{name: pages.part(request, f"risk/wall_{name}.html", **context) for name in _PARTS}}


@get("/staff/risk", guards=[visitor("staff", "risk:read")], include_in_schema=False)
async def wall_page(request: PageRequest, wall: Watched) -> Page:
    return pages.show(request, "risk/wall.html", **_context(await wall.look(), pages.language(request)))


@get("/staff/risk/live", guards=[visitor("staff", "risk:read")], include_in_schema=False)
async def wall_live(request: PageRequest, wall: Watched) -> Stream:
    return live.stream(wall.source.read(), lambda scene: _parts(request, scene))


ROUTES: Final[tuple[HTTPRouteHandler, ...]] = (wall_page, wall_live)
