"""Cards of other banks: a token in place of the number, which is kept sealed and shown to nobody but its network.

The security code of a card (CVV2) is never asked for and has no place here.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable
from datetime import date, datetime, timedelta
from functools import cache
from importlib import resources
from uuid import UUID

import msgspec
from stdnum import luhn

from tongbao.base.db import Tx
from tongbao.base.principal import Principal
from tongbao.vault import card_store, ring
from tongbao.vault.card_model import PlainCard, Range, TokenisedCard
from tongbao.vault.refusals import (
    CARD_EXPIRED,
    CARD_EXPIRY_MALFORMED,
    CARD_NUMBER_WRONG,
    READING_NEEDS_A_REASON,
)
from tongbao.vault.seal import open_sealed, seal
from tongbao.vault.suites import bound_to


@cache
def ranges() -> tuple[Range, ...]:
    """The table of card ranges, the longest beginnings first."""
    text = resources.files("tongbao.vault").joinpath("card_ranges.csv").read_text(encoding="utf-8")
    rows = [msgspec.convert(row, Range, strict=False) for row in csv.DictReader(text.splitlines())]
    return tuple(sorted(rows, key=lambda row: -len(row.first)))


def read_card(number: str, expires: str, today: date) -> tuple[PlainCard, Range]:
    """A card as it is typed: digits with spaces or hyphens, and MM/YY.

    Refuses `card_number_wrong` where the check digit (ISO/IEC 7812-1, Luhn) or the length is wrong or no network has such
    numbers, `card_expiry_malformed`, and `card_expired`.
    """
    digits = number.translate(str.maketrans("", "", " -"))
    found = None
    if digits.isascii() and digits.isdigit() and luhn.is_valid(digits):
        found = next((one for one in ranges() if one.holds(digits)), None)
    if found is None:
        raise CARD_NUMBER_WRONG(field="number")
    expires_on = _last_day(expires)
    if expires_on < today:
        raise CARD_EXPIRED(field="expires")
    return PlainCard(digits, expires_on), found


def _last_day(expires: str) -> date:
    month, slash, year = expires.replace(" ", "").partition("/")
    well_formed = slash and len(month) == 2 == len(year) and (month + year).isascii() and (month + year).isdigit()
    if not well_formed or not 1 <= int(month) <= 12:
        raise CARD_EXPIRY_MALFORMED(field="expires")
    next_month = date(2000 + int(year), int(month), 28) + timedelta(days=4)
    return next_month.replace(day=1) - timedelta(days=1)


async def tokenise(tx: Tx, subject_id: UUID, card: PlainCard, of: Range, *, token: UUID, at: datetime) -> TokenisedCard:
    """Keeps a card under a token that says nothing about it. A card that the person has already keeps its first token.

    Refuses `subject_erased`.
    """
    sealed = await seal(tx, subject_id, card.number.encode(), bound=_bound(token), at=at)
    index = await ring.index_key(tx)
    shown = TokenisedCard(
        token=token,
        subject_id=subject_id,
        network=of.network,
        issuer=of.issuer,
        issuer_zh=of.issuer_zh,
        last4=card.number[-4:],
        expires_on=card.expires_on,
    )
    fingerprint = index.fingerprint(bound_to("blind index", "card", card.number))
    return await card_store.keep(tx, shown, sealed, fingerprint, at)


async def cards(tx: Tx, tokens: Iterable[UUID]) -> dict[UUID, TokenisedCard]:
    """What may be shown of these cards; a token that stands for none is left out."""
    return await card_store.shown(tx, tokens)


async def open_card(tx: Tx, token: UUID, *, by: Principal, reason: str, at: datetime) -> PlainCard | None:
    """The card for its network, and for nobody else; None where the token stands for none any more. A row in `vault.read_log`.

    Refuses `reading_needs_a_reason`, `seal_broken`.
    """
    if not reason.strip():
        raise READING_NEEDS_A_REASON(field="reason")
    found = await card_store.sealed(tx, token, by=by, reason=reason.strip(), at=at)
    if found is None:
        return None
    subject_id, sealed, expires_on = found
    number = await open_sealed(tx, subject_id, sealed, bound=_bound(token))
    return PlainCard(number.decode(), expires_on)


async def forget_cards(tx: Tx, tokens: Iterable[UUID]) -> None:
    """The tokens stand for nothing any more."""
    await card_store.forget(tx, tokens)


def _bound(token: UUID) -> str:
    return f"vault.card {token}"
