-- name: approval
-- One proposal.
SELECT id, kind, payload, reason, state, proposed_by, proposed_at, expires_at, decided_by, decided_at, decision_reason
FROM base.approval_view WHERE id = %(id)s;

-- name: accounts_of_line
-- The accounts on a general-ledger line, with the customer's account where one stands behind it.
SELECT a.id, a.gl_line, a.currency, a.legal_entity, a.branch, a.state, a.balance_minor, a.held_minor, a.floor_minor,
    a.opened_at, i.id, i.number
FROM ledger.account_view a LEFT JOIN identity.account_view i ON i.ledger_id = a.id
WHERE a.gl_line = %(gl_line)s AND a.id > %(after)s AND (%(currency)s::text IS NULL OR a.currency = %(currency)s)
ORDER BY a.id LIMIT %(most)s;

-- name: transfer
-- Why some postings were made.
SELECT id, kind, booking_date, recorded_at, forced, reverses, reason FROM ledger.transfer_view WHERE id = %(id)s;

-- name: reversal_of
-- What undid a transfer.
SELECT id, kind, booking_date, recorded_at, forced, reverses, reason FROM ledger.transfer_view WHERE reverses = %(id)s;

-- name: ledger_places
-- Where accounts of the ledger stand, and the numbers of those that customers own.
SELECT a.id, a.gl_line, i.number FROM ledger.account_view a LEFT JOIN identity.account_view i ON i.ledger_id = a.id
WHERE a.id = ANY(%(ids)s::bigint[]);

-- name: closed_periods
-- Closed accounting periods, newest first.
SELECT last_day, closed_at, closed_by FROM ledger.period_view
WHERE last_day < %(before)s ORDER BY last_day DESC LIMIT %(most)s;

-- name: waiting_payments
-- Payments that wait for somebody or something, the longest overdue first.
SELECT o.payment_id, o.waits_for, o.since, o.due_at, p.kind, p.state, p.amount_minor, p.currency, p.payer_account_id,
    p.payee_account_id, p.merchant_id
FROM payments.open_payment_view o JOIN payments.payment_view p ON p.id = o.payment_id
WHERE (%(waits_for)s::text IS NULL OR o.waits_for = %(waits_for)s)
    AND (%(due_before)s::timestamptz IS NULL OR o.due_at < %(due_before)s)
    AND (%(after_due)s::timestamptz IS NULL OR (o.due_at, o.payment_id) > (%(after_due)s, %(after_id)s::uuid))
ORDER BY o.due_at, o.payment_id LIMIT %(most)s;

-- name: held_payments
-- Payments that wait for a person of the bank, the riskiest or the first to end first; with whom they are.
SELECT o.payment_id, o.waits_for, o.since, o.due_at, p.kind, p.state, p.amount_minor, p.currency, p.payer_account_id,
    p.payee_account_id, p.merchant_id, o.taken_by, coalesce(r.risk, 0)
FROM payments.open_payment_view o JOIN payments.payment_view p ON p.id = o.payment_id
LEFT JOIN risk.risk_view r ON r.id = o.payment_id AND r.booking_date >= (SELECT b.open_date - 31 FROM base.business_day_view b)
WHERE o.waits_for = 'person' AND (%(whose)s::text <> 'mine' OR o.taken_by = %(me)s) AND (%(whose)s <> 'nobody' OR o.taken_by IS NULL)
    AND (%(id)s::uuid IS NULL OR o.payment_id = %(id)s)
    AND (%(after_due)s::timestamptz IS NULL OR coalesce(r.risk, 0) < %(after_risk)s
        OR (coalesce(r.risk, 0) = %(after_risk)s OR NOT %(riskiest)s) AND (o.due_at, o.payment_id) > (%(after_due)s, %(after_id)s::uuid))
ORDER BY CASE WHEN %(riskiest)s THEN -coalesce(r.risk, 0) END, o.due_at, o.payment_id LIMIT %(most)s;

-- name: held_queue
-- How many payments wait for a person of the bank, counted up to a bound, since when the oldest of them does, and how many of them have
-- waited for more than half of their time.
SELECT count(*), min(since), count(*) FILTER (WHERE %(at)s > since + (due_at - since) / 2) FROM (
    SELECT since, due_at FROM payments.open_payment_view WHERE waits_for = 'person' ORDER BY due_at, payment_id LIMIT 10000
) AS held;

-- name: late_payments
-- Payments past their time by what they wait for, counted up to a bound, and since when the oldest of them is.
SELECT waits_for, count(*), min(due_at) FROM (
    SELECT waits_for, due_at FROM payments.open_payment_view WHERE due_at < %(before)s ORDER BY due_at LIMIT 10000
) AS late GROUP BY waits_for ORDER BY waits_for;

-- name: newest_payment
-- When the newest payment was made, by the clock of the process that took it.
SELECT max(created_at) FROM payments.payment_view;

-- name: day_reach
-- The open day, the last day that was settled, the first whose end was begun, and when the end of each unsettled day began.
SELECT b.open_date, e.settled, e.first, (
    SELECT min(s.done_at) FROM clearing.eod_step_view s WHERE s.day > coalesce(e.settled, '-infinity'::date)
)
FROM base.business_day_view b, (
    SELECT max(day) FILTER (WHERE step = 'settle') AS settled, min(day) AS first FROM clearing.eod_step_view
) AS e;

-- name: calendar_years
-- Years from a day on of which the calendar knows something.
SELECT DISTINCT extract(year FROM day)::int FROM base.calendar_view WHERE day >= %(since)s::date ORDER BY 1;

