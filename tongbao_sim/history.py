"""The city's past as a stream of facts, in the order in which they happened, for a bank to post through its own verbs.

The generator keeps books of its own: an order that is expected to complete can be paid for at that moment. A small
share asks for more than is there, and says so. Money is in fen, moments are UTC, days are days in Beijing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, timedelta
from heapq import heappop, heappush
from itertools import accumulate
from typing import BinaryIO, Literal

import msgspec

from tongbao_sim import words
from tongbao_sim.chance import Chance
from tongbao_sim.city import DAY_MS, GIFT_BANDS, MINUTE_MS, UTC_AHEAD_MS, Band, City, Person, build, spot_of
from tongbao_sim.frauds import OF_10_000, Frauds, Step, Truth

CURRENCY = "CNY"
REFUSED_OF_10_000 = 40
"""How many payments of ten thousand ask for more than the payer has."""
REFUNDED_OF_10_000 = 900
"""How many payments of ten thousand in shops that take things back are refunded, wholly or in part."""
GIFTS_PER_100_PURCHASES = 16
CHUNK = 2_000
HOUR_MS = 60 * MINUTE_MS

Kind = Literal["topup", "payment", "transfer", "salary", "refund"]
Expected = Literal["completed", "insufficient_funds"]


class PersonFact(msgspec.Struct, frozen=True, kw_only=True, tag_field="fact", tag="person"):
    """`part`, here and of a shop: who plays which part in the guided walk of a demo."""

    id: str
    name: str
    phone: str
    district: str
    role: str
    part: str | None = None
    made_up: bool = True


class FirmFact(msgspec.Struct, frozen=True, kw_only=True, tag_field="fact", tag="firm"):
    id: str
    name: str
    role: str
    made_up: bool = True


class ShopFact(msgspec.Struct, frozen=True, kw_only=True, tag_field="fact", tag="shop"):
    """`owner` is the firm whose shop it is."""

    id: str
    name: str
    category: str
    category_zh: str
    district: str
    owner: str
    place: PlaceFact
    part: str | None = None
    made_up: bool = True


class PlaceFact(msgspec.Struct, frozen=True, kw_only=True):
    """Millionths of a degree (WGS 84)."""

    district: str
    latitude_e6: int
    longitude_e6: int


class AccountFact(msgspec.Struct, frozen=True, kw_only=True, tag_field="fact", tag="account"):
    """`owner` is a person or a firm."""

    id: str
    owner: str
    currency: str = CURRENCY


class DayFact(msgspec.Struct, frozen=True, kw_only=True, tag_field="fact", tag="day"):
    date: str
    free: bool


class Order(msgspec.Struct, kw_only=True, omit_defaults=True, gc=False, tag_field="fact", tag="order"):
    """One movement of money. `payer` and `payee` are accounts, `merchant` a shop, `of` the payment that is refunded.

    `truth`: what kind of fraud it is, where it is one, and since when somebody knows.
    """

    id: str
    at: str
    kind: Kind
    amount: int
    currency: str
    reference: str
    expect: Expected
    payer: str | None = None
    payee: str | None = None
    merchant: str | None = None
    method: str | None = None
    of: str | None = None
    device: str | None = None
    truth: Truth | None = None
    known_at: str | None = None


class DayEndFact(msgspec.Struct, frozen=True, kw_only=True, tag_field="fact", tag="day_end"):
    date: str
    orders: int


class BalanceFact(msgspec.Struct, frozen=True, kw_only=True, tag_field="fact", tag="balance"):
    """What a person's or firm's account must hold when the history has been posted."""

    account: str
    balance: int


class EndFact(msgspec.Struct, frozen=True, kw_only=True, tag_field="fact", tag="end"):
    orders: int
    completed: int
    insufficient_funds: int
    kinds: dict[str, int]
    amount: int
    balances: int


Fact = PersonFact | FirmFact | ShopFact | AccountFact | DayFact | Order | DayEndFact | BalanceFact | EndFact


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What to generate: `payments` is how many orders of all kinds there are (at least the standing ones)."""

    seed: int
    people: int
    shops: int
    days: int
    payments: int
    until: date
    balances: bool = False
    frauds_of_10_000: int = OF_10_000

    def dates(self) -> list[date]:
        return [self.until - timedelta(days=n) for n in reversed(range(self.days))]


