"""Nonces, rules and envelope keys without a wire: what is claimed, kept and forgotten."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING
from uuid import UUID

import pytest

from tests.identity.test_keys import issue, rotate, who
from tongbao import identity, vault
from tongbao.base import audit
from tongbao.base.principal import SYSTEM, Rules
from tongbao.base.refusal import Refusal
from tongbao.base.settings import SettingsError, load
from tongbao.identity import KeyUse, NewSigningKey, Nonce
from tongbao.vault import EnvelopeSuite, SignatureSuite

if TYPE_CHECKING:
    from tests.identity.conftest import World

KEY = UUID(int=7)


def nonce(world: World, text: str = "n" * 16, *, lasts: timedelta = timedelta(minutes=1)) -> Nonce:
    return Nonce(key_id=KEY, nonce=text, claim=world.id(), expires_at=world.at + lasts)


async def claim(world: World, *nonces: Nonce) -> list[bool]:
    async with world.db.tx() as tx:
        first = await identity.claim_nonces(tx, nonces)
    return [one.claim in first for one in nonces]


async def test_of_many_that_claim_a_nonce_one_holds_it(world: World) -> None:
    batches = [[nonce(world, "same" * 4), nonce(world, f"other {n:010}")] for n in range(8)]
    done = await asyncio.gather(*(claim(world, *batch) for batch in batches))
    assert [first for first, _ in done].count(True) == 1
    assert all(other for _, other in done)
    twins = [nonce(world, "twin" * 4) for _ in range(3)]
    assert (await claim(world, *twins)).count(True) == 1, "also within one batch"


async def test_who_asks_again_after_a_lost_commit_still_holds_his_nonce(world: World) -> None:
    mine = nonce(world)
    assert await claim(world, mine) == [True]
    assert await claim(world, mine) == [True]
    assert await claim(world, nonce(world)) == [False]


async def test_a_nonce_is_forgotten_long_after_its_signature_is_over(world: World) -> None:
    old, young = nonce(world, "old!" * 4), nonce(world, "young" * 4, lasts=timedelta(hours=1))
    await claim(world, old, young)
    for passed, gone in ((timedelta(minutes=5), 0), (timedelta(minutes=10), 1), (timedelta(0), 0)):
        world.clock.tick(passed)
        async with world.db.tx() as tx:
            assert await identity.forget_nonces(tx, at=world.at, most=10) == gone
    assert await claim(world, nonce(world, "young" * 4)) == [False]


async def test_rules_are_of_a_principal_and_are_told_to_the_door(world: World) -> None:
    key, text = await issue(world)
    assert (await who(world, text)).rules is None, "nothing is asked beyond the secret"
    shown = Rules(certificate=bytes(32))
    async with world.db.tx() as tx:
        await identity.set_rules(tx, key.id, shown, by=SYSTEM, at=world.at)
    assert (await who(world, text)).rules == shown
    _, new = await rotate(world, key.id, world.id())
    assert (await who(world, new)).rules == shown
    async with world.db.tx() as tx:
        await identity.set_rules(tx, key.id, Rules(), by=SYSTEM, at=world.at)
        await identity.set_rules(tx, key.id, Rules(), by=SYSTEM, at=world.at)
    assert (await who(world, new)).rules is None
    async with world.db.read() as tx:
        assert [entry.action for entry in await audit.trail(tx, subject=key.id)].count("key.rules") == 2


async def test_the_newest_key_that_was_not_revoked_opens_answers(world: World) -> None:
    key, _ = await issue(world)
    made: list[UUID] = []
    for suite in EnvelopeSuite:
        world.clock.tick(timedelta(seconds=1))
        jwk = vault.generate_decryption_key(suite).public().jwk
        new = NewSigningKey(id=world.id(), principal_id=key.principal_id, jwk=jwk)
        async with world.db.tx() as tx:
            done = await identity.add_signing_key(tx, new, by=SYSTEM_WITH_KEYS, at=world.at)
        assert done.thing.use is KeyUse.ENCRYPTION
        made.append(done.thing.id)
    for expected in reversed(made):
        async with world.db.tx() as tx:
            found = await identity.answer_key_of(tx, key.principal_id)
            assert found is not None
            assert found.id == expected
            await identity.revoke_signing_key(tx, expected, by=SYSTEM_WITH_KEYS, at=world.at)
    async with world.db.tx() as tx:
        assert await identity.answer_key_of(tx, key.principal_id) is None
        with pytest.raises(Refusal, match="signing_key_needed"):
            await identity.set_rules(tx, key.id, Rules(signature=True), by=SYSTEM, at=world.at)


SYSTEM_WITH_KEYS = type(SYSTEM)(id=SYSTEM.id, kind=SYSTEM.kind, permissions=frozenset({"keys:write"}))


async def test_the_same_key_asked_for_twice_is_one(world: World) -> None:
    key, _ = await issue(world)
    jwk = vault.generate(SignatureSuite.ED25519).public().jwk
    new = NewSigningKey(id=world.id(), principal_id=key.principal_id, jwk=jwk)
    for replayed in (False, True):
        async with world.db.tx() as tx:
            done = await identity.add_signing_key(tx, new, by=SYSTEM_WITH_KEYS, at=world.at)
        assert (done.thing.id, done.replayed) == (new.id, replayed)
    other = NewSigningKey(id=new.id, principal_id=key.principal_id, jwk=jwk, note="another")
    async with world.db.tx() as tx:
        with pytest.raises(Refusal, match="id_reused"):
            await identity.add_signing_key(tx, other, by=SYSTEM_WITH_KEYS, at=world.at)


async def test_an_envelope_key_that_has_ended_is_forgotten_and_opens_nothing(world: World) -> None:
    async with world.db.tx() as tx:
        await vault.begin(tx, world.at)
    keys = [vault.generate_decryption_key(EnvelopeSuite.P256) for _ in range(2)]
    for key in keys:
        async with world.db.tx() as tx:
            await identity.make_envelope_key(tx, world.id(), key, overlap=timedelta(hours=1), by=SYSTEM, at=world.at)
        world.clock.tick(timedelta(seconds=1))
    kids = [key.public().kid for key in keys]
    envelope = keys[0].public().encrypt(b"caught", kind="tongbao-request")
    async with world.db.tx() as tx:
        assert [key.kid for key in await identity.envelope_keys(tx, at=world.at)] == kids[::-1]
        opened = await identity.open_envelope_key(tx, kids[0], at=world.at)
        assert opened is not None
        assert opened.decrypt(envelope, kind="tongbao-request") == b"caught"
        assert await identity.forget_envelope_keys(tx, at=world.at) == []
    world.clock.tick(timedelta(hours=1))
    async with world.db.tx() as tx:
        assert await identity.open_envelope_key(tx, kids[0], at=world.at) is None, "before anything was forgotten"
        assert len(await identity.forget_envelope_keys(tx, at=world.at)) == 1
        assert [key.kid for key in await identity.envelope_keys(tx, at=world.at)] == kids[1:]
        rows = await tx.rows("SELECT sealed IS NULL FROM identity.envelope_key ORDER BY id")
    assert [row[0] for row in rows] == [True, False]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"TONGBAO_TLS_CERTIFICATE": "a.pem"}, "go together"),
        ({"TONGBAO_TLS_KEY": "a.key"}, "go together"),
        ({"TONGBAO_TLS_CLIENT_CA": "ca.pem"}, "needs TONGBAO_TLS_CERTIFICATE"),
    ],
)
def test_half_of_tls_is_refused(given: dict[str, str], said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        load(given)
    assert load({"TONGBAO_TLS_CERTIFICATE": "a.pem", "TONGBAO_TLS_KEY": "a.key"}).tls_key == "a.key"
