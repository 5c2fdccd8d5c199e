"""What customers prove themselves with: set, guessed at, changed, preferred, removed; and which secrets are too weak."""

from __future__ import annotations

import logging
from datetime import date, timedelta
from random import Random
from typing import TYPE_CHECKING, Any

import pytest

from tests.identity.phone import sent_to
from tongbao import identity, vault
from tongbao.base import audit
from tongbao.base.principal import SYSTEM, Principal, PrincipalKind
from tongbao.base.refusal import Refusal
from tongbao.identity import Factor, FactorKind, Guarded, Sort
from tongbao.identity.tell import FACTOR_MESSAGES, NOTICE_MESSAGES
from tongbao.web import i18n

if TYPE_CHECKING:
    from uuid import UUID

    from tests.identity.conftest import World

PASSWORD, PIN = "一匹马两匹马三匹马", "271813"
PASSWORD_HASH, PIN_HASH = identity.hash_password(PASSWORD, bytes(16)), identity.hash_password(PIN, bytes(16))
PHONE = "+8613800138000"


def himself(customer_id: UUID) -> Principal:
    return Principal(id=customer_id, kind=PrincipalKind.CUSTOMER, subject_id=customer_id)


async def with_pin(world: World, **other: Any) -> UUID:
    customer = await world.customer()
    async with world.db.tx() as tx:
        await identity.set_pin(tx, customer.id, PIN_HASH, by=himself(customer.id), at=world.at, **other)
    return customer.id


async def enter(
    world: World, holder_id: UUID, secret: str, kind: FactorKind = FactorKind.PIN, **other: Any
) -> str | None:
    """As an edge does it: take a try, compare outside of any transaction, settle. None: it was right."""
    async with world.db.tx() as tx:
        guarded = await identity.attempt(tx, holder_id, kind, at=world.at)
    if isinstance(guarded, Refusal):
        return guarded.code
    ok = identity.verify_password(guarded.stored, secret)
    async with world.db.tx() as tx:
        said = await identity.settle_attempt(tx, guarded, ok, at=world.at, **other)
    return said.code if said else None


async def kinds(world: World, customer_id: UUID) -> list[FactorKind]:
    async with world.db.read() as tx:
        return [factor.kind for factor in (await identity.factors_of(tx, [customer_id]))[customer_id]]


async def trail(world: World, customer_id: UUID) -> list[tuple[str, dict[str, Any]]]:
    async with world.db.read() as tx:
        found = await audit.trail(tx, subject=customer_id)
    return [(entry.action, entry.details) for entry in reversed(found)]


async def test_a_pin_is_right_or_wrong(world: World) -> None:
    customer_id = await with_pin(world)
    assert await enter(world, customer_id, PIN) is None
    assert await enter(world, customer_id, "271814") == "factor_wrong"
    assert await enter(world, customer_id, PIN, FactorKind.PASSWORD) == "factor_wrong", "he has no password"


async def test_guessing_locks_for_longer_each_time_and_he_is_told_once(world: World) -> None:
    customer_id = await with_pin(world)
    assert [await enter(world, customer_id, "271814") for _ in range(6)] == ["factor_wrong"] * 5 + ["factor_locked"]
    assert await enter(world, customer_id, PIN) == "factor_locked", "the right one does not open a lock"
    world.clock.tick(timedelta(seconds=5))
    assert await enter(world, customer_id, "271814") == "factor_wrong"
    async with world.db.tx() as tx:
        locked = await identity.attempt(tx, customer_id, FactorKind.PIN, at=world.at)
    assert isinstance(locked, Refusal)
    assert (locked.code, locked.retry_after_s) == ("factor_locked", 10)
    texts = [text for _, _, text in await sent_to(world, customer_id)]
    assert texts.count("您的支付密码已连续输错五次，暂时无法再试。如非本人操作，请立即联系银行。") == 1
    assert ("factor.wrong", {"kind": "pin", "in_a_row": 6}) in await trail(world, customer_id)
    world.clock.tick(timedelta(seconds=10))
    assert await enter(world, customer_id, PIN) is None
    assert [await enter(world, customer_id, "271814") for _ in range(5)] == ["factor_wrong"] * 5, (
        "the count has started anew"
    )


