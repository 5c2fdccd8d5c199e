"""What the app has told a customer, in words that he reads."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

import msgspec

from tongbao import notices, vault
from tongbao.base.db import Tx
from tongbao.base.say import Lang
from tongbao.notices import Notice
from tongbao.web import i18n

_GONE_MESSAGES = "This notice cannot be shown any more."


class Told(msgspec.Struct, frozen=True):
    """A notice and what it says."""

    notice: Notice
    text: str


async def worded(tx: Tx, customer_id: UUID, found: Sequence[Notice], lang: Lang) -> list[Told]:
    """In order. Money is said in `lang`; a sealed text is in the language in which it was written."""
    sealed = [(one.id, one.sealed_text) for one in found if one.sealed_text is not None]
    opened = await vault.open_all(
        tx,
        [vault.Sealed(subject_id=customer_id, sealed=text, bound=notices.bound_notice(id_)) for id_, text in sealed],
    )
    texts = {id_: text.decode() for (id_, _), text in zip(sealed, opened, strict=True) if text is not None}
    return [Told(one, _text(one, texts, lang)) for one in found]


def _text(one: Notice, texts: dict[UUID, str], lang: Lang) -> str:
    if one.what is not None and one.amount_minor is not None and one.currency is not None:
        return notices.sentence(one.what, one.amount_minor, one.currency, lang)
    return texts.get(one.id) or i18n.say(_GONE_MESSAGES, lang)
