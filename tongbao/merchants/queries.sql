-- name: claim_ids
-- Claims the ids that are free; those that come back are ours now.
INSERT INTO merchants.claim (id, kind, principal_id, request_hash, claimed_at)
SELECT u.id, %(kind)s, %(principal_id)s, u.hash, %(at)s
FROM unnest(%(keys)s::uuid[], %(hashes)s::bytea[]) AS u (id, hash)
ORDER BY u.id
ON CONFLICT (id) DO NOTHING RETURNING id;

-- name: claims
-- Whose an id is and what was asked for under it.
SELECT id, kind, principal_id, request_hash FROM merchants.claim WHERE id = ANY(%(ids)s::uuid[]);

-- name: merchants
-- Merchants with the id of the fee plan that is in force for each: their own, or the newest of the bank's.
SELECT m.id, m.name, m.category, m.customer_id, m.status, m.currency, m.takings_account_id, m.takings_ledger_id,
    m.settlement_account_id, m.settlement_ledger_id, m.created_at,
    coalesce(m.fee_plan_id,
        (SELECT id FROM merchants.fee_plan WHERE merchant_id IS NULL ORDER BY version DESC LIMIT 1)), m.country, m.district, m.latitude_e6, m.longitude_e6
FROM merchants.merchant m WHERE m.id = ANY(%(ids)s::uuid[]);

-- name: merchant_of_takings
-- Whose takings an account keeps.
SELECT id FROM merchants.merchant WHERE takings_account_id = %(id)s;

-- name: merchant_ids
-- A page of merchants, in the order of their ids.
SELECT id FROM merchants.merchant
WHERE (%(after)s::uuid IS NULL OR id > %(after)s)
    AND (%(customer_id)s::uuid IS NULL OR customer_id = %(customer_id)s)
    AND (%(only)s::uuid IS NULL OR id = %(only)s)
ORDER BY id LIMIT %(most)s;

-- name: add_merchants
-- Ids were claimed before.
INSERT INTO merchants.merchant (
    id, name, category, customer_id, status, currency, takings_account_id, takings_ledger_id, settlement_account_id,
    settlement_ledger_id, fee_plan_id, created_at, country, district, latitude_e6, longitude_e6
)
SELECT i, n, c, cu, 'open', cy, t, tl, s, sl, NULL, %(at)s, co, d, la, lo FROM unnest(
    %(ids)s::uuid[], %(names)s::text[], %(categories)s::text[], %(customers)s::uuid[], %(currencies)s::text[],
    %(takings)s::uuid[], %(takings_ledger)s::bigint[], %(settlement)s::uuid[], %(settlement_ledger)s::bigint[],
    %(countries)s::text[], %(districts)s::text[], %(latitudes)s::int[], %(longitudes)s::int[]
) AS u (i, n, c, cu, cy, t, tl, s, sl, co, d, la, lo)
ORDER BY i;

-- name: lock_merchants
-- For whoever changes a merchant's status or plan.
SELECT id, status FROM merchants.merchant WHERE id = ANY(%(keys)s::uuid[]) ORDER BY id FOR NO KEY UPDATE;

-- name: set_merchant_status
-- What was decided about a merchant.
UPDATE merchants.merchant SET status = %(status)s WHERE id = %(id)s;

-- name: set_merchant_place
-- Where its shop stands from now on; nowhere, where it only sells online.
UPDATE merchants.merchant SET district = %(district)s, latitude_e6 = %(latitude_e6)s, longitude_e6 = %(longitude_e6)s WHERE id = %(id)s;

-- name: plans
-- Plans by id, a row a rate.
SELECT p.id, p.merchant_id, p.version, r.method, r.currency, r.basis_points, r.fixed_minor, r.smallest_minor,
    r.largest_minor
FROM merchants.fee_plan p JOIN merchants.fee_rate r ON r.plan_id = p.id
WHERE p.id = ANY(%(ids)s::uuid[]) ORDER BY p.id, r.method, r.currency;

-- name: last_plan_version
-- The newest version of a merchant's own plan, or without a merchant the bank's.
SELECT coalesce(max(version), 0) FROM merchants.fee_plan WHERE merchant_id IS NOT DISTINCT FROM %(merchant_id)s::uuid;