async def test_each_secret_of_each_customer_is_counted_by_itself(world: World) -> None:
    mine, hers = await with_pin(world), await with_pin(world)
    for _ in range(5):
        await enter(world, mine, "271814")
    assert await enter(world, mine, PIN) == "factor_locked"
    assert await enter(world, hers, PIN) is None
    assert await enter(world, mine, PASSWORD, FactorKind.PASSWORD) == "factor_wrong"


async def test_nobody_is_counted_like_somebody(world: World) -> None:
    nobody = world.id()
    answers = [await enter(world, nobody, PASSWORD, FactorKind.PASSWORD) for _ in range(6)]
    assert answers == ["factor_wrong"] * 5 + ["factor_locked"]
    assert await trail(world, nobody) == []


async def test_a_try_that_is_never_settled_is_spent(world: World) -> None:
    customer_id = await with_pin(world)
    for _ in range(5):
        async with world.db.tx() as tx:
            assert isinstance(await identity.attempt(tx, customer_id, FactorKind.PIN, at=world.at), Guarded)
    assert await enter(world, customer_id, PIN) == "factor_locked"


async def test_a_pin_that_was_changed_meanwhile_is_wrong(world: World) -> None:
    customer_id = await with_pin(world)
    async with world.db.tx() as tx:
        guarded = await identity.attempt(tx, customer_id, FactorKind.PIN, at=world.at)
    assert isinstance(guarded, Guarded)
    world.clock.tick(timedelta(seconds=1))
    async with world.db.tx() as tx:
        new = identity.hash_password("161804", bytes(16))
        await identity.set_pin(tx, customer_id, new, by=himself(customer_id), at=world.at)
    async with world.db.tx() as tx:
        said = await identity.settle_attempt(tx, guarded, True, at=world.at)
    assert said is not None
    assert said.code == "factor_wrong"
    assert await enter(world, customer_id, "161804") is None


async def test_a_new_pin_ends_the_lock_of_the_old_one(world: World) -> None:
    customer_id = await with_pin(world)
    for _ in range(5):
        await enter(world, customer_id, "271814")
    async with world.db.tx() as tx:
        await identity.set_pin(tx, customer_id, PIN_HASH, by=himself(customer_id), at=world.at)
    assert await enter(world, customer_id, PIN) is None


async def test_what_he_has_is_shown_with_its_lock_and_his_choice(world: World) -> None:
    customer_id = await with_pin(world)
    world.clock.tick(timedelta(minutes=1))
    async with world.db.tx() as tx:
        await identity.set_password(tx, customer_id, PASSWORD_HASH, by=himself(customer_id), at=world.at)
        await identity.set_sms(tx, customer_id, by=SYSTEM, at=world.at + timedelta(seconds=1))
        await identity.prefer(tx, customer_id, FactorKind.SMS, by=himself(customer_id), at=world.at)
    for _ in range(5):
        await enter(world, customer_id, "271814")
    other = world.id()
    async with world.db.read() as tx:
        found = await identity.factors_of(tx, [customer_id, other])
    until = world.at + timedelta(seconds=5)
    assert found == {
        customer_id: [
            Factor(
                kind=FactorKind.PIN,
                set_at=world.at - timedelta(minutes=1),
                preferred=False,
                shut_until=until,
                sorts=frozenset((Sort.KNOWLEDGE,)),
            ),
            Factor(
                kind=FactorKind.PASSWORD,
                set_at=world.at,
                preferred=False,
                shut_until=None,
                sorts=frozenset((Sort.KNOWLEDGE,)),
            ),
            Factor(
                kind=FactorKind.SMS,
                set_at=world.at + timedelta(seconds=1),
                preferred=True,
                shut_until=None,
                sorts=frozenset((Sort.POSSESSION,)),
            ),
        ],
        other: [],
    }


ONE_SORT = [
    ([], True),
    ([FactorKind.PASSWORD], True),
    ([FactorKind.PASSWORD, FactorKind.PIN], True),
    ([FactorKind.SMS, FactorKind.TOTP], True),
    ([FactorKind.PIN, FactorKind.SMS], False),
    ([FactorKind.PASSWORD, FactorKind.PIN, FactorKind.TOTP], False),
]


@pytest.mark.parametrize(("has", "flagged"), ONE_SORT)
async def test_two_of_one_sort_are_not_two_factors(world: World, has: list[FactorKind], flagged: bool) -> None:
    factors = [
        Factor(kind=kind, set_at=world.at, preferred=False, shut_until=None, sorts=frozenset((kind.sort,)))
        for kind in has
    ]
    assert identity.one_sort_only(factors) is flagged


