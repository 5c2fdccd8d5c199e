"""The only Python that touches `merchants.*`: one small function a named statement."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from itertools import groupby
from typing import Any
from uuid import UUID

import msgspec

from tongbao.base import sql
from tongbao.base.db import Rank, Tx
from tongbao.merchants.fees import FeePlan, FeeRate
from tongbao.merchants.model import (
    Attempt,
    Delivery,
    DeliveryState,
    Endpoint,
    EndpointStatus,
    Merchant,
    MerchantStatus,
    NewEndpoint,
    NewOrder,
    Order,
    OrderState,
    Parcel,
    Place,
    WebhookBacklog,
)

Q = sql.load("tongbao.merchants")


async def claim_ids(
    tx: Tx, kind: str, asked: Sequence[tuple[UUID, bytes]], principal_id: UUID, at: datetime
) -> set[UUID]:
    """Those of the ids (sorted) that were free."""
    rows = await tx.lock(
        Rank.IDS,
        Q["claim_ids"],
        [id_ for id_, _ in asked],
        hashes=[digest for _, digest in asked],
        kind=kind,
        principal_id=principal_id,
        at=at,
    )
    return {row[0] for row in rows}


async def claims(tx: Tx, ids: Sequence[UUID]) -> dict[UUID, tuple[str, UUID, bytes]]:
    if not ids:
        return {}
    return {row[0]: (row[1], row[2], bytes(row[3])) for row in await tx.rows(Q["claims"], ids=list(ids))}


# merchants and fee plans

_plans: dict[UUID, FeePlan] = {}
_MOST_PLANS = 100_000


async def merchants(tx: Tx, ids: Iterable[UUID]) -> dict[UUID, Merchant]:
    """Plans never change under their id, so a process reads each once."""
    rows = await tx.rows(Q["merchants"], ids=list(ids))
    missing = {row[11] for row in rows} - _plans.keys()
    if missing:
        if len(_plans) > _MOST_PLANS:
            _plans.clear()
            missing = {row[11] for row in rows}
        _plans.update(await plans(tx, missing))
    return {row[0]: _merchant(row, _plans[row[11]]) for row in rows}


async def merchant_of_takings(tx: Tx, account_id: UUID) -> UUID | None:
    rows = await tx.rows(Q["merchant_of_takings"], id=account_id)
    return rows[0][0] if rows else None


def _merchant(row: Sequence[Any], plan: FeePlan) -> Merchant:
    return Merchant(
        id=row[0],
        name=row[1],
        category=row[2],
        customer_id=row[3],
        status=MerchantStatus(row[4]),
        currency=row[5],
        takings_account_id=row[6],
        takings_ledger_id=row[7],
        settlement_account_id=row[8],
        settlement_ledger_id=row[9],
        created_at=row[10],
        plan=plan,
        country=row[12],
        place=Place(row[13], row[14], row[15]) if row[13] is not None else None,
    )


async def merchant_ids(
    tx: Tx, *, after: UUID | None, customer_id: UUID | None, only: UUID | None, most: int
) -> list[UUID]:
    rows = await tx.rows(Q["merchant_ids"], after=after, customer_id=customer_id, only=only, most=most)
    return [row[0] for row in rows]


async def add_merchants(tx: Tx, merchants: Sequence[Merchant], at: datetime) -> None:
    await tx.run(
        Q["add_merchants"],
        ids=[m.id for m in merchants],
        names=[m.name for m in merchants],
        categories=[m.category for m in merchants],
        customers=[m.customer_id for m in merchants],
        currencies=[m.currency for m in merchants],
        takings=[m.takings_account_id for m in merchants],
        takings_ledger=[m.takings_ledger_id for m in merchants],
        settlement=[m.settlement_account_id for m in merchants],
        settlement_ledger=[m.settlement_ledger_id for m in merchants],
        countries=[m.country for m in merchants],
        districts=[m.place.district if m.place else None for m in merchants],
        latitudes=[m.place.latitude_e6 if m.place else None for m in merchants],
        longitudes=[m.place.longitude_e6 if m.place else None for m in merchants],
        at=at,
    )


async def lock_merchant(tx: Tx, id: UUID) -> MerchantStatus | None:
    rows = await tx.lock(Rank.IDS, Q["lock_merchants"], [id])
    return MerchantStatus(rows[0][1]) if rows else None


async def set_merchant_status(tx: Tx, id: UUID, status: MerchantStatus) -> None:
    await tx.run(Q["set_merchant_status"], id=id, status=status.value)


async def set_merchant_place(tx: Tx, id: UUID, place: Place | None) -> None:
    stands: Mapping[str, Any] = msgspec.structs.asdict(place) if place else {}
    names = ("district", "latitude_e6", "longitude_e6")
    await tx.run(Q["set_merchant_place"], id=id, **{name: stands.get(name) for name in names})


async def plans(tx: Tx, ids: Iterable[UUID]) -> dict[UUID, FeePlan]:
    rows = await tx.rows(Q["plans"], ids=list(ids))
    found = {}
    for (id_, merchant_id, version), rates in groupby(rows, key=lambda row: row[:3]):
        found[id_] = FeePlan(
            id=id_,
            merchant_id=merchant_id,
            version=version,
            rates=tuple(
                FeeRate(
                    method=m,
                    currency=c,
                    basis_points=bp,
                    fixed_minor=fixed,
                    smallest_minor=smallest,
                    largest_minor=largest,
                )
                for *_, m, c, bp, fixed, smallest, largest in rates
            ),
        )
    return found


async def bank_plan_id(tx: Tx) -> UUID:
    row = await tx.row(Q["bank_plan_id"])
    assert row is not None
    return row[0]


async def plan_in_force(tx: Tx, merchant_id: UUID, at: datetime) -> FeePlan:
    row = await tx.row(Q["plan_in_force"], merchant_id=merchant_id, at=at)
    assert row is not None
    return (await plans(tx, [row[0]]))[row[0]]


async def one_keeper_of_the_bank_plan(tx: Tx) -> None:
    await tx.rows(Q["one_keeper_of_the_bank_plan"])


async def last_plan_version(tx: Tx, merchant_id: UUID | None) -> int:
    row = await tx.row(Q["last_plan_version"], merchant_id=merchant_id)
    assert row is not None
    return row[0]


async def add_plan(tx: Tx, plan: FeePlan, by: UUID, at: datetime) -> None:
    await tx.run(Q["add_plan"], id=plan.id, merchant_id=plan.merchant_id, version=plan.version, by=by, at=at)
    await tx.run(
        Q["add_rates"],
        plan_id=plan.id,
        methods=[r.method for r in plan.rates],
        currencies=[r.currency for r in plan.rates],
        basis_points=[r.basis_points for r in plan.rates],
        fixed=[r.fixed_minor for r in plan.rates],
        smallest=[r.smallest_minor for r in plan.rates],
        largest=[r.largest_minor for r in plan.rates],
    )
    if plan.merchant_id is not None:
        await tx.run(Q["use_plan"], plan_id=plan.id, merchant_id=plan.merchant_id)


# orders


def _order(row: Sequence[Any]) -> Order:
    return Order(
        id=row[0],
        merchant_id=row[1],
        amount_minor=row[2],
        currency=row[3],
        description=row[4],
        state=OrderState(row[5]),
        payment_id=row[6],
        captured_minor=row[7],
        refunded_minor=row[8],
        created_at=row[9],
        expires_at=row[10],
        changed_at=row[11],
        payment_sequence=row[12],
    )


async def add_order(tx: Tx, new: NewOrder, at: datetime) -> None:
    await tx.run(
        Q["add_order"],
        id=new.id,
        merchant_id=new.merchant_id,
        amount=new.amount_minor,
        currency=new.currency,
        description=new.description,
        expires_at=new.expires_at,
        at=at,
    )


async def orders(tx: Tx, ids: Iterable[UUID]) -> dict[UUID, Order]:
    return {row[0]: _order(row) for row in await tx.rows(Q["orders"], ids=list(ids))}


async def lock_orders(tx: Tx, ids: Iterable[UUID]) -> dict[UUID, Order]:
    return {row[0]: _order(row) for row in await tx.lock(Rank.IDS, Q["lock_orders"], set(ids))}


async def orders_of(
    tx: Tx, *, merchant_id: UUID | None, below: UUID | None, state: OrderState | None, most: int
) -> list[Order]:
    rows = await tx.rows(
        Q["orders_of"], merchant_id=merchant_id, below=below, state=state.value if state else None, most=most
    )
    return [_order(row) for row in rows]


async def write_orders(tx: Tx, orders: Sequence[Order], at: datetime) -> None:
    if orders:
        await tx.run(
            Q["write_orders"],
            ids=[o.id for o in orders],
            states=[o.state.value for o in orders],
            payments=[o.payment_id for o in orders],
            sequences=[o.payment_sequence for o in orders],
            captured=[o.captured_minor for o in orders],
            refunded=[o.refunded_minor for o in orders],
            at=at,
        )


async def release_orders(tx: Tx, ids: Iterable[UUID], at: datetime) -> None:
    await tx.run(Q["release_orders"], ids=list(ids), at=at)


async def expired_orders(tx: Tx, at: datetime, most: int) -> list[UUID]:
    return [row[0] for row in await tx.rows(Q["expired_orders"], at=at, most=most)]


# webhooks


def _endpoint(row: Sequence[Any]) -> Endpoint:
    return Endpoint(
        id=row[0],
        merchant_id=row[1],
        url=row[2],
        topics=tuple(row[3]),
        status=EndpointStatus(row[4]),
        created_at=row[5],
        failing_since=row[6],
        disabled_at=row[7],
        disabled_because=row[8],
    )


async def add_endpoint(tx: Tx, new: NewEndpoint, sealed_secret: bytes, at: datetime) -> None:
    await tx.run(
        Q["add_endpoint"],
        id=new.id,
        merchant_id=new.merchant_id,
        url=new.url,
        topics=list(new.topics),
        sealed_secret=sealed_secret,
        at=at,
    )


async def unsealed_endpoints(tx: Tx, after: UUID, most: int) -> list[UUID]:
    return [row[0] for row in await tx.rows(Q["unsealed_endpoints"], after=after, most=most)]


async def lock_unsealed_endpoints(tx: Tx, ids: Iterable[UUID]) -> dict[UUID, str]:
    return {row[0]: row[1] for row in await tx.lock(Rank.IDS, Q["lock_unsealed_endpoints"], set(ids))}


async def secrets_sealed(tx: Tx, sealed: Mapping[UUID, bytes | None]) -> None:
    await tx.run(Q["secrets_sealed"], ids=list(sealed), sealed=list(sealed.values()))


async def endpoint(tx: Tx, id: UUID, *, deleted_too: bool = False) -> Endpoint | None:
    row = await tx.row(Q["endpoints"], ids=[id], deleted_too=deleted_too)
    return _endpoint(row) if row else None


async def endpoints_of(tx: Tx, *, merchant_id: UUID | None, after: UUID | None, most: int) -> list[Endpoint]:
    rows = await tx.rows(Q["endpoints_of"], merchant_id=merchant_id, after=after, most=most)
    return [_endpoint(row) for row in rows]


async def listening_endpoints(tx: Tx, merchants: Iterable[UUID]) -> list[tuple[UUID, UUID | None, frozenset[str]]]:
    rows = await tx.rows(Q["listening_endpoints"], merchants=list(merchants))
    return [(id_, merchant_id, frozenset(topics)) for id_, merchant_id, topics in rows]


async def end_endpoint(tx: Tx, id: UUID, at: datetime) -> None:
    await tx.run(Q["end_endpoint"], id=id, at=at)


async def drop_pending(tx: Tx, endpoint_id: UUID) -> None:
    await tx.run(Q["drop_pending"], endpoint_id=endpoint_id)


async def enable_endpoint(tx: Tx, id: UUID) -> None:
    await tx.run(Q["enable_endpoint"], id=id)


async def add_deliveries(tx: Tx, rows: Sequence[tuple[Any, ...]], tries: int) -> None:
    """(id, endpoint, event, topic, aggregate, sequence, body, moment)"""
    if rows:
        names = ("ids", "endpoints", "events", "topics", "aggregates", "sequences", "bodies", "moments")
        columns = dict(zip(names, map(list, zip(*rows, strict=True)), strict=True))
        await tx.run(Q["add_deliveries"], **columns, tries=tries)


async def lease_deliveries(
    tx: Tx, *, lease: UUID, at: datetime, until: datetime, most: int, each: int, not_to: list[UUID]
) -> list[tuple[Parcel, bytes | None]]:
    """Each with its secret as it is sealed; one that is not sealed yet has it in the clear."""
    return [
        (
            Parcel(
                id=row[0],
                endpoint_id=row[1],
                url=row[2],
                secret=row[3] or "",
                event_id=row[4],
                body=row[5],
                attempts=row[6],
                lease=row[7],
            ),
            row[8],
        )
        for row in await tx.rows(
            Q["lease_deliveries"], lease=lease, at=at, until=until, most=most, each=each, not_to=not_to
        )
    ]


async def lock_deliveries(tx: Tx, ids: Iterable[UUID]) -> dict[UUID, tuple[UUID, UUID | None, int, int]]:
    """Of pending deliveries: endpoint, lease, attempts so far, tries left."""
    return {row[0]: tuple(row[1:]) for row in await tx.lock(Rank.IDS, Q["lock_deliveries"], ids)}  # type: ignore[misc]


async def add_attempts(tx: Tx, attempts: Sequence[tuple[UUID, Attempt]]) -> None:
    await tx.run(
        Q["add_attempts"],
        deliveries=[id_ for id_, _ in attempts],
        numbers=[a.number for _, a in attempts],
        moments=[a.at for _, a in attempts],
        durations=[a.duration_ms for _, a in attempts],
        statuses=[a.status for _, a in attempts],
        errors=[a.error for _, a in attempts],
        answers=[a.answer for _, a in attempts],
    )


async def write_deliveries(tx: Tx, rows: Sequence[tuple[Any, ...]]) -> None:
    """(id, state, attempts, tries left, next_at, delivered_at)"""
    names = ("ids", "states", "attempts", "left", "next_at", "delivered")
    await tx.run(Q["write_deliveries"], **dict(zip(names, map(list, zip(*rows, strict=True)), strict=True)))


async def endpoints_took(tx: Tx, ids: Iterable[UUID]) -> None:
    await tx.lock(Rank.IDS, Q["endpoints_took"], ids)


async def endpoints_failed(tx: Tx, ids: Iterable[UUID], at: datetime) -> None:
    await tx.lock(Rank.IDS, Q["endpoints_failed"], ids, at=at)


async def disable_endpoints(
    tx: Tx, ids: Iterable[UUID], because: str, at: datetime, failing_before: datetime | None = None
) -> list[UUID]:
    rows = await tx.lock(Rank.IDS, Q["disable_endpoints"], ids, because=because, at=at, failing_before=failing_before)
    return [row[0] for row in rows]


def _delivery(row: Sequence[Any]) -> Delivery:
    return Delivery(
        id=row[0],
        endpoint_id=row[1],
        event_id=row[2],
        topic=row[3],
        aggregate=row[4],
        sequence=row[5],
        state=DeliveryState(row[6]),
        attempts=row[7],
        created_at=row[8],
        next_at=row[9],
        delivered_at=row[10],
    )


async def deliveries_of(
    tx: Tx,
    endpoint_id: UUID,
    *,
    state: DeliveryState | None,
    before: datetime | None,
    before_id: UUID | None,
    most: int,
) -> list[Delivery]:
    rows = await tx.rows(
        Q["deliveries_of"],
        endpoint_id=endpoint_id,
        state=state.value if state else None,
        before=before,
        before_id=before_id,
        most=most,
    )
    return [_delivery(row) for row in rows]


async def deliveries_about(tx: Tx, aggregates: Iterable[UUID], most: int) -> list[Delivery]:
    rows = await tx.rows(Q["deliveries_about"], aggregates=list(aggregates), most=most)
    return [_delivery(row) for row in rows]


async def delivery(tx: Tx, id: UUID) -> Delivery | None:
    row = await tx.row(Q["deliveries"], ids=[id])
    return _delivery(row) if row else None


async def attempts_of(tx: Tx, ids: Sequence[UUID]) -> dict[UUID, list[Attempt]]:
    found: dict[UUID, list[Attempt]] = {}
    for id_, number, at, duration_ms, status, error, answer in await tx.rows(Q["attempts_of"], ids=list(ids)):
        found.setdefault(id_, []).append(
            Attempt(number=number, at=at, duration_ms=duration_ms, status=status, error=error, answer=answer)
        )
    return found


async def lock_delivery(tx: Tx, id: UUID) -> Delivery | None:
    rows = await tx.lock(Rank.IDS, Q["lock_delivery"], [id])
    return _delivery(rows[0]) if rows else None


async def resend_delivery(tx: Tx, id: UUID, tries: int, at: datetime) -> None:
    await tx.run(Q["resend_delivery"], id=id, tries=tries, at=at)


async def webhook_backlog(tx: Tx, at: datetime) -> WebhookBacklog:
    row = await tx.row(Q["webhook_backlog"], at=at)
    assert row is not None
    return WebhookBacklog(due=row[0], oldest_due_at=row[1], failing_endpoints=row[2], disabled_endpoints=row[3])


async def forget_deliveries(tx: Tx, before: datetime, most: int) -> int:
    return await tx.run(Q["forget_deliveries"], before=before, most=most)


# what `tongbao prove` asks


async def prove_claims(tx: Tx, most: int) -> list[tuple[Any, ...]]:
    return await tx.rows(Q["prove_claims"], most=most)


async def prove_accounts(tx: Tx, most: int) -> list[tuple[Any, ...]]:
    return await tx.rows(Q["prove_accounts"], most=most)


async def prove_plans(tx: Tx, most: int) -> list[UUID]:
    return [row[0] for row in await tx.rows(Q["prove_plans"], most=most)]


async def prove_deliveries(tx: Tx, most: int) -> list[tuple[Any, ...]]:
    return await tx.rows(Q["prove_deliveries"], most=most)


async def prove_rows(tx: Tx) -> int:
    row = await tx.row(Q["prove_rows"])
    assert row is not None
    return row[0]
