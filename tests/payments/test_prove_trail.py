"""The proof of what payers and the bank agreed to: silent while all is as it was said, loud where a row was edited."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.payments.test_schedules import plan
from tests.sandbox.card_network import card
from tongbao import payments
from tongbao.base.prove import Finding, prove

if TYPE_CHECKING:
    from tests.payments.town import Town
    from tests.payments.wallet import Wallet


async def found_in(town: Town) -> list[Finding]:
    done = await prove(town.db, payments.CHECKS, town.clock)
    return [finding for one in done for finding in one.findings]


@pytest.mark.parametrize(
    "bent",
    [
        "UPDATE payments.schedule SET amount_minor = amount_minor + 1 WHERE id = %(id)s",
        "UPDATE payments.schedule SET payee_account_id = %(other)s WHERE id = %(id)s",
        "UPDATE payments.schedule SET payee_account_id = NULL, merchant_id = %(other)s WHERE id = %(id)s",
        "UPDATE payments.schedule SET every = 'day' WHERE id = %(id)s",
        "UPDATE payments.schedule SET principal_id = %(other)s WHERE id = %(id)s",
        "UPDATE payments.schedule SET request_hash = sha256(request_hash) WHERE id = %(id)s",
        "UPDATE payments.schedule SET state = 'active', next_on = starts_on, try_on = starts_on WHERE id = %(over)s",
        "UPDATE payments.schedule SET state = 'paused' WHERE id = %(id)s",
        "INSERT INTO payments.schedule SELECT %(other)s, principal_id, request_hash, payer_account_id, payee_account_id, merchant_id,"
        " amount_minor, currency, reference, every, starts_on, ends_on, next_on, try_on, failures, state, sequence, created_at"
        " FROM payments.schedule WHERE id = %(id)s",
    ],
)
async def test_an_order_that_nobody_gave_is_named(town: Town, bent: str) -> None:
    payer, payee = await town.person(100_000), await town.person()
    made, over = await plan(town, payer, payee), await plan(town, payer, payee)
    await town.post(f"/v1/schedules/{over['id']}/pause", {})
    assert await found_in(town) == []
    await town.post(f"/v1/schedules/{over['id']}/resume", {})
    await town.send("DELETE", f"/v1/schedules/{over['id']}")
    assert await found_in(town) == []
    ids = {"id": made["id"], "over": over["id"], "other": town.id()}
    await town.run_sql(bent, **{name: id_ for name, id_ in ids.items() if f"%({name})s" in bent})
    (found,) = await found_in(town)
    assert (found.invariant, found.table) == ("P13", "payments.schedule")


@pytest.mark.parametrize(
    "bent",
    [
        "UPDATE payments.account_limit SET per_day_minor = per_day_minor + 1 WHERE account_id = %(id)s AND set_by = 'customer'",
        "DELETE FROM payments.account_limit WHERE account_id = %(id)s AND set_by = 'customer'",
        "UPDATE payments.account_limit SET per_payment_minor = NULL WHERE account_id = %(id)s AND set_by = 'bank'",
        "INSERT INTO payments.account_limit (account_id, set_by, per_day_minor, set_at) VALUES (%(other)s, 'bank', 1, now())",
    ],
)
async def test_limits_that_nobody_set_are_named(town: Town, bent: str) -> None:
    mine, other = await town.person(), await town.person()
    await town.put(f"/v1/accounts/{mine.id}/limits", {"per_day": 50_000})
    await town.put(f"/v1/accounts/{mine.id}/bank-limits", {"per_payment": 900, "reason": "known for years"})
    assert await found_in(town) == []
    ids = {"id": mine.id, "other": other.id}
    await town.run_sql(bent, **{name: id_ for name, id_ in ids.items() if f"%({name})s" in bent})
    (found,) = await found_in(town)
    assert (found.invariant, found.table) == ("P14", "payments.account_limit")


@pytest.mark.parametrize(
    "bent",
    [
        "UPDATE payments.card SET customer_id = %(other)s WHERE id = %(id)s",
        "UPDATE payments.card SET state = 'bound', ended_at = NULL WHERE id = %(gone)s",
        "UPDATE payments.card SET state = 'bound', bound_at = asked_at WHERE id = %(asked)s",
    ],
)
async def test_a_card_that_nobody_bound_is_named(wallet: Wallet, bent: str) -> None:
    li = await wallet.comes()
    mine, gone = await wallet.bind(li, card()), await wallet.bind(li, card())
    await wallet.town.send("DELETE", f"/v1/cards/{gone}", by=str(li.customer_id))
    asked = (await wallet.begin(li, card(), phone="13911111111"))["id"]
    assert await found_in(wallet.town) == []
    ids = {"id": mine, "gone": gone, "asked": asked, "other": wallet.town.id()}
    await wallet.town.run_sql(bent, **{name: id_ for name, id_ in ids.items() if f"%({name})s" in bent})
    (found,) = await found_in(wallet.town)
    assert (found.invariant, found.table) == ("P15", "payments.card")


async def test_a_policy_that_was_sealed_anew_is_named_by_the_audit(town: Town) -> None:
    """Whoever knows how versions are sealed can seal one; what was approved stands in the audit."""
    assert await found_in(town) == []
    await town.run_sql(
        "INSERT INTO payments.policy SELECT 2, content, reason, uuidv7(), uuidv7(), in_force_at, hash, hash FROM payments.policy"
    )
    found = {(finding.invariant, finding.key, finding.expected) for finding in await found_in(town)}
    assert ("P10", "2", "an entry of the audit") in found
