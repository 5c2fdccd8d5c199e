"""What the bank tells a customer unasked: warnings on his last look before a payment, and tips where they matter.

A warning names the trick that the facts speak of. None holds a payment up. Which of them was followed is not kept but seen: the
payment was made, or it was not.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from tongbao.base.db import Tx
from tongbao.base.principal import Principal
from tongbao.base.say import Lang
from tongbao.care import tip_store as store
from tongbao.care.help import MAY_READ
from tongbao.care.monthly import PREFIX
from tongbao.care.tip_model import Counts
from tongbao.web import i18n
from tongbao.web.advice import Advice, Moment, Paying

LARGE_MINOR: Final = 100_000
"""What is less is not called large, whatever somebody is used to."""
PAYMENTS_LOOKED_AT: Final = 200
NEW_FOR: Final = timedelta(days=7)
"""How long an account counts as new."""
REPORTS: Final = 2
"""Different customers who say that they did not pay somebody; one alone may be mistaken, or mean him ill."""
REPORTED_FOR: Final = timedelta(days=90)
TURNED_BACK_AFTER: Final = timedelta(hours=1)
"""Whoever has not paid by then has turned back."""
WARNINGS_KEPT: Final = timedelta(days=400)

WARNING_MESSAGES: Final = {
    "safe_account": "There is no “safe account”. Police, courts and banks never ask you to move your money to keep it safe: "
    "that is a known trick.",
    "pay_first": "Whoever wants a fee or a deposit before he gives you a loan, a prize or your own money is a cheat.",
    "rebate": "To pay in advance and earn a commission is a known trick: small sums come back, the large one does not.",
    "reported": "Several customers say that they did not make payments that went to this payee. "
    "Pay only if you know for certain what for.",
    "new_account": "This account was opened less than a week ago. Cheats like new accounts: pay only somebody whom you know.",
    "new_and_large": "You have not paid this payee before, and it is more than you usually pay. Whoever hurries you, or wants you "
    "to tell nobody, may be a cheat: first call the payee under a number that you know.",
}
"""Each by the trick that it names, the plainest first."""

WORDS: Final = {
    "safe_account": ("安全账户", "资金核查", "资金清查", "资金监管", "公检法", "safe account"),
    "pay_first": ("保证金", "解冻", "激活费", "验资", "工本费", "中奖", "unfreeze", "release fee"),
    "rebate": ("刷单", "返利", "做任务", "垫付", "点赞", "rebate"),
}
"""What payers write to payees who cheat them."""

TIP_MESSAGES: Final = {
    "transfer_later": "Not quite sure? Let the transfer arrive in two hours: until then you take it back by one press.",
    "not_mine": "A payment that you do not know? Open it and press “Not my payment”: that freezes your account at once.",
    "shop_name": "Read the name of the shop before you confirm: a code may have been pasted over.",
    "lesson": "Eight short cases show how cheats work. It takes three minutes.",
}
LEADS_TO: Final = {
    "transfer_later": "/me/guide",
    "not_mine": "/me/guide",
    "shop_name": "/me/guide",
    "lesson": "/me/lessons",
}
"""What opens when somebody wants to know more."""
PLACES: Final = {
    "transfer": ("transfer_later",),
    "pay": ("shop_name",),
    "records": ("not_mine", "lesson"),
}


async def advise(tx: Tx, principal: Principal, moment: Moment, lang: Lang, at: datetime) -> Sequence[Advice]:
    """What this customer should hear now; what he wants no more is left out. One statement."""
    if principal.subject_id is None:
        return ()
    if moment.paying is not None:
        return await _warnings(tx, principal.subject_id, moment.paying, lang, at)
    offered = PLACES.get(moment.place, ())
    found = await store.tips(tx, principal.subject_id, offered, at) if offered else []
    return [
        Advice(code=code, sentence=i18n.say(TIP_MESSAGES[code], lang), more=f"/me/tips/{code}") for code in found[:1]
    ]


async def _warnings(tx: Tx, customer_id: UUID, paying: Paying, lang: Lang, at: datetime) -> list[Advice]:
    found = await store.warn(
        tx,
        customer_id,
        paying,
        said=tricks_in(paying.reference),
        large_minor=LARGE_MINOR,
        looked_at=PAYMENTS_LOOKED_AT,
        new_since=at - NEW_FOR,
        reports=REPORTS,
        reported_since=at - REPORTED_FOR,
        at=at,
    )
    return [
        Advice(code=code, sentence=i18n.say(message, lang), about=paying.payee_id)
        for code, message in WARNING_MESSAGES.items()
        if code in found
    ]


def tricks_in(text: str) -> list[str]:
    """The tricks that a note to the payee speaks of."""
    plain = "".join(text.casefold().split())
    return [code for code, words in WORDS.items() if any("".join(word.split()) in plain for word in words)]


async def dismiss(tx: Tx, principal: Principal, code: str, about: UUID | None, *, at: datetime) -> None:
    """He wants this no more: a tip for ever, a warning for this payee. What he was never told changes nothing."""
    if principal.subject_id is None:
        return
    if about is not None:
        await store.dismiss_warning(tx, principal.subject_id, about, code, at)
    else:
        await store.dismiss_tip(tx, principal.subject_id, code, at)


async def open_tip(tx: Tx, principal: Principal, code: str, *, at: datetime) -> None:
    """Counted the first time, of whoever was shown it."""
    if principal.subject_id is not None:
        await store.open_tip(tx, principal.subject_id, code, at)


async def warning_counts(tx: Tx, principal: Principal, *, since: datetime, at: datetime) -> list[Counts]:
    """Refuses `permission_missing`."""
    principal.require(MAY_READ)
    found = {one.code: one for one in await store.warning_counts(tx, since, at - TURNED_BACK_AFTER)}
    return [found.get(code, Counts(code, 0, 0, 0, 0)) for code in WARNING_MESSAGES]


async def tip_counts(tx: Tx, principal: Principal) -> list[Counts]:
    """Of all customers who are here. Refuses `permission_missing`."""
    principal.require(MAY_READ)
    found = {one.code: one for one in await store.tip_counts(tx)}
    return [found.get(code, Counts(code, 0, 0, 0, 0)) for code in TIP_MESSAGES]


async def month_counts(tx: Tx, principal: Principal) -> list[Counts]:
    """Of the tips of the last twelve months, the newest first. Refuses `permission_missing`."""
    principal.require(MAY_READ)
    months = [one for one in await store.tip_counts(tx) if one.code.startswith(PREFIX)]
    return sorted(months, key=lambda one: one.code, reverse=True)[:12]
