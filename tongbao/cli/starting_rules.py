"""The rules that a demo's bank begins with: proposed by its operator, approved by an accountant, like any other.

They leave the city's honest traffic alone: it pays without a device, and its transfers are small.
"""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime
from typing import Final

from tongbao import console, history, identity, risk
from tongbao.base import approvals
from tongbao.base.approvals import ApprovalState
from tongbao.base.db import Database
from tongbao.base.ids import NAMESPACE, derived
from tongbao.base.principal import Principal, PrincipalKind
from tongbao.base.refusal import Refusal
from tongbao.base.settings import Settings
from tongbao.risk import Action, Mode, RuleChange, RuleSays

_ASK_EN: Final = "This looks unlike your usual payments. Please confirm that it is you."
_ASK_ZH: Final = "这笔付款与您平时的习惯不同，请确认是您本人操作。"
_SCAM_EN: Final = (
    "You have never paid this person before. If somebody on the phone told you to transfer money, stop: "
    "the bank, the police and the courts never ask for that."
)
_SCAM_ZH: Final = "您从未向对方付过款。如果有人打电话要求您转账，请立即停止：银行、警方和法院绝不会要求您转账。"
_DEVICE_EN: Final = "A device of yours is not safe, so the bank asks you to confirm. Look under Safety which one it is."
_DEVICE_ZH: Final = "您绑定的设备存在安全风险，请确认是您本人操作。可在“安全”中查看是哪台设备。"
_LOOK_EN: Final = "A person at the bank looks at this transfer before it goes on. You need not do anything."
_LOOK_ZH: Final = "银行工作人员会先核实这笔转账，您无需操作。"

