"""Every way clearing says no, in order of precedence."""

from __future__ import annotations

from tongbao.base.refusal import RefusalKind

DAY_NOT_OVER = RefusalKind("day_not_over", 409, "That business day is not over yet.", "该营业日尚未结束。")
BATCH_UNKNOWN = RefusalKind("batch_unknown", 404, "There is no such clearing batch.", "清算批次不存在。")
SETTLEMENT_UNKNOWN = RefusalKind("settlement_unknown", 404, "There is no such settlement.", "结算记录不存在。")
SPAN_TOO_LONG = RefusalKind("span_too_long", 422, "At most 366 days at once.", "一次最多查询 366 天。")

ALL = (DAY_NOT_OVER, BATCH_UNKNOWN, SETTLEMENT_UNKNOWN, SPAN_TOO_LONG)