-- name: missing_partitions
-- Partitions of these months (as in `2026_11`) that no partitioned table has.
SELECT n.nspname || '.' || c.relname || '_' || m.month, m.month
FROM pg_partitioned_table p JOIN pg_class c ON c.oid = p.partrelid JOIN pg_namespace n ON n.oid = c.relnamespace
CROSS JOIN unnest(%(months)s::text[]) AS m (month)
WHERE to_regclass(n.nspname || '.' || c.relname || '_' || m.month) IS NULL ORDER BY 2, 1;

-- name: applied_migrations
-- Versions that this database has.
SELECT version FROM public.schema_migrations ORDER BY version;

-- name: job_queue
-- Workers alive since a moment, the last sign of life of any, and since when the oldest job that could be started is due.
SELECT (SELECT count(*) FROM procrastinate.procrastinate_workers WHERE last_heartbeat > %(alive_since)s),
    (SELECT max(last_heartbeat) FROM procrastinate.procrastinate_workers),
    (
        SELECT min(coalesce(j.scheduled_at, (
            SELECT max(e.at) FROM procrastinate.procrastinate_events e WHERE e.job_id = j.id AND e.type = 'deferred'
        )))
        FROM procrastinate.procrastinate_jobs j
        WHERE j.status = 'todo' AND NOT EXISTS (
            SELECT 1 FROM procrastinate.procrastinate_jobs d WHERE d.status = 'doing' AND d.lock = j.lock
        )
    );

-- name: failing_jobs
-- Jobs that were given up since a moment and have not gone through since: what goes through leaves the queue.
SELECT DISTINCT j.task_name FROM procrastinate.procrastinate_jobs j
JOIN procrastinate.procrastinate_events e ON e.job_id = j.id AND e.type = 'failed' AND e.at > %(since)s
WHERE j.status = 'failed' AND NOT EXISTS (
    SELECT 1 FROM procrastinate.procrastinate_periodic_defers d WHERE d.task_name = j.task_name AND d.job_id IS NULL
) ORDER BY 1;

-- name: board_seconds
-- Payments by the second in which they were made: all, those declined, those that wait, and the volume of the rest.
SELECT date_trunc('second', created_at), count(*), count(*) FILTER (WHERE state = 'declined'),
    count(*) FILTER (WHERE state IN ('created', 'challenged', 'held', 'unknown')),
    coalesce(sum(amount_minor) FILTER (WHERE state IN ('completed', 'authorised') AND currency = %(currency)s), 0)::bigint
FROM payments.payment_view WHERE created_at >= %(since)s AND created_at < %(until)s GROUP BY 1 ORDER BY 1;

-- name: board_day
-- How many payments the open day has so far and how much they are, up to a moment.
SELECT count(*), coalesce(sum(amount_minor) FILTER (WHERE state IN ('completed', 'authorised') AND currency = %(currency)s), 0)::bigint
FROM payments.payment_view WHERE booking_date = %(day)s AND created_at < %(until)s;

-- name: board_newest
-- The newest payments with who pays whom.
SELECT p.id, p.created_at, p.kind, p.method, p.state, p.refusal, p.amount_minor, p.currency, payer.number, payee.number, m.name
FROM (
    SELECT * FROM payments.payment_view WHERE created_at > %(since)s ORDER BY created_at DESC, id DESC LIMIT %(most)s
) AS p
LEFT JOIN identity.account_view payer ON payer.id = p.payer_account_id
LEFT JOIN identity.account_view payee ON payee.id = p.payee_account_id
LEFT JOIN merchants.merchant_view m ON m.id = p.merchant_id
ORDER BY p.created_at DESC, p.id DESC;

-- name: board_declines
-- The newest payments that were declined, and why.
SELECT p.id, p.created_at, p.refusal, p.amount_minor, p.currency, payer.number, m.name
FROM (
    SELECT * FROM payments.payment_view WHERE created_at > %(since)s AND state = 'declined'
    ORDER BY created_at DESC, id DESC LIMIT %(most)s
) AS p
LEFT JOIN identity.account_view payer ON payer.id = p.payer_account_id
LEFT JOIN merchants.merchant_view m ON m.id = p.merchant_id
ORDER BY p.created_at DESC, p.id DESC;

-- name: ends_of_days
-- What the ends of the last days did, step by step, newest day first.
SELECT day, step, done_at, result FROM clearing.eod_step_view WHERE day > %(after)s::date ORDER BY day DESC, done_at;

-- name: count_attacks
-- Adds to what was counted in these minutes; rows come sorted, so that two processes lock them in one order.
INSERT INTO console.attack_minute (minute, kind, source, visits)
SELECT m, k, s, v FROM unnest(%(minutes)s::timestamptz[], %(kinds)s::text[], %(sources)s::text[], %(visits)s::bigint[]) AS u (m, k, s, v)
ORDER BY m, k, s
ON CONFLICT (minute, kind, source) DO UPDATE SET visits = attack_minute.visits + excluded.visits;

-- name: attack_hours
-- By hour and kind since a moment, oldest hour first.
SELECT date_trunc('hour', minute), kind, sum(visits)::bigint FROM console.attack_minute
WHERE minute >= %(since)s GROUP BY 1, 2 ORDER BY 1, 2;

-- name: attack_sources
-- Who it was since a moment: how often, how many minutes of it, first and last; the busiest first.
SELECT source, kind, sum(visits)::bigint, count(*), min(minute), max(minute) FROM console.attack_minute
WHERE minute >= %(since)s GROUP BY 1, 2 ORDER BY 3 DESC, 1, 2 LIMIT %(most)s;

-- name: forget_attacks
-- Forgets a chunk of what was counted before a moment.
DELETE FROM console.attack_minute WHERE ctid IN (
    SELECT ctid FROM console.attack_minute WHERE minute < %(before)s LIMIT %(most)s
);