def test_sorts() -> None:
    assert {kind: kind.sort for kind in FactorKind} == {
        FactorKind.PASSWORD: Sort.KNOWLEDGE,
        FactorKind.PIN: Sort.KNOWLEDGE,
        FactorKind.SMS: Sort.POSSESSION,
        FactorKind.TOTP: Sort.POSSESSION,
        FactorKind.PASSKEY: Sort.POSSESSION,
        FactorKind.DEVICE: Sort.POSSESSION,
    }


async def test_every_change_is_told_to_him_and_in_the_audit_with_ids_only(world: World) -> None:
    customer_id = await with_pin(world, lang="en")
    async with world.db.tx() as tx:
        by = himself(customer_id)
        await identity.set_password(tx, customer_id, PASSWORD_HASH, by=by, at=world.at)
        await identity.set_sms(tx, customer_id, by=by, at=world.at)
        await identity.prefer(tx, customer_id, FactorKind.PIN, by=by, at=world.at)
        await identity.prefer(tx, customer_id, FactorKind.PIN, by=by, at=world.at)
        await identity.remove_factor(tx, customer_id, FactorKind.PIN, by=by, at=world.at, lang="en")
    assert sorted(await sent_to(world, customer_id)) == sorted(
        ("security", PHONE, text)
        for text in (
            "Your payment PIN was set or changed. If it was not you, tell the bank at once.",
            "您的登录密码已设置或更改。如非本人操作，请立即联系银行。",
            "您的首选验证方式已改为支付密码。如非本人操作，请立即联系银行。",
            "Your payment PIN was removed. If it was not you, tell the bank at once.",
        )
    )
    assert await trail(world, customer_id) == [
        ("factor.set", {"kind": "pin"}),
        ("factor.set", {"kind": "password"}),
        ("factor.set", {"kind": "sms"}),
        ("factor.prefer", {"kind": "pin"}),
        ("factor.remove", {"kind": "pin"}),
    ]
    assert await kinds(world, customer_id) == [FactorKind.PASSWORD, FactorKind.SMS]
    assert await enter(world, customer_id, PIN) == "factor_wrong"


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_notices_are_whole_in_both_languages(lang: str) -> None:
    for sentence in NOTICE_MESSAGES.values():
        for name in FACTOR_MESSAGES.values():
            word = i18n.say(name, lang)
            text = i18n.say(sentence, lang, factor=word)
            assert word in text
            assert "%" not in text
            assert text.isascii() is (lang == "en")


async def test_the_number_that_he_confirmed_himself_comes_first(world: World) -> None:
    customer = await world.customer()
    confirmed = vault.Datum(subject_id=customer.id, kind=vault.Kind.PHONE, text="+8613900139000")
    async with world.db.tx() as tx:
        await vault.keep(tx, [confirmed], at=world.at)
        await identity.set_pin(tx, customer.id, PIN_HASH, by=SYSTEM, at=world.at)
    assert [to for _, to, _ in await sent_to(world, customer.id)] == ["+8613900139000"]


async def test_who_has_no_telephone_is_told_nothing(world: World) -> None:
    new = identity.NewCustomer(id=world.id(), kind=identity.CustomerKind.PERSON, name="王小明")
    async with world.db.tx() as tx:
        await identity.register_customers(tx, [new], by=world.bank, at=world.at)
        await identity.set_pin(tx, new.id, PIN_HASH, by=SYSTEM, at=world.at)
    assert await sent_to(world, new.id) == []
    assert await enter(world, new.id, PIN) is None


async def test_what_cannot_be_changed(world: World) -> None:
    customer_id = await with_pin(world)
    by = himself(customer_id)
    async with world.db.tx() as tx:
        await identity.set_password(tx, customer_id, PASSWORD_HASH, by=by, at=world.at)
        for kind in (FactorKind.PASSWORD, FactorKind.SMS):
            with pytest.raises(Refusal, match="factor_stays"):
                await identity.remove_factor(tx, customer_id, kind, by=by, at=world.at)
        with pytest.raises(Refusal, match="factor_unknown"):
            await identity.remove_factor(tx, customer_id, FactorKind.TOTP, by=by, at=world.at)
        with pytest.raises(Refusal, match="factor_unknown"):
            await identity.prefer(tx, customer_id, FactorKind.TOTP, by=by, at=world.at)


