"""Keys of a payer's own device: they sign what he was shown, or the order itself, and then one request is enough."""

from __future__ import annotations

import json
from base64 import b64encode, urlsafe_b64encode
from datetime import UTC, datetime, timedelta, timezone
from hashlib import sha256
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.identity.authenticator import AAGUID, Authenticator, Maker
from tests.payments.payer import PIN, Payer, payer
from tests.payments.test_evidence import changed
from tests.payments.test_own_money import check
from tests.payments.town import Reply, Town
from tongbao import identity, payments, vault
from tongbao.base.settings import Settings
from tongbao.payments.canonical import canonical, moment
from tongbao.payments.model import OrderSignature
from tongbao.payments.signed import said
from tongbao.vault import PrivateKey, SignatureSuite

NONCE = "q83vEjRWeJCrze8SNFZ4kA"


def b64(raw: bytes) -> str:
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


async def bind(li: Payer, suite: SignatureSuite = SignatureSuite.ED25519) -> tuple[UUID, PrivateKey]:
    key = vault.generate(suite)
    async with li.town.db.tx() as tx:
        made = await identity.add_device_key(
            tx, li.account.customer_id, key.public().jwk, name="手机", by=li.himself, at=li.town.at
        )
    return made.thing.id, key


async def sign_and_pay(
    li: Payer,
    payee: Any,
    amount: int,
    key_id: UUID,
    key: PrivateKey,
    *,
    said: dict[str, Any] | None = None,
    **more: Any,
) -> Reply:
    """As an app does it; `said`: what is signed instead of what is sent."""
    town, id_ = li.town, more.pop("id", None) or li.town.id()
    by, minutes = more.pop("by", li.key), more.pop("minutes", 5)
    body = town.order_body(li.account, payee, amount, **more)
    expires_at = moment(town.at + timedelta(minutes=minutes))
    order = {
        "type": "tongbao.order/1",
        "payment_id": str(id_),
        "payer_account_id": body["payer_account_id"],
        "payee_account_id": body.get("payee_account_id"),
        "merchant_id": body.get("merchant_id"),
        "order_id": None,
        "amount_minor": amount,
        "currency": "CNY",
        "capture": "automatic",
        "arrives": "now",
        "method": "account",
        "reference": body.get("reference"),
        "nonce": NONCE,
        "expires_at": expires_at,
        **(said or {}),
    }
    signature = b64(key.sign(canonical(order)))
    proof = {"key_id": str(key_id), "signature": signature, "nonce": NONCE, "expires_at": expires_at}
    return await town.post("/v1/payments", {**body, "proof": proof}, key=id_, by=by)


@pytest.mark.parametrize("suite", [SignatureSuite.ED25519, SignatureSuite.ES256, SignatureSuite.PS256])
async def test_one_request_pays_what_one_way_is_enough_for(town: Town, suite: SignatureSuite) -> None:
    li, shop = await payer(town), await town.shop("兰州拉面")
    key_id, key = await bind(li, suite)
    id_ = town.id()
    paid = check(await sign_and_pay(li, shop, 200_000, key_id, key, id=id_, reference="年会"), 201)
    assert (paid["state"], paid["captured"]) == ("completed", 200_000)
    judged = {c["check"]: (c["value"], c.get("bound")) for c in paid["checks"] if "value" in c}
    assert judged["judgement"] == ("approve", "signed by the payer")
    assert judged["ways"] == (1, "above_none day_above_none")
    again = await sign_and_pay(li, shop, 200_000, key_id, key, id=id_, reference="年会")
    if suite is SignatureSuite.ED25519:  # its signatures are the same each time, so this is the same request
        assert (again.status, again.raw, again.replayed) == (201, paid.raw, True)
    assert await town.money(li.account) == (9_800_000, 0), "paid once"


async def test_a_replay_after_its_time_answers_what_it_did(town: Town) -> None:
    li, shop = await payer(town), await town.shop()
    key_id, key = await bind(li)
    id_, signed_at = town.id(), town.at
    first = check(await sign_and_pay(li, shop, 200_000, key_id, key, id=id_), 201)
    town.later(hours=1)
    minutes = 5 - int((town.at - signed_at) / timedelta(minutes=1))
    again = await sign_and_pay(li, shop, 200_000, key_id, key, id=id_, minutes=minutes)
    assert (again.raw, again.replayed) == (first.raw, True)


