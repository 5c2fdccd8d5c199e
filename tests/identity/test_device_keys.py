"""Keys of a customer's own devices: bound by him, signing for him, refused once removed or where they never were bound."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

from tests.identity.test_customer_login import customer
from tests.vault import vectors
from tongbao import identity, vault
from tongbao.base import audit
from tongbao.base.refusal import Refusal
from tongbao.identity import DeviceKey, DeviceState, FactorKind, Proven, Sort
from tongbao.identity.passkey_model import DEVICE_SUITES
from tongbao.identity.registration import himself
from tongbao.vault import PrivateKey, PublicKey, SignatureSuite

if TYPE_CHECKING:
    from uuid import UUID

    from tests.identity.conftest import World
    from tests.identity.test_registration import Applicant

MESSAGE = b'{"amount_minor":1280}'


async def bind(world: World, ming: Applicant, key: PrivateKey, **changed: Any) -> DeviceKey:
    async with world.db.tx() as tx:
        said: Any = {"name": "手机", "by": himself(ming.id), "at": world.at, "lang": "en"}
        return (await identity.add_device_key(tx, ming.id, {**key.public().jwk, **changed}, **said)).thing


async def check(world: World, whose: UUID, key_id: UUID, signature: bytes, message: bytes = MESSAGE) -> Proven | str:
    async with world.db.tx() as tx:
        found = await identity.check_device_signature(tx, whose, key_id, message, signature, at=world.at)
    return found.code if isinstance(found, Refusal) else found


@pytest.mark.parametrize("suite", [SignatureSuite(name) for name in DEVICE_SUITES])
async def test_a_bound_device_signs_and_an_unbound_one_is_refused(world: World, suite: SignatureSuite) -> None:
    if suite is SignatureSuite.SM2:
        vectors.sm2_or_skip()
    ming, hua = await customer(world), await customer(world, "+8613900139000", 102)
    key, stranger = vault.generate(suite), vault.generate(suite)
    bound = await bind(world, ming, key)
    proven = await check(world, ming.id, bound.id, key.sign(MESSAGE))
    assert isinstance(proven, Proven)
    assert (proven.kind, proven.sorts, proven.capable) == (FactorKind.DEVICE, {Sort.POSSESSION}, True)
    assert PublicKey.from_jwk(proven.evidence["jwk"]) == key.public()
    assert await check(world, ming.id, bound.id, stranger.sign(MESSAGE)) == "device_signature_wrong"
    assert await check(world, ming.id, bound.id, key.sign(MESSAGE), MESSAGE + b" ") == "device_signature_wrong"
    assert await check(world, ming.id, bound.id, b"") == "device_signature_wrong"
    assert await check(world, ming.id, uuid4(), stranger.sign(MESSAGE)) == "device_key_unknown"
    assert await check(world, hua.id, bound.id, key.sign(MESSAGE)) == "device_key_unknown", "of somebody else"


async def test_a_removed_device_signs_no_more_and_does_not_come_back(world: World) -> None:
    ming = await customer(world)
    key = vault.generate(SignatureSuite.ES256)
    bound = await bind(world, ming, key)
    assert (await bind(world, ming, key)).id == bound.id, "the same key again is the same"
    async with world.db.tx() as tx:
        await identity.rename_device_key(tx, ming.id, bound.id, "旧手机", by=himself(ming.id), at=world.at)
        await identity.prefer(tx, ming.id, FactorKind.DEVICE, by=himself(ming.id), at=world.at)
    async with world.db.tx() as tx:
        assert [one.name for one in await identity.device_keys_of(tx, ming.id)] == ["旧手机"]
        await identity.remove_device_key(tx, ming.id, bound.id, by=himself(ming.id), at=world.at, lang="en")
    assert await check(world, ming.id, bound.id, key.sign(MESSAGE)) == "device_key_unknown"
    async with world.db.read() as tx:
        assert (await identity.device_keys(tx, [bound.id]))[bound.id].revoked_at == world.at
        own = (await identity.factors_of(tx, [ming.id]))[ming.id]
        actions = {one.action for one in await audit.trail(tx, subject=ming.id)}
    assert not any(one.preferred or one.kind is FactorKind.DEVICE for one in own)
    assert {"device_key.add", "device_key.rename", "device_key.remove"} <= actions
    texts = await ming.texts()
    assert any("key of a device was set" in text for text in texts)
    assert any("key of a device was removed" in text for text in texts)
    with pytest.raises(Refusal, match="device_key_over"):
        await bind(world, ming, key)
    async with world.db.tx() as tx:
        with pytest.raises(Refusal, match="device_key_unknown"):
            await identity.remove_device_key(tx, ming.id, bound.id, by=himself(ming.id), at=world.at)


async def test_what_is_no_public_key_that_devices_sign_by_is_refused(world: World) -> None:
    ming = await customer(world)
    key = vault.generate(SignatureSuite.ES256)
    with pytest.raises(Refusal, match="private_key_shown"):
        await bind(world, ming, key, d="AAAA")
    with pytest.raises(Refusal, match="device_key_suite"):
        await bind(world, ming, vault.generate(SignatureSuite.PS512))
    with pytest.raises(Refusal, match="key_malformed"):
        await bind(world, ming, key, x="AAAA")
    with pytest.raises(Refusal, match="algorithm_refused"):
        await bind(world, ming, key, alg="HS256")


async def test_twenty_are_enough(world: World) -> None:
    ming = await customer(world)
    for _ in range(20):
        await bind(world, ming, vault.generate(SignatureSuite.ED25519))
    with pytest.raises(Refusal, match="too_many_of_these"):
        await bind(world, ming, vault.generate(SignatureSuite.ED25519))


async def attest(world: World, whose: UUID, key_id: UUID, state: DeviceState) -> DeviceState | None:
    async with world.db.tx() as tx:
        return (await identity.attest_device(tx, whose, key_id, state, by=himself(whose), at=world.at)).state


async def test_what_is_said_of_a_device_only_becomes_worse_until_it_is_bound_anew(world: World) -> None:
    ming, hua = await customer(world), await customer(world, "+8613900139000", 102)
    key = vault.generate(SignatureSuite.ED25519)
    bound = await bind(world, ming, key)
    assert bound.state is None
    said = [DeviceState.SOUND, DeviceState.ROOTED, DeviceState.SOUND, DeviceState.MALWARE, DeviceState.ROOTED]
    assert [await attest(world, ming.id, bound.id, state) for state in said] == [
        "sound",
        "rooted",
        "rooted",
        "malware",
        "malware",
    ]
    assert (await bind(world, ming, key)).state is DeviceState.MALWARE, "bound again in silence, it is what it was"
    async with world.db.read() as tx:
        trail = [one for one in await audit.trail(tx, subject=ming.id) if one.action == "device_key.attest"]
    assert len(trail) == 3, "what changes nothing is not written down"
    with pytest.raises(Refusal, match="device_key_unknown"):
        await attest(world, hua.id, bound.id, DeviceState.SOUND)
    async with world.db.tx() as tx:
        await identity.remove_device_key(tx, ming.id, bound.id, by=himself(ming.id), at=world.at, lang="en")
    with pytest.raises(Refusal, match="device_key_unknown"):
        await attest(world, ming.id, bound.id, DeviceState.SOUND)
    assert (await bind(world, ming, vault.generate(SignatureSuite.ED25519))).state is None
