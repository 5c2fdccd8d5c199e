"""Kill switches: stop taking payments of a kind, by a method, to a merchant or to a country's merchants, at once; and take them again.

One member of staff stops, two resume. A switch is read by the statement that claims a payment, so that it holds for every batch that
begins after it was thrown and costs a payment no statement of its own.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final
from uuid import UUID

import msgspec
from msgspec.structs import replace

from tongbao import merchants
from tongbao.base import approvals, audit, outbox
from tongbao.base.approvals import Approval, need_second
from tongbao.base.countries import is_country
from tongbao.base.db import Tx
from tongbao.base.ids import NAMESPACE, derived
from tongbao.base.outbox import Event
from tongbao.base.principal import Principal
from tongbao.payments import refusals as no
from tongbao.payments import store
from tongbao.payments.model import Kind, Method, Scope, Switch

_MOST: Final = 1_000
RESUME: Final = "payments.resume"
MAY_THROW: Final = "switches:write"
_KEYS: Final = {Scope.KIND: tuple(map(str, Kind)), Scope.METHOD: tuple(map(str, Method))}


async def switches(tx: Tx) -> list[Switch]:
    """A switch for every kind and method, thrown or not, then merchants' and countries' that were ever thrown: at most 1,000, stopped first.

    `Switch.stops(at)` says which of them stop payments.
    """
    thrown = {(switch.scope, switch.key): switch for switch in await store.switches(tx, _MOST)}
    always = [(scope, key) for scope, keys in _KEYS.items() for key in keys]
    every = [*always, *(place for place in thrown if place not in always)]
    return [thrown.get(place) or Switch(scope=place[0], key=place[1], stopped=False) for place in every]


async def stop(
    tx: Tx,
    principal: Principal,
    scope: Scope,
    key: str,
    *,
    reason: str,
    at: datetime,
    until: datetime | None = None,
    expected: int | None = None,
) -> Switch:
    """Takes no more such payments, until `until` or until it is resumed. What is stopped just so stays as it is. Audited.

    `expected`: the version that whoever decides has seen; None: whatever it is. Money that was promised goes on: captures,
    refunds, delayed transfers. Refuses `switch_unknown`, `merchant_unknown`, `until_past`, `switch_changed`.
    """
    if until is not None and until <= at:
        raise no.UNTIL_PAST(field="until")
    return await _throw(
        tx,
        principal,
        Switch(scope=scope, key=key, stopped=True, since=at, by=principal.id, reason=reason, until=until, version=1),
        at,
        expected,
    )


async def resume(
    tx: Tx,
    principal: Principal,
    scope: Scope,
    key: str,
    *,
    reason: str,
    at: datetime,
    expected: int | None = None,
    seconded: Approval | None = None,
) -> Switch:
    """Takes such payments again. What is not stopped stays as it is. Audited.

    Refuses `switch_unknown`, `merchant_unknown`, `switch_changed`; staff alone `takes_a_second_person`.
    """
    need_second(principal, seconded)
    wanted = Switch(scope=scope, key=key, stopped=False, since=at, by=principal.id, reason=reason, version=1)
    return await _throw(tx, principal, wanted, at, expected)


class Resumption(msgspec.Struct, frozen=True):
    """What an approval of this kind is about; `expected`: the version of the switch that whoever proposed it saw."""

    scope: Scope
    key: str
    expected: int


async def propose_resume(
    tx: Tx, principal: Principal, wanted: Resumption, *, id: UUID, reason: str, at: datetime
) -> Approval:
    """Files for a second person that such payments are taken again.

    Refuses `permission_missing`, `switch_unknown`, `merchant_unknown`, `switch_changed`, and what `approvals.propose` refuses.
    """
    principal.require(MAY_THROW)
    kept = replace(wanted, key=await _key(tx, wanted.scope, wanted.key))
    payload = msgspec.to_builtins(kept)
    filed = await approvals.propose(tx, principal, KINDS, id=id, kind=RESUME, payload=payload, reason=reason, at=at)
    if filed.state is approvals.ApprovalState.PROPOSED and filed.proposed_at == at:
        now = await store.lock_switch(tx, kept.scope, kept.key)
        if (now.version if now else 0) != kept.expected:
            raise no.SWITCH_CHANGED("it was thrown since")
    return filed


async def _resume(tx: Tx, approval: Approval) -> None:
    wanted = msgspec.convert(approval.payload, Resumption)
    by, at = approvals.decider(approval)
    about: Any = {"reason": approval.reason, "expected": wanted.expected, "at": at, "seconded": approval}
    await resume(tx, by, wanted.scope, wanted.key, **about)


KINDS: Final[approvals.Kinds] = {RESUME: _resume}


async def _throw(tx: Tx, principal: Principal, wanted: Switch, at: datetime, expected: int | None) -> Switch:
    wanted = replace(wanted, key=await _key(tx, wanted.scope, wanted.key))
    now = await store.lock_switch(tx, wanted.scope, wanted.key)
    if now is None and wanted.stopped:
        if expected not in (None, 0):
            raise no.SWITCH_CHANGED("it was never thrown")
        if await store.add_switch(tx, wanted):
            await _tell(tx, principal, wanted, at)
            return wanted
        now = await store.lock_switch(tx, wanted.scope, wanted.key)  # somebody else was first
    if now is None:
        now = Switch(scope=wanted.scope, key=wanted.key, stopped=False)
    if (now.stopped, now.until) == (wanted.stopped, wanted.until):
        return now
    if expected not in (None, now.version):
        did = "stopped" if now.stopped else "resumed"
        raise no.SWITCH_CHANGED(f"{did} by {now.by} at {now.since:%Y-%m-%dT%H:%M:%SZ}, version {now.version}")
    wanted = replace(wanted, version=now.version + 1)
    await store.set_switch(tx, wanted)
    await _tell(tx, principal, wanted, at)
    return wanted


async def _key(tx: Tx, scope: Scope, key: str) -> str:
    """The key as it is kept."""
    if scope is Scope.COUNTRY:
        if not is_country(key.upper()):
            raise no.SWITCH_UNKNOWN("a country's two letters", field="name")
        return key.upper()
    if scope is not Scope.MERCHANT:
        if key not in _KEYS[scope]:
            raise no.SWITCH_UNKNOWN(f"one of {', '.join(_KEYS[scope])}", field="name")
        return key
    try:
        merchant_id = UUID(key)
    except ValueError:
        raise no.MERCHANT_UNKNOWN(field="name") from None
    if merchant_id not in await merchants.find(tx, [merchant_id]):
        raise no.MERCHANT_UNKNOWN(field="name")
    return str(merchant_id)


async def _tell(tx: Tx, principal: Principal, switch: Switch, at: datetime) -> None:
    subject = f"{switch.scope} {switch.key}"
    aggregate = derived(NAMESPACE, f"payments.switch {subject}")
    said = {"version": switch.version, **({"until": switch.until} if switch.until else {})}
    action = "switch.stop" if switch.stopped else "switch.resume"
    await audit.record(tx, principal, action, subject, at=at, reason=switch.reason, details=said)
    event = Event(
        event_id=derived(aggregate, f"event {switch.version}"),
        topic="switch.changed",
        aggregate=aggregate,
        sequence=switch.version,
        at=at,
        booking_date=await store.open_day(tx),
        payload={"scope": switch.scope, "key": switch.key, "stopped": switch.stopped, **said},
    )
    await outbox.append(tx, [event])
