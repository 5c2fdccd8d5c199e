"""Who steals in the city, whom, and how: planned a day ahead, paid in the middle of everybody else's orders.

Each order of theirs has its truth, and the moment from which on somebody knows it; some are never found out.
"""

from __future__ import annotations

from collections.abc import Callable
from heapq import heappop, heappush
from typing import Literal

import msgspec

from tongbao_sim import words
from tongbao_sim.chance import Chance
from tongbao_sim.city import DAY_MS, MINUTE_MS, City

Truth = Literal["theft", "scam", "mule", "ring"]

OF_10_000 = 60
"""How many orders of ten thousand are frauds."""
FEWEST_PEOPLE = 40
"""In a smaller place everybody knows everybody."""
MULES_OF_1_000 = 4
"""People of a thousand who lend their account to others."""
HOUR_MS = 60 * MINUTE_MS
SECOND_MS = 1_000
LEAST_LOST, MOST_LOST = 3_000_00, 26_000_00
"""Fen that a scammed person transfers."""

_KNOWN: dict[Truth, tuple[int, int, int]] = {
    "theft": (95, 0, 3),
    "scam": (85, 1, 10),
    "mule": (65, 4, 21),
    "ring": (60, 10, 35),
}
"""Of 100 so many become known, after so many days at least and at most."""
_NOTHING_KNOWN = -1


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """An order that is planned. `payer` and `payee` are places in `City.people`, `shop` in `City.shops`, -1 for nobody."""

    ms: int
    truth: Truth
    payer: int
    amount: int
    reference: str
    known_after_ms: int
    """-1: nobody ever finds out."""
    payee: int = -1
    shop: int = -1
    method: str | None = None
    device: str | None = None
    is_given_back: bool = False
    """The shop pays it back an hour later."""
    of: str | None = None
    """The payment that is given back."""


