"""The instruction: who pays whom, what was decided and why, what became of it. Nobody imports deeper than this face."""

from tongbao.payments.actions import ACTIONS, actions, waits_for
from tongbao.payments.asking import AskedAgain, ask_again, ask_sooner
from tongbao.payments.canonical import canonical
from tongbao.payments.canonical import moment as canonical_moment
from tongbao.payments.family import families_of
from tongbao.payments.held import RELEASE, propose_release, refuse_held, take_held
from tongbao.payments.intake import Intake
from tongbao.payments.judge import Judgement, Verdict, judge
from tongbao.payments.kinds import kinds
from tongbao.payments.model import (
    OUTSIDE,
    Arrives,
    Capture,
    Check,
    Kind,
    Limits,
    Method,
    Operation,
    Order,
    Outcome,
    Over,
    Payment,
    RailSaid,
    Scope,
    State,
    Switch,
)
from tongbao.payments.own_orders import orders_of as standing_orders
from tongbao.payments.policies import (
    MAY_SET_POLICY,
    SET_POLICY,
    PolicyChange,
    policies,
    policy_in_force,
    propose_policy,
)
from tongbao.payments.policy import Challenge, Needs, Policy, Rules, Situation, needs
from tongbao.payments.policy_store import challenges
from tongbao.payments.prove import CHECKS
from tongbao.payments.rail_health import MethodHealth, RailCounts, RailHealth, RailState, method_health, rail_health
from tongbao.payments.records import Filter, find_payments
from tongbao.payments.records import records as list_payments
from tongbao.payments.refusals import ALL as REFUSALS
from tongbao.payments.refusals import NOT_HELD, PAYMENT_UNKNOWN
from tongbao.payments.resolve import MAY_RESOLVE, RESOLVE, Resolution, propose_resolution
from tongbao.payments.seen import Seen, Side, may_see_payment, steps_of, view_of
from tongbao.payments.set_limits import limits_of, set_own_limit
from tongbao.payments.shop_code import order_link, shop_link
from tongbao.payments.submit import submit
from tongbao.payments.switches import Resumption, propose_resume, resume, stop, switches
from tongbao.payments.timeline import Step, Timeline, payment_behind, timeline
from tongbao.payments.transfers import drop_people, transfer_habit
from tongbao.payments.verify import LARGEST as LARGEST_PROOF
from tongbao.payments.verify import Verified as VerifiedProof
from tongbao.payments.verify import Wrong as WrongProof
from tongbao.payments.verify import verify as verify_proof
from tongbao.payments.view import PaymentView, view
from tongbao.payments.ways import names as rail_names
from tongbao.payments.words import kind_word, method_word, refusal_word, state_word

__all__ = [
    "ACTIONS",
    "CHECKS",
    "LARGEST_PROOF",
    "MAY_RESOLVE",
    "MAY_SET_POLICY",
    "NOT_HELD",
    "OUTSIDE",
    "PAYMENT_UNKNOWN",
    "REFUSALS",
    "RELEASE",
    "RESOLVE",
    "SET_POLICY",
    "Arrives",
    "AskedAgain",
    "Capture",
    "Challenge",
    "Check",
    "Filter",
    "Intake",
    "Judgement",
    "Kind",
    "Limits",
    "Method",
    "MethodHealth",
    "Needs",
    "Operation",
    "Order",
    "Outcome",
    "Over",
    "Payment",
    "PaymentView",
    "Policy",
    "PolicyChange",
    "RailCounts",
    "RailHealth",
    "RailSaid",
    "RailState",
    "Resolution",
    "Resumption",
    "Rules",
    "Scope",
    "Seen",
    "Side",
    "Situation",
    "State",
    "Step",
    "Switch",
    "Timeline",
    "Verdict",
    "VerifiedProof",
    "WrongProof",
    "actions",
    "ask_again",
    "ask_sooner",
    "canonical",
    "canonical_moment",
    "challenges",
    "drop_people",
    "families_of",
    "find_payments",
    "judge",
    "kind_word",
    "kinds",
    "limits_of",
    "list_payments",
    "may_see_payment",
    "method_health",
    "method_word",
    "needs",
    "order_link",
    "payment_behind",
    "policies",
    "policy_in_force",
    "propose_policy",
    "propose_release",
    "propose_resolution",
    "propose_resume",
    "rail_health",
    "rail_names",
    "refusal_word",
    "refuse_held",
    "resume",
    "set_own_limit",
    "shop_link",
    "standing_orders",
    "state_word",
    "steps_of",
    "stop",
    "submit",
    "switches",
    "take_held",
    "timeline",
    "transfer_habit",
    "verify_proof",
    "view",
    "view_of",
    "waits_for",
]
