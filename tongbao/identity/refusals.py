"""Every way identity says no, in order of precedence."""

from __future__ import annotations

from tongbao.base.refusal import RefusalKind

CUSTOMER_UNKNOWN = RefusalKind("customer_unknown", 404, "There is no such customer.", "客户不存在。")
CUSTOMER_FROZEN = RefusalKind("customer_frozen", 409, "The customer is frozen.", "该客户已被冻结。")
RESTRICTION_TOO_LONG = RefusalKind(
    "restriction_too_long",
    422,
    "A restriction ends within a year, or when it is lifted.",
    "限制期限最长一年，或直至解除。",
)
RESTRICTION_LOOSER = RefusalKind(
    "restriction_looser",
    409,
    "A stricter or longer restriction holds already. Two people lift it.",
    "现有限制更严或期限更长，需经双人解除。",
)
NOT_RESTRICTED = RefusalKind("not_restricted", 409, "This customer is not restricted.", "该客户当前没有支付限制。")
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
NOT_YOURSELF = RefusalKind(
    "not_yourself", 409, "Nobody shuts himself out: ask a colleague.", "不能停用本人账号，请由其他管理员操作。"
)
STAFF_UNKNOWN = RefusalKind("staff_unknown", 404, "There is no such member of staff.", "员工不存在。")
STAFF_ACTIVE = RefusalKind("staff_active", 409, "This member of staff is not shut out.", "该员工账号未停用。")
PASSWORD_SAME = RefusalKind(
    "password_same", 422, "The new password is the present one. Choose another.", "新密码与当前密码相同，请另行设置。"
)
NOTHING_TO_DRAW = RefusalKind(
    "nothing_to_draw",
    409,
    "This is drawn once, by whoever proposed it, within a day of the approval. Propose it again.",
    "仅申请人可在审批通过后一天内领取一次，请重新提交申请。",
)
LOGIN_LOCKED = RefusalKind(
    "login_locked",
    429,
    "Too many wrong passwords. Wait before the next try.",
    "密码错误次数过多，请稍后再试。",
    retryable=True,
)
LOGIN_REFUSED = RefusalKind("login_refused", 401, "User name or password is wrong.", "用户名或密码错误。")
LEVEL_TOO_LOW = RefusalKind(
    "level_too_low",
    409,
    "Whom the bank has not seen at a counter has one account; the next one is opened there.",
    "未经柜面核实身份的客户限开一个账户，如需增开请到柜面办理。",
)
VERIFICATION_FOR_PERSONS = RefusalKind(
    "verification_for_persons",
    409,
    "Only persons are verified by name and identity number; a firm shows its papers at the counter.",
    "仅个人客户可凭姓名和身份证号码核实身份，单位客户请到柜面办理。",
)
ALREADY_VERIFIED = RefusalKind("already_verified", 409, "The customer is verified already.", "该客户的身份已核实。")
ID_NUMBER_MALFORMED = RefusalKind(
    "id_number_malformed",
    422,
    "This is no identity number of 18 places: look at each digit again.",
    "身份证号码有误，请逐位核对 18 位号码。",
)
VERIFICATION_OPEN = RefusalKind(
    "verification_open",
    409,
    "The customer's identity is being verified; wait for the answer.",
    "身份正在核实，请等待结果。",
)
VERIFICATION_TOO_OFTEN = RefusalKind(
    "verification_too_often",
    429,
    "The identity was asked for too often within a day. Try again later, or at the counter.",
    "一天内核实身份次数过多，请稍后再试，或到柜面办理。",
    retryable=True,
)
ID_NUMBER_TAKEN = RefusalKind(
    "id_number_taken",
    409,
    "There is a customer with this identity number already. Log in there, or come to the counter.",
    "该身份证号码已有客户使用，请登录已有账户，或到柜面办理。",
)
LEVEL_NOT_GIVEN = RefusalKind(
    "level_not_given",
    422,
    "A clerk gives level 2 (documents seen) or 3 (seen at the counter).",
    "工作人员仅可核定为二级（已核验证件）或三级（柜面核实）。",
)
LEVEL_NOT_HIGHER = RefusalKind(
    "level_not_higher",
    409,
    "The customer has this level or a higher one; whom the bank doubts is frozen.",
    "该客户已达到此级别或更高级别；如有疑问，请冻结该客户。",
)
SIGNATURE_MISSING = RefusalKind(
    "signature_missing", 401, "The request carries no signature (RFC 9421).", "请求未附签名（RFC 9421）。"
)
SIGNATURE_MALFORMED = RefusalKind(
    "signature_malformed",
    400,
    "The signature's fields are malformed, or say something that is not understood here.",
    "签名字段格式不正确，或含有无法识别的内容。",
)
SIGNATURE_INCOMPLETE = RefusalKind(
    "signature_incomplete",
    401,
    "The signature leaves out something that it must cover or state.",
    "签名缺少必须涵盖或注明的内容。",
)
SIGNATURE_OUT_OF_TIME = RefusalKind(
    "signature_out_of_time",
    401,
    "The signature has expired, is from the future, or is meant to last too long.",
    "签名已过期、签名时间晚于当前时间，或有效期过长。",
)
CONTENT_DIGEST_WRONG = RefusalKind(
    "content_digest_wrong",
    400,
    "The body is not the one whose digest is stated (RFC 9530).",
    "请求正文与所附摘要不符（RFC 9530）。",
)
SIGNATURE_WRONG = RefusalKind(
    "signature_wrong", 401, "The signature is not this key's over this message.", "签名与报文或密钥不符。"
)

