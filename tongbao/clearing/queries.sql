-- name: movements_of_day
-- What payments say moved between payers and merchants on a booking day, a row a merchant and currency.
SELECT v.merchant_id, v.currency, m.takings_ledger_id, m.settlement_ledger_id,
    coalesce(sum(v.amount_minor) FILTER (WHERE v.kind IN ('capture', 'confirm')), 0)::bigint,
    coalesce(-sum(v.amount_minor) FILTER (WHERE v.kind = 'refund'), 0)::bigint,
    coalesce(sum(v.amount_minor) FILTER (WHERE v.kind = 'cover'), 0)::bigint,
    sum(v.fee_minor)::bigint, count(*) FILTER (WHERE v.kind <> 'cover')
FROM payments.merchant_movement_view v JOIN merchants.merchant_view m ON m.id = v.merchant_id
WHERE v.booking_date = %(day)s
GROUP BY v.merchant_id, v.currency, m.takings_ledger_id, m.settlement_ledger_id
ORDER BY v.currency, v.merchant_id;

-- name: ledger_moves_of_day
-- What the ledger says moved on takings accounts on that day, leaving out what clearing itself moved.
SELECT m.id, sum(e.amount_minor)::bigint
FROM ledger.entry_view e JOIN merchants.merchant_view m ON m.takings_ledger_id = e.account_id
WHERE e.booking_date = %(day)s
    AND e.counterparty_id NOT IN (SELECT id FROM ledger.account_view WHERE gl_line = %(clearing)s)
GROUP BY m.id HAVING sum(e.amount_minor) <> 0;

-- name: carried_positions
-- What was owed and not paid, and no batch has taken over yet.
SELECT p.id, p.participant_id, b.currency, m.takings_ledger_id, m.settlement_ledger_id, p.net_minor
FROM clearing.position p JOIN clearing.batch b ON b.id = p.batch_id
JOIN merchants.merchant_view m ON m.id = p.participant_id
WHERE p.state = 'carried' AND p.carried_into IS NULL
ORDER BY b.currency, p.participant_id, p.id;

-- name: add_batches
-- The day's batches; those that were drawn before are left as they are.
INSERT INTO clearing.batch (id, booking_date, currency, settle_on, participants, movements, drawn_at)
SELECT u.id, %(day)s, u.c, %(settle_on)s, u.p, u.m, %(at)s
FROM unnest(%(keys)s::uuid[], %(currencies)s::text[], %(participants)s::int[], %(movements)s::int[]) AS u (id, c, p, m)
ORDER BY u.id
ON CONFLICT (id) DO NOTHING RETURNING id;

-- name: add_positions
-- Of batches that are new.
INSERT INTO clearing.position (
    id, batch_id, kind, participant_id, takings_ledger_id, settlement_ledger_id, captures_minor, refunds_minor,
    covered_minor, fees_minor, carried_minor, net_minor, state
)
SELECT i, b, k, p, t, s, c, r, v, f, o, n, CASE k WHEN 'merchant' THEN 'drawn' ELSE 'counter' END FROM unnest(
    %(ids)s::uuid[], %(batches)s::uuid[], %(kinds)s::text[], %(participants)s::uuid[], %(takings)s::bigint[],
    %(settlements)s::bigint[], %(captures)s::bigint[], %(refunds)s::bigint[], %(covered)s::bigint[], %(fees)s::bigint[],
    %(carried)s::bigint[], %(net)s::bigint[]
) AS u (i, b, k, p, t, s, c, r, v, f, o, n);

-- name: take_over
-- Carried positions belong to the batch that counts them from now on.
UPDATE clearing.position SET carried_into = u.n
FROM unnest(%(keys)s::uuid[], %(new)s::uuid[]) AS u (id, n)
WHERE position.id = u.id AND position.carried_into IS NULL;

-- name: batches
-- Batches by id.
SELECT id, booking_date, currency, settle_on, participants, movements, drawn_at, cleared_at, settled_at
FROM clearing.batch WHERE id = ANY(%(ids)s::uuid[]);

-- name: batches_of_day
-- A day's batches, one a currency.
SELECT id, booking_date, currency, settle_on, participants, movements, drawn_at, cleared_at, settled_at
FROM clearing.batch WHERE booking_date = %(day)s ORDER BY currency;

-- name: batches_to_settle
-- Cleared, not settled, and due on the open day.
SELECT id, booking_date, currency, settle_on, participants, movements, drawn_at, cleared_at, settled_at
FROM clearing.batch WHERE settled_at IS NULL AND cleared_at IS NOT NULL AND settle_on <= %(day)s
ORDER BY booking_date, currency;

