"""JSON routes of a customer's own device keys: an app binds its device by a public key."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Final
from uuid import UUID

import msgspec
from litestar import Request, delete, get, post, put
from litestar.handlers import HTTPRouteHandler
from litestar.params import JSONBody

from tongbao.base.db import Tx
from tongbao.base.principal import Principal
from tongbao.identity import refusals as no
from tongbao.identity.device_keys import add_device_key, attest_device, device_keys_of, remove_device_key
from tongbao.identity.model import Made
from tongbao.identity.passkey_model import DeviceKey, DeviceState
from tongbao.vault import REFUSALS as SHUT
from tongbao.web import pages
from tongbao.web.body import Body
from tongbao.web.paging import Page
from tongbao.web.site import By, Db, Id, Key, Now, made, problems, require

_BY_CODE: Final = {kind.code: kind for kind in SHUT}

Jwk = Annotated[
    dict[str, Annotated[str, msgspec.Meta(max_length=2000)]],
    msgspec.Meta(
        max_length=16,
        description="A public JSON Web Key (RFC 7517) with `alg` EdDSA, ES256, PS256 or SM2; the private part never leaves "
        "the device.",
        examples=[
            {"kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"},
        ],
    ),
]


class DeviceKeyOrder(Body, frozen=True):
    jwk: Jwk
    name: Annotated[str, msgspec.Meta(min_length=1, max_length=60, examples=["Pixel 8"])]


class Attestation(Body, frozen=True):
    """What the app found where it runs."""

    state: DeviceState


class DeviceKeyView(msgspec.Struct, kw_only=True):
    """`id` names the key where a payment is signed; `state` is the worst that the app has attested of the device."""

    id: UUID
    alg: str
    jwk: dict[str, str]
    name: str
    made_at: datetime
    used_at: datetime | None
    state: DeviceState | None


def _view(key: DeviceKey) -> DeviceKeyView:
    return DeviceKeyView(
        id=key.id,
        alg=key.suite,
        jwk=key.jwk,
        name=key.name,
        made_at=key.made_at,
        used_at=key.used_at,
        state=key.state,
    )


def _holder(principal: Principal) -> UUID:
    assert principal.subject_id is not None, "only customers hold me:read and me:pay"
    return principal.subject_id


@post(
    "/v1/me/device-keys",
    guards=[require("me:pay")],
    tags=["keys"],
    summary="Bind a device of one's own by its public key",
    operation_id="add_device_key",
    response_description="The key; the same key again is the one that was bound before.",
    responses=problems(
        no.PRIVATE_KEY_SHOWN,
        _BY_CODE["key_malformed"],
        _BY_CODE["algorithm_refused"],
        no.DEVICE_KEY_SUITE,
        no.CUSTOMER_UNKNOWN,
        no.CUSTOMER_CLOSED,
        no.DEVICE_KEY_OVER,
        no.TOO_MANY_OF_THESE,
        make=True,
    ),
)
async def add_key(
    data: JSONBody[DeviceKeyOrder], key: Key, principal: By, request: Request[Any, Any, Any], db: Db, clock: Now
) -> DeviceKeyView:
    async def add(tx: Tx) -> Made[DeviceKey]:
        said: Any = {"name": data.name, "by": principal, "at": clock.now(), "lang": pages.language(request)}
        return await add_device_key(tx, _holder(principal), dict(data.jwk), **said)

    done = await db.retry(add)
    return made(_view(done.thing), replayed=done.replayed)


@get(
    "/v1/me/device-keys",
    guards=[require("me:read")],
    tags=["keys"],
    summary="One's own devices that sign",
    operation_id="list_device_keys",
    response_description="The oldest first; removed ones are not there.",
    responses=problems(),
)
async def list_keys(principal: By, db: Db) -> Page[DeviceKeyView]:
    async with db.read() as tx:
        found = await device_keys_of(tx, _holder(principal))
    return Page(items=[_view(key) for key in found])


@put(
    "/v1/me/device-keys/{id:uuid}/state",
    guards=[require("me:pay")],
    tags=["keys"],
    summary="Say whether a device of one's own is sound, rooted or has malware",
    operation_id="attest_device",
    response_description="The key with the state that counts: it only becomes worse, until the device is bound anew.",
    responses=problems(no.CUSTOMER_UNKNOWN, no.CUSTOMER_CLOSED, no.DEVICE_KEY_UNKNOWN, write=True),
)
async def attest(id: Id, data: JSONBody[Attestation], principal: By, db: Db, clock: Now) -> DeviceKeyView:
    async def write(tx: Tx) -> DeviceKey:
        return await attest_device(tx, _holder(principal), id, data.state, by=principal, at=clock.now())

    return _view(await db.retry(write))


@delete(
    "/v1/me/device-keys/{id:uuid}",
    status_code=204,
    guards=[require("me:pay")],
    tags=["keys"],
    summary="Remove a device that signs, for ever",
    operation_id="remove_device_key",
    response_description="Removed; what it signs is refused from now on.",
    responses=problems(no.CUSTOMER_UNKNOWN, no.CUSTOMER_CLOSED, no.DEVICE_KEY_UNKNOWN),
)
async def remove_key(id: Id, principal: By, request: Request[Any, Any, Any], db: Db, clock: Now) -> None:
    async def remove(tx: Tx) -> None:
        said: Any = {"by": principal, "at": clock.now(), "lang": pages.language(request)}
        await remove_device_key(tx, _holder(principal), id, **said)

    await db.retry(remove)


ROUTES: Final[tuple[HTTPRouteHandler, ...]] = (add_key, list_keys, attest, remove_key)
