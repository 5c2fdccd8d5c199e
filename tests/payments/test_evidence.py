"""What you see is what you sign: what a payer shows counts for exactly what he was shown, for a while, and for nobody else."""

from __future__ import annotations

import asyncio
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from hashlib import sha256
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from typer.testing import CliRunner

from tests.payments.payer import PASSWORD, PIN, Payer, payer
from tests.payments.test_own_money import check, come_in
from tests.payments.town import Town
from tongbao import identity, payments, vault
from tongbao.base.prove import prove
from tongbao.cli import app
from tongbao.payments.canonical import canonical


async def rows(town: Town, payment: UUID) -> list[tuple[Any, ...]]:
    return await town.run_sql(
        "SELECT kind, sorts, capable, evidence FROM payments.evidence WHERE payment_id = %(i)s ORDER BY kind", i=payment
    )


async def test_one_way_is_enough_for_a_usual_payment(town: Town) -> None:
    li, shop = await payer(town, "pin", "sms"), await town.shop("兰州拉面")
    payment = await li.pay(shop, 200_000, reference="年会")
    seen = await li.look(payment)
    assert (seen["ways"], seen["methods"], seen["shown"], seen["enough"]) == (1, ["pin", "sms"], [], False)
    said = seen["instruction"]
    assert (said["amount_minor"], said["currency"], said["payee"]) == (200_000, "CNY", "兰州拉面")
    assert (said["merchant_id"], said["payee_account"], said["reference"]) == (str(shop.id), None, "年会")
    assert said["payer_account"] == li.account.number
    assert sha256(canonical(said)).hexdigest() == seen["instruction_sha256"], "what is hashed is what is shown"
    check(await li.confirm(payment), 403, "authorisation_needed")
    shown = check(await li.show(payment, "pin", PIN), 200)
    assert (shown["shown"], shown["enough"], shown["methods"]) == (["pin"], True, [])
    done = check(await li.confirm(payment), 200)
    assert (done["state"], done["captured"]) == ("completed", 200_000)
    assert {"check": "evidence", "passed": True, "value": "pin", "bound": 1} in done["checks"]
    assert await rows(town, payment) == [("pin", ["knowledge"], True, {})]
    check(await li.look(payment), 409, "not_challenged")


async def test_two_ways_are_of_two_sorts(town: Town) -> None:
    li, shop = await payer(town, "pin", "totp", "sms"), await town.shop()
    payment = await li.pay(shop, 600_000)
    assert (await li.look(payment))["ways"] == 2
    assert check(await li.show(payment, "totp", li.app_code()), 200)["methods"] == ["pin"], (
        "another of one sort helps nothing"
    )
    check(await li.confirm(payment), 403, "authorisation_needed")
    check(await li.show(payment, "sms", "123456"), 409, "not_asked_for")
    assert check(await li.show(payment, "pin", PIN), 200)["enough"]
    assert check(await li.confirm(payment), 200)["state"] == "completed"


async def test_the_password_stands_in_only_where_there_is_no_pin(town: Town) -> None:
    li, shop = await payer(town, "pin", "password"), await town.shop()
    payment = await li.pay(shop, 200_000)
    assert (await li.look(payment))["methods"] == ["pin"]
    check(await li.show(payment, "password", PASSWORD), 409, "not_asked_for")
    other = await payer(town, "password")
    payment = await other.pay(shop, 200_000)
    assert check(await other.show(payment, "password", PASSWORD), 200)["enough"]


async def test_a_code_names_payee_and_amount_and_is_good_for_nothing_else(town: Town) -> None:
    li, shop = await payer(town, "sms"), await town.shop("兰州拉面")
    payment, other = await li.pay(shop, 200_000), await li.pay(shop, 300_000)
    key = town.id()
    asked = check(await li.ask_code(payment, key=key), 202)
    assert asked["code_id"] == str(key)
    check(await li.ask_code(payment, key=key), 202)
    (message,) = await li.messages()
    assert "兰州拉面" in message
    assert "¥2,000.00" in message
    code = await li.code()
    check(await li.show(other, "sms", code, code_id=str(key)), 401, "code_wrong")
    check(await li.show(payment, "sms", code), 401, "code_wrong")
    assert check(await li.show(payment, "sms", code, code_id=str(key)), 200)["enough"]
    check(await li.confirm(other), 403, "authorisation_needed")
    assert check(await li.confirm(payment), 200)["state"] == "completed"


