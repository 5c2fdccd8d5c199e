-- name: consents
-- The newest wording of each purpose, and a customer's newest answer to that very wording.
SELECT p.purpose, p.version, p.en, p.zh, c.given, c.answered_at
FROM (SELECT DISTINCT ON (purpose) purpose, version, en, zh FROM identity.purpose ORDER BY purpose, version DESC) p
LEFT JOIN LATERAL (
    SELECT given, answered_at FROM identity.consent
    WHERE customer_id = %(customer_id)s AND purpose = p.purpose AND version = p.version
    ORDER BY answered_at DESC, id DESC LIMIT 1
) c ON true
ORDER BY p.purpose;

-- name: consent_history
-- Every answer of a customer with the wording that he read, newest first.
SELECT c.purpose, c.version, p.en, p.zh, c.given, c.answered_at
FROM identity.consent c JOIN identity.purpose p USING (purpose, version)
WHERE c.customer_id = %(customer_id)s ORDER BY c.answered_at DESC, c.id DESC LIMIT %(most)s;

-- name: add_consent
-- One answer; the same id again adds nothing.
INSERT INTO identity.consent (id, customer_id, purpose, version, given, answered_at)
VALUES (%(id)s, %(customer_id)s, %(purpose)s, %(version)s, %(given)s, %(at)s) ON CONFLICT (id) DO NOTHING;

-- name: agreed
-- Which of these customers agree to the newest wording of a purpose now.
SELECT DISTINCT ON (c.customer_id) c.customer_id, c.given
FROM identity.consent c
WHERE c.customer_id = ANY(%(ids)s::uuid[]) AND c.purpose = %(purpose)s
    AND c.version = (SELECT max(version) FROM identity.purpose WHERE purpose = %(purpose)s)
ORDER BY c.customer_id, c.answered_at DESC, c.id DESC;
