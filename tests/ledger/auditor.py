"""The ledger once more, as dictionaries and by other means: what must come out of any history.

Written from docs/invariants.md, not from the code: it keeps no versions, no batches, no rows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tongbao import ledger

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime
    from uuid import UUID


class Auditor:
    """Balances, held money and excess by account."""

    def __init__(self) -> None:
        self.balance: dict[int, int] = {}
        self.floor: dict[int, int | None] = {}
        self.excess: dict[int, int] = {}
        self.frozen: set[int] = set()
        self.controls: dict[int, tuple[int, ...]] = {}
        self.holds: dict[UUID, tuple[int, int, datetime]] = {}
        self.posted: dict[UUID, ledger.Transfer] = {}
        self.placed: dict[UUID, ledger.NewHold] = {}
        self.reversed: set[UUID] = set()

    def open(self, account: int, floor: int | None, controls: tuple[int, ...] = ()) -> None:
        self.balance[account] = self.excess[account] = 0
        self.floor[account], self.controls[account] = floor, controls

    def held(self, account: int) -> int:
        """Money set aside on an account, or on the accounts that a control account stands over."""
        return sum(
            left for owner, left, _ in self.holds.values() if owner == account or account in self.controls[owner]
        )

    def available(self, account: int) -> int:
        floor = self.floor[account]
        assert floor is not None
        return self.balance[account] - self.held(account) - floor

    def do(self, item: ledger.Item, at: datetime) -> str:
        if isinstance(item, ledger.Transfer):
            return self._transfer(item, at)
        if isinstance(item, ledger.NewHold):
            return self._hold(item, at)
        return self._release(item)

    def _transfer(self, item: ledger.Transfer, at: datetime) -> str:
        if item.id in self.posted:
            before = self.posted[item.id]
            same = (before.postings, before.kind, before.reverses) == (item.postings, item.kind, item.reverses)
            return "replayed" if same else "transfer_id_reused"
        if item.reverses in self.reversed:
            return "already_reversed"
        for p in item.postings:
            if p.debit == p.credit:
                return "accounts_must_be_different"
            if p.amount_minor <= 0:
                return "amount_not_positive"
            if p.debit in self.frozen and not item.forced:
                return "account_frozen"
        freed, refusal = self._freed(item, at)
        if refusal:
            return refusal
        balances, holds = dict(self.balance), dict(self.holds)
        touched = {p.debit for p in item.postings} | {p.credit for p in item.postings}
        refusal = self._try(touched, item, freed)
        if refusal:
            self.balance, self.holds = balances, holds
            return refusal
        self.posted[item.id] = item
        if item.reverses:
            self.reversed.add(item.reverses)
        return "posted"

    def _freed(self, item: ledger.Transfer, at: datetime) -> tuple[int, str | None]:
        if item.hold is None:
            return 0, None
        if item.hold not in self.holds:
            return 0, "hold_unknown"
        owner, left, until = self.holds[item.hold]
        captured = sum(p.amount_minor for p in item.postings if p.debit == owner)
        if at >= until and not item.forced:
            return 0, "hold_expired"
        if not captured:
            return 0, "hold_of_another_account"
        if captured > left:
            return 0, "capture_exceeds_hold"
        return (left if item.final else captured), None

    def _try(self, touched: set[int], item: ledger.Transfer, freed: int) -> str | None:
        everyone = self._with_controls(touched)
        before = {a: self.available(a) for a in everyone if self.floor[a] is not None}
        for p in item.postings:
            for a in (p.debit, *self.controls[p.debit]):
                self.balance[a] -= p.amount_minor
            for a in (p.credit, *self.controls[p.credit]):
                self.balance[a] += p.amount_minor
        if item.hold:
            owner, left, until = self.holds[item.hold]
            self.holds[item.hold] = (owner, left - freed, until)
        return self._settle(before, forced=item.forced is not None)

    def _settle(self, before: dict[int, int], *, forced: bool) -> str | None:
        """Whoever has less than before must not be below its floor, unless forced; the refusal names an account first."""
        short = [a for a, had in before.items() if self.available(a) < had and self.available(a) < -self.excess[a]]
        if short and not forced:
            return "insufficient_funds" if any(not self._is_control(a) for a in short) else "control_exceeded"
        for a in before:
            self.excess[a] = max(0, -self.available(a))
        return None

    def _is_control(self, account: int) -> bool:
        return any(account in named for named in self.controls.values())

    def _with_controls(self, accounts: Iterable[int]) -> set[int]:
        found = set(accounts)
        return found.union(*(self.controls[a] for a in found))

    def _hold(self, item: ledger.NewHold, at: datetime) -> str:
        if item.id in self.placed:
            before = self.placed[item.id]
            same = (before.account_id, before.amount_minor) == (item.account_id, item.amount_minor)
            return "replayed" if same else "transfer_id_reused"
        if item.amount_minor <= 0:
            return "amount_not_positive"
        if item.account_id in self.frozen:
            return "account_frozen"
        if item.expires_at <= at:
            return "hold_expired"
        everyone = self._with_controls({item.account_id})
        before = {a: self.available(a) for a in everyone if self.floor[a] is not None}
        self.holds[item.id] = (item.account_id, item.amount_minor, item.expires_at)
        refusal = self._settle(before, forced=False)
        if refusal:
            del self.holds[item.id]
            return refusal
        self.placed[item.id] = item
        return "posted"

    def _release(self, item: ledger.Release) -> str:
        if item.hold not in self.holds:
            return "hold_unknown"
        owner, _, until = self.holds[item.hold]
        before = {a: self.available(a) for a in self._with_controls({owner}) if self.floor[a] is not None}
        self.holds[item.hold] = (owner, 0, until)
        self._settle(before, forced=True)
        return "posted"
