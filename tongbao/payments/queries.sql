-- name: claim
-- Claims ids by inserting the payments themselves, in the order of their ids; answers those that were new, each with the
-- first of the bank's switches that stops it: of its kind, its merchant, its merchant's country, its method.
WITH claimed AS (
INSERT INTO payments.payment (id, kind, principal_id, request_hash, payer_account_id, payee_account_id, merchant_id,
    order_id, amount_minor, currency, capture, arrives, method, reference, device, created_at, state, refusal,
    authorised_minor, captured_minor, refunded_minor, disputed_minor, settled_minor, fee_minor, at_once_minor,
    at_once_fee_minor, booking_date, decided_at, due_at, sequence, rail)
SELECT i, k, pr, h, f, t, m, o, a, y, c, ar, me, r, de, %(at)s, 'created', NULL, 0, 0, 0, 0, 0, 0, 0, 0,
    (SELECT open_date FROM base.business_day_view), NULL, NULL, 0, ra
FROM unnest(
    %(keys)s::uuid[], %(kinds)s::text[], %(principals)s::uuid[], %(hashes)s::bytea[], %(payers)s::uuid[],
    %(payees)s::uuid[], %(merchants)s::uuid[], %(orders)s::uuid[], %(amounts)s::bigint[], %(currencies)s::text[],
    %(captures)s::text[], %(arrives)s::text[], %(methods)s::text[], %(references)s::text[], %(devices)s::text[],
    %(rails)s::text[]
) AS u (i, k, pr, h, f, t, m, o, a, y, c, ar, me, r, de, ra)
ON CONFLICT (id) DO NOTHING
RETURNING id, kind, merchant_id, method
)
SELECT c.id, coalesce(k.scope, m.scope, l.scope, w.scope) FROM claimed c
LEFT JOIN payments.switch k ON k.scope = 'kind' AND k.key = c.kind AND k.stopped
    AND (k.until IS NULL OR k.until > %(at)s)
LEFT JOIN payments.switch m ON m.scope = 'merchant' AND m.key = c.merchant_id::text AND m.stopped
    AND (m.until IS NULL OR m.until > %(at)s)
LEFT JOIN payments.switch l ON l.scope = 'country' AND l.stopped AND (l.until IS NULL OR l.until > %(at)s)
    AND l.key = (SELECT v.country FROM merchants.merchant_view v WHERE v.id = c.merchant_id)
LEFT JOIN payments.switch w ON w.scope = 'method' AND w.key = c.method AND w.stopped
    AND (w.until IS NULL OR w.until > %(at)s);

-- name: payments
-- Payments as they are now.
SELECT id, kind, principal_id, request_hash, payer_account_id, payee_account_id, merchant_id, order_id, amount_minor,
    currency, capture, arrives, method, reference, device, created_at, state, refusal, authorised_minor, captured_minor,
    refunded_minor, disputed_minor, settled_minor, fee_minor, at_once_minor, at_once_fee_minor, booking_date, decided_at,
    due_at, sequence, rail
FROM payments.payment WHERE id = ANY(%(ids)s::uuid[]);

-- name: lock_payments
-- The same, locked for whoever changes them.
SELECT id, kind, principal_id, request_hash, payer_account_id, payee_account_id, merchant_id, order_id, amount_minor,
    currency, capture, arrives, method, reference, device, created_at, state, refusal, authorised_minor, captured_minor,
    refunded_minor, disputed_minor, settled_minor, fee_minor, at_once_minor, at_once_fee_minor, booking_date, decided_at,
    due_at, sequence, rail
FROM payments.payment WHERE id = ANY(%(keys)s::uuid[]) ORDER BY id FOR NO KEY UPDATE;

-- name: decisions
-- The first decision of each payment; the booking date finds the partition.
SELECT d.payment_id, d.state, d.due_at, d.checks
FROM payments.payment p
JOIN payments.decision d ON d.payment_id = p.id AND d.booking_date = p.booking_date
WHERE p.id = ANY(%(ids)s::uuid[]);

-- name: parties
-- What never changes about an account: where it stands in the ledger, its currency, whose it is, and since when.
SELECT a.id, a.ledger_id, a.currency, a.product, a.customer_id, g.opened_at
FROM identity.account_view a JOIN identity.account_age_view g ON g.id = a.id
WHERE a.id = ANY(%(ids)s::uuid[]);

-- name: ensure_spending
-- A payer's counter row, made before the first payment that needs it.
INSERT INTO payments.spending (account_id, day, day_minor, day_count, month, month_minor, month_count)
SELECT id, %(day)s, 0, 0, date_trunc('month', %(day)s::date)::date, 0, 0
FROM unnest(%(ids)s::uuid[]) AS u (id) ORDER BY id
ON CONFLICT (account_id) DO NOTHING;

-- name: lock_spending
-- Counters of payers with the limits that hold for them: the account's own or the bank's, and the customer's where lower;
-- whether the customer may pay, which the ledger learns a moment later; and what he may pay at his level: in CNY alone, and
-- nothing at a level that is not there. Joined from outside, so that the planner starts from the counters in any case.
SELECT s.account_id, s.day, s.day_minor, s.day_count, s.month, s.month_minor, s.month_count, v.customer_status = 'open',
    least(CASE WHEN o.account_id IS NULL THEN b.per_payment_minor ELSE o.per_payment_minor END, c.per_payment_minor),
    least(CASE WHEN o.account_id IS NULL THEN b.per_day_minor ELSE o.per_day_minor END, c.per_day_minor),
    least(CASE WHEN o.account_id IS NULL THEN b.per_month_minor ELSE o.per_month_minor END, c.per_month_minor),
    least(CASE WHEN o.account_id IS NULL THEN b.per_day_count ELSE o.per_day_count END, c.per_day_count),
    least(CASE WHEN o.account_id IS NULL THEN b.per_month_count ELSE o.per_month_count END, c.per_month_count),
    v.customer_level,
    CASE WHEN e.level IS NOT NULL AND (v.currency = 'CNY' OR e.per_payment_minor IS NULL) THEN e.per_payment_minor ELSE 0 END,
    CASE WHEN e.level IS NOT NULL AND (v.currency = 'CNY' OR e.per_day_minor IS NULL) THEN e.per_day_minor ELSE 0 END
FROM payments.spending s
JOIN identity.account_view v ON v.id = s.account_id
LEFT JOIN identity.level_view e ON e.level = v.bound_level
LEFT JOIN payments.bank_limit b ON b.customer_kind = v.customer_kind AND b.currency = v.currency
LEFT JOIN payments.account_limit o ON o.account_id = s.account_id AND o.set_by = 'bank'
LEFT JOIN payments.account_limit c ON c.account_id = s.account_id AND c.set_by = 'customer'
WHERE s.account_id = ANY(%(keys)s::uuid[])
ORDER BY s.account_id FOR NO KEY UPDATE OF s;