class Frauds:
    """`plan` fills a day, `due` hands out its steps in the order of time. `balance` tells what a person has now."""

    def __init__(self, city: City, seed: int, of_10_000: int) -> None:
        self.city, self.chance, self.of_10_000 = city, Chance(seed), of_10_000
        self._waiting: list[tuple[int, int, Step]] = []
        self._count = 0
        self._spare = 0
        people = [i for i, person in enumerate(city.people) if person.part is None]
        self._is_on = of_10_000 > 0 and len(people) >= FEWEST_PEOPLE and len(city.shops) >= FEWEST_PEOPLE // 8
        if not self._is_on:
            return
        self.chance.shuffle(people)
        count = max(3, len(people) * MULES_OF_1_000 // 1_000)
        self.mules = people[:count]
        self.collector, self.friends = people[count], people[count + 1 : count + 4]
        self._elderly = [i for i in people[count + 4 :] if city.people[i].role == "retired"] or people[count + 4 :]
        self._others = people[count + 4 :]
        dear = [i for i, shop in enumerate(city.shops) if city.categories[shop.category].refunds and shop.part is None]
        self._dear = dear or [i for i, shop in enumerate(city.shops) if shop.part is None]
        self.front = self.chance.pick(self._dear)

    def plan(self, quota: int, balance: Callable[[int], int]) -> None:
        """What is stolen on the day that begins, on which there are `quota` orders."""
        self._waiting.clear()
        if not self._is_on or quota <= 0:
            return
        self._spare += quota * self.of_10_000
        while self._spare >= 10_000:
            begun = self._count
            self.chance.pick((self._theft, self._theft, self._scam, self._scam, self._scam, self._mule, self._ring))(
                balance
            )
            self._spare -= max(1, self._count - begun) * 10_000

    def due(self, ms: int) -> Step | None:
        """The next step that is due at this millisecond of the day."""
        return heappop(self._waiting)[2] if self._waiting and self._waiting[0][0] <= ms else None

    def give_back(self, step: Step, payment: str, ms: int) -> None:
        """`step` was paid as `payment`."""
        due = min(ms + self.chance.between(25, 90) * MINUTE_MS, 21 * HOUR_MS)
        self._add(msgspec.structs.replace(step, ms=max(due, ms), is_given_back=False, of=payment))

    # ---- how it is done

    def _theft(self, balance: Callable[[int], int]) -> None:
        """A stolen telephone: whoever has it buys what can be sold again, at night mostly, until it is locked."""
        chance, victim = self.chance, self._richest(self._others, balance)
        ms = chance.between(20, 280) * MINUTE_MS if chance.below(10) < 7 else chance.between(600, 1300) * MINUTE_MS
        left, known = balance(victim), self._known_after("theft")
        device = f"other-{chance.bits(48):012x}"
        for _ in range(chance.between(4, 9)):
            shop = chance.pick(self._dear)
            what, price, more = chance.pick(self.city.shops[shop].menu)
            amount = price + (chance.below(more) if more else 0)
            if amount * 2 > left:
                continue
            left -= amount
            method = "card" if chance.one_in(3) else "qr"
            self._add(
                Step(
                    ms=ms,
                    truth="theft",
                    payer=victim,
                    shop=shop,
                    amount=amount,
                    reference=what,
                    method=method,
                    device=device if method == "qr" else None,
                    known_after_ms=known,
                )
            )
            ms += chance.between(35, 240) * SECOND_MS

    def _scam(self, balance: Callable[[int], int]) -> None:
        """Somebody is called and told to bring savings into safety; within minutes they are gone on."""
        chance, victim, mule = self.chance, self._richest(self._elderly, balance), self.chance.pick(self.mules)
        lost = min(MOST_LOST, balance(victim) * chance.between(40, 85) // 100) // 100_00 * 100_00
        if lost < LEAST_LOST:
            return
        ms, known = chance.between(9 * 60, 17 * 60) * MINUTE_MS, self._known_after("scam")
        parts = (lost,) if lost < 2 * LEAST_LOST or chance.one_in(2) else (lost // 2, lost - lost // 2)
        for amount in parts:
            self._transfer("scam", ms, victim, mule, amount, chance.pick(words.SCAMS), known)
            ms += chance.between(3, 25) * MINUTE_MS
        self._onwards(ms, mule, lost, known)

    def _mule(self, balance: Callable[[int], int]) -> None:
        """An account that is lent: many strangers pay, and it is empty again at once."""
        chance, mule = self.chance, self.chance.pick(self.mules)
        ms, known, taken = chance.between(10 * 60, 20 * 60) * MINUTE_MS, self._known_after("mule"), 0
        for _ in range(chance.between(4, 8)):
            payer = chance.pick(self._others)
            amount = chance.pick((300_00, 500_00, 600_00, 800_00, 999_00, 1_200_00, 1_500_00))
            if balance(payer) >= 2 * amount:
                self._transfer("mule", ms, payer, mule, amount, chance.pick(words.ORDERS), known)
                taken += amount
            ms += chance.between(1, 6) * MINUTE_MS
        if taken:
            self._onwards(ms, mule, taken, known)

    def _onwards(self, ms: int, mule: int, amount: int, known: int) -> None:
        """Within minutes to whoever collects; the mule keeps a little."""
        chance = self.chance
        left = amount * chance.between(88, 97) // 100
        known = known if known < 0 else known + chance.between(0, 2) * DAY_MS
        parts = 1 if left < LEAST_LOST else 2
        for _ in range(parts):
            ms += chance.between(1, 7) * MINUTE_MS
            self._transfer("mule", ms, mule, self.collector, left // parts, chance.pick(words.ORDERS), known)

    def _ring(self, balance: Callable[[int], int]) -> None:
        """A shop and its friends: the same round sum three times a day, of which half comes back, and once in a circle."""
        chance, known = self.chance, self._known_after("ring")
        ms = chance.between(9 * 60, 14 * 60) * MINUTE_MS
        amount = chance.pick((500_00, 800_00, 1_000_00, 2_000_00))
        for last in (False, False, True):
            for place, friend in enumerate(self.friends):
                if balance(friend) < 4 * amount:
                    continue
                self._add(
                    Step(
                        ms=ms,
                        truth="ring",
                        payer=friend,
                        shop=self.front,
                        amount=amount,
                        reference=chance.pick(words.ORDERS),
                        method="qr",
                        known_after_ms=known,
                        is_given_back=chance.one_in(2),
                    )
                )
                ms += chance.between(1, 4) * MINUTE_MS
                if last:
                    following = self.friends[(place + 1) % len(self.friends)]
                    self._transfer("ring", ms, friend, following, amount, chance.pick(words.ORDERS), known)
                    ms += chance.between(2, 9) * MINUTE_MS
            ms += chance.between(65, 110) * MINUTE_MS

    # ---- helpers

    def _transfer(
        self, truth: Truth, ms: int, payer: int, payee: int, amount: int, reference: str, known_after_ms: int
    ) -> None:
        self._add(
            Step(
                ms=ms,
                truth=truth,
                payer=payer,
                payee=payee,
                amount=amount,
                reference=reference,
                known_after_ms=known_after_ms,
            )
        )

    def _richest(self, people: list[int], balance: Callable[[int], int]) -> int:
        return max((self.chance.pick(people) for _ in range(6)), key=balance)

    def _known_after(self, truth: Truth) -> int:
        of_100, least, most = _KNOWN[truth]
        if self.chance.below(100) >= of_100:
            return _NOTHING_KNOWN
        return self.chance.between(least * DAY_MS + 2 * HOUR_MS, most * DAY_MS + 12 * HOUR_MS)

    def _add(self, step: Step) -> None:
        self._count += 1
        heappush(self._waiting, (step.ms, self._count, step))