-- name: bank_plan_id
-- The plan of all who have none of their own.
SELECT id FROM merchants.fee_plan WHERE merchant_id IS NULL ORDER BY version DESC LIMIT 1;

-- name: plan_in_force
-- The plan that held for a merchant at a moment: its own newest by then, else the bank's.
SELECT id FROM merchants.fee_plan
WHERE (merchant_id = %(merchant_id)s OR merchant_id IS NULL) AND set_at <= %(at)s
ORDER BY merchant_id IS NULL, version DESC LIMIT 1;

-- name: add_plan
-- A version of a plan; its rates follow.
INSERT INTO merchants.fee_plan (id, merchant_id, version, set_at, set_by)
VALUES (%(id)s, %(merchant_id)s, %(version)s, %(at)s, %(by)s);

-- name: add_rates
-- The rates of a new plan.
INSERT INTO merchants.fee_rate (plan_id, method, currency, basis_points, fixed_minor, smallest_minor, largest_minor)
SELECT %(plan_id)s, m, c, b, f, s, l FROM unnest(
    %(methods)s::text[], %(currencies)s::text[], %(basis_points)s::int[], %(fixed)s::bigint[], %(smallest)s::bigint[],
    %(largest)s::bigint[]
) AS u (m, c, b, f, s, l);

-- name: use_plan
-- From now on this plan is in force for the merchant.
UPDATE merchants.merchant SET fee_plan_id = %(plan_id)s WHERE id = %(merchant_id)s;

-- name: one_keeper_of_the_bank_plan
-- Held until the end of the transaction: two new versions of the bank's plan come one after the other.
SELECT pg_advisory_xact_lock(hashtext('tongbao bank fee plan'));

-- name: add_order
-- The id was claimed before.
INSERT INTO merchants.shop_order (
    id, merchant_id, amount_minor, currency, description, state, payment_id, payment_sequence, captured_minor,
    refunded_minor, created_at, expires_at, changed_at
) VALUES (
    %(id)s, %(merchant_id)s, %(amount)s, %(currency)s, %(description)s, 'open', NULL, 0, 0, 0, %(at)s, %(expires_at)s, %(at)s
);

-- name: orders
-- Orders as they are now.
SELECT id, merchant_id, amount_minor, currency, description, state, payment_id, captured_minor, refunded_minor, created_at,
    expires_at, changed_at, payment_sequence
FROM merchants.shop_order WHERE id = ANY(%(ids)s::uuid[]);

-- name: lock_orders
-- For whoever claims, follows, cancels or expires them.
SELECT id, merchant_id, amount_minor, currency, description, state, payment_id, captured_minor, refunded_minor, created_at,
    expires_at, changed_at, payment_sequence
FROM merchants.shop_order WHERE id = ANY(%(keys)s::uuid[]) ORDER BY id FOR NO KEY UPDATE;

-- name: orders_of
-- A page of orders, newest first (ids are by time where clients follow the advice).
SELECT id, merchant_id, amount_minor, currency, description, state, payment_id, captured_minor, refunded_minor, created_at,
    expires_at, changed_at, payment_sequence
FROM merchants.shop_order
WHERE (%(merchant_id)s::uuid IS NULL OR merchant_id = %(merchant_id)s)
    AND (%(below)s::uuid IS NULL OR id < %(below)s)
    AND (%(state)s::text IS NULL OR state = %(state)s)
ORDER BY id DESC LIMIT %(most)s;

-- name: write_orders
-- What was decided about locked orders.
UPDATE merchants.shop_order o SET state = u.s, payment_id = u.p, payment_sequence = u.q, captured_minor = u.c,
    refunded_minor = u.r, changed_at = %(at)s
FROM unnest(
    %(ids)s::uuid[], %(states)s::text[], %(payments)s::uuid[], %(sequences)s::int[], %(captured)s::bigint[],
    %(refunded)s::bigint[]
) AS u (i, s, p, q, c, r)
WHERE o.id = u.i;

-- name: release_orders
-- Back to open, for those that a payment had claimed and of which it took nothing.
UPDATE merchants.shop_order SET state = 'open', payment_id = NULL, payment_sequence = 0, captured_minor = 0,
    refunded_minor = 0, changed_at = %(at)s
