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

-- name: takings_of
-- A merchant's booking day by method and currency, live.
SELECT method, currency, count(*) FILTER (WHERE kind IN ('capture', 'confirm')),
    coalesce(sum(amount_minor) FILTER (WHERE kind IN ('capture', 'confirm')), 0)::bigint,
    count(*) FILTER (WHERE kind = 'refund'), coalesce(-sum(amount_minor) FILTER (WHERE kind = 'refund'), 0)::bigint,
    coalesce(sum(amount_minor) FILTER (WHERE kind = 'cover'), 0)::bigint, sum(fee_minor)::bigint
FROM payments.merchant_movement_view
WHERE merchant_id = %(merchant_id)s AND booking_date = %(day)s
GROUP BY method, currency ORDER BY currency, method;

-- name: fees_of
-- A merchant's fees over booking days, a row a day, method and currency.
SELECT booking_date, method, currency, count(*) FILTER (WHERE kind IN ('capture', 'confirm')),
    coalesce(sum(amount_minor) FILTER (WHERE kind IN ('capture', 'confirm')), 0)::bigint,
    coalesce(-sum(amount_minor) FILTER (WHERE kind = 'refund'), 0)::bigint, sum(fee_minor)::bigint
FROM payments.merchant_movement_view
WHERE merchant_id = %(merchant_id)s AND booking_date BETWEEN %(first)s AND %(last)s
GROUP BY booking_date, method, currency ORDER BY booking_date, currency, method;

-- name: eod_steps
-- What was done for a day.
SELECT step, done_at, result FROM clearing.eod_step WHERE day = %(day)s
ORDER BY array_position(ARRAY['expire', 'close', 'trial_balance', 'clear', 'settle'], step);

-- name: add_eod_step
-- Each step of a day is recorded once.
INSERT INTO clearing.eod_step (day, step, done_at, result) VALUES (%(day)s, %(step)s, %(at)s, %(result)s::jsonb)
ON CONFLICT (day, step) DO NOTHING;

-- name: eod_reach
-- The last day that was ended, and the first that was begun.
SELECT max(day) FILTER (WHERE step = 'settle'), min(day) FROM clearing.eod_step;

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
