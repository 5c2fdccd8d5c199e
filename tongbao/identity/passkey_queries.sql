-- name: passkeys
-- What customers have not removed, oldest first, with what their makers declare of those that were attested.
SELECT p.id, p.customer_id, p.credential_id, p.public_key, p.transports, p.modality, p.name, p.sign_count, p.made_at, p.used_at,
    p.suspended_at, m.aaguid, m.name, m.false_accept, m.false_reject, m.spoof_accept, m.source
FROM identity.passkey p
LEFT JOIN identity.authenticator_model m ON p.attested AND m.aaguid = p.aaguid AND m.modality = p.modality
WHERE p.customer_id = ANY(%(customer_ids)s::uuid[]) AND p.revoked_at IS NULL
ORDER BY p.customer_id, p.made_at, p.id;

-- name: lock_passkeys
-- By credential id, for a signature of it; nobody's who has left.
SELECT p.id, p.customer_id, p.credential_id, p.public_key, p.transports, p.modality, p.name, p.sign_count, p.made_at, p.used_at,
    p.suspended_at, m.aaguid, m.name, m.false_accept, m.false_reject, m.spoof_accept, m.source
FROM identity.passkey p
JOIN identity.customer c ON c.id = p.customer_id AND c.status <> 'closed'
LEFT JOIN identity.authenticator_model m ON p.attested AND m.aaguid = p.aaguid AND m.modality = p.modality
WHERE p.credential_id = ANY(%(keys)s::bytea[]) AND p.revoked_at IS NULL
ORDER BY p.credential_id FOR UPDATE OF p;

-- name: add_passkey
-- Returns nothing when this credential is somebody's already.
INSERT INTO identity.passkey (id, customer_id, credential_id, public_key, aaguid, attested, transports, modality, name,
    sign_count, made_at)
VALUES (%(id)s, %(customer_id)s, %(credential_id)s, %(public_key)s, %(aaguid)s, %(attested)s, %(transports)s, %(modality)s,
    %(name)s, %(sign_count)s, %(at)s)
ON CONFLICT (credential_id) DO NOTHING RETURNING id;

-- name: passkey_used
-- Its count, and when it was used.
UPDATE identity.passkey SET sign_count = %(sign_count)s, used_at = %(at)s WHERE id = %(id)s;

-- name: suspend_passkey
-- There are two of it.
UPDATE identity.passkey SET suspended_at = %(at)s WHERE id = %(id)s AND suspended_at IS NULL;

-- name: rename_passkey
-- Returns nothing when he has none of this id.
UPDATE identity.passkey SET name = %(name)s
WHERE id = %(id)s AND customer_id = %(customer_id)s AND revoked_at IS NULL RETURNING id;

-- name: revoke_passkey
-- Its name, once.
UPDATE identity.passkey SET revoked_at = %(at)s
WHERE id = %(id)s AND customer_id = %(customer_id)s AND revoked_at IS NULL RETURNING name;

-- name: offer_passkey
-- A new wish takes the place of one before it.
INSERT INTO identity.passkey_offer (customer_id, challenge, modality, name, offered_at)
VALUES (%(customer_id)s, %(challenge)s, %(modality)s, %(name)s, %(at)s)
ON CONFLICT (customer_id) DO UPDATE SET challenge = EXCLUDED.challenge, modality = EXCLUDED.modality, name = EXCLUDED.name,
    offered_at = EXCLUDED.offered_at;

-- name: passkey_offer
-- What he is about to make.
SELECT challenge, modality, name FROM identity.passkey_offer
WHERE customer_id = %(customer_id)s AND offered_at > %(since)s;

-- name: drop_passkey_offer
-- It was made.
DELETE FROM identity.passkey_offer WHERE customer_id = %(customer_id)s;

-- name: forget_passkey_offers
-- What was never made.
DELETE FROM identity.passkey_offer WHERE offered_at < %(before)s;

-- name: begin_passkey_login
-- What a passkey is to sign in this browser; a new one takes the place of the one before.
INSERT INTO identity.passkey_login (browser_hash, challenge, made_at) VALUES (%(browser_hash)s, %(challenge)s, %(at)s)
ON CONFLICT (browser_hash) DO UPDATE SET challenge = EXCLUDED.challenge, made_at = EXCLUDED.made_at;

-- name: take_passkey_login
-- Once.
DELETE FROM identity.passkey_login WHERE browser_hash = %(browser_hash)s RETURNING challenge, made_at;

-- name: forget_passkey_logins
-- What was never signed.
DELETE FROM identity.passkey_login WHERE made_at < %(before)s;

-- name: add_device_key
-- Returns nothing when this customer has had this key already.
INSERT INTO identity.device_key (id, customer_id, suite, jwk, thumbprint, name, made_at)
VALUES (%(id)s, %(customer_id)s, %(suite)s, %(jwk)s, %(thumbprint)s, %(name)s, %(at)s)
ON CONFLICT (customer_id, thumbprint) DO NOTHING RETURNING id;