async def test_wrong_ones_count_and_nothing_is_kept_of_them(town: Town) -> None:
    li, shop = await payer(town, "pin"), await town.shop()
    payment = await li.pay(shop, 200_000)
    for _ in range(5):
        check(await li.show(payment, "pin", "000000"), 401, "factor_wrong")
    assert (await li.show(payment, "pin", PIN)).code == "factor_locked", "even the right one"
    assert await rows(town, payment) == []
    town.later(seconds=6)
    check(await li.show(payment, "pin", PIN), 200)


async def test_of_two_hundred_guesses_at_once_five_are_compared(town: Town) -> None:
    li, shop = await payer(town, "pin"), await town.shop()
    payment = await li.pay(shop, 200_000)
    looked_at = (await li.look(payment))["instruction_sha256"]
    replies = await asyncio.gather(*(li.show(payment, "pin", f"{n:06}", looked_at=looked_at) for n in range(200)))
    codes = [reply.code for reply in replies]
    assert (codes.count("factor_wrong"), codes.count("factor_locked")) == (5, 195)


async def test_what_was_shown_counts_for_five_minutes(town: Town) -> None:
    li, shop = await payer(town, "pin"), await town.shop()
    payment = await li.pay(shop, 200_000)
    check(await li.show(payment, "pin", PIN), 200)
    town.later(minutes=5, seconds=1)
    check(await li.confirm(payment), 409, "evidence_stale")
    check(await li.show(payment, "pin", PIN), 200)
    check(await li.confirm(payment), 200)


async def test_the_payee_changed_meanwhile(town: Town) -> None:
    """The amount in the books is raised behind the payer's back, as nobody at the bank could do by its verbs."""
    li, shop = await payer(town, "pin"), await town.shop("老王面馆")
    payment = await li.pay(shop, 200_000)
    looked_at = (await li.look(payment))["instruction_sha256"]
    check(await li.show(payment, "pin", PIN), 200)
    await town.run_sql("UPDATE payments.payment SET amount_minor = 900000 WHERE id = %(i)s", i=payment)
    check(await li.confirm(payment), 409, "instruction_changed")
    check(await li.show(payment, "pin", PIN, looked_at=looked_at), 409, "instruction_changed")
    assert await town.money(li.account) == (10_000_000, 0)


async def test_another_amount_on_the_way_is_refused_before_anything_is_tried(town: Town) -> None:
    """Whoever sits between shows him 2.00 and asks the bank for 2,000.00: the hash of what he saw is another."""
    li, shop = await payer(town, "pin"), await town.shop()
    payment = await li.pay(shop, 200_000)
    seen = (await li.look(payment))["instruction"]
    forged = sha256(canonical({**seen, "amount_minor": 200})).hexdigest()
    for _ in range(7):
        check(await li.show(payment, "pin", PIN, looked_at=forged), 409, "instruction_changed")
    assert await rows(town, payment) == []
    check(await li.show(payment, "pin", PIN), 200)


async def test_nobody_else_authorises(town: Town) -> None:
    li, other, shop = await payer(town, "pin"), await payer(town, "pin"), await town.shop()
    payment = await li.pay(shop, 200_000)
    looked_at = (await li.look(payment))["instruction_sha256"]
    check(await other.look(payment), 404, "payment_unknown")
    check(await other.show(payment, "pin", PIN, looked_at=looked_at), 404, "payment_unknown")
    check(await town.get(f"/v1/payments/{payment}/authorisation"), 404, "payment_unknown")
    check(await li.show(payment, "pin", PIN), 200)
    check(await other.confirm(payment), 404, "payment_unknown")
    check(await li.confirm(payment, by="bank"), 403, "authorisation_needed")
    assert check(await li.confirm(payment), 200)["state"] == "completed"


async def test_a_favourite_is_asked_first_and_never_instead_of_what_is_needed(town: Town) -> None:
    li, shop = await payer(town, "pin", "sms", "totp"), await town.shop()
    async with town.db.tx() as tx:
        await identity.prefer(tx, li.account.customer_id, identity.FactorKind.SMS, by=li.himself, at=town.at)
    payment = await li.pay(shop, 600_000)
    assert (await li.look(payment))["methods"] == ["sms", "pin", "totp"]
    key = town.id()
    check(await li.ask_code(payment, key=key), 202)
    shown = check(await li.show(payment, "sms", await li.code(), code_id=str(key)), 200)
    assert (shown["methods"], shown["enough"]) == (["pin"], False)


