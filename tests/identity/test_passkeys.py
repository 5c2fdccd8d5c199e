"""Passkeys: made on a device, shown in place of passwords and codes, suspended when there turn out to be two of one."""

from __future__ import annotations

import json
from base64 import b64encode
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from tests.identity.authenticator import AAGUID, Authenticator, Maker, b64
from tests.identity.test_customer_login import AWAY, HOME, customer, know
from tongbao import identity
from tongbao.base import audit, metrics
from tongbao.base.refusal import Refusal
from tongbao.base.settings import Settings
from tongbao.identity import FactorKind, Modality, Passkey, Proven, Sort, VisitorKind
from tongbao.identity.registration import himself

if TYPE_CHECKING:
    from uuid import UUID

    from tests.identity.conftest import World
    from tests.identity.test_registration import Applicant

SETTINGS = Settings()
NEW = b"n" * 32
OFFER = b"o" * 32
ASKED = b"a" * 32


async def offered(world: World, ming: Applicant, modality: Modality = Modality.FINGERPRINT) -> dict[str, Any]:
    """What his browser is asked to make."""
    async with world.db.tx() as tx:
        said: Any = {"name": "我的手机", "modality": modality, "by": himself(ming.id), "at": world.at}
        await identity.offer_passkey(tx, ming.id, OFFER, **said)
        options = await identity.creation_options(
            tx, ming.id, SETTINGS, bank="通宝银行", holder="138****1234", at=world.at
        )
    assert options is not None
    return options


async def keep(world: World, ming: Applicant, response: str, settings: Settings = SETTINGS) -> Passkey:
    async with world.db.tx() as tx:
        said: Any = {"by": himself(ming.id), "at": world.at, "lang": "en"}
        return await identity.add_passkey(tx, ming.id, response, passkey_id=world.id(), settings=settings, **said)


async def with_passkey(
    world: World, ming: Applicant, phone: Authenticator, modality: Modality = Modality.FINGERPRINT
) -> Passkey:
    return await keep(world, ming, phone.make(await offered(world, ming, modality)))


async def asked(world: World, ming: Applicant) -> dict[str, Any]:
    async with world.db.read() as tx:
        return await identity.assertion_options(tx, ming.id, ASKED, SETTINGS)


async def show(
    world: World, whose: UUID, response: str, challenge: bytes = ASKED, settings: Settings = SETTINGS
) -> Proven | str:
    """What it proves, or the code of the answer."""
    async with world.db.tx() as tx:
        said: Any = {"challenge": challenge, "settings": settings, "at": world.at, "lang": "en"}
        found = await identity.check_assertion(tx, whose, response, **said)
    return found.code if isinstance(found, Refusal) else found


def statement(maker: Maker, method: str = "fingerprint_internal", **rates: float) -> str:
    details = [[{"userVerificationMethod": method, "baDesc": rates} if rates else {"userVerificationMethod": method}]]
    roots = [b64encode(maker.root).decode()]
    said = {"aaguid": str(AAGUID), "description": "A sensor", "attestationRootCertificates": roots}
    return json.dumps({**said, "userVerificationDetails": details})


async def declare(world: World, text: str) -> None:
    models = identity.read_statements(text, source="test")
    async with world.db.tx() as tx:
        await identity.load_authenticators(tx, models, by=world.bank, at=world.at)


async def test_a_passkey_shows_the_device_and_that_it_is_he(world: World) -> None:
    ming = await customer(world)
    phone = Authenticator()
    made = await with_passkey(world, ming, phone)
    assert (made.name, made.modality, made.capable) == ("我的手机", Modality.FINGERPRINT, False)
    options = await asked(world, ming)
    assert [one["id"] for one in options["allowCredentials"]] == [b64(phone.id)]
    proven = await show(world, ming.id, phone.sign(options))
    assert isinstance(proven, Proven)
    assert (proven.kind, proven.sorts) == (FactorKind.PASSKEY, {Sort.POSSESSION, Sort.INHERENCE})
    assert set(json.loads(json.dumps(proven.evidence))) == {
        "credential_id", "public_key", "rp_id", "authenticator_data", "client_data_json", "signature",
    }  # fmt: skip
    assert any("Your passkey was set" in text for text in await ming.texts())
    async with world.db.read() as tx:
        (used,) = (await identity.passkeys_of(tx, [ming.id]))[ming.id]
        actions = [one.action for one in await audit.trail(tx, subject=ming.id)]
    assert used.used_at == world.at
    assert "passkey.add" in actions


