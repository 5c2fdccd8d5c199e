-- name: phone_change_of_form
-- What a first form has begun, in this browser.
SELECT id, browser_hash = %(browser_hash)s FROM identity.phone_change WHERE form_id = %(form_id)s;

-- name: add_phone_change
-- The claim is this row; the same form again makes no second one.
INSERT INTO identity.phone_change (id, form_id, customer_id, browser_hash, code_id, sealed, is_strong, lang, begun_at)
VALUES (
    %(id)s, %(form_id)s, %(customer_id)s, %(browser_hash)s, %(code_id)s, %(sealed)s, %(is_strong)s, %(lang)s, %(at)s
)
ON CONFLICT (form_id) DO NOTHING;

-- name: phone_change
-- One of this browser.
SELECT id, customer_id, code_id, sealed, is_strong, lang, begun_at, confirmed_at, ripe_at, outcome FROM identity.phone_change
WHERE id = %(id)s AND browser_hash = %(browser_hash)s;

-- name: lock_phone_changes
-- For its next step; without a browser for the bank's own.
SELECT id, customer_id, code_id, sealed, is_strong, lang, begun_at, confirmed_at, ripe_at, outcome FROM identity.phone_change
WHERE id = ANY(%(keys)s::uuid[]) AND (%(browser_hash)s::bytea IS NULL OR browser_hash = %(browser_hash)s)
ORDER BY id FOR UPDATE;

-- name: open_phone_change
-- What waits for a customer.
SELECT id, customer_id, code_id, sealed, is_strong, lang, begun_at, confirmed_at, ripe_at, outcome FROM identity.phone_change
WHERE customer_id = %(customer_id)s AND confirmed_at IS NOT NULL AND ended_at IS NULL;

-- name: strengthen_phone_change
-- He has shown more than his password.
UPDATE identity.phone_change SET is_strong = true WHERE id = %(id)s;

-- name: confirm_phone_change
-- The code was right: the waiting begins.
UPDATE identity.phone_change SET confirmed_at = %(at)s, ripe_at = %(ripe_at)s WHERE id = %(id)s;

-- name: end_phone_change
-- It holds, or never will; the number is kept elsewhere or not at all.
UPDATE identity.phone_change SET ended_at = %(at)s, outcome = %(outcome)s, sealed = NULL WHERE id = %(id)s;

-- name: end_phone_changes_of
-- Stopped by its owner, or in favour of a newer one.
UPDATE identity.phone_change SET ended_at = %(at)s, outcome = %(outcome)s, sealed = NULL
WHERE customer_id = %(customer_id)s AND confirmed_at IS NOT NULL AND ended_at IS NULL
RETURNING id;

-- name: ripe_phone_changes
-- Whose waiting is over.
SELECT id FROM identity.phone_change WHERE ended_at IS NULL AND ripe_at <= %(at)s ORDER BY ripe_at LIMIT %(most)s;

-- name: forget_phone_changes
-- That there was one stays in the audit.
DELETE FROM identity.phone_change WHERE begun_at < %(before)s;
