-- name: lock_tries
-- One try at a time at each secret, known or not.
INSERT INTO identity.tries (guarded, in_a_row, shut_until, tried_at)
SELECT k, 0, NULL, %(at)s FROM unnest(%(keys)s::bytea[]) AS u (k) ORDER BY k
ON CONFLICT (guarded) DO UPDATE SET in_a_row = tries.in_a_row
RETURNING in_a_row, shut_until, tried_at;

-- name: count_try
-- Takes a try, before anything is compared.
UPDATE identity.tries SET in_a_row = %(in_a_row)s, shut_until = %(shut_until)s, tried_at = %(at)s
WHERE guarded = %(guarded)s;

-- name: forgive_tries
-- The count starts anew.
DELETE FROM identity.tries WHERE guarded = %(guarded)s;

-- name: tries_shut
-- Until when these secrets take no try; the moment may have passed.
SELECT guarded, shut_until FROM identity.tries WHERE guarded = ANY(%(guarded)s::bytea[]) AND shut_until IS NOT NULL;

-- name: forget_tries
-- Counts that have long been forgiven.
DELETE FROM identity.tries WHERE tried_at < %(before)s AND (shut_until IS NULL OR shut_until < %(before)s);

-- name: set_factor
-- A new secret takes the place of the one before.
INSERT INTO identity.factor (customer_id, kind, sealed, used_step, set_at)
VALUES (%(customer_id)s, %(kind)s, %(sealed)s, %(used_step)s, %(at)s)
ON CONFLICT (customer_id, kind) DO UPDATE SET sealed = EXCLUDED.sealed, used_step = EXCLUDED.used_step, set_at = EXCLUDED.set_at;

-- name: factor
-- One customer's factor of one kind, with its sealed secret.
SELECT sealed, set_at FROM identity.factor WHERE customer_id = %(customer_id)s AND kind = %(kind)s;

-- name: factors
-- What customers prove themselves with, in the order in which they set it.
SELECT f.customer_id, f.kind, f.set_at, coalesce(p.kind = f.kind, false)
FROM identity.factor f LEFT JOIN identity.preferred_factor p ON p.customer_id = f.customer_id
WHERE f.customer_id = ANY(%(customer_ids)s::uuid[])
ORDER BY f.customer_id, f.set_at, f.kind;

-- name: remove_factor
-- Returns nothing when there is none.
DELETE FROM identity.factor WHERE customer_id = %(customer_id)s AND kind = %(kind)s RETURNING kind;

-- name: prefer_factor
-- What he would rather be asked for from now on.
INSERT INTO identity.preferred_factor (customer_id, kind) VALUES (%(customer_id)s, %(kind)s)
ON CONFLICT (customer_id) DO UPDATE SET kind = EXCLUDED.kind;

-- name: prefer_no_factor
-- What is removed is preferred no more.
DELETE FROM identity.preferred_factor WHERE customer_id = %(customer_id)s AND kind = %(kind)s;

-- name: use_totp_step
-- A time step is used once and none before it afterwards; returns nothing otherwise.
UPDATE identity.factor SET used_step = %(step)s
WHERE customer_id = %(customer_id)s AND kind = 'totp' AND used_step < %(step)s
RETURNING used_step;

-- name: offer_totp
-- A new seed takes the place of one that was never confirmed.
INSERT INTO identity.totp_offer (customer_id, sealed, offered_at) VALUES (%(customer_id)s, %(sealed)s, %(at)s)
ON CONFLICT (customer_id) DO UPDATE SET sealed = EXCLUDED.sealed, offered_at = EXCLUDED.offered_at;

-- name: totp_offer
-- The seed that a customer has been shown since a moment.
SELECT sealed FROM identity.totp_offer WHERE customer_id = %(customer_id)s AND offered_at > %(since)s;

-- name: drop_totp_offer
-- It was confirmed.
DELETE FROM identity.totp_offer WHERE customer_id = %(customer_id)s;

-- name: forget_totp_offers
-- Seeds that nobody confirmed.
DELETE FROM identity.totp_offer WHERE offered_at < %(before)s;

-- name: code_times
-- When a telephone was last sent codes, newest first.
SELECT made_at FROM identity.code WHERE phone_fingerprint = %(phone_fingerprint)s ORDER BY made_at DESC LIMIT %(most)s;

-- name: code_asked
-- What an id was asked for.
SELECT purpose, subject_id, phone_fingerprint FROM identity.code WHERE id = %(id)s;

-- name: end_codes
-- A new code ends those before it of the same purpose.
UPDATE identity.code SET expires_at = greatest(made_at, %(at)s)
WHERE subject_id = %(subject_id)s AND purpose = %(purpose)s AND used_at IS NULL AND expires_at > %(at)s;

-- name: add_code
-- A code on its way.
INSERT INTO identity.code (id, purpose, subject_id, phone_fingerprint, code_hmac, tries, made_at, expires_at)
VALUES (%(id)s, %(purpose)s, %(subject_id)s, %(phone_fingerprint)s, %(code_hmac)s, 0, %(at)s, %(expires_at)s);

-- name: lock_codes
-- For a try.
SELECT purpose, subject_id, phone_fingerprint, code_hmac, tries, expires_at, used_at FROM identity.code
WHERE id = ANY(%(keys)s::uuid[]) ORDER BY id FOR UPDATE;

-- name: count_code_try
-- Takes a try, before anything is compared.
UPDATE identity.code SET tries = tries + 1 WHERE id = %(id)s;

-- name: code_used
-- Once.
UPDATE identity.code SET used_at = %(at)s WHERE id = %(id)s;

-- name: forget_codes
-- Codes that are long over.
DELETE FROM identity.code WHERE expires_at < %(before)s;