async def test_what_is_unlocked_by_a_pin_shows_that_he_knows_it(world: World) -> None:
    ming = await customer(world)
    phone = Authenticator()
    await with_passkey(world, ming, phone, Modality.OTHER)
    proven = await show(world, ming.id, phone.sign(await asked(world, ming)))
    assert isinstance(proven, Proven)
    assert proven.sorts == {Sort.POSSESSION, Sort.KNOWLEDGE}


async def test_whoever_has_one_has_more_than_one_sort(world: World) -> None:
    ming = await customer(world)
    phone = Authenticator()
    await with_passkey(world, ming, phone)
    async with world.db.tx() as tx:
        own = (await identity.factors_of(tx, [ming.id]))[ming.id]
        only = [one for one in own if one.kind is FactorKind.PASSKEY]
        assert [one.name for one in only] == ["我的手机"]
        assert not identity.one_sort_only(only)
        assert identity.one_sort_only([one for one in own if one.kind is FactorKind.PASSWORD])
        await identity.prefer(tx, ming.id, FactorKind.PASSKEY, by=himself(ming.id), at=world.at)
    async with world.db.tx() as tx:
        own = (await identity.factors_of(tx, [ming.id]))[ming.id]
        assert [one.kind for one in own if one.preferred] == [FactorKind.PASSKEY]
        await identity.remove_passkey(tx, ming.id, (await made_of(tx, ming)).id, by=himself(ming.id), at=world.at)
    async with world.db.tx() as tx:
        own = (await identity.factors_of(tx, [ming.id]))[ming.id]
        assert FactorKind.PASSKEY not in {one.kind for one in own}
        assert not any(one.preferred for one in own), "what is gone is preferred no more"
    assert await show(world, ming.id, phone.sign(await asked_with(phone))) == "passkey_unknown"


async def made_of(tx: Any, ming: Applicant) -> Passkey:
    (found,) = (await identity.passkeys_of(tx, [ming.id]))[ming.id]
    return found


async def asked_with(_phone: Authenticator) -> dict[str, Any]:
    return {"challenge": b64(ASKED), "rpId": "localhost"}


@pytest.mark.parametrize(
    ("phone", "why"),
    [
        (Authenticator(asks=False), "it asked nobody"),
        (Authenticator(origin="http://localhost.evil.example"), "another site"),
        (Authenticator(origin="https://evil.example"), "another site"),
    ],
)
async def test_what_is_not_made_here_for_its_owner_is_not_kept(world: World, phone: Authenticator, why: str) -> None:
    ming = await customer(world)
    with pytest.raises(Refusal, match="passkey_wrong"):
        await with_passkey(world, ming, phone)
    async with world.db.read() as tx:
        assert (await identity.passkeys_of(tx, [ming.id]))[ming.id] == [], why


async def test_a_signature_over_anything_else_proves_nothing(world: World) -> None:
    ming, hua = await customer(world), await customer(world, "+8613900139000", 102)
    phone = Authenticator()
    await with_passkey(world, ming, phone)
    options = await asked(world, ming)
    good = phone.sign(options)
    assert await show(world, ming.id, good, challenge=b"b" * 32) == "passkey_wrong", "another amount"
    assert await show(world, hua.id, good) == "passkey_unknown", "another customer"
    assert await show(world, ming.id, phone.sign(options, signature=b64(b"0" * 64))) == "passkey_wrong"
    assert await show(world, ming.id, phone.sign(options, userHandle=b64(hua.id.bytes))) == "passkey_wrong"
    assert await show(world, ming.id, phone.sign({**options, "rpId": "evil.example"})) == "passkey_wrong"
    phone.asks = False
    assert await show(world, ming.id, phone.sign(options)) == "passkey_wrong", "it asked nobody"
    phone.asks, phone.origin = True, "https://evil.example"
    assert await show(world, ming.id, phone.sign(options)) == "passkey_wrong", "another site"
    for junk in ("", "{}", "[]", "null", '{"id": 1}', good[:200], good.replace("public-key", "x"), '{"a":' * 3000):
        assert await show(world, ming.id, junk) == "passkey_wrong"


