"""A model is learned from what the bank remembers of its own payments, with what became known of them by then."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import numpy as np
import pytest

from tests.cli.test_commands import bank as bank
from tests.cli.test_commands import command, document
from tests.console.house import House
from tests.govern.conftest import house as house
from tests.risk.models_made import INPUTS, history, rows_of
from tongbao import risk
from tongbao.risk import jobs, learn_read, models, models_store
from tongbao.risk.catalogue import OWN, VERSION, names_of
from tongbao.risk.label_model import LabelSource
from tongbao.risk.models_code import compiled_margins
from tongbao.risk.models_facts import LearnError

WEEK = timedelta(days=7)
SIZE = 1_500


async def remembered(house: House, at: datetime, size: int = SIZE) -> list[tuple[UUID, bool]]:
    """Payments a minute apart up to a moment, as risk remembers them; their ids, and whether they were fraud."""
    sample = history(SIZE)
    made: list[tuple[UUID, bool]] = []
    async with house.db.tx() as tx:
        for n, row in enumerate(rows_of(sample, size)):
            said = dict(zip(INPUTS, row, strict=True))
            one = risk.Asked(
                id=house.id(),
                payer=house.id(),
                payee=None,
                device=None,
                amount_minor=max(1, said["amount_minor"] or 1),
                currency="CNY",
                is_night=bool(said["is_night"]),
            )
            own: dict[str, Any] = {name: said.get(name) for name in OWN} | {"kind": "payment", "method": "qr"}
            seen = risk.Seen("10:10:", 0, {one.id: tuple(said[name] for name in names_of(VERSION))})
            moment = at - timedelta(minutes=size - n)
            risk.remember(tx, [one], seen, {}, at=moment, own={one.id: own})
            made.append((one.id, bool(sample.is_fraud[n])))
        await tx.flush()
    return made


async def labelled(house: House, made: list[tuple[UUID, bool]], at: datetime) -> None:
    async with house.db.tx() as tx:
        for payment_id, is_fraud in made:
            if is_fraud:
                await said(house, tx, payment_id, True, at)


async def said(house: House, tx: Any, payment_id: UUID, is_fraud: bool, at: datetime) -> None:
    await risk.label(
        tx,
        payment_id,
        id=house.id(),
        is_fraud=is_fraud,
        source=LabelSource.OUTCOME,
        reason="known of the thief",
        by=house.principal_of_staff(),
        at=at,
    )


async def test_what_older_versions_of_the_catalogue_remembered_is_learned_from_too(house: House) -> None:
    """A bank that upgrades does not begin anew: what the older version did not know is missing, all else stands in its place."""
    await remembered(house, house.at, 60)
    until, delay = house.at + WEEK, timedelta(days=1)
    async with house.db.tx() as tx:
        before = await learn_read.sample(tx, until=until, label_delay=delay)
        newest = names_of(VERSION)
        for version in (1, 2):
            kept = [newest.index(name) + 1 for name in names_of(version)]
            await tx.run(
                "UPDATE risk.assessment SET catalogue = %(version)s, features = (SELECT array_agg(features[n] ORDER BY o)"
                " FROM unnest(%(kept)s::int[]) WITH ORDINALITY AS k (n, o)) WHERE extract(minute FROM at)::int %% 3 = %(version)s",
                version=version,
                kept=kept,
            )
        found = await learn_read.sample(tx, until=until, label_delay=delay)
        drifted = await models_store.newest_inputs(tx, VERSION, 100)
    assert found.inputs == before.inputs
    assert len(found.values) == len(before.values) == len(drifted) == 60
    lost = np.isnan(found.values) & ~np.isnan(before.values)
    assert np.array_equal(found.values[~lost], before.values[~lost], equal_nan=True)
    missing = {found.inputs[column] for column in np.nonzero(lost.any(axis=0))[0]}
    assert missing <= set(newest) - set(names_of(1))
    assert {"payee_frauds_known_90d"} < missing


async def test_the_bank_learns_from_its_own_payments(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(learn_read, "PAGE", 400)
    made = await remembered(house, house.at)
    await labelled(house, made, house.at)
    done = await jobs.train(house.db, house.clock, until=house.at + WEEK, label_delay_days=7)
    facts = done.facts
    parts, frauds = (facts.learned, facts.calibrated, facts.validated), sum(f for _, f in made)
    assert sum(part.payments for part in parts) == len(made)
    assert [part.frauds for part in parts[:2]] == [frauds * 70 // 100, frauds * 85 // 100 - frauds * 70 // 100]
    assert sum(part.frauds for part in parts) == frauds
    assert facts.auc > 7_500
    async with house.db.read() as tx:
        kept = await models.load_model(tx, done.number)
        shown = await models.model(tx, done.number)
    assert kept.inputs == INPUTS
    assert (shown.role, shown.sha256.hex(), shown.facts) == (None, done.sha256, facts)
    again = await jobs.train(house.db, house.clock, until=house.at + WEEK, label_delay_days=7)
    assert again.number == done.number, "the same payments, the same model"
    margins = compiled_margins(kept, INPUTS)(rows_of(history(SIZE), SIZE))
    of_frauds = [m for m, (_, is_fraud) in zip(margins, made, strict=True) if is_fraud]
    assert sum(of_frauds) / frauds > sum(margins) / len(margins)


async def test_only_what_was_known_then_counts_and_the_newest_of_it(house: House) -> None:
    (early, _), (late, _), (cleared, _), *_ = await remembered(house, house.at, 10)
    async with house.db.tx() as tx:
        await said(house, tx, early, True, house.at)
        await said(house, tx, late, True, house.at + 2 * WEEK)
        await said(house, tx, cleared, True, house.at)
        await said(house, tx, cleared, False, house.at + timedelta(hours=1))

    async def learned_from(until: datetime) -> tuple[int, int]:
        async with house.db.read() as tx:
            sample = await learn_read.sample(tx, until=until, label_delay=WEEK)
        return len(sample.at_s), int(sample.is_fraud.sum())

    assert await learned_from(house.at) == (0, 0), "of what is younger than the delay it is not known yet"
    assert await learned_from(house.at + WEEK) == (10, 1)
    assert await learned_from(house.at + 2 * WEEK) == (10, 2)
    assert await learned_from(house.at + WEEK - timedelta(minutes=5, seconds=30)) == (5, 1)


async def test_values_are_those_that_were_known(house: House) -> None:
    await remembered(house, house.at, 50)
    async with house.db.read() as tx:
        sample = await learn_read.sample(tx, until=house.at + WEEK, label_delay=WEEK)
    assert sample.inputs == INPUTS
    expected = [list(map(str, row)) for row in rows_of(history(SIZE), 50)]
    found = [list(map(str, row)) for row in rows_of(sample, 50)]
    assert [row[1:] for row in found] == [row[1:] for row in expected]
    assert list(sample.at_s) == sorted(sample.at_s)


async def test_with_too_few_labels_nothing_is_learned(house: House) -> None:
    made = await remembered(house, house.at)
    await labelled(house, made[:100], house.at)
    with pytest.raises(LearnError, match="too few to learn from"):
        await jobs.train(house.db, house.clock, until=house.at + WEEK, label_delay_days=7)
    async with house.db.read() as tx:
        assert await models.models(tx) == []


async def test_the_command_learns_and_says_how_well(
    house: House, fresh_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = await remembered(house, house.at)
    await labelled(house, made, house.at)
    until = (house.at + timedelta(days=2)).date().isoformat()
    monkeypatch.setenv("TONGBAO_DATABASE_URL", fresh_database)
    learn = ("risk", "train", "--until", until, "--label-delay-days", "0")
    said = await asyncio.to_thread(document, *learn)
    assert (said["number"], len(said["sha256"])) == (1, 64)
    assert sum(said["facts"][part]["frauds"] for part in ("learned", "calibrated", "validated")) == sum(
        f for _, f in made
    )
    assert "AUC 0." in (await asyncio.to_thread(command, *learn)).stdout
    odd = await asyncio.to_thread(document, *learn, "--outliers")
    assert (odd["number"], odd["facts"]["kind"]) == (2, "isolation")


def test_the_command_says_that_there_is_too_little(bank: str) -> None:
    done = command("risk", "train", "--json")
    assert done.exit_code == 1
    assert "0 frauds and 0 good payments are too few to learn from" in done.output
    assert command("risk", "train", "--label-delay-days", "-1").exit_code == 2
    assert command("risk", "train", "--until", "soon").exit_code == 2
