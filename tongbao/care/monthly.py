"""The tip of the month: one for everybody who has an account, in the app, on the first day; who wants none is told none."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Final
from uuid import UUID

from tongbao import notices, vault
from tongbao.base.db import Tx
from tongbao.base.ids import derived
from tongbao.base.say import Lang
from tongbao.care import tip_store as store
from tongbao.web import i18n

PREFIX: Final = "month_"

MONTH_MESSAGES: Final = (
    "Tip of the month: whoever wants you to hurry wants you not to think. Hang up, and call back under a number that you know.",
    "Tip of the month: a code that you read to somebody opens your account to him. Nobody of the bank asks for one.",
    "Tip of the month: look through your devices on the page Safety, and log out those that you do not know.",
    "Tip of the month: set a limit for each payment that fits your days. To lower it works at once.",
    "Tip of the month: not sure about a transfer? Let it arrive in two hours. Until then one press takes it back.",
    "Tip of the month: tell your parents of one trick that you know. Eight short cases help you to practise together.",
)
"""In turn, by the number of the month."""


def code_of(day: date) -> str:
    return f"{PREFIX}{day:%Y_%m}"


async def tell_month(tx: Tx, day: date, *, at: datetime, most: int) -> int:
    """Tells the next `most` customers who have not been told this month; how many there were. As many statements for one as for many."""
    code = code_of(day)
    people = await store.claim_month(tx, code, at, most)
    wanted = await notices.choices_of(tx, [id_ for id_, _ in people])
    told: dict[UUID, Lang] = {
        id_: lang for id_, lang in people if wanted[id_].wants(notices.Kind.TIPS, notices.Way.APP)
    }
    await store.unclaim(tx, code, [id_ for id_, _ in people if id_ not in told], at)
    if told:
        await _tell(tx, told, code, MONTH_MESSAGES[day.month % len(MONTH_MESSAGES)], at)
    return len(people)


async def _tell(tx: Tx, told: Mapping[UUID, Lang], code: str, message: str, at: datetime) -> None:
    ids = {person: derived(person, code) for person in told}
    texts = {
        person: (i18n.say(message, lang).encode(), notices.bound_notice(ids[person])) for person, lang in told.items()
    }
    sealed = await vault.seal_many(tx, texts, at=at)
    path = f"/me/tips/{code.replace('_', '-')}"
    await notices.tell(
        tx,
        [
            notices.NewNotice(
                id=ids[person], subject_id=person, kind=notices.Kind.TIPS, at=at, sealed_text=sealed[person], path=path
            )
            for person in told
        ],
    )