SIGNATURE_REPLAYED = RefusalKind(
    "signature_replayed",
    409,
    "This signed message came before. Sign each request anew, with a nonce of its own; its Idempotency-Key may stay.",
    "该签名报文此前已提交过。每次请求都须用新的随机数（nonce）重新签名，Idempotency-Key 可以不变。",
)
SIGNING_KEY_UNKNOWN = RefusalKind("signing_key_unknown", 404, "There is no such public key.", "未找到该公钥。")
SIGNING_KEY_NEEDED = RefusalKind(
    "signing_key_needed",
    409,
    "Signatures cannot be required of a key that has no public key to check them by. Register one first.",
    "该密钥尚未登记可用于验签的公钥，无法要求签名。请先登记公钥。",
)
PRIVATE_KEY_SHOWN = RefusalKind(
    "private_key_shown",
    422,
    "This is a private key, and others may have read it on its way. Throw it away, make a new one and register its public part.",
    "这是一把私钥，传输途中可能已被他人获取。请立即弃用，重新生成密钥，并只登记其公钥。",
)
CERTIFICATE_NEEDED = RefusalKind(
    "certificate_needed",
    401,
    "This key is bound to a client certificate, and the connection did not show it.",
    "该密钥已绑定客户端证书，而本次连接未出示该证书。",
)
CERTIFICATE_MALFORMED = RefusalKind(
    "certificate_malformed",
    422,
    "This is neither a certificate (PEM) nor its SHA-256 fingerprint (64 hexadecimal digits).",
    "既不是 PEM 格式的证书，也不是其 SHA-256 指纹（64 位十六进制数字）。",
)
ANSWER_KEY_UNKNOWN = RefusalKind(
    "answer_key_unknown",
    406,
    "An encrypted answer needs a public key of yours that encrypts. Register one first.",
    "加密应答需要您的加密公钥，请先登记。",
)
ANSWER_TOO_LARGE = RefusalKind(
    "answer_too_large",
    406,
    "The answer does not fit into an envelope. What was asked for was done; ask for less at a time, or without encryption.",
    "应答超出密文的容量上限，请求本身已处理。请减少单次查询的数量，或不要求加密应答。",
)