WHERE id = ANY(%(ids)s::uuid[]) AND state IN ('paying', 'authorised', 'paid');

-- name: expired_orders
-- Open orders whose time is over.
SELECT id FROM merchants.shop_order WHERE state = 'open' AND expires_at <= %(at)s ORDER BY expires_at, id LIMIT %(most)s;

-- name: add_endpoint
-- The id was claimed before.
INSERT INTO merchants.endpoint (id, merchant_id, url, topics, sealed_secret, status, created_at)
VALUES (%(id)s, %(merchant_id)s, %(url)s, %(topics)s::text[], %(sealed_secret)s, 'active', %(at)s);

-- name: lock_unsealed_endpoints
-- Endpoints whose secret still stands here in the clear, and which nobody has at hand.
SELECT id, secret FROM merchants.endpoint WHERE id = ANY(%(keys)s::uuid[]) AND secret IS NOT NULL
ORDER BY id FOR NO KEY UPDATE SKIP LOCKED;

-- name: unsealed_endpoints
-- Some of them, by id.
SELECT id FROM merchants.endpoint WHERE secret IS NOT NULL AND id > %(after)s ORDER BY id LIMIT %(most)s;

-- name: secrets_sealed
-- Their secrets are sealed from now on; of deleted ones nothing is kept.
UPDATE merchants.endpoint e SET secret = NULL, sealed_secret = u.s
FROM unnest(%(ids)s::uuid[], %(sealed)s::bytea[]) AS u (i, s) WHERE e.id = u.i;

-- name: endpoints
-- Endpoints by id; deleted ones only where somebody asks for their deliveries.
SELECT id, merchant_id, url, topics, status, created_at, failing_since, disabled_at, disabled_because
FROM merchants.endpoint WHERE id = ANY(%(ids)s::uuid[]) AND (status <> 'deleted' OR %(deleted_too)s);

-- name: endpoints_of
-- A page of endpoints, in the order of their ids.
SELECT id, merchant_id, url, topics, status, created_at, failing_since, disabled_at, disabled_because
FROM merchants.endpoint
WHERE status <> 'deleted' AND (%(after)s::uuid IS NULL OR id > %(after)s)
    AND (%(merchant_id)s::uuid IS NULL OR merchant_id = %(merchant_id)s)
ORDER BY id LIMIT %(most)s;

-- name: listening_endpoints
-- Who hears of these merchants' events: their own endpoints and the bank's.
SELECT id, merchant_id, topics FROM merchants.endpoint
WHERE status = 'active' AND (merchant_id IS NULL OR merchant_id = ANY(%(merchants)s::uuid[]));

-- name: end_endpoint
-- Deleted: it is kept for the deliveries that name it, without its secret.
UPDATE merchants.endpoint SET status = 'deleted', secret = NULL, sealed_secret = NULL, disabled_at = %(at)s, disabled_because = 'deleted'
WHERE id = %(id)s AND status <> 'deleted';

-- name: drop_pending
-- Nothing more is sent to an endpoint that is off.
UPDATE merchants.delivery SET state = 'failed', next_at = NULL, lease = NULL, leased_until = NULL
WHERE endpoint_id = %(endpoint_id)s AND state = 'pending';

-- name: enable_endpoint
-- Switched on again by a person.
UPDATE merchants.endpoint SET status = 'active', failing_since = NULL, disabled_at = NULL, disabled_because = NULL
WHERE id = %(id)s AND status = 'disabled';

-- name: add_deliveries
-- One an endpoint and event; its id is derived from both, so an event that comes again adds nothing.
INSERT INTO merchants.delivery (
    id, endpoint_id, event_id, topic, aggregate, sequence, body, state, attempts, tries_left, created_at, next_at
)
SELECT i, e, v, t, a, s, b, 'pending', 0, %(tries)s, c, c FROM unnest(
    %(ids)s::uuid[], %(endpoints)s::uuid[], %(events)s::uuid[], %(topics)s::text[], %(aggregates)s::uuid[],
    %(sequences)s::int[], %(bodies)s::text[], %(moments)s::timestamptz[]
) AS u (i, e, v, t, a, s, b, c)
ORDER BY i
ON CONFLICT (id) DO NOTHING;