-- name: batch_page
-- A page of batches, newest first.
SELECT id, booking_date, currency, settle_on, participants, movements, drawn_at, cleared_at, settled_at
FROM clearing.batch
WHERE (%(before)s::date IS NULL OR (booking_date, currency) < (%(before)s, %(before_currency)s::text))
    AND (%(first)s::date IS NULL OR booking_date >= %(first)s) AND (%(last)s::date IS NULL OR booking_date <= %(last)s)
ORDER BY booking_date DESC, currency DESC LIMIT %(most)s;

-- name: positions_in_state
-- The next merchants of a batch whose step has not been done.
SELECT id FROM clearing.position
WHERE batch_id = %(batch_id)s AND kind = 'merchant' AND state = %(state)s ORDER BY id LIMIT %(most)s;

-- name: lock_positions
-- For whoever clears or settles them.
SELECT id, batch_id, kind, participant_id, takings_ledger_id, settlement_ledger_id, captures_minor, refunds_minor,
    covered_minor, fees_minor, carried_minor, net_minor, state, booked_on
FROM clearing.position WHERE id = ANY(%(keys)s::uuid[]) ORDER BY id FOR NO KEY UPDATE;

-- name: move_positions
-- What became of locked positions.
UPDATE clearing.position p SET state = u.s, booked_on = u.b
FROM unnest(%(ids)s::uuid[], %(states)s::text[], %(booked)s::date[]) AS u (id, s, b)
WHERE p.id = u.id;

-- name: mark_cleared
-- Done when no merchant of the batch is left behind.
UPDATE clearing.batch SET cleared_at = %(at)s
WHERE id = %(batch_id)s AND cleared_at IS NULL AND NOT EXISTS (
    SELECT 1 FROM clearing.position WHERE batch_id = %(batch_id)s AND kind = 'merchant' AND state = 'drawn'
);

-- name: mark_settled
-- Done when no merchant of the batch is left behind.
UPDATE clearing.batch SET settled_at = %(at)s
WHERE id = %(batch_id)s AND settled_at IS NULL AND cleared_at IS NOT NULL AND NOT EXISTS (
    SELECT 1 FROM clearing.position
    WHERE batch_id = %(batch_id)s AND kind = 'merchant' AND state IN ('drawn', 'cleared')
);

-- name: positions_of_batch
-- A page of a batch's positions: the two sides of the bank first, then merchants by id.
SELECT id, batch_id, booking_date, currency, settle_on, kind, participant_id, captures_minor, refunds_minor, covered_minor,
    fees_minor, carried_minor, net_minor, state, booked_on
FROM clearing.position_view
WHERE batch_id = %(batch_id)s AND (%(after)s::uuid IS NULL OR id > %(after)s)
ORDER BY id LIMIT %(most)s;

-- name: own_positions
-- The two sides of the bank itself.
SELECT id, batch_id, booking_date, currency, settle_on, kind, participant_id, captures_minor, refunds_minor, covered_minor,
    fees_minor, carried_minor, net_minor, state, booked_on
FROM clearing.position_view
WHERE batch_id = %(batch_id)s AND kind IN ('fee_income', 'acquirer') AND participant_id IS NULL;

-- name: positions_beside
-- Positions whose ids begin like this one: those of the batches of one day.
SELECT id, batch_id, booking_date, currency, settle_on, kind, participant_id, captures_minor, refunds_minor, covered_minor,
    fees_minor, carried_minor, net_minor, state, booked_on
FROM clearing.position_view WHERE id BETWEEN %(first)s AND %(last)s;

-- name: totals_of_batches
-- What batches add up to.
SELECT batch_id, sum(captures_minor)::bigint, sum(refunds_minor)::bigint, sum(covered_minor)::bigint,
    sum(fees_minor)::bigint, sum(carried_minor)::bigint, sum(net_minor)::bigint
FROM clearing.position WHERE batch_id = ANY(%(ids)s::uuid[]) AND kind = 'merchant' GROUP BY batch_id;

-- name: settlements_of
-- A page of a merchant's settlements, newest first (ids begin with the day).
SELECT id, batch_id, booking_date, currency, settle_on, kind, participant_id, captures_minor, refunds_minor, covered_minor,
    fees_minor, carried_minor, net_minor, state, booked_on
FROM clearing.position_view
WHERE kind = 'merchant' AND participant_id = %(merchant_id)s AND (%(below)s::uuid IS NULL OR id < %(below)s)
ORDER BY id DESC LIMIT %(most)s;

-- name: settlement_with_debts
-- A merchant's settlement, the debts of earlier ones that it took over, and the later one that took over its own.
SELECT id, batch_id, booking_date, currency, settle_on, kind, participant_id, captures_minor, refunds_minor, covered_minor,
    fees_minor, carried_minor, net_minor, state, booked_on
