"""What a key must show besides its secret, as staff set it: public keys of its server, signatures on each request, a certificate."""

from __future__ import annotations

from hashlib import sha256
from typing import Annotated, Any, Final, Literal
from uuid import UUID

import msgspec
from litestar import get, post
from litestar.handlers import HTTPRouteHandler

from tongbao.base.db import Database, Tx
from tongbao.base.principal import Principal, Rules
from tongbao.base.refusal import Refusal
from tongbao.base.say import Lang
from tongbao.identity import certificates, keys, signing_keys
from tongbao.identity import refusals as no
from tongbao.identity.model import ApiKey
from tongbao.identity.wire_model import KeyUse, NewSigningKey, SigningKey
from tongbao.vault import KEY_MALFORMED, EncryptionKey, PublicKey
from tongbao.web import forms, i18n, pages, tables
from tongbao.web.forms import Filled, Form
from tongbao.web.listing import Listing, Marked
from tongbao.web.pages import Page, PageRequest
from tongbao.web.site import By, Db, FromPath, Id, Now, door_of, visitor
from tongbao.web.tables import Column

PAGE: Final = "identity/signing.html"
_USES: Final = {"signature": ("signs requests", "请求签名"), "encryption": ("opens answers", "应答解密")}
_STATES: Final = {"active": ("works", "有效"), "disabled": ("revoked", "已吊销")}
_LONGEST: Final = 20_000


def use_word(use: str, lang: Lang) -> str:
    return _USES[use][lang == "zh"]


def state_word(state: str, lang: Lang) -> str:
    return _STATES[state][lang == "zh"]


COLUMNS: Final = (
    Column("id", "Key id for signatures", "签名用密钥编号"),
    Column("state", "State", "状态", words=state_word),
    Column("use", "Use", "用途", words=use_word),
    Column("suite", "Algorithm", "算法"),
    Column("note", "Note", "备注"),
    Column("created_at", "Registered", "登记时间", tables.MOMENT),
    Column("revoked_at", "Revoked", "吊销时间", tables.MOMENT),
)


class AddForm(Form, frozen=True):
    id: UUID
    use: Literal["signature", "encryption"]
    public_key: Annotated[str, msgspec.Meta(min_length=1, max_length=_LONGEST)]
    note: Annotated[str, msgspec.Meta(max_length=200)] = ""


class RulesForm(Form, frozen=True):
    """`expected`: the rules that the page showed, so that a change by somebody else is not undone unseen."""

    expected: str
    signature: bool = False
    certificate: Annotated[str, msgspec.Meta(max_length=_LONGEST)] = ""


class RevokeForm(Form, frozen=True):
    id: UUID


class _Seen(msgspec.Struct, frozen=True, kw_only=True):
    key: ApiKey
    rules: Rules
    public: list[SigningKey]


def _stamp(rules: Rules) -> str:
    return sha256(b"%d %s" % (rules.signature, rules.certificate or b"")).hexdigest()[:16]


async def _seen(db: Database, id: UUID) -> _Seen:
    async with db.read() as tx:
        key = (await keys.find_keys(tx, [id])).get(id)
        if key is None:
            raise no.KEY_UNKNOWN()
        rules = await signing_keys.rules_of(tx, key.principal_id)
        return _Seen(key=key, rules=rules, public=await signing_keys.signing_keys_of(tx, key.principal_id))


async def _show(
    request: PageRequest,
    db: Database,
    id: UUID,
    *,
    add: Filled[Any] | None = None,
    rules: Filled[Any] | None = None,
    status: int = 200,
) -> Page:
    seen, lang = await _seen(db, id), pages.language(request)
    certificate = seen.rules.certificate.hex() if seen.rules.certificate else None
    given = forms.blank(signature="on" if seen.rules.signature else None, certificate=certificate)
    return pages.show(
        request,
        PAGE,
        status=status,
        key=seen.key,
        rules=seen.rules,
        expected=_stamp(seen.rules),
        table=Listing(columns=COLUMNS, rows=[_row(one) for one in seen.public]),
        live=[one for one in seen.public if one.revoked_at is None],
        uses=[(use.value, use_word(use, lang)) for use in KeyUse],
        add_form=add or forms.blank(use="signature"),
        rules_form=rules or given,
        form=rules or add or forms.blank(),
    )


def _row(key: SigningKey) -> tuple[Any, ...]:
    state = Marked("active" if key.revoked_at is None else "disabled")
    return (str(key.id), state, key.use.value, key.suite, key.note, key.created_at, key.revoked_at)


@get("/staff/keys/{id:uuid}/signing", guards=[visitor("staff", "keys:read")], include_in_schema=False)
async def signing_page(request: PageRequest, id: Id, db: Db) -> Page:
    return await _show(request, db, id)


