"""The judgement of payments: what is known of their parties, which rules they meet, how likely they are fraud."""

from tongbao.risk.catalogue import CATALOGUE
from tongbao.risk.expression_error import ExpressionError
from tongbao.risk.expression_model import Unit
from tongbao.risk.feature import DAY, HOUR, MINUTE, Edge, Entity, Feature, Filter, Measure, value
from tongbao.risk.fence import report
from tongbao.risk.in_force import RulesInForce
from tongbao.risk.label import label
from tongbao.risk.label_model import LabelSource
from tongbao.risk.model import Asked, Own, Seen
from tongbao.risk.models import models as registered_models
from tongbao.risk.models import register_model
from tongbao.risk.models_in_force import ModelsInForce
from tongbao.risk.models_model import ModelChange
from tongbao.risk.models_model import Role as ModelRole
from tongbao.risk.models_propose import SET_MODEL, propose_model
from tongbao.risk.models_score import Models, judge_all, report_models
from tongbao.risk.proposals import KINDS
from tongbao.risk.propose_list import SET_LIST, propose_list
from tongbao.risk.propose_rule import MAY_WRITE, SET_RULE, propose_rule
from tongbao.risk.recall import check, recall
from tongbao.risk.remember import came_to_nothing, remember
from tongbao.risk.replay import replay, sample
from tongbao.risk.replay_model import Replayed
from tongbao.risk.roll import is_rolled, roll
from tongbao.risk.rule_model import Action, ListChange, Mode, RuleChange, RuleSays
from tongbao.risk.rule_words import rule_facts
from tongbao.risk.ruleset import Judged, Ruleset, Under, row
from tongbao.risk.stance import tighten, watch
from tongbao.risk.stance_model import RiskWatch, Stance
from tongbao.risk.told import asks_to_hold, risks_of, sayings
from tongbao.risk.trial_model import Result
from tongbao.risk.truth import against_truth, label_told, tell_truth
from tongbao.risk.truth_model import Truth

__all__ = [
    "CATALOGUE",
    "DAY",
    "HOUR",
    "KINDS",
    "MAY_WRITE",
    "MINUTE",
    "SET_LIST",
    "SET_MODEL",
    "SET_RULE",
    "Action",
    "Asked",
    "Edge",
    "Entity",
    "ExpressionError",
    "Feature",
    "Filter",
    "Judged",
    "LabelSource",
    "ListChange",
    "Measure",
    "Mode",
    "ModelChange",
    "ModelRole",
    "Models",
    "ModelsInForce",
    "Own",
    "Replayed",
    "Result",
    "RiskWatch",
    "RuleChange",
    "RuleSays",
    "RulesInForce",
    "Ruleset",
    "Seen",
    "Stance",
    "Truth",
    "Under",
    "Unit",
    "against_truth",
    "asks_to_hold",
    "came_to_nothing",
    "check",
    "is_rolled",
    "judge_all",
    "label",
    "label_told",
    "propose_list",
    "propose_model",
    "propose_rule",
    "recall",
    "register_model",
    "registered_models",
    "remember",
    "replay",
    "report",
    "report_models",
    "risks_of",
    "roll",
    "row",
    "rule_facts",
    "sample",
    "sayings",
    "tell_truth",
    "tighten",
    "value",
    "watch",
]
