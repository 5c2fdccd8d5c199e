"""What the wall shows of how payments are judged. Amounts are integers of minor units, of the bank's currency."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import msgspec

from tongbao.risk.rule_model import Action
from tongbao.risk.stance_model import StanceSet
from tongbao.risk.truth_model import Against


class Judgement(msgspec.Struct, frozen=True):
    """Payments that were judged alike: how many, how many of them came to nothing, were judged without the model, and their sum."""

    payments: int
    declined: int
    by_fallback: int
    amount_minor: int


class Span(msgspec.Struct, frozen=True):
    """How payments were judged from a moment on. An action that nothing was judged to is missing."""

    since: datetime
    judged: dict[Action, Judgement]

    @property
    def payments(self) -> int:
        return sum(one.payments for one in self.judged.values())

    def many(self, action: Action) -> int:
        return self.judged[action].payments if action in self.judged else 0

    def amount_minor(self, action: Action) -> int:
        return self.judged[action].amount_minor if action in self.judged else 0


class Odd(msgspec.Struct, frozen=True):
    """A payment that was not simply let pass. `risk`: 0 to 100. `rule`: one that acted, where one did."""

    id: UUID
    at: datetime
    amount_minor: int
    currency: str
    action: Action
    risk: int
    rule: str | None


class RuleMet(msgspec.Struct, frozen=True):
    """How often a rule was met on the open day."""

    rule_id: UUID
    name: str
    mode: str
    hits: int


class District(msgspec.Struct, frozen=True):
    """Payments in the shops of a district, those of them that were not simply let pass, and where it lies, in millionths of a degree."""

    name: str
    payments: int
    odd: int
    latitude_e6: int
    longitude_e6: int


class Known(msgspec.Struct, frozen=True):
    """What labels say: payments known, frauds, what frauds took that were let pass, what those would have taken that were not; of
    all known that were not let pass (`stopped`) how many were genuine (`false_alarms`)."""

    labelled: int
    frauds: int
    lost_minor: int
    caught_minor: int
    false_alarms: int
    stopped: int


class Scene(msgspec.Struct, frozen=True, kw_only=True):
    """The wall at one moment. `spans`: the last hour, 24 hours, 7 days. `minutes`: of the last hour, by action, the one that runs last.
    `grid`: by day of the week (1 is Monday) and hour: payments, and those not simply let pass. `behind_since`: set where payments
    wait to be counted for longer than they should."""

    at: datetime
    currency: str
    minutes: tuple[tuple[datetime, dict[Action, int]], ...]
    spans: tuple[Span, ...]
    odd: tuple[Odd, ...]
    rules: tuple[RuleMet, ...]
    grid: dict[tuple[int, int], tuple[int, int]]
    districts: tuple[District, ...]
    """Of the last 24 hours, those where most was paid."""
    known: Known
    truth: tuple[Against, ...]
    """Of the last seven days, where the bank is a simulated city's."""
    behind_since: datetime | None
    stance: StanceSet | None
