"""People, a shop and payments of our own in a running demo, whom its traffic leaves alone: something of everything that a
form is about, so that every form can be tried on it, and every deed be counted."""

from __future__ import annotations

import asyncio
import secrets
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import date, timedelta
from itertools import count
from typing import TYPE_CHECKING, Any, LiteralString
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

import httpx
import psycopg

from tests.browser import forms
from tests.risk.models_small import facts, stump
from tongbao import care, govern, identity, ledger, risk, vault
from tongbao.base import approvals
from tongbao.base.approvals import ApprovalState
from tongbao.base.clock import SystemClock
from tongbao.base.db import BULK, Database, Tx
from tongbao.base.ids import uuid7
from tongbao.base.principal import SYSTEM, Principal, PrincipalKind
from tongbao.identity import KeyKind, NewKey, NewStaff, Role, VisitorKind, staff_app
from tongbao.payments import payer_codes
from tongbao.web import session
from tongbao.web.browser import COOKIE as BROWSER_COOKIE
from tongbao.web.browser import hash_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from playwright.sync_api import BrowserContext

WITHIN_S = 60
LOST = 1014
"""The last two digits tell the other bank of the sandbox never to answer."""

Sessions = dict[str, str]
"""From the name of a cookie to what it holds."""


_NOBODY = UUID(int=0)
_DAYS = (date(2027, 1, 1) + timedelta(n) for n in count())
"""A day of the calendar for each stage."""