-- name: write
-- All that a batch has decided: payments, decisions, operations, counters, what waits for something, what payers are asked.
WITH payments_now AS (
    UPDATE payments.payment p SET state = u.s, refusal = u.r, authorised_minor = u.a, captured_minor = u.c,
        refunded_minor = u.f, fee_minor = u.e, at_once_minor = u.o, at_once_fee_minor = u.of, booking_date = u.b,
        decided_at = u.d, due_at = u.du, sequence = u.q
    FROM unnest(
        %(p_ids)s::uuid[], %(p_states)s::text[], %(p_refusals)s::text[], %(p_authorised)s::bigint[],
        %(p_captured)s::bigint[], %(p_refunded)s::bigint[], %(p_fees)s::bigint[], %(p_at_once)s::bigint[],
        %(p_at_once_fees)s::bigint[], %(p_days)s::date[], %(p_decided)s::timestamptz[], %(p_due)s::timestamptz[],
        %(p_sequences)s::int[]
    ) AS u (i, s, r, a, c, f, e, o, of, b, d, du, q)
    WHERE p.id = u.i
), decisions AS (
    INSERT INTO payments.decision (payment_id, booking_date, decided_at, state, due_at, checks)
    SELECT i, %(booking_date)s, %(at)s, s, u, c
    FROM unnest(%(d_ids)s::uuid[], %(d_states)s::text[], %(d_due)s::timestamptz[], %(d_checks)s::jsonb[]) AS d (i, s, u, c)
), operations_now AS (
    UPDATE payments.operation o SET state = u.s, refusal = u.r, moved_minor = u.m, covered_minor = u.v,
        fee_minor = u.f, booking_date = %(booking_date)s, answer = u.a
    FROM unnest(
        %(o_ids)s::uuid[], %(o_states)s::text[], %(o_refusals)s::text[], %(o_moved)s::bigint[], %(o_covered)s::bigint[],
        %(o_fees)s::bigint[], %(o_answers)s::jsonb[]
    ) AS u (i, s, r, m, v, f, a)
    WHERE o.id = u.i
), no_longer_open AS (
    DELETE FROM payments.open_payment WHERE payment_id = ANY(%(closed)s::uuid[])
), back AS (
    SELECT i FROM unnest(%(back)s::uuid[]) AS u (i)
    WHERE NOT EXISTS (
        SELECT 1 FROM payments.operation o
        WHERE o.payment_id = u.i AND o.kind IN ('rail_reversed', 'rail_kept') AND o.state = 'done'
    )
), no_longer_asked AS (
    -- What may have left is taken back, but not while somebody is asking for it: a reversal never comes before what it reverses.
    UPDATE payments.rail_payment r SET
        next = CASE WHEN r.sent_at IS NOT NULL AND r.payment_id IN (SELECT i FROM back) THEN 'reverse' END,
        next_at = CASE WHEN r.sent_at IS NOT NULL AND r.payment_id IN (SELECT i FROM back)
            THEN greatest(%(at)s::timestamptz, CASE WHEN r.lease IS NOT NULL AND r.next = 'pull' THEN r.next_at END) END,
        lease = NULL, tries = 0
    WHERE r.payment_id = ANY(%(closed)s::uuid[])
), now_asked AS (
    INSERT INTO payments.rail_payment (payment_id, rail, outside_account, next, next_at, lease, tries, sent_at)
    SELECT i, r, a, CASE WHEN n THEN 'pull' END, CASE WHEN n THEN %(at)s::timestamptz END, NULL, 0, NULL
    FROM unnest(%(r_ids)s::uuid[], %(r_rails)s::text[], %(r_accounts)s::text[], %(r_now)s::boolean[]) AS u (i, r, a, n)
    ON CONFLICT (payment_id) DO UPDATE SET next = excluded.next, next_at = excluded.next_at
), now_challenged AS (
    INSERT INTO payments.challenge (payment_id, ways, large, signed, policy_version, why, nonce, expires_at)
    SELECT i, w, l, s, v, y, n, e
    FROM unnest(
        %(c_ids)s::uuid[], %(c_ways)s::smallint[], %(c_large)s::boolean[], %(c_signed)s::boolean[], %(c_versions)s::int[],
        %(c_whys)s::text[], %(c_nonces)s::bytea[], %(c_until)s::timestamptz[]
    ) AS u (i, w, l, s, v, y, n, e)
), now_asked_of_family AS (
    INSERT INTO payments.family_ask (payment_id, family_id, asked_at, due_at)
    SELECT i, f, %(at)s, e
    FROM unnest(%(c_ids)s::uuid[], %(c_families)s::uuid[], %(c_until)s::timestamptz[]) AS u (i, f, e)
    WHERE f IS NOT NULL
), now_open AS (
    INSERT INTO payments.open_payment (payment_id, waits_for, since, due_at)
    SELECT i, w, %(at)s, d FROM unnest(%(w_ids)s::uuid[], %(w_for)s::text[], %(w_due)s::timestamptz[]) AS w (i, w, d)
    ON CONFLICT (payment_id) DO UPDATE SET waits_for = excluded.waits_for, due_at = excluded.due_at, taken_by = NULL
)
UPDATE payments.spending s SET day = u.d, day_minor = u.dm, day_count = u.dc, month = u.m, month_minor = u.mm,
    month_count = u.mc
FROM unnest(
    %(s_ids)s::uuid[], %(s_days)s::date[], %(s_day_minor)s::bigint[], %(s_day_count)s::int[], %(s_months)s::date[],
    %(s_month_minor)s::bigint[], %(s_month_count)s::int[]
) AS u (i, d, dm, dc, m, mm, mc)
WHERE s.account_id = u.i;

-- name: claim_operations
-- Claims ids by inserting the operations themselves; answers those that were new. A confirmation is where money first
-- moves, so it comes with the first switch that stops its payment.
WITH claimed AS (
INSERT INTO payments.operation (id, payment_id, kind, principal_id, request_hash, amount_minor, final, reason, asked_at,
    state, refusal, moved_minor, covered_minor, fee_minor, booking_date, answer)
SELECT i, p, %(kind)s, pr, h, a, f, r, %(at)s, 'claimed', NULL, 0, 0, 0, (SELECT open_date FROM base.business_day_view), NULL
FROM unnest(
    %(keys)s::uuid[], %(payments)s::uuid[], %(principals)s::uuid[], %(hashes)s::bytea[], %(amounts)s::bigint[],
    %(finals)s::boolean[], %(reasons)s::text[]
) AS u (i, p, pr, h, a, f, r)
ON CONFLICT (id) DO NOTHING
RETURNING id, payment_id
)
SELECT c.id, coalesce(k.scope, m.scope, l.scope, w.scope) FROM claimed c
LEFT JOIN payments.payment p ON p.id = c.payment_id AND %(kind)s = 'confirm'
LEFT JOIN payments.switch k ON k.scope = 'kind' AND k.key = p.kind AND k.stopped
    AND (k.until IS NULL OR k.until > %(at)s)
