"""What a browser posts and what becomes of it: strictly read, each fault beside its field, nothing typed lost."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from enum import Enum
from html import unescape
from typing import TYPE_CHECKING, Annotated, Any, Literal
from uuid import UUID

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from litestar import post

from tests.web.page_house import DONE, OWN, application, browser
from tongbao.base import say
from tongbao.base.money import LARGEST_MINOR
from tongbao.base.refusal import RefusalKind
from tongbao.web import forms, i18n, refusals
from tongbao.web.forms import Filled, Form, Reason, Sum, SumOrZero, Text
from tongbao.web.pages import Page, PageRequest
from tongbao.web.site import open_to_all

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import httpx

ID = "018f3c3e-7c1e-7000-8000-000000000001"
URLENCODED = {"content-type": "application/x-www-form-urlencoded"}
VERSION = "This form is of another version of the page. Load the page again."


class Colour(Enum):
    RED = "red"


class Everything(Form, frozen=True):
    id: UUID | None = None
    money: Sum | None = None
    zero: SumOrZero | None = None
    text: Text = "-"
    reason: Reason = "---"
    n: Annotated[int, msgspec.Meta(ge=-5, le=10**18)] = 0
    day: date | None = None
    at: Annotated[datetime, msgspec.Meta(tz=True)] | None = None
    yes: bool = False
    colour: Colour = Colour.RED
    move: Literal["freeze", "unfreeze"] = "freeze"


class Needed(Form, frozen=True):
    money: Sum
    reason: Reason
    day: date
    on: bool


@dataclass
class Reader:
    """As much of a request as the conversion looks at: its reader's language, and the bank's currency."""

    currency: str = "CNY"
    language: str = "en"
    scope: dict[str, Any] = field(default_factory=dict[str, Any])

    @property
    def cookies(self) -> dict[str, str]:
        return {"tongbao_language": self.language}

    @property
    def app(self) -> Any:
        bank: Any = Reader(self.currency)
        bank.state, bank.pages, bank.settings = bank, bank, bank
        return bank


def read(kind: type[Any] = Everything, /, *, currency: str = "CNY", **typed: Any) -> Filled[Any]:
    request: Any = Reader(currency)
    return forms.convert(request, kind, typed, currency=currency)


def value(field: str, typed: str, currency: str = "CNY") -> Any:
    filled = read(currency=currency, **{field: typed})
    assert not filled.errors, filled.errors
    return getattr(filled.value, field)


def wrong(field: str, typed: str, currency: str = "CNY") -> str:
    filled = read(currency=currency, **{field: typed})
    assert filled.value is None, getattr(filled.value, field)
    assert filled.given == {field: typed}, "what was typed is kept"
    assert set(filled.errors) - {""} == {field}
    return filled.errors[field]


# Amounts.


@pytest.mark.parametrize(
    ("typed", "currency", "minor"),
    [
        ("12.80", "CNY", 1280), ("12.8", "CNY", 1280), ("12", "CNY", 1200), ("12.", "CNY", 1200), (".5", "CNY", 50),
        ("12.8000", "CNY", 1280), ("0012.80", "CNY", 1280), (" 12.80 ", "CNY", 1280), ("¥12.80", "CNY", 1280),
        ("￥1，234．50", "CNY", 123450), ("１２。８０", "CNY", 1280), ("¥ 1,234,567.89", "CNY", 123456789),
        ("　１２８０　", "CNY", 128000), ("0.01", "CNY", 1), ("100", "JPY", 100), ("100.0", "JPY", 100), ("1.234", "KWD", 1234),
        ("1.2", "KWD", 1200), ("90071992547409.91", "CNY", LARGEST_MINOR), ("0" * 5000 + "1", "CNY", 100),
    ],
)  # fmt: skip
def test_an_amount_is_read_as_people_type_it(typed: str, currency: str, minor: int) -> None:
    assert value("money", typed, currency) == minor


TOO_MANY, NO_AMOUNT, TOO_LARGE, TOO_SMALL = (
    "This has more decimals than the currency.",
    "Please type an amount, such as 12.80.",
    "This amount is too large.",
    "The amount must be more than zero.",
)


@pytest.mark.parametrize(
    ("typed", "currency", "said"),
    [
        ("12.805", "CNY", TOO_MANY), ("0.5", "JPY", TOO_MANY), ("1.2345", "KWD", TOO_MANY),
        ("1." + "0" * 60 + "1", "CNY", TOO_MANY),
        ("1e5", "CNY", NO_AMOUNT), ("1E5", "CNY", NO_AMOUNT), ("NaN", "CNY", NO_AMOUNT), ("Infinity", "CNY", NO_AMOUNT),
        ("-inf", "CNY", NO_AMOUNT), ("1_000", "CNY", NO_AMOUNT), ("0x10", "CNY", NO_AMOUNT), ("12,80", "CNY", NO_AMOUNT),
        ("1,2345", "CNY", NO_AMOUNT), ("1,23", "CNY", NO_AMOUNT), (",100", "CNY", NO_AMOUNT), ("1.2.3", "CNY", NO_AMOUNT),
        (".", "CNY", NO_AMOUNT), ("¥", "CNY", NO_AMOUNT), ("+5", "CNY", NO_AMOUNT), ("--5", "CNY", NO_AMOUNT),
        ("5-", "CNY", NO_AMOUNT), ("٣٤", "CNY", NO_AMOUNT), ("twelve", "CNY", NO_AMOUNT), ("1 234", "CNY", NO_AMOUNT),
        ("12.80\u202e", "CNY", NO_AMOUNT), ("9e99999999", "CNY", NO_AMOUNT), ("USD 5", "CNY", NO_AMOUNT),
        ("0", "CNY", TOO_SMALL), ("0.00", "CNY", TOO_SMALL), ("-1", "CNY", TOO_SMALL), ("－１２．８０", "CNY", TOO_SMALL),
        ("90071992547409.92", "CNY", TOO_LARGE), ("99999999999999999999", "CNY", TOO_LARGE), ("9" * 60000, "CNY", TOO_LARGE),
    ],
)  # fmt: skip
def test_what_is_no_amount_is_said_to_be_none(typed: str, currency: str, said: str) -> None:
    assert wrong("money", typed, currency) == said


def test_nothing_may_be_an_amount_where_zero_is_meant() -> None:
    assert (value("zero", "0"), value("zero", "0.00"), value("money", "")) == (0, 0, None)
    assert wrong("zero", "-0.01") == NO_AMOUNT


@given(st.integers(1, LARGEST_MINOR), st.sampled_from(["CNY", "JPY", "KWD"]), st.booleans())
def test_what_the_bank_writes_the_bank_reads(minor: int, currency: str, grouped: bool) -> None:
    assert value("money", say.amount(minor, currency, grouped=grouped), currency) == minor


@given(st.text("0123456789.,-+eE_ ０９．，￥¥", max_size=12))
def test_an_amount_is_never_misread(typed: str) -> None:
    """Whatever is taken is what a plain reading of the figures says."""
    filled = read(money=typed)
    if filled.value is not None and filled.value.money is not None:
        plain = typed.strip().translate(forms._HALF_WIDTH).removeprefix("¥").strip()
        assert re.fullmatch(r"[0-9,]*\.?[0-9]*", plain)
        whole, _, part = plain.replace(",", "").partition(".")
        assert filled.value.money == int(whole or 0) * 100 + int(part.rstrip("0").ljust(2, "0"))


# Everything else.


@pytest.mark.parametrize(
    ("field", "typed", "expected"),
    [
        ("n", "7", 7), ("n", "-5", -5), ("n", "１２", 12), ("n", "1,234", 1234), ("n", "007", 7),
        ("day", "2026-11-22", date(2026, 11, 22)), ("day", "２０２６－１１－２２", date(2026, 11, 22)), ("day", "", None),
        ("at", "2026-11-22T14:30:00+08:00", datetime(2026, 11, 22, 6, 30, tzinfo=UTC)),
        ("yes", "on", True), ("yes", "true", True), ("yes", "1", True), ("yes", "0", False), ("yes", "off", False), ("yes", "", False),
        ("colour", "red", Colour.RED), ("move", "unfreeze", "unfreeze"), ("id", ID, UUID(ID)), ("id", ID.upper(), UUID(ID)),
        ("text", "  李明 ", "李明"), ("text", "x" * 200, "x" * 200), ("text", "שלום \u202e", "שלום \u202e"),
        ("text", "👩‍👩‍👧", "👩‍👩‍👧"), ("reason", "因为", None), ("reason", "因为所以", "因为所以"),
    ],
)  # fmt: skip
def test_a_field_becomes_what_it_means(field: str, typed: str, expected: object) -> None:
    if field == "reason" and expected is None:
        assert wrong(field, typed) == "This is too short."
    else:
        assert value(field, typed) == expected


@pytest.mark.parametrize(
    ("field", "typed", "said"),
    [
        ("n", "1e5", "whole number"), ("n", "1.0", "whole number"), ("n", "", None), ("n", "-6", "whole number"),
        ("n", "9" * 25, "whole number"), ("n", "9" * 60000, "whole number"), ("n", "1_0", "whole number"), ("n", "٣", "whole number"),
        ("day", "2026-02-30", "a date"), ("day", "22.11.2026", "a date"), ("day", "0000-01-01", "a date"), ("day", "tomorrow", "a date"),
        ("at", "2026-11-22T14:30", "a moment"), ("at", "1", "a moment"), ("at", "-1", "a moment"), ("at", "noon", "a moment"),
        ("yes", "perhaps", "not one of the choices"), ("colour", "green", "not one of the choices"),
        ("move", "close", "not one of the choices"), ("id", "7", "not an id"), ("id", f"{{{ID}}}", "not an id"),
        ("text", "x" * 201, "too long"), ("reason", "x" * 501, "too long"),
    ],
)  # fmt: skip
def test_a_field_says_what_is_wrong_with_it(field: str, typed: str, said: str | None) -> None:
    if said is None:
        assert value(field, typed) == 0, "a field that nothing stands in takes its default"
    else:
        assert said in wrong(field, typed)


@pytest.mark.parametrize("typed", ["", " ", "\t", "\u3000\u3000", "\xa0", "\r\n"])
def test_what_must_be_filled_in_must_not_be_blank(typed: str) -> None:
    filled = read(Needed, money=typed, reason=typed, day=typed, on=typed)
    assert filled.errors == dict.fromkeys(("money", "reason", "day"), "Please fill this in.")
    assert read(Needed).errors == filled.errors, "nor missing"
    assert filled.given["reason"] == typed


def test_every_fault_is_said_in_both_languages() -> None:
    for sentence in (*forms._MESSAGES.values(), VERSION):
        assert re.search("[\u4e00-\u9fff]", i18n.say(sentence, "zh"))


def test_what_no_person_filled_in_is_said_on_top() -> None:
    for typed in ({"id": "7"}, {"unknown": "x"}, {"money": "5", "csrf": ""}):
        assert read(**typed).errors[""] == VERSION


def test_what_no_person_filled_in_comes_back_as_it_was() -> None:
    class Change(Form, frozen=True):
        expected: str
        name: str

    filled = read(Change, expected="holiday staff ", name=" 春节 ")
    assert filled.value == Change(expected="holiday staff ", name="春节")


def test_what_the_bank_said_stands_beside_its_field_or_on_top() -> None:
    kind = RefusalKind("no", 409, "No.", "不行。")
    filled = read(money="5", id=ID)
    assert filled.refused(kind(field="money")).errors == {"money": "不行。"}
    assert filled.refused(kind(field="id"), "en").errors == {"": "No."}, "nobody sees that field"
    assert filled.refused(kind(field="elsewhere"), "en").errors == {"": "No."}
    assert filled.refused(kind(field="money"), "en", field="").errors == {"money": "No."}
    assert filled.refused(kind(), "en").given == {"money": "5", "id": ID}


# Over the wire.


@post("/typed", guards=[open_to_all])
async def typed(request: PageRequest) -> Page:
    given = await forms.posted(request)
    TYPED.append(given)
    return forms.again(request, "page", Filled(None, given, {"name": "wrong"}), text="typed")


TYPED: list[dict[str, str]] = []


@pytest.fixture
async def ann() -> AsyncIterator[httpx.AsyncClient]:
    TYPED.clear()
    DONE.clear()
    async with browser(application(typed), tongbao_session="ann", tongbao_language="en") as client:
        yield client


@pytest.mark.parametrize(
    ("content", "headers", "status", "code"),
    [
        (b"name=a%00b", URLENCODED, 400, refusals.NUL_CHARACTER),
        (b"na%00me=a", URLENCODED, 400, refusals.NUL_CHARACTER),
        (b"name=%ff", URLENCODED, 400, refusals.BAD_ENCODING),
        (b"name=%ed%a0%80", URLENCODED, 400, refusals.BAD_ENCODING),
        (b"name=%c0%af", URLENCODED, 400, refusals.BAD_ENCODING),
        ("name=中".encode(), URLENCODED, 400, refusals.BAD_ENCODING),
        (b"name=" + b"x" * 65_531, URLENCODED, 422, None),
        (b"name=" + b"x" * 65_532, URLENCODED, 413, refusals.BODY_TOO_LARGE),
        (b"name=" + b"x" * 5_000_000, URLENCODED, 413, refusals.BODY_TOO_LARGE),
        (b"&".join(b"f%d=" % n for n in range(201)), URLENCODED, 413, refusals.BODY_TOO_LARGE),
        (b"name=a", {"content-type": "text/plain"}, 415, refusals.UNSUPPORTED_MEDIA_TYPE),
        (b"name=a", {}, 415, refusals.UNSUPPORTED_MEDIA_TYPE),
        (b'{"name":"a"}', {"content-type": "application/json"}, 415, refusals.UNSUPPORTED_MEDIA_TYPE),
        (b"--x\r\n\r\n--x--", {"content-type": "multipart/form-data; boundary=x"}, 415, refusals.UNSUPPORTED_MEDIA_TYPE),
        (b"name=a", {"content-type": "APPLICATION/X-WWW-FORM-URLENCODED ; charset=utf-8"}, 422, None),
    ],
)  # fmt: skip
async def test_a_body_that_is_no_form_is_refused_by_a_page(
    ann: httpx.AsyncClient, content: bytes, headers: dict[str, str], status: int, code: RefusalKind | None
) -> None:
    answer = await ann.post("/typed", content=content, headers={**OWN, **headers})
    assert answer.status_code == status
    assert "text/html" in answer.headers["content-type"]
    assert bool(TYPED) is (code is None)
    assert answer.headers["content-language"] == "en"
    if code is not None:
        assert unescape(answer.text).count(code.en) == 1


async def test_a_body_of_unknown_length_is_bounded_too(ann: httpx.AsyncClient) -> None:
    async def endless() -> AsyncIterator[bytes]:
        for _ in range(10_000):
            yield b"x" * 1024

    answer = await ann.post("/typed", content=endless(), headers={**OWN, **URLENCODED})
    assert answer.status_code == 413


async def test_no_body_is_an_empty_form(ann: httpx.AsyncClient) -> None:
    await ann.post("/typed", content=b"", headers={**OWN, **URLENCODED})
    assert TYPED == [{}]


async def test_of_a_field_that_comes_twice_the_last_counts(ann: httpx.AsyncClient) -> None:
    await ann.post("/typed", content=b"a=0&a=1&b=&c", headers={**OWN, **URLENCODED})
    assert TYPED == [{"a": "1", "b": "", "c": ""}]


@pytest.mark.parametrize(
    "name",
    [
        "李明",
        "<script>alert(1)</script>",
        "'\"><img src=x onerror=alert(1)>",
        "a\u202eb\u2069",
        "👩‍👩‍👧",
        "&amp;",
        "  x  ",
        "\n\nx",
    ],
)
async def test_what_was_typed_is_still_there(ann: httpx.AsyncClient, name: str) -> None:
    form = {"name": name, "why": name}
    answer = await ann.post("/typed", data=form, headers=OWN)
    field = re.search(r'<input id="f-name"[^>]* value="([^"]*)"[^>]*>', answer.text)
    area = re.search(r"<textarea[^>]*>(?:\n)?(.*?)</textarea>", answer.text, re.DOTALL)
    assert field
    assert area
    assert unescape(field[1]) == name
    assert unescape(area[1]).strip("\n") == name.strip("\n")
    assert 'aria-invalid="true" aria-describedby="e-name ' in field[0]
    assert '<span class="error" id="e-name">wrong</span>' in answer.text
    assert 'role="alert"' in answer.text
    assert "<script>alert" not in answer.text
    assert "<img" not in answer.text


async def test_an_id_that_is_none_is_given_anew(ann: httpx.AsyncClient) -> None:
    """A form that was spoilt can be sent again."""
    answer = await ann.post("/staff/books", data={"id": "spoilt", "name": "Li"}, headers=OWN)
    assert answer.status_code == 422
    assert VERSION in answer.text
    fresh = re.search(r'name="id" value="([^"]+)"', answer.text)
    assert fresh
    again = await ann.post("/staff/books", data={"id": fresh[1], "name": "Li"}, headers=OWN)
    assert (again.status_code, [done.name for done in DONE]) == (303, ["Li"])


async def test_an_id_outlives_a_mistake_elsewhere(ann: httpx.AsyncClient) -> None:
    answer = await ann.post("/staff/books", data={"id": ID, "name": ""}, headers=OWN)
    assert f'name="id" value="{ID}"' in answer.text
