-- name: business_day
-- The open day and the last closed one.
SELECT open_date, closed_through FROM base.business_day;

-- name: found_business_day
-- The first day of the bank; does nothing where there is one.
INSERT INTO base.business_day (open_date, closed_through) VALUES (%(day)s::date, %(day)s::date - 1)
ON CONFLICT (singleton) DO NOTHING;

-- name: close_through
-- Closes the open day and opens the next; returns nothing when somebody else did.
UPDATE base.business_day SET closed_through = open_date, open_date = %(next)s
WHERE open_date = %(day)s AND %(next)s > open_date
RETURNING open_date, closed_through;

-- name: transaction_id
-- This transaction's id; every transaction that began writing before has a lower one.
SELECT pg_current_xact_id()::text::bigint;

-- name: oldest_running_transaction
-- The oldest transaction that still runs and has written.
SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint;

-- name: calendar_between
-- Days that the table speaks of.
SELECT day, is_business_day, name, source FROM base.calendar_day
WHERE day BETWEEN %(first)s AND %(last)s ORDER BY day;

-- name: calendar_years
-- Years of which at least one holiday or make-up day is known.
SELECT DISTINCT extract(year FROM day)::int FROM base.calendar_day
WHERE day BETWEEN make_date(%(first)s::int, 1, 1) AND make_date(%(last)s::int, 12, 31);

-- name: clear_calendar_day
-- Back to "weekdays are business days".
DELETE FROM base.calendar_day WHERE day = %(day)s;

-- name: set_calendar_days
-- Staff have the last word about a day.
INSERT INTO base.calendar_day (day, is_business_day, name, source)
SELECT d, b, n, %(source)s FROM unnest(%(days)s::date[], %(business)s::boolean[], %(names)s::text[]) AS u (d, b, n)
ORDER BY d
ON CONFLICT (day) DO UPDATE SET is_business_day = excluded.is_business_day, name = excluded.name,
    source = excluded.source;

-- name: seed_calendar_days
-- Like set_calendar_days, but never over what staff have edited.
INSERT INTO base.calendar_day (day, is_business_day, name, source)
SELECT d, b, n, %(source)s FROM unnest(%(days)s::date[], %(business)s::boolean[], %(names)s::text[]) AS u (d, b, n)
ORDER BY d
ON CONFLICT (day) DO NOTHING;

-- name: append_events
-- One statement for a whole batch; `xid` and `id` are the database's own.
INSERT INTO base.outbox (booking_date, event_id, topic, aggregate, sequence, recorded_at, payload)
SELECT d, e, t, a, s, r, p FROM unnest(
    %(dates)s::date[], %(event_ids)s::uuid[], %(topics)s::text[], %(aggregates)s::uuid[], %(sequences)s::int[],
    %(moments)s::timestamptz[], %(payloads)s::jsonb[]
) AS u (d, e, t, a, s, r, p);

-- name: lock_cursor
-- A consumer's place; whoever holds this lock is the one who dispatches for it.
SELECT xid::text::bigint, id FROM base.outbox_cursor WHERE consumer = ANY(%(keys)s) FOR UPDATE SKIP LOCKED;

-- name: start_cursor
-- A new consumer starts at the beginning of what is kept.
INSERT INTO base.outbox_cursor (consumer, xid, id, moved_at) VALUES (%(consumer)s, '0'::xid8, 0, %(at)s)
ON CONFLICT (consumer) DO NOTHING;

-- name: move_cursor
-- Everything up to here has been taken or set aside.
UPDATE base.outbox_cursor SET xid = %(xid)s::text::xid8, id = %(id)s, moved_at = %(at)s WHERE consumer = %(consumer)s;

-- name: anything_for
-- Whether a consumer is new, has events to read or to try again; a look that takes no lock and no transaction id.
SELECT NOT EXISTS (SELECT 1 FROM base.outbox_cursor WHERE consumer = %(consumer)s)
    OR EXISTS (
        SELECT 1 FROM base.outbox_cursor c, LATERAL (
            SELECT 1 FROM base.outbox o
            WHERE (o.xid, o.id) > (c.xid, c.id) AND o.xid < pg_snapshot_xmin(pg_current_snapshot())
            ORDER BY o.xid, o.id LIMIT 1
        ) AS first WHERE c.consumer = %(consumer)s
    )
    OR EXISTS (
        SELECT 1 FROM base.outbox_held WHERE consumer = %(consumer)s AND state = 'retrying' AND next_at <= %(at)s
    );