LEFT JOIN payments.switch m ON m.scope = 'merchant' AND m.key = p.merchant_id::text AND m.stopped
    AND (m.until IS NULL OR m.until > %(at)s)
LEFT JOIN payments.switch l ON l.scope = 'country' AND l.stopped AND (l.until IS NULL OR l.until > %(at)s)
    AND l.key = (SELECT v.country FROM merchants.merchant_view v WHERE v.id = p.merchant_id)
LEFT JOIN payments.switch w ON w.scope = 'method' AND w.key = p.method AND w.stopped
    AND (w.until IS NULL OR w.until > %(at)s);

-- name: operations
-- What ids that were claimed before stand for, and what was answered.
SELECT id, payment_id, kind, principal_id, request_hash, state, refusal, answer
FROM payments.operation WHERE id = ANY(%(ids)s::uuid[]);

-- name: due
-- Payments whose time has come, oldest first. What waits for a rail is not ended by the time that has passed.
SELECT payment_id, waits_for FROM payments.open_payment
WHERE due_at <= %(at)s AND waits_for NOT IN ('rail', 'rail_answer') ORDER BY due_at, payment_id LIMIT %(most)s;

-- name: records
-- Payments of the whole bank, newest first, from below a place on.
SELECT id, kind, principal_id, request_hash, payer_account_id, payee_account_id, merchant_id, order_id, amount_minor,
    currency, capture, arrives, method, reference, device, created_at, state, refusal, authorised_minor, captured_minor,
    refunded_minor, disputed_minor, settled_minor, fee_minor, at_once_minor, at_once_fee_minor, booking_date, decided_at,
    due_at, sequence, rail
FROM (
    (SELECT * FROM payments.payment
    WHERE created_at >= %(since)s AND created_at < %(until)s AND (created_at, id) < (%(before)s, %(before_id)s::uuid)
      AND amount_minor BETWEEN %(smallest)s::bigint AND %(largest)s::bigint
      AND (%(state)s::text IS NULL OR state = %(state)s) AND (%(kind)s::text IS NULL OR kind = %(kind)s)
      AND (%(method)s::text IS NULL OR method = %(method)s)
      AND (%(merchant_id)s::uuid IS NULL OR merchant_id = %(merchant_id)s)
    ORDER BY created_at DESC, id DESC LIMIT %(most)s)
) AS p ORDER BY created_at DESC, id DESC LIMIT %(most)s;

-- name: records_of_account
-- The same for one account, as payer or as payee: each side by its own index, never more than a page of each.
-- `of_owner`: without what others tried with this account, or tried to pay to it.
SELECT id, kind, principal_id, request_hash, payer_account_id, payee_account_id, merchant_id, order_id, amount_minor,
    currency, capture, arrives, method, reference, device, created_at, state, refusal, authorised_minor, captured_minor,
    refunded_minor, disputed_minor, settled_minor, fee_minor, at_once_minor, at_once_fee_minor, booking_date, decided_at,
    due_at, sequence, rail
FROM (
    (SELECT * FROM payments.payment
    WHERE payer_account_id = %(account_id)s::uuid
      AND (NOT %(of_owner)s::boolean OR refusal IS DISTINCT FROM 'payer_unknown')
      AND created_at >= %(since)s AND created_at < %(until)s AND (created_at, id) < (%(before)s, %(before_id)s::uuid)
      AND amount_minor BETWEEN %(smallest)s::bigint AND %(largest)s::bigint
      AND (%(state)s::text IS NULL OR state = %(state)s) AND (%(kind)s::text IS NULL OR kind = %(kind)s)
      AND (%(method)s::text IS NULL OR method = %(method)s)
      AND (%(merchant_id)s::uuid IS NULL OR merchant_id = %(merchant_id)s)
    ORDER BY created_at DESC, id DESC LIMIT %(most)s)
    UNION ALL
    (SELECT * FROM payments.payment
    WHERE payee_account_id = %(account_id)s::uuid AND payer_account_id <> %(account_id)s::uuid
      AND (NOT %(of_owner)s::boolean OR captured_minor > 0)
      AND created_at >= %(since)s AND created_at < %(until)s AND (created_at, id) < (%(before)s, %(before_id)s::uuid)
      AND amount_minor BETWEEN %(smallest)s::bigint AND %(largest)s::bigint
      AND (%(state)s::text IS NULL OR state = %(state)s) AND (%(kind)s::text IS NULL OR kind = %(kind)s)
      AND (%(method)s::text IS NULL OR method = %(method)s)
      AND (%(merchant_id)s::uuid IS NULL OR merchant_id = %(merchant_id)s)
    ORDER BY created_at DESC, id DESC LIMIT %(most)s)
) AS p ORDER BY created_at DESC, id DESC LIMIT %(most)s;

-- name: records_between
-- The same between two accounts, whichever of them paid.
SELECT id, kind, principal_id, request_hash, payer_account_id, payee_account_id, merchant_id, order_id, amount_minor,
    currency, capture, arrives, method, reference, device, created_at, state, refusal, authorised_minor, captured_minor,
    refunded_minor, disputed_minor, settled_minor, fee_minor, at_once_minor, at_once_fee_minor, booking_date, decided_at,
    due_at, sequence, rail
FROM (
    (SELECT * FROM payments.payment
    WHERE payer_account_id = %(account_id)s::uuid AND payee_account_id = %(party_id)s::uuid
      AND (NOT %(of_owner)s::boolean OR refusal IS DISTINCT FROM 'payer_unknown')
      AND created_at >= %(since)s AND created_at < %(until)s AND (created_at, id) < (%(before)s, %(before_id)s::uuid)
      AND amount_minor BETWEEN %(smallest)s::bigint AND %(largest)s::bigint
      AND (%(state)s::text IS NULL OR state = %(state)s) AND (%(kind)s::text IS NULL OR kind = %(kind)s)
      AND (%(method)s::text IS NULL OR method = %(method)s)
      AND (%(merchant_id)s::uuid IS NULL OR merchant_id = %(merchant_id)s)
    ORDER BY created_at DESC, id DESC LIMIT %(most)s)
    UNION ALL
    (SELECT * FROM payments.payment
    WHERE payer_account_id = %(party_id)s::uuid AND payee_account_id = %(account_id)s::uuid AND payer_account_id <> payee_account_id
      AND (NOT %(of_owner)s::boolean OR captured_minor > 0)
      AND created_at >= %(since)s AND created_at < %(until)s AND (created_at, id) < (%(before)s, %(before_id)s::uuid)
      AND amount_minor BETWEEN %(smallest)s::bigint AND %(largest)s::bigint
      AND (%(state)s::text IS NULL OR state = %(state)s) AND (%(kind)s::text IS NULL OR kind = %(kind)s)
      AND (%(method)s::text IS NULL OR method = %(method)s)
      AND (%(merchant_id)s::uuid IS NULL OR merchant_id = %(merchant_id)s)
    ORDER BY created_at DESC, id DESC LIMIT %(most)s)
) AS p ORDER BY created_at DESC, id DESC LIMIT %(most)s;

