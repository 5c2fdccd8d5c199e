-- name: claim
-- Claims ids by inserting the payments themselves, in the order of their ids; answers those that were new.
INSERT INTO payments.payment (id, kind, principal_id, request_hash, payer_account_id, payee_account_id, merchant_id,
    order_id, amount_minor, currency, capture, arrives, method, reference, device, created_at, state, refusal,
    authorised_minor, captured_minor, refunded_minor, disputed_minor, settled_minor, fee_minor, at_once_minor,
    at_once_fee_minor, booking_date, decided_at, due_at, sequence)
SELECT i, k, pr, h, f, t, m, o, a, y, c, ar, me, r, de, %(at)s, 'created', NULL, 0, 0, 0, 0, 0, 0, 0, 0,
    (SELECT open_date FROM base.business_day_view), NULL, NULL, 0
FROM unnest(
    %(keys)s::uuid[], %(kinds)s::text[], %(principals)s::uuid[], %(hashes)s::bytea[], %(payers)s::uuid[],
    %(payees)s::uuid[], %(merchants)s::uuid[], %(orders)s::uuid[], %(amounts)s::bigint[], %(currencies)s::text[],
    %(captures)s::text[], %(arrives)s::text[], %(methods)s::text[], %(references)s::text[], %(devices)s::text[]
) AS u (i, k, pr, h, f, t, m, o, a, y, c, ar, me, r, de)
ON CONFLICT (id) DO NOTHING
RETURNING id;

-- name: payments
SELECT id, kind, principal_id, request_hash, payer_account_id, payee_account_id, merchant_id, order_id, amount_minor,
    currency, capture, arrives, method, reference, device, created_at, state, refusal, authorised_minor, captured_minor,
    refunded_minor, disputed_minor, settled_minor, fee_minor, at_once_minor, at_once_fee_minor, booking_date, decided_at,
    due_at, sequence
FROM payments.payment WHERE id = ANY(%(ids)s::uuid[]);

-- name: lock_payments
SELECT id, kind, principal_id, request_hash, payer_account_id, payee_account_id, merchant_id, order_id, amount_minor,
    currency, capture, arrives, method, reference, device, created_at, state, refusal, authorised_minor, captured_minor,
    refunded_minor, disputed_minor, settled_minor, fee_minor, at_once_minor, at_once_fee_minor, booking_date, decided_at,
    due_at, sequence
FROM payments.payment WHERE id = ANY(%(keys)s::uuid[]) ORDER BY id FOR NO KEY UPDATE;

-- name: decisions
-- The first decision of each payment; the booking date finds the partition.
SELECT d.payment_id, d.state, d.checks
FROM payments.payment p
JOIN payments.decision d ON d.payment_id = p.id AND d.booking_date = p.booking_date
WHERE p.id = ANY(%(ids)s::uuid[]);

-- name: parties
-- What never changes about an account: where it stands in the ledger, and its currency.
SELECT id, ledger_id, currency FROM identity.account_view WHERE id = ANY(%(ids)s::uuid[]);

-- name: ensure_spending
-- A payer's counter row, made before the first payment that needs it.
INSERT INTO payments.spending (account_id, day, day_minor, day_count, month, month_minor, month_count)
SELECT id, %(day)s, 0, 0, date_trunc('month', %(day)s::date)::date, 0, 0
FROM unnest(%(ids)s::uuid[]) AS u (id) ORDER BY id
ON CONFLICT (account_id) DO NOTHING;

-- name: lock_spending
-- Counters of payers with the limits that hold for them: the account's own or the bank's, and the customer's where lower.
SELECT s.account_id, s.day, s.day_minor, s.day_count, s.month, s.month_minor, s.month_count,
    least(CASE WHEN o.account_id IS NULL THEN b.per_payment_minor ELSE o.per_payment_minor END, c.per_payment_minor),
    least(CASE WHEN o.account_id IS NULL THEN b.per_day_minor ELSE o.per_day_minor END, c.per_day_minor),
    least(CASE WHEN o.account_id IS NULL THEN b.per_month_minor ELSE o.per_month_minor END, c.per_month_minor),
    least(CASE WHEN o.account_id IS NULL THEN b.per_day_count ELSE o.per_day_count END, c.per_day_count),
    least(CASE WHEN o.account_id IS NULL THEN b.per_month_count ELSE o.per_month_count END, c.per_month_count)
