"""Requests and answers in envelopes (JWE), inside TLS or without: who catches one reads nothing and changes nothing."""

from __future__ import annotations

import asyncio
import base64
import json
import subprocess
import sys
from typing import Any

import httpx
import psycopg
import pytest

from tests.http.conftest import ServedBank, code, environment
from tests.http.partner import Partner, copied
from tests.http.test_signed import made
from tongbao import vault
from tongbao.vault import EncryptionKey, EnvelopeSuite, SignatureSuite

JOSE = "application/jose"


def new_key(bank: ServedBank, *options: str) -> str:
    """`tongbao key envelope new`: the thumbprint of the key that it made."""
    command = [sys.executable, "-m", "tongbao.cli", "key", "envelope", "new", *options]
    done = subprocess.run(command, env=environment(bank.database), capture_output=True, text=True, check=True)
    return done.stdout.strip()


async def bank_key(bank: ServedBank, suite: EnvelopeSuite = EnvelopeSuite.P256) -> EncryptionKey:
    """What a partner finds at the bank's door: the newest key of a suite."""
    keys = (await bank.ask("GET", "/v1/encryption-keys", who=None)).json()["keys"]
    return EncryptionKey.from_jwk(next(key["jwk"] for key in keys if key["jwk"]["alg"] == suite))


@pytest.fixture(scope="module", autouse=True)
async def keys(bank: ServedBank) -> None:
    for suite in EnvelopeSuite:
        await asyncio.to_thread(new_key, bank, "--suite", suite.value)


@pytest.fixture
async def partner(bank: ServedBank) -> Partner:
    _, token = await made(bank)
    partner = Partner(bank.http, token, vault.generate(SignatureSuite.ED25519))
    await partner.introduce()
    return partner


def sealed(partner: Partner, key: EncryptionKey, path: str, body: Any, **other: Any) -> httpx.Request:
    envelope = key.encrypt(json.dumps(body).encode(), kind="tongbao-request").encode()
    return partner.request("POST", path, raw=envelope, media_type=JOSE, **other)


@pytest.mark.parametrize("suite", list(EnvelopeSuite))
async def test_a_sealed_order_is_paid_and_its_answer_is_for_the_payer_alone(
    bank: ServedBank, partner: Partner, suite: EnvelopeSuite
) -> None:
    own = vault.generate_decryption_key(suite)
    assert (await partner.register(own.public().jwk)).status_code == 201
    key = await bank_key(bank, suite)
    payer, payee = await bank.account(5_000), await bank.account()
    order = bank.order(payer_account_id=str(payer), payee_account_id=str(payee), amount=1_234, reference="房租")
    request = sealed(partner, key, "/v1/payments", order, headers={"Accept": JOSE})
    answer = await bank.http.send(partner.sign(request))
    assert (answer.status_code, answer.headers["content-type"]) == (201, JOSE)
    assert "content-length" in answer.headers
    for word in (b"1234", str(payer).encode(), "房租".encode(), b"amount"):
        assert word not in request.content
        assert word not in answer.content
    payment = json.loads(own.decrypt(answer.text, kind="tongbao-answer"))
    assert (payment["amount"], payment["reference"]) == (1_234, "房租")
    assert (await bank.balance(payer), await bank.balance(payee)) == (3_766, 1_234)


async def test_routes_of_the_framework_open_envelopes_too(bank: ServedBank, partner: Partner) -> None:
    key = await bank_key(bank)
    answer = await bank.http.send(sealed(partner, key, "/v1/customers", {"kind": "person", "name": "李雷"}))
    assert answer.status_code == 201, answer.text
    bad = await bank.http.send(sealed(partner, key, "/v1/customers", {"kind": "person", "nom": "李雷"}))
    assert code(bad)[1] == "unknown_field"