-- name: sums_of_owner
-- What an account paid and what it was paid between two moments, less what went back, and how many times.
SELECT coalesce(sum(paid), 0)::bigint, count(paid), coalesce(sum(received), 0)::bigint, count(received)
FROM (
    SELECT captured_minor - refunded_minor AS paid, NULL::bigint AS received FROM payments.payment
    WHERE payer_account_id = %(account_id)s::uuid AND created_at >= %(since)s AND created_at < %(until)s AND captured_minor > 0
    UNION ALL
    SELECT NULL, captured_minor - refunded_minor FROM payments.payment
    WHERE payee_account_id = %(account_id)s::uuid AND created_at >= %(since)s AND created_at < %(until)s AND captured_minor > 0
) AS p;

-- name: payment_of_operation
-- Which payment something was asked of.
SELECT payment_id FROM payments.operation WHERE id = %(id)s;

-- name: operations_of
-- Everything that was asked of one payment, in order.
SELECT id, kind, principal_id, amount_minor, final, reason, asked_at, state, refusal, moved_minor, covered_minor, fee_minor,
    answer
FROM payments.operation WHERE payment_id = %(payment_id)s ORDER BY asked_at, id LIMIT 1000;

-- name: entries_of
-- What these transfers moved: each posting seen from both of its accounts, with the balance after it, and whose they are.
SELECT t.id, t.recorded_at, t.kind, e.posting_id, e.amount_minor, e.balance_minor, e.currency, a.gl_line, i.id, i.number
FROM ledger.transfer_view t
JOIN ledger.entry_view e ON e.transfer_id = t.id AND e.booking_date = t.booking_date
JOIN ledger.account_view a ON a.id = e.account_id
LEFT JOIN identity.account_view i ON i.ledger_id = e.account_id
WHERE t.id = ANY(%(ids)s::uuid[]) ORDER BY e.posting_id, e.amount_minor;

-- name: hold_of
-- The money set aside for a payment.
SELECT amount_minor, left_minor, captured_minor, placed_at, expires_at FROM ledger.hold_view WHERE id = %(id)s;

-- name: limits_of
-- All limits of an account and what it has spent; NULLs where it has never paid.
SELECT v.id, v.currency, v.customer_kind, o.account_id IS NOT NULL,
    CASE WHEN o.account_id IS NULL THEN b.per_payment_minor ELSE o.per_payment_minor END,
    CASE WHEN o.account_id IS NULL THEN b.per_day_minor ELSE o.per_day_minor END,
    CASE WHEN o.account_id IS NULL THEN b.per_month_minor ELSE o.per_month_minor END,
    CASE WHEN o.account_id IS NULL THEN b.per_day_count ELSE o.per_day_count END,
    CASE WHEN o.account_id IS NULL THEN b.per_month_count ELSE o.per_month_count END,
    c.per_payment_minor, c.per_day_minor, c.per_month_minor, c.per_day_count, c.per_month_count,
    v.customer_level,
    CASE WHEN e.level IS NOT NULL AND (v.currency = 'CNY' OR e.per_payment_minor IS NULL) THEN e.per_payment_minor ELSE 0 END,
    CASE WHEN e.level IS NOT NULL AND (v.currency = 'CNY' OR e.per_day_minor IS NULL) THEN e.per_day_minor ELSE 0 END,
    s.account_id, s.day, s.day_minor, s.day_count, s.month, s.month_minor, s.month_count
FROM identity.account_view v
LEFT JOIN identity.level_view e ON e.level = v.bound_level
LEFT JOIN payments.bank_limit b ON b.customer_kind = v.customer_kind AND b.currency = v.currency
LEFT JOIN payments.account_limit o ON o.account_id = v.id AND o.set_by = 'bank'
LEFT JOIN payments.account_limit c ON c.account_id = v.id AND c.set_by = 'customer'
LEFT JOIN payments.spending s ON s.account_id = v.id
WHERE v.id = %(account_id)s;

-- name: bank_limits
-- The bank's limits for everybody.
SELECT customer_kind, currency, per_payment_minor, per_day_minor, per_month_minor, per_day_count, per_month_count
FROM payments.bank_limit ORDER BY customer_kind, currency;

-- name: set_bank_limit
-- The bank's limits for one kind of customer and currency.
INSERT INTO payments.bank_limit (customer_kind, currency, per_payment_minor, per_day_minor, per_month_minor, per_day_count,
    per_month_count)
VALUES (%(customer_kind)s, %(currency)s, %(per_payment)s, %(per_day)s, %(per_month)s, %(day_count)s, %(month_count)s)
ON CONFLICT (customer_kind, currency) DO UPDATE SET per_payment_minor = excluded.per_payment_minor,
    per_day_minor = excluded.per_day_minor, per_month_minor = excluded.per_month_minor,
    per_day_count = excluded.per_day_count, per_month_count = excluded.per_month_count;

-- name: set_account_limit
-- Limits of one account, by the bank or by its customer.
INSERT INTO payments.account_limit (account_id, set_by, per_payment_minor, per_day_minor, per_month_minor, per_day_count,
    per_month_count, set_at)
VALUES (%(account_id)s, %(set_by)s, %(per_payment)s, %(per_day)s, %(per_month)s, %(day_count)s, %(month_count)s, %(at)s)
ON CONFLICT (account_id, set_by) DO UPDATE SET per_payment_minor = excluded.per_payment_minor,
    per_day_minor = excluded.per_day_minor, per_month_minor = excluded.per_month_minor,
    per_day_count = excluded.per_day_count, per_month_count = excluded.per_month_count, set_at = excluded.set_at;

-- name: drop_account_limit
-- The account has no limits of its own any more.
DELETE FROM payments.account_limit WHERE account_id = %(account_id)s AND set_by = %(set_by)s;

-- name: switches
-- Every switch that was ever thrown; of merchants', those that are stopped first, then the newest.
SELECT scope, key, stopped, since, changed_by, reason, until, version FROM payments.switch
ORDER BY scope = 'merchant', stopped DESC, since DESC, scope, key LIMIT %(most)s;

-- name: lock_switch
-- One switch, for whoever throws it.
SELECT scope, key, stopped, since, changed_by, reason, until, version FROM payments.switch
WHERE scope = %(scope)s AND key = ANY(%(keys)s::text[]) FOR NO KEY UPDATE;

