"""What happened to a payment and why: every step in order, in English and in Chinese. Read only; nothing is guessed."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final
from uuid import UUID

import msgspec

from tongbao.base import outbox
from tongbao.base.db import Tx
from tongbao.base.money import Money
from tongbao.payments import refusals as no
from tongbao.payments import store
from tongbao.payments.card_model import RAIL as CARDS
from tongbao.payments.model import OUTSIDE, Check, Payment, RailCall, RailSaid, RailVerb, State
from tongbao.payments.policy_words import ways_words, why_words

Said = tuple[str, str]


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """`what` is one of: instruction, check, decision, hold, rail, entry, operation, event."""

    at: datetime
    what: str
    en: str
    zh: str
    details: dict[str, Any]


class Timeline(msgspec.Struct, frozen=True, kw_only=True):
    payment_id: UUID
    state: str
    steps: tuple[Step, ...]


async def timeline(tx: Tx, payment_id: UUID) -> Timeline:
    """The whole story of a payment, oldest step first. Refuses `payment_unknown`."""
    payment = (await store.payments(tx, [payment_id])).get(payment_id)
    if payment is None:
        raise no.PAYMENT_UNKNOWN()
    decision = (await store.decisions(tx, [payment_id])).get(payment_id)
    operations = await store.operations_of(tx, payment_id)
    moved = await store.entries_of(tx, [payment_id, *(operation[0] for operation in operations)])
    hold = await store.hold_of(tx, payment_id)
    events = await outbox.events_of(tx, payment_id)
    outside_account = await store.outside_account(tx, payment_id) if payment.rail else None
    steps = [_instruction(payment, outside_account)]
    if decision is not None:
        steps += [_check(check, payment.created_at, payment.currency) for check in decision[2]]
        steps.append(_decision(payment, decision[0]))
    if hold is not None:
        steps.append(_hold(hold, payment.currency))
    if payment.rail:
        steps += [_rail_call(call, payment.rail) for call in await store.rail_calls_of(tx, payment_id)]
    steps += _entries(moved, payment_id)
    steps += [_event(event) for event in events if "operation_id" not in event.payload]
    for operation in operations:
        steps += _operation(operation, payment)
        steps += _entries(moved, operation[0])
        steps += [_event(event) for event in events if event.payload.get("operation_id") == str(operation[0])]
    return Timeline(payment_id=payment_id, state=payment.state, steps=tuple(sorted(steps, key=lambda step: step.at)))


async def payment_behind(tx: Tx, id: UUID) -> UUID | None:
    """The payment that an id belongs to: its own, that of an operation on it, or that of the transfer which moved it."""
    if await store.payments(tx, [id]):
        return id
    return await store.payment_of_operation(tx, id)


def _step(at: datetime, what: str, said: Said, **details: object) -> Step:
    return Step(at=at, what=what, en=said[0], zh=said[1], details={k: v for k, v in details.items() if v is not None})


def _money(amount_minor: int, currency: str) -> Said:
    en = str(Money(amount_minor, currency))
    return en, en.replace("CNY ", "¥") if currency == "CNY" else en


_KINDS: Final[dict[str, Said]] = {
    "payment": ("payment", "付款"),
    "transfer": ("transfer", "转账"),
    "topup": ("top-up", "充值"),
    "salary": ("salary", "代发工资"),
}


def _instruction(p: Payment, outside_account: str | None) -> Step:
    en, zh = _KINDS[p.kind]
    amount = _money(p.amount_minor, p.currency)
    manual = (", to be captured later", "，先授权后请款") if p.capture == "manual" else ("", "")
    delayed = {
        "in_two_hours": (", arriving in two hours", "，两小时后到账"),
        "next_day": (", arriving the next day", "，次日到账"),
    }
    late = delayed.get(p.arrives, ("", ""))
    if p.rail:
        late = (", when another bank has sent it", "，待对方银行付款后入账")
    return _step(
        p.created_at,
        "instruction",
        (f"Received: {en} of {amount[0]}{manual[0]}{late[0]}.", f"收到指令：{zh} {amount[1]}{manual[1]}{late[1]}。"),
        payment_id=p.id,
        payer_account_id=None if p.payer_account_id == OUTSIDE else p.payer_account_id,
        payee_account_id=p.payee_account_id,
        merchant_id=p.merchant_id,
        order_id=p.order_id,
        principal_id=p.principal_id,
        method=p.method,
        rail=p.rail,
        outside_account=outside_account,
        reference=p.reference,
    )


_CHECKS: Final[dict[str, Said]] = {
    "authentication": ("who asks is known", "身份认证"),
    "switch": ("the bank's switches", "交易开关"),
    "accounts": ("both accounts", "收付款账户"),
    "customer": ("the payer may pay", "付款人状态"),
    "merchant": ("the merchant", "商户"),
    "order": ("the order", "订单"),
    "judgement": ("the judgement", "风险评估"),
    "policy": ("the policy of authorisation", "授权策略"),
    "ways": ("what the payer must show", "付款人须完成的验证"),
    "evidence": ("what the payer has shown", "付款人完成的验证"),
    "family": ("whether the trusted person agrees", "亲友确认"),
    "authorisation": ("whether it may go ahead", "付款授权"),
    "level": ("the payer is verified", "付款人身份核实"),
    "level_per_payment": ("limit of the level for one payment", "身份核实级别的单笔限额"),
    "level_per_day": ("limit of the level for the day", "身份核实级别的日累计限额"),
    "limit_per_payment": ("limit for one payment", "单笔限额"),
    "limit_per_day": ("limit of the day", "日累计限额"),
    "limit_per_month": ("limit of the month", "月累计限额"),
    "count_per_day": ("payments of the day", "当日笔数"),
    "count_per_month": ("payments of the month", "当月笔数"),
    "balance": ("the balance", "可用余额"),
    "in_time": ("in time", "时效"),
    "at_most_authorised": ("no more than was authorised", "不超过授权金额"),
    "at_most_captured": ("no more than was captured", "不超过已请款金额"),
    "covered": ("the merchant's money covers it", "商户资金充足"),
}
_OF_MONEY: Final = {
    "level_per_payment",
    "level_per_day",
    "limit_per_payment",
    "limit_per_day",
    "limit_per_month",
    "balance",
    "at_most_authorised",
    "at_most_captured",
}


def _check(check: Check, at: datetime, currency: str) -> Step:
    en, zh = _CHECKS.get(check.check, (check.check, check.check))
    verdict = ("passed", "通过") if check.passed else ("failed", "未通过")
    if check.check in ("policy", "ways"):
        return _by_policy(check, at)
    value, bound = (_figure(figure, check.check, currency) for figure in (check.value, check.bound))
    about = ("", "")
    if value and bound:
        about = (f" ({value[0]} against {bound[0]})", f"（{value[1]}，上限 {bound[1]}）")
    elif value:
        about = (f" ({value[0]})", f"（{value[1]}）")
    details = msgspec.to_builtins(check)
    return _step(
        at, "check", (f"Check {verdict[0]}: {en}{about[0]}.", f"检查{verdict[1]}：{zh}{about[1]}。"), **details
    )


def _by_policy(check: Check, at: datetime) -> Step:
    """Which version judged; what it asks of the payer, and why."""
    said = (f"Judged by version {check.value} of the policy of authorisation.", f"适用授权策略第 {check.value} 版。")
    if check.check == "ways":
        ways, why = int(check.value or 0), str(check.bound or "")
        en = ways_words(ways, "en") if check.passed else "it may not go ahead"
        zh = ways_words(ways, "zh") if check.passed else "不予授权"
        said = (f"What the payer must show: {en} ({why_words(why, 'en')}).", f"{zh}（{why_words(why, 'zh')}）。")
    return _step(at, "check", said, **msgspec.to_builtins(check))


def _figure(figure: int | str | None, check: str, currency: str) -> Said | None:
    if figure is None:
        return None
    if isinstance(figure, int):
        return _money(figure, currency) if check in _OF_MONEY else (str(figure), str(figure))
    if figure in no.BY_CODE:
        return no.BY_CODE[figure].en.rstrip("."), no.BY_CODE[figure].zh.rstrip("。")
    return _WORDS.get(figure, (figure, figure))


_WORDS: Final[dict[str, Said]] = {
    "approve": ("approved", "准许"),
    "challenge": ("to be confirmed", "须确认"),
    "hold": ("a person decides", "须人工审核"),
    "deny": ("denied", "不予通过"),
    "signed by the payer": ("signed by the payer", "付款人已签名"),
    "confirmation asked for": ("confirmation asked for", "付款人要求确认"),
    "agreed beforehand": ("agreed beforehand", "已事先约定"),
    "above the bound for paying without confirmation": (
        "above the bound for paying without confirmation",
        "超过免确认金额",
    ),
}

_STATES: Final[dict[str, Said]] = {
    "created": ("Decided: the other bank is asked for the money.", "处理结果：已受理，向对方银行发起收款。"),
    "completed": ("Decided: paid.", "处理结果：付款成功。"),
    "authorised": ("Decided: authorised, the money is set aside.", "处理结果：已授权，资金已预留。"),
    "challenged": ("Decided: waits for the payer's confirmation.", "处理结果：等待付款人确认。"),
    "held": ("Decided: waits for a person.", "处理结果：等待人工审核。"),
    "unknown": ("Decided: the outcome is being found out.", "处理结果：结果待核实。"),
}


def _decision(p: Payment, state: str) -> Step:
    said = _STATES.get(state)
    if said is None:
        kind = no.BY_CODE[p.refusal or ""]
        said = (f"Decided: declined. {kind.en}", f"处理结果：已拒绝。{kind.zh}")
    fee = p.at_once_fee_minor or None
    return _step(p.created_at, "decision", said, state=state, code=p.refusal, fee=fee)


def _hold(hold: tuple[Any, ...], currency: str) -> Step:
    amount, left, captured, placed_at, expires_at = hold
    en, zh = _money(amount, currency)
    said = (f"Set aside: {en}.", f"已预留资金：{zh}。")
    return _step(placed_at, "hold", said, amount=amount, left=left, captured=captured, expires_at=expires_at)


_LINES: Final[dict[str, Said]] = {
    "1040": ("the channel from outside", "外部渠道"),
    "2090": ("suspense", "待处理款项"),
    "2020": ("the merchant's settlement account", "商户结算账户"),
    "2030": ("the merchant's takings", "商户待清算款"),
}


def _entries(moved: list[tuple[Any, ...]], transfer_id: UUID) -> list[Step]:
    steps = []
    for owner, at, kind, posting_id, amount, balance, currency, gl_line, account_id, number in moved:
        if owner != transfer_id:
            continue
        en, zh = _money(abs(amount), currency)
        where = _LINES.get(gl_line) or (f"account {number or gl_line}", f"账户 {number or gl_line}")
        after = _money(balance, currency)
        said = (f"{en} into {where[0]}, which then held {after[0]}.", f"{where[1]}入账 {zh}，余额 {after[1]}。")
        if amount < 0:
            said = (f"{en} out of {where[0]}, which then held {after[0]}.", f"{where[1]}出账 {zh}，余额 {after[1]}。")
        steps.append(
            _step(
                at,
                "entry",
                said,
                transfer_id=owner,
                kind=kind,
                posting_id=posting_id,
                account_id=account_id,
                gl_line=gl_line,
                amount=amount,
                balance_after=balance,
            )
        )
    return steps


_VERBS: Final[dict[str, tuple[Said, Said]]] = {
    "confirm": (("Confirmed by the payer.", "付款人已确认。"), ("Confirmation refused.", "确认未成功。")),
    "capture": (("Captured {en}.", "已请款 {zh}。"), ("Capture refused.", "请款被拒绝。")),
    "cancel": (("Cancelled.", "已取消。"), ("Cancellation refused.", "取消被拒绝。")),
    "recall": (("Recalled by the payer.", "付款人已撤回。"), ("Recall refused.", "撤回被拒绝。")),
    "expire": (("Expired.", "已过期。"), ("Not expired.", "尚未过期。")),
    "release": (("Let go on by two people of the bank.", "经银行双人审核，已放行。"), ("Not let go on.", "未放行。")),
    "refuse": (
        ("Refused by the bank: the money is free again.", "银行审核未通过，预留资金已解除。"),
        ("Not refused.", "未拒绝。"),
    ),
    "refund": (("Refunded {en}.", "已退款 {zh}。"), ("Refund refused.", "退款被拒绝。")),
    "rail_accepted": (
        ("The money has come in.", "对方银行已付款。"),
        ("The other bank's yes was not taken.", "付款答复未采用。"),
    ),
    "rail_declined": (
        ("Declined by the other bank.", "对方银行已拒绝付款。"),
        ("The other bank's no was not taken.", "拒绝答复未采用。"),
    ),
    "rail_silent": (
        ("No answer in time: the outcome is being found out.", "对方银行未及时答复，结果待核实。"),
        ("A silence that changed nothing.", "对方银行未答复，状态未变。"),
    ),
    "rail_never_received": (
        ("Ended: the other bank never received the request.", "已终止：对方银行未收到该笔请求。"),
        ("Not ended.", "未终止。"),
    ),
    "rail_reversed": (
        ("The card network has taken back what the card was charged.", "银行卡网络已冲正，卡内扣款已退回。"),
        ("Not taken back.", "未冲正。"),
    ),
    "rail_kept": (
        (
            "The card network did not take it back: the money is put aside for the payer.",
            "银行卡网络未冲正，款项已为付款人留存。",
        ),
        ("Not put aside.", "未留存。"),
    ),
    "resolve": (
        ("Decided by two people: no money was sent.", "经双人核实：对方未付款。"),
        ("Not decided by people.", "人工核实未生效。"),
    ),
}
_RESOLVED: Final[Said] = ("Decided by two people: the money has come in.", "经双人核实：款项已收到。")
_UNMATCHED: Final[Said] = (
    "The money has come in and cannot be credited: it waits on suspense.",
    "款项已收到但无法入账，已转入待处理款项。",
)
_GIVEN_BACK: Final[Said] = (
    "The card was charged and the money cannot be credited: the card network is asked to take it back.",
    "银行卡已扣款但无法入账，正在请银行卡网络冲正。",
)


def _done(kind: str, moved: int, p: Payment) -> Said:
    """What an operation did; of money that came in, whether it was credited."""
    if kind == "resolve" and moved:
        return _RESOLVED
    came = kind == "rail_accepted" or (kind == "resolve" and p.refusal != no.RESOLVED_AS_DECLINED.code)
    if not came or p.state not in (State.DECLINED, State.CANCELLED):
        return _VERBS[kind][0]
    return _GIVEN_BACK if p.rail == CARDS else _UNMATCHED


def _operation(row: tuple[Any, ...], p: Payment) -> list[Step]:
    id_, kind, principal_id, amount, final, reason, asked_at, state, refusal, moved, covered, fee, answer = row
    currency = p.currency
    done, refused = _done(kind, moved, p), _VERBS[kind][1]
    if state == "refused":
        why = no.BY_CODE[refusal]
        said = (f"{refused[0]} {why.en}", f"{refused[1]}{why.zh}")
    else:
        en, zh = _money(moved, currency)
        said = (done[0].format(en=en), done[1].format(zh=zh))
    checks = msgspec.convert((answer or {}).get("checks", []), tuple[Check, ...])
    return [
        *(_check(check, asked_at, currency) for check in checks),
        _step(
            asked_at,
            "operation",
            said,
            operation_id=id_,
            kind=kind,
            principal_id=principal_id,
            asked_for=amount,
            final=final or None,
            reason=reason,
            code=refusal,
            moved=moved or None,
            covered=covered or None,
            fee=fee or None,
        ),
    ]


_ASKED: Final[dict[RailVerb, Said]] = {
    RailVerb.PULL: ("The other bank was asked for the money", "已向对方银行发起收款"),
    RailVerb.ASK: ("The other bank was asked what became of it", "已向对方银行查询结果"),
    RailVerb.REVERSE: ("The card network was asked to take back what the card was charged", "已向银行卡网络发起冲正"),
}
_SAID: Final[dict[RailSaid, Said]] = {
    RailSaid.ACCEPTED: ("it has sent it", "对方已付款"),
    RailSaid.DECLINED: ("it declined", "对方拒绝付款"),
    RailSaid.NEVER_SEEN: ("it has never seen the request", "对方未收到该笔请求"),
    RailSaid.SILENT: ("no answer that can be used", "对方未给出有效答复"),
    RailSaid.NOT_SENT: ("it could not be reached", "无法连接对方银行"),
}
_SAID_OF_REVERSAL: Final[dict[RailSaid, Said]] = {
    RailSaid.ACCEPTED: ("it has taken it back", "已冲正"),
    RailSaid.DECLINED: ("it did not take it back", "未冲正"),
}


def _rail_call(call: RailCall, rail: str) -> Step:
    asked = _ASKED[call.verb]
    said = _SAID_OF_REVERSAL.get(call.said, _SAID[call.said]) if call.verb is RailVerb.REVERSE else _SAID[call.said]
    by_hand = (", by hand", "（人工）") if call.asked_by else ("", "")
    return _step(
        call.at,
        "rail",
        (f"{asked[0]}{by_hand[0]}: {said[0]}.", f"{asked[1]}{by_hand[1]}：{said[1]}。"),
        rail=rail,
        verb=call.verb.value,
        answer=call.said.value,
        duration_ms=call.duration_ms,
        reason=call.reason,
        principal_id=call.asked_by,
    )


def _event(event: outbox.Event) -> Step:
    return _step(
        event.at,
        "event",
        (f"Told as event {event.sequence}: {event.topic}.", f"已发出第 {event.sequence} 号事件：{event.topic}。"),
        event_id=event.event_id,
        topic=event.topic,
        sequence=event.sequence,
    )
