"""Every way payments says no, in order of precedence. What the ledger refuses is added where it stands."""

from __future__ import annotations

from tongbao import ledger, merchants
from tongbao.base.batch import ITEM_FAILED
from tongbao.base.refusal import RefusalKind
from tongbao.ledger import ACCOUNT_FROZEN, ACCOUNTS_MUST_BE_DIFFERENT, CURRENCY_MISMATCH  # noqa: F401  said here too
from tongbao.merchants import MERCHANT_UNKNOWN
from tongbao.web.refusals import AMOUNT_NEGATIVE, AMOUNT_TOO_LARGE, AMOUNT_ZERO, ID_REUSED, ID_TAKEN

PAYMENT_UNKNOWN = RefusalKind("payment_unknown", 404, "There is no such payment.", "未找到该笔付款。")
PAYER_UNKNOWN = RefusalKind("payer_unknown", 422, "There is no such payer account.", "付款账户不存在。")
PAYEE_UNKNOWN = RefusalKind("payee_unknown", 422, "There is no such payee account.", "收款账户不存在。")
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
CAPTURE_TOO_LATE = RefusalKind("capture_too_late", 409, "The authorisation has expired.", "预授权已过期，无法请款。")
CAPTURE_EXCEEDS_AUTHORISED = RefusalKind(
    "capture_exceeds_authorised", 409, "More than is left of the authorised amount.", "请款金额超过预授权剩余金额。"
)
NOT_CANCELLABLE = RefusalKind("not_cancellable", 409, "The payment can no longer be cancelled.", "该笔付款已无法取消。")
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
ACCOUNT_NOT_FOUND = RefusalKind("account_not_found", 404, "There is no such account.", "账户不存在。")
PAYROLL_UNKNOWN = RefusalKind("payroll_unknown", 404, "There is no such payroll.", "代发批次不存在。")
PAYROLL_UNREADABLE = RefusalKind(
    "payroll_unreadable",
    422,
    "The file is not a CSV in UTF-8 with the columns account_number, amount and, if you like, name and reference.",
    "文件须为 UTF-8 编码的 CSV，含账号、金额列，可另含户名、附言列。",
)
PAYROLL_TOO_LONG = RefusalKind("payroll_too_long", 422, "The file has too many lines.", "文件行数过多。")
PAYROLL_NOT_OPEN = RefusalKind(
    "payroll_not_open", 409, "The payroll was confirmed or cancelled before.", "该代发批次已确认或已取消。"
)
PAYROLL_EMPTY = RefusalKind("payroll_empty", 409, "No line of the file can be paid.", "文件中没有可付款的记录。")
PAYROLL_HAS_DUPLICATES = RefusalKind(
    "payroll_has_duplicates",
    409,
    "Some lines say the same as earlier ones. Confirm with `duplicates` set to `pay` or `skip`.",
    "文件中有重复记录，确认时须注明支付（pay）或跳过（skip）重复记录。",
)
ACCOUNT_NUMBER_WRONG = RefusalKind(
    "account_number_wrong", 422, "The account number has a digit wrong.", "账号有误，请核对。"
)
NAME_DIFFERS = RefusalKind("name_differs", 422, "The account belongs to another name.", "户名与账号不符。")
AMOUNT_UNREADABLE = RefusalKind(
    "amount_unreadable", 422, "The amount is not a number such as 1234.50.", "金额格式有误，应如 1234.50。"
)
REFERENCE_TOO_LONG = RefusalKind("reference_too_long", 422, "The reference is too long.", "附言过长。")
SCHEDULE_UNKNOWN = RefusalKind("schedule_unknown", 404, "There is no such schedule.", "预约或定期付款不存在。")
SCHEDULE_OVER = RefusalKind(
    "schedule_over", 409, "The schedule has ended or was cancelled.", "该预约或定期付款已结束或已取消。"
)
SCHEDULE_IN_THE_PAST = RefusalKind(
    "schedule_in_the_past", 422, "The first date lies in the past.", "首次付款日期早于今天。"
)
SCHEDULE_HAS_NO_DATE = RefusalKind(
    "schedule_has_no_date", 422, "The last date lies before the first.", "结束日期早于首次付款日期。"
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
    ACCOUNT_NOT_FOUND,
    PAYROLL_UNKNOWN,
    PAYROLL_UNREADABLE,
    PAYROLL_TOO_LONG,
    PAYROLL_NOT_OPEN,
    PAYROLL_EMPTY,
    PAYROLL_HAS_DUPLICATES,
    ACCOUNT_NUMBER_WRONG,
    NAME_DIFFERS,
    AMOUNT_UNREADABLE,
    REFERENCE_TOO_LONG,
    SCHEDULE_UNKNOWN,
    SCHEDULE_OVER,
    SCHEDULE_IN_THE_PAST,
    SCHEDULE_HAS_NO_DATE,
)

_ELSEWHERE = (ITEM_FAILED, AMOUNT_ZERO, AMOUNT_NEGATIVE, AMOUNT_TOO_LARGE, *ledger.REFUSALS, *merchants.REFUSALS)

BY_CODE = {kind.code: kind for kind in (*_ELSEWHERE, *ALL)}
"""Every refusal that a payment, or a line of a payroll, may be remembered with."""