@dataclass
class Stage:
    """`places` lead to what a route's pattern is about; `one` and `two` are members of staff who may do everything."""

    address: str
    database: str
    one: UUID
    two: UUID
    payer: UUID
    shop: UUID
    key: str
    http: httpx.Client
    places: dict[str, str] = field(default_factory=dict)
    account: UUID = _NOBODY
    owed: UUID = _NOBODY
    payee: UUID = _NOBODY
    clerk: UUID = _NOBODY
    """A colleague of `one` and `two`, who is at work."""
    left: UUID = _NOBODY
    """Somebody who is no customer any more."""
    payee_number: str = ""
    ledgers: tuple[int, int] = (0, 0)
    helps: tuple[UUID, UUID, UUID] = field(default_factory=lambda: (uuid4(), uuid4(), uuid4()))
    """Requests of the payer's: one for him, one to answer, one to take and to close."""
    browser: str = field(default_factory=lambda: secrets.token_urlsafe(32))
    phone: str = field(default_factory=lambda: f"139{secrets.randbelow(10**8):08d}")
    """Of somebody who is no customer."""
    another: str = field(default_factory=lambda: f"138{secrets.randbelow(10**8):08d}")
    """A telephone that the payer would rather have."""
    hired: str = field(default_factory=lambda: f"new-{secrets.token_hex(4)}")
    """Who would like to work here."""
    codes: dict[str, str] = field(default_factory=dict)
    """Digits that the payer has shown, by the form that they were filled into."""

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        """As a program of the bank; the answer, which is a yes."""
        sent = {"authorization": f"Bearer {self.key}", "idempotency-key": str(uuid4()), **headers}
        answer = self.http.request(method, path, json=body, headers=sent)
        assert answer.is_success, answer.text
        return answer.json()

    def pay(self, amount: int = 2000, **other: Any) -> str:
        """The payer's payment to the shop, unless told otherwise; its id."""
        order = {
            "payer_account_id": str(self.account),
            "merchant_id": str(self.shop),
            "amount": amount,
            "currency": "CNY",
        }
        asked = {name: value for name, value in {**order, **other}.items() if value is not None}
        return str(self.ask("POST", "/v1/payments", asked)["id"])

    def transfer(self, **other: Any) -> str:
        return self.pay(merchant_id=None, payee_account_id=str(self.payee), **other)

    def found(self) -> UUID:
        """Somebody whom the customer has looked up and not paid yet."""
        id_ = uuid4()
        found = "INSERT INTO payments.lookup (id, customer_id, account_id, found_at) VALUES (%s, %s, %s, now())"
        self.sql(found, id_, self.payer, self.payee)
        return id_

    def order(self, *, paused: bool = False) -> str:
        """A standing order of the payer's; its id."""
        order = {"payer_account_id": str(self.account), "payee_account_id": str(self.payee), "amount": 100}
        made = self.ask(
            "POST", "/v1/schedules", {**order, "currency": "CNY", "every": "month", "starts_on": "2027-05-04"}
        )
        if paused:
            self.ask("POST", f"/v1/schedules/{made['id']}/pause")
        return str(made["id"])

    def trusted(self) -> None:
        """Two who want the payer as a trusted person, and one who asks him about a payment."""
        new = "INSERT INTO payments.family (id, owner_id, trusted_id, tell_above_minor, ask_above_minor, asked_at, accepted_at)"
        owners = [self.ask("POST", "/v1/customers", {"kind": "person", "name": "<b>奶奶</b>"})["id"] for _ in range(3)]
        for owner in owners[:2]:
            self.sql(f"{new} VALUES (%s, %s, %s, 10000, 20000, now(), NULL)", uuid4(), owner, self.payer)
        self.sql(f"{new} VALUES (%s, %s, %s, 10000, 20000, now(), now())", family := uuid4(), owners[2], self.payer)
        asked = "INSERT INTO payments.family_ask (payment_id, family_id, asked_at, due_at)"
        for _ in range(2):
            payment = self.transfer(confirm="explicit")
            self.sql(f"{asked} VALUES (%s, %s, now(), now() + interval '1 day')", payment, family)

    def code(self, for_form: str) -> str:
        """The digits that the payer shows where this form is filled in; the same for the same form."""
        if for_form not in self.codes:
            self.codes[for_form] = _run(self.database, lambda tx: _code(tx, self))
        return self.codes[for_form]

    def lose(self) -> str:
        """A top-up to which the other bank will never say anything; its id."""
        order = {"account_id": str(self.account), "amount": LOST, "currency": "CNY", "rail": "sandbox"}
        return str(self.ask("POST", "/v1/topups", {**order, "outside_account": "6222020200112233445"})["id"])

    def settle(self) -> Stage:
        """Waits until the bank has asked in vain what it cannot know, and no proof is at work."""
        wanted = "SELECT state = 'unknown' FROM payments.payment WHERE id = %s"
        self._until(wanted, self.places["/staff/payments/{id:uuid}"].rsplit("/", 1)[1])
        self._until("SELECT NOT EXISTS (SELECT FROM base.proof_run WHERE ended_at IS NULL)")
        return self

    def propose(self) -> str:
        """A journal that `two` proposes and `one` may decide; its id."""
        line = ledger.JournalLine(debit=self.ledgers[0], credit=self.ledgers[1], amount_minor=100, currency="CNY")
        journal = ledger.Journal(lines=(line,), value_date=None, forced=None)
        by = Principal(id=self.two, kind=PrincipalKind.STAFF, permissions=frozenset(identity.PERMISSIONS))
        id_, at = uuid4(), SystemClock().now()
        _run(
            self.database, lambda tx: ledger.propose_journal(tx, by, journal, id=id_, reason="<b>试</b> \u202e", at=at)
        )
        return str(id_)

    def agree(self, kind: str, about: dict[str, str]) -> str:
        """What `one` has proposed about a key or a colleague and `two` has agreed to; its id."""
        one, two = (
            Principal(id=who, kind=PrincipalKind.STAFF, permissions=frozenset(identity.PERMISSIONS))
            for who in (self.one, self.two)
        )
        at, asked = SystemClock().now(), uuid4()

        async def both(tx: Tx) -> None:
            await identity.propose(tx, one, kind, about, id=asked, reason="<b>试</b> \u202e", at=at)
            yes = ApprovalState.APPROVED
            await approvals.decide(tx, two, identity.KINDS, id=asked, state=yes, reason="<i>好</i>", at=at)

        _run(self.database, both)
        return str(asked)

    def rule(self) -> tuple[str, str]:
        """A rule and a list that `one` has proposed and `two` has agreed to: the id of the one, the name of the other."""
        return make_rule(self.database, self.one, self.two)

    def park(self) -> str:
        """An event that no consumer of the bank takes, so that it stays parked until somebody sends it again; its id."""
        id_ = uuid4()
        self.sql(
            """INSERT INTO base.outbox_held (consumer, event_id, outbox_id, aggregate, sequence, topic, recorded_at,
                   booking_date, payload, state, attempts, next_at, error)
               VALUES ('stage', %s, 1, %s, 1, 'payment.completed', now(), current_date, '{}', 'parked', 10, now(), '<b>no</b>')""",
            id_,
            uuid4(),
        )
        return str(id_)

    def park_again(self) -> None:
        """Somebody else may have sent all that was parked."""
        self.sql("UPDATE base.outbox_held SET state = 'parked' WHERE consumer = 'stage'")

    def failed_delivery(self, webhook: str) -> str:
        """Of a payment, to nobody who listens, and given up for good; its id. Each call gives another."""
        self.pay()
        failed = """UPDATE merchants.delivery SET state = 'failed', next_at = NULL WHERE lease IS NULL AND id = (
                SELECT id FROM merchants.delivery
                WHERE endpoint_id = %s AND state = 'pending' AND attempts > 0 AND lease IS NULL LIMIT 1 FOR UPDATE
            ) RETURNING id"""
        until = time.monotonic() + WITHIN_S
        while not (found := self.sql(failed, webhook)):
            assert time.monotonic() < until, "nothing was tried"
            time.sleep(0.05)
        return str(found[0][0])

    def _until(self, query: str, *values: Any) -> None:
        until = time.monotonic() + WITHIN_S
        while not self.sql(query, *values)[0][0]:
            assert time.monotonic() < until, query
            time.sleep(0.05)

    def enter(self, context: BrowserContext, who: str = "one") -> None:
        """Into all three areas at once: `one` or `two` at work, the payer, the shop."""
        staff = self.one if who == "one" else self.two
        made = _run(self.database, lambda tx: _sessions(tx, staff, self.payer, self.shop))
        for name, token in {**made, BROWSER_COOKIE: self.browser}.items():
            context.add_cookies([{"name": name, "value": token, "url": self.address}])

    def deeds(self) -> dict[str, int]:
        """How much those of this stage, and only they, have done."""
        with psycopg.connect(self.database, autocommit=True) as connection:
            people = [self.one, self.two, self.payer, self.shop]
            asked = {"people": people, "shop": self.shop}
            return {name: connection.execute(query, asked).fetchall()[0][0] for name, query in _DEEDS.items()}

    def sql(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.database, autocommit=True) as connection:
            found = connection.execute(query.encode(), values)
            return found.fetchall() if found.description else []


