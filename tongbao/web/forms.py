"""Forms: what a browser posts, read strictly; each error beside its field, in the reader's language; nothing typed is lost.

    class Transfer(Form, frozen=True):
        id: UUID                      # hidden, from new_id(): the same form sent twice is done once
        to: Text
        amount: Sum                   # typed as 12.80, arrives as 1280
        reason: Annotated[str, msgspec.Meta(max_length=100)] = ""

    filled = await forms.read(request, Transfer)
    if filled.value is None:
        return forms.again(request, "payments/transfer.html", filled, ...)   # 422, the fields say what is wrong
    try: ...
    except Refusal as refusal:
        return forms.again(request, "payments/transfer.html", filled.refused(refusal), ...)

Templates show them with the macros of `web/forms.html`.
"""

from __future__ import annotations

import re
import types
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Final, Generic, TypeVar, Union, cast, get_args, get_origin, get_type_hints
from urllib.parse import parse_qsl

import msgspec

from tongbao.base.money import LARGEST_MINOR, exponent
from tongbao.base.refusal import Refusal
from tongbao.web import body as bodies
from tongbao.web import door, i18n, pages, refusals, session
from tongbao.web.pages import Page, PageRequest

LARGEST: Final = 64 * 1024
"""Bytes a form may have."""
_MOST_FIELDS: Final = 200

_UNSEEN: Final = frozenset(("id", "expected"))
"""Fields that no person fills in: they come back as they were given, and what is wrong with them is said on top."""

_T = TypeVar("_T")

Sum = Annotated[int, msgspec.Meta(gt=0, le=LARGEST_MINOR, extra={"money": True})]
"""An amount that is typed in whole units and a decimal point, and becomes minor units of the form's currency."""
SumOrZero = Annotated[int, msgspec.Meta(ge=0, le=LARGEST_MINOR, extra={"money": True})]
Text = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
Reason = Annotated[str, msgspec.Meta(min_length=3, max_length=500)]


class Form(msgspec.Struct, frozen=True, kw_only=True):
    """What a form's fields become. Fields that are empty take their default; what a form does not name is refused."""


class Filled(msgspec.Struct, Generic[_T], frozen=True):
    """A form as it came: `value`, or what is wrong by field (`""`: with all of it). `given` is what was typed."""

    value: _T | None
    given: Mapping[str, str]
    errors: Mapping[str, str]
    code: str | None = None
    """The code of what the bank refused last."""

    def refused(self, refusal: Refusal, lang: str = "zh", *, field: str | None = None) -> Filled[_T]:
        """The same form with what the bank said to it, beside the field that the refusal names, else on top."""
        sentence = refusal.kind.zh if lang == "zh" else refusal.kind.en
        place = field or refusal.field or ""
        seen = place in self.given and place not in _UNSEEN
        return Filled(None, self.given, {**self.errors, place if seen else "": sentence}, refusal.code)


def blank(**given: object) -> Filled[Any]:
    """A form that nobody has filled in yet, with what stands in it already."""
    return Filled(None, {key: "" if value is None else str(value) for key, value in given.items()}, {})


async def read(request: PageRequest, kind: type[_T], *, currency: str | None = None) -> Filled[_T]:
    """The posted form. Refuses a body that is too large, too slow, no form at all, or holds NUL or broken UTF-8."""
    return convert(request, kind, await posted(request), currency=currency)


def convert(
    request: PageRequest, kind: type[_T], given: Mapping[str, str], *, currency: str | None = None
) -> Filled[_T]:
    """What was given, posted or in an address, as `kind`; a field that has another name outside is looked up by that."""
    lang = pages.language(request)
    code = currency or pages.of(request).settings.currency
    hints = get_type_hints(kind, include_extras=True)
    values: dict[str, Any] = {}
    errors: dict[str, str] = {}
    names = {field.encode_name for field in msgspec.structs.fields(cast("Any", kind))}
    for field in msgspec.structs.fields(cast("Any", kind)):
        typed = given.get(field.encode_name, "")
        raw = typed if field.encode_name in _UNSEEN else typed.strip()
        if not raw and not field.required:
            continue
        try:
            values[field.name] = _converted(raw, hints[field.name], code)
        except (msgspec.ValidationError, ValueError) as error:
            errors[field.encode_name] = i18n.say(_sentence(raw, hints[field.name], str(error)), lang)
    if set(given) - names or errors.keys() & _UNSEEN:
        errors[""] = i18n.say("This form is of another version of the page. Load the page again.", lang)
    return Filled(None if errors else kind(**values), given, errors)


def again(request: PageRequest, template: str, form: Filled[Any], *, status: int = 422, **context: Any) -> Page:
    """The page of a form with its errors and with everything that was typed."""
    if form.code is not None:
        door.note(cast("door.Scope", request.scope), code=form.code)
    return pages.show(request, template, status=status, form=form, **context)


