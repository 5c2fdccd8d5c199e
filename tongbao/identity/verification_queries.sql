-- name: set_level
-- How well the bank knows a customer from now on; nobody falls by it.
UPDATE identity.customer SET level = %(level)s WHERE id = %(id)s AND level < %(level)s;

-- name: levels
-- What may be paid at each level.
SELECT level, name, per_payment_minor, per_day_minor FROM identity.level ORDER BY level;

-- name: hold_identity_number
-- One question at a time about an identity or telephone number, whoever asks.
SELECT pg_advisory_xact_lock(%(key)s);

-- name: identified
-- Those of these people whose identity number nobody else may have: the bank has verified them, or is about to.
SELECT c.id FROM identity.customer c
WHERE c.id = ANY(%(ids)s::uuid[]) AND c.status <> 'closed' AND (
    c.level > 0 OR EXISTS (SELECT 1 FROM identity.verification v WHERE v.customer_id = c.id AND v.next_at IS NOT NULL)
);

-- name: add_verification
-- A new question, due at once; nothing where the id stands for another one.
INSERT INTO identity.verification (id, customer_id, state, asked_by, asked_at, tries, next_at)
VALUES (%(id)s, %(customer_id)s, 'asked', %(by)s, %(at)s, 0, %(at)s)
ON CONFLICT (id) DO NOTHING
RETURNING id;

-- name: verification
-- One question.
SELECT id, customer_id, state, asked_at, decided_at, tries FROM identity.verification WHERE id = %(id)s;

-- name: verifications_of
-- The questions about one customer, newest first.
SELECT id, customer_id, state, asked_at, decided_at, tries FROM identity.verification
WHERE customer_id = %(customer_id)s ORDER BY asked_at DESC, id DESC LIMIT %(most)s;

-- name: newest_verifications
-- The newest question about each of these customers.
SELECT v.id, v.customer_id, v.state, v.asked_at, v.decided_at, v.tries
FROM unnest(%(ids)s::uuid[]) AS u (id) CROSS JOIN LATERAL (
    SELECT id, customer_id, state, asked_at, decided_at, tries FROM identity.verification
    WHERE customer_id = u.id ORDER BY asked_at DESC, id DESC LIMIT 1
) AS v;

-- name: lease_verifications
-- Questions that are due, for one caller alone until a moment.
WITH due AS MATERIALIZED (
    SELECT id FROM identity.verification WHERE next_at <= %(at)s
    ORDER BY next_at, id LIMIT %(most)s FOR UPDATE SKIP LOCKED
)
UPDATE identity.verification v SET lease = %(lease)s, next_at = %(until)s
FROM due WHERE v.id = due.id
RETURNING v.id, v.customer_id, v.state, v.asked_at, v.decided_at, v.tries;

-- name: lock_verification
-- For an answer; nothing where the lease was taken away or the question is over.
SELECT id, customer_id, state, asked_at, decided_at, tries FROM identity.verification
WHERE id = ANY(%(keys)s::uuid[]) AND lease = %(lease)s ORDER BY id FOR UPDATE;

-- name: set_verification
-- What became of a question, and when it is asked again.
UPDATE identity.verification SET state = %(state)s, tries = %(tries)s, next_at = %(next_at)s, decided_at = %(decided_at)s,
    lease = NULL
WHERE id = %(id)s;

-- name: verifications_waiting
-- Questions without an answer, and since when the oldest waits.
SELECT count(*), min(asked_at) FROM identity.verification WHERE next_at IS NOT NULL;
