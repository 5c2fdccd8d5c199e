"""Every way payments says no, in order of precedence. What the ledger refuses is added where it stands."""

from __future__ import annotations

from typing import Final

from tongbao import ledger, merchants
from tongbao.base.batch import ITEM_FAILED
from tongbao.base.refusal import RefusalKind
from tongbao.ledger import ACCOUNT_FROZEN, ACCOUNTS_MUST_BE_DIFFERENT, CURRENCY_MISMATCH  # noqa: F401  said here too
from tongbao.merchants import MERCHANT_UNKNOWN
from tongbao.payments.model import Scope
from tongbao.web.refusals import AMOUNT_NEGATIVE, AMOUNT_TOO_LARGE, AMOUNT_ZERO, ID_REUSED, ID_TAKEN

PAYMENT_UNKNOWN = RefusalKind("payment_unknown", 404, "There is no such payment.", "未找到该笔付款。")
KIND_STOPPED = RefusalKind(
    "kind_stopped",
    409,
    "The bank has stopped payments of this kind for now. Nothing was paid. Try again later as a new payment.",
    "银行已暂停此类交易，本笔未付款，请稍后重新发起。",
)
MERCHANT_STOPPED = RefusalKind(
    "merchant_stopped",
    409,
    "The bank has stopped payments to this merchant for now. Nothing was paid. Try again later as a new payment.",
    "银行已暂停该商户收款，本笔未付款，请稍后重新发起。",
)
COUNTRY_STOPPED = RefusalKind(
    "country_stopped",
    409,
    "The bank has stopped payments to merchants in this country for now. Nothing was paid. Try again later as a new payment.",
    "银行已暂停向该国家或地区的商户付款，本笔未付款，请稍后重新发起。",
)
METHOD_STOPPED = RefusalKind(
    "method_stopped",
    409,
    "The bank has stopped this way of paying for now. Nothing was paid. Pay another way, or later as a new payment.",
    "银行已暂停此支付方式，本笔未付款，请改用其他方式，或稍后重新发起。",
)
RAIL_UNKNOWN = RefusalKind("rail_unknown", 422, "The bank is not connected to that other bank.", "本行未接入该通道。")
RAIL_DOWN = RefusalKind(
    "rail_down",
    503,
    "The other bank does not answer at present. Nothing was asked of it. Try again in a moment.",
    "对方银行暂时无法连接，本次未发起收款，请稍后重试。",
    retryable=True,
)
PAYER_UNKNOWN = RefusalKind("payer_unknown", 422, "There is no such payer account.", "付款账户不存在。")
PAYEE_UNKNOWN = RefusalKind("payee_unknown", 422, "There is no such payee account.", "收款账户不存在。")
MERCHANT_CLOSED = RefusalKind(
    "merchant_closed", 409, "The merchant does not take payments at present.", "商户当前无法收款。"
)
CUSTOMER_FROZEN = RefusalKind(
    "customer_frozen", 409, "The payer may not pay at present.", "付款人当前无法付款，请联系银行。"
)
NOT_VERIFIED = RefusalKind(
    "not_verified",
    409,
    "The payer is not verified yet, so nothing is paid. Show who you are: by name and identity number, or at the counter.",
    "付款人尚未完成身份核实，暂不能付款，请先凭姓名和身份证号码核实，或到柜面办理。",
)
OVER_LEVEL_LIMIT = RefusalKind(
    "over_level_limit",
    402,
    "The amount is above what may be paid without having shown one's documents. At the counter the limit is lifted.",
    "金额超过当前身份核实级别的限额，到柜面核实身份后可提高。",
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
AUTHORISATION_REFUSED = RefusalKind(
    "authorisation_refused",
    403,
    "The bank does not let this payment go ahead. Nothing was paid. Call the bank, or come to a branch with your identity card.",
    "为保障资金安全，本笔付款未获准，未扣款。请致电银行，或携带身份证到柜面办理。",
)
NOT_CHALLENGED = RefusalKind(
    "not_challenged", 409, "The payment does not wait for a confirmation.", "该笔付款无需确认。"
)
NOT_HELD = RefusalKind(
    "not_held", 409, "The payment does not wait for a person's decision.", "该笔付款不在待人工审核状态。"
)
HELD_BY_ANOTHER = RefusalKind(
    "held_by_another",
    409,
    "Somebody else has taken or handed back this payment meanwhile. Look at it again.",
    "该笔付款的经办人刚刚已变更，请重新查看。",
)
AUTHORISATION_NEEDED = RefusalKind(
    "authorisation_needed",
    403,
    "The payer must first show that it is he: as many ways as this payment asks for. Nobody else confirms it.",
    "本笔付款须由付款人本人完成验证后方可确认，请先完成验证。",
)
EVIDENCE_STALE = RefusalKind(
    "evidence_stale",
    409,
    "Too much time has passed since the payer showed that it is he. He shows it once more, then confirms.",
    "验证已超过有效时间，请重新验证后再确认。",
)
INSTRUCTION_CHANGED = RefusalKind(
    "instruction_changed",
    409,
    "This is not what the bank would pay: amount, payee or terms are others. Look at the payment again, then confirm it.",
    "所确认的内容与银行将执行的付款不一致，请重新查看收款方和金额后再确认。",
)
ORDER_SIGNATURE_WRONG = RefusalKind(
    "order_signature_wrong",
    403,
    "The order is not signed by a device key of the payer's, or something else was signed. Nothing was paid.",
    "订单签名无效：签名与订单内容不符，或签名设备未绑定该付款人。本笔未付款。",
)
ORDER_SIGNATURE_EXPIRED = RefusalKind(
    "order_signature_expired",
    403,
    "The order was signed for too long ago, or for too far ahead. Nothing was paid. Sign it anew as a new payment.",
    "订单签名已过有效期或有效期过长，本笔未付款，请作为新的付款重新签名。",
)
NOT_ASKED_FOR = RefusalKind(
    "not_asked_for",
    409,
    "This is not among what the payer is asked for now. Look at what is, and show that.",
    "本笔付款当前不需要此项验证，请查看所需的验证方式。",
)
NO_PROOF = RefusalKind(
    "no_proof",
    404,
    "Nobody had to show anything for this payment, or has not yet, so there is no proof.",
    "该笔付款无需验证或尚未完成验证，暂无付款凭证。",
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
NOT_REFUNDED_OVER_RAIL = RefusalKind(
    "not_refunded_over_rail",
    409,
    "Money that another bank sent is not refunded; the account pays it out.",
    "通道转入的资金不支持退款，请从账户转出。",
)
DECLINED_BY_RAIL = RefusalKind(
    "declined_by_rail", 402, "The other bank declined to send the money.", "对方银行拒绝付款。"
)
RAIL_NEVER_RECEIVED = RefusalKind(
    "rail_never_received",
    409,
    "The other bank never received the request. No money was sent.",
    "对方银行未收到该笔请求，未发生扣款。",
)
RESOLVED_AS_DECLINED = RefusalKind(
    "resolved_as_declined",
    409,
    "Two people of the bank found out that no money was sent.",
    "经银行双人核实，对方未付款。",
)
NOT_WAITING_FOR_RAIL = RefusalKind(
    "not_waiting_for_rail", 409, "The payment does not wait for another bank.", "该笔付款无需等待对方银行答复。"
)
RAIL_CONTRADICTS = RefusalKind(
    "rail_contradicts",
    409,
    "The other bank says that it sent no money, and the payment was completed before.",
    "对方银行答复未付款，但该笔付款此前已入账，请人工核对。",
)
NO_RECEIPT = RefusalKind(
    "no_receipt",
    409,
    "No money of this payment has been taken, so there is no receipt. Look at its state.",
    "该笔付款尚未扣款，暂无电子回单，请查看付款状态。",
)
LIMIT_ABOVE_BANK = RefusalKind(
    "limit_above_bank", 422, "A customer's limit may only be lower than the bank's.", "自设限额不得高于银行限额。"
)
SWITCH_UNKNOWN = RefusalKind(
    "switch_unknown",
    404,
    "There is no such kind or method of payment, or country.",
    "不存在此交易类型、支付方式或国家和地区。",
)
SWITCH_CHANGED = RefusalKind(
    "switch_changed",
    409,
    "Somebody else has changed this switch meanwhile. Look at it again, then decide.",
    "该交易开关已被他人更改，请重新查看后再操作。",
)
UNTIL_PAST = RefusalKind("until_past", 422, "The end of the stop lies in the past.", "停用截止时间早于当前时间。")
POLICY_UNSOUND = RefusalKind(
    "policy_unsound",
    422,
    "What asks for less may not reach further than what asks for more. Look at the amounts once more.",
    "验证要求较低的限额不得高于要求较高的限额，请核对各项金额。",
)
POLICY_UNCHANGED = RefusalKind(
    "policy_unchanged", 422, "This is what holds already. Nothing was proposed.", "所填内容与现行策略一致，未提交申请。"
)
POLICY_CHANGED = RefusalKind(
    "policy_changed",
    409,
    "Another version has come into force meanwhile. Look at it, then propose anew.",
    "授权策略已有新版本生效，请查看后重新提出申请。",
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
CODE_UNREADABLE = RefusalKind(
    "code_unreadable",
    422,
    "This is no code that one pays by. Scan the shop's code, or type the number below it.",
    "无法识别付款信息，请扫描商户收款码，或输入码下方的编号。",
)
CODE_OF_ANOTHER = RefusalKind(
    "code_of_another",
    422,
    "This code is not of this bank. It was not opened.",
    "此码并非本行收款码，未予打开。",
)
LOOKUPS_USED_UP = RefusalKind(
    "lookups_used_up",
    409,
    "You have looked up as many payees as one may on one day. Try again tomorrow.",
    "您今日查询收款人的次数已达上限，请明日再试。",
)
TERMINAL_LOCKED = RefusalKind(
    "terminal_locked",
    429,
    "Too many wrong codes were tried here. Take payments another way, and by codes again in an hour.",
    "此处输错付款码次数过多，请改用其他方式收款，一小时后再试。",
    retryable=True,
)
PAYER_CODE_WRONG = RefusalKind(
    "payer_code_wrong",
    422,
    "This code does not count, or not any more. Nothing was paid. Ask the payer to show a new one.",
    "付款码无效或已失效，本次未收款，请顾客出示新的付款码。",
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
ORDER_NEEDS_MORE = RefusalKind(
    "order_needs_more",
    409,
    "The bank wants more proof for a standing order like this one. Choose a smaller amount, or come to a branch.",
    "该定期付款需要更多身份验证，请降低金额，或到柜面办理。",
)
TOO_MANY_ORDERS = RefusalKind(
    "too_many_orders",
    409,
    "This account has as many standing orders as it may have. End one of them first.",
    "该账户的定期付款数量已达上限，请先终止其中一笔。",
)
FAMILY_OF_ONESELF = RefusalKind(
    "family_of_oneself", 422, "You cannot be your own trusted person.", "不能将自己设为信任的亲友。"
)
FAMILY_NAMED_ALREADY = RefusalKind(
    "family_named_already",
    409,
    "You have a trusted person already. End that first; it takes a day.",
    "您已设置信任的亲友，请先解除，一天后生效。",
)
FAMILY_UNKNOWN = RefusalKind("family_unknown", 404, "There is no such trusted person.", "未找到该亲友关系。")
FAMILY_NOT_ASKED = RefusalKind(
    "family_not_asked",
    409,
    "You are not asked about this payment, or not any more.",
    "该笔付款无需您确认，或已无法确认。",
)
FAMILY_TO_AGREE = RefusalKind(
    "family_to_agree",
    409,
    "Your trusted person is to agree to this payment first. Nothing was paid.",
    "该笔付款须先由您信任的亲友确认，目前未付款。",
)

CARD_NEEDS_VERIFICATION = RefusalKind(
    "card_needs_verification",
    409,
    "Before you add a card, show who you are: by name and identity number, or at the counter.",
    "绑定银行卡前，请先凭姓名和身份证号码核实身份，或到柜面办理。",
)
CARD_UNKNOWN = RefusalKind("card_unknown", 404, "There is no such card.", "未找到该银行卡。")
CARD_BOUND_ALREADY = RefusalKind(
    "card_bound_already", 409, "You have added this card already.", "您已绑定该银行卡，无需重复绑定。"
)
TOO_MANY_CARDS = RefusalKind(
    "too_many_cards",
    409,
    "You have ten cards. Remove one before you add another.",
    "最多可绑定十张银行卡，请先解绑一张。",
)
CARD_ASKED_TOO_OFTEN = RefusalKind(
    "card_asked_too_often",
    429,
    "Too many codes were asked for within an hour. Try again later.",
    "一小时内获取验证码次数过多，请稍后再试。",
    retryable=True,
)
CARD_REFUSED = RefusalKind(
    "card_refused",
    422,
    "The card's bank does not confirm this card. Check the number, your name and the telephone number that it knows.",
    "发卡银行未通过验证，请核对卡号、姓名和预留手机号。",
)
CARD_NOT_ASKED = RefusalKind(
    "card_not_asked",
    409,
    "This card waits for no code. Begin again with its number.",
    "该卡当前无需验证码，请重新填写卡号发起绑定。",
)
CARD_CODE_WRONG = RefusalKind(
    "card_code_wrong", 422, "This is not the code that the card's bank sent.", "验证码有误，请核对发卡银行发送的短信。"
)
CARD_CODE_TRIES = RefusalKind(
    "card_code_tries",
    422,
    "Five wrong codes: this attempt is over. Begin again with the card's number.",
    "验证码已输错五次，请重新填写卡号发起绑定。",
)
CARD_IN_USE = RefusalKind(
    "card_in_use",
    409,
    "A payment from this card is still under way. Remove the card once it has ended.",
    "该卡有一笔付款正在处理，请待处理完成后再解绑。",
)
CARD_NETWORK_SILENT = RefusalKind(
    "card_network_silent",
    503,
    "The card network does not answer at present. Send the same again in a moment; nothing is done twice.",
    "银行卡网络暂时没有答复，请稍后重新提交，不会重复办理。",
    retryable=True,
)
CARD_NETWORK_MISSING = RefusalKind(
    "card_network_missing", 501, "This bank is connected to no card network.", "本行尚未接入银行卡网络。"
)

ALL = (
    ID_TAKEN,
    ID_REUSED,
    PAYMENT_UNKNOWN,
    KIND_STOPPED,
    MERCHANT_STOPPED,
    COUNTRY_STOPPED,
    METHOD_STOPPED,
    RAIL_UNKNOWN,
    RAIL_DOWN,
    PAYER_UNKNOWN,
    PAYEE_UNKNOWN,
    MERCHANT_UNKNOWN,
    MERCHANT_CLOSED,
    CUSTOMER_FROZEN,
    NOT_VERIFIED,
    OVER_LEVEL_LIMIT,
    OVER_PAYMENT_LIMIT,
    OVER_DAY_LIMIT,
    OVER_MONTH_LIMIT,
    OVER_DAY_COUNT,
    OVER_MONTH_COUNT,
    AUTHORISATION_REFUSED,
    ORDER_SIGNATURE_WRONG,
    ORDER_SIGNATURE_EXPIRED,
    NOT_CHALLENGED,
    NOT_HELD,
    HELD_BY_ANOTHER,
    AUTHORISATION_NEEDED,
    EVIDENCE_STALE,
    INSTRUCTION_CHANGED,
    NOT_ASKED_FOR,
    NO_PROOF,
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
    NOT_REFUNDED_OVER_RAIL,
    DECLINED_BY_RAIL,
    RAIL_NEVER_RECEIVED,
    RESOLVED_AS_DECLINED,
    NOT_WAITING_FOR_RAIL,
    RAIL_CONTRADICTS,
    NO_RECEIPT,
    LIMIT_ABOVE_BANK,
    SWITCH_UNKNOWN,
    SWITCH_CHANGED,
    UNTIL_PAST,
    POLICY_UNSOUND,
    POLICY_UNCHANGED,
    POLICY_CHANGED,
    ACCOUNT_NOT_FOUND,
    PAYROLL_UNKNOWN,
    PAYROLL_UNREADABLE,
    PAYROLL_TOO_LONG,
    PAYROLL_NOT_OPEN,
    PAYROLL_EMPTY,
    PAYROLL_HAS_DUPLICATES,
    ACCOUNT_NUMBER_WRONG,
    CODE_UNREADABLE,
    CODE_OF_ANOTHER,
    LOOKUPS_USED_UP,
    TERMINAL_LOCKED,
    PAYER_CODE_WRONG,
    NAME_DIFFERS,
    AMOUNT_UNREADABLE,
    REFERENCE_TOO_LONG,
    SCHEDULE_UNKNOWN,
    SCHEDULE_OVER,
    SCHEDULE_IN_THE_PAST,
    SCHEDULE_HAS_NO_DATE,
    ORDER_NEEDS_MORE,
    TOO_MANY_ORDERS,
    FAMILY_OF_ONESELF,
    FAMILY_NAMED_ALREADY,
    FAMILY_UNKNOWN,
    FAMILY_NOT_ASKED,
    FAMILY_TO_AGREE,
    CARD_NEEDS_VERIFICATION,
    CARD_UNKNOWN,
    CARD_BOUND_ALREADY,
    TOO_MANY_CARDS,
    CARD_ASKED_TOO_OFTEN,
    CARD_REFUSED,
    CARD_NOT_ASKED,
    CARD_CODE_WRONG,
    CARD_CODE_TRIES,
    CARD_IN_USE,
    CARD_NETWORK_SILENT,
    CARD_NETWORK_MISSING,
)

_ELSEWHERE = (ITEM_FAILED, AMOUNT_ZERO, AMOUNT_NEGATIVE, AMOUNT_TOO_LARGE, *ledger.REFUSALS, *merchants.REFUSALS)

STOPPED: Final = {
    Scope.KIND: KIND_STOPPED,
    Scope.MERCHANT: MERCHANT_STOPPED,
    Scope.COUNTRY: COUNTRY_STOPPED,
    Scope.METHOD: METHOD_STOPPED,
}
"""How each of the bank's switches says no."""

BY_CODE = {kind.code: kind for kind in (*_ELSEWHERE, *ALL)}
"""Every refusal that a payment, or a line of a payroll, may be remembered with."""
