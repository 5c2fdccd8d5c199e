-- name: policies
-- Versions of the policy of authorisation, newest first, from below one on.
SELECT version, content, reason, proposed_by, approved_by, in_force_at, previous_hash, hash FROM payments.policy
WHERE version < %(below)s ORDER BY version DESC LIMIT %(most)s;

-- name: add_policy
-- The next version; answers nothing where somebody else's came first.
INSERT INTO payments.policy (version, content, reason, proposed_by, approved_by, in_force_at, previous_hash, hash)
SELECT k, %(content)s::jsonb, %(reason)s, %(proposed_by)s, %(approved_by)s, %(at)s, %(previous_hash)s, %(hash)s
FROM unnest(%(keys)s::int[]) AS u (k)
ON CONFLICT (version) DO NOTHING RETURNING version;

-- name: situations
-- What is known of customers who pay for themselves, an order a row, each with the policy in force: how well the bank knows them,
-- what they paid today and this month, when they last changed what they prove themselves with (what a newcomer sets in his first
-- day is no change), whose trusted person is to agree above which amount, how unlike their habit they have just typed, the worst that
-- the app of a device bound to them attests, and whether the payee is himself or among the last 200 whom
-- this account has paid. One statement for a batch.
SELECT u.i, p.version, p.content, p.reason, p.proposed_by, p.approved_by, p.in_force_at, p.previous_hash, p.hash,
    coalesce(v.customer_level, 0), s.day, s.day_minor, s.month, s.month_minor, s.month_count, f.changed_at,
    g.id, g.ask_above_minor, w.unlike, d.state,
    coalesce(t.customer_id = v.customer_id, false) OR EXISTS (
        SELECT 1 FROM (
            SELECT payee_account_id, captured_minor FROM payments.payment
            WHERE payer_account_id = u.f AND created_at < %(at)s ORDER BY created_at DESC, id DESC LIMIT 200
        ) AS paid WHERE paid.payee_account_id = u.t AND paid.captured_minor > 0
    )
FROM unnest(%(ids)s::uuid[], %(payers)s::uuid[], %(payees)s::uuid[]) AS u (i, f, t)
CROSS JOIN (
    SELECT version, content, reason, proposed_by, approved_by, in_force_at, previous_hash, hash FROM payments.policy
    ORDER BY version DESC LIMIT 1
) AS p
LEFT JOIN identity.account_view v ON v.id = u.f
LEFT JOIN identity.account_view t ON t.id = u.t
LEFT JOIN payments.spending s ON s.account_id = u.f
LEFT JOIN LATERAL (
    SELECT max(c.set_at) AS changed_at FROM identity.factor_view c
    WHERE c.customer_id = v.customer_id AND c.set_at > c.customer_since + interval '1 day'
) AS f ON true
LEFT JOIN LATERAL (
    SELECT y.id, y.ask_above_minor FROM payments.family y
    WHERE y.owner_id = v.customer_id AND t.customer_id IS DISTINCT FROM v.customer_id AND y.ask_above_minor IS NOT NULL
        AND y.accepted_at IS NOT NULL AND (y.ends_at IS NULL OR y.ends_at > %(at)s)
    ORDER BY y.ask_above_minor LIMIT 1
) AS g ON true
LEFT JOIN LATERAL (
    SELECT r.unlike FROM identity.typing_view r
    WHERE r.customer_id = v.customer_id AND r.recorded_at > %(at)s - interval '10 minutes' AND r.recorded_at <= %(at)s
    ORDER BY r.recorded_at DESC LIMIT 1
) AS w ON true
LEFT JOIN LATERAL (
    SELECT k.state FROM identity.device_key_view k WHERE k.customer_id = v.customer_id AND k.state IS NOT NULL
    ORDER BY array_position(ARRAY['malware', 'rooted', 'sound'], k.state) LIMIT 1
) AS d ON true;

-- name: challenges
-- What payers were asked for.
SELECT payment_id, ways, large, signed, policy_version, why, nonce, expires_at FROM payments.challenge
WHERE payment_id = ANY(%(ids)s::uuid[]);
