"""The only Python that touches `payments.*`: one small function a named statement."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID

import msgspec

from tongbao.base import sql
from tongbao.base.db import Rank, Tx
from tongbao.payments.model import (
    AccountLimits,
    BankLimit,
    Check,
    Counted,
    LevelLimits,
    Limits,
    Operation,
    Order,
    Payment,
    Payroll,
    PayrollLine,
    RailCall,
    RailParcel,
    RailSaid,
    RailVerb,
    Schedule,
    ScheduleRun,
    Scope,
    Spending,
    Switch,
)

Q = sql.load("tongbao.payments")

_encode = msgspec.json.Encoder().encode


def _json(value: object) -> str:
    return _encode(value).decode()


async def claim(
    tx: Tx, orders: Sequence[Order], payees: dict[UUID, UUID | None], at: datetime
) -> dict[UUID, Scope | None]:
    """Inserts the payments as created; the ids that were new, each with the switch that stops it, if any.

    `orders` have distinct ids and come sorted by id.
    """
    rows = await tx.lock(
        Rank.IDS,
        Q["claim"],
        [o.id for o in orders],
        at=at,
        kinds=[o.kind.value for o in orders],
        principals=[o.principal_id for o in orders],
        hashes=[o.request_hash for o in orders],
        payers=[o.payer_account_id for o in orders],
        payees=[payees[o.id] for o in orders],
        merchants=[o.merchant_id for o in orders],
        orders=[o.order_id for o in orders],
        amounts=[o.amount_minor for o in orders],
        currencies=[o.currency for o in orders],
        captures=[o.capture.value for o in orders],
        arrives=[o.arrives.value for o in orders],
        methods=[o.method.value for o in orders],
        references=[o.reference for o in orders],
        devices=[o.device for o in orders],
        rails=[o.over and o.over.rail for o in orders],
    )
    return {id_: scope and Scope(scope) for id_, scope in rows}


async def claim_operations(
    tx: Tx, kind: str, operations: Sequence[Operation], at: datetime
) -> dict[UUID, Scope | None]:
    """The ids that were new; of confirmations, each with the switch that stops its payment, if any."""
    rows = await tx.lock(
        Rank.IDS,
        Q["claim_operations"],
        [o.id for o in operations],
        at=at,
        kind=kind,
        payments=[o.payment_id for o in operations],
        principals=[o.principal_id for o in operations],
        hashes=[o.request_hash for o in operations],
        amounts=[o.amount_minor for o in operations],
        finals=[o.final for o in operations],
        reasons=[o.reason for o in operations],
    )
    return {id_: scope and Scope(scope) for id_, scope in rows}


async def operations(tx: Tx, ids: Iterable[UUID]) -> dict[UUID, tuple[Any, ...]]:
    """(id, payment, kind, principal, hash, state, refusal, answer) by id."""
    return {row[0]: row for row in await tx.rows(Q["operations"], ids=list(ids))}


async def payments(tx: Tx, ids: Iterable[UUID]) -> dict[UUID, Payment]:
    return {row[0]: Payment(*row) for row in await tx.rows(Q["payments"], ids=list(ids))}


async def lock_payments(tx: Tx, ids: Iterable[UUID]) -> dict[UUID, Payment]:
    return {row[0]: Payment(*row) for row in await tx.lock(Rank.PAYMENTS, Q["lock_payments"], ids)}


async def decisions(tx: Tx, ids: Iterable[UUID]) -> dict[UUID, tuple[str, datetime | None, tuple[Check, ...]]]:
    """The first state of each payment, until when it waited then, and the checks that led to it."""
    rows = await tx.rows(Q["decisions"], ids=list(ids))
    return {i: (state, due_at, msgspec.convert(checks, tuple[Check, ...])) for i, state, due_at, checks in rows}


async def parties(tx: Tx, ids: Iterable[UUID]) -> list[tuple[UUID, int, str, str, UUID, datetime]]:
    """(account id, ledger id, currency, product, customer, opened at) of the accounts that exist."""
    return await tx.rows(Q["parties"], ids=list(ids))  # type: ignore[return-value]


async def ensure_spending(tx: Tx, ids: Iterable[UUID], day: date) -> None:
    await tx.run(Q["ensure_spending"], ids=sorted(ids), day=day)


async def lock_spending(tx: Tx, ids: Iterable[UUID]) -> dict[UUID, Counted]:
    rows = await tx.lock(Rank.COUNTERS, Q["lock_spending"], ids)
    return {
        row[0]: Counted(Spending(*row[:7]), Limits(*row[8:13]), may_pay=row[7], level=LevelLimits(*row[13:]))
        for row in rows
    }


class Writes:
    """What a batch has decided, gathered for the one statement that writes it."""

    def __init__(self) -> None:
        self.payments: list[Payment] = []
        self.decisions: list[tuple[UUID, str, datetime | None, tuple[Check, ...]]] = []
        self.operations: list[tuple[UUID, str, str | None, int, int, int, object]] = []
        self.spending: dict[UUID, Spending] = {}
        self.closed: list[UUID] = []
        self.taken_back: list[UUID] = []
        """Payments that came to nothing: what their cards may have been charged is taken back."""
        self.waiting: list[tuple[UUID, str, datetime]] = []
        self.challenges: list[tuple[UUID, int, bool, bool, int, str, bytes, datetime, UUID | None]] = []
        """(payment, ways, large, signed, version of the policy, why, nonce, until, family) of what a payer is asked for."""
        self.outside: list[tuple[UUID, str, str, bool]] = []
        """(payment, rail, account there, whether it is asked now) of what a rail must send first."""


def _columns(rows: Sequence[tuple[Any, ...]], width: int) -> list[list[Any]]:
    return [list(column) for column in zip(*rows, strict=True)] if rows else [[] for _ in range(width)]


_CHALLENGE = ("c_ids", "c_ways", "c_large", "c_signed", "c_versions", "c_whys", "c_nonces", "c_until", "c_families")


async def write(tx: Tx, writes: Writes, *, at: datetime, booking_date: date) -> None:
    """Everything gathered, in one statement."""
    p = writes.payments
    spent = [writes.spending[i] for i in sorted(writes.spending)]
    d_ids, d_states, d_due, d_checks = _columns([(i, s, due, _json(c)) for i, s, due, c in writes.decisions], 4)
    o_ids, o_states, o_refusals, o_moved, o_covered, o_fees, o_answers = _columns(
        [(*rest, _json(answer)) for *rest, answer in writes.operations], 7
    )
    waiting, outside = _columns(writes.waiting, 3), _columns(writes.outside, 4)
    tx.write(
        Q["write"],
        at=at,
        booking_date=booking_date,
        p_ids=[x.id for x in p],
        p_states=[x.state for x in p],
        p_refusals=[x.refusal for x in p],
        p_authorised=[x.authorised_minor for x in p],
        p_captured=[x.captured_minor for x in p],
        p_refunded=[x.refunded_minor for x in p],
        p_fees=[x.fee_minor for x in p],
        p_at_once=[x.at_once_minor for x in p],
        p_at_once_fees=[x.at_once_fee_minor for x in p],
        p_days=[x.booking_date for x in p],
        p_decided=[x.decided_at for x in p],
        p_due=[x.due_at for x in p],
        p_sequences=[x.sequence for x in p],
        d_ids=d_ids,
        d_states=d_states,
        d_due=d_due,
        d_checks=d_checks,
        o_ids=o_ids,
        o_states=o_states,
        o_refusals=o_refusals,
        o_moved=o_moved,
        o_covered=o_covered,
        o_fees=o_fees,
        o_answers=o_answers,
        closed=sorted({*writes.closed, *writes.taken_back}),
        back=sorted(writes.taken_back),
        **dict(zip(("w_ids", "w_for", "w_due"), waiting, strict=True)),
        **dict(zip(("r_ids", "r_rails", "r_accounts", "r_now"), outside, strict=True)),
        **dict(zip(_CHALLENGE, _columns(writes.challenges, 9), strict=True)),
        s_ids=[x.account_id for x in spent],
        s_days=[x.day for x in spent],
        s_day_minor=[x.day_minor for x in spent],
        s_day_count=[x.day_count for x in spent],
        s_months=[x.month for x in spent],
        s_month_minor=[x.month_minor for x in spent],
        s_month_count=[x.month_count for x in spent],
    )


async def due(tx: Tx, at: datetime, most: int) -> list[tuple[UUID, str]]:
    return await tx.rows(Q["due"], at=at, most=most)  # type: ignore[return-value]


# --- rails


async def open_rails(tx: Tx, rails: Iterable[str], *, lock: bool = False) -> dict[str, datetime]:
    """Until when rails that gave no answer are left alone; others are not in it."""
    if lock:
        rows = await tx.lock(Rank.COUNTERS, Q["lock_open_rails"], rails)
    else:
        rows = await tx.rows(Q["open_rails"], keys=sorted(rails))
    return dict(rows)  # type: ignore[arg-type]


async def set_open_until(tx: Tx, rails: Iterable[str], until: datetime) -> None:
    await tx.run(Q["set_open_until"], rails=sorted(rails), until=until)


async def anybody_waits(tx: Tx, rail: str) -> bool:
    row = await tx.row(Q["anybody_waits"], rail=rail)
    return row is not None and bool(row[0])


def _parcel(row: tuple[Any, ...]) -> RailParcel:
    id_, rail, account, amount, currency, due_at, verb, tries, sent_at, lease, over = row
    return RailParcel(id_, rail, account, amount, currency, due_at, RailVerb(verb), tries, sent_at, lease, over)


async def lease_rail_payments(
    tx: Tx, room: dict[str, int], *, lease: UUID, at: datetime, until: datetime
) -> list[RailParcel]:
    rails = sorted(room)
    rows = await tx.rows(
        Q["lease_rail_payments"], rails=rails, rooms=[room[rail] for rail in rails], lease=lease, at=at, until=until
    )
    return [_parcel(row) for row in rows]


async def rail_parcel(tx: Tx, payment_id: UUID) -> RailParcel | None:
    row = await tx.row(Q["rail_parcel"], id=payment_id)
    return _parcel(row) if row else None


async def ask_again_at(tx: Tx, rows: Sequence[tuple[UUID, UUID | None, str, datetime, int, datetime | None]]) -> None:
    """(payment, lease, verb, moment, tries, when it may last have been sent)."""
    ids, leases, verbs, moments, tries, sent = _columns(rows, 6)
    await tx.run(Q["ask_again_at"], ids=ids, leases=leases, next=verbs, next_at=moments, tries=tries, sent=sent)


async def hurry_rail_payments(tx: Tx, rails: Iterable[str], at: datetime) -> None:
    await tx.run(Q["hurry_rail_payments"], rails=sorted(rails), at=at)


async def hurry_payments(tx: Tx, payment_ids: Iterable[UUID], at: datetime) -> list[UUID]:
    return [id_ for (id_,) in await tx.rows(Q["hurry_payments"], ids=sorted(payment_ids), at=at)]


async def add_rail_calls(tx: Tx, calls: Sequence[tuple[RailParcel, RailCall]]) -> None:
    await tx.run(
        Q["add_rail_calls"],
        ids=[parcel.payment_id for parcel, _ in calls],
        rails=[parcel.rail for parcel, _ in calls],
        verbs=[call.verb.value for _, call in calls],
        moments=[call.at for _, call in calls],
        durations=[call.duration_ms for _, call in calls],
        said=[call.said.value for _, call in calls],
        reasons=[call.reason for _, call in calls],
        asked_by=[call.asked_by for _, call in calls],
    )


async def failing_rails(tx: Tx, rails: Iterable[str]) -> set[str]:
    return {row[0] for row in await tx.rows(Q["failing_rails"], rails=sorted(rails))}


async def lock_rail_state(tx: Tx, rails: Iterable[str]) -> dict[str, tuple[int, datetime | None, datetime | None]]:
    """(times in a row without an answer, since when, left alone until) of each rail."""
    wanted = sorted(rails)
    await tx.run(Q["ensure_rail_state"], rails=wanted)
    rows = await tx.lock(Rank.COUNTERS, Q["lock_rail_state"], wanted)
    return {rail: (failing, since, until) for rail, failing, since, until in rows}


async def set_rail_state(tx: Tx, rows: Sequence[tuple[str, int, datetime | None, datetime | None]]) -> None:
    rails, failing, since, until = _columns(rows, 4)
    await tx.run(Q["set_rail_state"], rails=rails, failing=failing, since=since, until=until)


async def rail_calls_of(tx: Tx, payment_id: UUID) -> list[RailCall]:
    """Every time that a rail was asked about a payment, in order; at most 1,000."""
    rows = await tx.rows(Q["rail_calls_of"], payment_id=payment_id)
    return [
        RailCall(verb=RailVerb(verb), at=at, duration_ms=ms, said=RailSaid(said), reason=reason, asked_by=by)
        for verb, at, ms, said, reason, by in rows
    ]


async def outside_account(tx: Tx, payment_id: UUID) -> str | None:
    row = await tx.row(Q["outside_account"], payment_id=payment_id)
    return row[0] if row else None


async def forget_rail_calls(tx: Tx, before: datetime, most: int) -> int:
    return await tx.run(Q["forget_rail_calls"], before=before, most=most)


async def rail_health(
    tx: Tx, rails: Iterable[str], *, minutes_ago: datetime, hour_ago: datetime
) -> list[tuple[Any, ...]]:
    return await tx.rows(Q["rail_health"], rails=sorted(rails), minutes_ago=minutes_ago, hour_ago=hour_ago)


async def method_health(tx: Tx, since: datetime) -> list[tuple[str, int, int, int, datetime]]:
    """(method, payments, gone through, declined, newest)."""
    return await tx.rows(Q["method_health"], since=since)  # type: ignore[return-value]


# --- records


async def records(tx: Tx, account_id: UUID | None, party_id: UUID | None, **where: Any) -> list[Payment]:
    """Newest first, by the narrowest of three statements."""
    if account_id is None:
        return [Payment(*row) for row in await tx.rows(Q["records"], **where)]
    if party_id is None:
        return [Payment(*row) for row in await tx.rows(Q["records_of_account"], account_id=account_id, **where)]
    rows = await tx.rows(Q["records_between"], account_id=account_id, party_id=party_id, **where)
    return [Payment(*row) for row in rows]


async def sums_of_owner(tx: Tx, account_id: UUID, since: datetime, until: datetime) -> tuple[int, int, int, int]:
    """(paid, payments, received, payments) in minor units."""
    return await tx.row(Q["sums_of_owner"], account_id=account_id, since=since, until=until)  # type: ignore[return-value]


async def payment_of_operation(tx: Tx, id: UUID) -> UUID | None:
    row = await tx.row(Q["payment_of_operation"], id=id)
    return row[0] if row else None


async def operations_of(tx: Tx, payment_id: UUID) -> list[tuple[Any, ...]]:
    """(id, kind, principal, amount, final, reason, asked_at, state, refusal, moved, covered, fee, answer) in order."""
    return await tx.rows(Q["operations_of"], payment_id=payment_id)


async def entries_of(tx: Tx, transfer_ids: Iterable[UUID]) -> list[tuple[Any, ...]]:
    """(transfer, recorded_at, kind, posting, signed amount, balance after, currency, line, account, number) in order."""
    return await tx.rows(Q["entries_of"], ids=list(transfer_ids))


async def hold_of(tx: Tx, payment_id: UUID) -> tuple[Any, ...] | None:
    """(amount, left, captured, placed_at, expires_at)."""
    return await tx.row(Q["hold_of"], id=payment_id)


# --- limits


async def limits_of(tx: Tx, account_id: UUID, day: date) -> AccountLimits | None:
    row = await tx.row(Q["limits_of"], account_id=account_id)
    if row is None:
        return None
    id_, currency, customer_kind, of_this_account = row[:4]
    month = day.replace(day=1)
    spending = Spending(*row[17:]) if row[17] is not None else Spending(id_, day, 0, 0, month, 0, 0)
    spending.roll(day)
    return AccountLimits(
        account_id=id_,
        currency=currency,
        customer_kind=customer_kind,
        of_this_account=of_this_account,
        bank=Limits(*row[4:9]),
        own=Limits(*row[9:14]),
        level=LevelLimits(*row[14:17]),
        spending=spending,
    )


async def bank_limits(tx: Tx) -> list[BankLimit]:
    return [BankLimit(kind, currency, Limits(*rest)) for kind, currency, *rest in await tx.rows(Q["bank_limits"])]


def _limit_values(limits: Limits) -> dict[str, int | None]:
    return {
        "per_payment": limits.per_payment_minor,
        "per_day": limits.per_day_minor,
        "per_month": limits.per_month_minor,
        "day_count": limits.per_day_count,
        "month_count": limits.per_month_count,
    }


async def set_bank_limit(tx: Tx, customer_kind: str, currency: str, limits: Limits) -> None:
    await tx.run(Q["set_bank_limit"], customer_kind=customer_kind, currency=currency, **_limit_values(limits))


async def set_account_limit(tx: Tx, account_id: UUID, set_by: str, limits: Limits, at: datetime) -> None:
    await tx.run(Q["set_account_limit"], account_id=account_id, set_by=set_by, at=at, **_limit_values(limits))


async def drop_account_limit(tx: Tx, account_id: UUID, set_by: str) -> None:
    await tx.run(Q["drop_account_limit"], account_id=account_id, set_by=set_by)


# --- switches


def _switch(row: tuple[Any, ...]) -> Switch:
    scope, key, stopped, since, by, reason, until, version = row
    return Switch(
        scope=Scope(scope), key=key, stopped=stopped, since=since, by=by, reason=reason, until=until, version=version
    )


async def switches(tx: Tx, most: int) -> list[Switch]:
    return [_switch(row) for row in await tx.rows(Q["switches"], most=most)]


async def lock_switch(tx: Tx, scope: Scope, key: str) -> Switch | None:
    rows = await tx.lock(Rank.IDS, Q["lock_switch"], [key], scope=scope.value)
    return _switch(rows[0]) if rows else None


def _switch_values(switch: Switch) -> dict[str, Any]:
    return {
        "scope": switch.scope.value,
        "stopped": switch.stopped,
        "since": switch.since,
        "changed_by": switch.by,
        "reason": switch.reason,
        "until": switch.until,
        "version": switch.version,
    }


async def add_switch(tx: Tx, switch: Switch) -> bool:
    """Whether it was the first."""
    return bool(await tx.lock(Rank.IDS, Q["add_switch"], [switch.key], **_switch_values(switch)))


async def set_switch(tx: Tx, switch: Switch) -> None:
    await tx.run(Q["set_switch"], key=switch.key, **_switch_values(switch))


async def stopped(tx: Tx, keys: Sequence[tuple[Scope, str]], at: datetime) -> Scope | None:
    scopes, names = [scope.value for scope, _ in keys], [key for _, key in keys]
    row = await tx.row(Q["stopped"], scopes=scopes, keys=names, at=at)
    return Scope(row[0]) if row else None


# --- payrolls


async def claim_payroll(tx: Tx, new: Payroll) -> bool:
    rows = await tx.lock(
        Rank.IDS,
        Q["claim_payroll"],
        [new.id],
        principal_id=new.principal_id,
        request_hash=new.request_hash,
        payer_account_id=new.payer_account_id,
        currency=new.currency,
        at=new.created_at,
    )
    return bool(rows)


async def add_payroll_lines(tx: Tx, payroll_id: UUID, lines: Sequence[PayrollLine]) -> None:
    await tx.run(
        Q["add_payroll_lines"],
        payroll_id=payroll_id,
        lines=[x.line for x in lines],
        numbers=[x.account_number for x in lines],
        accounts=[x.account_id for x in lines],
        amounts=[x.amount_minor for x in lines],
        references=[x.reference for x in lines],
        problems=[x.problem for x in lines],
        duplicates=[x.duplicate_of for x in lines],
    )


async def accounts_by_number(tx: Tx, numbers: Iterable[str]) -> dict[str, tuple[UUID, str, UUID]]:
    """(account, currency, customer) by number."""
    return {row[0]: row[1:] for row in await tx.rows(Q["accounts_by_number"], numbers=sorted(set(numbers)))}  # type: ignore[misc]


async def payroll(tx: Tx, id: UUID) -> Payroll | None:
    row = await tx.row(Q["payroll"], id=id)
    return Payroll(*row) if row else None


async def lock_payroll(tx: Tx, id: UUID) -> Payroll | None:
    rows = await tx.lock(Rank.IDS, Q["lock_payroll"], [id])
    return Payroll(*rows[0]) if rows else None


async def payrolls(tx: Tx, account_id: UUID, before: tuple[datetime, UUID], most: int) -> list[Payroll]:
    rows = await tx.rows(Q["payrolls"], account_id=account_id, before=before[0], before_id=before[1], most=most)
    return [Payroll(*row) for row in rows]


async def payroll_figures(tx: Tx, id: UUID) -> list[tuple[str, str | None, bool, int, int]]:
    """(state, problem, is a duplicate, lines, money)."""
    return await tx.rows(Q["payroll_figures"], id=id)  # type: ignore[return-value]


async def payroll_lines(tx: Tx, id: UUID, *, after: int, failures: bool, most: int) -> list[PayrollLine]:
    rows = await tx.rows(Q["payroll_lines"], id=id, after=after, failures=failures, most=most)
    return [PayrollLine(*row) for row in rows]


async def confirm_payroll(tx: Tx, id: UUID, *, skip_duplicates: bool, by: UUID, at: datetime) -> None:
    await tx.run(Q["skip_payroll_lines"], id=id, duplicates=skip_duplicates)
    await tx.run(Q["confirm_payroll"], id=id, by=by, at=at)


async def set_payroll_state(tx: Tx, id: UUID, state: str, at: datetime) -> None:
    await tx.run(Q["set_payroll_state"], id=id, state=state, at=at)


async def payroll_waiting(tx: Tx, id: UUID, most: int) -> list[tuple[int, UUID, int, str | None, UUID | None]]:
    """(line, payee, amount, reference, the payment that a switch stopped) of the next lines to pay."""
    return await tx.rows(Q["payroll_waiting"], id=id, most=most)  # type: ignore[return-value]


async def record_payroll_lines(tx: Tx, id: UUID, ended: Sequence[tuple[int, str, str | None, UUID]]) -> None:
    lines, states, refusals, payments_ = _columns(ended, 4)
    await tx.run(Q["record_payroll_lines"], id=id, lines=lines, states=states, refusals=refusals, payments=payments_)


async def running_payrolls(tx: Tx) -> list[UUID]:
    return [row[0] for row in await tx.rows(Q["running_payrolls"])]


# --- schedules


async def claim_schedule(tx: Tx, new: Schedule) -> bool:
    rows = await tx.lock(
        Rank.IDS,
        Q["claim_schedule"],
        [new.id],
        principal_id=new.principal_id,
        request_hash=new.request_hash,
        payer_account_id=new.payer_account_id,
        payee_account_id=new.payee_account_id,
        merchant_id=new.merchant_id,
        amount_minor=new.amount_minor,
        currency=new.currency,
        reference=new.reference,
        every=new.every,
        starts_on=new.starts_on,
        ends_on=new.ends_on,
        at=new.created_at,
    )
    return bool(rows)


async def schedules(tx: Tx, ids: Iterable[UUID]) -> dict[UUID, Schedule]:
    return {row[0]: Schedule(*row) for row in await tx.rows(Q["schedules"], ids=list(ids))}


async def lock_schedules(tx: Tx, ids: Iterable[UUID]) -> dict[UUID, Schedule]:
    return {row[0]: Schedule(*row) for row in await tx.lock(Rank.IDS, Q["lock_schedules"], ids)}


async def schedules_of(tx: Tx, account_id: UUID, after: UUID | None, most: int) -> list[Schedule]:
    return [Schedule(*row) for row in await tx.rows(Q["schedules_of"], account_id=account_id, after=after, most=most)]


async def due_schedules(tx: Tx, today: date, after: tuple[date, UUID], most: int) -> list[Schedule]:
    rows = await tx.rows(Q["due_schedules"], today=today, after=after[0], after_id=after[1], most=most)
    return [Schedule(*row) for row in rows]


async def set_schedules(tx: Tx, changed: Sequence[Schedule]) -> None:
    if not changed:
        return
    await tx.run(
        Q["set_schedules"],
        ids=[x.id for x in changed],
        next=[x.next_on for x in changed],
        **{"try": [x.try_on for x in changed]},
        failures=[x.failures for x in changed],
        states=[str(x.state) for x in changed],
        sequences=[x.sequence for x in changed],
    )


async def add_schedule_runs(tx: Tx, runs: Sequence[tuple[UUID, ScheduleRun]], at: datetime) -> None:
    await tx.run(
        Q["add_schedule_runs"],
        schedules=[i for i, _ in runs],
        due=[x.due_on for _, x in runs],
        tried=[x.tried_on for _, x in runs],
        payments=[x.payment_id for _, x in runs],
        states=[x.state for _, x in runs],
        refusals=[x.refusal for _, x in runs],
        at=at,
    )


async def schedule_runs(tx: Tx, id: UUID, before: tuple[date, date], most: int) -> list[ScheduleRun]:
    rows = await tx.rows(Q["schedule_runs"], id=id, before=before[0], before_due=before[1], most=most)
    return [ScheduleRun(*row) for row in rows]


async def open_day(tx: Tx) -> date:
    row = await tx.row(Q["open_day"])
    assert row is not None
    return row[0]


# --- proof


async def payments_after(tx: Tx, place: tuple[datetime, UUID], most: int) -> list[tuple[datetime, UUID]]:
    return await tx.rows(Q["payments_after"], after=place[0], after_id=place[1], most=most)  # type: ignore[return-value]


async def operated_since(tx: Tx, day: date, after: UUID, most: int) -> list[UUID]:
    return [row[0] for row in await tx.rows(Q["operated_since"], day=day, after=after, most=most)]


async def wrong_payments(tx: Tx, ids: Sequence[UUID], most: int) -> list[tuple[str, UUID, str, str]]:
    """(invariant, key, what should be, what is)."""
    return await tx.rows(Q["wrong_payments"], ids=list(ids), most=most)  # type: ignore[return-value]


async def wrongly_open(tx: Tx, most: int) -> list[tuple[UUID, str]]:
    return await tx.rows(Q["wrongly_open"], most=most)  # type: ignore[return-value]


async def over_their_level(tx: Tx, day: date, most: int) -> list[tuple[UUID, int, int]]:
    """(account, what it may pay on a day, what it has paid)."""
    return await tx.rows(Q["over_their_level"], day=day, most=most)  # type: ignore[return-value]


async def wrong_counters(
    tx: Tx, day: date, midnight: datetime, next_midnight: datetime, since: datetime, most: int
) -> list[tuple[UUID, str, str]]:
    """(account, what should be, what is)."""
    return await tx.rows(  # type: ignore[return-value]
        Q["wrong_counters"], day=day, midnight=midnight, next_midnight=next_midnight, since=since, most=most
    )


async def take_held(tx: Tx, id: UUID, *, to: UUID | None, seen: UUID | None) -> bool:
    return bool(await tx.rows(Q["take_held"], id=id, to=to, seen=seen))
