-- name: add_signing_key
-- A public key of a server, after its id was claimed.
INSERT INTO identity.signing_key (id, principal_id, use, suite, jwk, note, created_at, created_by)
VALUES (%(id)s, %(principal_id)s, %(use)s, %(suite)s, %(jwk)s, %(note)s, %(at)s, %(by)s);

-- name: signing_keys
-- Public keys by id.
SELECT id, principal_id, use, suite, jwk, note, created_at, revoked_at
FROM identity.signing_key WHERE id = ANY(%(ids)s::uuid[]);

-- name: signing_keys_of
-- Everything that a principal ever registered, newest first.
SELECT id, principal_id, use, suite, jwk, note, created_at, revoked_at
FROM identity.signing_key WHERE principal_id = %(principal_id)s ORDER BY id DESC LIMIT %(most)s;

-- name: live_key_of
-- The newest key of one use that was not revoked.
SELECT id, principal_id, use, suite, jwk, note, created_at, revoked_at
FROM identity.signing_key WHERE principal_id = %(principal_id)s AND use = %(use)s AND revoked_at IS NULL
ORDER BY id DESC LIMIT 1;

-- name: revoke_signing_key
-- Ends a public key, once.
UPDATE identity.signing_key SET revoked_at = %(at)s WHERE id = %(id)s AND revoked_at IS NULL RETURNING id;

-- name: set_rule
-- What an API key must show from now on.
INSERT INTO identity.key_rule (principal_id, signature_required, certificate, set_at, set_by)
VALUES (%(principal_id)s, %(signature_required)s, %(certificate)s, %(at)s, %(by)s)
ON CONFLICT (principal_id) DO UPDATE SET signature_required = excluded.signature_required,
    certificate = excluded.certificate, set_at = excluded.set_at, set_by = excluded.set_by;

-- name: rule
-- What an API key must show.
SELECT signature_required, certificate FROM identity.key_rule WHERE principal_id = %(principal_id)s;

-- name: claim_nonces
-- The claims that hold their nonce: those that are the first, now or when the same claim was made before.
WITH asked AS (
    SELECT key_id, nonce, claim, expires_at
    FROM unnest(%(key_ids)s::uuid[], %(nonces)s::text[], %(claims)s::uuid[], %(ends)s::timestamptz[])
        AS u (key_id, nonce, claim, expires_at)
), put AS (
    INSERT INTO identity.seen_nonce (key_id, nonce, claim, expires_at)
    SELECT DISTINCT ON (key_id, nonce) key_id, nonce, claim, expires_at FROM asked ORDER BY key_id, nonce, claim
    ON CONFLICT (key_id, nonce) DO NOTHING RETURNING claim
)
SELECT claim FROM put
UNION SELECT a.claim FROM asked a JOIN identity.seen_nonce s ON (s.key_id, s.nonce, s.claim) = (a.key_id, a.nonce, a.claim);

-- name: forget_nonces
-- A bulk of nonces whose signatures have expired.
DELETE FROM identity.seen_nonce WHERE (key_id, nonce) IN (
    SELECT key_id, nonce FROM identity.seen_nonce WHERE expires_at < %(before)s ORDER BY expires_at LIMIT %(most)s
) RETURNING 1;

-- name: add_envelope_key
-- A new key of the bank for encrypted requests.
INSERT INTO identity.envelope_key (id, kid, suite, jwk, sealed, made_at)
VALUES (%(id)s, %(kid)s, %(suite)s, %(jwk)s, %(sealed)s, %(at)s);

-- name: end_envelope_keys
-- The older keys of a suite end after the overlap, if they do not end earlier.
UPDATE identity.envelope_key SET ends_at = %(ends_at)s
WHERE suite = %(suite)s AND id <> %(but)s AND (ends_at IS NULL OR ends_at > %(ends_at)s);

-- name: envelope_keys
-- Keys that open requests at this time, newest first.
SELECT id, kid, suite, jwk, made_at, ends_at FROM identity.envelope_key
WHERE ends_at IS NULL OR ends_at > %(at)s ORDER BY id DESC;

-- name: envelope_key_shut
-- One of them by its thumbprint, with its private part as the vault sealed it.
SELECT id, sealed FROM identity.envelope_key
WHERE kid = %(kid)s AND sealed IS NOT NULL AND (ends_at IS NULL OR ends_at > %(at)s);

-- name: forget_envelope_keys
-- The private parts of keys that have ended.
UPDATE identity.envelope_key SET sealed = NULL WHERE sealed IS NOT NULL AND ends_at <= %(at)s RETURNING id;
