"""JSON routes of what passes between servers: public keys, what a key must show besides its secret, the bank's own keys."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Final, cast
from uuid import UUID

import msgspec
from litestar import Request, delete, get, post, put
from litestar.connection import ASGIConnection
from litestar.handlers import HTTPRouteHandler
from litestar.handlers.base import BaseRouteHandler
from litestar.params import FromQuery, JSONBody

from tongbao.base.db import Tx
from tongbao.base.principal import PERMISSION_MISSING, Principal, PrincipalKind, Rules
from tongbao.identity import certificates, envelopes, keys, signing_keys
from tongbao.identity import refusals as no
from tongbao.identity.model import Made
from tongbao.identity.wire_model import KeyUse, NewSigningKey, SigningKey
from tongbao.vault import ALGORITHM_REFUSED, KEY_MALFORMED
from tongbao.web.body import Body
from tongbao.web.paging import Page
from tongbao.web.site import By, Db, Id, Key, Now, authenticated, door_of, made, open_to_all, problems, require

_SERVERS: Final = (PrincipalKind.BANK, PrincipalKind.MERCHANT, PrincipalKind.PARTNER)

Jwk = Annotated[
    dict[str, Annotated[str, msgspec.Meta(max_length=2000)]],
    msgspec.Meta(
        max_length=16,
        description="A public JSON Web Key (RFC 7517) with `alg`: EdDSA, ES256, PS256, PS512 or SM2 signs, ECDH-ES+A256KW "
        "encrypts, and SM2 encrypts where `use` is `enc`.",
        examples=[
            {"kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"},
        ],
    ),
]


class SigningKeyOrder(Body, frozen=True):
    jwk: Jwk
    key_id: UUID | None = None
    """The API key that it belongs to; your own unless told. Another's needs `keys:write`."""
    note: Annotated[str, msgspec.Meta(max_length=200)] | None = None


class SigningKeyView(msgspec.Struct, kw_only=True):
    """`id` is the `keyid` of signatures."""

    id: UUID
    principal_id: UUID
    use: KeyUse
    alg: str
    jwk: dict[str, str]
    note: str | None
    created_at: datetime
    revoked_at: datetime | None


class RulesOrder(Body, frozen=True):
    signature: bool = False
    """Each request must be signed (RFC 9421)."""
    certificate: (
        Annotated[
            str,
            msgspec.Meta(
                max_length=20_000,
                description="The client certificate that connections must show: PEM, or the SHA-256 of its DER form in hexadecimal.",
                examples=["9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"],
            ),
        ]
        | None
    ) = None


class RulesView(msgspec.Struct, kw_only=True):
    signature: bool
    certificate: str | None
    """SHA-256 of the certificate's DER form, in hexadecimal."""


class EncryptionKeyView(msgspec.Struct, kw_only=True):
    """`jwk`: encrypt to it with `kid` in the header, until `ends_at`."""

    jwk: dict[str, str]
    made_at: datetime
    ends_at: datetime | None


class EncryptionKeys(msgspec.Struct, kw_only=True):
    keys: list[EncryptionKeyView]


async def of_a_server(connection: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler) -> None:
    """A guard: an API key for itself, or whoever manages keys. People who pay have no business here."""
    await authenticated(connection, handler)
    by: Principal = cast("Any", connection.scope)["tongbao.principal"]
    if by.kind not in _SERVERS and by.permissions.isdisjoint({"keys:read", "keys:write"}):
        raise PERMISSION_MISSING("needs an API key")


def _view(key: SigningKey) -> SigningKeyView:
    return SigningKeyView(
        id=key.id,
        principal_id=key.principal_id,
        use=key.use,
        alg=key.suite,
        jwk=key.jwk,
        note=key.note,
        created_at=key.created_at,
        revoked_at=key.revoked_at,
    )


async def _principal_of(tx: Tx, key_id: UUID | None, by: Principal, permission: str) -> UUID:
    """Whose public keys are meant: the caller's own, or those of an API key that he may manage."""
    if key_id is None:
        return by.id
    key = (await keys.find_keys(tx, [key_id])).get(key_id)
    if key is not None and key.principal_id == by.id:
        return by.id
    if permission not in by.permissions:
        raise PERMISSION_MISSING(f"needs {permission}")
    if key is None:
        raise no.KEY_UNKNOWN()
    return key.principal_id