@pytest.mark.parametrize(
    "said",
    [
        {"amount_minor": 100},
        {"payee_account_id": "0199f5b0-0000-7000-8000-000000000001"},
        {"payment_id": "0199f5b0-0000-7000-8000-000000000001"},
        {"reference": "别的"},
        {"currency": "USD"},
        {"expires_at": "2027-01-01T00:00:00.000000Z"},
        {"nonce": "AAAAAAAAAAAAAAAAAAAAAA"},
        {"type": "tongbao.instruction/1"},
    ],
    ids=lambda said: next(iter(said)),
)
async def test_what_was_changed_on_the_way_is_refused(town: Town, said: dict[str, Any]) -> None:
    li, shop = await payer(town), await town.shop()
    key_id, key = await bind(li)
    reply = check(await sign_and_pay(li, shop, 200_000, key_id, key, said=said), 403, "order_signature_wrong")
    assert reply["checks"][-1] == {"check": "authorisation", "passed": False, "value": "order_signature_wrong"}
    assert await town.money(li.account) == (10_000_000, 0)


async def test_keys_of_others_removed_ones_and_old_signatures_count_for_nothing(town: Town) -> None:
    li, other, shop = await payer(town), await payer(town), await town.shop()
    (key_id, key), (strange_id, strange) = await bind(li), await bind(other)
    check(await sign_and_pay(li, shop, 200_000, strange_id, strange), 403, "order_signature_wrong")
    check(await sign_and_pay(li, shop, 200_000, key_id, strange), 403, "order_signature_wrong")
    check(await sign_and_pay(li, shop, 200_000, town.id(), key), 403, "order_signature_wrong")
    check(await sign_and_pay(li, shop, 200_000, key_id, key, minutes=0), 403, "order_signature_expired")
    check(await sign_and_pay(li, shop, 200_000, key_id, key, minutes=16), 403, "order_signature_expired")
    check(await sign_and_pay(li, shop, 200_000, key_id, key), 201)
    async with town.db.tx() as tx:
        await identity.remove_device_key(tx, li.account.customer_id, key_id, by=li.himself, at=town.at)
    id_ = town.id()
    gone = check(await sign_and_pay(li, shop, 200_000, key_id, key, id=id_), 403, "order_signature_wrong")
    assert gone["checks"][-1] == {"check": "authorisation", "passed": False, "value": "order_signature_wrong"}
    assert await evidence(town, id_) == [], "at once, though the key was read before"
    assert await town.money(li.account) == (9_800_000, 0)


async def evidence(town: Town, payment: UUID) -> list[tuple[Any, ...]]:
    async with town.db.read() as tx:
        return await tx.rows(
            "SELECT kind, sorts, capable, instruction_hash, evidence FROM payments.evidence WHERE payment_id = %(id)s",
            id=payment,
        )


async def test_what_is_kept_of_a_signature_is_what_a_device_shows(town: Town) -> None:
    li, shop = await payer(town), await town.shop()
    key_id, key = await bind(li)
    id_ = town.id()
    check(await sign_and_pay(li, shop, 200_000, key_id, key, id=id_, reference='"早餐"\n\t'), 201)
    ((kind, sorts, capable, hashed, kept),) = await evidence(town, id_)
    order = kept.pop("order")
    signature = key.sign(canonical(order))
    async with town.db.read() as tx:
        shown = identity.proven_by((await identity.device_keys(tx, [key_id]))[key_id], signature)
    assert (kind, set(sorts), capable, kept) == (shown.kind, shown.sorts, shown.capable, shown.evidence)
    assert (order["payment_id"], order["reference"]) == (str(id_), '"早餐"\n\t')
    assert bytes(hashed) == sha256(canonical(order)).digest()


ids = st.uuids()
orders = st.builds(
    payments.Order,
    id=ids,
    principal_id=ids,
    request_hash=st.just(b""),
    payer_account_id=ids,
    payee_account_id=st.none() | ids,
    amount_minor=st.integers(1, 2**53 - 1),
    currency=st.text(),
    merchant_id=st.none() | ids,
    order_id=st.none() | ids,
    capture=st.sampled_from(payments.Capture),
    arrives=st.sampled_from(payments.Arrives),
    method=st.sampled_from(payments.Method),
    reference=st.none() | st.text(),
)
hours = st.integers(-23, 23).map(lambda hours: timezone(timedelta(hours=hours)))


