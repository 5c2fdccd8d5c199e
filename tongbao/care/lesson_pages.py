"""The lesson and the guide, as a customer reads them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final

from litestar import get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath

from tongbao.base.clock import Clock
from tongbao.base.db import Database, Tx
from tongbao.base.principal import Principal
from tongbao.base.refusal import Refusal
from tongbao.care import guide, lessons
from tongbao.care import refusals as no
from tongbao.care.lessons import CASE_MESSAGES
from tongbao.care.tip_model import Awareness
from tongbao.web import forms, i18n, pages
from tongbao.web.forms import Filled, Form
from tongbao.web.pages import Page, PageRequest
from tongbao.web.site import By, Config, Db, Now, visitor

LEVEL_MESSAGES: Final = {
    Awareness.NONE: "Not all cases are answered yet.",
    Awareness.LOW: "Go through the cases once more: the tricks are new to you.",
    Awareness.FAIR: "You know most of the tricks.",
    Awareness.HIGH: "You see through the tricks.",
}


class Answer(Form, frozen=True):
    choice: int


@get("/me/lessons", guards=[visitor("me", "me:read")], include_in_schema=False)
async def lessons_page(request: PageRequest, principal: By, db: Db) -> Page:
    assert principal.subject_id is not None
    lang = pages.language(request)
    async with db.read() as tx:
        chosen = await lessons.answers_of(tx, principal.subject_id)
    open_ones = [number for number in range(1, len(CASE_MESSAGES) + 1) if number not in chosen]
    return pages.show(
        request,
        "care/lessons.html",
        cases=[
            (number, i18n.say(case.story, lang), number in chosen, chosen.get(number) == case.right)
            for number, case in enumerate(CASE_MESSAGES, 1)
        ],
        answered=len(chosen),
        many=len(CASE_MESSAGES),
        right=lessons.score(chosen),
        level=i18n.say(LEVEL_MESSAGES[lessons.level_of(chosen)], lang),
        next_case=open_ones[0] if open_ones else None,
    )


@get("/me/lessons/{number:int}", guards=[visitor("me", "me:read")], include_in_schema=False)
async def case_page(request: PageRequest, number: FromPath[int], principal: By, db: Db) -> Page:
    """The question; with `answered` in the address, what he chose, what is right, and why."""
    return await _case(request, number, principal, db, forms.blank())


async def _case(
    request: PageRequest, number: int, principal: Principal, db: Database, form: Filled[Any], *, status: int = 200
) -> Page:
    if not 1 <= number <= len(CASE_MESSAGES):
        raise no.CASE_UNKNOWN()
    assert principal.subject_id is not None
    lang, case = pages.language(request), CASE_MESSAGES[number - 1]
    async with db.read() as tx:
        chosen = (await lessons.answers_of(tx, principal.subject_id)).get(number)
    return pages.show(
        request,
        "care/lesson_case.html",
        status=status,
        form=form,
        number=number,
        many=len(CASE_MESSAGES),
        story=i18n.say(case.story, lang),
        choices=[(n, i18n.say(choice, lang)) for n, choice in enumerate(case.choices, 1)],
        chosen=chosen if "answered" in request.query_params and not form.errors else None,
        right=case.right,
        why=i18n.say(case.why, lang),
    )


@post("/me/lessons/{number:int}", guards=[visitor("me", "me:read")], include_in_schema=False)
async def answer(request: PageRequest, number: FromPath[int], principal: By, db: Db, clock: Now) -> Page:
    filled = await forms.read(request, Answer)
    wanted = filled.value
    if wanted is None:
        return await _case(request, number, principal, db, filled, status=422)

    async def work(tx: Tx) -> bool:
        return await lessons.answer(tx, principal, number, wanted.choice, at=clock.now())

    try:
        await db.retry(work)
    except Refusal as refusal:
        again = filled.refused(refusal, pages.language(request))
        return await _case(request, number, principal, db, again, status=refusal.kind.status)
    return pages.go(f"/me/lessons/{number}?answered=1")


@get("/me/guide", guards=[visitor("me", "me:read")], include_in_schema=False)
async def guide_page(request: PageRequest, principal: By, db: Db, clock: Now, settings: Config) -> Page:
    return await _guide(request, principal, db, clock, settings.zone.key)


async def _guide(request: PageRequest, principal: Principal, db: Database, clock: Clock, zone: str) -> Page:
    lang = pages.language(request)
    look = principal.look
    async with db.read() as tx:
        habits = await guide.habits_of(tx, principal, zone=zone, since=clock.now() - timedelta(days=guide.DAYS))
    found = guide.chapters(habits, is_large_home=look is not None and "large" in (look.home, look.type))
    return pages.show(
        request,
        "care/guide.html",
        chapters=[
            (
                i18n.say(chapter.title, lang),
                [i18n.say(line, lang) for line in chapter.lines],
                i18n.say(chapter.because, lang),
                guide.LEADS_TO[name],
                i18n.say(chapter.button, lang),
            )
            for name, chapter in ((name, guide.CHAPTER_MESSAGES[name]) for name in found)
        ],
    )


ROUTES: Final[tuple[HTTPRouteHandler, ...]] = (lessons_page, case_page, answer, guide_page)
