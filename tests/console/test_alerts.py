"""One table of alerts: Prometheus, `tongbao doctor` and the staff page say the same of the same bank."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tongbao import console
from tongbao.base.metrics import FIGURES, Sample
from tongbao.base.server import Archiver, Clocks, Slot, Writer
from tongbao.console.figures import samples
from tongbao.console.model import (
    Alert,
    Connections,
    ConsumerLag,
    DayReach,
    Disk,
    HeldQueue,
    HelpQueue,
    JobQueue,
    LatePayments,
    MessageQueue,
    Schema,
    Vitals,
)
from tongbao.merchants import WebhookBacklog
from tongbao.payments import RailCounts, RailHealth, RailState, Scope, Switch
from tongbao.risk import RiskWatch
from tongbao.vault import CanaryWatch

AT = datetime(2026, 11, 23, 3, 0, tzinfo=UTC)
TODAY = date(2026, 11, 23)
GIB = 1 << 30

SERVER = {
    "autovacuum": "on",
    "data_checksums": "on",
    "default_transaction_isolation": "read committed",
    "fsync": "on",
    "full_page_writes": "on",
    "server_encoding": "UTF8",
    "server_version": "18.1",
    "server_version_num": "180001",
    "synchronous_commit": "on",
}


def _disk(free_gib: int) -> tuple[Disk, ...]:
    return (Disk(name="data", path="/data", free_bytes=free_gib * GIB, total_bytes=100 * GIB),)


def _rail(state: RailState, waiting: int = 0) -> RailHealth:
    none = RailCounts(asked=0, accepted=0, declined=0, unanswered=0)
    return RailHealth(
        name="north",
        state=state,
        five_minutes=none,
        hour=none,
        p50_ms=None,
        p95_ms=None,
        last_answer_at=None,
        waiting=waiting,
        oldest_waiting_at=None,
        failing=0,
        failing_since=None,
        down_until=None,
    )


def _clock(ahead_ms: int) -> Clocks:
    return Clocks(server_at=AT, ahead_ms=ahead_ms)


def _lag(oldest_s: int = 0, parked: int = 0) -> tuple[ConsumerLag, ...]:
    return (ConsumerLag(name="merchants.orders", unread=int(oldest_s > 0), oldest_s=oldest_s, parked=parked),)


def _late(many: int) -> tuple[LatePayments, ...]:
    return (LatePayments(waits_for="arrival", many=many, oldest_due_at=AT - timedelta(hours=1)),)


def _webhooks(oldest_s: int) -> WebhookBacklog:
    oldest_at = AT - timedelta(seconds=oldest_s)
    return WebhookBacklog(due=1, oldest_due_at=oldest_at, failing_endpoints=1, disabled_endpoints=0)


def _help(late: int) -> HelpQueue:
    return HelpQueue(waiting=late + 1, late=late, oldest_s=90_000 * late)


def _messages(oldest_s: int) -> MessageQueue:
    return MessageQueue(waiting=1, oldest_s=oldest_s, failed=0, has_gateway=True)


WELL = Vitals(
    at=AT,
    env="production",
    draining=False,
    disks=_disk(50),
    answer_ms=3,
    server=SERVER,
    clocks=_clock(0),
    schema=Schema(version="2", missing=(), unknown=()),
    connections=Connections(used={"tongbao": 10, "psql": 1}, most=97, wanted=31),
    writer=(),
    day=DayReach(calendar_date=TODAY, open_date=TODAY, unended=TODAY),
    years_missing=(),
    partitions_missing={"this": (), "next": ()},
    consumers=_lag(),
    late=(),
    ahead_s=0,
    webhooks=_webhooks(0),
    messages=_messages(0),
    help=_help(0),
    held=HeldQueue(waiting=3, oldest_s=600),
    jobs=JobQueue(workers=2, seen_s=3, due_s=0, failing=()),
    switches=(),
    rails=(_rail(RailState.UP),),
    slots=(Slot(name="tongbao_backup", active=True, retained_bytes=0),),
    archiver=Archiver(on=False, failing=False, archived_at=None, failed_at=None, failed=None),
    proof_s=3600,
    canaries=CanaryWatch(planted=3, open=0),
    risk=RiskWatch(amber=0, red=0, is_tightened=False, drift=20, caught=990),
)

TROUBLES: dict[str, dict[str, Any]] = {
    "the database away": {
        name: None for name in Vitals.__struct_fields__ if name not in {"at", "env", "draining", "disks"}
    }
    | {"trouble": "connection refused", "answer_ms": 0, "unknown": ()},
    "no fsync": {"server": {**SERVER, "fsync": "off", "synchronous_commit": "off"}},
    "no checksums": {"server": {**SERVER, "data_checksums": "off"}},
    "an old server": {"server": {**SERVER, "server_version_num": "150004"}},
    "a slow database": {"answer_ms": 700, "unknown": ("consumers",), "consumers": None},
    "few connections left": {"connections": Connections(used={"tongbao": 30, "psql": 60}, most=97, wanted=130)},
    "an open transaction": {"writer": (Writer(pid=7, application="psql", age_s=301),)},
    "an old schema": {"schema": Schema(version="2", missing=("2",), unknown=())},
    "a new schema": {"schema": Schema(version="2", missing=(), unknown=("3",))},
    "an idle slot": {"slots": (Slot(name="tongbao_backup", active=False, retained_bytes=5 * GIB),)},
    "no archive": {"archiver": Archiver(on=True, failing=True, archived_at=None, failed_at=AT, failed="0001")},
    "little room": {"disks": _disk(14)},
    "no room": {"disks": _disk(4)},
    "clocks apart": {"clocks": _clock(-800)},
    "a clock that jumped": {"clocks": _clock(60_000), "ahead_s": 60},
    "no business day": {"day": DayReach(calendar_date=TODAY, open_date=None)},
    "a late day": {"day": DayReach(calendar_date=TODAY, open_date=TODAY, unended=TODAY, unended_s=3601)},
    "a day not closed": {
        "day": DayReach(calendar_date=TODAY, open_date=TODAY, unended=TODAY, open_s=20_000, unended_s=20_000)
    },
    "a day ahead": {"day": DayReach(calendar_date=TODAY, open_date=TODAY + timedelta(3), unended=TODAY, ahead=3)},
    "an empty calendar": {"years_missing": (2026, 2027)},
    "no partition": {"partitions_missing": {"this": ("base.audit_2026_11",), "next": ("base.audit_2026_12",)}},
    "no partition ahead": {"partitions_missing": {"this": (), "next": ("base.audit_2026_12",)}},
    "some stuck": {"late": _late(2)},
    "many stuck": {"late": _late(101)},
    "a method stopped": {"switches": (Switch(scope=Scope.METHOD, key="qr", stopped=True, since=AT),)},
    "books not proved": {"proof_s": 50 * 3600},
    "a slow rail": {"rails": (_rail(RailState.SLOW),)},
    "a dead rail": {"rails": (_rail(RailState.DOWN, 5),)},
    "no worker": {"jobs": JobQueue(workers=0, seen_s=500, due_s=700, failing=())},
    "a job that fails": {"jobs": JobQueue(workers=1, seen_s=1, due_s=0, failing=("payments.end_due",))},
    "nobody reads": {"consumers": ()},
    "a slow consumer": {"consumers": _lag(301)},
    "a stuck consumer": {"consumers": _lag(901)},
    "a parked event": {"consumers": _lag(parked=1)},
    "many parked events": {"consumers": _lag(parked=100)},
    "late webhooks": {"webhooks": _webhooks(601)},
    "a canary that was read": {"canaries": CanaryWatch(planted=3, open=1)},
    "late messages": {"messages": _messages(121)},
    "a red indicator": {"risk": RiskWatch(amber=0, red=1, is_tightened=False)},
    "an amber indicator": {"risk": RiskWatch(amber=2, red=0, is_tightened=False)},
    "tightened rules": {"risk": RiskWatch(amber=0, red=0, is_tightened=True)},
    "held for long": {"held": HeldQueue(waiting=3, oldest_s=4_000, late=1)},
    "late help": {"help": _help(1)},
}
"""What can be wrong with a bank that is otherwise well."""


def _with(trouble: str) -> Vitals:
    return msgspec.structs.replace(WELL, **TROUBLES[trouble])


ON_FIGURES = [alert for alert in console.ALERTS if not alert.promql]
REQUESTS = [alert for alert in console.ALERTS if alert.promql]


def test_a_bank_that_is_well_calls_nobody() -> None:
    assert console.firing(WELL) == []
    checks = console.examine(WELL)
    assert {check.state for check in checks} == {"ok"}
    assert not any(check.advice or check.advice_zh for check in checks)


def test_every_figure_is_told_by_a_bank_in_every_trouble() -> None:
    """And none that is not described, under other labels than described, or twice."""
    told = [sample for name in TROUBLES for sample in samples(_with(name))]
    assert {sample.name for sample in told} | {"tongbao_worker_seen_seconds"} == set(FIGURES)
    assert all(tuple(sample.labels) == FIGURES[sample.name].labels for sample in told)
    for vitals in (WELL, *map(_with, TROUBLES)):
        keys = [(sample.name, *sample.labels.values()) for sample in samples(vitals)]
        assert len(keys) == len(set(keys))


def test_every_alert_has_its_trouble() -> None:
    seen = {one.alert.name for trouble in TROUBLES for one in console.firing(_with(trouble))}
    assert seen == {alert.name for alert in ON_FIGURES}


@pytest.mark.parametrize("trouble", TROUBLES)
def test_the_doctor_says_what_the_alerts_say(trouble: str) -> None:
    firing = console.firing(_with(trouble))
    assert firing, "nobody notices"
    checks = console.examine(_with(trouble))
    wrong = [check for check in checks if check.state != "ok"]
    assert any(check.state == "fail" for check in wrong) == any(one.alert.severity == "page" for one in firing)
    assert {check.runbook for check in wrong} <= {f"runbooks/{one.alert.runbook}.md" for one in firing}
    for one in firing:
        of_it = [check for check in wrong if one.alert.severity == "ticket" or check.state == "fail"]
        assert any(check.runbook == f"runbooks/{one.alert.runbook}.md" for check in of_it), one.alert.name
    assert all(check.advice and check.advice_zh and check.said and check.said_zh for check in wrong)
    assert not any("{" in check.advice or "{" in check.advice_zh for check in wrong if "calendar" not in check.name)


def test_what_is_not_known_is_no_alarm() -> None:
    unknown = msgspec.structs.replace(WELL, consumers=None, late=None, jobs=None, day=None, unknown=("consumers",))
    assert [one.alert.name for one in console.firing(unknown)] == ["TongbaoFiguresUnknown"]
    assert [check.name for check in console.examine(unknown) if check.state != "ok"] == ["figures"]


# what Prometheus makes of it


def promtool() -> str:
    """Prometheus's own checker, from the Debian package `prometheus`."""
    found = shutil.which("promtool")
    if found is None:
        assert not os.environ.get("CI"), "promtool is missing; apt-get install prometheus"
        pytest.skip("promtool is missing; apt-get install prometheus")
    return found


