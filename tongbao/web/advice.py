"""Advice beside what a customer is doing: a page says which moment it is, whoever knows more says what he should hear.

A slice's page names the moment; who advises is named where the bank is put together (`app.http`), because he may lie above the page.
`pages.advise` asks him. Without an adviser nothing is said, and what goes wrong with him is logged and holds nothing up.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec

from tongbao.base.db import Tx
from tongbao.base.principal import Principal
from tongbao.base.say import Lang


class Paying(msgspec.Struct, frozen=True, kw_only=True):
    """The last look before a payment: `payment_id` is the one that it will have, `payee_id` an account or a shop."""

    payment_id: UUID
    payer_account_id: UUID
    payee_id: UUID
    amount_minor: int
    reference: str = ""


class Moment(msgspec.Struct, frozen=True, kw_only=True):
    """`place`: what the page is for, in one word; `paying` where it is the last look."""

    place: str
    paying: Paying | None = None


class Advice(msgspec.Struct, frozen=True, kw_only=True):
    """A sentence in the reader's language. `about`: whom it is about, where he may say that he wants it no more for him."""

    code: str
    sentence: str
    about: UUID | None = None
    more: str | None = None
    """The page that says more."""


Adviser = Callable[[Tx, Principal, Moment, Lang, datetime], Awaitable[Sequence[Advice]]]

NOBODY: Final[Sequence[Advice]] = ()