_DEEDS: dict[str, LiteralString] = {
    "audited": """SELECT count(*) FROM base.audit WHERE principal_id = ANY(%(people)s)
        AND action NOT LIKE 'session.%%' AND action NOT LIKE 'staff.log%%'""",
    "shut out": """SELECT count(*) FROM base.audit
        WHERE principal_id = ANY(%(people)s) AND action = 'session.end' AND reason IS NOT NULL""",
    "telephones": "SELECT count(*) FROM identity.phone_change WHERE customer_id = ANY(%(people)s)",
    "passkeys": "SELECT count(*) FROM identity.staff_passkey_offer WHERE staff_id = ANY(%(people)s)",
    "payments": "SELECT count(*) FROM payments.payment WHERE principal_id = ANY(%(people)s)",
    "operations": "SELECT count(*) FROM payments.operation WHERE principal_id = ANY(%(people)s) AND state = 'done'",
    "proposed": "SELECT count(*) FROM base.approval WHERE proposed_by = ANY(%(people)s)",
    "decided": "SELECT count(*) FROM base.approval WHERE decided_by = ANY(%(people)s)",
    "orders": "SELECT count(*) FROM merchants.shop_order WHERE merchant_id = %(shop)s",
    "cancelled": "SELECT count(*) FROM merchants.shop_order WHERE merchant_id = %(shop)s AND state = 'cancelled'",
    "webhooks": "SELECT count(*) FROM merchants.endpoint WHERE merchant_id = %(shop)s",
    "deleted": "SELECT count(*) FROM merchants.endpoint WHERE merchant_id = %(shop)s AND status = 'deleted'",
    "keys": "SELECT count(*) FROM identity.api_key",
    "revoked": "SELECT count(*) FROM identity.api_key WHERE revoked_at IS NOT NULL",
    "public_keys": "SELECT count(*) FROM identity.signing_key",
    "public_keys_revoked": "SELECT count(*) FROM identity.signing_key WHERE revoked_at IS NOT NULL",
    "key_rules": "SELECT count(*) FROM identity.key_rule",
    "trials": "SELECT count(*) FROM risk.trial WHERE asked_by = ANY(%(people)s)",
    "searches": "SELECT count(*) FROM risk.pattern_search WHERE asked_by = ANY(%(people)s)",
    "proofs": "SELECT count(*) FROM base.proof_run WHERE asked_by = ANY(%(people)s)",
    "closes": "SELECT count(*) FROM clearing.close_order",
}