async def test_the_right_one_twice_is_shown_once(town: Town) -> None:
    li, shop = await payer(town, "totp"), await town.shop()
    payment = await li.pay(shop, 200_000)
    code = li.app_code()
    assert check(await li.show(payment, "totp", code), 200)["enough"]
    assert check(await li.show(payment, "totp", code), 200)["enough"], "the same request again"
    assert len(await rows(town, payment)) == 1
    other = await li.pay(shop, 300_000)
    check(await li.show(other, "totp", code), 409, "code_used")


async def proof_of(li: Payer, payment: UUID) -> dict[str, Any]:
    return check(await li.town.get(f"/v1/payments/{payment}/proof", by=li.key), 200).body


@pytest.fixture
async def proven(town: Town) -> tuple[Payer, UUID]:
    li, shop = await payer(town, "pin", "totp"), await town.shop("兰州拉面")
    payment = await li.pay(shop, 600_000)
    check(await li.show(payment, "pin", PIN), 200)
    check(await li.show(payment, "totp", li.app_code()), 200)
    check(await li.confirm(payment), 200)
    return li, payment


async def test_the_proof_says_what_was_agreed_and_how(town: Town, proven: tuple[Payer, UUID]) -> None:
    li, payment = proven
    found = await proof_of(li, payment)
    said = found["proof"]
    assert said["instruction"]["amount_minor"] == 600_000
    assert said["instruction"]["payee"] == "兰州拉面"
    assert sha256(canonical(said["instruction"])).hexdigest() == said["instruction_sha256"]
    assert [(one["kind"], one["sorts"]) for one in said["evidence"]] == [
        ("pin", ["knowledge"]),
        ("totp", ["possession"]),
    ]
    assert said["asked"] == {
        "policy_version": 1,
        "ways": 2,
        "large": False,
        "signed": False,
        "why": ["above_one"],
    }
    assert said["payer_id"] == str(li.account.customer_id)
    assert PIN not in json.dumps(found)
    key = vault.PublicKey.from_jwk(said["bank_key"])
    assert key.verify(canonical(said), urlsafe_b64decode(found["signature"] + "=="))
    async with town.db.read() as tx:
        assert await vault.bank_keys(tx) == [key]


async def test_the_proof_is_the_banks_and_the_payers(town: Town, proven: tuple[Payer, UUID]) -> None:
    li, payment = proven
    check(await town.get(f"/v1/payments/{payment}/proof"), 200)
    other = come_in(town, await town.person())
    check(await town.get(f"/v1/payments/{payment}/proof", by=other), 404, "payment_unknown")
    simple = check(await town.pay_by_http(li.account, await town.person(), 100), 201)
    check(await town.get(f"/v1/payments/{simple['id']}/proof"), 404, "no_proof")


async def test_two_hundred_confirmations_pay_once(town: Town) -> None:
    li, shop = await payer(town, "pin"), await town.shop()
    payment = await li.pay(shop, 200_000)
    check(await li.show(payment, "pin", PIN), 200)
    replies = await asyncio.gather(*(li.confirm(payment) for _ in range(200)))
    assert sum(reply.status == 200 for reply in replies) == 1
    assert await town.money(li.account) == (9_800_000, 0)
    assert await town.run_sql("SELECT count(*) FROM payments.proof") == [(1,)]


def changed(found: dict[str, Any], *path: str, to: Any) -> bytes:
    """The same file with one thing in it changed."""
    again = json.loads(json.dumps(found))
    place = again
    for name in path[:-1]:
        place = place[name]
    place[path[-1]] = to
    return json.dumps(again, ensure_ascii=False).encode()


async def test_a_proof_is_checked_without_the_bank(town: Town, proven: tuple[Payer, UUID]) -> None:
    found = await proof_of(*proven)
    raw = json.dumps(found, indent=2).encode()
    verified = payments.verify_proof(raw)
    assert (verified.instruction["amount_minor"], verified.evidence) == (600_000, ["pin", "totp"])
    (published,) = check(await town.get("/v1/proof-keys"), 200)["keys"]
    assert payments.verify_proof(raw, bank_kid=published["kid"]) == verified
    with pytest.raises(payments.WrongProof, match="not by the one that was named"):
        payments.verify_proof(raw, bank_kid="another")