def _run(*words: str) -> None:
    done = subprocess.run([promtool(), *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def _series(sample: Sample) -> dict[str, str]:
    labels = ",".join(f'{label}="{value}"' for label, value in sample.labels.items())
    return {"series": f"{sample.name}{{{labels}}}", "values": f"{sample.value:f}x30"}


def _expected(alert: Alert, labels: Mapping[str, str]) -> dict[str, Any]:
    return {
        "exp_labels": {"severity": alert.severity, **labels},
        "exp_annotations": {
            "summary": alert.says.en.format(**labels),
            "summary_zh": alert.says.zh.format(**labels),
            "description": alert.do.en.format(**labels),
            "description_zh": alert.do.zh.format(**labels),
            "runbook": f"docs/operating/runbooks/{alert.runbook}.md",
        },
    }


def _case(
    name: str, series: Sequence[Mapping[str, str]], expected: Mapping[str, Sequence[Any]], step: str = "10m"
) -> dict[str, Any]:
    """Every alert of the table is asked for after twenty steps; those not in `expected` must be silent."""
    return {
        "name": name,
        "interval": step,
        "input_series": series,
        "alert_rule_test": [
            {"eval_time": _after(step), "alertname": alert.name, "exp_alerts": expected.get(alert.name, [])}
            for alert in console.ALERTS
        ],
    }


def _after(step: str) -> str:
    return f"{20 * int(step.removesuffix('m'))}m"


def _unit_tests(folder: Path, cases: list[dict[str, Any]], step: str = "10m") -> None:
    (folder / "alerts.yml").write_text(console.rules(), encoding="utf-8")
    tests = {"rule_files": ["alerts.yml"], "evaluation_interval": step, "tests": cases}
    # JSON is YAML.
    (folder / "tests.yml").write_bytes(msgspec.json.encode(tests))
    _run("test", "rules", str(folder / "tests.yml"))


def test_prometheus_understands_the_rules(tmp_path: Path) -> None:
    (tmp_path / "alerts.yml").write_text(console.rules(), encoding="utf-8")
    _run("check", "rules", "--lint-fatal", str(tmp_path / "alerts.yml"))


def test_prometheus_says_what_the_doctor_says(tmp_path: Path) -> None:
    """The figures of each trouble as `/metrics` gives them, for three hours: the same alerts, with the same labels."""
    cases = []
    for name, vitals in {"well": WELL, **{trouble: _with(trouble) for trouble in TROUBLES}}.items():
        expected: dict[str, list[Any]] = {}
        for one in console.firing(vitals):
            expected.setdefault(one.alert.name, []).append(_expected(one.alert, one.labels))
        cases.append(_case(name, [_series(sample) for sample in samples(vitals)], expected))
    _unit_tests(tmp_path, cases)


def test_an_alert_fires_beyond_its_bound_and_not_at_it(tmp_path: Path) -> None:
    up = Sample("tongbao_database_up", 1)
    cases = []
    for alert in ON_FIGURES:
        labels = {label: alert.where.get(label, "some") for label in FIGURES[alert.metric].labels}
        step = Decimal("0.01") * (1 if alert.beyond == ">" else -1)
        for value, fires in ((alert.bound + step, True), (alert.bound, False)):
            series = [_series(Sample(alert.metric, value, labels))]
            series += [] if alert.metric == up.name else [_series(up)]
            case = _case(f"{alert.name} at {value}", series, {})
            mine = [_expected(alert, {label: labels[label] for label in alert.by})] if fires else []
            asked = {"eval_time": _after("10m"), "alertname": alert.name, "exp_alerts": mine}
            cases.append({**case, "alert_rule_test": [asked]})
    _unit_tests(tmp_path, cases)


def test_one_of_two_machines_is_enough_and_one_of_two_readers_counts(tmp_path: Path) -> None:
    """Disks are each machine's own; what is read from the database is the same from everywhere, so the worst reader counts."""
    series = [
        {"series": 'tongbao_database_up{instance="a"}', "values": "1x30"},
        {"series": 'tongbao_disk_free_ratio{instance="a",disk="machine"}', "values": "0.5x30"},
        {"series": 'tongbao_disk_free_ratio{instance="b",disk="machine"}', "values": "0.01x30"},
        {"series": 'tongbao_parked_events{instance="a",consumer="c"}', "values": "1x30"},
        {"series": 'tongbao_parked_events{instance="b",consumer="c"}', "values": "1x30"},
    ]
    named = {alert.name: alert for alert in console.ALERTS}

    def expected(name: str, labels: dict[str, str], **more: str) -> list[Any]:
        said = _expected(named[name], labels)
        return [{**said, "exp_labels": {**said["exp_labels"], **more}}]

    disk = {"disk": "machine"}
    firing = {
        "TongbaoDiskFull": expected("TongbaoDiskFull", disk, instance="b"),
        "TongbaoDiskFilling": expected("TongbaoDiskFilling", disk, instance="b"),
        "TongbaoParkedEvent": expected("TongbaoParkedEvent", {"consumer": "c"}),
    }
    _unit_tests(tmp_path, [_case("two machines", series, firing)])


def _counted(name: str, a_minute: int, **labels: str) -> dict[str, str]:
    said = ",".join(f'{label}="{value}"' for label, value in labels.items())
    return {"series": f"{name}{{{said}}}", "values": f"0+{a_minute}x30"}


_ROUTE = {"route": "/v1/payments", "method": "POST"}
_UP = {"series": "tongbao_database_up", "values": "1x30"}
_GOOD = [_UP, _counted("tongbao_requests_total", 1000, **_ROUTE, status="201")]

FROM_REQUESTS: dict[str, tuple[list[dict[str, str]], dict[str, str]]] = {
    "TongbaoBankSilent": ([], {}),
    "TongbaoErrors": ([*_GOOD, _counted("tongbao_requests_total", 20, **_ROUTE, status="503")], {}),
    "TongbaoPoisonItem": ([*_GOOD, _counted("tongbao_refusals_total", 1, code="item_failed")], {"code": "item_failed"}),
    "TongbaoSlowPayments": (
        [
            *_GOOD,
            _counted("tongbao_request_seconds_bucket", 980, route="/v1/payments", le="0.32"),
            _counted("tongbao_request_seconds_bucket", 985, route="/v1/payments", le="0.64"),
            _counted("tongbao_request_seconds_bucket", 1000, route="/v1/payments", le="1.28"),
            _counted("tongbao_request_seconds_bucket", 1000, route="/v1/payments", le="+Inf"),
        ],
        {},
    ),
    "TongbaoCanaryTouched": ([*_GOOD, _counted("tongbao_canaries_touched_total", 1)], {}),
    "TongbaoAttack": ([*_GOOD, _counted("tongbao_attacks_total", 120, kind="guessing")], {"kind": "guessing"}),
    "TongbaoRuleLeftOut": ([*_GOOD, _counted("tongbao_risk_rules_fenced_total", 1, cause="slow")], {"cause": "slow"}),
    "TongbaoModelLeftOut": ([*_GOOD, _counted("tongbao_risk_models_fenced_total", 1, cause="slow")], {"cause": "slow"}),
    "TongbaoModelDrifted": ([*_GOOD, {"series": "tongbao_risk_model_drift", "values": "0.25x30"}], {}),
    "TongbaoModelMisses": ([*_GOOD, {"series": "tongbao_risk_model_caught", "values": "0.49x30"}], {}),
    "TongbaoOverloaded": (
        [
            *_GOOD,
            _counted("tongbao_requests_total", 20, **_ROUTE, status="429"),
            _counted("tongbao_refusals_total", 20, code="overloaded"),
        ],
        {},
    ),
}
"""What makes each alert on requests fire, and its labels then."""

QUIET = [
    *_GOOD,
    _counted("tongbao_requests_total", 5, **_ROUTE, status="503"),
    _counted("tongbao_requests_total", 50, **_ROUTE, status="429"),
    _counted("tongbao_refusals_total", 5, code="overloaded"),
    _counted("tongbao_refusals_total", 45, code="rate_limited"),
    _counted("tongbao_refusals_total", 0, code="item_failed"),
    _counted("tongbao_canaries_touched_total", 0),
    _counted("tongbao_attacks_total", 50, kind="guessing"),
    _counted("tongbao_risk_rules_fenced_total", 0, cause="slow"),
    _counted("tongbao_risk_models_fenced_total", 0, cause="slow"),
    {"series": "tongbao_risk_model_drift", "values": "0.24x30"},
    {"series": "tongbao_risk_model_caught", "values": "0.5x30"},
    _counted("tongbao_request_seconds_bucket", 995, route="/v1/payments", le="0.32"),
    _counted("tongbao_request_seconds_bucket", 1000, route="/v1/payments", le="0.64"),
    _counted("tongbao_request_seconds_bucket", 1000, route="/v1/payments", le="+Inf"),
]


def test_alerts_on_requests(tmp_path: Path) -> None:
    assert set(FROM_REQUESTS) == {alert.name for alert in REQUESTS}
    cases = [_case("quiet", QUIET, {}, "1m")]
    for alert in REQUESTS:
        series, labels = FROM_REQUESTS[alert.name]
        cases.append(_case(alert.name, series, {alert.name: [_expected(alert, labels)]}, "1m"))
    _unit_tests(tmp_path, cases, "1m")
