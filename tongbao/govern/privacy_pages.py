"""A customer's own privacy page: what he agrees to, what the bank asks him for and why, who has read it, what he asks for."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Annotated, Any, Final, Literal
from uuid import UUID

import msgspec
from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.handlers import HTTPRouteHandler
from litestar.params import SkipValidation

from tongbao import identity
from tongbao.base import days
from tongbao.base.clock import Clock
from tongbao.base.db import Database, Tx
from tongbao.base.principal import Principal
from tongbao.base.refusal import Refusal
from tongbao.base.settings import Settings
from tongbao.govern import export, requests
from tongbao.govern.model import TEXT_LONGEST, RequestKind
from tongbao.govern.words import KIND_MESSAGES, kind_word, state_word
from tongbao.web import forms, i18n, pages
from tongbao.web.declared import DECLARED
from tongbao.web.forms import Filled, Form
from tongbao.web.pages import Page, PageRequest
from tongbao.web.site import By, Config, Db, Id, Now, visitor

Elsewhere = NamedDependency[SkipValidation[Mapping[str, Callable[[Tx, UUID], Awaitable[Any]]]]]
"""What slices beside this one know of a person, by the name that it has in his document."""

_READINGS: Final = 20
CONSENT_MESSAGES: Final = {
    "yes": "You agree. You may take that back at any time.",
    "no": "It is taken back and no longer done.",
}


class Answer(Form, frozen=True):
    """`version`: of the wording that the page showed."""

    id: UUID
    purpose: Annotated[str, msgspec.Meta(max_length=40)]
    version: int
    given: Literal["yes", "no"]


class Wish(Form, frozen=True):
    id: UUID
    kind: RequestKind
    text: Annotated[str, msgspec.Meta(max_length=TEXT_LONGEST)] = ""


@get("/me/privacy", guards=[visitor("me", "me:read")], include_in_schema=False)
async def privacy_page(request: PageRequest, principal: By, db: Db, clock: Now, settings: Config) -> Page:
    return await _show(request, principal, db, clock, settings, forms.blank())


async def _show(
    request: PageRequest,
    principal: Principal,
    db: Database,
    clock: Clock,
    settings: Settings,
    form: Filled[Any],
    *,
    status: int = 200,
    agree: Refusal | None = None,
) -> Page:
    holder, lang = _holder(principal), pages.language(request)
    async with db.read() as tx:
        consents = await identity.consents_of(tx, holder)
        measured = await identity.count_rhythms(tx, holder)
        asked = await requests.requests_of(tx, holder)
        texts = await requests.texts_of(tx, principal, asked)
        read_by = (await export.readings_of(tx, holder))[:_READINGS]
    today = days.local_day(clock.now(), settings.zone)
    return pages.show(
        request,
        "govern/privacy.html",
        status=status,
        form=form,
        refused=(agree.kind.zh if lang == "zh" else agree.kind.en) if agree else None,
        consents=[(one, one.wording(lang)) for one in consents],
        measured=measured,
        declared=[(i18n.say(one.what, lang), i18n.say(one.why, lang)) for one in DECLARED.values()],
        asked=[
            (one, kind_word(one.kind, lang), state_word(one.state, lang), texts.get(one.id), one.is_late(today))
            for one in asked
        ],
        kinds=[(kind, i18n.say(message, lang)) for kind, message in KIND_MESSAGES.items()],
        read_by=[
            (
                one["at"],
                identity.reader_word(one["by"], lang),
                [identity.datum_word(kind, lang) for kind in one["kinds"]],
            )
            for one in read_by
        ],
    )


@post("/me/privacy/consents", guards=[visitor("me", "me:pay")], include_in_schema=False)
async def answer(request: PageRequest, principal: By, db: Db, clock: Now, settings: Config) -> Page:
    """Gives or withdraws one consent."""
    filled = await forms.read(request, Answer)
    wanted = filled.value
    if wanted is None:
        return await _show(request, principal, db, clock, settings, filled, status=422)
    holder = _holder(principal)

    async def work(tx: Tx) -> None:
        given = wanted.given == "yes"
        await identity.set_consent(
            tx, holder, wanted.purpose, wanted.version, given, id=wanted.id, by=principal, at=clock.now()
        )

    try:
        await db.retry(work)
    except Refusal as refusal:
        blank = forms.blank()
        return await _show(request, principal, db, clock, settings, blank, status=refusal.kind.status, agree=refusal)
    return pages.go("/me/privacy", said=CONSENT_MESSAGES[wanted.given])


@post("/me/privacy", guards=[visitor("me", "me:pay")], include_in_schema=False)
async def ask(request: PageRequest, principal: By, db: Db, clock: Now, settings: Config) -> Page:
    """Files a request."""
    filled = await forms.read(request, Wish)
    wanted = filled.value
    if wanted is None:
        return await _show(request, principal, db, clock, settings, filled, status=422)

    async def work(tx: Tx) -> None:
        await requests.ask(tx, principal, wanted.kind, wanted.text, id=wanted.id, at=clock.now(), zone=settings.zone)

    try:
        await db.retry(work)
    except Refusal as refusal:
        again = filled.refused(refusal, pages.language(request))
        return await _show(request, principal, db, clock, settings, again, status=refusal.kind.status)
    return pages.go("/me/privacy", said="Your request has arrived. The answer will stand on this page.")


@post("/me/privacy/requests/{id:uuid}/withdraw", guards=[visitor("me", "me:pay")], include_in_schema=False)
async def withdraw(request: PageRequest, id: Id, principal: By, db: Db, clock: Now, settings: Config) -> Page:
    async def work(tx: Tx) -> None:
        await requests.withdraw(tx, principal, id, at=clock.now())

    try:
        await db.retry(work)
    except Refusal as refusal:
        blank = forms.blank()
        return await _show(request, principal, db, clock, settings, blank, status=refusal.kind.status, agree=refusal)
    return pages.go("/me/privacy", said="The request is withdrawn.")


@get("/me/privacy/export", guards=[visitor("me", "me:read")], include_in_schema=False)
async def export_file(principal: By, db: Db, clock: Now, elsewhere: Elsewhere) -> Response[bytes]:
    """All of it as one JSON file."""
    async with db.read() as tx:
        document = await export.export_person(tx, principal, at=clock.now())
        for name, known in elsewhere.items():
            document[name] = await known(tx, _holder(principal))
    return Response(
        msgspec.json.format(msgspec.json.encode(document), indent=2),
        media_type="application/json",
        headers={"content-disposition": 'attachment; filename="personal-data.json"'},
    )


def _holder(principal: Principal) -> UUID:
    assert principal.subject_id is not None
    return principal.subject_id


ROUTES: Final[tuple[HTTPRouteHandler, ...]] = (privacy_page, answer, ask, withdraw, export_file)