@given(orders, st.text(), st.datetimes(min_value=datetime(1900, 1, 1), timezones=hours))
def test_what_is_signed_is_written_as_the_standard_asks(order: payments.Order, nonce: str, until: datetime) -> None:
    written = said(order, OrderSignature(key_id=order.id, signature=b"", nonce=nonce, expires_at=until))
    named = {
        "payment_id": order.id,
        "payer_account_id": order.payer_account_id,
        "payee_account_id": order.payee_account_id,
        "merchant_id": order.merchant_id,
        "order_id": order.order_id,
    }
    document = {
        "type": "tongbao.order/1",
        **{name: str(id_) if id_ else None for name, id_ in named.items()},
        "amount_minor": order.amount_minor,
        "currency": order.currency,
        "capture": str(order.capture),
        "arrives": str(order.arrives),
        "method": str(order.method),
        "reference": order.reference,
        "nonce": nonce,
        "expires_at": f"{until.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%f}Z",
    }
    assert written == canonical(document)
    assert json.loads(written) == document


async def test_where_two_ways_are_needed_a_signature_is_one(town: Town) -> None:
    li, shop = await payer(town, "pin"), await town.shop()
    key_id, key = await bind(li)
    reply = check(await sign_and_pay(li, shop, 600_000, key_id, key), 201)
    assert reply["state"] == "challenged"
    payment = UUID(reply["id"])
    seen = await li.look(payment)
    assert (seen["ways"], seen["methods"]) == (2, ["device", "pin"])
    signature = b64(key.sign(canonical(seen["instruction"])))
    check(await show_device(li, payment, key_id, b64(key.sign(b"something else"))), 401, "device_signature_wrong")
    assert check(await show_device(li, payment, key_id, signature), 200)["shown"] == ["device"]
    assert check(await li.show(payment, "pin", PIN), 200)["enough"]
    check(await li.confirm(payment), 200)
    found = check(await town.get(f"/v1/payments/{payment}/proof", by=li.key), 200).body
    assert payments.verify_proof(json.dumps(found).encode()).evidence == ["device", "pin"]


async def show_device(li: Payer, payment: UUID, key_id: UUID, signature: str) -> Reply:
    looked_at = (await li.look(payment))["instruction_sha256"]
    body = {"kind": "device", "instruction": looked_at, "key_id": str(key_id), "signature": signature}
    return await li.town.post(f"/v1/payments/{payment}/evidence", body, by=li.key)


async def test_the_bank_may_bring_a_signed_order_and_only_the_payers(town: Town) -> None:
    li, shop = await payer(town), await town.shop()
    key_id, key = await bind(li)
    check(await sign_and_pay(li, shop, 200_000, key_id, key, by="bank"), 201)
    check(
        await sign_and_pay(li, shop, 200_000, key_id, vault.generate(SignatureSuite.ED25519), by="bank"),
        403,
        "order_signature_wrong",
    )


async def test_the_proof_of_a_signed_order(town: Town) -> None:
    li, shop = await payer(town), await town.shop()
    key_id, key = await bind(li)
    id_ = town.id()
    check(await sign_and_pay(li, shop, 200_000, key_id, key, id=id_), 201)
    found = check(await town.get(f"/v1/payments/{id_}/proof", by=li.key), 200).body
    verified = payments.verify_proof(json.dumps(found).encode())
    assert (verified.instruction["amount_minor"], verified.evidence) == (200_000, ["device"])
    with pytest.raises(payments.WrongProof):
        payments.verify_proof(changed(found, "proof", "instruction", "amount_minor", to=1))
    refused = town.id()
    check(await sign_and_pay(li, shop, 9_999_999, key_id, key, id=refused), 402, "over_payment_limit")
    check(await town.get(f"/v1/payments/{refused}/proof", by=li.key), 404, "no_proof")


