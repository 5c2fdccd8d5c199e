"""Merchants: who sells, on what terms, what was ordered, who hears about it. Nobody imports deeper than this face."""

from tongbao.merchants.api import ROUTES
from tongbao.merchants.enquire import (
    bank_fee_plan,
    find,
    find_delivery,
    find_endpoint,
    find_orders,
    list_deliveries,
    list_endpoints,
    list_merchants,
    list_orders,
    subject_known,
)
from tongbao.merchants.fee_plan import set_fee_plan
from tongbao.merchants.fees import FeePlan, FeeRate
from tongbao.merchants.jobs import CONSUMERS, JOBS, send_webhooks
from tongbao.merchants.model import (
    TOPICS,
    Delivery,
    DeliveryState,
    Endpoint,
    EndpointStatus,
    Made,
    Merchant,
    MerchantStatus,
    NewEndpoint,
    NewMerchant,
    NewOrder,
    Order,
    OrderClaim,
    OrderState,
)
from tongbao.merchants.orders import (
    OrderCannotMove,
    cancel_order,
    claim_orders,
    create_order,
    expire_orders,
    follow_payments,
    not_taking,
    release_orders,
)
from tongbao.merchants.prove import CHECKS
from tongbao.merchants.refusals import ALL as REFUSALS
from tongbao.merchants.refusals import MERCHANT_UNKNOWN
from tongbao.merchants.register import register_merchants, set_status
from tongbao.merchants.webhooks import (
    create_endpoint,
    delete_endpoint,
    enable_endpoint,
    forget_deliveries,
    queue_deliveries,
    resend,
)

__all__ = [
    "CHECKS",
    "CONSUMERS",
    "JOBS",
    "MERCHANT_UNKNOWN",
    "REFUSALS",
    "ROUTES",
    "TOPICS",
    "Delivery",
    "DeliveryState",
    "Endpoint",
    "EndpointStatus",
    "FeePlan",
    "FeeRate",
    "Made",
    "Merchant",
    "MerchantStatus",
    "NewEndpoint",
    "NewMerchant",
    "NewOrder",
    "Order",
    "OrderCannotMove",
    "OrderClaim",
    "OrderState",
    "bank_fee_plan",
    "cancel_order",
    "claim_orders",
    "create_endpoint",
    "create_order",
    "delete_endpoint",
    "enable_endpoint",
    "expire_orders",
    "find",
    "find_delivery",
    "find_endpoint",
    "find_orders",
    "follow_payments",
    "forget_deliveries",
    "list_deliveries",
    "list_endpoints",
    "list_merchants",
    "list_orders",
    "not_taking",
    "queue_deliveries",
    "register_merchants",
    "release_orders",
    "resend",
    "send_webhooks",
    "set_fee_plan",
    "set_status",
    "subject_known",
]