PHONE_MALFORMED = RefusalKind(
    "phone_malformed",
    422,
    "This is no mobile number. Type its 11 digits; one from abroad begins with + and the code of its country.",
    "手机号码格式有误，请输入 11 位手机号；境外号码请以“+”及国家代码开头。",
)
NOBODY_ASKED_FOR = RefusalKind(
    "nobody_asked_for", 422, "Ask for a name or a telephone number.", "请填写要查询的姓名或手机号码。"
)
PERSON_NAME_MALFORMED = RefusalKind(
    "person_name_malformed",
    422,
    "Type your name as it stands on your identity card.",
    "请输入与居民身份证一致的姓名。",
)
REGISTRATION_OVER = RefusalKind(
    "registration_over",
    410,
    "This registration is over, or was begun in another browser. Begin again with your telephone number.",
    "本次开户申请已失效，或并非在此浏览器中发起。请从输入手机号开始重新申请。",
)
PHONE_NOT_CONFIRMED = RefusalKind(
    "phone_not_confirmed", 409, "The code from the message comes first.", "请先输入短信验证码，完成手机号验证。"
)
PHONE_TAKEN = RefusalKind(
    "phone_taken",
    409,
    "You are a customer already with this telephone number. Log in instead.",
    "该手机号已开户，请直接登录。",
)
IDENTITY_UNUSABLE = RefusalKind(
    "identity_unusable",
    409,
    "No account can be opened online with these details. Check them, or come to a branch with your identity card.",
    "暂无法凭以上信息在线开户。请核对姓名与身份证号，或携带身份证到网点办理。",
)
CUSTOMER_LOGIN_REFUSED = RefusalKind(
    "customer_login_refused", 401, "Telephone number or password is wrong.", "手机号或密码错误。"
)
LOGIN_OVER = RefusalKind(
    "login_over",
    410,
    "This log-in took too long, or was begun in another browser. Begin again with your telephone number and password.",
    "本次登录已超时，或并非在此浏览器中发起。请重新输入手机号和密码。",
)
DEVICE_UNKNOWN = RefusalKind("device_unknown", 404, "There is no such device of yours.", "未找到您的这台设备。")
RECOVERY_OVER = RefusalKind(
    "recovery_over",
    410,
    "This request is over, or was begun in another browser. Begin again with your identity number and telephone number.",
    "本次申请已失效，或并非在此浏览器中发起。请重新输入身份证号和手机号。",
)
RECOVERY_WAITS = RefusalKind(
    "recovery_waits",
    409,
    "A new password is set once the waiting time is over.",
    "等待期尚未结束，暂不能设置新密码。",
)
PHONE_CHANGE_OVER = RefusalKind(
    "phone_change_over",
    410,
    "This request is over, or was begun in another browser. Begin again with the new telephone number.",
    "本次申请已失效，或并非在此浏览器中发起。请重新填写新手机号。",
)
PHONE_CHANGE_REFUSED = RefusalKind(
    "phone_change_refused",
    401,
    "Identity number, telephone number and password do not belong together.",
    "身份证号、手机号与密码不匹配。",
)
PHONE_SAME = RefusalKind("phone_same", 409, "This is the number that the bank has already.", "该号码与现有手机号相同。")
PHONE_OF_ANOTHER = RefusalKind(
    "phone_of_another", 409, "Another customer has this telephone number.", "该手机号属于其他客户。"
)
DOCUMENT_NOT_HIS = RefusalKind(
    "document_not_his",
    409,
    "These are not the last four places of the identity number that the bank knows of this customer.",
    "所填末四位与本行留存的该客户身份证号不一致。",
)
FACE_NOT_COMPARED = RefusalKind(
    "face_not_compared",
    422,
    "Compare the person with the picture in the document first.",
    "请先核对本人与证件照片。",
)
PASSWORD_SHORT = RefusalKind(
    "password_short", 422, "A password has 8 to 256 characters.", "密码长度须为 8 至 256 个字符。"
)
PASSWORD_COMMON = RefusalKind(
    "password_common",
    422,
    "Many people have this password, or it is made of what is known of you. Choose one that nobody guesses.",
    "该密码过于常见，或含有您的个人信息，容易被猜中，请更换。",
)
PIN_FORM = RefusalKind("pin_form", 422, "A payment PIN has six digits.", "支付密码为 6 位数字。")
PIN_WEAK = RefusalKind(
    "pin_weak",
    422,
    "This payment PIN is easy to guess: no repeated or running digits, no birthday, nothing from your telephone or "
    "identity number.",
    "该支付密码容易被猜中，请勿使用重复或连续的数字、生日，以及手机号或身份证号中的数字。",
)
FACTOR_STAYS = RefusalKind(
    "factor_stays", 409, "Password and telephone are changed, not removed.", "登录密码和手机号只能更改，不能移除。"
)
FACTOR_UNKNOWN = RefusalKind("factor_unknown", 409, "This is not set up.", "尚未设置此验证方式。")
TOTP_NOT_BEGUN = RefusalKind(
    "totp_not_begun",
    409,
    "It is more than ten minutes since the QR code was shown. Begin again and scan the new one.",
    "二维码已超过 10 分钟有效期，请重新获取并扫描。",
)
FACTOR_LOCKED = RefusalKind(
    "factor_locked",
    429,
    "Too many wrong tries. Wait before the next one.",
    "错误次数过多，请稍后再试。",
    retryable=True,
)
FACTOR_WRONG = RefusalKind("factor_wrong", 401, "This is not right.", "输入有误，请重新输入。")
CODE_TOO_SOON = RefusalKind(
    "code_too_soon",
    429,
    "A telephone is sent one code a minute and ten a day. Wait before you ask for the next one.",
    "每个手机号每分钟只能获取一次验证码，每天最多十次，请稍后再试。",
    retryable=True,
)
CODE_USED = RefusalKind(
    "code_used",
    409,
    "This code was used already. Wait for the next one or ask for it.",
    "该验证码已使用，请等待或重新获取新的验证码。",
)
CODE_EXPIRED = RefusalKind(
    "code_expired", 409, "This code is good no more. Ask for a new one.", "验证码已失效，请重新获取。"
)
CODE_LOCKED = RefusalKind(
    "code_locked",
    409,
    "This code was entered wrongly five times and is good no more. Ask for a new one.",
    "验证码已输错五次，现已失效，请重新获取。",
)
CODE_WRONG = RefusalKind("code_wrong", 401, "This is not the code.", "验证码错误。")