def make_rule(database: str, one: UUID, two: UUID) -> tuple[str, str]:
    """A rule in shadow and a list with a member, of two people: the id of the one, the name of the other."""
    rights, at, name = frozenset(identity.PERMISSIONS), SystemClock().now(), f"made_{secrets.token_hex(4)}"
    by, second = (Principal(id=who, kind=PrincipalKind.STAFF, permissions=rights) for who in (one, two))
    says = risk.RuleSays(
        expression="payer_count_10m >= 5\nand amount_minor > 100.00 CNY",
        action=risk.Action.CHALLENGE,
        points=30,
        mode=risk.Mode.SHADOW,
        why_en="many payments in a short time",
        why_zh="短时间内多次付款",
    )
    rule = risk.RuleChange(rule_id=uuid4(), name=name, expected=0, says=says)
    listed = risk.ListChange(name=name, unit=risk.Unit.ACCOUNT, come=(str(uuid4()),))

    async def both(tx: Tx) -> None:
        why: dict[str, Any] = {"reason": "试一试 \u202e", "at": at}
        for filed in (
            await risk.propose_rule(tx, by, rule, id=uuid4(), **why),
            await risk.propose_list(tx, by, listed, id=uuid4(), **why),
        ):
            yes = ApprovalState.APPROVED
            await approvals.decide(tx, second, risk.KINDS, id=filed.id, state=yes, reason="<i>好</i>", at=at)

    _run(database, both)
    return str(rule.rule_id), name


def make_model(database: str) -> int:
    """A model that is a candidate: its number."""
    at = SystemClock().now()
    cut = secrets.randbelow(1_000_000)

    async def register(tx: Tx) -> int:
        return await risk.register_model(tx, stump(cut=cut), facts(), until=at, at=at)

    return _run(database, register)


def _run(database: str, work: Callable[[Tx], Awaitable[Any]]) -> Any:
    """In a thread of its own: a browser that is driven from this one has a loop running in it."""

    async def alone() -> Any:
        async with Database(database, size=1, limits=BULK) as db, db.tx() as tx:
            return await work(tx)

    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, alone()).result()


