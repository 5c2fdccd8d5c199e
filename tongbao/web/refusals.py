"""What the edge itself says no to, before any verb is asked. In order of precedence."""

from __future__ import annotations

from tongbao.base.money import LARGEST_MINOR
from tongbao.base.principal import PERMISSION_MISSING
from tongbao.base.refusal import RefusalKind

NOT_FOUND = RefusalKind("not_found", 404, "There is nothing at this address.", "您访问的内容不存在。")
METHOD_NOT_ALLOWED = RefusalKind(
    "method_not_allowed", 405, "This address does not take that method.", "该地址不支持此请求方法。"
)
MISSING_KEY = RefusalKind(
    "missing_key", 401, "Send a key: `Authorization: Bearer tb_...`.", "请求缺少密钥，请在 Authorization 头中提供。"
)
RATE_LIMITED = RefusalKind(
    "rate_limited",
    429,
    "You ask more often than is taken in a minute. Wait before you ask again.",
    "请求过于频繁，请稍后再试。",
    retryable=True,
)
TRIES_LIMITED = RefusalKind(
    "tries_limited",
    429,
    "Too many tries came from your network. Wait before the next one.",
    "您所在的网络尝试次数过多，请稍后再试。",
    retryable=True,
)
CODES_LIMITED = RefusalKind(
    "codes_limited",
    429,
    "Too many codes were asked for from your network. Wait before you ask for the next one.",
    "您所在的网络获取验证码过于频繁，请稍后再试。",
    retryable=True,
)
SESSION_STOLEN = RefusalKind(
    "session_stolen",
    401,
    "Somebody has shown a secret of this session that was replaced. It has been ended to be safe: log in again.",
    "该登录会话的旧凭证被再次使用。为保障安全，会话已终止，请重新登录。",
)
INVALID_KEY = RefusalKind("invalid_key", 401, "This key is not known or was revoked.", "密钥无效或已被吊销。")
KEY_EXPIRED = RefusalKind("key_expired", 401, "This key has expired.", "密钥已过期。")
CROSS_SITE = RefusalKind(
    "cross_site", 403, "A page of another site may not act in this session.", "不允许其他网站使用当前登录会话。"
)
IDEMPOTENCY_KEY_MISSING = RefusalKind(
    "idempotency_key_missing",
    400,
    "Send an `Idempotency-Key`: a UUID of your own, version 7 advised. It becomes the id.",
    "请在 Idempotency-Key 头中提供您生成的 UUID（建议第 7 版），它将成为新记录的编号。",
)
IDEMPOTENCY_KEY_MALFORMED = RefusalKind(
    "idempotency_key_malformed", 400, "The `Idempotency-Key` is not a UUID.", "Idempotency-Key 不是有效的 UUID。"
)
UNSUPPORTED_MEDIA_TYPE = RefusalKind(
    "unsupported_media_type", 415, "Send the body as `application/json`.", "请以 application/json 格式发送请求内容。"
)
BODY_TOO_LARGE = RefusalKind("body_too_large", 413, "The body is too large.", "请求内容过大。")
BODY_INCOMPLETE = RefusalKind(
    "body_incomplete", 400, "The connection ended before the body was whole.", "请求内容未传输完整，连接已中断。"
)
SLOW_CLIENT = RefusalKind(
    "slow_client", 408, "The body took too long to arrive.", "请求内容传输超时，请重试。", retryable=True
)
BAD_ENCODING = RefusalKind("bad_encoding", 400, "The request is not valid UTF-8.", "请求内容不是有效的 UTF-8 编码。")
NUL_CHARACTER = RefusalKind(
    "nul_character",
    400,
    "A text holds NUL or half of a surrogate pair.",
    "文本中含有空字符（NUL）或不成对的代理字符。",
)
MALFORMED_JSON = RefusalKind("malformed_json", 400, "The body is not valid JSON.", "请求内容不是有效的 JSON。")
UNKNOWN_FIELD = RefusalKind(
    "unknown_field", 422, "The body has a field that this route does not know.", "请求中含有无法识别的字段。"
)
MISSING_FIELD = RefusalKind("missing_field", 422, "A required field is missing.", "请求缺少必填字段。")
AMOUNT_NOT_A_NUMBER = RefusalKind(
    "amount_not_a_number",
    422,
    "An amount is an integer of minor units, not a text.",
    "金额应为以最小货币单位计的整数，不能是文本。",
)
AMOUNT_FRACTIONAL = RefusalKind(
    "amount_fractional",
    422,
    "An amount is a whole number of minor units, without a point or an exponent.",
    "金额应为以最小货币单位计的整数，不能带小数点或指数。",
)
AMOUNT_ZERO = RefusalKind("amount_zero", 422, "The amount is zero.", "金额不能为零。")
AMOUNT_NEGATIVE = RefusalKind("amount_negative", 422, "The amount is negative.", "金额不能为负数。")
AMOUNT_TOO_LARGE = RefusalKind(
    "amount_too_large", 422, f"The amount is above {LARGEST_MINOR}.", f"金额不能超过 {LARGEST_MINOR}。"
)
CURRENCY_UNKNOWN = RefusalKind(
    "currency_unknown", 422, "This is not a currency code that the bank knows.", "币种代码无法识别。"
)
INVALID_FIELD = RefusalKind("invalid_field", 422, "A field has a value that it cannot have.", "字段的值无效。")
CURSOR_INVALID = RefusalKind(
    "cursor_invalid", 422, "This cursor was not given out by this list.", "分页游标无效，请从头查询。"
)
ID_TAKEN = RefusalKind("id_taken", 409, "This id is in use. Take another one.", "该编号已被占用，请更换编号。")
ID_REUSED = RefusalKind(
    "id_reused",
    409,
    "You used this id for another request. Repeat that request or take another id.",
    "您已将该编号用于另一笔不同的请求。请重发原请求，或更换编号。",
)
EXPORT_TOO_LARGE = RefusalKind(
    "export_too_large",
    422,
    "This is more than such a file may hold. Choose fewer days or a narrower filter, or take CSV, which has no limit.",
    "数据超出该格式文件的上限，请缩短期间或缩小查询范围，也可选择不限条数的 CSV 格式。",
)
NO_FONT = RefusalKind(
    "no_font",
    501,
    "This bank cannot print Chinese: its machine has no Chinese font. Staff install fonts-noto-cjk or set TONGBAO_PDF_FONT.",
    "服务器缺少中文字体，无法生成该文件。请工作人员安装 fonts-noto-cjk，或通过 TONGBAO_PDF_FONT 指定字体文件。",
)
INTERNAL_ERROR = RefusalKind(
    "internal_error",
    500,
    "Something went wrong in the bank. Staff can find it by the request id.",
    "系统内部出现异常，工作人员可凭请求编号查询。",
)