-- name: events_after
-- What every snapshot can see, never "id > last": a later id can commit first.
-- Of a page's rows those whose topic is wanted, and the last one, which says how far the page went.
WITH page AS (
    SELECT * FROM base.outbox
    WHERE (xid, id) > (%(xid)s::text::xid8, %(id)s::bigint) AND xid < pg_snapshot_xmin(pg_current_snapshot())
    ORDER BY xid, id LIMIT %(most)s
), numbered AS (
    SELECT *, row_number() OVER (ORDER BY xid, id) AS place, count(*) OVER () AS places,
        (%(topics)s::text[] IS NULL OR topic = ANY(%(topics)s::text[])) AS wanted
    FROM page
)
SELECT id, event_id, topic, aggregate, sequence, recorded_at, booking_date, CASE WHEN wanted THEN payload END,
    xid::text::bigint, places, wanted
FROM numbered WHERE wanted OR place = places ORDER BY place;

-- name: earlier_events_of
-- Events beyond a page's end that belong before one in it: who takes an aggregate's lock first may have begun last.
SELECT o.id, o.event_id, o.topic, o.aggregate, o.sequence, o.recorded_at, o.booking_date, o.payload
FROM base.outbox o
JOIN unnest(%(aggregates)s::uuid[], %(sequences)s::int[], %(ids)s::bigint[]) AS u (aggregate, sequence, id)
    ON o.aggregate = u.aggregate
WHERE (o.sequence, o.id) < (u.sequence, u.id) AND (o.xid, o.id) > (%(xid)s::text::xid8, %(id)s::bigint)
    AND o.xid < pg_snapshot_xmin(pg_current_snapshot())
    AND (%(topics)s::text[] IS NULL OR o.topic = ANY(%(topics)s::text[]));

-- name: held_aggregates
-- Which of these aggregates have an event that is held for this consumer.
SELECT DISTINCT aggregate FROM base.outbox_held
WHERE consumer = %(consumer)s AND aggregate = ANY(%(aggregates)s::uuid[]);

-- name: hold_events
-- Sets aside what a consumer could not take and what waits behind it; an event that is held already stays as it is.
INSERT INTO base.outbox_held (
    consumer, event_id, outbox_id, aggregate, sequence, topic, recorded_at, booking_date, payload, state, attempts,
    next_at, error
)
SELECT %(consumer)s, e, i, a, s, t, r, d, p, st, n, %(next_at)s, er FROM unnest(
    %(event_ids)s::uuid[], %(ids)s::bigint[], %(aggregates)s::uuid[], %(sequences)s::int[], %(topics)s::text[],
    %(moments)s::timestamptz[], %(dates)s::date[], %(payloads)s::jsonb[], %(states)s::text[], %(attempts)s::int[],
    %(errors)s::text[]
) AS u (e, i, a, s, t, r, d, p, st, n, er)
ORDER BY e
ON CONFLICT (consumer, event_id) DO NOTHING;

-- name: due_held_events
-- Events whose next try is due, one an aggregate: those behind it wait. Staff who resend at this moment are passed by.
SELECT outbox_id, event_id, topic, aggregate, sequence, recorded_at, booking_date, payload, attempts
FROM base.outbox_held
WHERE consumer = %(consumer)s AND state = 'retrying' AND next_at <= %(at)s
ORDER BY next_at, outbox_id LIMIT %(most)s
FOR UPDATE SKIP LOCKED;

-- name: held_failed
-- One more try was in vain.
UPDATE base.outbox_held SET attempts = %(attempts)s, next_at = %(next_at)s, error = %(error)s, state = %(state)s
WHERE consumer = %(consumer)s AND event_id = %(event_id)s;

-- name: held_done
-- These went through; the next event of each aggregate may try now.
WITH gone AS (
    DELETE FROM base.outbox_held WHERE consumer = %(consumer)s AND event_id = ANY(%(event_ids)s::uuid[])
    RETURNING aggregate
), following AS (
    SELECT DISTINCT ON (w.aggregate) w.event_id
    FROM base.outbox_held w JOIN gone ON w.aggregate = gone.aggregate
    WHERE w.consumer = %(consumer)s AND w.event_id <> ALL(%(event_ids)s::uuid[])
    ORDER BY w.aggregate, w.sequence, w.outbox_id
)
UPDATE base.outbox_held h SET state = 'retrying', next_at = %(at)s
FROM following WHERE h.consumer = %(consumer)s AND h.event_id = following.event_id AND h.state = 'waiting';

