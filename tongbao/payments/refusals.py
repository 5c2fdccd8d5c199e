"""Every way payments says no, in order of precedence. What the ledger refuses is added where it stands."""

from __future__ import annotations

from tongbao.base.refusal import RefusalKind
from tongbao.web.refusals import ID_REUSED, ID_TAKEN

PAYMENT_UNKNOWN = RefusalKind("payment_unknown", 404, "There is no such payment.", "未找到该笔付款。")
PAYER_UNKNOWN = RefusalKind("payer_unknown", 422, "There is no such payer account.", "付款账户不存在。")
PAYEE_UNKNOWN = RefusalKind("payee_unknown", 422, "There is no such payee account.", "收款账户不存在。")
MERCHANT_UNKNOWN = RefusalKind("merchant_unknown", 422, "There is no such merchant.", "商户不存在。")
MERCHANT_CLOSED = RefusalKind(
    "merchant_closed", 409, "The merchant does not take payments at present.", "商户当前无法收款。"
)
CUSTOMER_FROZEN = RefusalKind(
    "customer_frozen", 409, "The payer may not pay at present.", "付款人当前无法付款，请联系银行。"
)
OVER_PAYMENT_LIMIT = RefusalKind(
    "over_payment_limit", 402, "The amount is above the limit for one payment.", "金额超过单笔限额。"
)
OVER_DAY_LIMIT = RefusalKind("over_day_limit", 402, "The day's limit would be passed.", "超过当日累计限额。")
OVER_MONTH_LIMIT = RefusalKind("over_month_limit", 402, "The month's limit would be passed.", "超过当月累计限额。")
OVER_DAY_COUNT = RefusalKind(
    "over_day_count", 402, "The number of payments for the day is used up.", "当日付款笔数已达上限。"
)
OVER_MONTH_COUNT = RefusalKind(
    "over_month_count", 402, "The number of payments for the month is used up.", "当月付款笔数已达上限。"
)
NOT_CHALLENGED = RefusalKind(
    "not_challenged", 409, "The payment does not wait for a confirmation.", "该笔付款无需确认。"
)
NOT_CAPTURABLE = RefusalKind(
    "not_capturable", 409, "The payment cannot be captured in its state.", "该笔付款当前状态无法请款。"
)
CAPTURE_TOO_LATE = RefusalKind(
    "capture_too_late", 409, "The authorisation has expired.", "预授权已过期，无法请款。"
)
CAPTURE_EXCEEDS_AUTHORISED = RefusalKind(
    "capture_exceeds_authorised", 409, "More than is left of the authorised amount.", "请款金额超过预授权剩余金额。"
)
NOT_CANCELLABLE = RefusalKind(
    "not_cancellable", 409, "The payment can no longer be cancelled.", "该笔付款已无法取消。"
)
RECALL_TOO_LATE = RefusalKind(
    "recall_too_late", 409, "The transfer has arrived and can no longer be recalled.", "转账已到账，无法撤回。"
)
NOT_RECALLABLE = RefusalKind(
    "not_recallable", 409, "Only a transfer that has not yet arrived can be recalled.", "仅可撤回尚未到账的转账。"
)
NOT_DUE = RefusalKind("not_due", 409, "The payment has not expired yet.", "该笔付款尚未到期。")
NOTHING_TO_REFUND = RefusalKind(
    "nothing_to_refund", 409, "Nothing of this payment has been captured.", "该笔付款尚无可退款金额。"
)
REFUND_EXCEEDS_CAPTURED = RefusalKind(
    "refund_exceeds_captured", 409, "More than is left to refund.", "退款金额超过可退金额。"
)
REFUND_NOT_COVERED = RefusalKind(
    "refund_not_covered", 402, "The merchant's money does not cover this refund.", "商户可用资金不足，无法退款。"
)
LIMIT_ABOVE_BANK = RefusalKind(
    "limit_above_bank", 422, "A customer's limit may only be lower than the bank's.", "自设限额不得高于银行限额。"
)

ALL = (
    ID_TAKEN,
    ID_REUSED,
    PAYMENT_UNKNOWN,
    PAYER_UNKNOWN,
    PAYEE_UNKNOWN,
    MERCHANT_UNKNOWN,
    MERCHANT_CLOSED,
    CUSTOMER_FROZEN,
    OVER_PAYMENT_LIMIT,
    OVER_DAY_LIMIT,
    OVER_MONTH_LIMIT,
    OVER_DAY_COUNT,
    OVER_MONTH_COUNT,
    NOT_CHALLENGED,
    NOT_CAPTURABLE,
    CAPTURE_TOO_LATE,
    CAPTURE_EXCEEDS_AUTHORISED,
    NOT_CANCELLABLE,
    RECALL_TOO_LATE,
    NOT_RECALLABLE,
    NOT_DUE,
    NOTHING_TO_REFUND,
    REFUND_EXCEEDS_CAPTURED,
    REFUND_NOT_COVERED,
    LIMIT_ABOVE_BANK,
)
