"""How customers use the app, as staff see it: tasks as funnels, the paths between pages, what was refused. Counts, nobody by name."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import date, timedelta
from typing import Annotated, Any, Final, Literal

from litestar import get
from litestar.handlers import HTTPRouteHandler
from litestar.params import QueryParameter

from tongbao.base import days
from tongbao.base.clock import Clock
from tongbao.base.say import Lang
from tongbao.base.settings import Settings
from tongbao.insight import journeys
from tongbao.insight.model import KEPT, OUTSIDE, Lost, Path, Reached, Task
from tongbao.insight.tasks import BY_NAME, TASKS
from tongbao.insight.words import (
    HOME_MESSAGES,
    OUTSIDE_MESSAGES,
    PLACE_MESSAGES,
    code_word,
    method_word,
    place_word,
    task_word,
)
from tongbao.web import export, i18n, pages, tables
from tongbao.web.export import FileForm
from tongbao.web.listing import Linked, Listing
from tongbao.web.pages import PageRequest
from tongbao.web.site import Config, Db, Now, visitor
from tongbao.web.tables import Column

Files = Annotated[FileForm | None, QueryParameter(name="format")]
Days = Annotated[Literal["", "7", "30", "90"], QueryParameter(name="days")]
Home = Annotated[Literal["", "standard", "young", "large"], QueryParameter(name="home")]
TaskName = Annotated[str, QueryParameter(name="task", max_length=40)]
Place = Annotated[str, QueryParameter(name="place", max_length=120)]

SPAN_MESSAGES: Final = {
    "7": "The last seven days",
    "30": "The last thirty days",
    "90": "The last ninety days",
}
MOST_SHOWN: Final = 50
_FILES: Final = ("csv", "xlsx", "pdf")
_MAY: Final = "customers:read"

TASK_COLUMNS: Final = (
    Column("task", "Task", "任务", words=task_word),
    Column("began", "Began", "开始", tables.COUNT),
    Column("finished", "Came to the end", "完成", tables.COUNT),
    Column("share", "Of a hundred", "完成率（%）", tables.COUNT),
    Column("half_within_s", "Half within (s)", "半数用时不超过（秒）", tables.COUNT),
    Column("lost_at", "Most stop after", "流失最多的一步"),
)
STEP_COLUMNS: Final = (
    Column("step", "Step", "步骤"),
    Column("visits", "Visits", "访问数", tables.COUNT),
    Column("share", "Of those who began", "占开始者"),
    Column("within", "Half within", "半数用时不超过"),
)
LOST_COLUMNS: Final = (
    Column("step", "Stopped after", "停在"),
    Column("there", "Went to", "随后前往"),
    Column("visits", "Visits", "访问数", tables.COUNT),
)
FILE_COLUMNS: Final = (
    Column("task", "Task", "任务", words=task_word),
    Column("step", "Step", "步骤序号", tables.COUNT),
    Column("name", "Name of the step", "步骤"),
    Column("visits", "Visits", "访问数", tables.COUNT),
    Column("half_within_s", "Half within (s)", "半数用时不超过（秒）", tables.COUNT),
)
PATH_COLUMNS: Final = (
    Column("here", "From", "来自", words=lambda place, lang: place_word(place, lang, outside=OUTSIDE_MESSAGES[0])),
    Column("there", "To", "前往", words=place_word),
    Column("times", "Times", "次数", tables.COUNT),
    Column("share", "Of 100 from there", "占离开该页的（%）", tables.COUNT),
)
REFUSED_COLUMNS: Final = (
    Column("place", "Page", "页面", words=place_word),
    Column("method", "How", "方式", words=method_word),
    Column("code", "What it said", "提示内容", words=code_word, long=True),
    Column("visits", "Visits", "访问数", tables.COUNT),
)


@get("/staff/journeys", guards=[visitor("staff", _MAY)], include_in_schema=False)
async def tasks_page(
    request: PageRequest,
    db: Db,
    clock: Now,
    settings: Config,
    days_: Days = "",
    home: Home = "",
    task: TaskName = "",
    form: Files = None,
) -> Any:
    """How far people come with what they want, and where those went who did not come to the end."""
    lang, since = pages.language(request), _since(days_, clock, settings)
    async with db.read() as tx:
        use = await journeys.use(tx, since=since)
        reached = await journeys.reached(tx, since=since, home=home or None)
        chosen = BY_NAME.get(task) or _first(reached)
        lost = await journeys.lost(tx, chosen.name, since=since, most=MOST_SHOWN)
    if form is not None:
        named = [
            (one.task, one.step, _step(one.task, one.step, lang), one.visits, one.half_within_s)
            for one in _known(reached)
        ]
        return await _file(
            named, FILE_COLUMNS, "tasks", i18n.say("Tasks in the app", lang), form, clock, settings, lang
        )
    by_task = _by_task(reached)
    return pages.show(
        request,
        "insight/journeys.html",
        use=use,
        pages_a_visit=_tenths(use.pages, use.visits),
        spans=_choices(SPAN_MESSAGES, lang),
        homes=_choices(HOME_MESSAGES, lang),
        tasks=Listing(
            columns=TASK_COLUMNS,
            rows=[_task_row(one, by_task[one.name], lang, request) for one in TASKS if one.name in by_task],
            files=_FILES,
            empty=_nothing(settings, lang),
        ),
        chosen=task_word(chosen.name, lang),
        steps=Listing(columns=STEP_COLUMNS, rows=_step_rows(chosen, by_task.get(chosen.name, {}), lang), chart="bar"),
        lost=Listing(
            columns=LOST_COLUMNS,
            rows=[_lost_row(chosen, one, lang) for one in lost if one.step <= len(chosen.acts)],
            empty=i18n.say("Everybody who began came to the end.", lang),
        ),
        has_any=chosen.name in by_task,
    )


@get("/staff/journeys/paths", guards=[visitor("staff", _MAY)], include_in_schema=False)
async def paths_page(
    request: PageRequest, db: Db, clock: Now, settings: Config, days_: Days = "", place: Place = "", form: Files = None
) -> Any:
    """Which page leads to which; of one page, where people come from and go to."""
    lang, since = pages.language(request), _since(days_, clock, settings)
    at = place if place in PLACE_MESSAGES else None
    async with db.read() as tx:
        most = journeys.MOST if form is not None else MOST_SHOWN
        found = await journeys.paths(tx, since=since, place=at, most=most)
    if form is not None:
        rows = [(one.here, one.there, one.times, one.share) for one in found]
        return await _file(rows, PATH_COLUMNS, "paths", i18n.say("Paths in the app", lang), form, clock, settings, lang)
    places = sorted(((key, place_word(key, lang)) for key in PLACE_MESSAGES), key=lambda pair: pair[1])
    return pages.show(
        request,
        "insight/paths.html",
        spans=_choices(SPAN_MESSAGES, lang),
        places=places,
        paths=Listing(
            columns=PATH_COLUMNS,
            rows=[_path_row(one, request) for one in found],
            files=_FILES,
            empty=_nothing(settings, lang),
        ),
        shown=MOST_SHOWN if len(found) == MOST_SHOWN else None,
    )


@get("/staff/journeys/refusals", guards=[visitor("staff", _MAY)], include_in_schema=False)
async def refusals_page(
    request: PageRequest, db: Db, clock: Now, settings: Config, days_: Days = "", form: Files = None
) -> Any:
    """At which pages people are told no, and what they are told."""
    lang, since = pages.language(request), _since(days_, clock, settings)
    async with db.read() as tx:
        most = journeys.MOST if form is not None else MOST_SHOWN
        found = await journeys.refused(tx, since=since, most=most)
    rows = [(one.place, one.method, one.code, one.visits) for one in found]
    if form is not None:
        return await _file(
            rows, REFUSED_COLUMNS, "refusals", i18n.say("Refusals in the app", lang), form, clock, settings, lang
        )
    return pages.show(
        request,
        "insight/refusals.html",
        spans=_choices(SPAN_MESSAGES, lang),
        refused=Listing(
            columns=REFUSED_COLUMNS,
            rows=rows,
            files=_FILES,
            empty=i18n.say("Nothing was refused to anybody in the app.", lang),
        ),
        shown=MOST_SHOWN if len(found) == MOST_SHOWN else None,
    )


def _since(days_: str, clock: Clock, settings: Settings) -> date:
    return days.local_day(clock.now(), settings.zone) - timedelta(days=int(days_ or KEPT.days) - 1)


def _choices(messages: Mapping[str, str], lang: Lang) -> list[tuple[str, str]]:
    return [(key, i18n.say(message, lang)) for key, message in messages.items()]


def _nothing(settings: Settings, lang: Lang) -> str:
    minutes = -(-settings.visit_ends_s // 60)
    return i18n.say(
        "Nothing is counted yet. A visit is counted when nothing has happened in it for %(minutes)s minutes.",
        lang,
        minutes=minutes,
    )


def _known(reached: Sequence[Reached]) -> list[Reached]:
    """Without what an older version of the bank counted and this one does not know."""
    return [one for one in reached if one.task in BY_NAME and one.step <= len(BY_NAME[one.task].acts)]


def _by_task(reached: Sequence[Reached]) -> dict[str, dict[int, Reached]]:
    found: dict[str, dict[int, Reached]] = {}
    for one in _known(reached):
        found.setdefault(one.task, {})[one.step] = one
    return found


def _first(reached: Sequence[Reached]) -> Task:
    """The task that most people begin."""
    begun = {one.task: one.visits for one in _known(reached) if one.step == 1}
    return max(TASKS, key=lambda task: begun.get(task.name, 0))


def _step(task: str, step: int, lang: Lang) -> str:
    act = BY_NAME[task].acts[step - 1]
    place = place_word(act.places[0], lang)
    return i18n.say("%(page)s, sent", lang, page=place) if act.method == "POST" else place


def _visits(steps: Mapping[int, Reached], step: int) -> int:
    return steps[step].visits if step in steps else 0


def _hundredths(part: int, whole: int) -> int:
    return (200 * part + whole) // (2 * whole) if whole else 0


def _tenths(part: int, whole: int) -> str:
    tenths = (20 * part + whole) // (2 * whole) if whole else 0
    return f"{tenths // 10}.{tenths % 10}"


def _task_row(task: Task, steps: Mapping[int, Reached], lang: Lang, request: PageRequest) -> tuple[Any, ...]:
    last = len(task.acts)
    began, finished = _visits(steps, 1), _visits(steps, last)
    stops = {step: _visits(steps, step) - _visits(steps, step + 1) for step in range(1, last)}
    worst = max(stops, key=lambda step: stops[step], default=1)
    return (
        Linked(task.name, pages.here(request, task=task.name)),
        began,
        finished,
        _hundredths(finished, began),
        steps[last].half_within_s if last in steps else None,
        _step(task.name, worst, lang) if stops.get(worst, 0) > 0 else None,
    )


def _step_rows(task: Task, steps: Mapping[int, Reached], lang: Lang) -> list[tuple[Any, ...]]:
    began = _visits(steps, 1)
    rows: list[tuple[Any, ...]] = []
    for step in range(1, len(task.acts) + 1):
        visits = _visits(steps, step)
        within = i18n.say("%(n)s s", lang, n=steps[step].half_within_s) if step > 1 and visits else None
        rows.append((f"{step}. {_step(task.name, step, lang)}", visits, f"{_hundredths(visits, began)}%", within))
    return rows


def _lost_row(task: Task, one: Lost, lang: Lang) -> tuple[Any, ...]:
    return f"{one.step}. {_step(task.name, one.step, lang)}", place_word(one.there, lang), one.visits


def _path_row(one: Path, request: PageRequest) -> tuple[Any, ...]:
    def linked(place: str) -> Any:
        return place if place == OUTSIDE else Linked(place, pages.here(request, place=place))

    return linked(one.here), linked(one.there), one.times, one.share


async def _file(
    rows: Sequence[tuple[Any, ...]],
    columns: Sequence[Column],
    name: str,
    title: str,
    form: FileForm,
    clock: Clock,
    settings: Settings,
    lang: Lang,
) -> Any:
    async def each() -> AsyncIterator[tuple[Any, ...]]:
        for row in rows:
            yield row

    return await export.export(
        columns, each(), name=name, form=form, title=title, settings=settings, at=clock.now(), lang=lang
    )


ROUTES: Final[tuple[HTTPRouteHandler, ...]] = (tasks_page, paths_page, refusals_page)
