"""Signed requests over loopback: who signed is known, what was changed is refused, and nothing is let in twice."""

from __future__ import annotations

import asyncio
import base64
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from tests.http.conftest import ServedBank, code
from tests.http.partner import Partner, copied
from tongbao import vault
from tongbao.vault import SignatureSuite


async def made(bank: ServedBank, kind: str = "bank") -> tuple[str, str]:
    """A new API key: its id and its token."""
    answer = await bank.ask("POST", "/v1/keys", {"kind": kind})
    assert answer.status_code == 201, answer.text
    return answer.json()["id"], answer.json()["key"]


@pytest.fixture
async def partner(bank: ServedBank) -> Partner:
    """A bank's own gateway: it may pay, and it signs."""
    _, token = await made(bank)
    partner = Partner(bank.http, token, vault.generate(SignatureSuite.ED25519))
    await partner.introduce()
    return partner


@pytest.mark.parametrize("suite", list(SignatureSuite))
async def test_a_signed_payment_is_booked_once(bank: ServedBank, suite: SignatureSuite) -> None:
    _, token = await made(bank)
    partner = Partner(bank.http, token, vault.generate(suite))
    await partner.introduce()
    payer, payee = await bank.account(1_000), await bank.account()
    order = bank.order(payer_account_id=str(payer), payee_account_id=str(payee), amount=100)
    request = partner.sign(partner.request("POST", "/v1/payments", order))
    first = await bank.http.send(request)
    assert first.status_code == 201, first.text
    assert code(await bank.http.send(copied(request))) == (409, "signature_replayed")
    assert (await bank.balance(payer), await bank.balance(payee)) == (900, 100)


async def test_of_many_copies_at_once_one_is_let_in(bank: ServedBank, partner: Partner) -> None:
    request = partner.sign(partner.request("POST", "/v1/payments", bank.order()))
    answers = await asyncio.gather(*(bank.http.send(copied(request)) for _ in range(20)))
    assert sorted(answer.status_code for answer in answers) == [201, *[409] * 19]


