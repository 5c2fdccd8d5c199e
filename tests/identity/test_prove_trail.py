"""The proof holds for a bank that works, and names each row that says of somebody something else than the audit."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from tests.identity.authenticator import Authenticator
from tests.identity.test_customer_login import HOME, customer, know
from tests.identity.test_device_keys import bind
from tests.identity.test_devices import devices, log_out
from tests.identity.test_factors import PIN_HASH
from tests.identity.test_keys import issue
from tests.identity.test_passkeys import with_passkey
from tests.identity.test_staff import hire
from tongbao import identity, vault
from tongbao.base import audit
from tongbao.base.prove import Finding, prove
from tongbao.identity import FactorKind, recovery_store
from tongbao.identity.registration import himself
from tongbao.vault import SignatureSuite

if TYPE_CHECKING:
    from tests.identity.conftest import World
    from tests.identity.test_registration import Applicant

DAY = timedelta(hours=24)


async def wrong(world: World) -> list[Finding]:
    done = await prove(world.db, identity.CHECKS, world.clock)
    assert sum(check.rows for check in done) > 0
    return [finding for check in done for finding in check.findings]


async def somebody(world: World) -> Applicant:
    """A customer with one of everything: a PIN, a passkey, a device key, a device, an answer."""
    ming = await customer(world)
    await know(world, ming, HOME)
    await with_passkey(world, ming, Authenticator())
    await bind(world, ming, vault.generate(SignatureSuite.ED25519))
    by = himself(ming.id)
    async with world.db.tx() as tx:
        await identity.set_pin(tx, ming.id, PIN_HASH, by=by, at=world.at)
        await identity.set_consent(tx, ming.id, "suggestions", 1, True, id=world.id(), by=by, at=world.at)
    return ming


async def bend(world: World, sql: str, ming: Applicant, **ids: Any) -> None:
    """`%(ming)s` and other ids are written into the text: what is bent is one row of somebody's."""
    for name, id_ in {"ming": ming.id, **ids}.items():
        sql = sql.replace(f"%({name})s", f"'{id_}'")
    async with world.db.tx() as tx:
        assert await tx.run(sql) > 0  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("invariant", "table", "bent"),
    [
        ("I3", "customer", "UPDATE identity.customer SET level = 3 WHERE id = %(ming)s"),
        ("I3", "customer", "UPDATE identity.customer SET status = 'frozen' WHERE id = %(ming)s"),
        ("I3", "customer", "UPDATE identity.customer SET restricted_level = 0 WHERE id = %(ming)s"),
        ("I4", "factor", "UPDATE identity.factor SET set_at = set_at - interval '1 day' WHERE customer_id = %(ming)s AND kind = 'pin'"),
        ("I4", "factor", "DELETE FROM identity.factor WHERE customer_id = %(ming)s AND kind = 'sms'"),
        ("I4", "factor", "UPDATE identity.factor SET customer_id = %(li)s WHERE customer_id = %(ming)s AND kind = 'pin'"),
        ("I4", "passkey", "UPDATE identity.passkey SET public_key = set_byte(public_key, 20, get_byte(public_key, 20) # 1)"),
        ("I4", "passkey", "UPDATE identity.passkey SET attested = true WHERE customer_id = %(ming)s"),
        ("I4", "passkey", "UPDATE identity.passkey SET customer_id = %(li)s WHERE customer_id = %(ming)s"),
        ("I4", "device_key", "UPDATE identity.device_key SET jwk = jwk || '{\"x\": \"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}'"),
        ("I4", "device_key", "UPDATE identity.device_key SET customer_id = %(li)s WHERE customer_id = %(ming)s"),
        ("I5", "device", "UPDATE identity.device SET trusted_from = trusted_from - interval '2 days' WHERE customer_id = %(ming)s"),
        ("I5", "device", "UPDATE identity.device SET customer_id = %(li)s WHERE customer_id = %(ming)s"),
        ("I6", "consent", "UPDATE identity.consent SET given = false WHERE customer_id = %(ming)s"),
        ("I6", "consent", "DELETE FROM identity.consent WHERE customer_id = %(ming)s"),
        ("I6", "consent", "UPDATE identity.consent SET customer_id = %(li)s WHERE customer_id = %(ming)s"),
    ],
)  # fmt: skip
async def test_what_was_bent_is_named(world: World, invariant: str, table: str, bent: str) -> None:
    ming = await somebody(world)
    li = await world.customer("李娜")
    assert await wrong(world) == []
    await bend(world, bent, ming, li=li.id)
    found = await wrong(world)
    assert {(finding.invariant, finding.table) for finding in found} >= {(invariant, f"identity.{table}")}
    assert {finding.invariant for finding in found} <= {invariant, "I2"}