-- name: parked_events
-- What is held, oldest first; without `parked_only` also what is being tried again and what waits behind.
SELECT consumer, event_id, aggregate, sequence, topic, recorded_at, state, attempts, next_at, error, outbox_id
FROM base.outbox_held
WHERE (%(consumer)s::text IS NULL OR consumer = %(consumer)s)
    AND (outbox_id, consumer) > (%(after)s::bigint, %(after_consumer)s::text)
    AND (%(since)s::timestamptz IS NULL OR recorded_at >= %(since)s)
    AND (NOT %(parked_only)s OR state = 'parked')
ORDER BY outbox_id, consumer LIMIT %(most)s;

-- name: one_held_event
-- One event, once for each consumer that holds it, with what it carries.
SELECT consumer, event_id, aggregate, sequence, topic, recorded_at, state, attempts, next_at, error, outbox_id, payload
FROM base.outbox_held WHERE event_id = %(event_id)s ORDER BY consumer;

-- name: resend_held
-- A fresh set of tries, due now: for parked events, and for those named that are waiting for their next try. Nothing
-- for those that have just been given one.
UPDATE base.outbox_held SET state = 'retrying', attempts = 0, next_at = %(at)s
WHERE (state = 'parked' OR (
        state = 'retrying' AND %(event_ids)s::uuid[] IS NOT NULL AND (attempts > 0 OR next_at > %(at)s)
    ))
    AND (%(event_ids)s::uuid[] IS NULL OR event_id = ANY(%(event_ids)s::uuid[]))
    AND (%(consumer)s::text IS NULL OR consumer = %(consumer)s)
    AND (%(since)s::timestamptz IS NULL OR recorded_at >= %(since)s)
RETURNING consumer, event_id;

-- name: held_of_these
-- Whether any consumer holds one of these events.
SELECT 1 FROM base.outbox_held WHERE event_id = ANY(%(event_ids)s) LIMIT 1;

-- name: outbox_lag
-- For each consumer: rows not yet read (up to a bound), age of the oldest of them, parked events.
SELECT c.consumer,
    (SELECT count(*) FROM (SELECT 1 FROM base.outbox o WHERE (o.xid, o.id) > (c.xid, c.id) LIMIT 100000) AS few),
    (SELECT min(o.recorded_at) FROM (SELECT recorded_at FROM base.outbox o WHERE (o.xid, o.id) > (c.xid, c.id)
        ORDER BY o.xid, o.id LIMIT 1) AS o),
    (SELECT count(*) FROM base.outbox_held h WHERE h.consumer = c.consumer AND h.state = 'parked')
FROM base.outbox_cursor c ORDER BY c.consumer;

-- name: events_of
-- Everything that happened to one aggregate, in order.
SELECT event_id, topic, sequence, recorded_at, booking_date, payload FROM base.outbox
WHERE aggregate = %(aggregate)s ORDER BY sequence LIMIT 1000;

-- name: append_audit
-- Filed under the bank's open day, so that it lies in a partition that exists.
INSERT INTO base.audit
    (booking_date, recorded_at, principal_id, principal_kind, action, subject, reason, details)
VALUES (
    coalesce((SELECT open_date FROM base.business_day), %(at)s::timestamptz::date), %(at)s, %(principal_id)s,
    %(principal_kind)s, %(action)s, %(subject)s, %(reason)s, %(details)s::jsonb
);

-- name: audit_trail
-- What people did, newest first.
SELECT id, recorded_at, principal_id, principal_kind, action, subject, reason, details FROM base.audit
WHERE (%(subject)s::text IS NULL OR subject = %(subject)s)
    AND (%(principal_id)s::uuid IS NULL OR principal_id = %(principal_id)s)
    AND (%(before)s::bigint IS NULL OR id < %(before)s)
ORDER BY id DESC LIMIT %(most)s;

-- name: propose
-- Claims the id; touches nothing where it is taken.
INSERT INTO base.approval (id, kind, payload, reason, state, proposed_by, proposed_at, expires_at)
VALUES (%(id)s, %(kind)s, %(payload)s::jsonb, %(reason)s, 'proposed', %(by)s, %(at)s, %(expires_at)s)
ON CONFLICT (id) DO NOTHING;

-- name: lock_approval
-- For whoever decides: the second of two deciders sees what the first one did.
SELECT id, kind, payload, reason, state, proposed_by, proposed_at, expires_at, decided_by, decided_at, decision_reason
FROM base.approval WHERE id = ANY(%(keys)s::uuid[]) ORDER BY id FOR UPDATE;

-- name: decide
-- The second person's word.
UPDATE base.approval SET state = %(state)s, decided_by = %(by)s, decided_at = %(at)s, decision_reason = %(reason)s
WHERE id = %(id)s;