def write(plan: Plan, out: BinaryIO) -> None:
    """Facts as NDJSON, a few thousand lines at a time."""
    encoder = msgspec.json.Encoder()
    for facts in _chunks(History(plan).facts()):
        out.write(encoder.encode_lines(facts))
    out.flush()


def _chunks(facts: Iterable[Fact]) -> Iterator[list[Fact]]:
    chunk: list[Fact] = []
    for fact in facts:
        chunk.append(fact)
        if len(chunk) == CHUNK:
            yield chunk
            chunk = []
    yield chunk


def midnight_ms(day: date) -> int:
    """The first millisecond of a day in Beijing, since 1970."""
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()) * 1000 - UTC_AHEAD_MS


def is_free(day: date) -> bool:
    """Weekends and the fixed public holidays; a city of the imagination has no make-up working days."""
    return day.weekday() >= 5 or (day.month, day.day) in _HOLIDAYS


_HOLIDAYS = {(1, 1), *((5, d) for d in range(1, 6)), *((10, d) for d in range(1, 8))}


def paid_on(payday: int, day: date) -> bool:
    """Wages are due on a day of the month; when it is a weekend, on the Friday before."""
    due = date(day.year, day.month, payday)
    while due.weekday() >= 5:
        due -= timedelta(days=1)
    return due == day


class Moments:
    """ISO 8601 in UTC for a millisecond of one local day, from small tables."""

    __slots__ = ("midnight", "_minutes")

    _REST = tuple(f"{s:02d}" for s in range(60))
    _MILLIS = tuple(f".{ms:03d}Z" for ms in range(1000))

    def __init__(self, day: date) -> None:
        self.midnight = midnight_ms(day)
        start = datetime(day.year, day.month, day.day, tzinfo=UTC) - timedelta(milliseconds=UTC_AHEAD_MS)
        self._minutes = [(start + timedelta(minutes=m)).strftime("%Y-%m-%dT%H:%M:") for m in range(1440)]

    def iso(self, millis: int) -> str:
        minute, rest = divmod(millis, MINUTE_MS)
        second, milli = divmod(rest, 1000)
        return self._minutes[minute] + self._REST[second] + self._MILLIS[milli]


