-- migrate:up
-- identity: what passes between the bank and other servers: their public keys, what their API keys must show, nonces that were
-- seen, and the bank's own keys for encrypted requests.

SET LOCAL lock_timeout = '5s';

-- Public keys of the servers that ask over the API: they sign requests with one, and answers are encrypted to the other.
-- `principal_id`: whose they are, an API key through all its rotations. Retention: for ever; what they signed can be checked later.
CREATE TABLE identity.signing_key (
    id uuid PRIMARY KEY,
    principal_id uuid NOT NULL,
    use text NOT NULL CONSTRAINT signing_key_use CHECK (use IN ('signature', 'encryption')),
    suite text NOT NULL,
    jwk jsonb NOT NULL CONSTRAINT signing_key_is_public CHECK (NOT jwk ? 'd'),
    note text CONSTRAINT signing_key_note_length CHECK (length(note) <= 200),
    created_at timestamptz NOT NULL,
    created_by uuid NOT NULL,
    revoked_at timestamptz CONSTRAINT signing_key_ends_after_its_start CHECK (revoked_at >= created_at)
);
CREATE INDEX signing_key_by_principal ON identity.signing_key (principal_id, id);

-- What an API key must show besides its secret: a signature on each request, a client certificate (SHA-256 of its DER form).
-- Where there is no row, nothing. Retention: as the key.
CREATE TABLE identity.key_rule (
    principal_id uuid CONSTRAINT key_rule_once PRIMARY KEY,
    signature_required boolean NOT NULL,
    certificate bytea CONSTRAINT certificate_is_sha256 CHECK (length(certificate) = 32),
    set_at timestamptz NOT NULL,
    set_by uuid NOT NULL
);

-- Nonces of signed requests that were let in; the same message is not let in again. `claim` tells a request that asks once more
-- after a lost COMMIT from another one. Retention: until the signature has expired (`identity.forget_nonces`).
CREATE TABLE identity.seen_nonce (
    key_id uuid NOT NULL,
    nonce text NOT NULL CONSTRAINT nonce_length CHECK (length(nonce) BETWEEN 16 AND 128),
    claim uuid NOT NULL,
    expires_at timestamptz NOT NULL,
    CONSTRAINT nonce_once PRIMARY KEY (key_id, nonce)
);
CREATE INDEX seen_nonce_by_time ON identity.seen_nonce (expires_at);

-- The bank's own keys for encrypted requests. `sealed`: the private part under a key of the vault; it is forgotten once `ends_at`
-- has passed, so that what was captured before is never read. Retention: the public part for ever.
CREATE TABLE identity.envelope_key (
    id uuid PRIMARY KEY,
    kid text NOT NULL CONSTRAINT envelope_kid_once UNIQUE,
    suite text NOT NULL CONSTRAINT envelope_suite CHECK (suite IN ('ECDH-ES+A256KW', 'SM2')),
    jwk jsonb NOT NULL CONSTRAINT envelope_key_is_public CHECK (NOT jwk ? 'd'),
    sealed bytea,
    made_at timestamptz NOT NULL,
    ends_at timestamptz CONSTRAINT envelope_key_ends_after_its_start CHECK (ends_at >= made_at),
    CONSTRAINT envelope_key_opens_until_it_ends CHECK (sealed IS NOT NULL OR ends_at IS NOT NULL)
);

-- migrate:down