-- name: lease_deliveries
-- What is due and nobody is sending, a few an endpoint; whoever dies with a lease loses it when its time is over.
WITH first AS (
    SELECT id, endpoint_id, next_at FROM merchants.delivery
    WHERE state = 'pending' AND next_at <= %(at)s AND (leased_until IS NULL OR leased_until <= %(at)s)
        AND endpoint_id <> ALL(%(not_to)s::uuid[])
    ORDER BY next_at, id LIMIT 1000
), placed AS (
    SELECT id, row_number() OVER (PARTITION BY endpoint_id ORDER BY next_at, id) AS place FROM first
), due AS (
    SELECT d.id FROM merchants.delivery d JOIN placed p ON p.id = d.id
    WHERE p.place <= %(each)s AND d.state = 'pending' AND (d.leased_until IS NULL OR d.leased_until <= %(at)s)
    ORDER BY d.next_at, d.id LIMIT %(most)s
    FOR UPDATE OF d SKIP LOCKED
)
UPDATE merchants.delivery d SET lease = %(lease)s, leased_until = %(until)s
FROM due, merchants.endpoint e WHERE d.id = due.id AND e.id = d.endpoint_id AND e.status = 'active'
RETURNING d.id, d.endpoint_id, e.url, e.secret, d.event_id, d.body, d.attempts, d.lease, e.sealed_secret;

-- name: lock_deliveries
-- For whoever records what came of a try; only the holder of the lease may.
SELECT id, endpoint_id, lease, attempts, tries_left FROM merchants.delivery
WHERE id = ANY(%(keys)s::uuid[]) AND state = 'pending' ORDER BY id FOR NO KEY UPDATE;

-- name: add_attempts
-- Every try, whatever came of it.
INSERT INTO merchants.attempt (delivery_id, number, tried_at, duration_ms, status, error, answer)
SELECT d, n, t, u, s, e, a FROM unnest(
    %(deliveries)s::uuid[], %(numbers)s::int[], %(moments)s::timestamptz[], %(durations)s::int[], %(statuses)s::int[],
    %(errors)s::text[], %(answers)s::text[]
) AS x (d, n, t, u, s, e, a);

-- name: write_deliveries
-- What came of the tries.
UPDATE merchants.delivery d SET state = u.s, attempts = u.a, tries_left = u.l, next_at = u.n, delivered_at = u.w, lease = NULL,
    leased_until = NULL
FROM unnest(
    %(ids)s::uuid[], %(states)s::text[], %(attempts)s::int[], %(left)s::int[], %(next_at)s::timestamptz[],
    %(delivered)s::timestamptz[]
) AS u (i, s, a, l, n, w)
WHERE d.id = u.i;

-- name: endpoints_took
-- These took something: they are well.
UPDATE merchants.endpoint SET failing_since = NULL WHERE id = ANY(%(keys)s::uuid[]) AND failing_since IS NOT NULL;

-- name: endpoints_failed
-- These took nothing: since when.
UPDATE merchants.endpoint SET failing_since = %(at)s WHERE id = ANY(%(keys)s::uuid[]) AND failing_since IS NULL;

-- name: disable_endpoints
-- Off: told to go away (410), or nothing taken for too long.
UPDATE merchants.endpoint SET status = 'disabled', disabled_at = %(at)s, disabled_because = %(because)s
WHERE status = 'active' AND id = ANY(%(keys)s::uuid[])
    AND (%(failing_before)s::timestamptz IS NULL OR failing_since <= %(failing_before)s)
RETURNING id;

-- name: deliveries_of
-- A page of an endpoint's deliveries, newest first.
SELECT id, endpoint_id, event_id, topic, aggregate, sequence, state, attempts, created_at, next_at, delivered_at
FROM merchants.delivery
WHERE endpoint_id = %(endpoint_id)s AND (%(state)s::text IS NULL OR state = %(state)s)
    AND (%(before)s::timestamptz IS NULL OR (created_at, id) < (%(before)s, %(before_id)s::uuid))
ORDER BY created_at DESC, id DESC LIMIT %(most)s;

