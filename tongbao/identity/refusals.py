"""Every way identity says no, in order of precedence."""

from __future__ import annotations

from tongbao.base.refusal import RefusalKind

CUSTOMER_UNKNOWN = RefusalKind("customer_unknown", 404, "There is no such customer.", "客户不存在。")
CUSTOMER_FROZEN = RefusalKind("customer_frozen", 409, "The customer is frozen.", "该客户已被冻结。")
CUSTOMER_CLOSED = RefusalKind("customer_closed", 409, "The customer has left the bank.", "该客户已销户离行。")
ACCOUNT_NOT_FOUND = RefusalKind("account_not_found", 404, "There is no such account.", "账户不存在。")
STANDING_MOVE_REFUSED = RefusalKind(
    "standing_move_refused",
    409,
    "From where it stands it cannot go there: only what is open is frozen or closed, only what is frozen is thawed.",
    "当前状态不允许此操作：仅正常状态可冻结或销户，仅冻结状态可解冻。",
)
CUSTOMER_HAS_ACCOUNTS = RefusalKind(
    "customer_has_accounts", 409, "The customer still has accounts that are not closed.", "该客户仍有未销户的账户。"
)
KEY_UNKNOWN = RefusalKind("key_unknown", 404, "There is no such key.", "密钥不存在。")
KEY_OVER = RefusalKind("key_over", 409, "The key has expired, was revoked or was rotated.", "密钥已过期、吊销或轮换。")
PERMISSION_UNKNOWN = RefusalKind("permission_unknown", 422, "There is no such permission.", "权限不存在。")
PERMISSION_NOT_FOR_KIND = RefusalKind(
    "permission_not_for_kind", 422, "A key of this kind can never hold that permission.", "此类密钥不得拥有该权限。"
)
PERMISSION_NOT_YOURS = RefusalKind(
    "permission_not_yours", 403, "A key gives only what it holds itself.", "密钥只能授予其自身拥有的权限。"
)
SUBJECT_NEEDED = RefusalKind(
    "subject_needed",
    422,
    "A merchant's or partner's key names the one it acts for; a bank's key names nobody.",
    "商户或合作方密钥须指明所属主体，银行密钥则不得指明。",
)
SUBJECT_UNKNOWN = RefusalKind(
    "subject_unknown", 422, "There is nobody that this key could act for.", "密钥所属主体不存在。"
)
EXPIRY_PAST = RefusalKind("expiry_past", 422, "The expiry lies in the past.", "到期时间早于当前时间。")
USERNAME_TAKEN = RefusalKind("username_taken", 409, "This user name is in use.", "用户名已被占用。")
PASSWORD_WEAK = RefusalKind(
    "password_weak",
    422,
    "A password has 12 to 256 characters and is not the user name.",
    "密码长度须为 12 至 256 个字符，且不得与用户名相同。",
)
STAFF_UNKNOWN = RefusalKind("staff_unknown", 404, "There is no such member of staff.", "员工不存在。")
LOGIN_LOCKED = RefusalKind(
    "login_locked",
    429,
    "Too many wrong passwords. Wait before the next try.",
    "密码错误次数过多，请稍后再试。",
    retryable=True,
)
LOGIN_REFUSED = RefusalKind("login_refused", 401, "User name or password is wrong.", "用户名或密码错误。")

ALL = (
    CUSTOMER_UNKNOWN,
    CUSTOMER_FROZEN,
    CUSTOMER_CLOSED,
    ACCOUNT_NOT_FOUND,
    STANDING_MOVE_REFUSED,
    CUSTOMER_HAS_ACCOUNTS,
    KEY_UNKNOWN,
    KEY_OVER,
    PERMISSION_UNKNOWN,
    PERMISSION_NOT_FOR_KIND,
    PERMISSION_NOT_YOURS,
    SUBJECT_NEEDED,
    SUBJECT_UNKNOWN,
    EXPIRY_PAST,
    USERNAME_TAKEN,
    PASSWORD_WEAK,
    STAFF_UNKNOWN,
    LOGIN_LOCKED,
    LOGIN_REFUSED,
)