-- name: add_switch
-- Thrown for the first time; answers nothing where somebody else was first.
INSERT INTO payments.switch (scope, key, stopped, since, changed_by, reason, until, version)
SELECT %(scope)s, key, %(stopped)s, %(since)s, %(changed_by)s, %(reason)s, %(until)s, %(version)s
FROM unnest(%(keys)s::text[]) AS u (key)
ON CONFLICT (scope, key) DO NOTHING RETURNING version;

-- name: set_switch
-- Thrown again.
UPDATE payments.switch SET stopped = %(stopped)s, since = %(since)s, changed_by = %(changed_by)s, reason = %(reason)s,
    until = %(until)s, version = %(version)s
WHERE scope = %(scope)s AND key = %(key)s;

-- name: stopped
-- Which of these a switch stops, if any.
SELECT scope FROM payments.switch
WHERE stopped AND (until IS NULL OR until > %(at)s)
  AND (scope, key) IN (SELECT s, k FROM unnest(%(scopes)s::text[], %(keys)s::text[]) AS u (s, k))
ORDER BY scope LIMIT 1;

-- name: claim_payroll
-- Claims the id; answers nothing where it is taken.
INSERT INTO payments.payroll (id, principal_id, request_hash, payer_account_id, currency, state, created_at)
SELECT id, %(principal_id)s, %(request_hash)s, %(payer_account_id)s, %(currency)s, 'preview', %(at)s
FROM unnest(%(keys)s::uuid[]) AS u (id)
ON CONFLICT (id) DO NOTHING RETURNING id;

-- name: add_payroll_lines
-- The lines as they were read, those with a problem too.
INSERT INTO payments.payroll_line (payroll_id, line, account_number, account_id, amount_minor, reference, problem,
    duplicate_of, state)
SELECT %(payroll_id)s, l, n, a, m, r, p, d, 'waiting' FROM unnest(
    %(lines)s::int[], %(numbers)s::text[], %(accounts)s::uuid[], %(amounts)s::bigint[], %(references)s::text[],
    %(problems)s::text[], %(duplicates)s::int[]
) AS u (l, n, a, m, r, p, d);

-- name: accounts_by_number
-- Who has these account numbers.
SELECT number, id, currency, customer_id FROM identity.account_view WHERE number = ANY(%(numbers)s::text[]);

-- name: payroll
-- One payroll.
SELECT id, principal_id, request_hash, payer_account_id, currency, state, created_at, confirmed_at, completed_at
FROM payments.payroll WHERE id = %(id)s;

-- name: lock_payroll
-- For whoever confirms, cancels or completes it.
SELECT id, principal_id, request_hash, payer_account_id, currency, state, created_at, confirmed_at, completed_at
FROM payments.payroll WHERE id = ANY(%(keys)s::uuid[]) ORDER BY id FOR NO KEY UPDATE;

-- name: payroll_figures
-- Lines and money of a payroll by what is the matter with them and what became of them.
SELECT state, problem, duplicate_of IS NOT NULL, count(*), coalesce(sum(amount_minor), 0)::bigint
FROM payments.payroll_line WHERE payroll_id = %(id)s GROUP BY 1, 2, 3 ORDER BY 1, 2, 3;

-- name: payroll_lines
-- A page of lines; `failures`: only those that were not paid for a reason, or never will be.
SELECT line, account_number, account_id, amount_minor, reference, problem, duplicate_of, state, refusal, payment_id
FROM payments.payroll_line
WHERE payroll_id = %(id)s AND line > %(after)s
  AND (NOT %(failures)s OR problem IS NOT NULL OR state IN ('failed', 'skipped'))
ORDER BY line LIMIT %(most)s;

-- name: confirm_payroll
-- From now on it is paid.
UPDATE payments.payroll SET state = 'running', confirmed_at = %(at)s, confirmed_by = %(by)s WHERE id = %(id)s;

-- name: skip_payroll_lines
-- Lines that will not be paid: those with a problem and, where so decided, those that say the same as an earlier one.
UPDATE payments.payroll_line SET state = 'skipped'
WHERE payroll_id = %(id)s AND state = 'waiting'
  AND (problem IS NOT NULL OR (%(duplicates)s AND duplicate_of IS NOT NULL));

-- name: set_payroll_state
-- Its end, whichever it is.
UPDATE payments.payroll SET state = %(state)s, completed_at = %(at)s WHERE id = %(id)s;

-- name: payroll_waiting
-- The next lines to pay.
SELECT line, account_id, amount_minor, reference, payment_id FROM payments.payroll_line
WHERE payroll_id = %(id)s AND state = 'waiting' ORDER BY line LIMIT %(most)s;

-- name: record_payroll_lines
-- What became of these lines.
UPDATE payments.payroll_line p SET state = u.s, refusal = u.r, payment_id = u.i
FROM unnest(%(lines)s::int[], %(states)s::text[], %(refusals)s::text[], %(payments)s::uuid[]) AS u (l, s, r, i)
WHERE p.payroll_id = %(id)s AND p.line = u.l AND p.state = 'waiting';

-- name: running_payrolls
-- Payrolls that were confirmed and are not done, such as those whose process was killed.
SELECT id FROM payments.payroll WHERE state = 'running' ORDER BY id LIMIT 100;

-- name: payrolls
-- Payrolls of an account, newest first, from below a place on.
SELECT id, principal_id, request_hash, payer_account_id, currency, state, created_at, confirmed_at, completed_at
FROM payments.payroll
WHERE payer_account_id = %(account_id)s AND (created_at, id) < (%(before)s, %(before_id)s::uuid)
ORDER BY created_at DESC, id DESC LIMIT %(most)s;

-- name: claim_schedule
-- Claims the id by inserting the schedule; answers nothing where it is taken.
INSERT INTO payments.schedule (id, principal_id, request_hash, payer_account_id, payee_account_id, merchant_id,
    amount_minor, currency, reference, every, starts_on, ends_on, next_on, try_on, failures, state, sequence, created_at)
SELECT id, %(principal_id)s, %(request_hash)s, %(payer_account_id)s, %(payee_account_id)s, %(merchant_id)s,
    %(amount_minor)s, %(currency)s, %(reference)s, %(every)s, %(starts_on)s, %(ends_on)s, %(starts_on)s, %(starts_on)s, 0,
    'active', 0, %(at)s
FROM unnest(%(keys)s::uuid[]) AS u (id)
ON CONFLICT (id) DO NOTHING RETURNING id;

-- name: schedules
-- Schedules by id.
SELECT id, principal_id, request_hash, payer_account_id, payee_account_id, merchant_id, amount_minor, currency, reference,
    every, starts_on, ends_on, next_on, try_on, failures, state, sequence, created_at
FROM payments.schedule WHERE id = ANY(%(ids)s::uuid[]);

