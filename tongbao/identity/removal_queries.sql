-- name: add_removal
-- What is to be taken away, when its time has come; nothing where that waits already.
INSERT INTO identity.factor_removal (id, customer_id, kind, passkey_id, lang, asked_at, ripe_at)
VALUES (%(id)s, %(customer_id)s, %(kind)s, %(passkey_id)s, %(lang)s, %(at)s, %(ripe_at)s)
ON CONFLICT DO NOTHING;

-- name: open_removals
-- What waits for a customer, oldest first.
SELECT id, customer_id, kind, passkey_id, lang, asked_at, ripe_at, ended_at IS NOT NULL FROM identity.factor_removal
WHERE customer_id = %(customer_id)s AND ended_at IS NULL ORDER BY ripe_at, id;

-- name: lock_removals
-- For its end.
SELECT id, customer_id, kind, passkey_id, lang, asked_at, ripe_at, ended_at IS NOT NULL FROM identity.factor_removal
WHERE id = ANY(%(keys)s::uuid[]) ORDER BY id FOR UPDATE;

-- name: end_removal
-- Done, or stopped by its owner.
UPDATE identity.factor_removal SET ended_at = %(at)s, outcome = %(outcome)s WHERE id = %(id)s;

-- name: ripe_removals
-- Whose waiting is over.
SELECT id FROM identity.factor_removal WHERE ended_at IS NULL AND ripe_at <= %(at)s ORDER BY ripe_at LIMIT %(most)s;

-- name: forget_removals
-- That there was one stays in the audit.
DELETE FROM identity.factor_removal WHERE asked_at < %(before)s AND ended_at IS NOT NULL;
