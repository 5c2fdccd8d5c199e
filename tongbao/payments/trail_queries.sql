-- name: schedules_said
-- A range of schedules, each with what the audit says of it: by whom it was made, by which request, and how it was moved last.
WITH s AS (
    SELECT id, principal_id, request_hash, payer_account_id, payee_account_id, merchant_id, amount_minor, currency, reference,
        every, starts_on, ends_on, state
    FROM payments.schedule WHERE id > %(after)s ORDER BY id LIMIT %(most)s
),
said AS (
    SELECT a.subject,
        (array_agg(a.principal_id ORDER BY a.id) FILTER (WHERE a.action = 'schedule.create'))[1] AS made_by,
        (array_agg(a.details ->> 'request' ORDER BY a.id) FILTER (WHERE a.action = 'schedule.create'))[1] AS request,
        (array_agg(a.action ORDER BY a.id DESC) FILTER (WHERE a.action <> 'schedule.create'))[1] AS moved
    FROM base.audit_view a JOIN s ON a.subject = s.id::text
    WHERE a.action IN ('schedule.create', 'schedule.active', 'schedule.paused', 'schedule.cancelled')
    GROUP BY a.subject
)
SELECT s.id, s.principal_id, s.request_hash, s.payer_account_id, s.payee_account_id, s.merchant_id, s.amount_minor, s.currency,
    s.reference, s.every, s.starts_on, s.ends_on, s.state, d.made_by, d.request, d.moved
FROM s LEFT JOIN said d ON d.subject = s.id::text ORDER BY s.id;

-- name: accounts_after
-- A range of accounts.
SELECT id FROM identity.account_view WHERE id > %(after)s ORDER BY id LIMIT %(most)s;

-- name: wrong_limits
-- Limits of accounts that are not what was set last, or that are gone: whose, by whom, what was set, what is.
WITH there AS (
    SELECT account_id, set_by, jsonb_strip_nulls(jsonb_build_object(
        'per_payment_minor', per_payment_minor, 'per_day_minor', per_day_minor, 'per_month_minor', per_month_minor,
        'per_day_count', per_day_count, 'per_month_count', per_month_count
    )) AS limits
    FROM payments.account_limit WHERE account_id = ANY(%(ids)s::uuid[])
),
said AS (
    SELECT DISTINCT ON (a.subject, a.action) a.subject,
        CASE a.action WHEN 'limits.set_own' THEN 'customer' ELSE 'bank' END AS set_by, a.details
    FROM base.audit_view a
    WHERE a.subject = ANY(%(ids)s::text[]) AND a.action IN ('limits.set_account', 'limits.set_own')
    ORDER BY a.subject, a.action, a.id DESC
)
SELECT coalesce(t.account_id::text, s.subject), coalesce(t.set_by, s.set_by), coalesce(s.details, '{}')::text,
    coalesce(t.limits, '{}')::text
FROM there t FULL JOIN said s ON s.subject = t.account_id::text AND s.set_by = t.set_by
WHERE coalesce(t.limits, '{}') <> coalesce(s.details, '{}') ORDER BY 1, 2 LIMIT %(most)s;

-- name: wrong_cards
-- Cards that stand as bound and that their customer has not bound, or has taken away since.
SELECT c.id, coalesce(a.action || ' by ' || a.principal_id, 'none')
FROM payments.card c
LEFT JOIN LATERAL (
    SELECT action, principal_id FROM base.audit_view
    WHERE subject = c.id::text AND action IN ('card.bind', 'card.unbind') ORDER BY id DESC LIMIT 1
) a ON true
WHERE c.state = 'bound' AND (a.action, a.principal_id) IS DISTINCT FROM ('card.bind', c.customer_id)
ORDER BY c.id LIMIT %(most)s;

-- name: wrong_policies
-- Versions of the policy after the first whose hash is not the one that the audit says was approved.
SELECT p.version, coalesce(a.details ->> 'hash', 'an entry of the audit'), encode(p.hash, 'hex')
FROM payments.policy p
LEFT JOIN LATERAL (
    SELECT details FROM base.audit_view WHERE subject = 'policy ' || p.version AND action = 'policy.set' ORDER BY id DESC LIMIT 1
) a ON true
WHERE p.version > 1 AND a.details ->> 'hash' IS DISTINCT FROM encode(p.hash, 'hex') ORDER BY p.version LIMIT %(most)s;
