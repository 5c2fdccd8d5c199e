"""The key by which the bank itself signs: made once, kept through a change of the root key, shown to no one."""

from __future__ import annotations

import asyncio

from tests.vault.house import AT, House
from tongbao import vault
from tongbao.base.clock import ManualClock


async def key_of(house: House) -> vault.PrivateKey:
    async with house.db.tx() as tx:
        return await vault.bank_key(tx, AT)


async def test_it_is_made_once_however_many_ask_first(house: House) -> None:
    keys = await asyncio.gather(*(key_of(house) for _ in range(10)))
    assert len({key.public().kid for key in keys}) == 1
    async with house.db.read() as tx:
        assert await vault.bank_keys(tx) == [keys[0].public()]
    signature = keys[3].sign(b"paid")
    assert keys[0].public().verify(b"paid", signature)
    assert not keys[0].public().verify(b"not paid", signature)


async def test_it_outlives_the_root_key(house: House) -> None:
    key, before = await key_of(house), house.keyring.active()
    new = house.keyring.prepare(AT)
    assert house.keyring.activate_newest() == new
    await vault.reencrypt(house.db, ManualClock(AT))
    assert new != before
    assert house.sql("SELECT root_id FROM vault.bank_key") == [(new,)]
    vault.use(house.keyring)
    assert (await key_of(house)).public() == key.public()


async def test_what_is_stored_of_it_is_sealed(house: House) -> None:
    pem = (await key_of(house)).to_pem(passphrase=None)
    ((sealed, wrapped, jwk),) = house.sql("SELECT sealed, wrapped, jwk FROM vault.bank_key")
    assert "d" not in jwk
    assert pem not in bytes(sealed) + bytes(wrapped)
