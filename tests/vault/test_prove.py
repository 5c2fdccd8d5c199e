"""The proof holds for a vault that works, and names each datum and key that was edited, swapped or moved."""

from __future__ import annotations

import pytest

from tests.vault.house import AT, WANG, House
from tongbao import vault
from tongbao.base.clock import ManualClock
from tongbao.base.prove import Finding, prove
from tongbao.base.refusal import Refusal
from tongbao.vault import Kind


async def wrong(house: House) -> list[Finding]:
    done = await prove(house.db, vault.CHECKS, ManualClock(AT))
    assert sum(check.rows for check in done) > 0
    return [finding for check in done for finding in check.findings]


@pytest.mark.parametrize(
    ("invariant", "bent"),
    [
        ("V1", "UPDATE vault.subject_key SET wrapped = NULL, kek_id = NULL, destroyed_at = made_at WHERE subject_id = %(wang)s"),
        ("V2", "UPDATE vault.datum SET sealed = set_byte(sealed, 20, get_byte(sealed, 20) # 1) WHERE subject_id = %(wang)s AND kind = 'name'"),
        ("V2", "UPDATE vault.datum d SET sealed = o.sealed, fingerprint = o.fingerprint FROM vault.datum o WHERE d.subject_id = %(wang)s AND o.subject_id = %(li)s AND o.kind = d.kind AND d.kind = 'phone'"),
        ("V2", "UPDATE vault.datum d SET sealed = o.sealed FROM vault.datum o WHERE d.subject_id = %(wang)s AND o.subject_id = %(wang)s AND d.kind = 'phone' AND o.kind = 'id_number'"),
        ("V3", "UPDATE vault.datum d SET fingerprint = o.fingerprint FROM vault.datum o WHERE d.subject_id = %(wang)s AND o.subject_id = %(li)s AND o.kind = d.kind AND d.kind = 'phone'"),
        ("V4", "UPDATE vault.subject_key s SET wrapped = o.wrapped FROM vault.subject_key o WHERE s.subject_id = %(wang)s AND o.subject_id = %(li)s"),
    ],
)  # fmt: skip
async def test_what_was_bent_is_named(house: House, invariant: str, bent: str) -> None:
    wang = await house.person()
    li = await house.person({Kind.NAME: "李娜", Kind.PHONE: "13900139000", Kind.ID_NUMBER: "110101199003074477"})
    assert await wrong(house) == []
    house.sql(bent.replace("%(wang)s", f"'{wang}'").replace("%(li)s", f"'{li}'"))
    found = await wrong(house)
    assert invariant in {finding.invariant for finding in found}
    assert all(str(wang) in finding.key for finding in found)
    shown = repr(found)
    assert not any(text in shown for text in (*WANG.values(), "李娜"))


async def test_an_empty_vault_is_proved_without_a_keyring(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    vault.use(None)
    monkeypatch.delenv("TONGBAO_KEYRING")
    assert all(not check.findings for check in await prove(house.db, vault.CHECKS, ManualClock(AT)))


async def test_a_full_one_is_not_said_to_hold_without_a_keyring(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    await house.person()
    vault.use(None)
    monkeypatch.delenv("TONGBAO_KEYRING")
    with pytest.raises(Refusal, match="keyring_missing"):
        await wrong(house)


async def test_what_was_erased_is_no_finding(house: House) -> None:
    wang, _ = await house.person(), await house.person()
    await house.erase(wang)
    assert await wrong(house) == []