FROM clearing.position_view
WHERE kind = 'merchant' AND participant_id = %(merchant_id)s AND (
    id = %(id)s OR carried_into = %(id)s OR id = (SELECT carried_into FROM clearing.position WHERE id = %(id)s)
)
ORDER BY booking_date, id;

-- name: takings_of
-- A merchant's booking days by day, method and currency, live. What its takings account says has moved on these days is looked
-- up by id, so that it costs the same however long the merchant's past is; a confirmation moves under its payment's id.
WITH ids AS MATERIALIZED (
    SELECT ARRAY(
        SELECT e.transfer_id FROM ledger.entry_view e
        WHERE e.account_id = (SELECT takings_ledger_id FROM merchants.merchant_view WHERE id = %(merchant_id)s)
            AND e.booking_date BETWEEN %(first)s AND %(last)s
    ) AS every
), moved AS (
    SELECT * FROM payments.merchant_movement_view WHERE movement_id = ANY((SELECT every FROM ids)::uuid[])
    UNION ALL
    SELECT * FROM payments.merchant_movement_view
    WHERE kind = 'confirm' AND payment_id = ANY((SELECT every FROM ids)::uuid[])
)
SELECT booking_date, method, currency, count(*) FILTER (WHERE kind IN ('capture', 'confirm')),
    coalesce(sum(amount_minor) FILTER (WHERE kind IN ('capture', 'confirm')), 0)::bigint,
    count(*) FILTER (WHERE kind = 'refund'), coalesce(-sum(amount_minor) FILTER (WHERE kind = 'refund'), 0)::bigint,
    coalesce(sum(amount_minor) FILTER (WHERE kind = 'cover'), 0)::bigint, sum(fee_minor)::bigint
FROM moved WHERE merchant_id = %(merchant_id)s
GROUP BY booking_date, method, currency ORDER BY booking_date, currency, method;

-- name: netted_days_of
-- What a merchant's days add up to that have been netted.
SELECT booking_date, currency, captures_minor, refunds_minor, covered_minor, fees_minor FROM clearing.position_view
WHERE kind = 'merchant' AND participant_id = %(merchant_id)s AND booking_date BETWEEN %(first)s AND %(last)s
ORDER BY booking_date;

-- name: netted_through
-- The newest day that has been netted.
SELECT max(booking_date) FROM clearing.batch;

-- name: movements_of
-- A page of what a merchant's booking day consists of, newest first; found like its takings.
WITH ids AS MATERIALIZED (
    SELECT ARRAY(
        SELECT e.transfer_id FROM ledger.entry_view e
        WHERE e.account_id = (SELECT takings_ledger_id FROM merchants.merchant_view WHERE id = %(merchant_id)s)
            AND e.booking_date BETWEEN %(first)s AND %(last)s
    ) AS every
), moved AS (
    SELECT * FROM payments.merchant_movement_view WHERE movement_id = ANY((SELECT every FROM ids)::uuid[])
    UNION ALL
    SELECT * FROM payments.merchant_movement_view
    WHERE kind = 'confirm' AND payment_id = ANY((SELECT every FROM ids)::uuid[])
)
SELECT movement_id, payment_id, kind, method, currency, amount_minor, fee_minor, moved_at
FROM moved
WHERE merchant_id = %(merchant_id)s AND (%(before)s::timestamptz IS NULL
    OR (moved_at, movement_id, kind) < (%(before)s, %(before_id)s::uuid, %(before_kind)s::text))
ORDER BY moved_at DESC, movement_id DESC, kind DESC LIMIT %(most)s;

-- name: eod_steps
-- What was done for a day.
SELECT step, done_at, result FROM clearing.eod_step WHERE day = %(day)s
ORDER BY array_position(ARRAY['expire', 'close', 'trial_balance', 'clear', 'settle'], step);

-- name: newest_eod_steps
-- What was done for the newest days that have begun to end.
SELECT day, step, done_at, result FROM clearing.eod_step
WHERE day IN (SELECT DISTINCT day FROM clearing.eod_step ORDER BY day DESC LIMIT %(most)s) ORDER BY day DESC;

-- name: add_eod_step
-- Each step of a day is recorded once.
INSERT INTO clearing.eod_step (day, step, done_at, result) VALUES (%(day)s, %(step)s, %(at)s, %(result)s::jsonb)
ON CONFLICT (day, step) DO NOTHING;

-- name: order_close
-- Whoever asks first; later ones find that it has been asked for.
INSERT INTO clearing.close_order (day, asked_by, asked_at) VALUES (%(day)s, %(by)s, %(at)s)
ON CONFLICT (day) DO NOTHING;

