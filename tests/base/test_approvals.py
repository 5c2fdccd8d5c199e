"""One person proposes, another decides; the decision and what it does are one transaction."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import psycopg
import pytest

from tongbao.base import approvals, audit
from tongbao.base.approvals import Approval, ApprovalState
from tongbao.base.principal import Principal, PrincipalKind
from tongbao.base.refusal import Refusal

if TYPE_CHECKING:
    from tongbao.base.clock import ManualClock
    from tongbao.base.db import Database, Tx

MEI, LIN, ZHAO = (Principal(id=uuid4(), kind=PrincipalKind.STAFF) for _ in range(3))
WRITE_OFF = {"account_id": "a-1", "amount_minor": 12_345}
YES, NO = ApprovalState.APPROVED, ApprovalState.REJECTED


class Office:
    """Runs write-offs; `broken` makes the verb fail after it has written."""

    def __init__(self, db: Database, clock: ManualClock) -> None:
        self.db, self.clock, self.broken = db, clock, False
        self.done: list[Approval] = []
        self.kinds = {"write_off": self._write_off}

    async def _write_off(self, tx: Tx, approval: Approval) -> None:
        await audit.record(tx, MEI, "written_off", approval.id, at=self.clock.now())
        if self.broken:
            raise RuntimeError("the ledger said no")
        self.done.append(approval)

    async def propose(self, who: Principal = MEI, **other: Any) -> Approval:
        values: dict[str, Any] = {"id": uuid4(), "kind": "write_off", "payload": WRITE_OFF, "reason": "uncollectable"}
        async with self.db.tx() as tx:
            return await approvals.propose(tx, who, self.kinds, at=self.clock.now(), **{**values, **other})

    async def decide(self, who: Principal, id: UUID, state: ApprovalState = YES) -> Approval:
        async with self.db.tx() as tx:
            return await approvals.decide(
                tx, who, self.kinds, id=id, state=state, at=self.clock.now(), reason="looked into it"
            )

    async def actions(self, id: UUID) -> list[str]:
        async with self.db.read() as tx:
            return [entry.action for entry in reversed(await audit.trail(tx, subject=id))]


@pytest.fixture
def office(db: Database, clock: ManualClock) -> Office:
    return Office(db, clock)


async def test_a_second_person_approves_and_it_is_done(office: Office) -> None:
    filed = await office.propose()
    assert (filed.state, filed.payload) == (ApprovalState.PROPOSED, WRITE_OFF)
    decided = await office.decide(LIN, filed.id)
    assert (decided.state, decided.decided_by, decided.decision_reason) == (YES, LIN.id, "looked into it")
    assert office.done == [decided]
    assert await office.decide(LIN, filed.id) == decided
    assert len(office.done) == 1
    assert await office.actions(filed.id) == ["approval.propose", "approval.approved", "written_off"]


async def test_nobody_approves_what_he_proposed(office: Office) -> None:
    filed = await office.propose()
    for state in (YES, NO):
        with pytest.raises(Refusal, match="second_person_needed"):
            await office.decide(MEI, filed.id, state)
    with pytest.raises(psycopg.errors.CheckViolation, match="second_person_needed"):
        async with office.db.tx() as tx:
            await tx.run(
                "UPDATE base.approval SET state = 'approved', decided_by = proposed_by, decided_at = proposed_at"
                " WHERE id = %(id)s",
                id=filed.id,
            )
    assert office.done == []


async def test_rejected_is_rejected(office: Office) -> None:
    filed = await office.propose()
    assert (await office.decide(LIN, filed.id, NO)).state is NO
    for who, state in ((LIN, YES), (ZHAO, NO)):
        with pytest.raises(Refusal, match="approval_already_decided"):
            await office.decide(who, filed.id, state)
    assert office.done == []


async def test_two_who_decide_at_once_decide_once(office: Office) -> None:
    filed = await office.propose()
    answers = await asyncio.gather(
        office.decide(LIN, filed.id), office.decide(ZHAO, filed.id, NO), return_exceptions=True
    )
    assert sorted(isinstance(answer, Refusal) for answer in answers) == [False, True]


async def test_what_is_not_decided_in_time_lapses(office: Office) -> None:
    filed = await office.propose(expires_at=office.clock.now() + timedelta(hours=1))
    other = await office.propose()
    office.clock.tick(timedelta(hours=1))
    with pytest.raises(Refusal, match="approval_expired"):
        await office.decide(LIN, filed.id)
    async with office.db.tx() as tx:
        assert await approvals.expire_due(tx, at=office.clock.now()) == 1
        assert [a.id for a in await approvals.approvals(tx, state=ApprovalState.EXPIRED)] == [filed.id]
        assert [a.id for a in await approvals.approvals(tx, state=ApprovalState.PROPOSED, kind="write_off")] == [
            other.id
        ]
    with pytest.raises(Refusal, match="approval_expired"):
        await office.decide(LIN, filed.id)
    assert await office.actions(filed.id) == ["approval.propose", "approval.expire"]


async def test_a_verb_that_fails_leaves_the_proposal_open(office: Office) -> None:
    filed = await office.propose()
    office.broken = True
    with pytest.raises(RuntimeError):
        await office.decide(LIN, filed.id)
    assert await office.actions(filed.id) == ["approval.propose"]
    office.broken = False
    assert (await office.decide(LIN, filed.id)).state is YES


async def test_the_same_proposal_again_is_the_same_and_another_is_refused(office: Office) -> None:
    filed = await office.propose()
    assert await office.propose(id=filed.id) == filed
    with pytest.raises(Refusal, match="approval_id_taken"):
        await office.propose(id=filed.id, reason="another")
    with pytest.raises(Refusal, match="approval_id_taken"):
        await office.propose(id=filed.id, payload={"amount_minor": 1})
    with pytest.raises(Refusal, match="approval_id_taken"):
        await office.propose(LIN, id=filed.id)
    assert await office.actions(filed.id) == ["approval.propose"]


async def test_what_cannot_be_proposed_or_decided(office: Office) -> None:
    with pytest.raises(Refusal, match="approval_kind_unknown"):
        await office.propose(kind="make_me_rich")
    with pytest.raises(Refusal, match="approval_needs_a_reason"):
        await office.propose(reason="x")
    with pytest.raises(Refusal, match="approval_unknown"):
        await office.decide(LIN, uuid4())
    filed = await office.propose()
    office.kinds.clear()
    with pytest.raises(Refusal, match="approval_kind_unknown"):
        await office.decide(LIN, filed.id)
    with pytest.raises(Refusal, match="permission_missing"):
        MEI.require("ledger.write_off")


async def test_the_trail_is_read_page_by_page_newest_first(office: Office) -> None:
    for number in range(5):
        async with office.db.tx() as tx:
            await audit.record(tx, ZHAO, f"step.{number}", "drill", at=office.clock.now(), details={"n": number})
    async with office.db.read() as tx:
        first = await audit.trail(tx, subject="drill", most=2)
        rest = await audit.trail(tx, subject="drill", before=first[-1].id)
        assert [entry.details["n"] for entry in first + rest] == [4, 3, 2, 1, 0]
        assert await audit.trail(tx, principal_id=uuid4()) == []
