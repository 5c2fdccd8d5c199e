-- name: customers_after
-- A range of customers.
SELECT id FROM identity.customer WHERE id > %(after)s ORDER BY id LIMIT %(most)s;

-- name: wrong_standing
-- Customers whose standing, level, caution or restriction are not what the audit says: which one, what it should be, what it is. A level begins at
-- 0 for whoever registered himself and at the highest for whom a clerk registered, and only rises.
WITH said AS (
    SELECT a.subject,
        (array_agg(a.action ORDER BY a.id DESC) FILTER (
            WHERE a.action IN ('customer.freeze', 'customer.unfreeze', 'customer.close')
        ))[1] AS standing,
        max(greatest(
            CASE a.action WHEN 'customer.level' THEN (a.details ->> 'to')::smallint
                WHEN 'verification.verified' THEN 1 END
        )) AS risen,
        max((a.details ->> 'cautious_until')::timestamptz) FILTER (WHERE a.details ? 'cautious_until') AS cautious,
        (array_agg((a.details ->> 'level')::smallint ORDER BY a.id DESC) FILTER (
            WHERE a.action IN ('customer.restrict', 'customer.unrestrict')
        ))[1] AS restricted
    FROM base.audit_view a
    WHERE a.subject = ANY(%(ids)s::text[])
        AND (a.action IN ('customer.freeze', 'customer.unfreeze', 'customer.close', 'customer.level', 'customer.restrict',
            'customer.unrestrict', 'verification.verified')
            OR a.details ? 'cautious_until')
    GROUP BY a.subject
),
expected AS (
    SELECT c.id, c.status, c.level, c.cautious_until, c.restricted_level,
        CASE s.standing WHEN 'customer.freeze' THEN 'frozen' WHEN 'customer.close' THEN 'closed' ELSE 'open' END AS standing,
        greatest(s.risen, CASE WHEN k.principal_id = c.id THEN 0 ELSE %(full)s::smallint END) AS least_level,
        s.cautious, s.restricted
    FROM identity.customer c
    LEFT JOIN identity.claim k ON k.id = c.id AND k.kind = 'customer'
    LEFT JOIN said s ON s.subject = c.id::text
    WHERE c.id = ANY(%(ids)s::uuid[])
)
SELECT id, 'status', standing, status FROM expected WHERE status <> standing
UNION ALL
SELECT id, 'level', least_level::text, level::text FROM expected WHERE level <> least_level
UNION ALL
SELECT id, 'cautious_until', cautious::text, coalesce(cautious_until::text, 'none')
FROM expected WHERE cautious > %(at)s AND (cautious_until IS NULL OR cautious_until < cautious)
UNION ALL
SELECT id, 'restricted_level', coalesce(restricted::text, 'none'), coalesce(restricted_level::text, 'none')
FROM expected WHERE restricted_level IS DISTINCT FROM restricted
ORDER BY 1, 2 LIMIT %(most)s;

-- name: wrong_factors
-- Factors that nobody has set, that were removed, that stand at another moment, or that are gone and were not removed.
WITH said AS (
    SELECT DISTINCT ON (a.subject, a.details ->> 'kind') a.subject, a.details ->> 'kind' AS kind, a.action, a.recorded_at
    FROM base.audit_view a
    WHERE a.subject = ANY(%(ids)s::text[]) AND a.action IN ('factor.set', 'factor.remove')
    ORDER BY a.subject, a.details ->> 'kind', a.id DESC
),
there AS (SELECT customer_id, kind, set_at FROM identity.factor WHERE customer_id = ANY(%(ids)s::uuid[]))
SELECT coalesce(t.customer_id, c.id), coalesce(t.kind, s.kind),
    CASE WHEN s.action = 'factor.set' THEN 'set at ' || s.recorded_at ELSE 'none' END,
    coalesce('set at ' || t.set_at, 'none')
FROM said s
FULL JOIN there t ON t.customer_id::text = s.subject AND t.kind = s.kind
LEFT JOIN identity.customer c ON c.id::text = s.subject AND c.id = ANY(%(ids)s::uuid[])
WHERE CASE
    WHEN t.customer_id IS NULL THEN s.action = 'factor.set' AND s.kind IN ('password', 'pin', 'sms', 'totp') AND c.status <> 'closed'
    ELSE s.action IS DISTINCT FROM 'factor.set' OR s.recorded_at <> t.set_at END
ORDER BY 1, 2 LIMIT %(most)s;