PASSKEY_UNKNOWN = RefusalKind(
    "passkey_unknown", 404, "The bank knows no such passkey of yours.", "未找到您的这个通行密钥。"
)
PASSKEY_OVER = RefusalKind(
    "passkey_over",
    409,
    "This took more than ten minutes, or was done already. Begin again.",
    "操作已超过 10 分钟，或已完成，请重新开始。",
)
PASSKEY_WRONG = RefusalKind(
    "passkey_wrong",
    401,
    "The passkey did not confirm what was asked for. Try again on the bank's own page.",
    "通行密钥验证未通过，请在本行页面重试。",
)
PASSKEY_TAKEN = RefusalKind(
    "passkey_taken", 409, "This passkey is registered already.", "该通行密钥已登记，无需重复添加。"
)
PASSKEY_SUSPENDED = RefusalKind(
    "passkey_suspended",
    409,
    "There seems to be a copy of this passkey, so it is good no more. Remove it and add a new one.",
    "该通行密钥疑似被复制，已停用。请移除后重新添加。",
)
DEVICE_KEY_UNKNOWN = RefusalKind(
    "device_key_unknown", 404, "No key of this device is registered.", "该设备的密钥未登记。"
)
DEVICE_KEY_OVER = RefusalKind(
    "device_key_over",
    409,
    "This key of a device was removed. Make a new one on the device.",
    "该设备密钥已移除，请在设备上重新生成。",
)
DEVICE_KEY_SUITE = RefusalKind(
    "device_key_suite",
    422,
    "A device signs with EdDSA, ES256, PS256 or SM2.",
    "设备密钥仅支持 EdDSA、ES256、PS256 或 SM2 算法。",
)
DEVICE_SIGNATURE_WRONG = RefusalKind(
    "device_signature_wrong", 401, "The device has not signed this.", "设备签名与所签内容不符。"
)
AUTHENTICATORS_MALFORMED = RefusalKind(
    "authenticators_malformed", 422, "This is no FIDO metadata statement.", "不是有效的 FIDO 元数据声明。"
)
TOO_MANY_OF_THESE = RefusalKind(
    "too_many_of_these",
    409,
    "You have twenty of these. Remove one that you do not use.",
    "最多可添加 20 个，请先移除不再使用的。",
)

