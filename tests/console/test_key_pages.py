"""API keys in a browser: made, replaced and ended; the secret is shown once, and never again."""

from __future__ import annotations

import re
from uuid import UUID, uuid4

import pytest

from tests.console.house import HOSTILE, House, Shown
from tongbao import identity
from tongbao.base.refusal import Refusal
from tongbao.identity import PERMISSIONS, ApiKey, KeyKind, Role
from tongbao.identity.key_pages import RIGHT_MESSAGES

NEW = "/staff/keys/new"


def secret(page: Shown) -> str | None:
    found = re.search(r'<dd class="id" id="secret">(.*?)</dd>', page.html)
    return found[1] if found else None


async def keys(house: House) -> list[ApiKey]:
    async with house.db.read() as tx:
        return await identity.list_keys(tx)


async def opens(house: House, token: str) -> bool:
    async with house.db.read() as tx:
        try:
            await identity.authenticate(tx, token, at=house.at)
        except Refusal:
            return False
    return True


async def make(house: House, by: str, kind: KeyKind = KeyKind.BANK, **more: object) -> tuple[UUID, str]:
    """A new key: its id and its secret."""
    page = await house.look(f"{NEW}?kind={kind}", by)
    done = await house.send_form(NEW, {**page.hidden(), "everything": "on", "reason": "the app needs it", **more}, by)
    if kind == "bank":
        await house.agree(done)
        done = await house.send_form(f"{done.to}/key", {"x": "1"}, by)
    assert done.status == 200, done.text
    text = secret(done)
    assert text is not None
    return UUID(page.hidden()["id"]), text


def test_every_permission_has_its_words() -> None:
    assert RIGHT_MESSAGES == PERMISSIONS


async def test_a_merchant_s_key_with_two_rights(house: House) -> None:
    by, shop = house.staff(Role.ADMIN), await house.shop()
    page = await house.look(f"{NEW}?kind=merchant&subject={shop.id}", by)
    assert "payments:debit" not in page.text, "a merchant's key never debits a payer"
    form = {
        **page.hidden(),
        "subject": shop.id,
        "note": "收银台 3",
        "may_orders_write": "on",
        "may_payments_read": "on",
    }
    done = await house.send_form(NEW, form, by)
    text = secret(done)
    assert text is not None
    assert done.headers["cache-control"] == "no-store"
    assert 'data-copy="secret"' in done.html
    assert await opens(house, text)
    (key,) = await keys(house)
    assert (key.kind, key.subject_id, key.note) == (KeyKind.MERCHANT, shop.id, "收银台 3")
    assert key.permissions == {"orders:write", "payments:read"}
    listed = await house.look("/staff/keys", by)
    assert "收银台 3" in listed.text
    assert text not in listed.html
    assert text not in (await house.look(f"/staff/keys/{key.id}", by)).html


async def test_loaded_again_the_page_does_not_show_the_secret_again(house: House) -> None:
    by = house.staff(Role.ADMIN)
    page = await house.look(f"{NEW}?kind=bank", by)
    form = {**page.hidden(), "may_orders_read": "on", "reason": "reading"}
    proposed, twice = await house.send_form(NEW, form, by), await house.send_form(NEW, form, by)
    assert twice.to == proposed.to
    assert not await keys(house), "one person makes no key of the bank"
    draw = f"{proposed.to}/key"
    assert (await house.send_form(draw, {"x": "1"}, by)).status == 409, "nobody has agreed yet"
    await house.agree(proposed)
    assert "Draw it now" in (await house.look(proposed.to, by)).text
    assert (await house.send_form(draw, {"x": "1"}, house.staff(Role.ADMIN))).status == 409, "another one draws nothing"
    first, second = await house.send_form(draw, {"x": "1"}, by), await house.send_form(draw, {"x": "1"}, by)
    assert secret(first) is not None
    assert secret(second) is None
    assert "This key was made before" in second.text
    assert len(await keys(house)) == 1
    other = await house.send_form(NEW, {**form, "may_orders_write": "on"}, by)
    assert other.status == 409, "the same id is not another key"