-- name: wrong_passkeys
-- Passkeys that nobody has added as they are, and those that were removed or suspended and stand as if they were not.
WITH said AS (
    SELECT a.subject, a.details ->> 'passkey_id' AS passkey,
        (array_agg(a.details ORDER BY a.id) FILTER (WHERE a.action = 'passkey.add'))[1] AS added,
        bool_or(a.action = 'passkey.remove') AS removed, bool_or(a.action = 'passkey.suspend') AS suspended
    FROM base.audit_view a
    WHERE a.subject = ANY(%(ids)s::text[]) AND a.action IN ('passkey.add', 'passkey.remove', 'passkey.suspend')
    GROUP BY a.subject, a.details ->> 'passkey_id'
),
found AS (
    SELECT p.id, CASE
        WHEN s.added IS NULL THEN 'no passkey that was added'
        WHEN s.added ->> 'public_key' <> encode(sha256(p.public_key), 'hex') THEN 'another public key'
        WHEN s.added ->> 'modality' <> p.modality OR (s.added ->> 'attested')::boolean <> p.attested
            OR s.added ->> 'aaguid' <> p.aaguid::text THEN 'another authenticator'
        WHEN s.removed AND p.revoked_at IS NULL THEN 'not removed'
        WHEN s.suspended AND p.suspended_at IS NULL THEN 'not suspended' END AS found
    FROM identity.passkey p
    LEFT JOIN said s ON s.subject = p.customer_id::text AND s.passkey = p.id::text
    WHERE p.customer_id = ANY(%(ids)s::uuid[])
)
SELECT id, found FROM found WHERE found IS NOT NULL ORDER BY id LIMIT %(most)s;

-- name: device_keys_said
-- Device keys, whether they were added by what the audit says, and whether they were removed by it.
WITH said AS (
    SELECT a.subject, a.details ->> 'device_key_id' AS device_key,
        bool_or(a.action = 'device_key.add') AS added, bool_or(a.action = 'device_key.remove') AS removed
    FROM base.audit_view a
    WHERE a.subject = ANY(%(ids)s::text[]) AND a.action IN ('device_key.add', 'device_key.remove')
    GROUP BY a.subject, a.details ->> 'device_key_id'
)
SELECT d.id, d.customer_id, d.jwk, coalesce(s.added, false), coalesce(s.removed, false) AND d.revoked_at IS NULL
FROM identity.device_key d
LEFT JOIN said s ON s.subject = d.customer_id::text AND s.device_key = d.id::text
WHERE d.customer_id = ANY(%(ids)s::uuid[]) ORDER BY d.id;

-- name: wrong_devices
-- Devices that are trusted from another moment than the audit says, or that were logged out and stand as if they were not. What the
-- release before knew on the day of the change it did not write down.
WITH said AS (
    SELECT a.id, a.subject, a.details ->> 'device_id' AS device, a.action, (a.details ->> 'trusted_from')::timestamptz AS trusted
    FROM base.audit_view a
    WHERE a.subject = ANY(%(ids)s::text[]) AND a.action IN ('device.know', 'device.log_out', 'device.log_out_all')
),
known AS (
    SELECT DISTINCT ON (s.subject, s.device) s.id, s.subject, s.device, s.trusted
    FROM said s WHERE s.action = 'device.know' ORDER BY s.subject, s.device, s.id DESC
),
begun AS (SELECT recorded_at FROM base.audit_view WHERE subject = 'device' AND action = 'device.audited'),
found AS (
    SELECT d.id, coalesce('trusted from ' || k.trusted, 'an entry of the audit') AS expected, CASE
        WHEN k.id IS NULL THEN CASE
            WHEN NOT EXISTS (
                SELECT FROM begun b WHERE d.known_since BETWEEN b.recorded_at AND b.recorded_at + interval '1 day'
            ) THEN 'none' END
        WHEN k.trusted <> d.trusted_from THEN 'trusted from ' || d.trusted_from
        WHEN EXISTS (
            SELECT FROM said o WHERE o.subject = k.subject AND o.id > k.id
                AND (o.action = 'device.log_out_all' OR (o.action = 'device.log_out' AND o.device = k.device))
        ) THEN 'not logged out' END AS found
    FROM identity.device d
    LEFT JOIN known k ON k.subject = d.customer_id::text AND k.device = d.id::text
    WHERE d.customer_id = ANY(%(ids)s::uuid[]) AND d.revoked_at IS NULL
)
SELECT id, expected, found FROM found WHERE found IS NOT NULL ORDER BY id LIMIT %(most)s;