-- name: day_watch
-- The open day, the last closed one, the last that was ended and the first that was begun, since when the open one is timed, and
-- the last day that was asked to be closed and has not been ended.
SELECT b.open_date, b.closed_through, (SELECT max(day) FROM clearing.eod_step WHERE step = 'settle'),
    (SELECT min(day) FROM clearing.eod_step), t.began_at,
    (SELECT max(o.day) FROM clearing.close_order o WHERE NOT EXISTS (
        SELECT 1 FROM clearing.eod_step s WHERE s.day = o.day AND s.step = 'settle'
    ))
FROM base.business_day_view b LEFT JOIN clearing.timed_day t ON t.day = b.open_date;

-- name: close_order_of
-- Who asked for the close of a day.
SELECT asked_by, asked_at FROM clearing.close_order WHERE day = %(day)s;

-- name: time_next_day
-- A day is timed from its opening; one that has been timed for a while goes on.
INSERT INTO clearing.timed_day (singleton, day, began_at) VALUES (true, %(day)s, %(at)s)
ON CONFLICT (singleton) DO UPDATE SET day = excluded.day, began_at = excluded.began_at WHERE timed_day.day < excluded.day;

-- name: time_anew
-- The open day is timed from this moment.
INSERT INTO clearing.timed_day (singleton, day, began_at)
SELECT true, open_date, %(at)s FROM base.business_day_view
ON CONFLICT (singleton) DO UPDATE SET day = excluded.day, began_at = excluded.began_at;

-- name: prove_next_batches
-- The batches of the next day after one that has any.
SELECT id, booking_date, currency, settle_on, participants, movements, drawn_at, cleared_at, settled_at
FROM clearing.batch
WHERE booking_date = (SELECT min(booking_date) FROM clearing.batch WHERE booking_date > %(after)s) ORDER BY currency;

-- name: prove_positions
-- A page of a batch's positions, by id.
SELECT id, batch_id, kind, participant_id, takings_ledger_id, settlement_ledger_id, captures_minor, refunds_minor,
    covered_minor, fees_minor, carried_minor, net_minor, state, booked_on
FROM clearing.position WHERE batch_id = %(batch_id)s AND (%(after)s::uuid IS NULL OR id > %(after)s)
ORDER BY id LIMIT %(most)s;

-- name: prove_effects
-- What these transfers did to the acquirer's clearing account.
SELECT e.transfer_id, sum(e.amount_minor)::bigint FROM ledger.entry_view e
WHERE e.transfer_id = ANY(%(ids)s::uuid[]) AND e.booking_date >= %(first)s
    AND e.account_id IN (SELECT id FROM ledger.account_view WHERE gl_line = %(clearing)s)
GROUP BY e.transfer_id;

-- name: prove_clearing_account
-- Currencies in which the clearing account holds something else than it should, both sides of one moment.
SELECT coalesce(a.currency, p.currency), coalesce(p.expected, 0)::bigint, coalesce(a.found, 0)::bigint
FROM (
    SELECT currency, sum(balance_minor) AS found FROM ledger.account_view WHERE gl_line = %(clearing)s GROUP BY currency
) AS a FULL JOIN (
    SELECT b.currency, sum(CASE
        WHEN p.state = 'drawn' THEN p.carried_minor
        WHEN p.state = 'cleared' THEN p.net_minor + p.fees_minor
        WHEN p.state = 'carried' AND p.carried_into IS NULL THEN p.net_minor
        ELSE 0 END) AS expected
    FROM clearing.position p JOIN clearing.batch b ON b.id = p.batch_id WHERE p.kind = 'merchant' GROUP BY b.currency
) AS p ON p.currency = a.currency
WHERE coalesce(p.expected, 0) <> coalesce(a.found, 0) ORDER BY 1;

-- name: prove_orders
-- Orders that have followed all events of their payment and say something else than it does.
SELECT o.id, 'captured ' || p.captured_minor || ' refunded ' || p.refunded_minor || ' of ' || p.amount_minor,
    'captured ' || o.captured_minor || ' refunded ' || o.refunded_minor || ' of ' || o.amount_minor
FROM merchants.order_view o JOIN payments.payment_view p ON p.id = o.payment_id
WHERE (o.payment_sequence = p.sequence AND (o.captured_minor, o.refunded_minor) <> (p.captured_minor, p.refunded_minor))
    OR (o.amount_minor, o.currency, o.merchant_id) <> (p.amount_minor, p.currency, p.merchant_id)
    OR p.order_id IS DISTINCT FROM o.id
ORDER BY o.id LIMIT %(most)s;