FROM payments.spending s
JOIN identity.account_view v ON v.id = s.account_id
LEFT JOIN payments.bank_limit b ON b.customer_kind = v.customer_kind AND b.currency = v.currency
LEFT JOIN payments.account_limit o ON o.account_id = s.account_id AND o.set_by = 'bank'
LEFT JOIN payments.account_limit c ON c.account_id = s.account_id AND c.set_by = 'customer'
WHERE s.account_id = ANY(%(keys)s::uuid[])
ORDER BY s.account_id FOR NO KEY UPDATE OF s;

-- name: write
-- All that a batch has decided: payments, decisions, operations, counters, and what waits for something.
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
    INSERT INTO payments.decision (payment_id, booking_date, decided_at, state, checks)
    SELECT i, %(booking_date)s, %(at)s, s, c
    FROM unnest(%(d_ids)s::uuid[], %(d_states)s::text[], %(d_checks)s::jsonb[]) AS d (i, s, c)
), operations_now AS (
    UPDATE payments.operation o SET state = u.s, refusal = u.r, moved_minor = u.m, fee_minor = u.f,
        booking_date = %(booking_date)s, answer = u.a
    FROM unnest(
        %(o_ids)s::uuid[], %(o_states)s::text[], %(o_refusals)s::text[], %(o_moved)s::bigint[], %(o_fees)s::bigint[],
        %(o_answers)s::jsonb[]
    ) AS u (i, s, r, m, f, a)
    WHERE o.id = u.i
), no_longer_open AS (
    DELETE FROM payments.open_payment WHERE payment_id = ANY(%(closed)s::uuid[])
), now_open AS (
    INSERT INTO payments.open_payment (payment_id, waits_for, since, due_at)
    SELECT i, w, %(at)s, d FROM unnest(%(w_ids)s::uuid[], %(w_for)s::text[], %(w_due)s::timestamptz[]) AS w (i, w, d)
    ON CONFLICT (payment_id) DO UPDATE SET waits_for = excluded.waits_for, due_at = excluded.due_at
)
UPDATE payments.spending s SET day = u.d, day_minor = u.dm, day_count = u.dc, month = u.m, month_minor = u.mm,
    month_count = u.mc
FROM unnest(
    %(s_ids)s::uuid[], %(s_days)s::date[], %(s_day_minor)s::bigint[], %(s_day_count)s::int[], %(s_months)s::date[],
    %(s_month_minor)s::bigint[], %(s_month_count)s::int[]
) AS u (i, d, dm, dc, m, mm, mc)
WHERE s.account_id = u.i;

-- name: claim_operations
INSERT INTO payments.operation (id, payment_id, kind, principal_id, request_hash, amount_minor, final, reason, asked_at,
    state, refusal, moved_minor, fee_minor, booking_date, answer)
SELECT i, p, %(kind)s, pr, h, a, f, r, %(at)s, 'claimed', NULL, 0, 0, (SELECT open_date FROM base.business_day_view), NULL
FROM unnest(
    %(keys)s::uuid[], %(payments)s::uuid[], %(principals)s::uuid[], %(hashes)s::bytea[], %(amounts)s::bigint[],
    %(finals)s::boolean[], %(reasons)s::text[]
) AS u (i, p, pr, h, a, f, r)
ON CONFLICT (id) DO NOTHING
RETURNING id;

-- name: operations
SELECT id, payment_id, kind, principal_id, request_hash, state, refusal, answer
FROM payments.operation WHERE id = ANY(%(ids)s::uuid[]);

-- name: due
-- Payments whose time has come, oldest first.
SELECT payment_id, waits_for FROM payments.open_payment WHERE due_at <= %(at)s ORDER BY due_at, payment_id LIMIT %(most)s;