PURPOSE_UNKNOWN = RefusalKind("purpose_unknown", 404, "The bank asks for no such consent.", "本行没有征求此项同意。")
WORDING_OUTDATED = RefusalKind(
    "wording_outdated",
    409,
    "The wording has changed since. Read it again, then decide.",
    "征求同意的内容已更新，请重新阅读后再决定。",
)
CUSTOMER_HERE = RefusalKind(
    "customer_here",
    409,
    "Only who has left is erased: close the customer first.",
    "仅能删除已注销客户的信息，请先办理注销。",
)

ALL = (
    CUSTOMER_UNKNOWN,
    CUSTOMER_FROZEN,
    CUSTOMER_CLOSED,
    RESTRICTION_TOO_LONG,
    RESTRICTION_LOOSER,
    NOT_RESTRICTED,
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
    NOT_YOURSELF,
    STAFF_UNKNOWN,
    STAFF_ACTIVE,
    PASSWORD_SAME,
    NOTHING_TO_DRAW,
    LOGIN_LOCKED,
    LOGIN_REFUSED,
    LEVEL_TOO_LOW,
    VERIFICATION_FOR_PERSONS,
    ALREADY_VERIFIED,
    ID_NUMBER_MALFORMED,
    VERIFICATION_OPEN,
    VERIFICATION_TOO_OFTEN,
    ID_NUMBER_TAKEN,
    LEVEL_NOT_GIVEN,
    LEVEL_NOT_HIGHER,
    SIGNATURE_MISSING,
    SIGNATURE_MALFORMED,
    SIGNATURE_INCOMPLETE,
    SIGNATURE_OUT_OF_TIME,
    CONTENT_DIGEST_WRONG,
    SIGNATURE_WRONG,
    SIGNATURE_REPLAYED,
    SIGNING_KEY_UNKNOWN,
    SIGNING_KEY_NEEDED,
    PRIVATE_KEY_SHOWN,
    CERTIFICATE_NEEDED,
    CERTIFICATE_MALFORMED,
    ANSWER_KEY_UNKNOWN,
    ANSWER_TOO_LARGE,
    PHONE_MALFORMED,
    NOBODY_ASKED_FOR,
    PERSON_NAME_MALFORMED,
    REGISTRATION_OVER,
    PHONE_NOT_CONFIRMED,
    PHONE_TAKEN,
    IDENTITY_UNUSABLE,
    CUSTOMER_LOGIN_REFUSED,
    LOGIN_OVER,
    DEVICE_UNKNOWN,
    RECOVERY_OVER,
    RECOVERY_WAITS,
    PHONE_CHANGE_OVER,
    PHONE_CHANGE_REFUSED,
    PHONE_SAME,
    PHONE_OF_ANOTHER,
    DOCUMENT_NOT_HIS,
    FACE_NOT_COMPARED,
    PASSWORD_SHORT,
    PASSWORD_COMMON,
    PIN_FORM,
    PIN_WEAK,
    FACTOR_STAYS,
    FACTOR_UNKNOWN,
    TOTP_NOT_BEGUN,
    FACTOR_LOCKED,
    FACTOR_WRONG,
    CODE_TOO_SOON,
    CODE_USED,
    CODE_EXPIRED,
    CODE_LOCKED,
    CODE_WRONG,
    PASSKEY_UNKNOWN,
    PASSKEY_OVER,
    PASSKEY_WRONG,
    PASSKEY_TAKEN,
    PASSKEY_SUSPENDED,
    DEVICE_KEY_UNKNOWN,
    DEVICE_KEY_OVER,
    DEVICE_KEY_SUITE,
    DEVICE_SIGNATURE_WRONG,
    AUTHENTICATORS_MALFORMED,
    TOO_MANY_OF_THESE,
    PURPOSE_UNKNOWN,
    WORDING_OUTDATED,
    CUSTOMER_HERE,
)
