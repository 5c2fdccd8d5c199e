"""Every way risk says no, in order of precedence."""

from __future__ import annotations

from typing import Final

from tongbao.base.refusal import RefusalKind

ASSESSMENT_UNKNOWN: Final = RefusalKind(
    "assessment_unknown",
    404,
    "Risk has not looked at this payment.",
    "该笔付款未经风险评估。",
)
LABEL_CHANGED: Final = RefusalKind(
    "label_changed",
    409,
    "Somebody else said something of this payment meanwhile. Load the page again and look at what is known now.",
    "该笔付款的定性刚有更新，请重新打开页面，核对最新内容。",
)
MODEL_UNKNOWN: Final = RefusalKind("model_unknown", 404, "There is no such model.", "未找到该模型。")
MODEL_CHANGED: Final = RefusalKind(
    "model_changed",
    409,
    "The models in force have changed meanwhile. Load the page again and look at them.",
    "在用模型刚有变更，请重新打开页面核对。",
)
MODEL_UNCHANGED: Final = RefusalKind(
    "model_unchanged", 422, "This is what the model is there for already.", "该模型的用途与此相同，无需变更。"
)
MODEL_UNFIT: Final = RefusalKind(
    "model_unfit",
    422,
    "This model cannot be there for that: what was learned without labels tells outliers, and nothing else does.",
    "该模型不适用于此用途：仅无监督模型可用于识别异常付款，且只能用于此。",
)
MODEL_BROKEN: Final = RefusalKind(
    "model_broken",
    409,
    "This model cannot be used: it does not match its hash, or does not hold together. Train another one.",
    "该模型无法使用：与其哈希值不符，或内容不完整。请重新训练。",
)
RULE_UNKNOWN: Final = RefusalKind("rule_unknown", 404, "There is no such rule.", "未找到该规则。")
RULE_CHANGED: Final = RefusalKind(
    "rule_changed",
    409,
    "Another version of this rule was approved meanwhile. Load the page again and look at what it says now.",
    "该规则已有新版本获批，请重新打开页面，核对现行内容。",
)
RULE_NAME_TAKEN: Final = RefusalKind(
    "rule_name_taken", 409, "Another rule has this name. Choose another one.", "该名称已用于其他规则，请另取名称。"
)
RULE_UNSOUND: Final = RefusalKind(
    "rule_unsound",
    422,
    "The condition of this rule cannot be used as it stands.",
    "该规则的条件无法使用，请修改。",
)
RULE_SCOPE_WRONG: Final = RefusalKind(
    "rule_scope_wrong",
    422,
    "Merchants are ids, up to 100; countries are codes of two letters such as CN, up to 50.",
    "商户须填写编号，最多 100 个；国家或地区须填写两位字母代码（如 CN），最多 50 个。",
)
RULE_PERIOD_WRONG: Final = RefusalKind(
    "rule_period_wrong",
    422,
    "The rule must end after it begins, and not before now.",
    "规则的结束时间须晚于开始时间，且不得早于现在。",
)
RULE_UNCHANGED: Final = RefusalKind(
    "rule_unchanged", 422, "This is what the rule says already.", "该规则的现行内容与此相同。"
)
INDICATOR_UNKNOWN: Final = RefusalKind("indicator_unknown", 404, "There is no such indicator.", "未找到该指标。")
LIMIT_CHANGED: Final = RefusalKind(
    "limit_changed",
    409,
    "Other limits of this indicator were approved meanwhile. Load the page again and look at them.",
    "该指标的阈值已有新版本获批，请重新打开页面核对。",
)
LIMIT_UNSOUND: Final = RefusalKind(
    "limit_unsound", 422, "Red must begin at amber or above it.", "红色阈值不得低于黄色阈值。"
)
LIMIT_UNCHANGED: Final = RefusalKind(
    "limit_unchanged", 422, "These are the limits already.", "与该指标现行阈值相同，无需变更。"
)
STANCE_CHANGED: Final = RefusalKind(
    "stance_changed",
    409,
    "The stance was changed meanwhile. Look at it and decide again.",
    "风险态势已被更改，请查看后重新决定。",
)
STANCE_UNCHANGED: Final = RefusalKind(
    "stance_unchanged", 422, "The stance is like that already.", "当前已是该风险态势，无需变更。"
)
TRIAL_UNKNOWN: Final = RefusalKind(
    "trial_unknown", 404, "There is no such trial. Trials are kept for 90 days.", "未找到该试算。试算结果保留 90 天。"
)
PATTERN_SEARCH_UNKNOWN: Final = RefusalKind(
    "pattern_search_unknown",
    404,
    "There is no such search for patterns. Searches are kept for 90 days.",
    "未找到该规律查找。查找结果保留 90 天。",
)
PATTERN_SEARCH_OPEN: Final = RefusalKind(
    "pattern_search_open",
    409,
    "Another search for patterns has not ended. Wait for it, or stop it.",
    "另一项规律查找尚未结束，请等待其完成，或先将其停止。",
)
TRIAL_OPEN: Final = RefusalKind(
    "trial_open",
    409,
    "Another trial of yours has not ended. Wait for it, or stop it.",
    "您有一项试算尚未结束，请等待其完成或将其停止。",
)
LIST_UNKNOWN: Final = RefusalKind("list_unknown", 404, "There is no such list.", "未找到该名单。")
LIST_UNIT_FIXED: Final = RefusalKind(
    "list_unit_fixed",
    409,
    "This list exists, and its members are of another kind.",
    "该名单已存在，且成员类型不同。",
)
LIST_MEMBER_WRONG: Final = RefusalKind(
    "list_member_wrong",
    422,
    "A member is not in the right form: accounts and devices are ids, one a line, up to 500 at a time.",
    "有成员格式不正确：账户和设备须填写编号，每行一个，每次最多 500 个。",
)
LIST_PERIOD_WRONG: Final = RefusalKind(
    "list_period_wrong", 422, "Members must expire later than now.", "成员的到期时间须晚于现在。"
)
LIST_UNCHANGED: Final = RefusalKind(
    "list_unchanged", 422, "Say who comes into the list or goes out of it.", "请填写加入或移出名单的成员。"
)

ALL: Final = (
    LABEL_CHANGED,
    MODEL_UNKNOWN,
    MODEL_CHANGED,
    MODEL_UNCHANGED,
    MODEL_UNFIT,
    MODEL_BROKEN,
    RULE_UNKNOWN,
    RULE_CHANGED,
    RULE_NAME_TAKEN,
    RULE_UNSOUND,
    RULE_SCOPE_WRONG,
    RULE_PERIOD_WRONG,
    RULE_UNCHANGED,
    INDICATOR_UNKNOWN,
    LIMIT_CHANGED,
    LIMIT_UNSOUND,
    LIMIT_UNCHANGED,
    STANCE_CHANGED,
    STANCE_UNCHANGED,
    TRIAL_UNKNOWN,
    TRIAL_OPEN,
    PATTERN_SEARCH_UNKNOWN,
    PATTERN_SEARCH_OPEN,
    LIST_UNKNOWN,
    LIST_UNIT_FIXED,
    LIST_MEMBER_WRONG,
    LIST_PERIOD_WRONG,
    LIST_UNCHANGED,
)