async def test_of_two_that_are_one_neither_is_good_any_more(world: World) -> None:
    ming = await customer(world)
    phone = Authenticator(count=5)
    await with_passkey(world, ming, phone)
    options = await asked(world, ming)
    assert isinstance(await show(world, ming.id, phone.sign(options)), Proven)
    before = metrics.PASSKEYS_SUSPENDED._value.get()
    phone.count = 3  # a copy, made a while ago
    assert await show(world, ming.id, phone.sign(options)) == "passkey_suspended"
    assert metrics.PASSKEYS_SUSPENDED._value.get() == before + 1
    phone.count = 9
    assert await show(world, ming.id, phone.sign(options)) == "passkey_suspended", "nor is the other"
    assert (await asked(world, ming)).get("allowCredentials") == []
    assert len([text for text in await ming.texts() if "copy of your passkey" in text]) == 1
    async with world.db.read() as tx:
        (entry,) = [one for one in await audit.trail(tx, subject=ming.id) if one.action == "passkey.suspend"]
        own = (await identity.factors_of(tx, [ming.id]))[ming.id]
    assert (entry.details or {})["was"] == 6
    assert FactorKind.PASSKEY not in {one.kind for one in own}


@pytest.mark.parametrize(
    ("method", "modality", "rates", "capable"),
    [
        ("fingerprint_internal", Modality.FINGERPRINT, {"selfAttestedFAR": 0.00002, "selfAttestedFRR": 0.03}, True),
        ("fingerprint_internal", Modality.FINGERPRINT, {"selfAttestedFAR": 0.001, "selfAttestedFRR": 0.03}, False),
        ("fingerprint_internal", Modality.FINGERPRINT, {}, False),
        ("fingerprint_internal", Modality.FACE, {"selfAttestedFAR": 0.00002, "selfAttestedFRR": 0.03}, False),
        ("faceprint_internal", Modality.FACE, {"selfAttestedFAR": 0.00001, "selfAttestedFRR": 0.03}, False),
        (
            "faceprint_internal",
            Modality.FACE,
            {"selfAttestedFAR": 0.00001, "selfAttestedFRR": 0.03, "iAPARThreshold": 0.05},
            True,
        ),
        (
            "faceprint_internal",
            Modality.FACE,
            {"selfAttestedFAR": 0.00001, "selfAttestedFRR": 0.03, "iAPARThreshold": 0.2},
            False,
        ),
    ],
)
async def test_large_amounts_need_a_maker_who_declares_how_well_it_knows_its_owner(
    world: World, method: str, modality: Modality, rates: dict[str, float], capable: bool
) -> None:
    ming = await customer(world)
    maker = Maker()
    await declare(world, statement(maker, method, **rates))
    phone = Authenticator(maker=maker)
    made = await with_passkey(world, ming, phone, modality)
    assert made.capable is capable
    proven = await show(world, ming.id, phone.sign(await asked(world, ming)))
    assert isinstance(proven, Proven)
    assert proven.capable is capable


async def test_whoever_only_says_that_he_is_of_a_good_maker_is_not(world: World) -> None:
    ming = await customer(world)
    await declare(world, statement(Maker(), selfAttestedFAR=0.00001, selfAttestedFRR=0.03))
    unsigned = await with_passkey(world, ming, Authenticator())
    of_another = await with_passkey(world, ming, Authenticator(maker=Maker()))
    assert (unsigned.capable, unsigned.model) == (False, None)
    assert (of_another.capable, of_another.model) == (False, None)


async def test_what_is_no_statement_is_refused() -> None:
    for text in (
        "",
        "1",
        "[1]",
        '{"aaguid": "x", "description": "y", "userVerificationDetails": [[{}]]}',
        '{"entries": 1}',
    ):
        with pytest.raises(Refusal, match="authenticators_malformed"):
            identity.read_statements(text, source="test")
    with pytest.raises(Refusal, match="authenticators_malformed"):
        identity.read_statements(statement(Maker(), selfAttestedFAR=3.0), source="test")