async def test_a_key_ends_with_the_day_that_was_named(house: House) -> None:
    by = house.staff(Role.ADMIN)
    _, text = await make(house, by, expires_on="2026-11-23")
    house.later(hours=14, minutes=59)  # nine in the morning it was
    assert await opens(house, text)
    house.later(minutes=1)
    assert not await opens(house, text)
    assert "expired" in (await house.look("/staff/keys", by)).text


async def test_replaced_by_a_new_one_while_the_old_one_works_on(house: House) -> None:
    by = house.staff(Role.ADMIN)
    id_, old = await make(house, by)
    page = await house.look(f"/staff/keys/{id_}", by)
    form = {**page.hidden(), "overlap_s": 3600, "reason": "every year"}
    proposed = await house.send_form(f"/staff/keys/{id_}/rotate", form, by)
    assert len(await keys(house)) == 1
    await house.agree(proposed)
    done = await house.send_form(f"{proposed.to}/key", {"x": "1"}, by)
    new = secret(done)
    assert new is not None
    assert secret(await house.send_form(f"{proposed.to}/key", {"x": "1"}, by)) is None
    assert len(await keys(house)) == 2
    assert await opens(house, old)
    assert await opens(house, new)
    assert "replaced, works until its end" in (await house.look(f"/staff/keys/{id_}", by)).text
    house.later(hours=1)
    assert not await opens(house, old)
    again = await house.send_form(f"/staff/keys/{id_}/rotate", {**form, "id": house.id()}, by)
    assert (again.status, "The key has expired, was revoked or was rotated." in again.text) == (409, True)


async def test_revoked_after_a_second_look_and_for_ever(house: House) -> None:
    by = house.staff(Role.ADMIN)
    id_, text = await make(house, by)
    path = f"/staff/keys/{id_}/revoke"
    assert path in (await house.look(f"/staff/keys/{id_}", by)).links()
    form = (await house.look(path, by)).hidden()
    assert await opens(house, text), "looking ends nothing"
    assert (await house.send_form(path, {"id": uuid4()}, by)).status == 422
    done = await house.send_form(path, form, by)
    assert (done.to, done.said) == (f"/staff/keys/{id_}", "Revoked. It is refused everywhere within two seconds.")
    assert not await opens(house, text)
    assert (await house.send_form(path, form, by)).status == 303
    assert len(await house.audited("key.revoke")) == 1
    page = await house.look(f"/staff/keys/{id_}", by)
    assert "revoked" in page.text
    assert "Revoke this key" not in page.text


@pytest.mark.parametrize(
    ("kind", "wrong", "said"),
    [
        ("bank", {}, "Choose at least one right."),
        ("merchant", {"may_orders_read": "on"}, "A merchant's or partner's key names the one it acts for"),
        ("merchant", {"may_orders_read": "on", "subject": "noodles"}, "This is not an id."),
        (
            "merchant",
            {"may_orders_read": "on", "subject": str(uuid4())},
            "There is nobody that this key could act for.",
        ),
        ("merchant", {"may_payments_debit": "on", "subject": str(uuid4())}, "nobody that this key could act for"),
        ("bank", {"everything": "on", "expires_on": "2020-01-01"}, "The expiry lies in the past."),
        ("bank", {"everything": "on", "expires_on": "soon"}, "Please type a date"),
        ("bank", {"everything": "on", "note": HOSTILE[5]}, "This is too long."),
        ("bank", {"everything": "on", "kind": "king"}, "This is not one of the choices"),
        ("bank", {"may_staff_write": "on"}, "A key of this kind can never hold that permission."),
        ("bank", {"everything": "on", "id": "1"}, "This form is of another version of the page."),
    ],
)
async def test_what_is_wrong_is_said_and_no_key_is_made(
    house: House, kind: str, wrong: dict[str, str], said: str
) -> None:
    by = house.staff(Role.ADMIN)
    page = await house.look(f"{NEW}?kind={kind}", by)
    told = await house.send_form(NEW, {**page.hidden(), "reason": "a try", **wrong}, by)
    assert told.status in (409, 422)
    assert said in told.text
    assert await keys(house) == []


