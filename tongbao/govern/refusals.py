"""Every way govern says no, in order of precedence."""

from __future__ import annotations

from tongbao.base.refusal import RefusalKind

REQUEST_UNKNOWN = RefusalKind("request_unknown", 404, "There is no such request.", "该请求不存在。")
REQUEST_TEXT_NEEDED = RefusalKind(
    "request_text_needed", 422, "Write what it is about, in up to 1,000 characters.", "请填写具体内容，最多 1000 字。"
)
REQUEST_OPEN = RefusalKind(
    "request_open",
    409,
    "A request of this kind is being worked on. Wait for the answer, or withdraw it.",
    "同类请求正在处理中，请等待答复，或先撤回。",
)
REQUEST_OVER = RefusalKind(
    "request_over", 409, "This request has been answered or withdrawn.", "该请求已答复或已撤回。"
)
ANSWER_NEEDED = RefusalKind(
    "answer_needed", 422, "Write an answer of up to 1,000 characters.", "请填写答复，最多 1000 字。"
)
CUSTOMER_STILL_HERE = RefusalKind(
    "customer_still_here",
    409,
    "Close the customer's accounts and the customer first; what a contract needs cannot be deleted before.",
    "请先结清并注销该客户的账户；合同仍需使用的信息暂不能删除。",
)
LEAVER_UNKNOWN = RefusalKind("leaver_unknown", 404, "Nobody who has left has this id.", "未找到该已注销客户。")
ALREADY_ERASED = RefusalKind(
    "already_erased", 409, "What was known of this person has been erased.", "该客户的个人信息已经删除。"
)

ALL = (
    REQUEST_UNKNOWN,
    REQUEST_TEXT_NEEDED,
    REQUEST_OPEN,
    REQUEST_OVER,
    ANSWER_NEEDED,
    CUSTOMER_STILL_HERE,
    LEAVER_UNKNOWN,
    ALREADY_ERASED,
)