async def test_every_part_of_an_envelope_is_guarded(bank: ServedBank, partner: Partner) -> None:
    key = await bank_key(bank)
    caught = sealed(partner, key, "/v1/payments", bank.order())
    parts = caught.content.decode().split(".")
    assert len(parts) == 5
    for place, part in enumerate(parts):
        for at in {0, len(part) // 2, len(part) - 1}:
            other = "A" if part[at] != "A" else "B"
            bent = [*parts[:place], part[:at] + other + part[at + 1 :], *parts[place + 1 :]]
            answer = await bank.http.send(copied(caught, body=".".join(bent).encode()))
            assert code(answer)[1] in ("envelope_unreadable", "algorithm_refused"), (place, at, answer.text)
    for body in (b"", b"{}", b"....", b"a.b.c.d.e", "信".encode(), caught.content + b"=", caught.content[:-4]):
        assert code(await bank.http.send(copied(caught, body=body)))[1] == "envelope_unreadable", body
    assert (await bank.http.send(copied(caught))).status_code == 201


@pytest.mark.parametrize(
    "header",
    [
        {"alg": "RSA1_5"},
        {"alg": "dir"},
        {"alg": "none"},
        {"enc": "A128CBC-HS256"},
        {"enc": "DES-EDE3-CBC"},
        {"enc": "SM4CBC"},
    ],
)
async def test_old_ciphers_are_refused_by_name(bank: ServedBank, partner: Partner, header: dict[str, str]) -> None:
    caught = sealed(partner, await bank_key(bank), "/v1/payments", bank.order())
    head, rest = caught.content.decode().split(".", 1)
    said = {**json.loads(base64.urlsafe_b64decode(head + "==")), **header}
    bent = base64.urlsafe_b64encode(json.dumps(said).encode()).decode().rstrip("=")
    assert code(await bank.http.send(copied(caught, body=f"{bent}.{rest}".encode())))[1] == "algorithm_refused"


async def test_an_envelope_that_is_for_something_else_is_not_taken(bank: ServedBank, partner: Partner) -> None:
    key = await bank_key(bank)
    answer = key.encrypt(b"{}", kind="tongbao-answer").encode()
    strange = vault.generate_decryption_key(EnvelopeSuite.P256).public().encrypt(b"{}", kind="tongbao-request")
    for body in (answer, strange.encode()):
        request = partner.request("POST", "/v1/payments", raw=body, media_type=JOSE)
        assert code(await bank.http.send(request))[1] == "envelope_unreadable"


async def test_a_caught_message_that_comes_again_moves_nothing(bank: ServedBank, partner: Partner) -> None:
    key = await bank_key(bank)
    payer = await bank.account(1_000)
    signed = partner.sign(sealed(partner, key, "/v1/payments", bank.order(payer_account_id=str(payer))))
    assert (await bank.http.send(signed)).status_code == 201
    assert code(await bank.http.send(copied(signed))) == (409, "signature_replayed")
    unsigned = sealed(partner, key, "/v1/payments", bank.order(payer_account_id=str(payer)))
    again = [await bank.http.send(copied(unsigned)) for _ in range(2)]
    assert [answer.status_code for answer in again] == [201, 201]
    assert again[1].headers["idempotency-replayed"] == "true"
    assert await bank.balance(payer) == 800


async def test_not_even_a_refusal_goes_out_in_the_clear(bank: ServedBank, partner: Partner) -> None:
    key, own = await bank_key(bank), vault.generate_decryption_key(EnvelopeSuite.P256)
    wanted = {"Accept": JOSE}
    unknown = await bank.http.send(sealed(partner, key, "/v1/payments", bank.order(), headers=wanted))
    assert code(unknown) == (406, "answer_key_unknown")
    assert (await partner.register(own.public().jwk)).status_code == 201
    order = bank.order(payer_account_id=str(await bank.account()))
    poor = await bank.http.send(sealed(partner, key, "/v1/payments", order, headers=wanted))
    wrong = await bank.http.send(sealed(partner, key, "/v1/payments", {}, headers=wanted))
    unread = await bank.http.send(partner.request("POST", "/v1/payments", raw=b"x", media_type=JOSE, headers=wanted))
    nowhere = await bank.http.send(partner.request("GET", "/v1/nowhere", headers=wanted))
    for answer, status, said in (
        (poor, 402, "insufficient_funds"),
        (wrong, wrong.status_code, "missing_field"),
        (unread, unread.status_code, "envelope_unreadable"),
        (nowhere, 404, "not_found"),
    ):
        assert (answer.status_code, answer.headers["content-type"]) == (status, JOSE), said
        assert json.loads(own.decrypt(answer.text, kind="tongbao-answer"))["code"] == said


async def test_an_answer_that_does_not_fit_is_not_sent_in_the_clear_instead(bank: ServedBank, partner: Partner) -> None:
    own = vault.generate_decryption_key(EnvelopeSuite.P256)
    assert (await partner.register(own.public().jwk)).status_code == 201
    answer = await bank.http.send(partner.request("GET", "/v1/openapi.json", headers={"Accept": JOSE}))
    assert (answer.status_code, answer.headers["content-type"]) == (406, JOSE)
    assert json.loads(own.decrypt(answer.text, kind="tongbao-answer"))["code"] == "answer_too_large"


async def test_a_key_is_replaced_with_an_overlap_and_then_opens_nothing(bank: ServedBank, partner: Partner) -> None:
    old = await bank_key(bank)
    new = await asyncio.to_thread(new_key, bank, "--overlap-h", "1")
    assert (await bank_key(bank)).kid == new
    assert (await bank.http.send(sealed(partner, old, "/v1/payments", bank.order()))).status_code == 201
    await asyncio.to_thread(new_key, bank, "--overlap-h", "0")
    await asyncio.sleep(2.1)
    closed = await bank.http.send(sealed(partner, old, "/v1/payments", bank.order()))
    assert code(closed)[1] == "envelope_unreadable"
    current = {key["jwk"]["kid"] for key in (await bank.ask("GET", "/v1/encryption-keys")).json()["keys"]}
    assert new not in current
    assert (
        await bank.http.send(sealed(partner, await bank_key(bank), "/v1/payments", bank.order()))
    ).status_code == 201


async def test_the_private_part_lies_in_no_table_in_the_clear(bank: ServedBank) -> None:
    with psycopg.connect(bank.database) as conn:
        rows = conn.execute("SELECT sealed, jwk::text FROM identity.envelope_key WHERE sealed IS NOT NULL").fetchall()
    assert rows
    for kept, jwk in rows:
        assert b"PRIVATE KEY" not in kept
        assert '"d"' not in jwk


async def test_who_must_sign_cannot_hide_in_an_envelope(bank: ServedBank) -> None:
    key_id, token = await made(bank)
    partner = Partner(bank.http, token, vault.generate(SignatureSuite.ED25519))
    await partner.introduce()
    assert (await bank.ask("PUT", f"/v1/keys/{key_id}/rules", {"signature": True})).status_code == 200
    request = sealed(partner, await bank_key(bank), "/v1/payments", bank.order())
    assert code(await bank.http.send(copied(request))) == (401, "signature_missing")
    assert (await bank.http.send(partner.sign(request))).status_code == 201