@post("/staff/keys/{id:uuid}/signing", guards=[visitor("staff", "keys:write")], include_in_schema=False)
async def add(request: PageRequest, id: Id, db: Db, clock: Now, principal: By) -> Page:
    """Registers a public key of the server that uses this API key."""
    filled = await forms.read(request, AddForm)
    wanted = filled.value
    if wanted is None:
        return await _show(request, db, id, add=filled, status=422)

    async def work(tx: Tx) -> None:
        key = (await keys.find_keys(tx, [id])).get(id)
        if key is None:
            raise no.KEY_UNKNOWN()
        jwk = _jwk(wanted.public_key, KeyUse(wanted.use))
        new = NewSigningKey(id=wanted.id, principal_id=key.principal_id, jwk=jwk, note=wanted.note or None)
        await signing_keys.add_signing_key(tx, new, by=principal, at=clock.now())

    try:
        await db.retry(work)
    except Refusal as refusal:
        if refusal.kind is no.KEY_UNKNOWN:
            raise
        place = "public_key" if refusal.code in ("key_malformed", "algorithm_refused", "private_key_shown") else None
        again = filled.refused(refusal, pages.language(request), field=place)
        return await _show(request, db, id, add=again, status=refusal.kind.status)
    return pages.go(f"/staff/keys/{id}/signing", said="Registered.")


def _jwk(text: str, use: KeyUse) -> dict[str, Any]:
    """From PEM or a JSON Web Key. Refuses `key_malformed`, `algorithm_refused`, `private_key_shown`."""
    if "PRIVATE KEY" in text:
        raise no.PRIVATE_KEY_SHOWN()
    if text.startswith("-----BEGIN"):
        pem = text.replace("\r\n", "\n").encode("ascii", "replace")
        return (PublicKey if use is KeyUse.SIGNATURE else EncryptionKey).from_pem(pem).jwk
    try:
        return {**msgspec.json.decode(text, type=dict[str, str]), "use": "sig" if use is KeyUse.SIGNATURE else "enc"}
    except (msgspec.MsgspecError, RecursionError):
        raise KEY_MALFORMED() from None


@post("/staff/keys/{id:uuid}/signing/rules", guards=[visitor("staff", "keys:write")], include_in_schema=False)
async def set_rules(request: PageRequest, id: Id, db: Db, clock: Now, principal: By) -> Page:
    """Demands signatures or a certificate of the key, or does so no longer."""
    filled = await forms.read(request, RulesForm)
    wanted = filled.value
    if wanted is None:
        return await _show(request, db, id, rules=filled, status=422)
    try:
        rules = Rules(signature=wanted.signature, certificate=_certificate(wanted.certificate))
        changed = await db.retry(lambda tx: _set(tx, id, rules, wanted.expected, principal, clock.now()))
    except Refusal as refusal:
        if refusal.kind is no.KEY_UNKNOWN:
            raise
        place = {"certificate_malformed": "certificate", "signing_key_needed": "signature"}.get(refusal.code)
        again = filled.refused(refusal, pages.language(request), field=place)
        return await _show(request, db, id, rules=again, status=refusal.kind.status)
    if not changed:
        said = i18n.say("Somebody has changed these rules. Look at them again, then decide.", pages.language(request))
        return await _show(request, db, id, rules=Filled(None, filled.given, {"": said}), status=409)
    door_of(request).forget()
    return pages.go(f"/staff/keys/{id}/signing", said="Set. It is heeded everywhere within two seconds.")


def _certificate(text: str) -> bytes | None:
    return certificates.fingerprint(text) if text.strip() else None


async def _set(tx: Tx, id: UUID, rules: Rules, expected: str, by: Principal, at: Any) -> bool:
    """False where somebody else was there before; the same form sent twice is no such case."""
    key = (await keys.find_keys(tx, [id])).get(id)
    if key is None:
        raise no.KEY_UNKNOWN()
    now = await signing_keys.rules_of(tx, key.principal_id)
    if now != rules and _stamp(now) != expected:
        return False
    await signing_keys.set_rules(tx, id, rules, by=by, at=at)
    return True


@post(
    "/staff/keys/{id:uuid}/signing/{public:uuid}/revoke",
    guards=[visitor("staff", "keys:write")],
    include_in_schema=False,
)
async def revoke(request: PageRequest, id: Id, public: FromPath[UUID], db: Db, clock: Now, principal: By) -> Page:
    """Ends a public key for ever; one that has ended stays as it is."""
    filled = await forms.read(request, RevokeForm)
    if filled.value is None or filled.value.id != public:
        return await _show(request, db, id, rules=filled, status=422)

    async def work(tx: Tx) -> None:
        await signing_keys.revoke_signing_key(tx, public, by=principal, at=clock.now())

    await db.retry(work)
    return pages.go(f"/staff/keys/{id}/signing", said="Revoked. It is refused everywhere within two seconds.")


ROUTES: Final[tuple[HTTPRouteHandler, ...]] = (signing_page, add, set_rules, revoke)
