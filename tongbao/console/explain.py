"""What an id stands for that is no payment's: a journal, a settlement, any transfer of the ledger, and who made it why."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

import msgspec

from tongbao import clearing, identity, ledger
from tongbao.base import say
from tongbao.base.approvals import Approval
from tongbao.base.db import Tx
from tongbao.console import refusals as no
from tongbao.console import store
from tongbao.console.model import LedgerPlace, TransferHead
from tongbao.payments import Step

Said = tuple[str, str]


class Story(msgspec.Struct, frozen=True, kw_only=True):
    """`state`: posted or reversed; of what has not been posted, the state of the proposal or of the settlement."""

    id: UUID
    kind: str
    state: str
    steps: tuple[Step, ...]


async def explain(tx: Tx, id: UUID) -> Story:
    """The story of a transfer, of a proposed journal or of a settlement to come, oldest step first. Read only.

    Refuses `id_unknown`.
    """
    head = await store.transfer(tx, id)
    approval = await store.approval(tx, id)
    settlement = await clearing.settlement_behind(tx, id)
    if head is not None:
        reversal = await store.reversal_of(tx, id)
        kind, state = head.kind, "reversed" if reversal else "posted"
        steps = [_head(head), *await _postings(tx, head)]
        if reversal is not None:
            steps.append(_reversed(reversal))
    elif approval is not None:
        kind, state, steps = approval.kind, approval.state.value, []
    elif settlement is not None:
        kind, state, steps = "settlement", settlement.state.value, []
    else:
        raise no.ID_UNKNOWN()
    if approval is not None:
        steps = [*await _approval(tx, approval), *steps]
    if settlement is not None:
        at = head.recorded_at if head else datetime.combine(settlement.booking_date, datetime.max.time(), UTC)
        steps.append(_settlement(settlement, at))
    return Story(id=id, kind=kind, state=state, steps=tuple(sorted(steps, key=lambda step: step.at)))


def _step(at: datetime, what: str, said: Said, **details: Any) -> Step:
    return Step(at=at, what=what, en=said[0], zh=said[1], details={k: v for k, v in details.items() if v is not None})


_PROPOSALS: Final[dict[str, Said]] = {
    "ledger.journal": ("journal", "记账凭证"),
    "ledger.close_period": ("close of period", "会计期间结账"),
    "payments.resolve": ("how a payment ended at another bank", "核定跨行付款结果"),
    "payments.release": ("letting a held payment go on", "放行待审核付款"),
}


def _head(head: TransferHead) -> Step:
    en, zh = ledger.kind_word(head.kind, "en"), ledger.kind_word(head.kind, "zh")
    en = f"Posted: {en}, booked on {say.date_(head.booking_date, 'en')}"
    zh = f"已记账：{zh}，记账日 {say.date_(head.booking_date, 'zh')}"
    if head.forced:
        en, zh = f"{en}, by force ({head.forced})", f"{zh}，强制入账（{head.forced}）"
    if head.reverses:
        en, zh = f"{en}; it reverses {head.reverses}", f"{zh}，冲正原交易 {head.reverses}"
    return _step(
        head.recorded_at,
        "transfer",
        (f"{en}.", f"{zh}。"),
        kind=head.kind,
        booking_date=head.booking_date,
        forced=head.forced,
        reverses=head.reverses,
        reason=head.reason,
    )


def _reversed(reversal: TransferHead) -> Step:
    said = (f"Reversed by {reversal.id}.", f"已由 {reversal.id} 冲正。")
    return _step(reversal.recorded_at, "reversal", said, transfer_id=reversal.id, reason=reversal.reason)


async def _postings(tx: Tx, head: TransferHead) -> list[Step]:
    rows = await ledger.postings_of(tx, [head.id])
    places = await store.ledger_places(tx, {row[2] for row in rows} | {row[3] for row in rows})
    names = await ledger.gl_lines(tx)
    return [_posting(row, places, names) for row in rows]


def _posting(row: tuple[Any, ...], places: Mapping[int, LedgerPlace], names: Mapping[str, Said]) -> Step:
    _, posting_id, debit, credit, amount, currency, value_date, debit_after, credit_after, at, _ = row
    money, out_after, into_after = (say.money(figure, currency) for figure in (amount, debit_after, credit_after))
    out, into = (_place(places[account], names) for account in (debit, credit))
    said = (
        f"{money} from {out[0]} to {into[0]}, which then held {out_after} and {into_after}.",
        f"{money} 由{out[1]}转入{into[1]}，记账后余额分别为 {out_after}、{into_after}。",
    )
    details = {"posting_id": posting_id, "debit": debit, "credit": credit, "amount": amount, "currency": currency}
    return _step(at, "entry", said, **details, value_date=value_date)


def _place(place: LedgerPlace, names: Mapping[str, Said]) -> Said:
    if place.number:
        return f"account {place.number}", f"账户 {place.number}"
    en, zh = names[place.gl_line]
    return f"{place.gl_line} {en}", f"“{place.gl_line} {zh}”"


_DECIDED: Final[dict[str, Said]] = {"approved": ("Approved", "审批通过"), "rejected": ("Rejected", "审批驳回")}


async def _approval(tx: Tx, approval: Approval) -> list[Step]:
    people = {approval.proposed_by, approval.decided_by} - {None}
    staff = await identity.find_staff(tx, [person for person in people if person])
    names = {
        person: f"{staff[person].name} ({staff[person].username})" if person in staff else str(person)
        for person in people
    }
    en, zh = _PROPOSALS.get(approval.kind, (approval.kind, approval.kind))
    said = (
        f"Proposed by {names[approval.proposed_by]}: {en}. Reason: {approval.reason}",
        f"{names[approval.proposed_by]} 提交：{zh}。理由：{approval.reason}",
    )
    details = {"kind": approval.kind, "proposed_by": approval.proposed_by, "reason": approval.reason}
    steps = [_step(approval.proposed_at, "proposal", said, **details, expires_at=approval.expires_at)]
    if approval.decided_at is not None and approval.state in _DECIDED:
        done = _DECIDED[approval.state]
        by = names[approval.decided_by]
        why = approval.decision_reason
        said = (
            f"{done[0]} by {by}.{f' Reason: {why}' if why else ''}",
            f"{by} {done[1]}。{f'理由：{why}' if why else ''}",
        )
        steps.append(_step(approval.decided_at, "decision", said, decided_by=approval.decided_by, reason=why))
    return steps


_ENDS: Final[dict[str, Said]] = {
    "drawn": ("drawn up", "已轧差"),
    "cleared": ("cleared", "已清算"),
    "settled": ("settled", "已结算"),
    "carried": ("carried forward", "已结转"),
    "suspense": ("put on suspense", "已转入待处理"),
}


def _settlement(s: clearing.Settlement, at: datetime) -> Step:
    state = _ENDS.get(s.state, (s.state, s.state))
    net, fees = (say.money(amount, s.currency) for amount in (s.net_minor, s.fees_minor))
    (day, day_zh), (due, due_zh) = (
        (say.date_(day, "en"), say.date_(day, "zh")) for day in (s.booking_date, s.settle_on)
    )
    said = (
        f"Of batch {s.batch_id}, day {day}, due on {due}: net {net} after fees of {fees}, {state[0]}.",
        f"所属清算批次 {s.batch_id}，营业日 {day_zh}，结算日 {due_zh}：净额 {net}，已扣手续费 {fees}，{state[1]}。",
    )
    details = {name: value for name, value in msgspec.structs.asdict(s).items() if name != "id"}
    return _step(at, "batch", said, settlement_id=s.id, **details)