async def test_only_he_and_the_bank_change_what_he_has(world: World) -> None:
    customer_id, stranger = await with_pin(world), await world.customer("李娜")
    async with world.db.tx() as tx:
        for by, whose in ((himself(stranger.id), customer_id), (SYSTEM, world.id())):
            with pytest.raises(Refusal, match="customer_unknown"):
                await identity.set_pin(tx, whose, PIN_HASH, by=by, at=world.at)
            with pytest.raises(Refusal, match="customer_unknown"):
                await identity.prefer(tx, whose, FactorKind.PIN, by=by, at=world.at)
            with pytest.raises(Refusal, match="customer_unknown"):
                await identity.remove_factor(tx, whose, FactorKind.PIN, by=by, at=world.at)


async def test_who_has_left_sets_nothing(world: World) -> None:
    customer = await world.customer()
    async with world.db.tx() as tx:
        await identity.close_customer(tx, customer.id, reason="moved away", by=SYSTEM, at=world.at)
        with pytest.raises(Refusal, match="customer_closed"):
            await identity.set_pin(tx, customer.id, PIN_HASH, by=SYSTEM, at=world.at)


async def test_a_stored_hash_is_sealed_and_opens_for_nobody_else(world: World) -> None:
    mine, hers = await with_pin(world), await with_pin(world)
    async with world.db.tx() as tx:
        (row,) = await tx.rows("SELECT sealed FROM identity.factor WHERE customer_id = %(id)s", id=mine)
        assert b"argon2" not in bytes(row[0])
        await tx.run(
            "UPDATE identity.factor SET sealed = %(sealed)s WHERE customer_id = %(id)s", sealed=row[0], id=hers
        )
    with pytest.raises(Refusal, match="seal_broken"):
        await enter(world, hers, PIN)


async def test_a_try_shows_no_secret(world: World) -> None:
    customer_id = await with_pin(world)
    async with world.db.tx() as tx:
        guarded = await identity.attempt(tx, customer_id, FactorKind.PIN, at=world.at)
    assert isinstance(guarded, Guarded)
    assert guarded.stored == PIN_HASH
    for shown in (repr(guarded), str(guarded), f"{guarded}"):
        assert "argon2" not in shown


