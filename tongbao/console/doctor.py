"""What stands in the way of a good night, and what to do about it: the vitals, judged by the table of alerts.

`tongbao doctor`, the staff page and `GET /v1/checks` show these checks. A check fails where an alert that wakes somebody
holds, and warns where one holds that can wait; so they say what Prometheus says.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Final

from tongbao.console.alerts import RUNBOOKS, SAID, Firing, firing
from tongbao.console.model import Check, Vitals, Words

_GIB: Final = 1 << 30
_NONE: Final = Words("none", "无")
_RAIL_STATES: Final = {
    "up": Words("up", "正常"),
    "slow": Words("slow", "缓慢"),
    "down": Words("down", "中断"),
    "unused": Words("not used for an hour", "一小时内未使用"),
}


def examine(vitals: Vitals) -> list[Check]:
    """Every check in turn; those that need the database only where it answers."""
    look = _Look(vitals)
    for check in _CHECKS:
        check(look)
    return look.ended()


def settings_are_wrong(said: str) -> Check:
    """Of a bank whose settings could not be read; nothing else can be looked at."""
    return Check(
        name="settings",
        name_zh="设置",
        state="fail",
        said=said,
        said_zh=said,
        advice="Correct the environment.",
        advice_zh="请更正环境变量。",
        runbook="settings.md",
    )


def state_of(found: list[Check]) -> str:
    """The worst of them."""
    states = {check.state for check in found}
    return "fail" if "fail" in states else "warn" if "warn" in states else "ok"


class _Look:
    """Collects checks and remembers which alerts they have told of, so that none is lost."""

    def __init__(self, vitals: Vitals) -> None:
        self.vitals = vitals
        self._firing = firing(vitals)
        self._told: list[Firing] = []
        self._found: list[Check] = []

    def add(self, name: Words, said: Words, page: str, *metrics: str, where: Mapping[str, str] | None = None) -> None:
        """A check about figures; `page` is what to read where nothing is wrong with them."""
        mine = [
            one for one in self._firing if one.alert.metric in metrics and (where or {}).items() <= one.labels.items()
        ]
        self._told += mine
        self._found.append(_check(name, said, page, mine))

    def ended(self) -> list[Check]:
        """With a check for each alert that no other check has told of."""
        for one in self._firing:
            if one not in self._told:
                self._found.append(_check(Words(one.alert.name, one.alert.name), one.says, "", [one]))
        return self._found


def _check(name: Words, said: Words, page: str, holds: list[Firing]) -> Check:
    # The table names the worse alert of a figure first, and what is to be done is the same.
    worst = holds[0] if holds else None
    advice = [Words(f"{one.says.en} {one.do.en}", one.says.zh + one.do.zh) for one in holds]
    return Check(
        name=name.en,
        name_zh=name.zh,
        state="ok" if worst is None else "fail" if worst.alert.severity == "page" else "warn",
        said=said.en,
        said_zh=said.zh,
        advice=advice[0].en if advice else "",
        advice_zh=advice[0].zh if advice else "",
        runbook=page if worst is None else f"{RUNBOOKS}/{worst.alert.runbook}.md",
    )


def _same(said: str) -> Words:
    return Words(said, said)


def _list(values: Iterator[str]) -> Words:
    said = list(values)
    return Words(", ".join(said), "、".join(said)) if said else _NONE


# the checks, in the order in which they are shown


def _settings(look: _Look) -> None:
    env = look.vitals.env
    look.add(Words("settings", "设置"), Words(f"environment {env}", f"环境 {env}"), "settings.md")
    if look.vitals.draining:
        said = Words("this process is about to end", "本进程即将结束")
        look.add(Words("process", "进程"), said, "upgrade.md")


def _disks(look: _Look) -> None:
    for disk in look.vitals.disks:
        free = f"{disk.free_bytes * 10 // _GIB // 10}.{disk.free_bytes * 10 // _GIB % 10} GiB"
        share = f"{disk.free_bytes * 100 // max(1, disk.total_bytes)} %"
        said = Words(f"{free} free at {disk.path}, {share}", f"{disk.path} 可用 {free}（{share}）")
        name = "disk" if len(look.vitals.disks) == 1 else f"disk {disk.name}"
        zh = "磁盘" if len(look.vitals.disks) == 1 else f"磁盘（{SAID.get(disk.name, disk.name)}）"
        look.add(Words(name, zh), said, "sizing.md", "tongbao_disk_free_ratio", where={"disk": disk.name})


def _database(look: _Look) -> None:
    name, server = Words("database", "数据库"), look.vitals.server
    if server is None:
        trouble = look.vitals.trouble or "not asked"
        look.add(name, _same(trouble), "postgresql.md", "tongbao_database_up")
        return
    version, took = server["server_version"], look.vitals.answer_ms
    said = Words(f"PostgreSQL {version}, answers in {took} ms", f"PostgreSQL {version}，{took} 毫秒响应")
    look.add(name, said, "postgresql.md", "tongbao_database_up", "tongbao_database_answer_seconds")
    for setting, value in sorted(server.items()):
        where = {"setting": setting}
        metrics = ("tongbao_settings_unsafe", "tongbao_settings_unwise")
        if any(one.alert.metric in metrics and one.labels == where for one in firing(look.vitals)):
            look.add(_same(setting), _same(f"{setting} = {value}"), "postgresql.md", *metrics, where=where)
    if look.vitals.unknown:
        said = Words(f"not told: {', '.join(look.vitals.unknown)}", f"未返回：{'、'.join(look.vitals.unknown)}")
        look.add(Words("figures", "指标"), said, "figures.md", "tongbao_figures_unknown")


def _connections(look: _Look) -> None:
    if (found := look.vitals.connections) is None:
        return
    used = sum(found.used.values())
    said = Words(
        f"{used} of {found.most} in use; this machine may ask for {found.wanted}",
        f"已用 {used} 个，上限 {found.most} 个；本机最多需要 {found.wanted} 个",
    )
    metrics = ("tongbao_connections_free_ratio", "tongbao_connections_lacking")
    look.add(Words("connections", "连接"), said, "sizing.md", *metrics)


def _transactions(look: _Look) -> None:
    if look.vitals.writer is None:
        return
    said = Words("none stays open", "无长时间未结束的事务")
    for one in look.vitals.writer:
        whose = f"{one.application} ({one.pid})" if one.pid else one.application
        said = Words(f"the oldest is {one.age_s} s old: {whose}", f"最早的已持续 {one.age_s} 秒：{whose}")
    look.add(Words("transactions", "事务"), said, "postgresql.md", "tongbao_oldest_writer_seconds")


def _clocks(look: _Look) -> None:
    """Two machines that disagree about the time give postings and events an order that never was."""
    if look.vitals.clocks is None:
        return
    apart, ahead_s = abs(look.vitals.clocks.ahead_ms), look.vitals.ahead_s or 0
    said = Words(f"{apart} ms between this machine and the database", f"本机与数据库相差 {apart} 毫秒")
    if ahead_s:
        said = Words(
            f"{said.en}; the newest payment is {ahead_s} s ahead", f"{said.zh}；最新付款的时间超前 {ahead_s} 秒"
        )
    metrics = ("tongbao_clock_offset_seconds", "tongbao_newest_payment_ahead_seconds")
    look.add(Words("clocks", "时钟"), said, "postgresql.md", *metrics)


def _migrations(look: _Look) -> None:
    if (found := look.vitals.schema) is None:
        return
    missing, unknown = _list(iter(found.missing)), _list(iter(found.unknown))
    if found.missing:
        said = Words(f"missing: {missing.en}", f"缺少：{missing.zh}")
    elif found.unknown:
        said = Words(f"the database is newer than this version: {unknown.en}", f"数据库比本版本新：{unknown.zh}")
    else:
        said = Words(f"at {found.version}", f"版本 {found.version}")
    metrics = ("tongbao_migrations_missing", "tongbao_migrations_unknown")
    look.add(Words("migrations", "迁移"), said, "upgrade.md", *metrics)


def _business_day(look: _Look) -> None:
    if (found := look.vitals.day) is None:
        return
    if found.open_date is None:
        said = Words("the bank has no business day yet", "银行尚无营业日")
    else:
        said = Words(
            f"{found.open_date} is open, settled before {found.unended}; today is {found.calendar_date}",
            f"{found.open_date} 为当前营业日，{found.unended} 之前均已结算；今天是 {found.calendar_date}",
        )
    metrics = ("business_day_missing", "open_day_age_seconds", "unended_day_age_seconds", "open_day_ahead_days")
    look.add(Words("business day", "营业日"), said, "day.md", *(f"tongbao_{name}" for name in metrics))


def _calendar(look: _Look) -> None:
    if (found := look.vitals.years_missing) is None:
        return
    years = _list(str(year) for year in found)
    said = Words("holidays are known as far as is needed", "节假日已齐备")
    if found:
        said = Words(f"no holidays are known for {years.en}", f"缺少 {years.zh} 年的节假日")
    look.add(Words("calendar", "营业日历"), said, "day.md", "tongbao_calendar_years_missing")


def _partitions(look: _Look) -> None:
    """Postings of a month without a partition are refused."""
    if not (found := look.vitals.partitions_missing):
        return
    missing = _list(name for names in found.values() for name in names)
    said = Words("made through next month", "已建至下月")
    if any(found.values()):
        said = Words(f"missing: {missing.en}", f"缺少：{missing.zh}")
    look.add(Words("partitions", "分区"), said, "sizing.md", "tongbao_partitions_missing")


def _outbox(look: _Look) -> None:
    if (found := look.vitals.consumers) is None:
        return
    if not found:
        said = Words("no consumer has ever read an event", "尚无消费者读取过事件")
        look.add(Words("outbox", "发件箱"), said, "events.md", "tongbao_outbox_consumers")
    for one in found:
        said = Words(
            f"{one.unread} events unread, the oldest for {one.oldest_s} s",
            f"{one.unread} 条事件未读，最早的已等 {one.oldest_s} 秒",
        )
        name, where = Words(f"outbox {one.name}", f"发件箱 {one.name}"), {"consumer": one.name}
        look.add(name, said, "events.md", "tongbao_outbox_oldest_seconds", where=where)
    many = sum(one.parked for one in found)
    look.add(Words("parked events", "暂停事件"), _same(str(many)), "events.md", "tongbao_parked_events")


def _late(look: _Look) -> None:
    if (found := look.vitals.late) is None:
        return
    said = _NONE
    if found:
        first = min(one.oldest_due_at for one in found)
        said = Words(
            f"{', '.join(f'{one.many} wait for {one.waits_for}' for one in found)}; the oldest was due at {first:%F %T}",
            f"{'、'.join(f'{one.many} 笔等待{SAID.get(one.waits_for, one.waits_for)}' for one in found)}；"
            f"最早应于 {first:%F %T}（UTC）结束",
        )
    look.add(Words("stuck payments", "滞留付款"), said, "events.md", "tongbao_stuck_payments")


def _webhooks(look: _Look) -> None:
    if (found := look.vitals.webhooks) is None:
        return
    failing, off = found.failing_endpoints, found.disabled_endpoints
    said = Words(
        f"{found.due} due; of the endpoints {failing} fail and {off} are switched off",
        f"{found.due} 条待发送；{failing} 个接收地址失败，{off} 个已停用",
    )
    look.add(Words("webhooks", "事件通知"), said, "events.md", "tongbao_webhooks_oldest_due_seconds")


def _messages(look: _Look) -> None:
    if (found := look.vitals.messages) is None:
        return
    said = Words(
        f"{found.waiting} wait for the gateway; {found.failed} failed within an hour",
        f"{found.waiting} 条等待发送；一小时内 {found.failed} 条失败",
    )
    if not found.has_gateway:
        said = Words(f"no gateway is named (TONGBAO_SMS); {said.en}", f"未设置短信网关（TONGBAO_SMS）；{said.zh}")
    look.add(Words("messages", "短信"), said, "runbooks/messages-late.md", "tongbao_messages_oldest_waiting_seconds")


def _help(look: _Look) -> None:
    if (found := look.vitals.help) is None:
        return
    said = Words(
        f"{found.waiting} wait for the bank, {found.late} of them longer than was promised",
        f"{found.waiting} 项待银行答复，其中 {found.late} 项已超过承诺时限",
    )
    look.add(Words("help requests", "客户服务请求"), said, "runbooks/help-late.md", "tongbao_help_late")


def _jobs(look: _Look) -> None:
    if (found := look.vitals.jobs) is None:
        return
    seen = Words("none has signed on", "均未登记") if found.seen_s is None else Words(
        f"seen {found.seen_s} s ago", f"{found.seen_s} 秒前有响应"
    )  # fmt: skip
    said = Words(f"{found.workers} at work; {seen.en}", f"{found.workers} 个在运行；{seen.zh}")
    look.add(Words("workers", "后台工作进程"), said, "sizing.md", "tongbao_workers")
    failing = _list(iter(found.failing))
    said = Words(f"waiting for {found.due_s} s", f"最早的已等 {found.due_s} 秒")
    if found.failing:
        said = Words(f"failing: {failing.en}", f"失败：{failing.zh}")
    look.add(Words("jobs", "任务"), said, "events.md", "tongbao_jobs_oldest_due_seconds", "tongbao_jobs_failing")


def _switches(look: _Look) -> None:
    if (found := look.vitals.switches) is None:
        return
    stopped = _list(f"{switch.scope} {switch.key}" for switch in found)
    said = _NONE if not found else Words(f"stopped: {stopped.en}", f"已暂停：{stopped.zh}")
    look.add(Words("kill switches", "付款开关"), said, "events.md", "tongbao_switches_stopped")


def _rails(look: _Look) -> None:
    for rail in look.vitals.rails or ():
        en, zh = _RAIL_STATES[rail.state]
        said = Words(f"{en}; {rail.waiting} payments wait", f"{zh}；{rail.waiting} 笔付款在等待")
        name, where = Words(f"rail {rail.name}", f"通道 {rail.name}"), {"rail": rail.name}
        look.add(name, said, "runbooks/dead-rail.md", "tongbao_rail_up", "tongbao_rail_slow", where=where)


def _wal(look: _Look) -> None:
    for slot in look.vitals.slots or ():
        kept = f"{slot.retained_bytes >> 20} MiB"
        said = Words(
            f"{kept} kept, {'in use' if slot.active else 'nobody is connected'}",
            f"保留 {kept}，{'使用中' if slot.active else '无连接'}",
        )
        name, where = Words(f"slot {slot.name}", f"复制槽 {slot.name}"), {"slot": slot.name}
        look.add(name, said, "standby.md", "tongbao_slot_active", "tongbao_slot_retained_bytes", where=where)
    if (found := look.vitals.archiver) is None:
        return
    if not found.on:
        said = Words("off", "未开启")
    elif found.failing:
        said = Words(f"fails at {found.failed}", f"在 {found.failed} 处失败")
    else:
        when = f"{found.archived_at:%F %T}" if found.archived_at else "-"
        said = Words(f"newest at {when}", f"最近归档于 {when}（UTC）")
    look.add(Words("WAL archive", "WAL 归档"), said, "backup.md", "tongbao_archive_failing")


def _proof(look: _Look) -> None:
    if look.vitals.server is None or "proof_s" in look.vitals.unknown:
        return
    hours = None if look.vitals.proof_s is None else look.vitals.proof_s // 3600
    said = Words("the books were never proved", "账务从未核验") if hours is None else Words(
        f"the books were proved {hours} h ago", f"账务于 {hours} 小时前核验"
    )  # fmt: skip
    look.add(Words("proof", "账务核验"), said, "figures.md", "tongbao_proof_age_seconds")


def _canaries(look: _Look) -> None:
    if (found := look.vitals.canaries) is None:
        return
    said = Words(
        f"{found.planted} in the vault; {found.open} readings to be accounted for",
        f"保险库中有 {found.planted} 条；{found.open} 次读取待查明",
    )
    look.add(Words("canaries", "诱饵记录"), said, "keyring.md", "tongbao_canary_readings_open")


def _risk(look: _Look) -> None:
    if (found := look.vitals.risk) is None:
        return
    said = Words(
        f"indicators: {found.red} red, {found.amber} amber; rules {'tightened' if found.is_tightened else 'as usual'}",
        f"指标：红色 {found.red} 项，黄色 {found.amber} 项；规则{'已收紧' if found.is_tightened else '常规'}",
    )
    look.add(Words("risk", "风险"), said, "figures.md", "tongbao_risk_indicators_beyond", "tongbao_risk_tightened")


def _held(look: _Look) -> None:
    if (found := look.vitals.held) is None:
        return
    said = Words(
        f"{found.waiting} wait for a person, {found.late} past half of their time",
        f"{found.waiting} 笔待审核，其中 {found.late} 笔等待已过半",
    )
    look.add(Words("held payments", "待审核付款"), said, "figures.md", "tongbao_payments_held_late")


_CHECKS: Final[tuple[Callable[[_Look], None], ...]] = (
    _settings,
    _disks,
    _database,
    _connections,
    _transactions,
    _clocks,
    _migrations,
    _business_day,
    _calendar,
    _partitions,
    _outbox,
    _late,
    _webhooks,
    _messages,
    _help,
    _jobs,
    _switches,
    _rails,
    _wal,
    _proof,
    _canaries,
    _risk,
    _held,
)