-- name: lock_schedules
-- The same, locked for whoever changes them.
SELECT id, principal_id, request_hash, payer_account_id, payee_account_id, merchant_id, amount_minor, currency, reference,
    every, starts_on, ends_on, next_on, try_on, failures, state, sequence, created_at
FROM payments.schedule WHERE id = ANY(%(keys)s::uuid[]) ORDER BY id FOR NO KEY UPDATE;

-- name: schedules_of
-- An account's schedules, from behind an id on.
SELECT id, principal_id, request_hash, payer_account_id, payee_account_id, merchant_id, amount_minor, currency, reference,
    every, starts_on, ends_on, next_on, try_on, failures, state, sequence, created_at
FROM payments.schedule
WHERE payer_account_id = %(account_id)s AND (%(after)s::uuid IS NULL OR id > %(after)s) ORDER BY id LIMIT %(most)s;

-- name: due_schedules
-- Schedules to be paid today or before, from behind a place on.
SELECT id, principal_id, request_hash, payer_account_id, payee_account_id, merchant_id, amount_minor, currency, reference,
    every, starts_on, ends_on, next_on, try_on, failures, state, sequence, created_at
FROM payments.schedule
WHERE state = 'active' AND try_on <= %(today)s AND (try_on, id) > (%(after)s, %(after_id)s::uuid)
ORDER BY try_on, id LIMIT %(most)s;

-- name: set_schedules
-- Where schedules stand now.
UPDATE payments.schedule s SET next_on = u.n, try_on = u.t, failures = u.f, state = u.st, sequence = u.q
FROM unnest(
    %(ids)s::uuid[], %(next)s::date[], %(try)s::date[], %(failures)s::int[], %(states)s::text[], %(sequences)s::int[]
) AS u (i, n, t, f, st, q)
WHERE s.id = u.i;

-- name: add_schedule_runs
-- Tries, each once.
INSERT INTO payments.schedule_run (schedule_id, due_on, tried_on, payment_id, state, refusal, run_at)
SELECT s, d, t, p, st, r, %(at)s FROM unnest(
    %(schedules)s::uuid[], %(due)s::date[], %(tried)s::date[], %(payments)s::uuid[], %(states)s::text[], %(refusals)s::text[]
) AS u (s, d, t, p, st, r)
ORDER BY s, d, t
ON CONFLICT (schedule_id, due_on, tried_on) DO NOTHING;

-- name: schedule_runs
-- The tries of one schedule, newest first.
SELECT due_on, tried_on, payment_id, state, refusal, run_at FROM payments.schedule_run
WHERE schedule_id = %(id)s AND (tried_on, due_on) < (%(before)s, %(before_due)s)
ORDER BY tried_on DESC, due_on DESC LIMIT %(most)s;

-- name: open_rails
-- Which of these rails are left alone at present, and until when.
SELECT rail, open_until FROM payments.rail_state WHERE rail = ANY(%(keys)s::text[]) AND open_until IS NOT NULL;

-- name: lock_open_rails
-- The same, locked for whoever lets one payment through to see whether the rail is back.
SELECT rail, open_until FROM payments.rail_state
WHERE rail = ANY(%(keys)s::text[]) AND open_until IS NOT NULL ORDER BY rail FOR NO KEY UPDATE;

-- name: set_open_until
-- Rails that are being tried: nobody else tries until then.
UPDATE payments.rail_state SET open_until = %(until)s WHERE rail = ANY(%(rails)s::text[]);

-- name: anybody_waits
-- Whether some payment waits to be asked for at a rail.
SELECT EXISTS (SELECT 1 FROM payments.rail_payment WHERE rail = %(rail)s AND next_at IS NOT NULL);

-- name: lease_rail_payments
-- What is due at rails with room, leased to one caller. A request to send the money counts as sent from here on: whoever dies
-- now may have sent it. Answers with when one may have left before.
WITH due AS MATERIALIZED (
    SELECT d.payment_id, d.sent_at FROM unnest(%(rails)s::text[], %(rooms)s::int[]) AS u (rail, room)
    CROSS JOIN LATERAL (
        SELECT r.payment_id, r.sent_at FROM payments.rail_payment r
        WHERE r.rail = u.rail AND r.next_at <= %(at)s
        ORDER BY r.next_at, r.payment_id LIMIT u.room
        FOR UPDATE OF r SKIP LOCKED
    ) AS d
)
UPDATE payments.rail_payment r SET lease = %(lease)s, next_at = %(until)s,
    sent_at = CASE r.next WHEN 'pull' THEN %(at)s ELSE r.sent_at END
FROM due, payments.payment p WHERE r.payment_id = due.payment_id AND p.id = r.payment_id
RETURNING r.payment_id, r.rail, r.outside_account, p.amount_minor, p.currency, p.due_at, r.next, r.tries, due.sent_at, r.lease,
    r.next = 'reverse' OR p.state IN ('declined', 'cancelled', 'expired');

-- name: rail_parcel
-- What to ask a rail about one payment, outside of the turn.
SELECT r.payment_id, r.rail, r.outside_account, p.amount_minor, p.currency, p.due_at, 'ask', r.tries, r.sent_at, NULL::uuid,
    p.state IN ('declined', 'cancelled', 'expired')
FROM payments.rail_payment r JOIN payments.payment p ON p.id = r.payment_id WHERE r.payment_id = %(id)s;

-- name: ask_again_at
-- When these are asked next, and what; only for whoever still holds the lease.
UPDATE payments.rail_payment r SET next = u.n, next_at = u.a, tries = u.t, sent_at = u.s, lease = NULL
FROM unnest(
    %(ids)s::uuid[], %(leases)s::uuid[], %(next)s::text[], %(next_at)s::timestamptz[], %(tries)s::int[],
    %(sent)s::timestamptz[]
) AS u (i, l, n, a, t, s)
WHERE r.payment_id = u.i AND r.lease = u.l AND r.next_at IS NOT NULL;

-- name: hurry_rail_payments
-- A rail is back: whoever waits for his next turn there has it now.
UPDATE payments.rail_payment SET next_at = %(at)s
WHERE rail = ANY(%(rails)s::text[]) AND next_at > %(at)s AND lease IS NULL;

-- name: hurry_payments
-- Somebody wants to know now: these have their next turn at once, unless they are being asked at this moment.
UPDATE payments.rail_payment r SET next_at = %(at)s
FROM (
    SELECT payment_id FROM payments.rail_payment
    WHERE payment_id = ANY(%(ids)s::uuid[]) AND next_at > %(at)s AND lease IS NULL
    ORDER BY payment_id FOR UPDATE SKIP LOCKED
) AS late WHERE r.payment_id = late.payment_id
RETURNING r.payment_id;

