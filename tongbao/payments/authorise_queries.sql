-- Statements about what payers have shown for payments that wait, and about the proofs of what they agreed to.

-- name: evidence
-- What was shown for these payments, the oldest first.
SELECT payment_id, kind, sorts, capable, instruction_hash, shown_at, evidence FROM payments.evidence
WHERE payment_id = ANY(%(ids)s::uuid[]) ORDER BY payment_id, shown_at, kind;

-- name: add_evidence
-- Something that was shown, in place of what of its kind was shown before.
INSERT INTO payments.evidence (payment_id, kind, sorts, capable, instruction_hash, shown_at, evidence)
VALUES (%(payment_id)s, %(kind)s, %(sorts)s, %(capable)s, %(instruction_hash)s, %(at)s, %(evidence)s)
ON CONFLICT (payment_id, kind) DO UPDATE SET sorts = excluded.sorts, capable = excluded.capable,
    instruction_hash = excluded.instruction_hash, shown_at = excluded.shown_at, evidence = excluded.evidence;

-- name: add_proofs
-- Proofs of payments that were agreed to just now.
INSERT INTO payments.proof (payment_id, document, signature, made_at)
SELECT i, d, s, %(at)s FROM unnest(%(ids)s::uuid[], %(documents)s::text[], %(signatures)s::bytea[]) AS p (i, d, s)
ON CONFLICT DO NOTHING;

-- name: proof
-- The proof of a payment.
SELECT document, signature FROM payments.proof WHERE payment_id = %(payment_id)s;

-- name: proofs_after
-- Proofs beside the payments that they are of, by id.
SELECT f.payment_id, f.document, f.signature, p.amount_minor, p.currency, p.merchant_id
FROM payments.proof f JOIN payments.payment p ON p.id = f.payment_id
WHERE f.payment_id > %(after)s ORDER BY f.payment_id LIMIT %(most)s;

-- name: without_proof
-- Payments whose payers had to show something and of which there is no proof, though they went on.
SELECT c.payment_id FROM payments.challenge c JOIN payments.payment p ON p.id = c.payment_id
WHERE (c.ways > 0 OR c.signed) AND p.authorised_minor > 0
    AND NOT EXISTS (SELECT 1 FROM payments.proof f WHERE f.payment_id = c.payment_id)
ORDER BY c.payment_id LIMIT %(most)s;

-- name: add_signatures
-- What orders that came signed were signed with, where the key counts at this moment; answers the payments of which it does.
INSERT INTO payments.evidence (payment_id, kind, sorts, capable, instruction_hash, shown_at, evidence)
SELECT s.i, 'device', ARRAY['possession'], true, s.h, %(at)s, s.e
FROM unnest(%(ids)s::uuid[], %(keys)s::uuid[], %(hashes)s::bytea[], %(evidence)s::jsonb[]) AS s (i, k, h, e)
JOIN identity.device_key_view d ON d.id = s.k
RETURNING payment_id;
