"""An independent auditor: from what the bank acknowledged it recomputes what must be there, then asks the bank.

It shares nothing with the workload but the journal. Rules:

1. an acknowledged payment is there with the amounts that were acknowledged; a refused one has moved nothing;
2. a step whose outcome is unknown has happened once or not at all, and the bank's figures say which; of a payment that a person of the
   bank looks at first nothing has moved, and its money is set aside;
3. captured is not above authorised, refunded not above captured;
4. an account's balance and held amount are what they were at the start plus all that happened;
5. its entries since the start are those movements, each once, and each balance follows from the one before.

Where others use the bank too (`others`), what the journal does not know is set aside and counted, as far as the bank can name
it: an entry of a transfer of another id, an operation of another id on a payment of ours, a hold of another payment. All the
rest of the rules stands: our own movements are there, each once, and the balances follow from one another.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterable
from itertools import chain, combinations
from time import monotonic

import msgspec

from tongbao_sim.asking import business_date, each, get, held_for_payments, operations_of_others
from tongbao_sim.client import Client
from tongbao_sim.journal import Answered, Known, Lie, Opening, OpeningDay, Outcome, Record, Sent

PAYMENTS = frozenset(("payment", "transfer", "topup", "salary"))
"""Kinds of entries whose transfer has the id of a payment; others have that of an operation or of something else."""
HELD = "held"
STRANGE = 500
"""So many entries of others are looked through on one account for ours."""
LISTED = 50
"""Differences that are spelled out; all are counted."""
CALM_DOWN_S = 3.0
"""How long a request that we gave up on may still be at work in the bank."""


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """`rule`: lie, payment_missing, payment_unexpected, payment_figures, bounds, balance, held, entries, chain, stranger."""

    rule: str
    id: str
    expected: str
    found: str


class Verdict(msgspec.Struct, kw_only=True):
    """`agrees` is true when everything that was looked at is as it must be.

    `complete` is false when the time limit ended the look at single payments early; balances are always all checked.
    """

    agrees: bool = False
    complete: bool = True
    acknowledged: int = 0
    refused: int = 0
    unknown: int = 0
    payments_checked: int = 0
    accounts_checked: int = 0
    merchants_checked: int = 0
    merchants_unchecked: int = 0
    entries_checked: int = 0
    others: int = 0
    """Entries, operations and holds that were not ours and have been set aside."""
    difference_count: int = 0
    differences: list[Difference] = msgspec.field(default_factory=list)

    def differ(self, rule: str, id_: str, expected: object, found: object) -> None:
        self.difference_count += 1
        if len(self.differences) < LISTED:
            self.differences.append(Difference(rule=rule, id=id_, expected=str(expected), found=str(found)))


class PaymentSeen(msgspec.Struct, frozen=True, kw_only=True):
    """What the bank says about a payment, as far as the auditor reads it."""

    id: str
    state: str
    amount: int
    captured: int = 0
    refunded: int = 0
    authorised: int | None = None


class AccountSeen(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    balance: int
    held: int = 0


class EntrySeen(msgspec.Struct, frozen=True, kw_only=True):
    amount: int
    balance_after: int
    transfer_id: str
    kind: str = ""


class EntriesSeen(msgspec.Struct, frozen=True, kw_only=True):
    items: list[EntrySeen]
    next_cursor: str | None = None


class Payment:
    """One payment as the journal tells it. `doubtful` are the steps of which nobody knows whether they happened."""

    __slots__ = ("doubtful", "is_held", "order", "outcome", "steps")

    def __init__(self, order: Sent) -> None:
        self.order = order
        self.outcome: Outcome = "unknown"
        self.is_held = False
        """Whether the bank said so when it was looked at; never of one that was acknowledged or refused."""
        self.steps: list[Sent] = []
        self.doubtful: list[Sent] = []

    def world(self, happened: Iterable[Sent] = ()) -> World:
        """What it comes to if, besides what was acknowledged, `happened` happened."""
        steps = [*self.steps, *happened]
        exists = self.outcome == "success" or self.order in steps
        if not exists and self.is_held:
            return World(False, [], [], False, self.order.amount)
        captured = [s.amount for s in steps if s.verb == "capture"]
        if exists and not self.order.manual:
            captured.append(self.order.amount)
        refunds = [s.amount for s in steps if s.verb == "refund"]
        cancelled = any(s.verb == "cancel" for s in steps)
        open_ = exists and self.order.manual and not cancelled and not any(s.final for s in steps)
        return World(exists, captured, refunds, cancelled, self.order.amount - sum(captured) if open_ else 0)


class World(msgspec.Struct, frozen=True):
    exists: bool
    captures: list[int]
    refunds: list[int]
    cancelled: bool
    held: int

    def fits(self, seen: PaymentSeen | None) -> bool:
        if seen is None:
            return not self.exists
        if not self.exists:
            is_still = seen.captured == seen.refunded == 0 and seen.state not in ("authorised", "completed")
            return is_still and self.held == (seen.amount if seen.state == HELD else 0)
        if (seen.state in ("cancelled", "expired")) != (self.cancelled and not self.captures):
            return False
        return (sum(self.captures), sum(self.refunds)) == (seen.captured, seen.refunded)


class Case:
    """A folded journal: openings and payments."""

    def __init__(self, records: Iterable[Record]) -> None:
        self.accounts: dict[str, Opening] = {}
        self.merchants: dict[str, Opening] = {}
        self.business_date: str | None = None
        self.payments: dict[str, Payment] = {}
        self.lies: list[Lie] = []
        self.ids: frozenset[str] = frozenset()
        """Of every step that we took."""
        sent: dict[str, Sent] = {}
        outcomes: dict[str, Outcome] = {}
        for record in records:
            match record:
                case Opening(merchant=None):
                    self.accounts[record.account] = record
                case Opening(merchant=str(merchant)):
                    self.merchants[merchant] = record
                case OpeningDay():
                    self.business_date = record.business_date
                case Sent():
                    sent[record.id] = record
                case Answered():
                    if record.outcome != "unknown" and outcomes.get(record.id) != "success":
                        outcomes[record.id] = record.outcome
                case Lie():
                    self.lies.append(record)
                case Known():
                    pass  # whoever stole was audited like everybody else
        self._fold(sent, outcomes)

    def _fold(self, sent: dict[str, Sent], outcomes: dict[str, Outcome]) -> None:
        self.ids = frozenset(sent)
        for step in sent.values():
            if step.verb in ("topup", "pay"):
                self.payments[step.id] = Payment(step)
        for step in sent.values():
            payment = self.payments.get(step.payment)
            outcome = outcomes.get(step.id, "unknown")
            if payment is None:
                continue
            if step is payment.order:
                payment.outcome = outcome
                if outcome == "unknown":
                    payment.doubtful.append(step)
            elif outcome == "success":
                payment.steps.append(step)
            elif outcome == "unknown":
                payment.doubtful.append(step)


class Auditor:
    """`within_s` bounds the look at single payments; a payment with an unknown outcome is always looked at.

    `others`: somebody else uses the bank too.
    """

    def __init__(self, client: Client, *, within_s: float | None = None, width: int = 32, others: bool = False) -> None:
        self.client, self.within_s, self.width, self.others = client, within_s, width, others
        self._known: set[str] = set()
        """Operations of others on payments of ours, whose movements are expected."""
        self.closing: dict[str, AccountSeen] = {}
        """What the bank said last about each account that was looked at."""

    async def audit(self, records: Iterable[Record]) -> Verdict:
        """Two looks when the first one finds something: a request that we left may still have been at work."""
        case = Case(records)
        verdict = await self._look(case)
        if verdict.difference_count:
            await asyncio.sleep(CALM_DOWN_S)
            verdict = await self._look(case)
        return verdict

    async def _look(self, case: Case) -> Verdict:
        verdict = Verdict()
        for lie in case.lies:
            verdict.differ("lie", lie.id, "one truth", lie.what)
        worlds = await self._payments(case, verdict)
        moves, held = _movements(case, worlds)
        ours = case.ids | self._known
        touched = [o for o in case.accounts.values() if o.account in moves]
        await each(touched, lambda o: self._account(o, moves[o.account], held[o.account], ours, verdict), self.width)
        await self._merchants(case, moves, ours, verdict)
        verdict.agrees = verdict.difference_count == 0
        return verdict

    # ---- payments

    async def _payments(self, case: Case, verdict: Verdict) -> dict[str, World]:
        worlds = {}
        for id_, payment in case.payments.items():
            worlds[id_] = payment.world()
            verdict.acknowledged += payment.outcome == "success"
            verdict.refused += payment.outcome == "failure"
            verdict.unknown += bool(payment.doubtful)
        deadline = monotonic() + self.within_s if self.within_s is not None else None
        interesting = sorted(
            case.payments.values(), key=lambda p: (not p.doubtful, not p.steps, p.outcome != "failure")
        )

        async def look(payment: Payment) -> None:
            if deadline is not None and not payment.doubtful and monotonic() > deadline:
                verdict.complete = False
                return
            worlds[payment.order.id] = await self._payment(payment, case.ids, verdict)

        await each(interesting, look, self.width)
        return worlds

    async def _payment(self, payment: Payment, ours: frozenset[str], verdict: Verdict) -> World:
        id_ = payment.order.id
        seen = await get(self.client, f"/v1/payments/{id_}", PaymentSeen)
        verdict.payments_checked += 1
        if seen is not None:
            _check_bounds(seen, verdict)
            payment.is_held = payment.outcome == "unknown" and seen.state == HELD
        world = _fitting(payment, seen)
        if world is None and self.others and seen is not None:
            theirs = await operations_of_others(self.client, payment.order, ours)
            verdict.others += len(theirs)
            self._known |= {step.id for step in theirs}
            world = _fitting(payment, seen, theirs)
        if world is not None:
            return world
        world = payment.world()
        if seen is None:
            verdict.differ("payment_missing", id_, f"{payment.order.verb} of {payment.order.amount}", "nothing")
        elif not world.exists:
            verdict.differ("payment_unexpected", id_, "nothing moved", _figures(seen))
        else:
            wanted = f"amount {payment.order.amount}, captured {sum(world.captures)}, refunded {sum(world.refunds)}"
            verdict.differ("payment_figures", id_, wanted, _figures(seen))
        return world

    # ---- accounts

    async def _account(
        self, opening: Opening, moves: list[int], held: int, ours: frozenset[str], verdict: Verdict
    ) -> None:
        id_ = opening.account
        seen = await get(self.client, f"/v1/accounts/{id_}", AccountSeen)
        if seen is None:
            verdict.differ("balance", id_, "an account", "nothing")
            return
        self.closing[id_] = seen
        if opening.merchant is None:
            verdict.accounts_checked += 1
        else:
            verdict.merchants_checked += 1
        if opening.merchant is None and seen.held != opening.held + held:
            if self.others and seen.held == await held_for_payments(self.client, id_):
                verdict.others += 1
            else:
                verdict.differ("held", id_, opening.held + held, seen.held)
        if self.others:
            await self._entries_among_others(opening, moves, seen.balance, ours, verdict)
            return
        if seen.balance != opening.balance + sum(moves):
            verdict.differ("balance", id_, opening.balance + sum(moves), seen.balance)
        await self._entries(opening, moves, seen.balance, verdict)

    async def _entries(self, opening: Opening, moves: list[int], balance: int, verdict: Verdict) -> None:
        """The newest entries, grouped by transfer, must be the movements that we know of and lead back to the start."""
        net: dict[str, int] = {}
        before = balance
        async for entry in self._newest_first(opening.account, len(moves)):
            if entry.transfer_id not in net and len(net) == len(moves):
                break
            if entry.balance_after != before:
                verdict.differ("chain", opening.account, before, entry.balance_after)
            before = entry.balance_after - entry.amount
            net[entry.transfer_id] = net.get(entry.transfer_id, 0) + entry.amount
        verdict.entries_checked += len(net)
        wanted, found = Counter(moves), Counter(net.values())
        if wanted != found:
            missing, extra = sorted((wanted - found).elements()), sorted((found - wanted).elements())
            verdict.differ("entries", opening.account, f"also {missing[:9]}", f"instead {extra[:9]}")
        elif moves and before != opening.balance:
            verdict.differ("chain", opening.account, opening.balance, before)

    async def _entries_among_others(
        self, opening: Opening, moves: list[int], balance: int, ours: frozenset[str], verdict: Verdict
    ) -> None:
        """The newest entries, until all of ours are among them and they lead back to the start; the rest is set aside."""
        net: dict[str, int] = {}
        strange: set[str] = set()
        before = balance
        async for entry in self._newest_first(opening.account, len(moves) + STRANGE):
            if len(net) >= len(moves) and before == opening.balance and entry.transfer_id not in net:
                break
            if len(strange) > STRANGE:
                break
            if entry.balance_after != before:
                verdict.differ("chain", opening.account, before, entry.balance_after)
            before = entry.balance_after - entry.amount
            if entry.transfer_id in ours:
                net[entry.transfer_id] = net.get(entry.transfer_id, 0) + entry.amount
            else:
                strange.add(entry.transfer_id)
                if entry.kind in PAYMENTS:
                    await self._stranger(opening.account, entry, verdict)
        verdict.entries_checked += len(net)
        verdict.others += len(strange)
        wanted, found = Counter(moves), Counter(net.values())
        if wanted != found:
            missing, extra = sorted((wanted - found).elements()), sorted((found - wanted).elements())
            verdict.differ("entries", opening.account, f"also {missing[:9]}", f"instead {extra[:9]}")
        elif moves and before != opening.balance:
            verdict.differ("chain", opening.account, opening.balance, before)

    async def _stranger(self, account: str, entry: EntrySeen, verdict: Verdict) -> None:
        """Somebody else's payment is one that the bank shows under its id; else it is ours, booked twice."""
        seen = await get(self.client, f"/v1/payments/{entry.transfer_id}", PaymentSeen)
        if seen is None or seen.amount != abs(entry.amount):
            verdict.differ("stranger", account, f"a payment {entry.transfer_id}", _figures(seen) if seen else "nothing")

    async def _newest_first(self, account: str, about: int) -> AsyncIterator[EntrySeen]:
        cursor, limit = "", min(500, about + 1)
        while about:
            page = await get(self.client, f"/v1/accounts/{account}/entries?limit={limit}{cursor}", EntriesSeen)
            for entry in page.items if page else ():
                yield entry
            if page is None or not page.next_cursor:
                return
            cursor = f"&cursor={page.next_cursor}"

    async def _merchants(self, case: Case, moves: dict[str, list[int]], ours: frozenset[str], verdict: Verdict) -> None:
        """Only while the business date stands still: with the next one, takings are settled and leave the account."""
        touched = [(m, o) for m, o in case.merchants.items() if m in moves]
        verdict.merchants_unchecked = sum(1 for id_ in moves if id_ not in case.merchants and id_ not in case.accounts)
        if case.business_date != await business_date(self.client):
            verdict.merchants_unchecked += len(touched)
            return
        await each(touched, lambda pair: self._account(pair[1], moves[pair[0]], 0, ours, verdict), self.width)


