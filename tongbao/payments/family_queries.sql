-- Whom customers trust to look on, and what was asked of them.

-- name: name_trusted
-- Names a trusted person; no row where the owner has named one already, or the id is taken.
INSERT INTO payments.family AS f (id, owner_id, trusted_id, tell_above_minor, ask_above_minor, asked_at)
SELECT k, %(owner_id)s, %(trusted_id)s, %(tell_above)s, %(ask_above)s, %(at)s FROM unnest(%(keys)s::uuid[]) AS u (k)
WHERE NOT EXISTS (
    SELECT 1 FROM payments.family g
    WHERE g.owner_id = %(owner_id)s AND (g.ends_at IS NULL OR (g.accepted_at IS NOT NULL AND g.ends_at > %(at)s))
)
ON CONFLICT DO NOTHING RETURNING f.id;

-- name: families
-- By id.
SELECT id, owner_id, trusted_id, tell_above_minor, ask_above_minor, asked_at, accepted_at, ends_at, ended_by
FROM payments.family WHERE id = ANY(%(ids)s::uuid[]);

-- name: lock_families
-- The same, locked for whoever changes them.
SELECT id, owner_id, trusted_id, tell_above_minor, ask_above_minor, asked_at, accepted_at, ends_at, ended_by
FROM payments.family WHERE id = ANY(%(keys)s::uuid[]) ORDER BY id FOR NO KEY UPDATE;

-- name: families_of
-- Those of a customer that hold, or wait for their trusted person: as owner and as trusted person, the newest first.
SELECT id, owner_id, trusted_id, tell_above_minor, ask_above_minor, asked_at, accepted_at, ends_at, ended_by
FROM payments.family
WHERE (owner_id = %(customer_id)s OR trusted_id = %(customer_id)s)
    AND (ends_at IS NULL OR (accepted_at IS NOT NULL AND ends_at > %(at)s))
ORDER BY asked_at DESC, id LIMIT %(most)s;

-- name: set_family
-- Where it stands now.
UPDATE payments.family SET accepted_at = %(accepted_at)s, ends_at = %(ends_at)s, ended_by = %(ended_by)s
WHERE id = %(id)s;

-- name: family_asks
-- What was asked about these payments, and what was answered.
SELECT a.payment_id, a.family_id, f.owner_id, f.trusted_id, a.asked_at, a.due_at, a.agreed, a.answered_at
FROM payments.family_ask a JOIN payments.family f ON f.id = a.family_id
WHERE a.payment_id = ANY(%(ids)s::uuid[]);

-- name: asked_of
-- What waits for an answer of this trusted person, the most pressing first.
SELECT a.payment_id, a.family_id, f.owner_id, f.trusted_id, a.asked_at, a.due_at, a.agreed, a.answered_at
FROM payments.family f
JOIN payments.family_ask a ON a.family_id = f.id
JOIN payments.open_payment o ON o.payment_id = a.payment_id AND o.waits_for = 'confirmation'
WHERE f.trusted_id = %(trusted_id)s AND (f.ends_at IS NULL OR f.ends_at > %(at)s) AND a.agreed IS NULL AND a.due_at > %(at)s
ORDER BY a.due_at, a.payment_id LIMIT %(most)s;

-- name: answer
-- What the trusted person says, once; no row where he has said it, or too late.
UPDATE payments.family_ask SET agreed = %(agreed)s, answered_at = %(at)s
WHERE payment_id = %(payment_id)s AND agreed IS NULL AND due_at > %(at)s
RETURNING payment_id;

-- name: to_tell
-- Of payments that were just decided (`authorised` says which of the two ways): who is told of each. One that arrives later, or is
-- taken later, is told when it is authorised, any other when it is completed: so each is told once. What a trusted person was
-- asked about he knows already.
SELECT u.p, f.owner_id, f.trusted_id, u.d
FROM unnest(%(payments)s::uuid[], %(authorised)s::boolean[], %(ats)s::timestamptz[]) AS u (p, z, d)
JOIN payments.payment p ON p.id = u.p AND u.z = (p.arrives <> 'now' OR p.capture = 'manual')
JOIN identity.account_view v ON v.id = p.payer_account_id
JOIN payments.family f ON f.owner_id = v.customer_id AND p.amount_minor > f.tell_above_minor
    AND f.accepted_at < u.d AND (f.ends_at IS NULL OR f.ends_at > u.d)
WHERE NOT EXISTS (SELECT 1 FROM payments.family_ask a WHERE a.payment_id = u.p)
ORDER BY u.p, f.id;

-- name: unagreed
-- Payments that went on although a trusted person was to agree and has not.
SELECT a.payment_id FROM payments.family_ask a JOIN payments.payment p ON p.id = a.payment_id
WHERE a.agreed IS NOT TRUE AND p.authorised_minor > 0
ORDER BY a.payment_id LIMIT %(most)s;
