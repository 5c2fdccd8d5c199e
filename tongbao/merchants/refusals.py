"""Every way merchants say no, in order of precedence."""

from __future__ import annotations

from tongbao.base.refusal import RefusalKind

MERCHANT_UNKNOWN = RefusalKind("merchant_unknown", 404, "There is no such merchant.", "商户不存在。")
MERCHANT_SUSPENDED = RefusalKind("merchant_suspended", 409, "The merchant is suspended.", "商户已暂停营业。")
MERCHANT_CLOSED = RefusalKind("merchant_closed", 409, "The merchant has closed.", "商户已停业。")
MERCHANT_MOVE_REFUSED = RefusalKind(
    "merchant_move_refused", 409, "The merchant cannot go from its status to that one.", "商户当前状态不允许此操作。"
)
CUSTOMER_NOT_A_FIRM = RefusalKind(
    "customer_not_a_firm", 422, "A merchant belongs to a firm, not to a person.", "商户须归属于企业客户，不能是个人。"
)
COUNTRY_UNKNOWN = RefusalKind("country_unknown", 422, "There is no country with this code.", "国家或地区代码不存在。")
FEE_PLAN_INCOMPLETE = RefusalKind(
    "fee_plan_incomplete",
    422,
    "A fee plan needs a rate for the method `*`, which is every other method.",
    "费率方案须包含适用于其他所有支付方式（*）的费率。",
)
FEE_RATE_TWICE = RefusalKind(
    "fee_rate_twice", 422, "A fee plan has one rate for a method.", "费率方案中同一支付方式只能有一个费率。"
)
FEE_BOUNDS_CROSSED = RefusalKind(
    "fee_bounds_crossed", 422, "The smallest fee is above the largest.", "最低手续费不能高于最高手续费。"
)
ORDER_UNKNOWN = RefusalKind("order_unknown", 404, "There is no such order.", "订单不存在。")
ORDER_OF_ANOTHER_MERCHANT = RefusalKind(
    "order_of_another_merchant", 422, "The order belongs to another merchant.", "订单不属于该商户。"
)
ORDER_NOT_OPEN = RefusalKind(
    "order_not_open", 409, "The order is paid, being paid, or cancelled.", "订单已支付、正在支付或已取消。"
)
ORDER_EXPIRED = RefusalKind("order_expired", 409, "The order has expired.", "订单已过期。")
ORDER_AMOUNT_DIFFERS = RefusalKind(
    "order_amount_differs", 422, "The order is for another amount or currency.", "付款金额或币种与订单不符。"
)
ORDER_CURRENCY_DIFFERS = RefusalKind(
    "order_currency_differs", 422, "The merchant is paid in another currency.", "订单币种与商户结算币种不符。"
)
WEBHOOK_UNKNOWN = RefusalKind("webhook_unknown", 404, "There is no such webhook.", "事件通知不存在。")
WEBHOOK_URL_REFUSED = RefusalKind(
    "webhook_url_refused",
    422,
    "Messages go to a public https address, without user name or fragment.",
    "事件通知的地址须为公网 https 网址，且不含用户名或片段。",
)
WEBHOOK_TOPIC_UNKNOWN = RefusalKind("webhook_topic_unknown", 422, "There is no such topic.", "没有该事件通知主题。")
WEBHOOK_OFF = RefusalKind(
    "webhook_off", 409, "The webhook is switched off. Switch it on first.", "事件通知已停用，请先启用。"
)
DELIVERY_UNKNOWN = RefusalKind("delivery_unknown", 404, "There is no such delivery.", "通知记录不存在。")

ALL = (
    MERCHANT_UNKNOWN,
    MERCHANT_SUSPENDED,
    MERCHANT_CLOSED,
    MERCHANT_MOVE_REFUSED,
    CUSTOMER_NOT_A_FIRM,
    COUNTRY_UNKNOWN,
    FEE_PLAN_INCOMPLETE,
    FEE_RATE_TWICE,
    FEE_BOUNDS_CROSSED,
    ORDER_UNKNOWN,
    ORDER_OF_ANOTHER_MERCHANT,
    ORDER_NOT_OPEN,
    ORDER_EXPIRED,
    ORDER_AMOUNT_DIFFERS,
    ORDER_CURRENCY_DIFFERS,
    WEBHOOK_UNKNOWN,
    WEBHOOK_URL_REFUSED,
    WEBHOOK_TOPIC_UNKNOWN,
    WEBHOOK_OFF,
    DELIVERY_UNKNOWN,
)
