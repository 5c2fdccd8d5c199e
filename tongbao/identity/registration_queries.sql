-- name: begin_registration
-- The claim is this row; the same form again makes no second one.
INSERT INTO identity.registration (
    id, form_id, phone_fingerprint, phone_sealed, browser_hash, code_id, opened_at, begun_at, forms
)
VALUES (
    %(id)s, %(form_id)s, %(fingerprint)s, %(sealed)s, %(browser_hash)s, %(code_id)s,
    least(%(opened_at)s::timestamptz, %(at)s::timestamptz), %(at)s, 1
)
ON CONFLICT (form_id) DO NOTHING
RETURNING id;

-- name: registration_of_form
-- What a first form has begun, in which browser ever.
SELECT id FROM identity.registration WHERE form_id = %(form_id)s;

-- name: registration
-- One of this browser.
SELECT id, phone_fingerprint, phone_sealed, code_id, opened_at, begun_at, confirmed_at, completed_at, forgotten_at, forms
FROM identity.registration WHERE id = %(id)s AND browser_hash = %(browser_hash)s;

-- name: lock_registrations
-- One of this browser, for its next step.
SELECT id, phone_fingerprint, phone_sealed, code_id, opened_at, begun_at, confirmed_at, completed_at, forgotten_at, forms
FROM identity.registration WHERE id = ANY(%(keys)s::uuid[]) AND browser_hash = %(browser_hash)s ORDER BY id FOR UPDATE;

-- name: lock_registrations_of_phones
-- Two that would end with the same phone wait for each other here.
SELECT id FROM identity.registration WHERE phone_fingerprint = ANY(%(keys)s::bytea[]) ORDER BY id FOR UPDATE;

-- name: unfinished_registration
-- What this browser began last and has not ended.
SELECT id FROM identity.registration
WHERE browser_hash = %(browser_hash)s AND begun_at > %(since)s AND completed_at IS NULL AND forgotten_at IS NULL
ORDER BY begun_at DESC LIMIT 1;

-- name: registration_form
-- One more form was sent; with a new code, or confirmed, where that is what it did.
UPDATE identity.registration
SET forms = forms + 1, code_id = coalesce(%(code_id)s::uuid, code_id), confirmed_at = coalesce(confirmed_at, %(confirmed_at)s)
WHERE id = %(id)s;

-- name: complete_registration
-- He is a customer: what was kept of him on the way goes.
UPDATE identity.registration SET completed_at = %(at)s, phone_sealed = NULL, phone_fingerprint = NULL WHERE id = %(id)s;

-- name: abandoned_registrations
-- Those that nobody went on with, some of them.
SELECT id FROM identity.registration
WHERE begun_at < %(before)s AND completed_at IS NULL AND forgotten_at IS NULL
ORDER BY begun_at LIMIT %(most)s FOR UPDATE SKIP LOCKED;

-- name: forget_registration_people
-- What was known of who began is gone; that somebody did stays.
UPDATE identity.registration SET forgotten_at = %(at)s, phone_sealed = NULL, phone_fingerprint = NULL, browser_hash = NULL
WHERE id = ANY(%(ids)s::uuid[]);

-- name: forget_registrations
-- Rows that nobody counts any more.
DELETE FROM identity.registration WHERE begun_at < %(before)s AND (completed_at IS NOT NULL OR forgotten_at IS NOT NULL);

-- name: forget_pending_logins
-- Log-ins that waited for a code long ago.
DELETE FROM identity.pending_login WHERE begun_at < %(before)s;

-- name: forget_browsers
-- What the release before has written down and nobody reads any more.
DELETE FROM identity.known_browser WHERE seen_at < %(before)s;

-- name: registration_days
-- How many began each day, how far they came, and how long it took those who came to the end: milliseconds from the first page,
-- the middle one and the tenth slowest of a hundred, and forms sent.
SELECT (begun_at AT TIME ZONE %(zone)s)::date AS day, count(*), count(confirmed_at), count(completed_at),
    round(1000 * percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM completed_at - opened_at)))::bigint,
    round(1000 * percentile_cont(0.9) WITHIN GROUP (ORDER BY extract(epoch FROM completed_at - opened_at)))::bigint,
    percentile_disc(0.5) WITHIN GROUP (ORDER BY forms) FILTER (WHERE completed_at IS NOT NULL)
FROM identity.registration
WHERE begun_at >= %(since)s
GROUP BY day ORDER BY day DESC;

-- name: registration_spread
-- How many of those who came to the end took how long: the n-th bucket ends where the n-th bound of seconds begins.
SELECT width_bucket(extract(epoch FROM completed_at - opened_at)::float8, %(bounds)s::float8[]), count(*)
FROM identity.registration
WHERE begun_at >= %(since)s AND completed_at IS NOT NULL
GROUP BY 1 ORDER BY 1;

-- name: registration_steps
-- Milliseconds between the steps, the middle one of those who took them: to the phone, to the code, to the end.
SELECT count(*), count(confirmed_at), count(completed_at),
    round(1000 * percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM begun_at - opened_at)))::bigint,
    round(1000 * percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM confirmed_at - begun_at)))::bigint,
    round(1000 * percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM completed_at - confirmed_at)))::bigint,
    percentile_disc(0.5) WITHIN GROUP (ORDER BY forms) FILTER (WHERE completed_at IS NOT NULL)
FROM identity.registration WHERE begun_at >= %(since)s;

-- name: customers_by_phone
-- Who has this number, by what the vault found and by what the bank's own systems wrote down; whoever has left is nobody.
SELECT id FROM identity.customer
WHERE (id = ANY(%(ids)s::uuid[]) OR phone = %(phone)s) AND status <> 'closed'
ORDER BY id LIMIT 20;

-- name: move_registrations
-- The browser's cookie was changed: what it began goes with it.
UPDATE identity.registration SET browser_hash = %(new)s WHERE browser_hash = %(old)s;

-- name: begin_login
-- The password was right; the code is awaited.
INSERT INTO identity.pending_login (id, customer_id, browser_hash, code_id, begun_at)
VALUES (%(id)s, %(customer_id)s, %(browser_hash)s, %(code_id)s, %(at)s)
ON CONFLICT (id) DO NOTHING
RETURNING id;

-- name: pending_login
-- One that waits in this browser.
SELECT id, customer_id, code_id, begun_at, ended_at FROM identity.pending_login
WHERE id = %(id)s AND browser_hash = %(browser_hash)s;

-- name: pending_login_of
-- A customer's that still waits in this browser.
SELECT id, customer_id, code_id, begun_at, ended_at FROM identity.pending_login
WHERE browser_hash = %(browser_hash)s AND ended_at IS NULL AND begun_at > %(since)s
    AND (%(customer_id)s::uuid IS NULL OR customer_id = %(customer_id)s)
ORDER BY begun_at DESC LIMIT 1;

-- name: lock_pending_logins
-- For its end.
SELECT id, customer_id, code_id, begun_at, ended_at FROM identity.pending_login
WHERE id = ANY(%(keys)s::uuid[]) AND browser_hash = %(browser_hash)s ORDER BY id FOR UPDATE;

-- name: pending_login_code
-- Another code was sent for it.
UPDATE identity.pending_login SET code_id = %(code_id)s WHERE id = %(id)s;

-- name: end_pending_login
-- The code was right.
UPDATE identity.pending_login SET ended_at = %(at)s WHERE id = %(id)s;