async def test_who_did_not_hear_the_answer_signs_anew_and_pays_once(bank: ServedBank, partner: Partner) -> None:
    id_ = uuid4()
    answers = [await partner.ask_signed("POST", "/v1/payments", bank.order(), key=id_) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [201, 201]
    assert answers[0].json() == answers[1].json()
    assert answers[1].headers["idempotency-replayed"] == "true"


async def test_whatever_is_changed_on_the_way_is_refused(bank: ServedBank, partner: Partner) -> None:
    order = bank.order(amount=100)
    caught = partner.sign(partner.request("POST", "/v1/payments", order))
    signature = caught.headers["signature"]
    said = caught.headers["signature-input"]
    changed: list[tuple[Any, str]] = [
        (copied(caught, body=caught.content.replace(b"100", b"999")), "content_digest_wrong"),
        (copied(caught, body=caught.content + b" "), "content_digest_wrong"),
        (copied(caught, body=b""), "content_digest_wrong"),
        (copied(caught, idempotency_key=str(uuid4())), "signature_wrong"),
        (copied(caught, content_type="application/json; charset=utf-8"), "signature_wrong"),
        (copied(caught, host="bank.example"), "signature_wrong"),
        (copied(caught, url=f"{caught.url}?a=1"), "signature_wrong"),
        (copied(caught, url=str(caught.url) + "/batch"), "signature_wrong"),
        (copied(caught, method="PUT"), "signature_wrong"),
        (copied(caught, signature=_bent(signature)), "signature_wrong"),
        (copied(caught, signature="sig1=::"), "signature_wrong"),
        (copied(caught, signature="sig1=nonsense:"), "signature_malformed"),
        (copied(caught, without=["signature"]), "signature_missing"),
        (copied(caught, without=["signature-input"]), "signature_missing"),
        (copied(caught, without=["content-digest"]), "signature_incomplete"),
        (copied(caught, signature_input=said.replace('nonce="', 'nonce="x')), "signature_wrong"),
        (copied(caught, signature_input=said.replace('"content-digest" ', "")), "signature_incomplete"),
        (copied(caught, signature_input=said.replace('alg="ed25519"', 'alg="hmac-sha256"')), "algorithm_refused"),
        (copied(caught, signature_input=said.replace('alg="ed25519"', 'alg="des"')), "algorithm_refused"),
        (copied(caught, signature_input=said.replace(partner.keyid, str(uuid4()))), "signature_wrong"),
        (copied(caught, content_digest=_md5(caught.content)), "algorithm_refused"),
    ]
    for request, expected in changed:
        answer = await bank.http.send(request)
        assert code(answer)[1] == expected, (request.url, request.headers)
    assert (await bank.http.send(copied(caught))).status_code == 201, "nothing that was refused has used up its nonce"


def _bent(signature: str) -> str:
    raw = bytearray(base64.b64decode(signature.removeprefix("sig1=:").removesuffix(":")))
    raw[3] ^= 1
    return f"sig1=:{base64.b64encode(bytes(raw)).decode()}:"


def _md5(_body: bytes) -> str:
    return f"md5=:{base64.b64encode(bytes(16)).decode()}:"


async def test_a_signature_is_good_for_minutes(bank: ServedBank, partner: Partner) -> None:
    at = datetime.now(UTC)
    for created, expires in (
        (at - timedelta(minutes=4), at - timedelta(seconds=1)),
        (at + timedelta(minutes=3), at + timedelta(minutes=4)),
        (at, at + timedelta(hours=1)),
    ):
        request = partner.request("POST", "/v1/payments", bank.order())
        answer = await bank.http.send(partner.sign(request, created=created, expires=expires))
        assert code(answer) == (401, "signature_out_of_time")


async def test_a_key_signs_for_its_owner_alone_and_until_it_is_revoked(bank: ServedBank, partner: Partner) -> None:
    _, token = await made(bank)
    thief = Partner(bank.http, token, partner.key)
    thief.keyid = partner.keyid
    assert code(await thief.ask_signed("GET", "/v1/business-day")) == (401, "signature_wrong")
    stranger = Partner(bank.http, bank.tokens["merchant"])
    assert code(await stranger.ask("DELETE", f"/v1/signing-keys/{partner.keyid}")) == (404, "signing_key_unknown")
    assert (await partner.ask_signed("GET", "/v1/business-day")).status_code == 200
    assert (await partner.ask("DELETE", f"/v1/signing-keys/{partner.keyid}")).status_code == 204
    await asyncio.sleep(2.1)
    assert code(await partner.ask_signed("GET", "/v1/business-day")) == (401, "signature_wrong")
    listed = (await partner.ask("GET", "/v1/signing-keys")).json()["items"]
    assert [(key["id"], key["revoked_at"] is not None) for key in listed] == [(partner.keyid, True)]


async def test_a_key_that_must_sign_does_nothing_unsigned(bank: ServedBank) -> None:
    key_id, token = await made(bank)
    partner = Partner(bank.http, token, vault.generate(SignatureSuite.ES256))
    asked = {"signature": True}
    assert code(await bank.ask("PUT", f"/v1/keys/{key_id}/rules", asked)) == (409, "signing_key_needed")
    await partner.introduce()
    told = await bank.ask("PUT", f"/v1/keys/{key_id}/rules", asked)
    assert (told.status_code, told.json()) == (200, {"signature": True, "certificate": None})
    assert (await bank.ask("GET", f"/v1/keys/{key_id}/rules")).json() == told.json()
    for request in (
        partner.request("POST", "/v1/payments", bank.order()),
        partner.request("GET", "/v1/business-day"),
        partner.request("HEAD", "/v1/business-day"),
        partner.request("POST", "/v1/signing-keys", {"jwk": vault.generate(SignatureSuite.ED25519).public().jwk}),
    ):
        answer = await bank.http.send(request)
        assert answer.status_code == 401
        assert request.method == "HEAD" or code(answer)[1] == "signature_missing"
    for method, path in (("GET", "/v1/business-day"), ("HEAD", "/v1/business-day"), ("GET", "/v1/signing-keys?x=1")):
        assert (await partner.ask_signed(method, path)).status_code in (200, 400), (method, path)
    assert (await partner.ask_signed("POST", "/v1/payments", bank.order())).status_code == 201


async def test_rules_outlive_the_rotation_of_a_key(bank: ServedBank) -> None:
    key_id, token = await made(bank)
    partner = Partner(bank.http, token, vault.generate(SignatureSuite.ED25519))
    await partner.introduce()
    assert (await bank.ask("PUT", f"/v1/keys/{key_id}/rules", {"signature": True})).status_code == 200
    partner.token = (await bank.ask("POST", f"/v1/keys/{key_id}/rotate", {})).json()["key"]
    assert code(await partner.ask("GET", "/v1/business-day")) == (401, "signature_missing")
    assert (await partner.ask_signed("GET", "/v1/business-day")).status_code == 200


async def test_what_is_no_public_key_is_not_taken(bank: ServedBank, partner: Partner) -> None:
    good = vault.generate(SignatureSuite.ED25519).public().jwk
    for jwk, expected in (
        ({**good, "d": good["x"]}, "private_key_shown"),
        ({**good, "alg": "HS256"}, "algorithm_refused"),
        ({**good, "alg": "RS256"}, "algorithm_refused"),
        ({**good, "x": good["x"][:-4]}, "key_malformed"),
        ({**good, "alg": "ES256"}, "key_malformed"),
        ({}, "algorithm_refused"),
    ):
        assert code(await partner.register(jwk))[1] == expected, jwk
    other, _ = await made(bank)
    _, weak = await made(bank, "bank")
    merchant = Partner(bank.http, bank.tokens["merchant"])
    assert code(await merchant.register(good, key_id=other)) == (403, "permission_missing")
    assert code(await Partner(bank.http, weak).register(good, key_id=str(uuid4()))) == (404, "key_unknown")
    assert (await merchant.register(good)).status_code == 201
    assert (await Partner(bank.http, bank.tokens["bank"]).register(good, key_id=other)).status_code == 201
    assert code(await bank.ask("DELETE", f"/v1/signing-keys/{uuid4()}")) == (404, "signing_key_unknown")