async def _sessions(tx: Tx, staff: UUID, payer: UUID, shop: UUID) -> Sessions:
    at = SystemClock().now()
    token = identity.fresh_token("staff", secrets.token_bytes)
    await identity.let_in(tx, staff, session_id=uuid7(at), token=token, by=SYSTEM, at=at)
    made = {session.NAMES["staff"]: str(token)}
    for area, kind, holder in (("me", VisitorKind.CUSTOMER, payer), ("shop", VisitorKind.SHOP, shop)):
        token = identity.fresh_token(kind, secrets.token_bytes)
        opened: Any = {"session_id": uuid7(at), "token": token, "by": SYSTEM, "at": at}
        if area == "me":
            seen, browser = identity.Seen("Chrome · Linux", "127.0.0.*"), secrets.token_bytes(32)
            opened["device_id"] = await identity.know_device(tx, holder, browser, seen=seen, trusted_from=at, at=at)
        await identity.open_session(tx, kind, holder, **opened)
        made[session.NAMES[area]] = str(token)
    return made


async def _code(tx: Tx, stage: Stage) -> str:
    """In the payer's newest log-in."""
    newest = "SELECT id FROM identity.session WHERE holder_id = %s AND ended_at IS NULL ORDER BY id DESC LIMIT 1"
    ((session_id,),) = stage.sql(newest, stage.payer)
    himself = Principal(id=stage.payer, kind=PrincipalKind.CUSTOMER, subject_id=stage.payer, session_id=session_id)
    at, chance = SystemClock().now(), secrets.randbelow(payer_codes.CHANCE)
    made = await payer_codes.make_code(tx, stage.account, chance, id=uuid7(at), by=himself, at=at)
    assert made is not None
    return made[1]


async def _people(tx: Tx) -> tuple[UUID, UUID, UUID, str]:
    """Two members of staff with every role, a colleague of theirs, and a key of the bank."""
    at = SystemClock().now()
    found: list[UUID] = []
    hashed = identity.hash_password(forms.USUAL["current"], secrets.token_bytes(16))
    for name in ("甲", "乙", "丙"):
        new = NewStaff(id=uuid7(at), username=f"all-{secrets.token_hex(4)}", name=name, roles=frozenset(Role))
        await identity.create_staff(tx, new, hashed, by=SYSTEM, at=at)
        found.append(new.id)
    token = identity.fresh_token(KeyKind.BANK, secrets.token_bytes)
    await identity.issue_key(tx, NewKey(id=uuid7(at), kind=KeyKind.BANK), token, by=SYSTEM, at=at)
    return found[0], found[1], found[2], str(token)


def build(address: str, database: str) -> Stage:
    """A stage whose last part, `settle`, may be waited for later."""
    one, two, clerk, key = _run(database, _people)
    http = httpx.Client(base_url=address, trust_env=False, timeout=30)
    stage = Stage(address, database, one, two, _NOBODY, _NOBODY, key, http, clerk=clerk)
    stage.payer = UUID(
        stage.ask(
            "POST",
            "/v1/customers",
            {"kind": "person", "name": "<b>李明</b> \u202eשלום", "phone": f"+86136{secrets.randbelow(10**8):08d}"},
        )["id"]
    )
    other = stage.ask("POST", "/v1/customers", {"kind": "person", "name": "محمد \u2067علي"})["id"]
    for customer in (str(stage.payer), other, str(stage.payer)):
        account = stage.ask("POST", "/v1/accounts", {"customer_id": customer, "currency": "CNY"})
        stage.ask("POST", "/v1/topups", {"account_id": account["id"], "amount": 90_000_00, "currency": "CNY"})
        if customer == other:
            stage.owed, stage.payee, stage.payee_number = UUID(other), UUID(account["id"]), account["number"]
        elif not stage.account.int:
            stage.account = UUID(account["id"])
    stage.shop = UUID(stage.ask("POST", "/v1/merchants", {"name": "面馆 '\"><img src=x onerror=alert(1)>"})["id"])
    stage.left = UUID(stage.ask("POST", "/v1/customers", {"kind": "person", "name": "王"})["id"])
    stage.sql("UPDATE identity.customer SET status = 'closed' WHERE id = %s", stage.left)
    stage.sql("INSERT INTO govern.leaver VALUES (%s, now(), '2099-01-01')", stage.left)
    ledgers = stage.sql("SELECT ledger_id FROM identity.account WHERE customer_id = %s ORDER BY id", stage.payer)
    stage.ledgers = ledgers[0][0], ledgers[1][0]
    stage.sql("UPDATE identity.customer SET level = 1 WHERE id = %s", stage.owed)
    stage.places = _places(stage)
    return stage


