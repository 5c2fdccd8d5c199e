"""What customers ask for help with, and what they are answered. Nobody imports deeper than this face."""

from tongbao.care.desk import answer, find, hand_over, note, queue, take, waiting, write_down
from tongbao.care.help import ask, helped, history, requests_of, write
from tongbao.care.known import learned
from tongbao.care.lessons import awareness
from tongbao.care.model import Channel, Context, Kind, Message, Request, State, Waiting, What
from tongbao.care.not_mine import not_mine
from tongbao.care.refusals import ALL as REFUSALS
from tongbao.care.tip_model import Awareness
from tongbao.care.tips import advise

__all__ = [
    "REFUSALS",
    "Awareness",
    "Channel",
    "Context",
    "Kind",
    "Message",
    "Request",
    "State",
    "Waiting",
    "What",
    "advise",
    "answer",
    "ask",
    "awareness",
    "find",
    "hand_over",
    "helped",
    "history",
    "learned",
    "not_mine",
    "note",
    "queue",
    "requests_of",
    "take",
    "waiting",
    "write",
    "write_down",
]
