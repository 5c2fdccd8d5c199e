-- identity: what the bank has bounded while it looks at a risk.

-- name: restriction
-- One of them.
SELECT id, customer_id, level, reason, placed_by, placed_at, until, ended_at, ended_by FROM identity.restriction WHERE id = %(id)s;

-- name: restriction_of
-- The one that holds for a customer.
SELECT id, customer_id, level, reason, placed_by, placed_at, until, ended_at, ended_by
FROM identity.restriction WHERE customer_id = %(customer_id)s AND ended_at IS NULL;

-- name: restriction_history
-- All that a customer ever had, newest first.
SELECT id, customer_id, level, reason, placed_by, placed_at, until, ended_at, ended_by
FROM identity.restriction WHERE customer_id = %(customer_id)s ORDER BY placed_at DESC, id DESC LIMIT %(most)s;

-- name: restrictions
-- Those that hold, newest first, from a place on.
SELECT id, customer_id, level, reason, placed_by, placed_at, until, ended_at, ended_by
FROM identity.restriction
WHERE ended_at IS NULL AND (%(before)s::timestamptz IS NULL OR (placed_at, id) < (%(before)s::timestamptz, %(before_id)s::uuid))
ORDER BY placed_at DESC, id DESC LIMIT %(most)s;

-- name: due_restrictions
-- Whose restriction ends by itself by now.
SELECT customer_id FROM identity.restriction WHERE ended_at IS NULL AND until <= %(at)s ORDER BY until LIMIT %(most)s;

-- name: add_restriction
-- From now on he pays no more than this level may.
WITH customer AS (
    UPDATE identity.customer SET restricted_level = %(level)s WHERE id = %(customer_id)s
)
INSERT INTO identity.restriction (id, customer_id, level, reason, placed_by, placed_at, until)
VALUES (%(id)s, %(customer_id)s, %(level)s, %(reason)s, %(by)s, %(at)s, %(until)s);

-- name: end_restriction
-- He pays as before.
WITH customer AS (
    UPDATE identity.customer SET restricted_level = NULL WHERE id = %(customer_id)s
)
UPDATE identity.restriction SET ended_at = %(at)s, ended_by = %(by)s WHERE customer_id = %(customer_id)s AND ended_at IS NULL;
