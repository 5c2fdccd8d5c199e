"""What a key must show, set in a browser: public keys registered and revoked, signatures and certificates demanded."""

from __future__ import annotations

import re
import secrets
from uuid import UUID, uuid4

import msgspec
import pytest

from tests.console.house import HOSTILE, House, Shown
from tongbao import identity, vault
from tongbao.base.principal import SYSTEM, Rules
from tongbao.cli import local_ca
from tongbao.identity import KeyKind, KeyUse, NewKey, Role, SigningKey
from tongbao.vault import EnvelopeSuite, SignatureSuite


async def key(house: House) -> UUID:
    """A new key of the bank."""
    new, token = NewKey(id=house.id(), kind=KeyKind.BANK), identity.fresh_token("bank", secrets.token_bytes)
    async with house.db.tx() as tx:
        await identity.issue_key(tx, new, token, by=SYSTEM, at=house.at)
    return new.id


async def public_keys(house: House, id: UUID) -> list[SigningKey]:
    async with house.db.read() as tx:
        return await identity.signing_keys_of(tx, id)


async def rules(house: House, id: UUID) -> Rules:
    async with house.db.read() as tx:
        return await identity.rules_of(tx, id)


def expected(page: Shown) -> str:
    """The rules that the page showed."""
    found = re.search(r'name="expected" value="([0-9a-f]+)"', page.html)
    assert found is not None
    return found[1]


def signer() -> str:
    return vault.generate(SignatureSuite.ED25519).public().to_pem().decode()


async def test_a_public_key_is_registered_once_and_revoked(house: House) -> None:
    by = house.staff(Role.ADMIN)
    id_ = await key(house)
    path = f"/staff/keys/{id_}/signing"
    assert path in (await house.look(f"/staff/keys/{id_}", by)).links()
    page = await house.look(path, by)
    form = {"id": house.id(), "use": "signature", "public_key": signer(), "note": "网关一号"}
    for _ in range(2):
        done = await house.send_form(path, form, by)
        assert (done.to, done.said) == (path, "Registered.")
    (public,) = await public_keys(house, id_)
    assert (public.use, public.suite, public.note) == (KeyUse.SIGNATURE, "EdDSA", "网关一号")
    page = await house.look(path, by)
    assert str(public.id) in page.text
    assert "网关一号" in page.text
    assert "1 public key is registered." in (await house.look(f"/staff/keys/{id_}", by)).text
    wrong = await house.send_form(f"{path}/{public.id}/revoke", {"id": uuid4()}, by)
    assert wrong.status == 422
    done = await house.send_form(f"{path}/{public.id}/revoke", {"id": public.id}, by)
    assert done.said == "Revoked. It is refused everywhere within two seconds."
    (public,) = await public_keys(house, id_)
    assert public.revoked_at is not None


async def test_a_json_web_key_may_encrypt(house: House) -> None:
    by = house.staff(Role.ADMIN)
    id_ = await key(house)
    for suite in EnvelopeSuite:
        public = vault.generate_decryption_key(suite).public()
        for text in (msgspec.json.encode(public.jwk).decode(), public.to_pem().decode()):
            form = {"id": house.id(), "use": "encryption", "public_key": text}
            assert (await house.send_form(f"/staff/keys/{id_}/signing", form, by)).status == 303, text
    assert {one.use for one in await public_keys(house, id_)} == {KeyUse.ENCRYPTION}


@pytest.mark.parametrize("use", ["signature", "encryption"])
async def test_what_is_no_public_key_is_said_beside_its_field(house: House, use: str) -> None:
    by = house.staff(Role.ADMIN)
    id_ = await key(house)
    path = f"/staff/keys/{id_}/signing"
    private = vault.generate(SignatureSuite.ED25519).to_pem(passphrase=None).decode()
    for typed in (HOSTILE, "{}", "[]", '{"alg": "RS256"}', "-----BEGIN PUBLIC KEY-----\nAAAA", private, "[" * 15_000):
        answer = await house.send_form(path, {"id": house.id(), "use": use, "public_key": typed}, by)
        assert answer.status == 422, typed[:40]
        assert 'id="e-public_key"' in answer.html
    assert await public_keys(house, id_) == []


async def test_signatures_are_demanded_of_whoever_can_sign(house: House) -> None:
    by = house.staff(Role.ADMIN)
    id_ = await key(house)
    path = f"/staff/keys/{id_}/signing"
    page = await house.look(path, by)
    asked = {"expected": expected(page), "signature": "on", "certificate": ""}
    early = await house.send_form(f"{path}/rules", asked, by)
    assert (early.status, 'id="e-signature"' in early.html) == (409, True)
    await house.send_form(path, {"id": house.id(), "use": "signature", "public_key": signer()}, by)
    for _ in range(2):
        done = await house.send_form(f"{path}/rules", asked, by)
        assert done.said == "Set. It is heeded everywhere within two seconds."
    assert await rules(house, id_) == Rules(signature=True)
    assert "Each of its requests must be signed." in (await house.look(f"/staff/keys/{id_}", by)).text
    stale = await house.send_form(f"{path}/rules", {"expected": asked["expected"], "certificate": "00" * 32}, by)
    assert (stale.status, "Somebody has changed these rules." in stale.text) == (409, True)
    assert await rules(house, id_) == Rules(signature=True)


async def test_a_certificate_is_bound_by_its_file_or_its_fingerprint(
    house: House, tmp_path_factory: pytest.TempPathFactory
) -> None:
    by, folder = house.staff(Role.ADMIN), tmp_path_factory.mktemp("ca")
    local_ca.make(folder, [], house.at)
    pem = local_ca.make_client(folder, "shop", house.at)[0].read_text()
    id_ = await key(house)
    path = f"/staff/keys/{id_}/signing"
    page = await house.look(path, by)
    done = await house.send_form(f"{path}/rules", {"expected": expected(page), "certificate": pem}, by)
    assert done.status == 303, done.text
    digest = identity.certificate_fingerprint(pem)
    assert await rules(house, id_) == Rules(certificate=digest)
    page = await house.look(path, by)
    assert digest.hex() in page.html
    bad = await house.send_form(f"{path}/rules", {"expected": expected(page), "certificate": HOSTILE}, by)
    assert (bad.status, 'id="e-certificate"' in bad.html) == (422, True)


async def test_who_may_only_look_finds_no_forms(house: House) -> None:
    by = house.staff(Role.ADMIN)
    id_ = await key(house)
    reader = house.staff(Role.AUDITOR)
    page = await house.look(f"/staff/keys/{id_}/signing", reader)
    assert page.status == 200
    assert '<form method="post" action="/staff/keys' not in page.html
    sent = await house.send_form(f"/staff/keys/{id_}/signing", {"id": house.id()}, reader)
    assert sent.status == 403
    assert (await house.look(f"/staff/keys/{uuid4()}/signing", by)).status == 404
