-- name: share_customers
-- So that no withdrawal and no erasure goes by while something is written down of them.
SELECT id FROM identity.customer WHERE id = ANY(%(keys)s::uuid[]) ORDER BY id FOR KEY SHARE;

-- name: add_rhythm
-- One measurement of a customer, up to a bound a day; the same id again adds nothing.
INSERT INTO identity.rhythm (id, customer_id, form, intervals, holds, device_id, recorded_at, unlike)
SELECT %(id)s, %(customer_id)s, %(form)s, %(intervals)s::smallint[], %(holds)s::smallint[], %(device_id)s::uuid, %(at)s::timestamptz,
    %(unlike)s::integer
WHERE (
    SELECT count(*) FROM identity.rhythm WHERE customer_id = %(customer_id)s AND recorded_at > %(since)s
) < %(most_a_day)s::integer
ON CONFLICT (id) DO NOTHING;

-- name: rhythms
-- What is kept of a customer since a moment, newest first.
SELECT id, form, intervals, holds, device_id, recorded_at, unlike FROM identity.rhythm
WHERE customer_id = %(customer_id)s AND recorded_at >= %(since)s ORDER BY recorded_at DESC, id DESC LIMIT %(most)s;

-- name: habit
-- How a customer typed into one form since a moment, newest first.
SELECT id, form, intervals, holds, device_id, recorded_at, unlike FROM identity.rhythm
WHERE customer_id = %(customer_id)s AND form = %(form)s AND recorded_at >= %(since)s
ORDER BY recorded_at DESC, id DESC LIMIT %(most)s;

-- name: count_rhythms
-- How many measurements are kept of a customer.
SELECT count(*) FROM identity.rhythm WHERE customer_id = %(customer_id)s;

-- name: drop_rhythms
-- All that is kept of a customer.
DELETE FROM identity.rhythm WHERE customer_id = %(customer_id)s;

-- name: forget_rhythms
-- What is too old, oldest first, so many at a time.
DELETE FROM identity.rhythm WHERE id IN (
    SELECT id FROM identity.rhythm WHERE recorded_at <= %(before)s ORDER BY recorded_at LIMIT %(most)s
);

-- name: all_agree_here
-- Whether there is a customer who is known in this browser, and every one of them agrees to the newest wording of a purpose.
SELECT coalesce(bool_and(coalesce(c.given, false)), false)
FROM identity.device d
LEFT JOIN LATERAL (
    SELECT given FROM identity.consent
    WHERE customer_id = d.customer_id AND purpose = %(purpose)s
        AND version = (SELECT max(version) FROM identity.purpose WHERE purpose = %(purpose)s)
    ORDER BY answered_at DESC, id DESC LIMIT 1
) c ON true
WHERE d.browser_hash = %(browser_hash)s AND d.revoked_at IS NULL;