async def test_in_a_batch_each_signature_is_its_own(town: Town) -> None:
    li, shop = await payer(town), await town.shop()
    key_id, key = await bind(li)
    orders = []
    for n in range(6):
        id_ = town.id()
        body = town.order_body(li.account, shop, 100 + n)
        expires_at = moment(town.at + timedelta(minutes=1))
        order = {
            "type": "tongbao.order/1",
            "payment_id": str(id_),
            "payer_account_id": str(li.account.id),
            "payee_account_id": None,
            "merchant_id": str(shop.id),
            "order_id": None,
            "amount_minor": 100 + n - (n == 3),
            "currency": "CNY",
            "capture": "automatic",
            "arrives": "now",
            "method": "account",
            "reference": None,
            "nonce": NONCE,
            "expires_at": expires_at,
        }
        proof = {"key_id": str(key_id), "signature": b64(key.sign(canonical(order))), "nonce": NONCE}
        orders.append({**body, "id": str(id_), "proof": {**proof, "expires_at": expires_at}})
    reply = check(await town.post("/v1/payments/batch", {"orders": orders}), 200)
    assert [one.get("code") for one in reply["outcomes"]] == [None, None, None, "order_signature_wrong", None, None]


async def with_passkey(li: Payer, phone: Authenticator, modality: identity.Modality) -> None:
    town, whose = li.town, li.account.customer_id
    async with town.db.tx() as tx:
        now: Any = {"by": li.himself, "at": town.at}
        await identity.offer_passkey(tx, whose, b"o" * 32, name="我的手机", modality=modality, **now)
        options = await identity.creation_options(tx, whose, Settings(), bank="通宝银行", holder="李*", at=town.at)
        assert options is not None
        await identity.add_passkey(
            tx, whose, phone.make(options), passkey_id=town.id(), settings=Settings(), lang="zh", **now
        )


async def show_passkey(li: Payer, payment: UUID, phone: Authenticator, challenge: bytes | None = None) -> Reply:
    seen = await li.look(payment)
    digest = challenge or bytes.fromhex(seen["instruction_sha256"])
    async with li.town.db.read() as tx:
        options = await identity.assertion_options(tx, li.account.customer_id, digest, Settings())
    body = {
        "kind": "passkey",
        "instruction": seen["instruction_sha256"],
        "assertion": json.loads(phone.sign(options)),
    }
    return await li.town.post(f"/v1/payments/{payment}/evidence", body, by=li.key)


async def test_one_touch_of_a_passkey_is_two_ways_and_a_signature(town: Town) -> None:
    li, shop, phone = await payer(town), await town.shop("兰州拉面"), Authenticator()
    await with_passkey(li, phone, identity.Modality.FINGERPRINT)
    payment = await li.pay(shop, 600_000)
    seen = await li.look(payment)
    assert (seen["ways"], seen["methods"]) == (2, ["passkey"])
    forged = sha256(canonical({**seen["instruction"], "amount_minor": 600})).digest()
    check(await show_passkey(li, payment, phone, challenge=forged), 401, "passkey_wrong")
    check(await li.confirm(payment), 403, "authorisation_needed")
    assert check(await show_passkey(li, payment, phone), 200)["enough"]
    assert check(await li.confirm(payment), 200)["state"] == "completed"
    found = check(await town.get(f"/v1/payments/{payment}/proof", by=li.key), 200).body
    assert payments.verify_proof(json.dumps(found).encode()).evidence == ["passkey"]
    key = await bank_key(town)
    for part in ("signature", "client_data_json", "authenticator_data", "public_key"):
        forged_file = resigned(found, key, part)
        with pytest.raises(payments.WrongProof):
            payments.verify_proof(forged_file)


async def bank_key(town: Town) -> PrivateKey:
    async with town.db.tx() as tx:
        return await vault.bank_key(tx, town.at)


def resigned(found: dict[str, Any], key: PrivateKey, part: str) -> bytes:
    """One byte of what the passkey gave is another, and the bank itself signs that: the payer's signature still shows it."""
    said = json.loads(json.dumps(found["proof"]))
    shown = said["evidence"][0]["evidence"]
    text = shown[part]
    shown[part] = text[:40] + ("A" if text[40] != "A" else "B") + text[41:]
    return json.dumps({"proof": said, "signature": b64(key.sign(canonical(said)))}).encode()