-- name: wrong_consents
-- Answers that nobody gave, and answers that were given and are gone.
WITH said AS (
    SELECT a.subject, a.details ->> 'purpose' AS purpose, (a.details ->> 'version')::integer AS version,
        a.action = 'consent.give' AS given, a.recorded_at
    FROM base.audit_view a
    WHERE a.subject = ANY(%(ids)s::text[]) AND a.action IN ('consent.give', 'consent.withdraw')
),
there AS (
    SELECT id, customer_id, purpose, version, given, answered_at
    FROM identity.consent WHERE customer_id = ANY(%(ids)s::uuid[])
)
SELECT coalesce(t.id::text, 'customer_id=' || s.subject), coalesce(t.purpose, s.purpose),
    CASE WHEN s.subject IS NULL THEN 'no such answer' WHEN s.given THEN 'given' ELSE 'withdrawn' END,
    CASE WHEN t.id IS NULL THEN 'no such answer' WHEN t.given THEN 'given' ELSE 'withdrawn' END
FROM said s
FULL JOIN there t ON t.customer_id::text = s.subject AND t.purpose = s.purpose AND t.version = s.version
    AND t.given = s.given AND t.answered_at = s.recorded_at
WHERE s.subject IS NULL OR t.id IS NULL
ORDER BY 1, 2 LIMIT %(most)s;

-- name: wrong_staff
-- Members of staff whose roles or standing are not what the audit says last.
WITH said AS (
    SELECT a.subject,
        (array_agg(a.details -> 'roles' ORDER BY a.id DESC) FILTER (WHERE a.details ? 'roles' AND starts_with(a.action, 'staff.')))[1]
            AS roles,
        (array_agg(a.action ORDER BY a.id DESC) FILTER (WHERE a.action IN ('staff.disable', 'staff.enable')))[1] AS standing
    FROM base.audit_view a JOIN identity.staff m ON a.subject = m.id::text
    WHERE starts_with(a.action, 'staff.') GROUP BY a.subject
),
expected AS (
    SELECT m.id, (SELECT string_agg(r, ', ' ORDER BY r) FROM unnest(m.roles) AS r) AS roles, m.status,
        (SELECT string_agg(r, ', ' ORDER BY r) FROM jsonb_array_elements_text(s.roles) AS r) AS roles_said,
        CASE s.standing WHEN 'staff.disable' THEN 'disabled' ELSE 'active' END AS status_said
    FROM identity.staff m LEFT JOIN said s ON s.subject = m.id::text
)
SELECT id, coalesce(roles_said, 'nobody who was made'), roles FROM expected WHERE roles IS DISTINCT FROM roles_said
UNION ALL
SELECT id, status_said, status FROM expected WHERE status <> status_said
ORDER BY 1 LIMIT %(most)s;

-- name: wrong_keys
-- API keys whose rights are not what was issued, and those that were revoked and stand as if they were not.
WITH said AS (
    SELECT a.subject,
        (array_agg(a.details -> 'permissions' ORDER BY a.id) FILTER (WHERE a.action IN ('key.issue', 'key.rotate')))[1]
            AS permissions,
        bool_or(a.action = 'key.revoke') AS revoked
    FROM base.audit_view a
    WHERE a.subject = ANY(%(ids)s::text[]) AND a.action IN ('key.issue', 'key.rotate', 'key.revoke') GROUP BY a.subject
),
expected AS (
    SELECT k.id, (SELECT string_agg(p, ', ' ORDER BY p) FROM unnest(k.permissions) AS p) AS permissions,
        (SELECT string_agg(p, ', ' ORDER BY p) FROM jsonb_array_elements_text(s.permissions) AS p) AS said,
        s.subject IS NOT NULL AS is_known, coalesce(s.revoked, false) AND k.revoked_at IS NULL AS revoked
    FROM identity.api_key k LEFT JOIN said s ON s.subject = k.id::text WHERE k.id = ANY(%(ids)s::uuid[])
)
SELECT id, CASE WHEN NOT is_known THEN 'a key that was issued' ELSE coalesce(said, 'no rights') END,
    coalesce(permissions, 'no rights')
FROM expected WHERE NOT is_known OR permissions IS DISTINCT FROM said
UNION ALL
SELECT id, 'revoked', 'not revoked' FROM expected WHERE revoked
ORDER BY 1 LIMIT %(most)s;

-- name: keys_after
-- A range of API keys.
SELECT id FROM identity.api_key WHERE id > %(after)s ORDER BY id LIMIT %(most)s;
