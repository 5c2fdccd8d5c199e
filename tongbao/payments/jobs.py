"""What runs later: thin calls of verbs. Each may be run again at any time."""

from __future__ import annotations

from tongbao.base import days
from tongbao.base.jobs import Job, JobContext
from tongbao.payments import payroll, schedules
from tongbao.payments.intake import Intake


def _intake(context: JobContext) -> Intake:
    return Intake(context.db, context.clock, context.settings)


async def _end_due(context: JobContext) -> None:
    await _intake(context).end_due()


async def _run_due(context: JobContext) -> None:
    at = context.clock.now()
    today = days.local_day(at, context.settings.zone)
    await schedules.run_due(context.db, _intake(context), today=today, at=at)


async def _go_on_with_payrolls(context: JobContext) -> None:
    async with context.db.read() as tx:
        waiting = await payroll.running_payrolls(tx)
    intake = _intake(context)
    for id_ in waiting:
        await payroll.run_payroll(context.db, intake, id_, context.clock.now())


JOBS = (
    Job(name="payments.end_due", cron="* * * * *", run=_end_due),
    Job(name="payments.run_schedules", cron="*/5 * * * *", run=_run_due),
    Job(name="payments.go_on_with_payrolls", cron="* * * * *", run=_go_on_with_payrolls),
)
