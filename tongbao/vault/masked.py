"""What is shown of people where nobody needs more: a mask, which is no reading and leaves no word."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from enum import StrEnum
from typing import Final
from uuid import UUID

from tongbao.base.db import Tx
from tongbao.vault import canary, ring, store
from tongbao.vault.keep import bound_datum
from tongbao.vault.kms import kms
from tongbao.vault.model import Kind

_HAN: Final = re.compile("[㐀-鿿\U00020000-\U0003ffff]")
_HOME: Final = "+86"
_ENDS: Final = 4
HIDDEN: Final = "****"


class Mask(StrEnum):
    """`LISTED`: 李* in a list, enough to tell people apart. `OTHERS`: *伟, enough for who pays him to know that it is he."""

    LISTED = "listed"
    OTHERS = "others"


async def masked(
    tx: Tx,
    subjects: Iterable[UUID],
    kinds: Iterable[Kind],
    *,
    mask: Mask = Mask.LISTED,
    public: Collection[UUID] = frozenset(),
) -> dict[UUID, dict[Kind, str]]:
    """What is kept of these people of these kinds, masked; one statement for all of them. No row in `vault.read_log`.
    Secrets and messages are left out: their masks show nothing.

    `public`: those who appear under their own name, such as firms, and colleagues among themselves; their names, and nothing else
    of them, are not masked. A canary is on nobody's page: it is noticed, and left out. Refuses with `seal_broken` what was changed
    or moved.
    """
    subjects, kinds = list(subjects), list(kinds)
    if not subjects or not kinds:
        return {}
    kms()
    shown: dict[UUID, dict[Kind, str]] = {}
    data = await store.data_to_mask(tx, subjects, kinds)
    if made_up := {datum.subject_id for datum, _ in data if datum.canary}:
        canary.notice("masked", made_up)
    for datum, key in data:
        if datum.canary:
            continue
        text = ring.opened(key).open(datum.sealed, bound_datum(datum.subject_id, datum.kind)).decode()
        is_public = datum.kind is Kind.NAME and datum.subject_id in public
        shown.setdefault(datum.subject_id, {})[datum.kind] = text if is_public else masked_text(datum.kind, text, mask)
    return shown


async def lacking(tx: Tx, subjects: Iterable[UUID], kind: Kind) -> set[UUID]:
    """Of whom nothing of this kind is kept, though they were not erased. Nothing is opened."""
    wanted = list(subjects)
    return await store.lacking(tx, wanted, kind) if wanted else set()


def masked_text(kind: Kind, text: str, mask: Mask = Mask.LISTED) -> str:
    """李* (as others see him *伟), `A*** L***`; 138****1234; 1101**********1234; of the rest nothing."""
    match kind:
        case Kind.NAME:
            return _name(text, mask)
        case Kind.PHONE:
            return _phone(text)
        case Kind.ID_NUMBER:
            return f"{text[:_ENDS]}{'*' * max(len(text) - 2 * _ENDS, _ENDS)}{text[-_ENDS:]}"
        case Kind.MESSAGE | Kind.SECRET:
            return HIDDEN


def _name(name: str, mask: Mask) -> str:
    if _HAN.match(name):
        return "*" + name[1:] if mask is Mask.OTHERS else name[0] + "*" * max(len(name) - 1, 1)
    return " ".join(f"{word[0]}***" for word in name.split()) or "*"


def _phone(phone: str) -> str:
    """A Chinese mobile number without its country, as it is written there."""
    home = phone.removeprefix(_HOME)
    return f"{home[:3]}{HIDDEN}{home[-_ENDS:]}"