async def _coming_in(tx: Tx, stage: Stage) -> tuple[UUID, UUID, UUID, UUID, UUID]:
    """In this browser: two who register, one before the code and one after it; a log-in of the payer that waits for one; and two who
    regain access to nobody's account, one before the code and one after the waiting.
    """
    at, found = SystemClock().now(), list[UUID]()
    browser, himself = (
        hash_of(stage.browser),
        Principal(id=stage.payer, kind=PrincipalKind.CUSTOMER, subject_id=stage.payer),
    )
    for _ in range(2):
        phone, about = f"+86137{secrets.randbelow(10**8):08d}", {"browser_hash": browser, "code_id": uuid7(at)}
        began: Any = {**about, "code": "271828", "opened_at": at, "at": at}
        found.append(await identity.begin_registration(tx, uuid7(at), uuid4(), phone, **began))
    await tx.run("UPDATE identity.registration SET confirmed_at = now() WHERE id = %(id)s", id=found[1])
    await identity.set_pin(tx, stage.payer, "!", by=himself, at=at)
    await identity.begin_totp(tx, stage.payer, identity.fresh_seed(secrets.token_bytes), by=himself, at=at)
    await tx.run(
        """INSERT INTO identity.pending_login (id, customer_id, browser_hash, code_id, begun_at)
           VALUES (%(id)s, %(payer)s, %(browser)s, %(code)s, now())""",
        id=(waiting := uuid4()),
        payer=stage.payer,
        browser=browser,
        code=uuid4(),
    )
    for confirmed, ripe in ((None, None), (at - timedelta(hours=25), at - timedelta(hours=1))):
        await tx.run(
            """INSERT INTO identity.recovery (id, form_id, browser_hash, code_id, lang, begun_at, confirmed_at, ripe_at)
               VALUES (%(id)s, %(form)s, %(browser)s, %(code)s, 'zh', %(begun)s, %(confirmed)s, %(ripe)s)""",
            id=(recovery := uuid4()),
            form=uuid4(),
            browser=browser,
            code=uuid4(),
            begun=confirmed or at,
            confirmed=confirmed,
            ripe=ripe,
        )
        found.append(recovery)
    return found[0], found[1], waiting, found[2], found[3]


async def _own_data(tx: Tx, stage: Stage) -> tuple[UUID, UUID, UUID]:
    """The payer has bound a device and complained; somebody else has asked for his data, a third one has left; at work, an
    authenticator app is being set up, beside a passkey and a second session. The key of the device, the request that staff may answer,
    and the passkey.
    """
    at = SystemClock().now()
    zone = ZoneInfo("Asia/Shanghai")
    payer, other = (Principal(id=who, kind=PrincipalKind.CUSTOMER, subject_id=who) for who in (stage.payer, stage.owed))
    key = vault.generate(vault.SignatureSuite.ED25519).public().jwk
    device = await identity.add_device_key(tx, stage.payer, key, name="<b>机</b> \u202e", by=payer, at=at)
    await govern.ask(tx, payer, govern.RequestKind.COMPLAINT, "<b>诉</b> \u202e", id=uuid7(at), at=at, zone=zone)
    for help_id in stage.helps:
        await care.ask(tx, payer, care.Kind.QUESTION, "<b>问</b> \u202e", care.Context(lang="zh"), id=help_id, at=at)
    asked = await govern.ask(tx, other, govern.RequestKind.ACCESS, "<i>查</i>", id=uuid7(at), at=at, zone=zone)
    seed = identity.fresh_seed(secrets.token_bytes)
    await staff_app.begin(tx, Principal(id=stage.one, kind=PrincipalKind.STAFF), seed, code="", at=at)
    again = identity.fresh_token("staff", secrets.token_bytes)
    await identity.let_in(tx, stage.one, session_id=uuid7(at), token=again, by=SYSTEM, at=at)
    await tx.run(
        """INSERT INTO identity.staff_passkey
               (id, staff_id, credential_id, public_key, transports, name, sign_count, made_at)
           VALUES (%(id)s, %(staff)s, %(credential)s, %(key)s, '{}', '<b>钥</b> \u202e', 0, now())""",
        id=(passkey := uuid4()),
        staff=stage.one,
        credential=secrets.token_bytes(32),
        key=secrets.token_bytes(77),
    )
    return device.thing.id, asked.id, passkey


