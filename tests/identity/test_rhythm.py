"""How a customer types is measured where he agrees, in milliseconds alone, and gone when he agrees no more."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import psycopg
import pytest

from tests.http.conftest import ServedBank
from tests.http.conftest import bank as served  # noqa: F401  the served bank of tests/http
from tests.identity.test_registration_pages import PASSWORD, Browser
from tests.payments.me import Me, visiting
from tongbao import identity
from tongbao.base.clock import SystemClock
from tongbao.base.db import BULK, Database
from tongbao.base.jobs import JobContext
from tongbao.base.principal import Principal, PrincipalKind
from tongbao.base.settings import Settings
from tongbao.identity import Typed, consents, erase_store, jobs, rhythm
from tongbao.identity.rhythm_model import KEPT, MOST_A_DAY, Typing
from tongbao.web.browser import hash_of

if TYPE_CHECKING:
    from datetime import datetime

    from tests.identity.conftest import World


class Typist:
    """A customer of a bank that runs in this process."""

    def __init__(self, world: World, id: UUID) -> None:
        self.world, self.id = world, id
        self.himself = Principal(id=id, kind=PrincipalKind.CUSTOMER, subject_id=id)

    async def says(self, given: bool, version: int = 1) -> None:
        self.world.clock.tick(timedelta(minutes=1))
        async with self.world.db.tx() as tx:
            answer: Any = {"id": self.world.id(), "by": self.himself, "at": self.world.at}
            await identity.set_consent(tx, self.id, "typing", version, given, **answer)

    async def types(self, form: Typed = Typed.AMOUNT, *intervals: int, id: UUID | None = None) -> bool:
        typing = Typing(id=id or self.world.id(), form=form, intervals=intervals or (120, 90, 300), holds=(80, 70))
        async with self.world.db.tx() as tx:
            return await rhythm.keep_rhythm(tx, self.id, typing, device_id=None, at=self.world.at)

    async def kept(self, since: datetime | None = None, most: int = 100) -> list[identity.Rhythm]:
        async with self.world.db.read() as tx:
            return await identity.rhythm_of(tx, self.id, since or self.world.at - KEPT, most)

    async def rows(self) -> int:
        async with self.world.db.read() as tx:
            return await identity.count_rhythms(tx, self.id)


@pytest.fixture
async def ming(world: World) -> Typist:
    return Typist(world, (await world.customer()).id)


@pytest.fixture
async def li(served: ServedBank) -> AsyncIterator[Me]:  # noqa: F811
    """In a browser, reading Chinese."""
    async with visiting(served) as me:
        yield me


async def test_nothing_is_kept_of_whoever_has_not_agreed(ming: Typist) -> None:
    assert not await ming.types()
    await ming.says(True)
    assert await ming.types()
    (kept,) = await ming.kept()
    assert (kept.form, kept.intervals, kept.holds) == (Typed.AMOUNT, (120, 90, 300), (80, 70))
    async with ming.world.db.tx() as tx:
        nobody = Typing(id=ming.world.id(), form=Typed.PIN, intervals=(1,))
        assert not await rhythm.keep_rhythm(tx, ming.world.id(), nobody, device_id=None, at=ming.world.at)


async def test_whoever_takes_his_yes_back_leaves_nothing_and_is_not_measured(ming: Typist) -> None:
    other = Typist(ming.world, (await ming.world.customer("李四")).id)
    for one in (ming, other):
        await one.says(True)
        await one.types()
    await ming.says(False)
    assert (await ming.rows(), await other.rows()) == (0, 1)
    assert not await ming.types()
    await ming.says(True)
    assert (await ming.kept(), await ming.types()) == ([], True), "what was deleted does not come back"


async def test_a_measurement_under_way_waits_for_a_withdrawal_and_is_dropped(ming: Typist) -> None:
    world = ming.world
    await ming.says(True)
    async with world.db.tx() as tx:
        answer: Any = {"id": world.id(), "by": ming.himself, "at": world.at + timedelta(seconds=1)}
        await consents.set_consent(tx, ming.id, "typing", 1, False, **answer)
        late = asyncio.create_task(ming.types())
        await _until_it_waits(world, late)
    assert not await late
    assert await ming.rows() == 0


async def _until_it_waits(world: World, late: asyncio.Task[bool]) -> None:
    asked = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    while not late.done():
        async with world.db.read() as tx:
            if (await tx.rows(asked))[0][0]:
                return
        await asyncio.sleep(0.02)


async def test_another_wording_is_asked_anew_and_until_then_nothing_is_read(ming: Typist) -> None:
    await ming.says(True)
    await ming.types()
    async with ming.world.db.tx() as tx:
        await tx.run("INSERT INTO identity.purpose VALUES ('typing', 2, 'Another wording.', '新的内容。')")
    assert (await ming.kept(), await ming.types()) == ([], False)
    await ming.says(True, version=2)
    assert len(await ming.kept()) == 1


async def test_risk_reads_the_newest_first_since_a_moment(ming: Typist) -> None:
    await ming.says(True)
    for n in range(3):
        ming.world.clock.tick(timedelta(hours=1))
        await ming.types(Typed.AMOUNT, n)
    assert [one.intervals for one in await ming.kept()] == [(2,), (1,), (0,)]
    assert [one.intervals for one in await ming.kept(most=1)] == [(2,)]
    assert [one.intervals for one in await ming.kept(ming.world.at - timedelta(hours=1))] == [(2,), (1,)]


async def test_of_a_secret_neither_its_length_nor_its_order_is_kept(ming: Typist) -> None:
    await ming.says(True)
    for form in (Typed.LOG_IN, Typed.PASSWORD, Typed.PIN):
        await ming.types(form, 90, 30, 70, 10, 80, 20, 60, 40, 50, 5)
        assert (await ming.kept(most=1))[0].intervals == (10, 20, 30, 40, 60, 70, 80, 90), form


async def test_the_same_measurement_twice_is_kept_once_and_a_day_has_its_most(ming: Typist) -> None:
    await ming.says(True)
    id_ = ming.world.id()
    assert [await ming.types(id=id_), await ming.types(id=id_)] == [True, False]
    for _ in range(MOST_A_DAY - 1):
        assert await ming.types()
    assert not await ming.types()
    ming.world.clock.tick(timedelta(days=1))
    assert await ming.types()


async def test_after_ninety_days_it_is_gone(ming: Typist) -> None:
    world = ming.world
    await ming.says(True)
    for _ in range(3):
        await ming.types()
    (job,) = [job for job in jobs.JOBS if job.name == "identity.forget_rhythms"]
    world.clock.tick(KEPT - timedelta(seconds=1))
    await job.run(JobContext(world.db, world.clock, Settings()))
    await ming.types()
    assert await ming.rows() == 4, "a second too early"
    world.clock.tick(timedelta(seconds=1))
    async with world.db.tx() as tx:
        assert await rhythm.forget_rhythms(tx, at=world.at, most=2) == 2, "in chunks"
    await job.run(JobContext(world.db, world.clock, Settings()))
    assert await ming.rows() == 1


async def test_with_the_person_it_is_gone(ming: Typist) -> None:
    await ming.says(True)
    await ming.types()
    async with ming.world.db.tx() as tx:
        await erase_store.drop_means(tx, [ming.id])
    assert await ming.rows() == 0


@pytest.mark.parametrize(
    ("constraint", "changed"),
    [
        ("rhythm_intervals", {"intervals": [10_001]}),
        ("rhythm_intervals", {"intervals": [-1]}),
        ("rhythm_intervals", {"intervals": [1, None]}),
        ("rhythm_intervals", {"intervals": [1] * 65}),
        ("rhythm_intervals", {"intervals": []}),
        ("rhythm_holds", {"holds": [10_001]}),
        ("rhythm_holds", {"holds": [1] * 65}),
        ("rhythm_form", {"form": "reference"}),
        ("rhythm_of_secrets_is_short", {"form": "pin", "intervals": [1] * 9}),
    ],
)
async def test_the_table_holds_nothing_but_small_figures(
    ming: Typist, constraint: str, changed: dict[str, Any]
) -> None:
    row = {"id": ming.world.id(), "person": ming.id, "form": "amount", "intervals": [1], "holds": [1]}
    row |= {"unlike": None, **changed}
    with pytest.raises(psycopg.errors.CheckViolation) as broken:
        async with ming.world.db.tx() as tx:
            await tx.run(
                "INSERT INTO identity.rhythm VALUES (%(id)s, %(person)s, %(form)s, %(intervals)s::smallint[],"
                " %(holds)s::smallint[], NULL, clock_timestamp(), %(unlike)s::integer)",
                **row,
            )
    assert broken.value.diag.constraint_name == constraint


# In the browser.


def measured(**other: Any) -> dict[str, Any]:
    return {"id": str(uuid4()), "form": "amount", "intervals": [120, 90], "holds": [80]} | other


async def sends(me: Me, body: Any) -> int:
    return (await me.http.post("/me/rhythm", json=body)).status_code


async def rows_of(me: Me) -> list[Any]:
    async with Database(me.bank.database, size=1, limits=BULK) as db, db.read() as tx:
        return await identity.rhythms_kept(tx, me.customer, at=SystemClock().now(), most=100)


async def answers(me: Me, given: str) -> None:
    fields = (await me.get("/me/privacy")).form("/me/privacy/consents", purpose="typing")
    assert fields["given"] == given
    assert (await me.post("/me/privacy/consents", fields)).status_code == 303


FORMS = {"/me/pay": "amount", "/me/transfer": "amount", "/me/safety/pin": "pin", "/me/safety/password": "password"}


async def test_pages_measure_with_consent_and_not_without(li: Me) -> None:
    for given in ("", "yes", "no"):
        if given:
            await answers(li, given)
        for path, form in FORMS.items():
            page = (await li.get(path)).html
            assert (f'data-rhythm="{form}"' in page, "/static/rhythm." in page) == ((given == "yes"),) * 2, path


async def test_without_consent_what_is_sent_is_dropped_without_a_word(li: Me) -> None:
    assert (await sends(li, measured()), await rows_of(li)) == (204, [])
    await answers(li, "yes")
    body = measured()
    assert [await sends(li, body), await sends(li, body)] == [204, 204]
    (kept,) = await rows_of(li)
    assert (kept.form, kept.intervals, kept.holds) == (Typed.AMOUNT, (120, 90), (80,))
    await answers(li, "no")
    assert (await sends(li, measured()), await rows_of(li)) == (204, [])


async def test_he_reads_what_it_is_for_and_how_much_is_kept(li: Me) -> None:
    page = await li.get("/me/privacy")
    assert "以便本行发现他人冒用我的账户" in page.text
    assert "目前保存了 0 条按键节奏记录" in page.text
    await answers(li, "yes")
    for _ in range(2):
        await sends(li, measured())
    assert "目前保存了 2 条按键节奏记录" in (await li.get("/me/privacy")).text
    li.http.cookies.set("tongbao_language", "en")
    page = await li.get("/me/privacy")
    assert "2 measurements are kept now." in page.text
    assert "Measure how fast I type when I log in and pay, never what I type" in page.text


async def test_it_is_in_the_file_of_all_that_is_known_of_him(li: Me) -> None:
    await answers(li, "yes")
    await sends(li, measured(form="pin", intervals=[90, 30], holds=[]))
    (one,) = json.loads((await li.file("/me/privacy/export")).text)["typing"]
    assert {name: one[name] for name in ("form", "intervals_ms", "holds_ms")} == {
        "form": "pin",
        "intervals_ms": [30, 90],
        "holds_ms": [],
    }


NONSENSE: dict[str, Any] = {
    "a text": {"intervals": ["secret"]},
    "a key": {"keys": ["a"]},
    "too many": {"intervals": [1] * 65},
    "too many holds": {"holds": [1] * 65},
    "none": {"intervals": []},
    "below zero": {"intervals": [-1]},
    "too long": {"holds": [10_001]},
    "a fraction": {"intervals": [1.5]},
    "another form": {"form": "reference"},
    "no id": {"id": "x"},
}


@pytest.mark.parametrize("wrong", NONSENSE)
async def test_nonsense_is_refused(li: Me, wrong: str) -> None:
    await answers(li, "yes")
    assert (await sends(li, measured(**NONSENSE[wrong])), await rows_of(li)) == (422, [])


async def test_nobody_else_sends_anything(li: Me) -> None:
    await answers(li, "yes")
    assert (await li.http.post("/me/rhythm", content=b"x" * 5000)).status_code in (413, 415)
    elsewhere = await li.http.post("/me/rhythm", json=measured(), headers={"Sec-Fetch-Site": "cross-site"})
    assert elsewhere.status_code == 403
    li.http.cookies.clear()
    assert await sends(li, measured()) == 401
    assert await rows_of(li) == []


# At the log-in nobody is known yet: it is measured in a browser whose owners have all agreed, and kept with the one who comes in.


@pytest.fixture
async def wang(served: ServedBank) -> AsyncIterator[Browser]:  # noqa: F811
    """Known in the browser in which he has registered."""
    browser = Browser(served)
    async with browser.http:
        await browser.register()
        yield browser


async def says(browser: Browser, given: str) -> None:
    fields = {"id": str(uuid4()), "purpose": "typing", "version": "1", "given": given}
    assert (await browser.post("/me/privacy/consents", fields)).status_code == 303


async def comes_in(browser: Browser, typed: Any, password: str = PASSWORD) -> int:
    """Leaves and logs in again."""
    await browser.post("/me/logout", {})
    told = typed if isinstance(typed, str) else json.dumps(typed)
    fields = {"phone": browser.phone, "password": password, "rhythm": told, "next": "/me"}
    return (await browser.post("/me/login", fields)).status_code


async def of_the_log_in(browser: Browser) -> list[dict[str, Any]]:
    document = json.loads((await browser.http.get("/me/privacy/export")).text)
    return document["typing"]


async def test_the_log_in_is_measured_where_everybody_known_in_the_browser_agrees(wang: Browser) -> None:
    assert "data-rhythm" not in (await wang.get("/me/login")).html
    await says(wang, "yes")
    page = await wang.get("/me/login")
    assert 'data-rhythm="log_in"' in page.html
    assert page.form("/me/login")["rhythm"] == ""
    stranger = Browser(wang.bank)
    async with stranger.http:
        assert "data-rhythm" not in (await stranger.get("/me/login")).html
    await _shares_his_browser(wang)
    assert "data-rhythm" not in (await wang.get("/me/login")).html, "somebody else has not been asked"


async def _shares_his_browser(wang: Browser) -> None:
    other = await wang.bank.person("李四")
    browser, at = hash_of(wang.http.cookies["tongbao_browser"]), SystemClock().now()
    async with Database(wang.bank.database, size=1, limits=BULK) as db, db.tx() as tx:
        seen = identity.Seen("Chrome", "127.0.0.*")
        await identity.know_device(tx, other, browser, seen=seen, trusted_from=at, at=at)


async def test_how_he_typed_at_the_log_in_is_kept_once_he_is_in(wang: Browser) -> None:
    await says(wang, "yes")
    assert await comes_in(wang, measured(form="log_in", intervals=[300, 100]), "not his") == 401
    assert await comes_in(wang, measured(form="log_in", intervals=[90, 30, 60])) == 303
    (one,) = await of_the_log_in(wang)
    assert (one["form"], one["intervals_ms"]) == ("log_in", [30, 60, 90])


@pytest.mark.parametrize("nonsense", ["", "x" * 9000, "{", measured(), measured(form="log_in", intervals=[-1])])
async def test_nonsense_keeps_nobody_out(wang: Browser, nonsense: Any) -> None:
    await says(wang, "yes")
    assert await comes_in(wang, nonsense) == 303
    assert await of_the_log_in(wang) == []


async def test_without_consent_nothing_is_kept_of_a_log_in(wang: Browser) -> None:
    assert await comes_in(wang, measured(form="log_in")) == 303
    assert await of_the_log_in(wang) == []
