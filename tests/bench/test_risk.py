"""`tongbao bench risk` measures all that judging a payment takes, and names each part."""

from __future__ import annotations

import pytest

from tongbao_bench import risk


def test_each_part_of_a_judgement_is_measured(fresh_database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, few in (("REMEMBERED", 1_000), ("BATCHES", 3), ("BATCH", 20), ("LONE", 5)):
        monkeypatch.setattr(risk, name, few)
    found = risk.bench(fresh_database)
    assert found["features"] >= 60
    assert (found["rules"], found["trees"]) == (50, 100)
    keys = {"decisions_per_s", "batch_cpu_ms_per_payment", "rule_us", "model_row_us", "single_p50_ms", "single_p99_ms"}
    assert keys <= found.keys()
    assert all(found[key] > 0 for key in keys)
    assert found["single_p50_ms"] <= found["single_p99_ms"]