-- name: device_keys
-- By id, revoked ones too.
SELECT id, customer_id, suite, jwk, name, made_at, used_at, revoked_at, state FROM identity.device_key
WHERE id = ANY(%(ids)s::uuid[]);

-- name: device_keys_of
-- What customers have not revoked, oldest first.
SELECT id, customer_id, suite, jwk, name, made_at, used_at, revoked_at, state FROM identity.device_key
WHERE customer_id = ANY(%(customer_ids)s::uuid[]) AND revoked_at IS NULL ORDER BY customer_id, made_at, id;

-- name: device_key_used
-- When; at most once a minute, so that a busy device does not write at each payment.
UPDATE identity.device_key SET used_at = %(at)s
WHERE id = %(id)s AND (used_at IS NULL OR used_at < %(at)s::timestamptz - interval '1 minute');

-- name: rename_device_key
-- Returns nothing when he has none of this id.
UPDATE identity.device_key SET name = %(name)s
WHERE id = %(id)s AND customer_id = %(customer_id)s AND revoked_at IS NULL RETURNING id;

-- name: lock_device_key
-- One that counts, until the end of the transaction: what its app attests comes one after the other.
SELECT id, customer_id, suite, jwk, name, made_at, used_at, revoked_at, state FROM identity.device_key
WHERE id = %(id)s AND customer_id = %(customer_id)s AND revoked_at IS NULL FOR NO KEY UPDATE;

-- name: device_key_state
-- What its app attests of the device.
UPDATE identity.device_key SET state = %(state)s, state_at = %(at)s WHERE id = %(id)s;

-- name: revoke_device_key
-- Its name, once.
UPDATE identity.device_key SET revoked_at = %(at)s
WHERE id = %(id)s AND customer_id = %(customer_id)s AND revoked_at IS NULL RETURNING name;

-- name: prefer_nothing_gone
-- Whoever has no passkey left prefers none; nor device keys.
DELETE FROM identity.preferred_factor f WHERE f.customer_id = %(customer_id)s
    AND CASE f.kind
        WHEN 'passkey' THEN NOT EXISTS (
            SELECT FROM identity.passkey p WHERE p.customer_id = f.customer_id AND p.revoked_at IS NULL
        )
        WHEN 'device' THEN NOT EXISTS (
            SELECT FROM identity.device_key d WHERE d.customer_id = f.customer_id AND d.revoked_at IS NULL
        )
        ELSE false
    END;

-- name: signing_factors
-- Passkeys and device keys that are good, and whether their kind is preferred.
SELECT s.customer_id, s.kind, s.made_at, s.name, s.modality, coalesce(f.kind = s.kind, false)
FROM (
    SELECT customer_id, 'passkey' AS kind, made_at, name, modality FROM identity.passkey
    WHERE customer_id = ANY(%(customer_ids)s::uuid[]) AND revoked_at IS NULL AND suspended_at IS NULL
    UNION ALL
    SELECT customer_id, 'device', made_at, name, NULL FROM identity.device_key
    WHERE customer_id = ANY(%(customer_ids)s::uuid[]) AND revoked_at IS NULL
) s
LEFT JOIN identity.preferred_factor f ON f.customer_id = s.customer_id
ORDER BY s.customer_id, s.made_at, s.name;

-- name: drop_passkeys
-- Of people who have left.
WITH offers AS (DELETE FROM identity.passkey_offer WHERE customer_id = ANY(%(ids)s::uuid[])),
keys AS (DELETE FROM identity.device_key WHERE customer_id = ANY(%(ids)s::uuid[]))
DELETE FROM identity.passkey WHERE customer_id = ANY(%(ids)s::uuid[]);

-- name: put_models
-- Declarations take the place of those before them.
INSERT INTO identity.authenticator_model (aaguid, modality, name, false_accept, false_reject, spoof_accept, roots, source, loaded_at)
SELECT aaguid, modality, name, false_accept, false_reject, spoof_accept,
    ARRAY(SELECT decode(r, 'base64') FROM jsonb_array_elements_text(roots) AS r), source, %(at)s
FROM jsonb_to_recordset(%(models)s::jsonb) AS m (aaguid uuid, modality text, name text, false_accept numeric,
    false_reject numeric, spoof_accept numeric, roots jsonb, source text)
ON CONFLICT (aaguid, modality) DO UPDATE SET name = EXCLUDED.name, false_accept = EXCLUDED.false_accept,
    false_reject = EXCLUDED.false_reject, spoof_accept = EXCLUDED.spoof_accept, roots = EXCLUDED.roots, source = EXCLUDED.source,
    loaded_at = EXCLUDED.loaded_at;

-- name: roots_of
-- Certificates that attestations of a model lead to.
SELECT DISTINCT unnest(roots) FROM identity.authenticator_model WHERE aaguid = %(aaguid)s;
