"""What the app tells a customer: the inbox, the mark of what is unread on each page of his, and his choice of ways."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from typing import Annotated, Any, Final, Literal
from uuid import UUID
from weakref import WeakKeyDictionary

import msgspec
from litestar import get, post
from litestar.di import NamedDependency
from litestar.handlers import HTTPRouteHandler
from litestar.params import SkipValidation
from litestar.response import Stream

from tongbao import notices, vault
from tongbao.base.db import Database, Tx
from tongbao.base.ids import derived
from tongbao.base.principal import Principal
from tongbao.base.settings import Settings
from tongbao.identity import told
from tongbao.notices import FIXED, Kind, Unread, Way
from tongbao.web import forms, i18n, live, pages, paging
from tongbao.web.forms import Filled, Form
from tongbao.web.pages import Page, PageRequest
from tongbao.web.site import By, Config, Cursor, Db, Now, visitor

ALL_READ, CHOSEN, PUSHED, PUSHED_NO_MORE = DONE_MESSAGES = (
    "All is marked as read.",
    "Saved. From now on you hear of it like this.",
    "Notices are pushed to this browser from now on.",
    "Nothing is pushed to your browsers any more.",
)
_NOT_HERE_MESSAGES: Final = "Notices cannot be pushed to this browser."
_LONG_AGO: Final = datetime(1970, 1, 1, tzinfo=UTC)
Box = Literal["yes", ""]


class Read(Form, frozen=True):
    """`seen`: what was told up to this moment stood on the page."""

    seen: datetime


class Browser(Form, frozen=True):
    """What `PushSubscription.toJSON` of a browser holds (W3C Push API)."""

    endpoint: Annotated[str, msgspec.Meta(min_length=1, max_length=2000)]
    p256dh: Annotated[str, msgspec.Meta(min_length=1, max_length=100)]
    auth: Annotated[str, msgspec.Meta(min_length=1, max_length=50)]


class Ways(Form, frozen=True):
    """A box for each way that may be chosen; one that is not ticked is not sent."""

    money_in_app: Box = ""
    money_in_sms: Box = ""
    money_in_push: Box = ""
    money_out_app: Box = ""
    money_out_sms: Box = ""
    money_out_push: Box = ""
    security_push: Box = ""
    help_app: Box = ""
    help_sms: Box = ""
    help_push: Box = ""
    tips_app: Box = ""
    tips_sms: Box = ""
    tips_push: Box = ""


class Inboxes:
    """The one source in this process of what its readers have not read: a statement for all of them."""

    def __init__(self, db: Database) -> None:
        self._db = db
        # Weak, so that whoever goes away is asked about no more.
        self._readers: WeakKeyDictionary[live.Reader[Mapping[UUID, Unread]], UUID] = WeakKeyDictionary()
        self._source: live.Source[Mapping[UUID, Unread]] = live.Source("inboxes", self._look, every_s=live.SOON_S)

    async def _look(self) -> Mapping[UUID, Unread]:
        async with self._db.read() as tx:
            return await notices.unread(tx, set(self._readers.values()))

    def read(self, customer_id: UUID) -> live.Reader[Mapping[UUID, Unread]]:
        reader = self._source.read()
        self._readers[reader] = customer_id
        return reader


InboxesOf = NamedDependency[SkipValidation[Inboxes]]


@get("/me/notices", guards=[visitor("me", "me:read")], include_in_schema=False)
async def inbox_page(request: PageRequest, principal: By, db: Db, cursor: Cursor = None) -> Page:
    return await _show(request, principal, db, forms.blank(), cursor=cursor)


async def _show(
    request: PageRequest,
    principal: Principal,
    db: Database,
    form: Filled[Any],
    *,
    cursor: str | None = None,
    status: int = 200,
) -> Page:
    me, place, most = _holder(principal), paging.place(cursor, datetime, UUID), paging.USUAL
    before = (place[0], place[1]) if place else notices.NEWEST
    async with db.read() as tx:
        found = await notices.inbox_of(tx, me, before=before, most=most + 1)
        shown = await told.worded(tx, me, found[:most], pages.language(request))
    listed = paging.page(found, most, lambda one: paging.cursor(one.told_at, one.id), lambda one: one)
    return pages.show(
        request,
        "identity/notices.html",
        status=status,
        form=form,
        shown=shown,
        kind_word=notices.kind_word,
        next_cursor=listed.next_cursor,
        newest_at=found[0].told_at if found else None,
        new=sum(one.read_at is None for one in found),
    )


@get("/me/notices/live", guards=[visitor("me", "me:read")], include_in_schema=False)
async def inbox_live(request: PageRequest, principal: By, inboxes: InboxesOf) -> Stream:
    """`mark`: how many are unread. `news`: changes when something was told."""
    me = _holder(principal)

    def render(state: Mapping[UUID, Unread] | None) -> dict[str, str]:
        mine = state.get(me) if state is not None else None
        if mine is None:
            return {}
        mark = pages.part(request, "identity/notices_mark.html", unread=mine.number)
        return {"mark": mark.strip(), "news": (mine.newest_at or _LONG_AGO).isoformat()}

    return live.stream(inboxes.read(me), render)


@post("/me/notices", guards=[visitor("me", "me:read")], include_in_schema=False)
async def read_all(request: PageRequest, principal: By, db: Db, clock: Now) -> Page:
    """What stood on the page is read; what came since is not."""
    filled, me = await forms.read(request, Read), _holder(principal)
    wanted = filled.value
    if wanted is None or wanted.seen.tzinfo is None:
        errors = filled.errors or {"": "seen"}
        return await _show(request, principal, db, Filled[Any](None, {}, errors), status=422)
    until = wanted.seen

    async def read(tx: Tx) -> None:
        await notices.read_notices(tx, me, until=until, at=clock.now())

    await db.retry(read)
    return pages.go("/me/notices", said=ALL_READ)


@get("/me/notices/channels", guards=[visitor("me", "me:read")], include_in_schema=False)
async def ways_page(request: PageRequest, principal: By, db: Db, settings: Config) -> Page:
    return await _ways(request, principal, db, settings, forms.blank())


async def _ways(
    request: PageRequest,
    principal: Principal,
    db: Database,
    settings: Settings,
    form: Filled[Any],
    *,
    status: int = 200,
) -> Page:
    me, lang = _holder(principal), pages.language(request)
    async with db.read() as tx:
        chosen = (await notices.choices_of(tx, [me]))[me]
        browsers = await notices.subscriptions_of(tx, [me])
    rows = [
        (
            notices.kind_word(kind, lang),
            [
                (f"{kind}_{way}", notices.way_word(way, lang), (kind, way) in FIXED, chosen.wants(kind, way))
                for way in _offered(settings)
            ],
        )
        for kind in Kind
    ]
    key = _push_key(settings.push_key) if settings.push_key else None
    return pages.show(
        request,
        "identity/notice_ways.html",
        status=status,
        form=form,
        rows=rows,
        push_key=key,
        browsers=len(browsers),
    )


def _offered(settings: Settings) -> Sequence[Way]:
    """Push only where the bank can push."""
    return tuple(way for way in Way if way is not Way.PUSH or settings.push_key)


@cache
def _push_key(path: str) -> str:
    """What a browser binds its subscription to."""
    return notices.web64(notices.point(notices.read_key(path)))


@post("/me/notices/channels", guards=[visitor("me", "me:read")], include_in_schema=False)
async def set_ways(request: PageRequest, principal: By, db: Db, settings: Config) -> Page:
    filled = await forms.read(request, Ways)
    wanted = filled.value
    if wanted is None:
        return await _ways(request, principal, db, settings, filled, status=422)
    places = [(kind, way) for kind in Kind for way in _offered(settings) if (kind, way) not in FIXED]
    chosen = {(kind, way): getattr(wanted, f"{kind}_{way}") == "yes" for kind, way in places}
    me = _holder(principal)

    async def write(tx: Tx) -> None:
        await notices.set_choices(tx, me, chosen)

    await db.retry(write)
    return pages.go("/me/notices/channels", said=CHOSEN)


@post("/me/notices/push", guards=[visitor("me", "me:read")], include_in_schema=False)
async def push_here(request: PageRequest, principal: By, db: Db, clock: Now, settings: Config) -> Page:
    """What the browser has agreed with its push service."""
    filled, me = await forms.read(request, Browser), _holder(principal)
    wanted = filled.value
    given = notices.Subscription(wanted.endpoint, wanted.p256dh, wanted.auth) if wanted is not None else None
    if given is None or not settings.push_key or not notices.is_usable(given):
        error = {"": i18n.say(_NOT_HERE_MESSAGES, pages.language(request))}
        return await _ways(request, principal, db, settings, Filled[Any](None, {}, error), status=422)
    browser, at = given, clock.now()
    id_ = derived(me, f"browser {browser.mark.hex()}")

    async def write(tx: Tx) -> None:
        said = msgspec.json.encode(browser)
        sealed = await vault.seal(tx, me, said, bound=notices.bound_subscription(id_), at=at)
        new = notices.Subscribed(id=id_, subject_id=me, sealed=sealed)
        await notices.subscribe(tx, new, browser.mark, at=at)

    await db.retry(write)
    return pages.go("/me/notices/channels", said=PUSHED)


@post("/me/notices/push/stop", guards=[visitor("me", "me:read")], include_in_schema=False)
async def push_nowhere(request: PageRequest, principal: By, db: Db) -> Page:
    await forms.posted(request)
    me = _holder(principal)
    await db.retry(lambda tx: notices.unsubscribe(tx, me))
    return pages.go("/me/notices/channels", said=PUSHED_NO_MORE)


def _holder(principal: Principal) -> UUID:
    assert principal.subject_id is not None
    return principal.subject_id


ROUTES: Final[tuple[HTTPRouteHandler, ...]] = (
    inbox_page,
    inbox_live,
    read_all,
    ways_page,
    set_ways,
    push_here,
    push_nowhere,
)
