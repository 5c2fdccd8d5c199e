-- name: recovery_of_form
-- What a first form has begun, in this browser.
SELECT id, browser_hash = %(browser_hash)s FROM identity.recovery WHERE form_id = %(form_id)s;

-- name: add_recovery
-- The claim is this row; the same form again makes no second one.
INSERT INTO identity.recovery (id, form_id, customer_id, browser_hash, code_id, lang, begun_at)
VALUES (%(id)s, %(form_id)s, %(customer_id)s, %(browser_hash)s, %(code_id)s, %(lang)s, %(at)s)
ON CONFLICT (form_id) DO NOTHING;

-- name: recovery
-- One of this browser.
SELECT id, customer_id, code_id, begun_at, confirmed_at, ripe_at, ended_at, outcome FROM identity.recovery
WHERE id = %(id)s AND browser_hash = %(browser_hash)s;

-- name: lock_recoveries
-- One of this browser, for its next step.
SELECT id, customer_id, code_id, begun_at, confirmed_at, ripe_at, ended_at, outcome FROM identity.recovery
WHERE id = ANY(%(keys)s::uuid[]) AND browser_hash = %(browser_hash)s ORDER BY id FOR UPDATE;

-- name: recovery_of_browser
-- What this browser may go on with.
SELECT id FROM identity.recovery
WHERE browser_hash = %(browser_hash)s AND begun_at > %(since)s AND confirmed_at IS NOT NULL AND ended_at IS NULL
ORDER BY begun_at DESC LIMIT 1;

-- name: open_recovery
-- What waits for a customer, or for whoever says that he is one.
SELECT id, customer_id, code_id, begun_at, confirmed_at, ripe_at, ended_at, outcome FROM identity.recovery
WHERE customer_id = %(customer_id)s AND confirmed_at IS NOT NULL AND ended_at IS NULL AND ripe_at > %(since)s;

-- name: end_recoveries_of
-- Stopped by its owner, or in favour of a newer one.
UPDATE identity.recovery SET ended_at = %(at)s, outcome = %(outcome)s
WHERE customer_id = %(customer_id)s AND confirmed_at IS NOT NULL AND ended_at IS NULL
RETURNING id;

-- name: confirm_recovery
-- The code was right: the waiting begins.
UPDATE identity.recovery SET confirmed_at = %(at)s, ripe_at = %(ripe_at)s WHERE id = %(id)s;

-- name: end_recovery
-- The new password is set.
UPDATE identity.recovery SET ended_at = %(at)s, outcome = 'done' WHERE id = %(id)s;

-- name: take_ripe
-- Whose waiting is over and who was not told of it; they are, now.
UPDATE identity.recovery SET told_at = %(at)s
WHERE id IN (
    SELECT id FROM identity.recovery
    WHERE customer_id IS NOT NULL AND ended_at IS NULL AND told_at IS NULL AND ripe_at <= %(at)s
    ORDER BY ripe_at LIMIT %(most)s FOR UPDATE SKIP LOCKED
)
RETURNING customer_id, lang;

-- name: be_cautious
-- He pays little for some days.
UPDATE identity.customer SET cautious_until = greatest(cautious_until, %(until)s) WHERE id = %(customer_id)s;

-- name: cautious_until
-- Until when he pays little, where he does.
SELECT cautious_until FROM identity.customer WHERE id = %(customer_id)s AND cautious_until IS NOT NULL;

-- name: end_caution
-- Those days are over.
UPDATE identity.customer SET cautious_until = NULL WHERE cautious_until <= %(at)s;

-- name: old_recoveries
-- Some of those that nobody asks about any more.
SELECT id FROM identity.recovery WHERE begun_at < %(before)s ORDER BY begun_at LIMIT %(most)s FOR UPDATE SKIP LOCKED;

-- name: forget_recoveries
-- That there was one stays in the audit.
DELETE FROM identity.recovery WHERE id = ANY(%(ids)s::uuid[]);
