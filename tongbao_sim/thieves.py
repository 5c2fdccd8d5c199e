"""Live thieves beside the honest traffic: a stolen telephone, a scam, a mule. What they do and how it ended is in the journal.

They have accounts of their own, which nobody else uses and the auditor leaves alone; what they buy in shops he sees.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from time import time_ns
from typing import Final

import msgspec

from tongbao_sim import words
from tongbao_sim.asking import CannotAudit, get
from tongbao_sim.chance import Chance
from tongbao_sim.client import Client, NoAnswer, NotSent
from tongbao_sim.figures import Figures
from tongbao_sim.journal import Answered, Journal, Known, Sent
from tongbao_sim.keep import AvailableSeen, Kept, top_up
from tongbao_sim.workload import AccountHere, CityFile

EVERY_S: Final = 60
FIRST_AFTER_S: Final = 1
BETWEEN_S: Final = 1
"""Between two purchases with a stolen telephone."""
FEWEST: Final = 8
"""Accounts without which there is nobody to rob."""
_KNOWN: Final = {"theft": 95, "scam": 85, "mule": 65}
"""Of 100 so many are found out, some minutes later."""
_MISSED: Final = frozenset({"completed", "authorised"})
_PURSE: Final = Kept(id="", least=2_000_000, upto=3_000_000)


class AnswerSeen(msgspec.Struct, frozen=True):
    state: str | None = None
    code: str | None = None


def taken_from(accounts: int) -> int:
    """How many of so many accounts are the thieves' and their victims': a fiftieth, where there are enough."""
    some = max(FEWEST + 4, accounts // 50)
    return some if accounts >= 3 * some else 0


class Thieves:
    """`accounts`: who collects, two mules, then whom they rob; none of them: nothing is stolen. `quiet` is held by whoever wants no traffic; `tell` hears what was true of each order."""

    def __init__(
        self,
        client: Client,
        accounts: Sequence[AccountHere],
        city: CityFile,
        journal: Journal,
        figures: Figures,
        seed: int,
        tell: Callable[[Known], None],
    ) -> None:
        self._client, self._currency, self._journal, self._figures = client, city.currency, journal, figures
        self._tell = tell
        self._chance = Chance(seed)
        self._merchants = [shop.id for shop in city.merchants]
        ids = [account.id for account in accounts]
        self._collector, self._mules, self._victims = ids[:1], ids[1:3], ids[3:]
        self.quiet = asyncio.Lock()

    async def run(self) -> None:
        """For ever, a story a minute. What goes wrong on the way is tried again by the next one."""
        rest = FIRST_AFTER_S if self._victims else None
        stories = (self._scam, self._theft, self._mule)
        turn = 0
        while rest is not None:
            await asyncio.sleep(rest)
            async with self.quiet:
                try:
                    await stories[turn % len(stories)]()
                except (NotSent, NoAnswer, CannotAudit):
                    self._figures.count["thieves_lost"] += 1
            turn, rest = turn + 1, EVERY_S

    # ---- stories

    async def _scam(self) -> None:
        """Somebody who is told on the telephone to bring money into safety. Who is not stopped has lost it at once."""
        victim, mule = await self._victim(), self._chance.pick(self._mules)
        lost = 10_000 * self._chance.between(40, 120)
        if await self._steals("scam", victim, lost, payee=mule, reference=self._chance.pick(words.SCAMS)):
            await self._steals("mule", mule, lost * 9 // 10, payee=self._collector[0], reference=words.ORDERS[0])

    async def _theft(self) -> None:
        """Whoever has a stolen telephone buys until it is asked for something that only its owner knows."""
        victim, device = await self._victim(), f"other-{self._chance.bits(48):012x}"
        for _ in range(self._chance.between(4, 7)):
            shop, amount = self._chance.pick(self._merchants), 100 * self._chance.between(120, 900)
            if not await self._steals("theft", victim, amount, merchant=shop, device=device, reference=words.TOO_DEAR):
                return
            await asyncio.sleep(BETWEEN_S)

    async def _mule(self) -> None:
        """Small sums from strangers, and then all of it to who collects."""
        mule, taken = self._chance.pick(self._mules), 0
        for _ in range(4):
            amount = 100 * self._chance.between(700, 1_200)
            if await self._steals(
                "mule", await self._victim(), amount, payee=mule, reference=self._chance.pick(words.ORDERS)
            ):
                taken += amount
        if taken:
            await self._steals("mule", mule, taken * 9 // 10, payee=self._collector[0], reference=words.ORDERS[0])

    # ---- steps

    async def _victim(self) -> str:
        """Somebody with money, or who is given some."""
        victim = self._chance.pick(self._victims)
        seen = await get(self._client, f"/v1/accounts/{victim}", AvailableSeen)
        if seen is not None and seen.available < _PURSE.least:
            purse = msgspec.structs.replace(_PURSE, id=victim)
            await top_up(self._client, purse, self._currency, self._id())
        return victim

    async def _steals(
        self,
        truth: str,
        payer: str,
        amount: int,
        *,
        reference: str,
        payee: str | None = None,
        merchant: str | None = None,
        device: str | None = None,
    ) -> bool:
        """Whether the money is gone."""
        id_ = self._id()
        sent = Sent(
            id=id_,
            verb="pay",
            payment=id_,
            amount=amount,
            expect="unknown",
            payer=payer,
            payee=payee,
            merchant=merchant,
        )
        body = {"payer_account_id": payer, "amount": amount, "currency": self._currency, "reference": reference}
        body |= {"merchant_id": merchant, "method": "qr"} if merchant else {"payee_account_id": payee}
        body |= {"device": device} if device else {}
        if merchant:
            self._journal.add(sent)
        reply = await self._client.request("POST", "/v1/payments", msgspec.json.encode(body), id_)
        seen = msgspec.json.decode(reply.body, type=AnswerSeen)
        state = seen.state or seen.code or str(reply.status)
        is_gone = 200 <= reply.status < 300 and state in _MISSED
        if merchant and reply.status < 500 and reply.status not in (408, 425, 429):
            self._journal.add(Answered(id=id_, outcome="success" if is_gone else "failure", status=reply.status))
        is_found = self._chance.below(100) < _KNOWN[truth]
        known = Known(
            id=id_, truth=truth, state=state, known_after_s=self._chance.between(60, 900) if is_found else None
        )
        self._journal.add(known)
        self._tell(known)
        self._figures.stolen[truth, "missed" if is_gone else "caught"] += 1
        return is_gone

    def _id(self) -> str:
        return self._chance.uuid7(time_ns() // 1_000_000)
