-- name: tell_truth
-- What a simulated city says of its payments; what it has said before stays.
INSERT INTO risk.truth (payment_id, what, at, known_at)
SELECT t.payment_id, t.what, t.at, t.known_at
FROM unnest(%(payments)s::uuid [], %(whats)s::text [], %(moments)s::timestamptz [], %(known)s::timestamptz []) AS t (payment_id, what, at, known_at)
ORDER BY t.payment_id
ON CONFLICT DO NOTHING;

-- name: label_told
-- First labels of what has become known by now, each at the moment from which on it was known; how many were new. A payment that
-- somebody has labelled keeps what he said.
WITH added AS (
    INSERT INTO risk.label (payment_id, number, id, is_fraud, source, said_at, said_by, reason)
    SELECT t.payment_id, 1, t.payment_id, true, %(source)s, t.known_at, %(by)s, t.what FROM risk.truth t
    WHERE t.known_at <= %(at)s AND NOT EXISTS (SELECT FROM risk.label l WHERE l.payment_id = t.payment_id)
    ORDER BY t.payment_id LIMIT %(most)s
    ON CONFLICT DO NOTHING RETURNING payment_id
)

SELECT count(*) FROM added;

-- name: against_truth
-- Frauds that were judged since a moment while rules were in force, by kind: how many; of these not let pass, or declined; minor units
-- that went through; of how many a model said something, the champion or the one beside it, and how many it scored `high` or more.
SELECT t.what, count(*), count(*) FILTER (WHERE a.action <> 'approve' OR a.is_declined),
    coalesce(sum(a.amount_minor) FILTER (WHERE a.action = 'approve' AND NOT a.is_declined), 0)::bigint,
    count(*) FILTER (WHERE coalesce(a.score, a.beside_score) IS NOT NULL),
    count(*) FILTER (WHERE coalesce(a.score, a.beside_score) >= %(high)s)
FROM risk.truth t JOIN risk.assessment a ON a.id = t.payment_id
WHERE t.at >= %(since)s AND t.at <= %(until)s AND a.currency = %(currency)s AND a.rules_change > 0
GROUP BY t.what ORDER BY t.what;
