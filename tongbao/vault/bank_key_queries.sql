-- Statements about the key by which the bank itself signs.

-- name: bank_key
-- The key that signs, sealed. No row before the vault was ever used.
SELECT id, suite, root_id, wrapped, jwk, sealed FROM vault.signing_key();

-- name: bank_keys
-- Every key that the bank has ever signed with, the newest first; as anybody may know it.
SELECT jwk FROM vault.public_keys();

-- name: claim_bank_key
-- The first key, once in the life of a bank: one that was made by somebody faster stays.
SELECT vault.claim_signing_key(%(suite)s, %(root_id)s, %(wrapped)s, %(jwk)s, %(sealed)s, %(at)s);

-- name: lock_bank_keys
-- Every one, for whoever wraps them again.
SELECT id, suite, root_id, wrapped FROM vault.lock_signing_keys();

-- name: rewrite_bank_keys
-- Keys under another root key.
SELECT vault.rewrite_signing_keys(%(ids)s::int[], %(roots)s::text[], %(wrapped)s::bytea[]);