async def test_the_same_one_twice_and_one_too_late(world: World) -> None:
    ming, hua = await customer(world), await customer(world, "+8613900139000", 102)
    phone = Authenticator()
    await with_passkey(world, ming, phone)
    with pytest.raises(Refusal, match="passkey_taken"):
        await with_passkey(world, hua, phone)
    response = Authenticator().make(await offered(world, hua))
    world.clock.tick(timedelta(minutes=10))
    with pytest.raises(Refusal, match="passkey_over"):
        await keep(world, hua, response)


async def test_twenty_are_enough(world: World) -> None:
    ming = await customer(world)
    for _ in range(20):
        await with_passkey(world, ming, Authenticator())
    with pytest.raises(Refusal, match="too_many_of_these"):
        await offered(world, ming)


async def log_in(world: World, phone: Authenticator, browser: bytes, *, response: str | None = None) -> Any:
    async with world.db.tx() as tx:
        options = await identity.begin_passkey_login(tx, browser, ASKED, SETTINGS, at=world.at)
    assert "allowCredentials" not in options or options["allowCredentials"] == [], "it tells nobody who is a customer"
    return await enter(world, response or phone.sign(options), browser)


async def enter(world: World, response: str, browser: bytes) -> Any:
    async with world.db.tx() as tx:
        said: Any = {"settings": SETTINGS, "browser_hash": browser, "new_browser_hash": NEW, "session_id": world.id()}
        token = world.token(VisitorKind.CUSTOMER)
        found = await identity.log_in_by_passkey(tx, response, **said, token=token, at=world.at, lang="en")
    return found.code if isinstance(found, Refusal) else found


async def test_he_comes_in_by_it_without_a_password_or_a_code(world: World) -> None:
    ming = await customer(world)
    await know(world, ming, HOME)
    phone = Authenticator()
    await with_passkey(world, ming, phone)
    session, is_new = await log_in(world, phone, HOME)
    assert (session.holder_id, is_new) == (ming.id, False)
    told = len(await ming.texts())
    session, is_new = await log_in(world, phone, AWAY)
    assert (session.holder_id, is_new) == (ming.id, True)
    assert len(await ming.texts()) == told + 1, "he is told of a new device"
    async with world.db.read() as tx:
        new = [one for one in await identity.devices_of(tx, ming.id, at=world.at) if one.id == session.device_id]
    assert new[0].cools_off(world.at)


async def test_what_was_signed_once_lets_nobody_in_again(world: World) -> None:
    ming = await customer(world)
    phone = Authenticator()
    await with_passkey(world, ming, phone)
    async with world.db.tx() as tx:
        options = await identity.begin_passkey_login(tx, AWAY, ASKED, SETTINGS, at=world.at)
    response = phone.sign(options)
    assert await enter(world, response, HOME) == "passkey_over", "of another browser"
    assert not isinstance(await enter(world, response, AWAY), str)
    assert await enter(world, response, AWAY) == "passkey_over"
    assert await log_in(world, phone, AWAY, response="{}") == "passkey_wrong"
    async with world.db.tx() as tx:
        await identity.begin_passkey_login(tx, AWAY, ASKED, SETTINGS, at=world.at)
    world.clock.tick(timedelta(minutes=10))
    assert await enter(world, phone.sign(options), AWAY) == "passkey_over"


async def test_he_renames_his_own_and_nobody_elses(world: World) -> None:
    ming, hua = await customer(world), await customer(world, "+8613900139000", 102)
    made = await with_passkey(world, ming, Authenticator())
    async with world.db.tx() as tx:
        await identity.rename_passkey(tx, ming.id, made.id, "旧手机", by=himself(ming.id), at=world.at)
    async with world.db.tx() as tx:
        assert (await made_of(tx, ming)).name == "旧手机"
        with pytest.raises(Refusal, match="passkey_unknown"):
            await identity.rename_passkey(tx, hua.id, made.id, "x", by=himself(hua.id), at=world.at)
    async with world.db.tx() as tx:
        with pytest.raises(Refusal, match="passkey_unknown"):
            await identity.remove_passkey(tx, hua.id, made.id, by=himself(hua.id), at=world.at)