async def test_a_passkey_that_declares_nothing_does_not_serve_large_amounts(town: Town) -> None:
    li, shop, phone = await payer(town, "pin", "totp"), await town.shop(), Authenticator()
    await with_passkey(li, phone, identity.Modality.FINGERPRINT)
    payment = await li.pay(shop, 2_000_001)
    assert (await li.look(payment))["large"]
    shown = check(await show_passkey(li, payment, phone), 200)
    assert (shown["shown"], shown["enough"], shown["methods"]) == ([], False, ["pin", "totp"])
    check(await li.confirm(payment), 403, "authorisation_needed")
    check(await li.show(payment, "pin", PIN), 200)
    assert check(await li.show(payment, "totp", li.app_code()), 200)["enough"]
    check(await li.confirm(payment), 200)


async def declare(town: Town, maker: Maker, **rates: float) -> None:
    """What the maker says of its fingerprint sensor."""
    said = {
        "aaguid": str(AAGUID),
        "description": "A sensor",
        "attestationRootCertificates": [b64encode(maker.root).decode()],
        "userVerificationDetails": [[{"userVerificationMethod": "fingerprint_internal", "baDesc": rates}]],
    }
    models = identity.read_statements(json.dumps(said), source="test")
    async with town.db.tx() as tx:
        assert await identity.load_authenticators(tx, models, by=town.bank, at=town.at) == 1


async def test_a_passkey_whose_maker_declares_enough_pays_a_large_amount(town: Town) -> None:
    maker = Maker()
    await declare(town, maker, selfAttestedFAR=0.00001, selfAttestedFRR=0.03)
    li, shop, phone = await payer(town, "pin", "totp"), await town.shop("兰州拉面"), Authenticator(maker=maker)
    await with_passkey(li, phone, identity.Modality.FINGERPRINT)
    payment = await li.pay(shop, 2_000_001)
    seen = await li.look(payment)
    assert (seen["large"], seen["ways"]) == (True, 2)
    shown = check(await show_passkey(li, payment, phone), 200)
    assert (shown["shown"], shown["enough"]) == (["passkey"], True)
    assert check(await li.confirm(payment), 200)["state"] == "completed"
    ((kind, _, capable, _, _),) = await evidence(town, payment)
    assert (kind, capable) == ("passkey", True)
    assert await town.money(li.account) == (7_999_999, 0)


async def test_a_passkey_whose_maker_declares_too_little_does_not(town: Town) -> None:
    maker = Maker()
    await declare(town, maker, selfAttestedFAR=0.001, selfAttestedFRR=0.03)
    li, shop, phone = await payer(town, "pin"), await town.shop(), Authenticator(maker=maker)
    await with_passkey(li, phone, identity.Modality.FINGERPRINT)
    small = await li.pay(shop, 600_000)
    assert check(await show_passkey(li, small, phone), 200)["enough"], "for less than a large amount it is good"
    payment = await li.pay(shop, 2_000_001)
    shown = check(await show_passkey(li, payment, phone), 200)
    assert (shown["shown"], shown["enough"]) == ([], False)
    check(await li.confirm(payment), 403, "authorisation_needed")
    assert await town.money(li.account) == (10_000_000, 0)


async def test_above_the_bound_of_signatures_two_ways_without_one_are_not_enough(town: Town) -> None:
    raised = {"per_payment": 6_000_000, "per_day": 20_000_000, "reason": "what people pay by signature"}
    check(await town.put("/v1/limits/person/CNY", raised), 200)
    li, shop = await payer(town, "pin", "totp", amount=20_000_000), await town.shop()
    at_the_bound = await li.pay(shop, 5_000_000)
    assert not (await li.look(at_the_bound))["signed"]
    key_id, key = await bind(li)
    payment = await li.pay(shop, 5_000_001)
    seen = await li.look(payment)
    assert (seen["signed"], seen["ways"]) == (True, 2)
    half = check(await li.show(payment, "pin", PIN), 200)
    assert (half["shown"], half["enough"], half["methods"]) == (["pin"], False, ["device"])
    check(await li.show(payment, "totp", li.app_code()), 409, "not_asked_for")
    check(await li.confirm(payment), 403, "authorisation_needed")
    assert await town.money(li.account) == (20_000_000, 0)
    signature = b64(key.sign(canonical(seen["instruction"])))
    assert check(await show_device(li, payment, key_id, signature), 200)["enough"]
    assert check(await li.confirm(payment), 200)["state"] == "completed"
    assert await town.money(li.account) == (14_999_999, 0)
    found = check(await town.get(f"/v1/payments/{payment}/proof", by=li.key), 200).body
    assert "device" in payments.verify_proof(json.dumps(found).encode()).evidence