@post(
    "/v1/signing-keys",
    guards=[of_a_server],
    tags=["keys"],
    summary="Register a public key, to sign requests with or to have answers encrypted to",
    operation_id="add_signing_key",
    response_description="The public key; its `id` is the `keyid` of signatures.",
    responses=problems(no.KEY_UNKNOWN, no.PRIVATE_KEY_SHOWN, KEY_MALFORMED, ALGORITHM_REFUSED, make=True),
)
async def add_signing_key(
    data: JSONBody[SigningKeyOrder], key: Key, principal: By, db: Db, clock: Now
) -> SigningKeyView:
    async def add(tx: Tx) -> Made[SigningKey]:
        whose = await _principal_of(tx, data.key_id, principal, "keys:write")
        new = NewSigningKey(id=key, principal_id=whose, jwk=data.jwk, note=data.note)
        return await signing_keys.add_signing_key(tx, new, by=principal, at=clock.now())

    done = await db.retry(add)
    return made(_view(done.thing), replayed=done.replayed)


@get(
    "/v1/signing-keys",
    guards=[of_a_server],
    tags=["keys"],
    summary="Public keys of an API key, newest first, revoked ones too",
    operation_id="list_signing_keys",
    response_description="The newest hundred.",
    responses=problems(no.KEY_UNKNOWN),
)
async def list_signing_keys(principal: By, db: Db, key_id: FromQuery[UUID | None] = None) -> Page[SigningKeyView]:
    async with db.read() as tx:
        whose = await _principal_of(tx, key_id, principal, "keys:read")
        found = await signing_keys.signing_keys_of(tx, whose)
    return Page(items=[_view(key) for key in found])


@delete(
    "/v1/signing-keys/{id:uuid}",
    status_code=204,
    guards=[of_a_server],
    tags=["keys"],
    summary="Revoke a public key, for ever",
    operation_id="revoke_signing_key",
    response_description="Revoked now or before; what it signs is refused everywhere within two seconds.",
    responses=problems(no.SIGNING_KEY_UNKNOWN),
)
async def revoke_signing_key(id: Id, principal: By, db: Db, clock: Now) -> None:
    async def revoke(tx: Tx) -> SigningKey:
        return await signing_keys.revoke_signing_key(tx, id, by=principal, at=clock.now())

    await db.retry(revoke)


@get(
    "/v1/keys/{id:uuid}/rules",
    guards=[require("keys:read")],
    tags=["keys"],
    summary="What a key must show besides its secret",
    operation_id="get_key_rules",
    response_description="The rules, of all keys that this one was rotated from and to.",
    responses=problems(no.KEY_UNKNOWN),
)
async def get_rules(id: Id, db: Db) -> RulesView:
    async with db.read() as tx:
        key = (await keys.find_keys(tx, [id])).get(id)
        if key is None:
            raise no.KEY_UNKNOWN()
        return _rules_view(await signing_keys.rules_of(tx, key.principal_id))


@put(
    "/v1/keys/{id:uuid}/rules",
    guards=[require("keys:write")],
    tags=["keys"],
    summary="Demand signed requests or a client certificate of a key",
    operation_id="set_key_rules",
    response_description="The rules; heeded everywhere within two seconds.",
    responses=problems(no.KEY_UNKNOWN, no.SIGNING_KEY_NEEDED, no.CERTIFICATE_MALFORMED, write=True),
)
async def set_rules(
    id: Id, data: JSONBody[RulesOrder], request: Request[Any, Any, Any], principal: By, db: Db, clock: Now
) -> RulesView:
    shown = None if data.certificate is None else certificates.fingerprint(data.certificate)
    rules = Rules(signature=data.signature, certificate=shown)

    async def write(tx: Tx) -> Rules:
        return await signing_keys.set_rules(tx, id, rules, by=principal, at=clock.now())

    done = await db.retry(write)
    door_of(request).forget()
    return _rules_view(done)


def _rules_view(rules: Rules) -> RulesView:
    return RulesView(
        signature=rules.signature, certificate=rules.certificate.hex() if rules.certificate is not None else None
    )


@get(
    "/v1/encryption-keys",
    guards=[open_to_all],
    security=[{}],
    tags=["keys"],
    summary="The bank's public keys for encrypted requests, newest first",
    operation_id="list_encryption_keys",
    response_description="Encrypt to the first one of the suite that you speak. None: the bank takes no encrypted requests.",
    responses=problems(known=False),
)
async def list_encryption_keys(db: Db, clock: Now) -> EncryptionKeys:
    async with db.read() as tx:
        found = await envelopes.envelope_keys(tx, at=clock.now())
    return EncryptionKeys(
        keys=[EncryptionKeyView(jwk=key.jwk, made_at=key.made_at, ends_at=key.ends_at) for key in found]
    )


ROUTES: Final[tuple[HTTPRouteHandler, ...]] = (
    add_signing_key,
    list_signing_keys,
    revoke_signing_key,
    get_rules,
    set_rules,
    list_encryption_keys,
)