async def test_nothing_secret_is_said_in_logs_audit_or_refusals(
    world: World, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    customer_id, code_id, seed = await with_pin(world), world.id(), identity.fresh_seed(world.chance.randbytes)
    purpose, said = identity.CodePurpose.PAY, []
    async with world.db.tx() as tx:
        await identity.new_code(
            tx, id=code_id, purpose=purpose, subject_id=customer_id, phone=PHONE, code="271828", at=world.at
        )
        await identity.begin_totp(tx, customer_id, seed, by=SYSTEM, at=world.at)
        said.append(await identity.attempt(tx, customer_id, FactorKind.PIN, at=world.at))
        said.append(await identity.check_code(tx, code_id, "161803", purpose=purpose, at=world.at))
        said.append(await identity.check_code(tx, code_id, "271828", purpose=purpose, at=world.at))
        said.append(await identity.check_code(tx, code_id, "271828", purpose=purpose, at=world.at))
        said.append(await identity.confirm_totp(tx, customer_id, "577215", by=SYSTEM, at=world.at))
    out, err = capfd.readouterr()
    heard = f"{said} {await trail(world, customer_id)} {caplog.text} {out} {err}"
    assert "factor.wrong" in heard
    for secret in (PIN, PIN_HASH, "271828", "161803", "577215", seed, PHONE, PHONE[3:]):
        assert secret not in heard


async def test_what_is_over_is_forgotten(world: World) -> None:
    customer_id = await with_pin(world)
    await enter(world, customer_id, "271814")
    async with world.db.tx() as tx:
        await identity.begin_totp(tx, customer_id, "A" * 32, by=SYSTEM, at=world.at)
        await identity.new_code(
            tx,
            id=world.id(),
            purpose=identity.CodePurpose.PAY,
            subject_id=customer_id,
            phone=PHONE,
            code="271828",
            at=world.at,
        )
    world.clock.tick(timedelta(days=30))
    async with world.db.tx() as tx:
        # A try at the PIN and the telephone's turn are one row each, beside the offer and the code.
        assert await identity.forget_sessions(tx, before=world.at - timedelta(days=1)) == 4
    assert await enter(world, customer_id, PIN) is None


WEAK_PASSWORDS = [
    ("", "password_short"),
    ("1234567", "password_short"),
    ("七个字的密码呀", "password_short"),
    ("\ufdfa", "password_short"),  # one character that NFKC makes eighteen
    ("x" * 257, "password_short"),
    ("password", "password_common"),
    ("Password1", "password_common"),
    ("ｐａｓｓｗｏｒｄ", "password_common"),
    ("woaini1314", "password_common"),
    ("a123456789", "password_common"),
    ("aaaaaaaaaaaaaaaaaaaa", "password_common"),
    ("abcdabcdabcdab", "password_common"),
    ("hijklmnop", "password_common"),
    ("98765432", "password_common"),
    ("asdfghjkl", "password_common"),
    ("13800138000", "password_common"),
    ("+8613800138000", "password_common"),
    ("8613800138000", "password_common"),
    ("a13800138000", "password_common"),
    ("00138000", "password_common"),
    ("110105194912310029", "password_common"),
    ("11010519491231002X", "password_common"),
    ("Wang Xiaoming", "password_common"),
    ("wangxiaoming1", "password_common"),
    ("Tongbao123", "password_common"),
]
ABOUT = (PHONE, "Wang Xiaoming", "11010519491231002X", "110105194912310029")


@pytest.mark.parametrize(("password", "code"), WEAK_PASSWORDS)
def test_weak_passwords_of_customers(password: str, code: str) -> None:
    with pytest.raises(Refusal) as refused:
        identity.check_customer_password(password, about=ABOUT)
    assert (refused.value.code, refused.value.field) == (code, "password")
    assert refused.value.detail is None, "what was typed is not said again"


GOOD_PASSWORDS = [
    "correct horse",
    "一匹马两匹马三匹马",
    "🐴🔋📎🐴🌊🪑🎈🧲",
    "abcdefgi",
    "13800138000 is not all",
    "x9x9x9k2",
    "y" * 250 + "abcdef",
]
"""Eight characters of any kind do: no capital, figure or sign is asked for."""


@pytest.mark.parametrize("password", GOOD_PASSWORDS)
def test_good_passwords_of_customers(password: str) -> None:
    identity.check_customer_password(password, about=ABOUT)


WEAK_PINS = [
    "123456",
    "654321",
    "000000",
    "111111",
    "012345",
    "987654",
    "890123",
    "135791",
    "121212",
    "123123",
    "112233",
    "123321",
    "100100",
    "110110",
    "520131",
    "147258",
    "159753",
    "168888",
    "147896",
    "138001",
    "001380",
    "138000",
    "110105",
    "519491",
    "491231",
    "310029",
    "900115",
    "011590",
    "150190",
    "199001",
    "011990",
]


@pytest.mark.parametrize("pin", WEAK_PINS)
def test_weak_pins(pin: str) -> None:
    with pytest.raises(Refusal) as refused:
        identity.check_pin(pin, about=ABOUT, birthday=date(1990, 1, 15))
    assert (refused.value.code, refused.value.field, refused.value.detail) == ("pin_weak", "pin", None)


@pytest.mark.parametrize(
    "pin", ["", "12345", "1234567", "12345a", "１２３４５６", "-12345", " 12345", "12 345", "二七一八一三"]
)
def test_what_is_no_pin(pin: str) -> None:
    with pytest.raises(Refusal, match="pin_form"):
        identity.check_pin(pin)


@pytest.mark.parametrize("pin", ["271813", "900115", "408317", "739206"])
def test_good_pins(pin: str) -> None:
    identity.check_pin(pin, about=ABOUT, birthday=date(1985, 6, 7))


def test_nearly_all_pins_are_left_to_choose_from() -> None:
    """Refusing too many would help whoever guesses."""
    chosen = [f"{number:06}" for number in Random(0).sample(range(10**6), 20_000)]
    refused = [pin for pin in chosen if _is_refused(pin)]
    assert 0 < len(refused) < len(chosen) // 100


def _is_refused(pin: str) -> bool:
    try:
        identity.check_pin(pin, about=ABOUT, birthday=date(1990, 1, 15))
    except Refusal:
        return True
    return False


def test_a_password_is_the_same_however_the_keyboard_writes_it() -> None:
    """NFKC before hashing (NIST SP 800-63B section 3.1.1.2): full-width letters, composed and decomposed accents."""
    stored = identity.hash_password("Ｃafé 一匹马", bytes(16))
    assert identity.verify_password(stored, "Cafe\u0301 一匹马")
    assert not identity.verify_password(stored, "cafe\u0301 一匹马")