-- name: expire_approvals
-- What nobody decided in time.
UPDATE base.approval SET state = 'expired' WHERE state = 'proposed' AND expires_at <= %(at)s RETURNING id;

-- name: approvals
-- Proposals by id, which is by time.
SELECT id, kind, payload, reason, state, proposed_by, proposed_at, expires_at, decided_by, decided_at, decision_reason
FROM base.approval
WHERE (%(state)s::text IS NULL OR state = %(state)s) AND (%(after)s::uuid IS NULL OR id > %(after)s)
    AND (%(kind)s::text IS NULL OR kind = %(kind)s)
ORDER BY id LIMIT %(most)s;

-- name: proof_marks
-- How far each check has come.
SELECT check_name, proved_through, proved_at FROM base.proof_mark ORDER BY check_name;

-- name: set_proof_mark
-- A check has come this far.
INSERT INTO base.proof_mark (check_name, proved_through, proved_at) VALUES (%(name)s, %(through)s, %(at)s)
ON CONFLICT (check_name) DO UPDATE SET proved_through = excluded.proved_through, proved_at = excluded.proved_at;

-- name: only_prover
-- One proof at a time: two would build on each other's halves. Given back when the session ends or says so.
SELECT pg_try_advisory_lock(hashtext('tongbao prove'));

-- name: proof_over
-- Gives it back.
SELECT pg_advisory_unlock(hashtext('tongbao prove'));

-- name: ask_proof
-- Asks for a proof; adds nothing where this id is known or a proof is open.
INSERT INTO base.proof_run (id, is_full, asked_by, asked_at, done, total, checks)
VALUES (%(id)s, %(is_full)s, %(by)s, %(at)s, 0, 0, '[]') ON CONFLICT DO NOTHING;

-- name: proof_run
-- The proof of an id, else the open one, else the one that was asked for last.
SELECT id, is_full, asked_by, asked_at, began_at, ended_at, check_name, done, total, checks, postings, trouble
FROM base.proof_run
ORDER BY (id = %(id)s::uuid) DESC NULLS LAST, (ended_at IS NULL) DESC, asked_at DESC, id DESC LIMIT 1;

-- name: open_proof
-- The proof that is asked for or at work.
SELECT id, is_full, asked_by, asked_at, began_at, ended_at, check_name, done, total, checks, postings, trouble
FROM base.proof_run WHERE ended_at IS NULL;

-- name: proof_runs
-- The newest proofs that have ended.
SELECT id, is_full, asked_by, asked_at, began_at, ended_at, check_name, done, total, checks, postings, trouble
FROM base.proof_run WHERE ended_at IS NOT NULL ORDER BY asked_at DESC, id DESC LIMIT %(most)s;

-- name: proof_progress
-- How far the open proof is.
UPDATE base.proof_run SET began_at = %(began_at)s, check_name = %(check_name)s, done = %(done)s, total = %(total)s,
    checks = %(checks)s::jsonb
WHERE id = %(id)s AND ended_at IS NULL;

-- name: end_proof
-- What became of it.
UPDATE base.proof_run SET ended_at = %(at)s, check_name = NULL, done = 0, total = 0, checks = %(checks)s::jsonb,
    postings = %(postings)s, trouble = %(trouble)s
WHERE id = %(id)s AND ended_at IS NULL;

-- name: next_transaction
-- One past the last transaction that has ended: how fast it grows says how much is written.
SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint;

-- name: partitioned_tables
-- Every table that is partitioned by a booking date.
SELECT n.nspname, c.relname FROM pg_partitioned_table p
JOIN pg_class c ON c.oid = p.partrelid JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname NOT IN ('pg_catalog', 'information_schema') ORDER BY 1, 2;

-- name: tables_named
-- Which of these tables exist.
SELECT n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN unnest(%(schemas)s::text[], %(tables)s::text[]) AS u (schema_name, table_name)
    ON n.nspname = u.schema_name AND c.relname = u.table_name;

-- name: make_month
-- A partition, as it is called and where it belongs.
SELECT base.make_month(%(schema)s, %(table)s, %(first)s);

-- name: months_of_events
-- The outbox's partitions, oldest first.
SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
WHERE i.inhparent = 'base.outbox'::regclass AND c.relname ~ '^outbox_[0-9]{4}_[0-9]{2}$' ORDER BY 1;

-- name: drop_events
-- A month of events; false where somebody needs one of it.
SELECT base.drop_events(%(first)s);

-- name: one_maker_of_partitions
-- Held until the end of the transaction: two closes of a day that meet do not both make next month.
SELECT pg_advisory_xact_lock(hashtext('tongbao partitions'));