-- name: add_rail_calls
-- What rails were asked and what they said.
INSERT INTO payments.rail_call (payment_id, rail, verb, at, duration_ms, said, reason, asked_by)
SELECT i, r, v, a, d, s, w, b FROM unnest(
    %(ids)s::uuid[], %(rails)s::text[], %(verbs)s::text[], %(moments)s::timestamptz[], %(durations)s::int[],
    %(said)s::text[], %(reasons)s::text[], %(asked_by)s::uuid[]
) AS u (i, r, v, a, d, s, w, b);

-- name: failing_rails
-- Which of these rails gave no answer the last time.
SELECT rail FROM payments.rail_state WHERE rail = ANY(%(rails)s::text[]) AND failing > 0;

-- name: ensure_rail_state
-- A row for each rail that may have to be counted.
INSERT INTO payments.rail_state (rail, failing, failing_since, open_until)
SELECT r, 0, NULL, NULL FROM unnest(%(rails)s::text[]) AS u (r) ORDER BY r ON CONFLICT (rail) DO NOTHING;

-- name: lock_rail_state
-- How often in a row rails gave no answer, for whoever counts.
SELECT rail, failing, failing_since, open_until FROM payments.rail_state
WHERE rail = ANY(%(keys)s::text[]) ORDER BY rail FOR NO KEY UPDATE;

-- name: set_rail_state
-- The count, and until when they are left alone.
UPDATE payments.rail_state s SET failing = u.f, failing_since = u.si, open_until = u.o
FROM unnest(%(rails)s::text[], %(failing)s::int[], %(since)s::timestamptz[], %(until)s::timestamptz[]) AS u (r, f, si, o)
WHERE s.rail = u.r;

-- name: rail_calls_of
-- Every time a rail was asked about one payment.
SELECT verb, at, duration_ms, said, reason, asked_by FROM payments.rail_call
WHERE payment_id = %(payment_id)s ORDER BY at, id LIMIT 1000;

-- name: outside_account
-- Where the money of a payment over a rail comes from.
SELECT outside_account FROM payments.rail_payment WHERE payment_id = %(payment_id)s;

-- name: forget_rail_calls
-- Calls older than that, a chunk at a time.
DELETE FROM payments.rail_call WHERE id IN (
    SELECT id FROM payments.rail_call WHERE at < %(before)s ORDER BY at, id LIMIT %(most)s
);

-- name: rail_health
-- How each rail does: calls of the last minutes and of the last hour, how long answers took, what waits, since when it fails.
SELECT n.rail, f.calls, f.accepted, f.declined, f.unanswered, f.p50_ms, f.p95_ms, h.calls, h.accepted, h.declined, h.unanswered,
    a.at, w.waiting, w.oldest_at, coalesce(s.failing, 0), s.failing_since, s.open_until
FROM (
    SELECT rail FROM unnest(%(rails)s::text[]) AS u (rail)
    UNION SELECT rail FROM payments.rail_payment WHERE next_at IS NOT NULL
) AS n
CROSS JOIN LATERAL (
    SELECT count(*) AS calls, count(*) FILTER (WHERE said = 'accepted') AS accepted,
        count(*) FILTER (WHERE said = 'declined') AS declined,
        count(*) FILTER (WHERE said IN ('silent', 'not_sent')) AS unanswered,
        percentile_disc(0.5) WITHIN GROUP (ORDER BY duration_ms) FILTER (WHERE said NOT IN ('silent', 'not_sent')) AS p50_ms,
        percentile_disc(0.95) WITHIN GROUP (ORDER BY duration_ms) FILTER (WHERE said NOT IN ('silent', 'not_sent')) AS p95_ms
    FROM payments.rail_call c WHERE c.rail = n.rail AND c.at > %(minutes_ago)s
) AS f
CROSS JOIN LATERAL (
    SELECT count(*) AS calls, count(*) FILTER (WHERE said = 'accepted') AS accepted,
        count(*) FILTER (WHERE said = 'declined') AS declined,
        count(*) FILTER (WHERE said IN ('silent', 'not_sent')) AS unanswered
    FROM payments.rail_call c WHERE c.rail = n.rail AND c.at > %(hour_ago)s
) AS h
LEFT JOIN LATERAL (
    SELECT c.at FROM payments.rail_call c WHERE c.rail = n.rail AND c.said NOT IN ('silent', 'not_sent')
    ORDER BY c.at DESC LIMIT 1
) AS a ON true
CROSS JOIN LATERAL (
    SELECT count(*) AS waiting, min(o.since) AS oldest_at FROM payments.rail_payment r
    JOIN payments.open_payment o ON o.payment_id = r.payment_id WHERE r.rail = n.rail AND r.next_at IS NOT NULL
) AS w
LEFT JOIN payments.rail_state s ON s.rail = n.rail
ORDER BY n.rail;

-- name: method_health
-- What became of the payments of the last minutes, by method.
SELECT method, count(*), count(*) FILTER (WHERE state IN ('completed', 'authorised')),
    count(*) FILTER (WHERE state = 'declined'), max(created_at)
FROM payments.payment WHERE created_at > %(since)s GROUP BY method;

-- name: open_day
-- The day that the bank books on.
SELECT open_date FROM base.business_day_view;

-- name: payments_after
-- The next payments in the order in which they came, from behind a place on.
SELECT created_at, id FROM payments.payment WHERE (created_at, id) > (%(after)s, %(after_id)s::uuid)
ORDER BY created_at, id LIMIT %(most)s;

-- name: operated_since
-- Payments of which something was asked on a day or later, by id from behind one on.
SELECT DISTINCT payment_id FROM payments.operation WHERE booking_date >= %(day)s AND payment_id > %(after)s
ORDER BY payment_id LIMIT %(most)s;