async def test_a_right_that_a_merchant_s_key_cannot_hold(house: House) -> None:
    by, shop = house.staff(Role.ADMIN), await house.shop()
    page = await house.look(f"{NEW}?kind=merchant", by)
    told = await house.send_form(NEW, {**page.hidden(), "subject": shop.id, "may_payments_debit": "on"}, by)
    assert (told.status, "can never hold that permission" in told.text) == (422, True)
    assert await keys(house) == []


async def test_hostile_notes_are_text_and_nothing_else(house: House) -> None:
    by = house.staff(Role.ADMIN)
    for note in HOSTILE[:5]:
        id_, _ = await make(house, by, note=note)
        for path in ("/staff/keys", f"/staff/keys/{id_}", f"/staff/keys/{id_}/revoke"):
            assert "<script>alert" not in (await house.look(path, by)).html
    assert {key.note for key in await keys(house)} == set(HOSTILE[:5])


async def test_who_only_looks_makes_and_ends_nothing(house: House) -> None:
    admin, auditor, operator = (house.staff(role) for role in (Role.ADMIN, Role.AUDITOR, Role.OPERATOR))
    id_, text = await make(house, admin)
    page = await house.look(f"/staff/keys/{id_}", auditor)
    assert page.status == 200
    assert 'method="post"' not in page.html.partition("<main")[2]
    for path in (NEW, f"/staff/keys/{id_}/revoke"):
        assert (await house.look(path, auditor)).status == 403
    for path in (NEW, f"/staff/keys/{id_}/revoke", f"/staff/keys/{id_}/rotate"):
        assert (await house.send_form(path, {"id": id_, "overlap_s": 0, "kind": "bank"}, auditor)).status == 403
    assert (await house.look("/staff/keys", operator)).status == 403
    assert (await house.look("/staff/keys", None)).status == 303
    assert await opens(house, text)
    assert len(await keys(house)) == 1


async def test_a_key_that_nobody_knows(house: House) -> None:
    by, id_ = house.staff(Role.ADMIN), uuid4()
    for path in (f"/staff/keys/{id_}", f"/staff/keys/{id_}/revoke"):
        assert (await house.look(path, by)).status == 404
    assert (await house.send_form(f"/staff/keys/{id_}/rotate", {"id": house.id(), "overlap_s": 0}, by)).status == 404
    assert (await house.send_form(f"/staff/keys/{id_}/revoke", {"id": id_}, by)).status == 404


async def test_keys_of_one_shop_and_pages_that_meet(house: House) -> None:
    by, shop = house.staff(Role.ADMIN), await house.shop()
    await make(house, by)
    mine, _ = await make(house, by, KeyKind.MERCHANT, subject=shop.id)
    only = await house.look(f"/staff/keys?subject={shop.id}", by)
    assert [href for href in only.links() if re.fullmatch(r"/staff/keys/[0-9a-f-]{36}", href)] == [
        f"/staff/keys/{mine}"
    ]
    assert (await house.look("/staff/keys?subject=noodles", by)).status == 422


async def test_it_is_all_said_in_chinese(house: House) -> None:
    by = house.staff(Role.ADMIN)
    page = await house.look(f"{NEW}?kind=bank", by, lang="zh")
    assert "从付款人账户扣款" in page.text
    form = {**page.hidden(), "may_orders_read": "on", "reason": "对账系统使用"}
    proposed = await house.send_form(NEW, form, by, lang="zh")
    await house.agree(proposed)
    assert "待您领取" in (await house.look(proposed.to, by, lang="zh")).text
    done = await house.send_form(f"{proposed.to}/key", {"x": "1"}, by, lang="zh")
    assert "完整密钥仅显示这一次" in done.text
    house.later(seconds=1)
    listed = await house.look("/staff/keys", by, lang="zh")
    assert "有效" in listed.text