async def posted(request: PageRequest) -> dict[str, str]:
    """The fields of the posted form as they came. Refuses as `read` does."""
    headers = request.scope["headers"]
    if session.other_site(headers):
        raise refusals.CROSS_SITE()
    media_type = (bodies.header(headers, b"content-type") or b"").split(b";")[0].strip().lower()
    if media_type != b"application/x-www-form-urlencoded":
        raise refusals.UNSUPPORTED_MEDIA_TYPE()
    raw = await bodies.read(request.receive, headers, largest=LARGEST)
    door.note(cast("door.Scope", request.scope), body=raw)
    try:
        pairs = parse_qsl(
            raw.decode("ascii"), keep_blank_values=True, encoding="utf-8", errors="strict", max_num_fields=_MOST_FIELDS
        )
    except UnicodeDecodeError:
        raise refusals.BAD_ENCODING() from None
    except ValueError:
        raise refusals.BODY_TOO_LARGE() from None
    if any("\x00" in part for pair in pairs for part in pair):
        raise refusals.NUL_CHARACTER()
    # Where a field comes more than once (a box and its hidden twin), the last one counts.
    return dict(pairs)


def _converted(raw: str, hint: Any, currency: str) -> Any:
    if _meta(hint, "money"):
        return msgspec.convert(_minor(raw.translate(_HALF_WIDTH), exponent(currency)), hint)
    kind = _plain(hint)
    if kind is bool:
        if raw not in _BOOLEANS:
            raise ValueError("neither yes nor no")
        return _BOOLEANS[raw]
    if kind is str:
        return msgspec.convert(raw, hint)
    plain = raw.translate(_HALF_WIDTH)
    if kind is int:
        return msgspec.convert(_whole(plain), hint)
    if kind is datetime and plain[4:5] != "-":
        raise ValueError("seconds of an epoch")
    return msgspec.convert(plain, hint, strict=False)


# Full-width digits and separators, as Chinese keyboards type them, mean the same.
_HALF_WIDTH: Final = {ord("０") + n: ord("0") + n for n in range(10)} | {
    ord("．"): ".", ord("。"): ".", ord("，"): ",", ord("￥"): "¥", ord("－"): "-", ord("："): ":",
}  # fmt: skip
_BOOLEANS: Final = dict.fromkeys(("on", "true", "1", "yes"), True) | dict.fromkeys(
    ("", "off", "false", "0", "no"), False
)
_AMOUNT: Final = re.compile(r"(-?)((?:[0-9]{1,3}(?:,[0-9]{3})+)|[0-9]*)(?:\.([0-9]*))?", re.ASCII)
_LONGEST_NUMBER: Final = 40


def _minor(typed: str, digits: int) -> int:
    """An amount of a currency with so many `digits` after the point. Raises ValueError, which names what is wrong."""
    found = _AMOUNT.fullmatch(typed.removeprefix("¥").strip())
    if found is None or not (found[2] or found[3]):
        raise ValueError("no amount")
    sign, whole, part = found[1], found[2].replace(",", "").lstrip("0"), (found[3] or "").rstrip("0")
    if len(part) > digits:
        raise ValueError("too many decimals")
    if len(whole) > _LONGEST_NUMBER:
        raise ValueError("<= the largest")
    return int(f"{sign}{whole or 0}{part.ljust(digits, '0')}")


def _whole(typed: str) -> int:
    """A whole number, `1,234` or `1234`. Raises ValueError."""
    found = _AMOUNT.fullmatch(typed)
    if found is None or not found[2] or found[3] is not None or len(typed) > _LONGEST_NUMBER:
        raise ValueError("no whole number")
    return int(found[1] + found[2].replace(",", ""))


def _plain(hint: Any) -> Any:
    """The type below `Annotated` and `| None`."""
    if get_origin(hint) is Annotated:
        return _plain(get_args(hint)[0])
    if get_origin(hint) in (Union, types.UnionType):
        return next((_plain(arm) for arm in get_args(hint) if arm is not type(None)), hint)
    return hint


def _meta(hint: Any, name: str) -> bool:
    arms = [hint, *get_args(hint)]
    return any(
        isinstance(extra, msgspec.Meta) and (extra.extra or {}).get(name)
        for arm in arms
        if get_origin(arm) is Annotated
        for extra in get_args(arm)[1:]
    )


_MESSAGES: Final = {
    "empty": "Please fill this in.",
    "decimals": "This has more decimals than the currency.",
    "amount": "Please type an amount, such as 12.80.",
    "amount too large": "This amount is too large.",
    "amount too small": "The amount must be more than zero.",
    "long": "This is too long.",
    "short": "This is too short.",
    "date": "Please type a date, such as 2026-11-22.",
    "datetime": "Please type a moment, such as 2026-11-22T14:30:00+08:00.",
    "int": "Please type a whole number within the bounds.",
    "UUID": "This is not an id. Copy it whole, with its hyphens.",
    "else": "This is not one of the choices, or not in the right form.",
}


def _sentence(raw: str, hint: Any, said: str) -> str:
    """Which message says best what is wrong."""
    if not raw:
        return _MESSAGES["empty"]
    if _meta(hint, "money"):
        named = {"decimals": "decimals", "<=": "amount too large", ">= 1": "amount too small"}
        return _MESSAGES[next((name for part, name in named.items() if part in said), "amount")]
    if "length <=" in said:
        return _MESSAGES["long"]
    if "length >=" in said:
        return _MESSAGES["short"]
    return _MESSAGES.get(getattr(_plain(hint), "__name__", ""), _MESSAGES["else"])


__all__ = ["Filled", "Form", "Reason", "Sum", "SumOrZero", "Text", "again", "blank", "convert", "posted", "read"]