class Rhythm:
    """What people do when: a table of 4,096 equally likely (category, start, span), category -1 for a gift."""

    __slots__ = ("table",)

    SIZE = 4096

    def __init__(self, city: City, *, free: bool) -> None:
        bands: list[tuple[int, Band, int]] = [
            (c, band, band.free if free else band.working)
            for c, category in enumerate(city.categories)
            for band in category.bands
        ]
        purchases = sum(weight for _, _, weight in bands)
        gifts = sum(b.free if free else b.working for b in GIFT_BANDS)
        weighted = [(c, band, weight * 100 * gifts) for c, band, weight in bands]
        share = purchases * GIFTS_PER_100_PURCHASES
        weighted += [(-1, band, (band.free if free else band.working) * share) for band in GIFT_BANDS]
        steps = list(accumulate(weight for _, _, weight in weighted))
        self.table: list[tuple[int, int, int]] = []
        for (c, band, _), upto in zip(weighted, steps, strict=True):
            entry = (c, band.start * MINUTE_MS, (band.end - band.start) * MINUTE_MS)
            self.table += [entry] * (upto * self.SIZE // steps[-1] - len(self.table))


class History:
    """One run over the days. `facts()` may be read once."""

    def __init__(self, plan: Plan) -> None:
        if plan.days < 1:
            raise ValueError("a history has at least one day")
        self.plan = plan
        self.dates = plan.dates()
        self.city = build(plan.seed, plan.people, plan.shops, midnight_ms(self.dates[0]))
        self.chance = Chance(plan.seed + 1)
        self.frauds = Frauds(self.city, plan.seed + 2, plan.frauds_of_10_000)
        city = self.city
        self.people_balance = [0] * len(city.people)
        self.firm_balance = [0] * len(city.firms)
        self.taken = [0] * len(city.shops)
        """What each shop took today, less what it gave back: refunds never need more than half of it."""
        self.refunds: list[tuple[int, int, str, int, int, int]] = []
        """Waiting refunds by when they are due: (ms since 1970, order, payment, shop, person, amount)."""
        self.count = {"topup": 0, "payment": 0, "transfer": 0, "salary": 0, "refund": 0}
        self.done = 0
        self.refused = 0
        self.amount = 0
        self.last = 0
        self.moments = Moments(self.dates[0])
        self._rhythms = {free: Rhythm(city, free=free) for free in (False, True)}
        self._staff: dict[int, list[int]] = {}
        for i, person in enumerate(city.people):
            if person.employer is not None:
                self._staff.setdefault(person.employer, []).append(i)

    def facts(self) -> Iterator[Fact]:
        yield from self._who()
        for day, quota in zip(self.dates, self._quotas(), strict=True):
            free = is_free(day)
            yield DayFact(date=day.isoformat(), free=free)
            before = self.done
            self.moments = Moments(day)
            self.last = 0
            self.taken = [0] * len(self.taken)
            yield from self._standing(day)
            yield from self._day(self._rhythms[free], quota - self.done)
            yield DayEndFact(date=day.isoformat(), orders=self.done - before)
        if self.plan.balances:
            yield from self._balances()
        yield EndFact(
            orders=self.done,
            completed=self.done - self.refused,
            insufficient_funds=self.refused,
            kinds=dict(self.count),
            amount=self.amount,
            balances=sum(self.people_balance) + sum(self.firm_balance),
        )

    def _who(self) -> Iterator[Fact]:
        city = self.city
        for firm in city.firms:
            yield FirmFact(id=firm.id, name=firm.name, role=firm.role)
        for person in city.people:
            area = words.DISTRICTS[person.district]
            yield PersonFact(
                id=person.id,
                name=person.name,
                phone=person.phone,
                district=area,
                role=person.role,
                part=person.part,
            )
        for number, shop in enumerate(city.shops):
            latitude, longitude = spot_of(number, shop.district)
            kind = city.categories[shop.category]
            yield ShopFact(
                id=shop.id,
                name=shop.name,
                category=kind.code,
                category_zh=kind.zh,
                district=words.DISTRICTS[shop.district],
                owner=city.firms[shop.owner].id,
                place=PlaceFact(district=words.DISTRICTS[shop.district], latitude_e6=latitude, longitude_e6=longitude),
                part=shop.part,
            )
        for firm in city.firms:
            if firm.account:
                yield AccountFact(id=firm.account, owner=firm.id)
        for person in city.people:
            yield AccountFact(id=person.account, owner=person.id)

    def _quotas(self) -> list[int]:
        """How many orders there have been at the end of each day: free days are busier, and a young bank grows."""
        days = len(self.dates)
        weights = [(118 if is_free(day) else 100) * (85 * days + 30 * i) for i, day in enumerate(self.dates)]
        standing = list(accumulate(self._count_standing(day) for day in self.dates))
        spare = max(0, self.plan.payments - standing[-1])
        total = sum(weights)
        return [fixed + spare * upto // total for fixed, upto in zip(standing, accumulate(weights), strict=True)]

    # ---- what happens on its date, whatever people feel like

    def _count_standing(self, day: date) -> int:
        opening = len(self.city.people) if day == self.dates[0] else 0
        wages = sum(1 + len(self._staff.get(f, ())) for f in self._paying(day) if self._staff.get(f))
        return (
            opening + wages + sum(1 for person in self.city.people if self._sends_monthly(person.rent, day, person.id))
        )

    def _paying(self, day: date) -> list[int]:
        return [i for i, firm in enumerate(self.city.firms) if firm.payday and paid_on(firm.payday, day)]

    @staticmethod
    def _sends_monthly(rent: int, day: date, who: str) -> bool:
        """Rent is paid on one of the first five days of the month; which one is the person's habit."""
        return rent > 0 and day.day <= 5 and int(who[-2:], 16) % 5 + 1 == day.day

    def _standing(self, day: date) -> Iterator[Order]:
        """In the small hours: money brought along on the first day, wages, rent, allowances."""
        city = self.city
        spread = 5 * HOUR_MS // (4 * len(city.people) + 4 * len(city.firms))
        clock = iter(range(60_000, 6 * HOUR_MS, max(1, spread)))
        if day == self.dates[0]:
            for i, person in enumerate(city.people):
                yield self._topup(next(clock), i, person.opening, words.FROM_ANOTHER_BANK)
        for f in self._paying(day):
            staff = self._staff.get(f)
            if not staff:
                continue
            firm = city.firms[f]
            wages = sum(city.people[i].income for i in staff)
            self.firm_balance[f] += wages
            yield self._order(next(clock), "topup", wages, words.FIRM_FUNDS, payee=firm.account)
            reference = words.PENSION if firm.role == "pension" else words.SALARY
            for i in staff:
                person = city.people[i]
                self.firm_balance[f] -= person.income
                self.people_balance[i] += person.income
                yield self._order(
                    next(clock), "salary", person.income, reference, payer=firm.account, payee=person.account
                )
        for i, person in enumerate(city.people):
            if self._sends_monthly(person.rent, day, person.id) and person.landlord is not None:
                yield from self._rent(next(clock), i, person.landlord)

    def _rent(self, ms: int, i: int, landlord: int) -> Iterator[Order]:
        person = self.city.people[i]
        if self.people_balance[i] < person.rent + person.keeps:
            yield self._topup(ms, i, _rounded_up(person.rent), words.FROM_ANOTHER_BANK)
        self.people_balance[i] -= person.rent
        self.firm_balance[landlord] += person.rent
        payee = self.city.firms[landlord].account
        yield self._order(ms, "transfer", person.rent, words.RENT, payer=person.account, payee=payee)

    # ---- what people feel like

    def _day(self, rhythm: Rhythm, quota: int) -> Iterator[Order]:
        """About `quota` orders by the rhythm; top-ups and refunds count, and what is too much is left to tomorrow."""
        chance, table = self.chance, rhythm.table
        bits, peak = chance.bits, chance.peak
        upto = self.done + max(0, quota)
        slots = []
        for _ in range(max(0, quota)):
            place = bits(12)
            _, start, span = table[place]
            slots.append((start + peak(span)) << 12 | place)
        slots.sort()
        habit = self.city.habit
        self.frauds.plan(quota, self.people_balance.__getitem__)
        for slot in slots:
            ms = slot >> 12
            yield from self._due_frauds(ms, upto)
            yield from self._due_refunds(ms, upto)
            if self.done >= upto:
                return
            kind = table[slot & 4095][0]
            payer = chance.pick(habit)
            if self.done + 1 == upto:
                # Whoever pays may have to bring in money first; one order is all that the day has left.
                yield self._topup(ms, payer, _rounded_up(self.city.people[payer].income // 4), words.FROM_ANOTHER_BANK)
            elif kind < 0:
                yield from self._gift(ms, payer)
            elif bits(20) * 10_000 >> 20 < REFUSED_OF_10_000:
                yield self._too_dear(ms, payer, kind)
            else:
                yield from self._purchase(ms, payer, kind)

    def _purchase(self, ms: int, payer: int, kind: int) -> Iterator[Order]:
        city, chance = self.city, self.chance
        person = city.people[payer]
        place = chance.bits(4)
        shop_no = person.favourites[kind][(0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 2, 2, 3, 3, 3)[place]]
        shop = city.shops[shop_no]
        name, amount, more = chance.pick(shop.menu)
        if more:
            amount += min(chance.below(more), chance.below(more))
        if self.people_balance[payer] < amount + person.keeps:
            yield self._topup(ms, payer, _rounded_up(amount + person.income // 4), words.FROM_ANOTHER_BANK)
        self.people_balance[payer] -= amount
        self.taken[shop_no] += amount
        category = city.categories[kind]
        order = self._order(ms, "payment", amount, name, payer=person.account, merchant=shop.id, method=category.method)
        if category.method == "qr":
            order.device = phone_of(person)
        yield order
        if category.refunds and chance.below(10_000) < REFUNDED_OF_10_000:
            self._plan_refund(ms, order.id, shop_no, payer, amount)

    def _too_dear(self, ms: int, payer: int, kind: int) -> Order:
        """The poorest of a few people tries to buy something for more than is on the account."""
        city, chance = self.city, self.chance
        for _ in range(8):
            other = chance.pick(city.habit)
            if self.people_balance[other] < self.people_balance[payer]:
                payer = other
        amount = self.people_balance[payer] + 100 * chance.between(1, 3000)
        shop = city.shops[chance.pick(city.by_category[kind])]
        self.refused += 1
        return self._order(
            ms,
            "payment",
            amount,
            words.TOO_DEAR,
            payer=city.people[payer].account,
            merchant=shop.id,
            method=city.categories[kind].method,
            expect="insufficient_funds",
        )

    def _gift(self, ms: int, payer: int) -> Iterator[Order]:
        """Friends share a dinner or send a red envelope; a student's purse is filled by a parent."""
        city, chance = self.city, self.chance
        person = city.people[payer]
        payee, reference = chance.pick(person.friends), chance.pick(words.GIFTS)
        amount = chance.pick((666, 888, 1000, 2000, 5000, 6600, 8800, 10000, 20000)) if chance.one_in(2) else 0
        amount = amount or 50 * chance.between(20, 400)
        if person.parent is not None:
            payer, payee = person.parent, payer
            person, reference, amount = city.people[payer], words.ALLOWANCE, city.people[payee].income // 4
        if self.people_balance[payer] < amount + person.keeps:
            yield self._topup(ms, payer, _rounded_up(amount + person.income // 4), words.FROM_ANOTHER_BANK)
        self.people_balance[payer] -= amount
        self.people_balance[payee] += amount
        order = self._order(ms, "transfer", amount, reference, payer=person.account, payee=city.people[payee].account)
        order.device = phone_of(person)
        yield order

    # ---- frauds

    def _due_frauds(self, ms: int, upto: int) -> Iterator[Order]:
        """What thieves and their helpers have planned for this moment, and where there is money for it."""
        while self.done < upto and (step := self.frauds.due(ms)) is not None:
            if step.of is not None:
                if self.taken[step.shop] >= 2 * step.amount:
                    self.taken[step.shop] -= step.amount
                    self.people_balance[step.payer] += step.amount
                    yield self._fraud(step)
                continue
            if self.people_balance[step.payer] < step.amount + self.city.people[step.payer].keeps:
                continue
            self.people_balance[step.payer] -= step.amount
            if step.shop >= 0:
                self.taken[step.shop] += step.amount
            else:
                self.people_balance[step.payee] += step.amount
            order = self._fraud(step)
            yield order
            if step.is_given_back:
                self.frauds.give_back(step, order.id, step.ms)

    def _fraud(self, step: Step) -> Order:
        city, is_refund = self.city, step.of is not None
        payer = city.people[step.payer]
        order = self._order(
            step.ms,
            "refund" if is_refund else "payment" if step.shop >= 0 else "transfer",
            step.amount,
            step.reference,
            payer=None if is_refund else payer.account,
            payee=payer.account if is_refund else city.people[step.payee].account if step.payee >= 0 else None,
            merchant=city.shops[step.shop].id if step.shop >= 0 else None,
            method=None if is_refund else step.method,
            of=step.of,
        )
        order.truth = step.truth
        if not is_refund:
            order.device = step.device or (order.method != "card" and phone_of(payer)) or None
        if step.known_after_ms >= 0:
            order.known_at = _iso(self.moments.midnight + self.last + step.known_after_ms)
        return order

    # ---- refunds

    def _plan_refund(self, ms: int, payment: str, shop: int, payer: int, amount: int) -> None:
        """The same afternoon or within a week, while shops are open."""
        chance = self.chance
        part = amount if chance.below(3) else max(1, amount * chance.between(1, 9) // 10)
        due = self.moments.midnight + ms + chance.between(20, 300) * MINUTE_MS
        if chance.one_in(2):
            due += chance.between(1, 7) * DAY_MS
        heappush(self.refunds, (self._in_the_open(due), self.done, payment, shop, payer, part))

    def _due_refunds(self, ms: int, upto: int) -> Iterator[Order]:
        """A shop gives back out of what it took today; when that is too little, it tries again later."""
        city, moment = self.city, self.moments.midnight + ms
        while self.done < upto and self.refunds and self.refunds[0][0] <= moment:
            due, number, payment, shop, payer, amount = heappop(self.refunds)
            if due < self.moments.midnight or self.taken[shop] < 2 * amount:
                later = self._in_the_open(moment + 3 * HOUR_MS)
                heappush(self.refunds, (later, number, payment, shop, payer, amount))
                continue
            self.taken[shop] -= amount
            self.people_balance[payer] += amount
            yield self._order(
                due - self.moments.midnight,
                "refund",
                amount,
                self.chance.pick(words.REFUND_REASONS),
                merchant=city.shops[shop].id,
                payee=city.people[payer].account,
                of=payment,
            )

    @staticmethod
    def _in_the_open(moment: int) -> int:
        """The moment, or ten the next morning when it is before nine or after half past nine in the evening."""
        ms = (moment + UTC_AHEAD_MS) % DAY_MS
        if 9 * HOUR_MS <= ms < 21 * HOUR_MS + 30 * MINUTE_MS:
            return moment
        return moment - ms + 10 * HOUR_MS + (DAY_MS if ms > 9 * HOUR_MS else 0)

    # ---- bookkeeping

    def _topup(self, ms: int, i: int, amount: int, reference: str) -> Order:
        self.people_balance[i] += amount
        return self._order(ms, "topup", amount, reference, payee=self.city.people[i].account)

    def _order(
        self,
        ms: int,
        kind: Kind,
        amount: int,
        reference: str,
        *,
        payer: str | None = None,
        payee: str | None = None,
        merchant: str | None = None,
        method: str | None = None,
        of: str | None = None,
        expect: Expected = "completed",
    ) -> Order:
        """Never earlier than the one before it, so that the day is in order."""
        if ms < self.last:
            ms = self.last
        self.last = ms
        self.done += 1
        self.count[kind] += 1
        if expect == "completed":
            self.amount += amount
        return Order(
            id=self.chance.uuid7(self.moments.midnight + ms),
            at=self.moments.iso(ms),
            kind=kind,
            amount=amount,
            currency=CURRENCY,
            reference=reference,
            expect=expect,
            payer=payer,
            payee=payee,
            merchant=merchant,
            method=method,
            of=of,
        )

    def _balances(self) -> Iterator[BalanceFact]:
        for firm, balance in zip(self.city.firms, self.firm_balance, strict=True):
            if firm.account:
                yield BalanceFact(account=firm.account, balance=balance)
        for person, balance in zip(self.city.people, self.people_balance, strict=True):
            yield BalanceFact(account=person.account, balance=balance)


def phone_of(person: Person) -> str:
    """The telephone that a person pays with, as the bank is told of it."""
    return f"phone-{person.id[-12:]}"


def _iso(ms: int) -> str:
    return datetime.fromtimestamp(ms // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _rounded_up(amount: int) -> int:
    """To a whole hundred yuan, as people move money."""
    return -(-amount // 100_00) * 100_00