-- name: wrong_payments
-- Payments that do not agree with the ledger, their operations or their events: invariant, key, what should be, what is.
WITH these AS (
    SELECT p.*, payer.ledger_id AS payer_ledger, payee.ledger_id AS payee_ledger
    FROM payments.payment p
    LEFT JOIN identity.account_view payer ON payer.id = p.payer_account_id
    LEFT JOIN identity.account_view payee ON payee.id = p.payee_account_id
    WHERE p.id = ANY(%(ids)s::uuid[])
), transfers AS (
    SELECT id AS payment_id, id AS transfer_id, false AS is_refund, payer_ledger, payee_ledger FROM these
    UNION ALL
    SELECT o.payment_id, o.id, o.kind = 'refund', p.payer_ledger, p.payee_ledger
    FROM payments.operation o JOIN these p ON p.id = o.payment_id WHERE o.payment_id = ANY(%(ids)s::uuid[])
), moved AS (
    SELECT t.payment_id,
        coalesce(sum(e.amount_minor) FILTER (WHERE NOT t.is_refund AND e.amount_minor > 0), 0) AS captured,
        coalesce(-sum(e.amount_minor) FILTER (WHERE t.is_refund AND e.amount_minor < 0), 0) AS refunded
    FROM transfers t
    -- OFFSET 0: a look-up for each transfer by its index, never a walk through all postings for each range.
    CROSS JOIN LATERAL (
        SELECT e.amount_minor FROM ledger.transfer_view l
        JOIN ledger.entry_view e ON e.transfer_id = l.id AND e.booking_date = l.booking_date
        WHERE l.id = t.transfer_id AND e.account_id = t.payee_ledger
          AND (t.payer_ledger IS NULL OR e.counterparty_id = t.payer_ledger)
        OFFSET 0
    ) AS e
    GROUP BY t.payment_id
), told AS (
    SELECT aggregate AS payment_id, count(*) AS events, min(sequence) AS first, max(sequence) AS last
    FROM base.event_view WHERE aggregate = ANY(%(ids)s::uuid[]) GROUP BY aggregate
)
SELECT 'P1', p.id, p.captured_minor::text, coalesce(m.captured, 0)::text
FROM these p LEFT JOIN moved m ON m.payment_id = p.id WHERE p.captured_minor <> coalesce(m.captured, 0)
UNION ALL
SELECT 'P2', p.id, p.refunded_minor::text, coalesce(m.refunded, 0)::text
FROM these p LEFT JOIN moved m ON m.payment_id = p.id WHERE p.refunded_minor <> coalesce(m.refunded, 0)
UNION ALL
SELECT 'P3', p.id, (CASE WHEN p.state IN ('authorised', 'held') THEN p.authorised_minor - p.captured_minor ELSE 0 END)::text,
    coalesce(h.left_minor, 0)::text
FROM these p LEFT JOIN ledger.hold_view h ON h.id = p.id
WHERE coalesce(h.left_minor, 0) <> CASE WHEN p.state IN ('authorised', 'held') THEN p.authorised_minor - p.captured_minor ELSE 0 END
UNION ALL
SELECT 'P4', p.id, '1 to ' || p.sequence, coalesce(t.events || ' events, ' || t.first || ' to ' || t.last, 'none')
FROM these p LEFT JOIN told t ON t.payment_id = p.id
WHERE t.last <> p.sequence OR t.events <> t.last - t.first + 1
   OR (t.events IS NULL AND p.booking_date >= (SELECT closed_through FROM base.business_day_view))
UNION ALL
SELECT 'P5', p.id, 'decided', 'claimed' FROM these p WHERE p.state = 'created' AND p.rail IS NULL
UNION ALL
SELECT 'P5', o.id, 'decided', 'claimed' FROM payments.operation o
WHERE o.payment_id = ANY(%(ids)s::uuid[]) AND o.state = 'claimed'
UNION ALL
SELECT 'P7', p.id, 'in the list', p.state FROM these p
WHERE (p.state IN ('challenged', 'held', 'authorised', 'unknown') OR (p.state = 'created' AND p.rail IS NOT NULL))
  AND NOT EXISTS (SELECT 1 FROM payments.open_payment w WHERE w.payment_id = p.id)
UNION ALL
SELECT 'P8', p.id, CASE WHEN p.state IN ('created', 'unknown') THEN 'asked at ' || p.rail ELSE 'not asked' END,
    coalesce('asked at ' || r.rail, 'not asked')
FROM these p LEFT JOIN payments.rail_payment r ON r.payment_id = p.id AND r.next_at IS NOT NULL
WHERE (p.rail IS NOT NULL OR r.rail IS NOT NULL)
  AND CASE WHEN p.state IN ('created', 'unknown') THEN p.rail END IS DISTINCT FROM r.rail
  AND (
    p.state IN ('declined', 'cancelled') AND p.method = 'card' AND p.rail = r.rail AND r.next IN ('reverse', 'ask')
    AND NOT EXISTS (
        SELECT 1 FROM payments.operation o
        WHERE o.payment_id = p.id AND o.kind IN ('rail_reversed', 'rail_kept') AND o.state = 'done'
    )
  ) IS NOT TRUE
LIMIT %(most)s;

-- name: wrongly_open
-- What is in the list of open payments and waits for nothing.
SELECT p.id, p.state FROM payments.open_payment w JOIN payments.payment p ON p.id = w.payment_id
WHERE p.state NOT IN ('challenged', 'held', 'authorised', 'unknown') AND (p.state <> 'created' OR p.rail IS NULL)
ORDER BY p.id LIMIT %(most)s;

-- name: over_their_level
-- Accounts that have paid more on a day than their customer's level allows (in CNY; in other currencies nothing).
SELECT s.account_id, CASE v.currency WHEN 'CNY' THEN e.per_day_minor ELSE 0 END, s.day_minor
FROM identity.level_view e
JOIN identity.account_view v ON v.customer_level = e.level
JOIN payments.spending s ON s.account_id = v.id
WHERE e.per_day_minor IS NOT NULL AND s.day = %(day)s
    AND s.day_minor > CASE v.currency WHEN 'CNY' THEN e.per_day_minor ELSE 0 END
ORDER BY s.account_id LIMIT %(most)s;

-- name: wrong_counters
-- Accounts whose counters of a day are not what their payments of that day used.
WITH used AS (
    SELECT payer_account_id AS account_id,
        sum(CASE WHEN state IN ('authorised', 'held') THEN authorised_minor ELSE captured_minor END) AS amount,
        count(*) FILTER (WHERE state IN ('authorised', 'held') OR captured_minor > 0) AS payments
    FROM payments.payment
    WHERE created_at >= %(since)s AND decided_at >= %(midnight)s AND decided_at < %(next_midnight)s
      AND authorised_minor > 0 AND kind <> 'topup'
    GROUP BY payer_account_id
)
SELECT s.account_id, coalesce(u.amount, 0) || ' in ' || coalesce(u.payments, 0),
    CASE WHEN s.day = %(day)s THEN s.day_minor || ' in ' || s.day_count ELSE '0 in 0' END
FROM payments.spending s LEFT JOIN used u ON u.account_id = s.account_id
WHERE (s.day = %(day)s OR u.account_id IS NOT NULL)
  AND (coalesce(u.amount, 0), coalesce(u.payments, 0)) IS DISTINCT FROM
    CASE WHEN s.day = %(day)s THEN (s.day_minor::numeric, s.day_count::bigint) ELSE (0::numeric, 0::bigint) END
ORDER BY s.account_id LIMIT %(most)s;

-- name: take_held
-- A person takes a held payment upon himself, or hands it back (`to` nobody), where it is still with whom he saw it.
UPDATE payments.open_payment SET taken_by = %(to)s::uuid
WHERE payment_id = %(id)s AND waits_for = 'person' AND taken_by IS NOT DISTINCT FROM %(seen)s::uuid
RETURNING payment_id;