def _places(stage: Stage) -> dict[str, str]:
    """An address for each route that is about something, of something that its form can be tried on."""
    hook = {"merchant_id": str(stage.shop), "url": "http://127.0.0.1:9/"}
    webhook, silent, off = (stage.ask("POST", "/v1/webhooks", hook)["id"] for _ in range(3))
    lost = stage.lose()
    stage.trusted()
    taken = stage.pay(reference="<script>alert(1)</script>\u202e")
    reserved, to_cancel = stage.pay(capture="manual"), stage.pay(capture="manual")
    waiting, unwanted = stage.transfer(confirm="explicit"), stage.transfer(confirm="explicit")
    coming = stage.transfer(arrives="next_day", reference="'\"><img src=x onerror=alert(1)>")
    order = {"merchant_id": str(stage.shop), "amount": 500, "currency": "CNY", "description": "<i>面</i>"}
    key = stage.ask("POST", "/v1/keys", {"kind": "merchant", "merchant_id": str(stage.shop)})["id"]
    new_key, colleague = {"id": str(uuid4()), "kind": "bank"}, {"staff_id": str(stage.clerk)}
    stage.ask("POST", "/v1/signing-keys", {"key_id": key, "jwk": forms.PUBLIC_KEY})
    stage.sql(
        "UPDATE merchants.endpoint SET status = 'disabled', disabled_at = now() WHERE id IN (%s, %s)", silent, off
    )
    begun, confirmed, login, lost_password, ripe = _run(stage.database, lambda tx: _coming_in(tx, stage))
    device, asked, passkey = _run(stage.database, lambda tx: _own_data(tx, stage))
    rule, listed = stage.rule()
    delivery, of_the_shop = stage.failed_delivery(webhook), stage.failed_delivery(webhook)
    return {
        "/register/{id:uuid}": f"/register/{begun}",
        "/register/{id:uuid} confirmed": f"/register/{confirmed}",
        "/me/login/{id:uuid}": f"/me/login/{login}",
        "/me/recover/{id:uuid}": f"/me/recover/{lost_password}",
        "/me/recover/{id:uuid} ripe": f"/me/recover/{ripe}",
        "/me/safety/remove": "/me/safety/remove?kind=pin",
        "/me/safety/passkeys/{id:uuid}": f"/me/safety/passkeys/{device}",
        "/me/help/{id:uuid}": f"/me/help/{stage.helps[0]}",
        "/me/transfer/{id:uuid}": f"/me/transfer/{stage.found()}?account={stage.account}&amount=1.00",
        "/me/orders/new/{id:uuid}": f"/me/orders/new/{stage.found()}?account={stage.account}&amount=1.00&starts_on=2027-05-04",
        "/me/orders/{id:uuid}": f"/me/orders/{stage.order()}",
        "/me/orders/{id:uuid} paused": f"/me/orders/{stage.order(paused=True)}",
        "/me/payments/{id:uuid}/not-mine": f"/me/payments/{taken}/not-mine",
        "/staff/help/{id:uuid}": f"/staff/help/{stage.helps[1]}",
        "/staff/help/{id:uuid} with nobody": f"/staff/help/{stage.helps[2]}",
        "/staff/privacy/{id:uuid}": f"/staff/privacy/{asked}",
        "/staff/customers/{id:uuid}": f"/staff/customers/{stage.payer}",
        "/staff/customers/{id:uuid} not seen": f"/staff/customers/{stage.owed}",
        "/staff/customers/{id:uuid}/restriction": f"/staff/customers/{stage.owed}/restriction",
        "/staff/accounts/{id:uuid}": f"/staff/accounts/{stage.account}",
        "/staff/merchants/{id:uuid}": f"/staff/merchants/{stage.shop}",
        "/staff/merchants/{id:uuid}/place": f"/staff/merchants/{stage.shop}/place",
        "/staff/switches/{of:str}/{name:str}": f"/staff/switches/merchant/{stage.shop}",
        "/staff/approvals/{id:uuid}": f"/staff/approvals/{stage.propose()}",
        "/staff/approvals/{id:uuid} unwise": f"/staff/approvals/{stage.propose()}",
        "/staff/events/{id:uuid}": f"/staff/events/{stage.park()}",
        "/staff/day/calendar": f"/staff/day/calendar?day={next(_DAYS)}",
        "/staff/payments/{id:uuid}": f"/staff/payments/{lost}",
        "/staff/payments/{id:uuid}/resolve": f"/staff/payments/{lost}/resolve",
        "/staff/payments/{id:uuid}/refund": f"/staff/payments/{taken}/refund",
        "/staff/payments/{id:uuid}/cancel": f"/staff/payments/{to_cancel}/cancel",
        "/staff/approvals/{id:uuid} key": f"/staff/approvals/{stage.agree('identity.issue_key', new_key)}",
        "/staff/approvals/{id:uuid} password": f"/staff/approvals/{stage.agree('identity.reset_password', colleague)}",
        "/staff/people/{id:uuid}": f"/staff/people/{stage.clerk}",
        "/staff/me/passkeys/{id:uuid}": f"/staff/me/passkeys/{passkey}",
        "/staff/risk/rules/{id:uuid}": f"/staff/risk/rules/{rule}",
        "/staff/risk/lists/{name:str}": f"/staff/risk/lists/{listed}",
        "/staff/risk/models/{number:int}": f"/staff/risk/models/{make_model(stage.database)}",
        "/staff/risk/indicators/{name:str}": "/staff/risk/indicators/denial_rate",
        "/staff/keys/{id:uuid}": f"/staff/keys/{key}",
        "/staff/keys/{id:uuid}/revoke": f"/staff/keys/{key}/revoke",
        "/staff/keys/{id:uuid}/signing": f"/staff/keys/{key}/signing",
        "/staff/deliveries/{id:uuid}": f"/staff/deliveries/{silent}",
        "/staff/deliveries/of/{id:uuid}": f"/staff/deliveries/of/{delivery}",
        "/shop/webhooks/{id:uuid}": f"/shop/webhooks/{webhook}",
        "/shop/webhooks/{id:uuid} silent": f"/shop/webhooks/{off}",
        "/shop/webhooks/{id:uuid}/deliveries/{delivery:uuid}": f"/shop/webhooks/{webhook}/deliveries/{of_the_shop}",
        "/shop/orders/{id:uuid}": f"/shop/orders/{stage.ask('POST', '/v1/orders', order)['id']}",
        "/shop/collect/{id:uuid}": f"/shop/collect/{taken}",
        "/shop/payments/{id:uuid}": f"/shop/payments/{reserved}",
        "/shop/payments/{id:uuid} taken": f"/shop/payments/{taken}",
        "/me/payments/{id:uuid}": f"/me/payments/{waiting}",
        "/me/payments/{id:uuid} unwanted": f"/me/payments/{unwanted}",
        "/me/payments/{id:uuid} coming": f"/me/payments/{coming}",
        "/me/pay": f"/me/pay?merchant={stage.shop}&amount=1.00&id={uuid4()}",
    }


__all__ = ["Stage", "build", "make_rule"]
