"""The table of alerts; what each word means stands at `model.Alert`. The order is that in which doctor and page look."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from tongbao.console.model import Alert, Words

_GIB: Final = 1 << 30
_HOUR_S: Final = 3600

_DATABASE: Final = (
    Alert(
        name="TongbaoDatabaseGone",
        severity="page",
        runbook="database-gone",
        for_s=30,
        metric="tongbao_database_up",
        each_machine=True,
        over="min",
        beyond="<",
        bound=Decimal(1),
        says=Words("The database does not answer: no payment goes through.", "数据库无响应，所有付款均无法处理。"),
        do=Words("Start the database, or correct TONGBAO_DATABASE_URL.", "请启动数据库，或更正 TONGBAO_DATABASE_URL。"),
    ),
    Alert(
        name="TongbaoSettingUnsafe",
        severity="page",
        runbook="unsafe-database",
        for_s=0,
        metric="tongbao_settings_unsafe",
        by=("setting",),
        says=Words(
            "The {setting} of the database is so that money can be lost.", "数据库参数 {setting} 可能造成资金记录丢失。"
        ),
        do=Words("Correct it in the settings of the database.", "请更正该数据库参数。"),
    ),
    Alert(
        name="TongbaoSettingUnwise",
        severity="ticket",
        runbook="unsafe-database",
        for_s=0,
        metric="tongbao_settings_unwise",
        by=("setting",),
        says=Words("The database's {setting} is not as advised.", "数据库参数 {setting} 与建议不符。"),
        do=Words("Plan a window to correct {setting}.", "请安排时间更正 {setting}。"),
    ),
    Alert(
        name="TongbaoDatabaseSlow",
        severity="ticket",
        runbook="slow-payments",
        for_s=300,
        metric="tongbao_database_answer_seconds",
        bound=Decimal("0.5"),
        says=Words("The database takes long to answer the simplest question.", "数据库响应最简单的查询也很慢。"),
        do=Words("Look at the load of the database server.", "请查看数据库服务器的负载。"),
    ),
    Alert(
        name="TongbaoFiguresUnknown",
        severity="ticket",
        runbook="slow-payments",
        for_s=300,
        metric="tongbao_figures_unknown",
        says=Words("The database does not give some figures in time.", "数据库未能及时返回部分指标。"),
        do=Words(
            "Look at the load and at the rights of the bank's role.", "请查看数据库负载以及本行数据库角色的权限。"
        ),
    ),
    Alert(
        name="TongbaoConnectionsScarce",
        severity="ticket",
        runbook="connections-scarce",
        for_s=120,
        metric="tongbao_connections_free_ratio",
        over="min",
        beyond="<",
        bound=Decimal("0.1"),
        says=Words("Hardly any connection of the database is free.", "数据库连接即将用尽。"),
        do=Words(
            "End what does not belong there, or raise max_connections.", "请断开无关的连接，或调高 max_connections。"
        ),
    ),
    Alert(
        name="TongbaoConnectionsLacking",
        severity="ticket",
        runbook="connections-scarce",
        for_s=0,
        metric="tongbao_connections_lacking",
        says=Words("This machine may ask for more connections than there are.", "本机可能需要的连接数超过数据库上限。"),
        do=Words(
            "Raise max_connections, or lower TONGBAO_POOL_SIZE.", "请调高 max_connections，或调低 TONGBAO_POOL_SIZE。"
        ),
    ),
    Alert(
        name="TongbaoTransactionLeftOpen",
        severity="ticket",
        runbook="open-transaction",
        for_s=0,
        metric="tongbao_oldest_writer_seconds",
        bound=Decimal(300),
        says=Words(
            "Somebody left a transaction open: events and the close of the day wait for it.",
            "有事务长时间未结束，事件分发和日终都在等待它。",
        ),
        do=Words("Find out whose it is and end it.", "请查明归属并结束该事务。"),
    ),
    Alert(
        name="TongbaoSchemaBehind",
        severity="page",
        runbook="schema-behind",
        for_s=60,
        metric="tongbao_migrations_missing",
        says=Words("The database lacks migrations of this version.", "数据库缺少本版本所需的迁移。"),
        do=Words("Run `tongbao migrate`.", "请运行 `tongbao migrate`。"),
    ),
    Alert(
        name="TongbaoSchemaAhead",
        severity="ticket",
        runbook="schema-behind",
        for_s=_HOUR_S,
        metric="tongbao_migrations_unknown",
        says=Words("The database is newer than this version.", "数据库版本比当前程序新。"),
        do=Words("Finish the upgrade of every machine.", "请完成所有机器的升级。"),
    ),
    Alert(
        name="TongbaoSlotIdle",
        severity="ticket",
        runbook="replication-slot",
        for_s=300,
        metric="tongbao_slot_active",
        by=("slot",),
        beyond="<",
        bound=Decimal(1),
        says=Words(
            "Nobody receives WAL over the slot {slot}: a backup or a standby has stopped.",
            "复制槽 {slot} 无人接收 WAL 日志：备份或备库已停止。",
        ),
        do=Words("Start its receiver again.", "请重新启动其接收端。"),
    ),
    Alert(
        name="TongbaoSlotHoldsWal",
        severity="ticket",
        runbook="replication-slot",
        for_s=300,
        metric="tongbao_slot_retained_bytes",
        by=("slot",),
        bound=Decimal(4 * _GIB),
        says=Words(
            "WAL is piling up for the replication slot {slot}; in the end it fills the disk.",
            "复制槽 {slot} 积压 WAL 日志，最终会占满磁盘。",
        ),
        do=Words("Bring the standby back, or drop the slot.", "请恢复备库，或删除该复制槽。"),
    ),
    Alert(
        name="TongbaoArchiveFails",
        severity="ticket",
        runbook="archive-fails",
        for_s=900,
        metric="tongbao_archive_failing",
        says=Words(
            "WAL is not archived: the bank could not be restored to this moment, and the disk fills.",
            "WAL 归档失败：无法恢复到当前时刻，磁盘也会被占满。",
        ),
        do=Words("Make room or access in the archive.", "请检查归档空间与访问权限。"),
    ),
)

_MACHINE: Final = (
    Alert(
        name="TongbaoDiskFull",
        severity="page",
        runbook="full-disk",
        for_s=60,
        metric="tongbao_disk_free_ratio",
        each_machine=True,
        over="min",
        by=("disk",),
        beyond="<",
        bound=Decimal("0.05"),
        says=Words(
            "The {disk} disk is nearly full: then every payment stops.",
            "磁盘（{disk}）即将写满，写满后所有付款都会停止。",
        ),
        do=Words("Make room now.", "请立即腾出空间。"),
    ),
    Alert(
        name="TongbaoDiskFilling",
        severity="ticket",
        runbook="full-disk",
        for_s=300,
        metric="tongbao_disk_free_ratio",
        each_machine=True,
        over="min",
        by=("disk",),
        beyond="<",
        bound=Decimal("0.15"),
        says=Words("The {disk} disk is filling up.", "磁盘（{disk}）空间不足。"),
        do=Words("Make room, or a larger disk.", "请腾出空间或扩容。"),
    ),
    Alert(
        name="TongbaoClockJump",
        severity="page",
        runbook="clock-jump",
        for_s=30,
        metric="tongbao_clock_offset_seconds",
        each_machine=True,
        bound=Decimal(5),
        says=Words(
            "This machine and the database disagree about the time by seconds.", "本机与数据库的时间相差数秒以上。"
        ),
        do=Words("Stop the worker, then set the clocks by NTP.", "请先停止后台工作进程，再用 NTP 校准时钟。"),
    ),
    Alert(
        name="TongbaoClockAhead",
        severity="page",
        runbook="clock-jump",
        for_s=30,
        metric="tongbao_newest_payment_ahead_seconds",
        bound=Decimal(5),
        says=Words(
            "There are payments from the future: a clock ran ahead, or this one went back.",
            "存在时间晚于当前的付款：有时钟走快，或本机时钟回拨。",
        ),
        do=Words("Stop the worker, then set the clocks by NTP.", "请先停止后台工作进程，再用 NTP 校准时钟。"),
    ),
    Alert(
        name="TongbaoClockApart",
        severity="ticket",
        runbook="clock-jump",
        for_s=120,
        metric="tongbao_clock_offset_seconds",
        each_machine=True,
        bound=Decimal("0.5"),
        says=Words("This machine and the database disagree about the time.", "本机与数据库的时间不一致。"),
        do=Words("Let NTP keep both machines.", "请用 NTP 校准两台机器的时钟。"),
    ),
)

_BOOKS: Final = (
    Alert(
        name="TongbaoNoBusinessDay",
        severity="page",
        runbook="schema-behind",
        for_s=60,
        metric="tongbao_business_day_missing",
        says=Words("The bank has no business day: it books nothing.", "银行尚无营业日，无法记账。"),
        do=Words("Run `tongbao migrate`.", "请运行 `tongbao migrate`。"),
    ),
    Alert(
        name="TongbaoDayNotClosed",
        severity="page",
        runbook="day-not-closed",
        for_s=60,
        metric="tongbao_open_day_age_seconds",
        bound=Decimal(3 * _HOUR_S),
        says=Words("The business day should have been closed hours ago.", "营业日早该关闭，至今仍未关闭。"),
        do=Words("Run `tongbao eod`; it says what stands in the way.", "请运行 `tongbao eod`，它会说明原因。"),
    ),
    Alert(
        name="TongbaoDayNotSettled",
        severity="page",
        runbook="day-not-closed",
        for_s=60,
        metric="tongbao_unended_day_age_seconds",
        bound=Decimal(3 * _HOUR_S),
        says=Words(
            "A day that is over is not cleared and settled: merchants wait for their money.",
            "已过的营业日尚未完成清算和结算，商户款项未到账。",
        ),
        do=Words("Run `tongbao eod`; it says what stands in the way.", "请运行 `tongbao eod`，它会说明原因。"),
    ),
    Alert(
        name="TongbaoDayLate",
        severity="ticket",
        runbook="day-not-closed",
        for_s=60,
        metric="tongbao_unended_day_age_seconds",
        bound=Decimal(_HOUR_S),
        says=Words("The end of the day is an hour late.", "日终已延迟一小时以上。"),
        do=Words("Run `tongbao eod`; it says what stands in the way.", "请运行 `tongbao eod`，它会说明原因。"),
    ),
    Alert(
        name="TongbaoDayAhead",
        severity="ticket",
        runbook="clock-jump",
        for_s=60,
        metric="tongbao_open_day_ahead_days",
        bound=Decimal(1),
        says=Words(
            "Days were closed that are not over; postings carry a later date.",
            "尚未结束的日子已被关闭，分录会记在之后的日期。",
        ),
        do=Words("Find out whether a clock ran ahead or somebody closed them.", "请查明是时钟走快还是有人提前关闭。"),
    ),
    Alert(
        name="TongbaoCalendarRunsOut",
        severity="ticket",
        runbook="calendar-runs-out",
        for_s=_HOUR_S,
        metric="tongbao_calendar_years_missing",
        says=Words("No holidays are known for a year that is near.", "营业日历缺少临近年份的节假日。"),
        do=Words(
            "Run `tongbao migrate`, or enter them: PUT /v1/calendar/{{day}}.",
            "请运行 `tongbao migrate`，或录入节假日：PUT /v1/calendar/{{day}}。",
        ),
    ),
    Alert(
        name="TongbaoPartitionMissing",
        severity="page",
        runbook="partition-missing",
        for_s=60,
        metric="tongbao_partitions_missing",
        where={"month": "this"},
        says=Words(
            "A table has no partition for this month: what belongs in it is refused.",
            "有数据表缺少本月分区，相关记录无法写入。",
        ),
        do=Words("Run `tongbao migrate`, which makes it.", "请运行 `tongbao migrate` 补建分区。"),
    ),
    Alert(
        name="TongbaoPartitionsRunOut",
        severity="ticket",
        runbook="partition-missing",
        for_s=2 * _HOUR_S,
        metric="tongbao_partitions_missing",
        where={"month": "next"},
        says=Words("A table has no partition for next month.", "有数据表缺少下月分区。"),
        do=Words("Run `tongbao work`, which makes them ahead.", "请运行 `tongbao work`，它会提前建好分区。"),
    ),
    Alert(
        name="TongbaoStuckPayments",
        severity="page",
        runbook="stuck-payment",
        for_s=120,
        metric="tongbao_stuck_payments",
        by=("waits_for",),
        bound=Decimal(100),
        says=Words(
            "Many payments that wait for {waits_for} are past their time.", "大量付款（等待 {waits_for}）已超过时限。"
        ),
        do=Words(
            "Is `tongbao work` running? GET /v1/waiting-payments?overdue_only=true lists them.",
            "请确认 `tongbao work` 在运行；清单见 GET /v1/waiting-payments?overdue_only=true。",
        ),
    ),
    Alert(
        name="TongbaoStuckPayment",
        severity="ticket",
        runbook="stuck-payment",
        for_s=120,
        metric="tongbao_stuck_payments",
        by=("waits_for",),
        says=Words("Payments that wait for {waits_for} are past their time.", "有付款（等待 {waits_for}）已超过时限。"),
        do=Words(
            "Is `tongbao work` running? GET /v1/waiting-payments?overdue_only=true lists them.",
            "请确认 `tongbao work` 在运行；清单见 GET /v1/waiting-payments?overdue_only=true。",
        ),
    ),
    Alert(
        name="TongbaoPaymentsStopped",
        severity="ticket",
        runbook="payments-stopped",
        for_s=0,
        metric="tongbao_switches_stopped",
        by=("scope",),
        says=Words("Somebody has stopped payments by {scope}.", "有人已暂停部分付款（范围：{scope}）。"),
        do=Words("See who and why; resume when the reason is gone.", "请查看操作人和原因，原因消除后恢复。"),
    ),
    Alert(
        name="TongbaoBooksNotProved",
        severity="ticket",
        runbook="books-not-proved",
        for_s=0,
        metric="tongbao_proof_age_seconds",
        bound=Decimal(48 * _HOUR_S),
        says=Words("The books have not been proved for two days.", "账务已两天未做核验。"),
        do=Words("Run `tongbao prove`.", "请运行 `tongbao prove`。"),
    ),
    Alert(
        name="TongbaoCanaryRead",
        severity="page",
        runbook="canary-read",
        for_s=0,
        metric="tongbao_canary_readings_open",
        says=Words(
            "Somebody has read a made-up person whom nobody has reason to read: personal data may be leaving the bank.",
            "有人读取了诱饵记录，而任何人都没有理由读取：个人信息可能正在外泄。",
        ),
        do=Words(
            "`tongbao vault canary list` says who; block that key or person at once.",
            "`tongbao vault canary list` 显示读取者；请立即停用该密钥或人员。",
        ),
    ),
)

_RAILS: Final = (
    Alert(
        name="TongbaoRailDead",
        severity="page",
        runbook="dead-rail",
        for_s=60,
        metric="tongbao_rail_up",
        over="min",
        by=("rail",),
        beyond="<",
        bound=Decimal(1),
        says=Words(
            "The rail {rail} does not answer: top-ups over it wait, and new ones are refused.",
            "通道 {rail} 无响应：经该通道的充值在等待，新的充值会被拒绝。",
        ),
        do=Words("Ask the other bank; the bank tries again by itself.", "请联系对方银行；系统会自动重试。"),
    ),
    Alert(
        name="TongbaoRailSlow",
        severity="ticket",
        runbook="dead-rail",
        for_s=300,
        metric="tongbao_rail_slow",
        by=("rail",),
        says=Words("The rail {rail} answers late or not always.", "通道 {rail} 响应缓慢或不稳定。"),
        do=Words("Watch GET /v1/rails; ask the other bank.", "请关注 GET /v1/rails，并联系对方银行。"),
    ),
)

_WORKER: Final = (
    Alert(
        name="TongbaoWorkerGone",
        severity="page",
        runbook="worker-gone",
        for_s=60,
        metric="tongbao_workers",
        over="max",
        beyond="<",
        bound=Decimal(1),
        says=Words(
            "No worker runs: events, webhooks, expiry and the end of the day wait.",
            "没有后台工作进程在运行，事件、通知、过期处理和日终都在等待。",
        ),
        do=Words("Run `tongbao work` beside `tongbao serve`.", "请在 `tongbao serve` 之外运行 `tongbao work`。"),
    ),
    Alert(
        name="TongbaoJobsWait",
        severity="ticket",
        runbook="worker-gone",
        for_s=60,
        metric="tongbao_jobs_oldest_due_seconds",
        bound=Decimal(600),
        says=Words("A job that is due has not been started for ten minutes.", "有到期任务十分钟仍未开始。"),
        do=Words("Is `tongbao work` running, and does it keep up?", "请确认 `tongbao work` 在运行且没有积压。"),
    ),
    Alert(
        name="TongbaoJobFails",
        severity="ticket",
        runbook="job-fails",
        for_s=300,
        metric="tongbao_jobs_failing",
        by=("job",),
        says=Words("The job {job} fails again and again.", "任务 {job} 反复失败。"),
        do=Words("The worker's log says why: `job_failed`.", "原因见后台工作进程日志中的 `job_failed`。"),
    ),
    Alert(
        name="TongbaoNobodyReads",
        severity="ticket",
        runbook="worker-gone",
        for_s=300,
        metric="tongbao_outbox_consumers",
        beyond="<",
        bound=Decimal(1),
        says=Words("No consumer has ever read an event.", "尚无任何消费者读取过事件。"),
        do=Words("Run `tongbao work` beside `tongbao serve`.", "请在 `tongbao serve` 之外运行 `tongbao work`。"),
    ),
    Alert(
        name="TongbaoOutboxStuck",
        severity="page",
        runbook="stuck-outbox",
        for_s=60,
        metric="tongbao_outbox_oldest_seconds",
        by=("consumer",),
        bound=Decimal(900),
        says=Words(
            "{consumer} has not read its events for a quarter of an hour.", "{consumer} 已有一刻钟未读取发件箱事件。"
        ),
        do=Words(
            "Is `tongbao work` running? Its log names the consumer that stumbles.",
            "请确认 `tongbao work` 在运行；其日志会指出出错的消费者。",
        ),
    ),
    Alert(
        name="TongbaoOutboxLags",
        severity="ticket",
        runbook="stuck-outbox",
        for_s=60,
        metric="tongbao_outbox_oldest_seconds",
        by=("consumer",),
        bound=Decimal(300),
        says=Words("{consumer} is minutes behind with its events.", "{consumer} 的事件处理已落后数分钟。"),
        do=Words(
            "Is `tongbao work` running? Its log names the consumer that stumbles.",
            "请确认 `tongbao work` 在运行；其日志会指出出错的消费者。",
        ),
    ),
    Alert(
        name="TongbaoParkedEvents",
        severity="page",
        runbook="parked-event",
        for_s=60,
        metric="tongbao_parked_events",
        by=("consumer",),
        bound=Decimal(99),
        says=Words("{consumer} has parked a hundred events or more.", "{consumer} 的暂停事件已达一百条以上。"),
        do=Words(
            "`tongbao dead list` shows why; `tongbao dead resend --all` once it is mended.",
            "`tongbao dead list` 显示原因；排除后运行 `tongbao dead resend --all`。",
        ),
    ),
    Alert(
        name="TongbaoParkedEvent",
        severity="ticket",
        runbook="parked-event",
        for_s=0,
        metric="tongbao_parked_events",
        by=("consumer",),
        says=Words("{consumer} could not take an event and has parked it.", "{consumer} 有无法处理的事件，已暂停。"),
        do=Words(
            "`tongbao dead list` shows why; `tongbao dead resend --all` once it is mended.",
            "`tongbao dead list` 显示原因；排除后运行 `tongbao dead resend --all`。",
        ),
    ),
    Alert(
        name="TongbaoWebhooksLate",
        severity="ticket",
        runbook="webhooks-late",
        for_s=60,
        metric="tongbao_webhooks_oldest_due_seconds",
        bound=Decimal(600),
        says=Words("Webhooks that are due have not been sent for ten minutes.", "到期的事件通知十分钟仍未发出。"),
        do=Words(
            "Is `tongbao work` running? One slow receiver may hold up its own.",
            "请确认 `tongbao work` 在运行；接收方过慢只影响其自身的通知。",
        ),
    ),
    Alert(
        name="TongbaoMessagesLate",
        severity="page",
        runbook="messages-late",
        for_s=60,
        metric="tongbao_messages_oldest_waiting_seconds",
        bound=Decimal(120),
        says=Words(
            "Messages to people wait: nobody gets a code to register, log in or pay.",
            "短信未能发出：客户收不到注册、登录和支付所需的验证码。",
        ),
        do=Words(
            "Is `tongbao work` running, and does the gateway of TONGBAO_SMS answer it?",
            "请确认 `tongbao work` 在运行，且 TONGBAO_SMS 所指的短信网关有响应。",
        ),
    ),
    Alert(
        name="TongbaoHelpLate",
        severity="ticket",
        runbook="help-late",
        for_s=300,
        metric="tongbao_help_late",
        says=Words(
            "Customers wait for an answer longer than the bank has promised.", "有客户服务请求超过承诺时限仍未答复。"
        ),
        do=Words("Answer the oldest on /staff/help, or hand it over.", "请在 /staff/help 答复或转交最早的请求。"),
    ),
)

_REQUESTS: Final = (
    Alert(
        name="TongbaoBankSilent",
        severity="page",
        runbook="api-silent",
        for_s=60,
        promql="absent(tongbao_database_up)",
        says=Words("No API process answers Prometheus.", "没有 API 进程响应监控。"),
        do=Words("Ask each process for /healthz; restart those that hang.", "请逐一访问 /healthz，重启无响应的进程。"),
    ),
    Alert(
        name="TongbaoErrors",
        severity="page",
        runbook="errors",
        for_s=120,
        promql=('sum(rate(tongbao_requests_total{status=~"5.."}[5m])) / sum(rate(tongbao_requests_total[5m])) > 0.01'),
        says=Words("More than one request in a hundred fails.", "超过百分之一的请求失败。"),
        do=Words("Begin with `tongbao doctor`.", "请先运行 `tongbao doctor`。"),
    ),
    Alert(
        name="TongbaoPoisonItem",
        severity="ticket",
        runbook="poison-item",
        for_s=0,
        promql='sum by (code) (increase(tongbao_refusals_total{code=~"internal_error|item_failed"}[10m])) > 0',
        by=("code",),
        says=Words(
            "Requests fail for a reason that the bank does not know ({code}).", "有请求因未知原因失败（{code}）。"
        ),
        do=Words("The log names the item and the error.", "日志中有对应的编号和错误。"),
    ),
    Alert(
        name="TongbaoSlowPayments",
        severity="page",
        runbook="slow-payments",
        for_s=300,
        promql=(
            "histogram_quantile(0.99, sum by (le)"
            ' (rate(tongbao_request_seconds_bucket{route="/v1/payments"}[5m]))) > 0.5'
        ),
        says=Words("One payment in a hundred takes longer than half a second.", "百分之一的付款耗时超过半秒。"),
        do=Words("Look at commit times and at what holds locks.", "请查看提交耗时以及持锁的会话。"),
    ),
    Alert(
        name="TongbaoOverloaded",
        severity="page",
        runbook="overloaded",
        for_s=120,
        promql=(
            'sum(rate(tongbao_refusals_total{code="overloaded"}[5m])) / sum(rate(tongbao_requests_total[5m])) > 0.01'
        ),
        says=Words("The bank turns requests away because it is full.", "系统已满载，正在拒绝请求。"),
        do=Words("Add processes, or find what makes commits slow.", "请增加进程，或查找提交变慢的原因。"),
    ),
)

_TOUCHED: Final = (
    Alert(
        name="TongbaoCanaryTouched",
        severity="page",
        runbook="canary-read",
        for_s=0,
        promql="sum(increase(tongbao_canaries_touched_total[10m])) > 0",
        says=Words(
            "A process has come upon a canary in the vault, perhaps without leaving a record of it.",
            "有进程触及保险库中的诱饵记录，且可能未留下记录。",
        ),
        do=Words("Look for `canary_touched` in the log of each process.", "请在各进程日志中查找 `canary_touched`。"),
    ),
)

_ATTACKED: Final = (
    Alert(
        name="TongbaoAttack",
        severity="page",
        runbook="attack",
        for_s=60,
        promql="sum by (kind) (increase(tongbao_attacks_total[5m])) > 300",
        by=("kind",),
        says=Words(
            "More than one visit a second looks like an attack of one kind: {kind}.",
            "平均每秒有一次以上的访问疑似同一类攻击：{kind}。",
        ),
        do=Words("Look at /staff/attacks: from where, and at whom.", "请查看 /staff/attacks：来源与目标。"),
    ),
)

_MODELS: Final = (
    Alert(
        name="TongbaoModelLeftOut",
        severity="page",
        runbook="risk-model",
        for_s=0,
        promql="sum by (cause) (increase(tongbao_risk_models_fenced_total[10m])) > 0",
        by=("cause",),
        says=Words(
            "The risk model is left out ({cause}); payments go on by the rules alone.",
            "风险模型未参与判断（{cause}），目前仅由规则判断付款。",
        ),
        do=Words("Go back to the model before on /staff/risk/models.", "请在 /staff/risk/models 恢复上一个模型。"),
    ),
    Alert(
        name="TongbaoModelDrifted",
        severity="ticket",
        runbook="risk-model",
        for_s=600,
        promql="max(tongbao_risk_model_drift) >= 0.25",
        says=Words(
            "Payments are no longer like those that the risk model learned from.",
            "近期付款与风险模型的训练数据明显不同。",
        ),
        do=Words("Look at the model's inputs, and train another one.", "请查看模型依据的变化，并重新训练。"),
    ),
    Alert(
        name="TongbaoModelMisses",
        severity="ticket",
        runbook="risk-model",
        for_s=600,
        promql="max(tongbao_risk_model_caught) < 0.5",
        says=Words(
            "The risk model sees less than half of the frauds that it promised.", "风险模型识别的欺诈不及预期的一半。"
        ),
        do=Words("Look at what it missed, and train another one.", "请查看漏判的付款，并重新训练。"),
    ),
)

_RULES: Final = (
    Alert(
        name="TongbaoRuleLeftOut",
        severity="page",
        runbook="risk-rule",
        for_s=0,
        promql="sum by (cause) (increase(tongbao_risk_rules_fenced_total[10m])) > 0",
        by=("cause",),
        says=Words(
            "A risk rule is left out ({cause}); payments go on by the other rules.",
            "有风险规则未参与判断（{cause}），付款按其余规则继续处理。",
        ),
        do=Words(
            "The audit names it under risk.rule_fenced. Mend it, or switch it off, on /staff/risk/rules.",
            "规则名称见审计记录 risk.rule_fenced。请在 /staff/risk/rules 修改或停用该规则。",
        ),
    ),
)

_HELD: Final = (
    Alert(
        name="TongbaoHeldLate",
        severity="page",
        runbook="held-late",
        for_s=0,
        metric="tongbao_payments_held_late",
        says=Words(
            "Held payments have waited for more than half of their time: their payers are about to get the money back.",
            "有待审核付款的等待时间已过半，逾期将自动取消。",
        ),
        do=Words("Decide on them on /staff/risk/held, the first to end first.", "请尽快在 /staff/risk/held 审核。"),
    ),
)

_INDICATORS: Final = (
    Alert(
        name="TongbaoRiskIndicatorRed",
        severity="page",
        runbook="risk-indicator",
        for_s=0,
        metric="tongbao_risk_indicators_beyond",
        where={"state": "red"},
        says=Words("A key indicator of risk is red.", "有关键风险指标超出红色阈值。"),
        do=Words("Look at /staff/risk/indicators: which one, and since when.", "请查看 /staff/risk/indicators。"),
    ),
    Alert(
        name="TongbaoRiskIndicatorAmber",
        severity="ticket",
        runbook="risk-indicator",
        for_s=0,
        metric="tongbao_risk_indicators_beyond",
        where={"state": "amber"},
        says=Words("A key indicator of risk is amber.", "有关键风险指标超出黄色阈值。"),
        do=Words("Look at /staff/risk/indicators: which one, and since when.", "请查看 /staff/risk/indicators。"),
    ),
    Alert(
        name="TongbaoRiskTightened",
        severity="ticket",
        runbook="risk-indicator",
        for_s=0,
        metric="tongbao_risk_tightened",
        says=Words("The rules of risk are tightened: more payments are stopped.", "风控规则已收紧，将拦截更多付款。"),
        do=Words("Look at /staff/risk/stance: why, and since when.", "请在 /staff/risk/stance 查看原因与起始时间。"),
    ),
)

ALERTS: Final[tuple[Alert, ...]] = (
    *_DATABASE,
    *_MACHINE,
    *_BOOKS,
    *_RAILS,
    *_WORKER,
    *_REQUESTS,
    *_TOUCHED,
    *_ATTACKED,
    *_MODELS,
    *_RULES,
    *_INDICATORS,
    *_HELD,
)