def _fitting(payment: Payment, seen: PaymentSeen | None, theirs: Iterable[Sent] = ()) -> World | None:
    """What happened, of all that may have, if the bank's figures fit to any of it. `theirs` did happen."""
    for happened in _subsets(payment.doubtful):
        world = payment.world([*happened, *theirs])
        if world.fits(seen) and (seen is None or not world.exists or seen.amount == payment.order.amount):
            return world
    return None


def _check_bounds(seen: PaymentSeen, verdict: Verdict) -> None:
    authorised = seen.amount if seen.authorised is None else seen.authorised
    if not 0 <= seen.refunded <= seen.captured <= authorised:
        verdict.differ("bounds", seen.id, "refunded <= captured <= authorised", _figures(seen))


def _figures(seen: PaymentSeen) -> str:
    return f"{seen.state}: amount {seen.amount}, captured {seen.captured}, refunded {seen.refunded}"


def _subsets(steps: list[Sent]) -> Iterable[tuple[Sent, ...]]:
    return chain.from_iterable(combinations(steps, n) for n in range(len(steps) + 1))


def _movements(case: Case, worlds: dict[str, World]) -> tuple[dict[str, list[int]], dict[str, int]]:
    """For each account or merchant that was touched its movements, and for each account what is newly held."""
    moves: dict[str, list[int]] = {}
    held: dict[str, int] = {}
    for id_, world in worlds.items():
        order = case.payments[id_].order
        for who, sign in ((order.payer, -1), (order.payee or order.merchant, 1)):
            if who is None:
                continue
            mine = moves.setdefault(who, [])
            mine += [sign * amount for amount in world.captures]
            mine += [-sign * amount for amount in world.refunds]
            held[who] = held.get(who, 0) + (world.held if sign < 0 else 0)
    return moves, held