RULES: Final[dict[str, RuleSays]] = {
    "stolen_phone_burst": RuleSays(
        expression="device_since_first <= 2 hours and payer_since_first > 7 days and device_count_1h >= 3",
        action=Action.CHALLENGE,
        points=70,
        mode=Mode.LIVE,
        why_en="Many payments within an hour from a device that the bank has never seen before today",
        why_zh="一小时内从今天首次出现的设备多次付款",
        told_en=_ASK_EN,
        told_zh=_ASK_ZH,
    ),
    "new_device_at_night": RuleSays(
        expression="is_night and device_since_first <= 2 hours and payer_since_first > 7 days and amount_minor >= 300.00 CNY",
        action=Action.CHALLENGE,
        points=50,
        mode=Mode.LIVE,
        why_en="A payment at night from a device that the bank has never seen before",
        why_zh="夜间从首次出现的设备付款",
        told_en=_ASK_EN,
        told_zh=_ASK_ZH,
    ),
    "device_of_many": RuleSays(
        expression="device_payers_7d >= 4",
        action=Action.CHALLENGE,
        points=60,
        mode=Mode.LIVE,
        why_en="Four or more people have paid from this device within a week",
        why_zh="一周内有四人以上用过这台设备付款",
        told_en=_ASK_EN,
        told_zh=_ASK_ZH,
    ),
    "large_first_transfer": RuleSays(
        expression="amount_minor >= 3000.00 CNY and pair_count_90d <= 1 and payer_ratio_90d >= 4000",
        action=Action.CHALLENGE,
        points=60,
        mode=Mode.LIVE,
        kinds=("transfer",),
        why_en="A large transfer, unlike the payer's habit, to somebody he has never paid before: as in telephone scams",
        why_zh="首次向陌生收款人大额转账，与付款人习惯明显不符，疑似电信诈骗",
        told_en=_SCAM_EN,
        told_zh=_SCAM_ZH,
    ),
    "new_payee_cool_off": RuleSays(
        expression="pair_since_first <= 24 hours and pair_sum_1d >= 20000.00 CNY",
        action=Action.HOLD,
        points=70,
        mode=Mode.LIVE,
        kinds=("transfer",),
        why_en="20,000 yuan or more within a day to somebody whom the payer paid first less than a day ago",
        why_zh="首次付款不足一天的收款人，一天内累计转账达两万元",
        told_en=_SCAM_EN,
        told_zh=_SCAM_ZH,
    ),
    "straight_through": RuleSays(
        expression=(
            "payer_received_since_last <= 45 minutes and payer_received_sum_1h >= 2000.00 CNY"
            " and amount_minor * 10 >= payer_received_sum_1h * 4"
        ),
        action=Action.HOLD,
        points=80,
        mode=Mode.LIVE,
        kinds=("transfer",),
        why_en="Money that came in within the hour leaves again at once: the account may be a mule's",
        why_zh="一小时内转入的资金随即转出，疑似出借账户",
        told_en=_LOOK_EN,
        told_zh=_LOOK_ZH,
    ),
    "young_account": RuleSays(
        expression="account_age < 7 days and amount_minor >= 5000.00 CNY",
        action=Action.CHALLENGE,
        points=40,
        mode=Mode.LIVE,
        kinds=("transfer",),
        why_en="A large transfer from an account that is less than a week old",
        why_zh="开户不足一周即大额转账",
        told_en=_ASK_EN,
        told_zh=_ASK_ZH,
    ),
    "new_proof_large_transfer": RuleSays(
        expression="factors_changed <= 1 hours and amount_minor >= 3000.00 CNY",
        action=Action.CHALLENGE,
        points=50,
        mode=Mode.LIVE,
        kinds=("transfer",),
        why_en="A large transfer within an hour of a changed password or telephone",
        why_zh="更换密码或手机后一小时内大额转账",
        told_en=_ASK_EN,
        told_zh=_ASK_ZH,
    ),
    "impossible_travel": RuleSays(
        expression="payer_distance_1d >= 100000 and payer_speed_1d >= 900",
        action=Action.CHALLENGE,
        points=70,
        mode=Mode.LIVE,
        kinds=("payment",),
        why_en="Paid in two shops so far apart that nobody gets from one to the other in that time, not by air either",
        why_zh="在两家门店先后付款，间隔时间内乘飞机也无法到达",
        told_en=_ASK_EN,
        told_zh=_ASK_ZH,
    ),
    "known_mule": RuleSays(
        expression="payee_frauds_known_90d >= 1",
        action=Action.HOLD,
        points=70,
        mode=Mode.LIVE,
        kinds=("transfer",),
        why_en="A transfer to somebody who was paid by fraud before: a person said so within three months",
        why_zh="收款人三个月内的收款曾被认定为欺诈",
        told_en=_LOOK_EN,
        told_zh=_LOOK_ZH,
    ),
    "malware_on_a_device": RuleSays(
        expression="device_state = 'malware' and amount_minor >= 1000.00 CNY",
        action=Action.HOLD,
        points=80,
        mode=Mode.LIVE,
        kinds=("transfer",),
        why_en="A transfer of a payer on whose device malware was found: somebody else may have typed it",
        why_zh="付款人的设备检测到恶意软件，转账可能并非本人操作",
        told_en=_LOOK_EN,
        told_zh=_LOOK_ZH,
    ),
    "bad_device": RuleSays(
        expression="device_state in ('rooted', 'malware') and (not payee_known or amount_minor >= 300.00 CNY)",
        action=Action.CHALLENGE,
        points=50,
        mode=Mode.LIVE,
        why_en="A device bound to the payer is rooted or has malware",
        why_zh="付款人绑定的设备已被破解或检测到恶意软件",
        told_en=_DEVICE_EN,
        told_zh=_DEVICE_ZH,
    ),
    "another_hand": RuleSays(
        expression="typing_unlike >= 4000",
        action=Action.CHALLENGE,
        points=40,
        mode=Mode.LIVE,
        why_en="The amount was typed quite unlike the payer's habit: somebody else may hold his telephone",
        why_zh="输入金额的方式与付款人平时习惯明显不同，可能并非本人操作",
        told_en=_ASK_EN,
        told_zh=_ASK_ZH,
    ),
    "many_strangers_pay": RuleSays(
        expression="payee_payers_1d >= 6 and payee_payers_30d < 12 and amount_minor >= 300.00 CNY",
        action=Action.CHALLENGE,
        points=30,
        mode=Mode.SHADOW,
        kinds=("transfer",),
        why_en="Many people pay somebody within a day whom few paid before",
        why_zh="一天内多人向平时少有人付款的账户转账",
    ),
    "same_round_sum": RuleSays(
        expression="pair_count_1d >= 3 and amount_minor >= 500.00 CNY and pair_sum_1d = amount_minor * pair_count_1d",
        action=Action.CHALLENGE,
        points=30,
        mode=Mode.SHADOW,
        why_en="The same sum to the same payee again and again in a day: turnover that may not be real",
        why_zh="一天内反复向同一收款人支付相同金额，疑似虚假交易",
    ),
}  # fmt: skip
_REASON: Final = "the rules that the bank begins with"


async def begin(db: Database, settings: Settings, cast: history.Cast, at: datetime) -> None:
    """All of them, or none where one has such a name already. Once: a rule that was changed since stays as it is."""
    first, second = _principal(cast.operator), _principal(cast.accountant)
    kinds = console.approval_kinds(settings.zone)
    with suppress(Refusal):
        async with db.tx() as tx:
            for name, says in RULES.items():
                id_ = derived(NAMESPACE, f"starting rule {name}")
                change = RuleChange(rule_id=derived(id_, "rule"), name=name, expected=0, says=says)
                await risk.propose_rule(tx, first, change, id=id_, reason=_REASON, at=at)
                await approvals.decide(tx, second, kinds, id=id_, state=ApprovalState.APPROVED, reason=_REASON, at=at)


def _principal(staff: identity.Staff) -> Principal:
    rights = frozenset[str]().union(*(identity.ROLE_PERMISSIONS[role] for role in staff.roles))
    return Principal(id=staff.id, kind=PrincipalKind.STAFF, permissions=rights)
