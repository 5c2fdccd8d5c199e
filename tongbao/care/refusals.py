"""Every way care says no, in order of precedence."""

from __future__ import annotations

from tongbao.base.refusal import RefusalKind

HELP_UNKNOWN = RefusalKind("help_unknown", 404, "There is no such request for help.", "未找到该服务请求。")
HELP_TEXT_NEEDED = RefusalKind(
    "help_text_needed", 422, "Write what it is about, in up to 1,000 characters.", "请填写具体内容，最多 1000 字。"
)
HELP_TOO_MANY = RefusalKind(
    "help_too_many",
    409,
    "You have twenty requests that are not closed. Write on one of them, or close one.",
    "您有 20 件服务请求尚未办结，请在原请求中补充，或先办结其中一件。",
)
HELP_CLOSED = RefusalKind(
    "help_closed",
    409,
    "This request is closed. Ask anew if there is more to say.",
    "该服务请求已办结，如仍有问题，请重新提出。",
)
HELP_FULL = RefusalKind(
    "help_full",
    409,
    "Too much has been said here. Close this request and open a new one.",
    "该服务请求的留言已满，请办结后另行提出。",
)
NOT_THE_PAYER = RefusalKind(
    "not_the_payer",
    422,
    "Only a payment that left your own account can be reported like this.",
    "仅可对从您本人账户付出的款项提出此项申报。",
)
COLLEAGUE_UNKNOWN = RefusalKind(
    "colleague_unknown",
    422,
    "Nobody of the bank with this user name can take it over.",
    "没有可接手的同事使用该用户名。",
)
CASE_UNKNOWN = RefusalKind("case_unknown", 404, "There is no such case.", "未找到该案例。")
CHOICE_UNKNOWN = RefusalKind("choice_unknown", 422, "Choose one of the answers.", "请选择一个答案。")

ALL = (
    HELP_UNKNOWN,
    HELP_TEXT_NEEDED,
    HELP_TOO_MANY,
    HELP_CLOSED,
    HELP_FULL,
    NOT_THE_PAYER,
    COLLEAGUE_UNKNOWN,
    CASE_UNKNOWN,
    CHOICE_UNKNOWN,
)
