"""Every way the ledger says no, in order of precedence."""

from __future__ import annotations

from tongbao.base.refusal import RefusalKind

TRANSFER_ID_REUSED = RefusalKind(
    "transfer_id_reused", 409, "That id belongs to another transfer.", "该编号已用于另一笔转账。"
)
ACCOUNT_UNKNOWN = RefusalKind("account_unknown", 422, "There is no such account.", "账户不存在。")
ACCOUNT_IS_CONTROL = RefusalKind(
    "account_is_control", 422, "Nothing is posted to a control account directly.", "控制账户不可直接记账。"
)
JOURNAL_LINE_REFUSED = RefusalKind(
    "journal_line_refused",
    409,
    "Accounts of that general-ledger line are moved by payments and clearing only, never by a journal.",
    "该总账科目的账户仅由支付与清算记账，不可手工记账。",
)
TRANSFER_SIZE = RefusalKind(
    "transfer_size", 422, "A transfer has between 1 and 1,000 postings.", "一笔转账须包含 1 至 1,000 条分录。"
)
ACCOUNTS_MUST_BE_DIFFERENT = RefusalKind(
    "accounts_must_be_different", 422, "Payer and payee must be different accounts.", "付款账户与收款账户不能相同。"
)
AMOUNT_NOT_POSITIVE = RefusalKind("amount_not_positive", 422, "An amount must be above zero.", "金额必须大于零。")
AMOUNT_TOO_LARGE = RefusalKind("amount_too_large", 422, "The amount is too large.", "金额过大。")
CURRENCY_MISMATCH = RefusalKind(
    "currency_mismatch", 422, "The account is kept in another currency.", "币种与账户币种不符。"
)
ACCOUNT_CLOSED = RefusalKind("account_closed", 409, "The account is closed.", "账户已销户。")
ACCOUNT_FROZEN = RefusalKind("account_frozen", 409, "The account is frozen.", "账户已冻结。")
HOLD_UNKNOWN = RefusalKind("hold_unknown", 422, "There is no such hold.", "预授权不存在。")
HOLD_EXPIRED = RefusalKind("hold_expired", 409, "The hold has expired.", "预授权已过期。")
HOLD_OF_ANOTHER_ACCOUNT = RefusalKind(
    "hold_of_another_account", 422, "The hold is on another account.", "预授权不属于该账户。"
)
CAPTURE_EXCEEDS_HOLD = RefusalKind(
    "capture_exceeds_hold", 409, "More than is left of the hold.", "请款金额超过预授权剩余金额。"
)
ALREADY_REVERSED = RefusalKind("already_reversed", 409, "That transfer has been reversed.", "该笔转账已冲正。")
TRANSFER_UNKNOWN = RefusalKind("transfer_unknown", 404, "There is no such transfer.", "转账不存在。")
INSUFFICIENT_FUNDS = RefusalKind("insufficient_funds", 402, "There is not enough money for this.", "可用余额不足。")
CONTROL_EXCEEDED = RefusalKind(
    "control_exceeded", 402, "A limit over several accounts would be passed.", "超出多账户合并额度。"
)
STATE_MOVE_REFUSED = RefusalKind(
    "state_move_refused", 409, "The account cannot go from its state to that one.", "账户当前状态不允许此操作。"
)
ACCOUNT_NOT_EMPTY = RefusalKind(
    "account_not_empty", 409, "An account must be empty before it is closed.", "账户有余额或预授权，无法销户。"
)
CONTROL_UNSUITABLE = RefusalKind(
    "control_unsuitable",
    422,
    "A control account stands on a memo line, is kept in the same currency and has no controls of its own.",
    "控制账户须为同币种的备忘科目账户，且不得再受其他账户控制。",
)
PERIOD_CLOSED = RefusalKind("period_closed", 409, "The books of that period are closed.", "该会计期间已结账。")
PERIOD_NOT_OVER = RefusalKind(
    "period_not_over", 409, "A period is closed when its last day is closed.", "期间最后一日尚未日终，不能结账。"
)
JOURNAL_NOT_WHOLE = RefusalKind(
    "journal_not_whole",
    422,
    "The journal cannot be read: an account, amount, currency or date is wrong.",
    "凭证内容有误。",
)
GL_LINE_UNKNOWN = RefusalKind("gl_line_unknown", 422, "There is no such general-ledger line.", "总账科目不存在。")

ALL = (
    JOURNAL_NOT_WHOLE,
    TRANSFER_ID_REUSED,
    TRANSFER_SIZE,
    ACCOUNT_UNKNOWN,
    ACCOUNT_IS_CONTROL,
    JOURNAL_LINE_REFUSED,
    ACCOUNTS_MUST_BE_DIFFERENT,
    AMOUNT_NOT_POSITIVE,
    AMOUNT_TOO_LARGE,
    CURRENCY_MISMATCH,
    ACCOUNT_CLOSED,
    ACCOUNT_FROZEN,
    HOLD_UNKNOWN,
    HOLD_EXPIRED,
    HOLD_OF_ANOTHER_ACCOUNT,
    CAPTURE_EXCEEDS_HOLD,
    ALREADY_REVERSED,
    TRANSFER_UNKNOWN,
    INSUFFICIENT_FUNDS,
    CONTROL_EXCEEDED,
    STATE_MOVE_REFUSED,
    ACCOUNT_NOT_EMPTY,
    PERIOD_CLOSED,
    PERIOD_NOT_OVER,
    CONTROL_UNSUITABLE,
    GL_LINE_UNKNOWN,
)