ALL = (
    NOT_FOUND,
    METHOD_NOT_ALLOWED,
    RATE_LIMITED,
    TRIES_LIMITED,
    CODES_LIMITED,
    MISSING_KEY,
    SESSION_STOLEN,
    INVALID_KEY,
    KEY_EXPIRED,
    CROSS_SITE,
    PERMISSION_MISSING,
    IDEMPOTENCY_KEY_MISSING,
    IDEMPOTENCY_KEY_MALFORMED,
    UNSUPPORTED_MEDIA_TYPE,
    BODY_TOO_LARGE,
    BODY_INCOMPLETE,
    SLOW_CLIENT,
    BAD_ENCODING,
    NUL_CHARACTER,
    MALFORMED_JSON,
    UNKNOWN_FIELD,
    MISSING_FIELD,
    AMOUNT_NOT_A_NUMBER,
    AMOUNT_FRACTIONAL,
    AMOUNT_ZERO,
    AMOUNT_NEGATIVE,
    AMOUNT_TOO_LARGE,
    CURRENCY_UNKNOWN,
    INVALID_FIELD,
    CURSOR_INVALID,
    ID_TAKEN,
    ID_REUSED,
    EXPORT_TOO_LARGE,
    NO_FONT,
    INTERNAL_ERROR,
)
