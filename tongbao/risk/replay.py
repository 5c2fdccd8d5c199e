"""Make past decisions again, from what is remembered of them: the same payment, the same rules, the same lists."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Final
from uuid import UUID

from tongbao.base.db import Tx
from tongbao.risk import replay_store, rule_store
from tongbao.risk.expression_model import Unit
from tongbao.risk.replay_model import Past, Replayed
from tongbao.risk.rule_model import RuleVersion
from tongbao.risk.ruleset import Ruleset, Under

MOST: Final = 10_000
_PLENTY: Final = 20
"""So many times as many decisions as are wanted lie on the pages that are looked at."""


async def replay(tx: Tx, ids: Sequence[UUID]) -> list[Replayed]:
    """Each decision that risk remembers, in the order of `ids`: what it said, and what it says made again.

    Features and what the payment itself said are as they were remembered; rules and lists as they were in force then, to the
    change that the judging process had read. A few statements for each set of rules that judged them.
    """
    found = {past.id: past for past in await replay_store.past(tx, ids)}
    judged_by: defaultdict[Under, list[Past]] = defaultdict(list)
    again: dict[UUID, Replayed] = {}
    for past in found.values():
        if past.own is None or past.under is None:
            again[past.id] = Replayed(past.id, past.said, None)
        else:
            judged_by[past.under].append(past)
    for under, decisions in judged_by.items():
        rules = await _rules(tx, under)
        unsound = tuple(fenced.name for fenced in rules.fenced)
        said = rules.judge_all([past.row() for past in decisions])
        for past, judged in zip(decisions, said, strict=True):
            again[past.id] = Replayed(past.id, past.said, None if unsound else judged, unsound)
    return [again[i] for i in dict.fromkeys(ids) if i in again]


async def _rules(tx: Tx, under: Under) -> Ruleset:
    """Time stands still for them: a rule that was slow then is among those left out, and none is slow now."""
    return Ruleset(*await in_force_under(tx, under), ticks=int)


async def in_force_under(tx: Tx, under: Under) -> tuple[list[RuleVersion], dict[str, Unit], dict[str, frozenset[str]]]:
    """Rules as they were, but for those left out; what the members of lists are; and who stood in them then."""
    versions = await rule_store.in_force(tx, under.read_at, under.change)
    units = await rule_store.list_units(tx)
    members = await rule_store.members_in_force(tx, list(units), under.read_at, under.change)
    return [version for version in versions if version.name not in under.left_out], units, members


async def sample(tx: Tx, *, most: int, seed: int) -> list[UUID]:
    """So many decisions from all over what is remembered, `MOST` at most; others for another seed. Bounded work."""
    most = min(most, MOST)
    there = await replay_store.about_how_many(tx)
    percent = max(1, min(100, 100 * _PLENTY * most // there)) if there else 100
    return await replay_store.some(tx, percent, seed, most)