-- name: deliveries_about
-- What endpoints were told about some aggregates, oldest first.
SELECT id, endpoint_id, event_id, topic, aggregate, sequence, state, attempts, created_at, next_at, delivered_at
FROM merchants.delivery WHERE aggregate = ANY (%(aggregates)s::uuid[]) ORDER BY created_at, id LIMIT %(most)s;

-- name: deliveries
-- Deliveries by id.
SELECT id, endpoint_id, event_id, topic, aggregate, sequence, state, attempts, created_at, next_at, delivered_at
FROM merchants.delivery WHERE id = ANY(%(ids)s::uuid[]);

-- name: attempts_of
-- Every try of these deliveries, in order.
SELECT delivery_id, number, tried_at, duration_ms, status, error, answer FROM merchants.attempt
WHERE delivery_id = ANY(%(ids)s::uuid[]) ORDER BY delivery_id, number;

-- name: lock_delivery
-- For whoever sends it again; a sender that has it just now is waited for.
SELECT id, endpoint_id, event_id, topic, aggregate, sequence, state, attempts, created_at, next_at, delivered_at
FROM merchants.delivery WHERE id = ANY(%(keys)s::uuid[]) FOR NO KEY UPDATE;

-- name: resend_delivery
-- Due now, with a fresh set of tries; its number of attempts goes on.
UPDATE merchants.delivery SET state = 'pending', next_at = %(at)s, tries_left = %(tries)s, delivered_at = NULL
WHERE id = %(id)s;

-- name: webhook_backlog
-- Deliveries that are due (counted to a bound) and since when; active endpoints that fail at present; those switched off.
SELECT due.many, due.oldest,
    (SELECT count(*) FROM merchants.endpoint WHERE status = 'active' AND failing_since IS NOT NULL),
    (SELECT count(*) FROM merchants.endpoint WHERE status = 'disabled')
FROM (
    SELECT count(*) AS many, min(next_at) AS oldest FROM (
        SELECT next_at FROM merchants.delivery WHERE state = 'pending' AND next_at <= %(at)s ORDER BY next_at LIMIT 10000
    ) AS few
) AS due;

-- name: forget_deliveries
-- What ended long ago goes, with its attempts.
DELETE FROM merchants.delivery WHERE id IN (
    SELECT id FROM merchants.delivery WHERE state <> 'pending' AND created_at < %(before)s
    ORDER BY created_at, id LIMIT %(most)s
    FOR UPDATE SKIP LOCKED
);

-- name: prove_claims
-- Payments that more than one order says has claimed it.
SELECT payment_id, count(*) FROM merchants.shop_order WHERE payment_id IS NOT NULL
GROUP BY payment_id HAVING count(*) > 1 ORDER BY payment_id LIMIT %(most)s;

-- name: prove_accounts
-- Merchants whose accounts stand on another line or in another currency than they should.
SELECT m.id, u.account, u.line || ' in ' || m.currency, a.gl_line || ' in ' || a.currency
FROM merchants.merchant m
CROSS JOIN LATERAL (VALUES (m.takings_ledger_id, '2030'), (m.settlement_ledger_id, '2020')) AS u (account, line)
LEFT JOIN ledger.account_view a ON a.id = u.account
WHERE (a.gl_line, a.currency) IS DISTINCT FROM (u.line, m.currency)
ORDER BY m.id, u.account LIMIT %(most)s;

-- name: prove_plans
-- Plans that know no fee for some method.
SELECT p.id FROM merchants.fee_plan p
WHERE NOT EXISTS (SELECT 1 FROM merchants.fee_rate r WHERE r.plan_id = p.id AND r.method = '*')
ORDER BY p.id LIMIT %(most)s;

-- name: prove_deliveries
-- Deliveries that count other tries than are on record.
SELECT d.id, d.attempts, count(a.number) FROM merchants.delivery d
LEFT JOIN merchants.attempt a ON a.delivery_id = d.id
GROUP BY d.id, d.attempts HAVING count(a.number) <> d.attempts ORDER BY d.id LIMIT %(most)s;

-- name: prove_rows
-- How many rows these checks look at.
SELECT (SELECT count(*) FROM merchants.merchant) + (SELECT count(*) FROM merchants.shop_order)
    + (SELECT count(*) FROM merchants.fee_plan) + (SELECT count(*) FROM merchants.delivery);
