"""The page by which a customer sets his home, its look and the order of its short ways; and the end of his first steps."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

import msgspec
from litestar import get, post
from litestar.handlers import HTTPRouteHandler

from tongbao.base.db import Database, Tx
from tongbao.base.principal import Look, Principal
from tongbao.identity import preferences
from tongbao.identity.preference_model import Action, Home, Theme, Tongue, TypeSize
from tongbao.web import forms, i18n, pages
from tongbao.web.forms import Filled, Form
from tongbao.web.pages import Page, PageRequest
from tongbao.web.site import By, Db, Now, visitor

SAVED, ORDERED, TOUR_OVER = DONE_MESSAGES = (
    "Saved. It looks like this on every device of yours.",
    "Saved. Your first page has the new order.",
    "The first steps are not shown any more. Help is always there.",
)
HOME_MESSAGES: Final = {
    Home.STANDARD: "Standard",
    Home.YOUNG: "Lively: your week, and whom you paid last",
    Home.LARGE: "Large type: few big buttons, help always in sight",
}
AUTO: Final = "auto"
THEME_MESSAGES: Final = {AUTO: "As this device", Theme.LIGHT: "Light", Theme.DARK: "Dark"}
TYPE_MESSAGES: Final = {TypeSize.USUAL: "Usual type size", TypeSize.LARGE: "Large type size"}


class SetLook(Form, frozen=True):
    home: Home
    theme: Literal["light", "dark", "auto"]
    type: TypeSize
    language: Literal["zh", "en", "auto"]


class SetOrder(Form, frozen=True):
    """Names of short ways, separated by commas."""

    actions: Annotated[str, msgspec.Meta(min_length=1, max_length=500)]


@get("/me/look", guards=[visitor("me", "me:read")], include_in_schema=False)
async def look_page(request: PageRequest, principal: By, db: Db) -> Page:
    return await _show(request, principal, db, forms.blank())


async def _show(
    request: PageRequest, principal: Principal, db: Database, form: Filled[Any], *, status: int = 200
) -> Page:
    assert principal.subject_id is not None
    lang = pages.language(request)
    async with db.read() as tx:
        found = await preferences.preferences_of(tx, principal.subject_id)
    now = {
        "home": found.home.value,
        "theme": found.theme.value if found.theme else AUTO,
        "type": found.type.value,
        "language": found.language.value if found.language else AUTO,
    }
    return pages.show(
        request,
        "identity/look.html",
        status=status,
        form=Filled[Any](None, {**now, **form.given}, form.errors),
        homes=_choices(HOME_MESSAGES, lang),
        themes=_choices(THEME_MESSAGES, lang),
        types=_choices(TYPE_MESSAGES, lang),
        languages=[(AUTO, i18n.say("As this browser", lang)), ("zh", "中文"), ("en", "English")],
        actions=_moves(found.actions),
    )


def _choices(messages: Any, lang: Any) -> list[tuple[str, str]]:
    return [(str(value), i18n.say(sentence, lang)) for value, sentence in messages.items()]


def _moves(actions: tuple[Action, ...]) -> list[tuple[Action, str | None]]:
    """Each short way with the whole order as it is once this one has moved up: pressed twice, it has moved once."""
    names = [action.name for action in actions]
    moved = [[*names[: n - 1], names[n], names[n - 1], *names[n + 1 :]] for n in range(1, len(names))]
    return list(zip(actions, [None, *(",".join(one) for one in moved)], strict=True))


@post("/me/look", guards=[visitor("me", "me:read")], include_in_schema=False)
async def set_look(request: PageRequest, principal: By, db: Db) -> Page:
    filled = await forms.read(request, SetLook)
    wanted = filled.value
    if wanted is None:
        return await _show(request, principal, db, filled, status=422)
    theme = None if wanted.theme == AUTO else Theme(wanted.theme)
    language = None if wanted.language == AUTO else Tongue(wanted.language)

    async def write(tx: Tx) -> None:
        await preferences.set_look(tx, principal, home=wanted.home, theme=theme, type_=wanted.type, language=language)

    await db.retry(write)
    response = pages.go("/me/look", said=SAVED)
    pages.look_at_once(response, Look(wanted.home, theme, wanted.type, language))
    return response


@post("/me/look/order", guards=[visitor("me", "me:read")], include_in_schema=False)
async def set_order(request: PageRequest, principal: By, db: Db) -> Page:
    filled = await forms.read(request, SetOrder)
    wanted = filled.value
    if wanted is None:
        return await _show(request, principal, db, Filled[Any](None, {}, filled.errors), status=422)

    async def write(tx: Tx) -> None:
        await preferences.set_actions(tx, principal, wanted.actions.split(","))

    await db.retry(write)
    return pages.go("/me/look#order", said=ORDERED)


@post("/me/tour", guards=[visitor("me", "me:read")], include_in_schema=False)
async def end_tour(request: PageRequest, principal: By, db: Db, clock: Now) -> Page:
    """The first steps were read, or are not wanted."""

    async def write(tx: Tx) -> None:
        await preferences.end_tour(tx, principal, at=clock.now())

    await db.retry(write)
    return pages.go("/me", said=TOUR_OVER)


ROUTES: Final[tuple[HTTPRouteHandler, ...]] = (look_page, set_look, set_order, end_tour)
