"""What the bank learns of how it is used. Nobody imports deeper than this face."""

from tongbao.insight.intake import Journeys
from tongbao.insight.journeys import lost, paths, reached, refused, use
from tongbao.insight.model import Lost, Path, Reached, Refused, Use
from tongbao.insight.tasks import TASKS

__all__ = [
    "TASKS",
    "Journeys",
    "Lost",
    "Path",
    "Reached",
    "Refused",
    "Use",
    "lost",
    "paths",
    "reached",
    "refused",
    "use",
]
