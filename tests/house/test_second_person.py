"""What is dangerous takes two people: each right that is marked so has its kinds of proposal, and no member of staff goes past them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from msgspec.structs import replace

from tongbao import console, govern, identity, payments
from tongbao.base import days
from tongbao.base.approvals import TAKES_A_SECOND_PERSON, Approval, ApprovalState
from tongbao.base.db import BULK, Database
from tongbao.base.principal import SYSTEM, Principal, PrincipalKind
from tongbao.base.refusal import Refusal
from tongbao.base.settings import Settings
from tongbao.identity import PERMISSIONS, SECOND_PERSON, KeyKind, NewKey, Role, staff

SOMEBODY, COLLEAGUE = UUID(int=7), UUID(int=8)
BY = Principal(id=UUID(int=1), kind=PrincipalKind.STAFF, permissions=frozenset(PERMISSIONS))
DAY = date(2026, 11, 23)
KINDS = console.approval_kinds(Settings().zone)
NOW = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)
WHY: dict[str, Any] = {"reason": "found", "by": BY, "at": NOW}
KEY = NewKey(id=SOMEBODY, kind=KeyKind.BANK)


async def _rotate(tx: Any) -> None:
    await days.found(tx, DAY)
    await identity.issue_key(tx, KEY, identity.fresh_token("bank", bytes), by=SYSTEM, at=NOW)
    asked: Any = {"new_id": COLLEAGUE, "token": identity.fresh_token("bank", bytes), "overlap": timedelta(0)}
    await identity.rotate_key(tx, SOMEBODY, **asked, by=BY, at=NOW)


ALONE: dict[str, Callable[[Any], Awaitable[Any]]] = {
    "identity.raise_level": lambda tx: identity.raise_level(tx, SOMEBODY, 3, **WHY),
    "identity.unfreeze_customer": lambda tx: identity.unfreeze_customer(tx, SOMEBODY, **WHY),
    "identity.lift_restriction": lambda tx: identity.lift_restriction(tx, SOMEBODY, **WHY),
    "identity.unfreeze_account": lambda tx: identity.unfreeze_account(tx, SOMEBODY, **WHY),
    "identity.issue_key": lambda tx: identity.issue_key(tx, KEY, identity.fresh_token("bank", bytes), by=BY, at=NOW),
    "identity.rotate_key": _rotate,
    "identity.enable_staff": lambda tx: staff.enable_staff(tx, COLLEAGUE, **WHY),
    "identity.staff_roles": lambda tx: staff.set_roles(tx, COLLEAGUE, frozenset({Role.ADMIN}), **WHY),
    "identity.reset_password": lambda tx: identity.give_staff_password(tx, COLLEAGUE, "!", **WHY),
    "identity.forget_factors": lambda tx: identity.remove_staff_app(tx, COLLEAGUE, **WHY),
    "payments.resume": lambda tx: payments.resume(tx, BY, payments.Scope.METHOD, "qr", reason="mended", at=NOW),
    "govern.lift_hold": lambda tx: govern.lift_hold(tx, BY, SOMEBODY, reason="over", at=NOW),
}
ONLY_APPROVED = {
    "ledger.journal",
    "ledger.close_period",
    "payments.resolve",
    "payments.release",
    "payments.policy",
    "identity.phone",
    "risk.rule",
    "risk.list",
    "risk.model",
    "risk.limit",
    "risk.stance",
}
"""Kinds whose verb takes an approval and nothing else."""


def test_every_kind_of_proposal_belongs_to_a_right_that_is_marked() -> None:
    marked = [kind for kinds in SECOND_PERSON.values() for kind in kinds]
    assert sorted(marked) == sorted(KINDS)
    assert sorted(marked) == sorted([*ALONE, *ONLY_APPROVED])
    assert set(SECOND_PERSON) <= set(PERMISSIONS)


@pytest.mark.parametrize("kind", sorted(ALONE))
async def test_nobody_goes_past_the_second_person(fresh_database: str, kind: str) -> None:
    async with Database(fresh_database, size=1, limits=BULK) as db, db.tx() as tx:
        with pytest.raises(Refusal) as refused:
            await ALONE[kind](tx)
    assert refused.value.kind is TAKES_A_SECOND_PERSON


PROPOSED = Approval(
    id=UUID(int=9),
    kind="",
    payload={
        **{name: str(SOMEBODY) for name in ("customer_id", "account_id", "staff_id", "key_id")},
        "level": 3,
        "scope": "method",
        "key": "qr",
        "expected": 1,
        "roles": ["admin"],
    },
    reason="found",
    state=ApprovalState.PROPOSED,
    proposed_by=BY.id,
    proposed_at=NOW,
    expires_at=NOW + timedelta(days=3),
)
NOT_AGREED = {
    "nobody has decided": PROPOSED,
    "a colleague said no": replace(PROPOSED, state=ApprovalState.REJECTED, decided_by=COLLEAGUE, decided_at=NOW),
    "he said yes himself": replace(PROPOSED, state=ApprovalState.APPROVED, decided_by=BY.id, decided_at=NOW),
}


@pytest.mark.parametrize("case", NOT_AGREED)
async def test_no_verb_runs_on_a_proposal_to_which_nobody_else_agreed(fresh_database: str, case: str) -> None:
    found = dict[str, str]()
    async with Database(fresh_database, size=1, limits=BULK) as db:
        for kind, verb in KINDS.items():
            async with db.tx() as tx:
                with pytest.raises(Refusal) as refused:
                    await verb(tx, replace(NOT_AGREED[case], kind=kind))
            found[kind] = refused.value.code
    assert found == dict.fromkeys(KINDS, "takes_a_second_person")


async def test_a_key_is_revoked_at_once_and_alone(fresh_database: str) -> None:
    async with Database(fresh_database, size=1, limits=BULK) as db, db.tx() as tx:
        await days.found(tx, DAY)
        await identity.issue_key(tx, KEY, identity.fresh_token("bank", bytes), by=SYSTEM, at=NOW)
        assert (await identity.revoke_key(tx, KEY.id, by=BY, at=NOW)).revoked_at is not None