@pytest.mark.parametrize(
    ("path", "to"),
    [
        (("proof", "instruction", "amount_minor"), 60_000),
        (("proof", "instruction", "payee"), "老王面馆"),
        (("proof", "instruction", "merchant_id"), None),
        (("proof", "instruction_sha256"), "0" * 64),
        (("proof", "evidence"), []),
        (("proof", "asked", "ways"), 1),
        (("proof", "confirmed_at"), "2026-01-01T00:00:00.000000Z"),
        (("signature",), "A" * 86),
        (("signature",), "!"),
        (("proof", "bank_key", "x"), "A" * 43),
        (("proof", "instruction", "amount_minor"), 600_000.0),
        (("more",), 1),
    ],
    ids=lambda value: ".".join(value) if isinstance(value, tuple) else str(value)[:12],
)
async def test_whatever_is_changed_in_a_proof_shows(proven: tuple[Payer, UUID], path: tuple[str, ...], to: Any) -> None:
    found = await proof_of(*proven)
    with pytest.raises(payments.WrongProof):
        payments.verify_proof(changed(found, *path, to=to))


async def test_a_bank_that_signs_less_than_it_asked_for_is_caught(town: Town, proven: tuple[Payer, UUID]) -> None:
    """Signed by the bank's own key, and still not true."""
    said = (await proof_of(*proven))["proof"]
    async with town.db.tx() as tx:
        key = await vault.bank_key(tx, town.at)

    def signed(**other: Any) -> bytes:
        forged = {**said, **other}
        signature = urlsafe_b64encode(key.sign(canonical(forged))).decode().rstrip("=")
        return json.dumps({"proof": forged, "signature": signature}).encode()

    assert payments.verify_proof(signed()).bank_kid == key.public().kid
    with pytest.raises(payments.WrongProof, match="less was shown"):
        payments.verify_proof(signed(evidence=said["evidence"][:1]))
    with pytest.raises(payments.WrongProof, match="SHA-256"):
        payments.verify_proof(signed(instruction={**said["instruction"], "amount_minor": 1}))


@pytest.mark.parametrize(
    "raw", [b"", b"[]", b"{}", b"null", b'{"proof":{},"signature":""}', b'{"a":1,"a":2}', b"[" * 90_000]
)
def test_what_is_no_proof_at_all(raw: bytes) -> None:
    with pytest.raises(payments.WrongProof):
        payments.verify_proof(raw)


async def test_the_command_ends_with_what_it_found(proven: tuple[Payer, UUID], tmp_path: Path) -> None:
    found, file, run = await proof_of(*proven), tmp_path / "proof.json", CliRunner()
    file.write_text(json.dumps(found))
    done = run.invoke(app, ["verify-proof", str(file)])
    assert (done.exit_code, "True. ¥6,000.00 to 兰州拉面 from" in done.output) == (0, True), done.output
    file.write_bytes(changed(found, "proof", "instruction", "amount_minor", to=1))
    done = run.invoke(app, ["verify-proof", str(file)])
    assert (done.exit_code, "something was changed" in done.output) == (1, True), done.output


CORRUPTIONS = [
    "DELETE FROM payments.proof",
    "UPDATE payments.proof SET document = replace(document, '600000', '60000')",
    "UPDATE payments.proof SET signature = set_byte(signature, 5, get_byte(signature, 5) # 1)",
    "UPDATE payments.payment SET merchant_id = uuidv7() WHERE merchant_id IS NOT NULL",
    'UPDATE vault.bank_key SET jwk = jwk || \'{"x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}\'',
]


@pytest.mark.parametrize("statement", CORRUPTIONS, ids=[str(n) for n, _ in enumerate(CORRUPTIONS)])
async def test_a_corrupted_proof_is_found(town: Town, proven: tuple[Payer, UUID], statement: str) -> None:
    assert await wrong(town) == set()
    await town.run_sql(statement)
    assert "P11" in await wrong(town)


async def wrong(town: Town) -> set[str]:
    done = await prove(town.db, payments.CHECKS, town.clock)
    return {finding.invariant for one in done for finding in one.findings}