async def test_what_changes_in_its_own_way_is_no_finding(world: World) -> None:
    ming = await somebody(world)
    li = await world.customer("李娜")
    (device,) = await devices(world, ming)
    async with world.db.tx() as tx:
        await identity.raise_level(tx, ming.id, 2, reason="documents seen", by=world.bank, at=world.at)
        await identity.freeze_customer(tx, ming.id, reason="he asks for it", by=world.bank, at=world.at)
        await identity.remove_factor(tx, ming.id, FactorKind.PIN, by=himself(ming.id), at=world.at)
        await identity.close_customer(tx, li.id, reason="she leaves", by=world.bank, at=world.at)
    assert await log_out(world, ming, device.id) == 1
    assert await wrong(world) == []
    world.clock.tick(DAY)
    async with world.db.tx() as tx:
        await identity.unfreeze_customer(tx, ming.id, reason="he asks for it", by=world.bank, at=world.at)
        for one in (await identity.passkeys_of(tx, [ming.id]))[ming.id]:
            await identity.remove_passkey(tx, ming.id, one.id, by=himself(ming.id), at=world.at)
        for one in await identity.device_keys_of(tx, ming.id):
            await identity.remove_device_key(tx, ming.id, one.id, by=himself(ming.id), at=world.at)
    await know(world, ming, b"e" * 32)
    assert await wrong(world) == []


@pytest.mark.parametrize(
    ("invariant", "bent"),
    [
        ("I4", "UPDATE identity.passkey SET revoked_at = NULL WHERE customer_id = %(ming)s"),
        ("I4", "UPDATE identity.device_key SET revoked_at = NULL WHERE customer_id = %(ming)s"),
        ("I5", "UPDATE identity.device SET revoked_at = NULL WHERE customer_id = %(ming)s"),
    ],
)
async def test_what_was_taken_away_does_not_come_back(world: World, invariant: str, bent: str) -> None:
    ming = await somebody(world)
    (device,) = await devices(world, ming)
    await log_out(world, ming, device.id)
    async with world.db.tx() as tx:
        for one in (await identity.passkeys_of(tx, [ming.id]))[ming.id]:
            await identity.remove_passkey(tx, ming.id, one.id, by=himself(ming.id), at=world.at)
        for one in await identity.device_keys_of(tx, ming.id):
            await identity.remove_device_key(tx, ming.id, one.id, by=himself(ming.id), at=world.at)
    assert await wrong(world) == []
    await bend(world, bent, ming)
    assert {finding.invariant for finding in await wrong(world)} == {invariant}


async def test_caution_ends_on_its_day_and_not_before(world: World) -> None:
    ming = await customer(world)
    until = world.at + 7 * DAY
    details = {"cautious_until": until.isoformat()}
    async with world.db.tx() as tx:
        await recovery_store.be_cautious(tx, ming.id, until)
        await audit.record(tx, himself(ming.id), "recovery.complete", ming.id, at=world.at, details=details)
    assert await wrong(world) == []
    await bend(world, "UPDATE identity.customer SET cautious_until = NULL WHERE id = %(ming)s", ming)
    (found,) = await wrong(world)
    assert (found.invariant, found.key, found.found) == ("I3", f"id={ming.id} cautious_until", "none")
    world.clock.tick(8 * DAY)
    assert await wrong(world) == []


async def test_a_restriction_that_somebody_took_away_is_found(world: World) -> None:
    ming = await customer(world)
    async with world.db.tx() as tx:
        said: Any = {"id": world.id(), "reason": "a mule", "until": None, "by": world.bank, "at": world.at}
        await identity.restrict(tx, ming.id, 0, **said)
    assert await wrong(world) == []
    await bend(world, "UPDATE identity.customer SET restricted_level = NULL WHERE id = %(ming)s", ming)
    (found,) = await wrong(world)
    assert (found.invariant, found.key, found.expected) == ("I3", f"id={ming.id} restricted_level", "0")


async def test_the_provider_lifts_a_level_and_nothing_else_does(world: World) -> None:
    ming = await customer(world)
    await bend(world, "UPDATE identity.customer SET level = 1 WHERE id = %(ming)s", ming)
    (found,) = await wrong(world)
    assert (found.invariant, found.expected, found.found) == ("I3", "0", "1")


@pytest.mark.parametrize(
    ("table", "bent"),
    [
        ("staff", "UPDATE identity.staff SET roles = '{admin,operator}' WHERE id = %(li)s"),
        ("staff", "UPDATE identity.staff SET status = 'active' WHERE id = %(gone)s"),
        ("api_key", "UPDATE identity.api_key SET permissions = permissions || '{payments:debit}' WHERE id = %(key)s"),
        ("api_key", "UPDATE identity.api_key SET revoked_at = NULL WHERE id = %(over)s"),
    ],
)
async def test_rights_that_nobody_gave_are_named(world: World, table: str, bent: str) -> None:
    ming = await customer(world)
    li, gone = await hire(world), await hire(world, "wang.wei")
    key, _ = await issue(world, permissions=("customers:read",))
    over, _ = await issue(world)
    async with world.db.tx() as tx:
        await identity.disable_staff(tx, gone.id, reason="he has left", by=world.bank, at=world.at)
        await identity.revoke_key(tx, over.id, by=world.bank, at=world.at)
    assert await wrong(world) == []
    await bend(world, bent, ming, li=li.id, gone=gone.id, key=key.id, over=over.id)
    (found,) = await wrong(world)
    assert (found.invariant, found.table) == ("I7", f"identity.{table}")
