-- migrate:up
-- identity: passkeys and keys of customers' own devices, what makers of authenticators declare, and which of them is preferred.
SET LOCAL lock_timeout = '5s';

-- What makers of authenticators declare of how well they know their owner, per AAGUID and modality, from FIDO metadata statements
-- (`tongbao key authenticators`). Rates between 0 and 1: strangers let in, owners turned away, likenesses let in (the test of
-- liveness, IAPAR). `roots`: certificates (DER) that attestations of this model lead to; public. Retention: until loaded anew.
CREATE TABLE identity.authenticator_model (
    aaguid uuid NOT NULL,
    modality text NOT NULL CONSTRAINT authenticator_modality CHECK (modality IN ('fingerprint', 'face', 'other')),
    name text NOT NULL CONSTRAINT authenticator_name_length CHECK (length(name) BETWEEN 1 AND 200),
    false_accept numeric CONSTRAINT false_accept_is_a_rate CHECK (false_accept BETWEEN 0 AND 1),
    false_reject numeric CONSTRAINT false_reject_is_a_rate CHECK (false_reject BETWEEN 0 AND 1),
    spoof_accept numeric CONSTRAINT spoof_accept_is_a_rate CHECK (spoof_accept BETWEEN 0 AND 1),
    roots bytea[] NOT NULL,
    source text NOT NULL CONSTRAINT authenticator_source_length CHECK (length(source) BETWEEN 1 AND 200),
    loaded_at timestamptz NOT NULL,
    CONSTRAINT authenticator_model_once PRIMARY KEY (aaguid, modality)
);

-- Passkeys of customers (WebAuthn). `public_key` is COSE. `attested`: its maker's certificate stood behind it when it was made.
-- `modality`: what its owner said he unlocks it by. `sign_count` only rises: one that came back means that there are two of it, and
-- it is suspended. Retention: removed ones stay with `revoked_at`, as proofs lean on them, until the customer is erased.
CREATE TABLE identity.passkey (
    id uuid PRIMARY KEY,
    customer_id uuid NOT NULL CONSTRAINT passkey_is_of_a_customer REFERENCES identity.customer (id),
    credential_id bytea NOT NULL CONSTRAINT passkey_once UNIQUE
        CONSTRAINT passkey_credential_length CHECK (length(credential_id) BETWEEN 1 AND 1023),
    public_key bytea NOT NULL,
    aaguid uuid NOT NULL,
    attested boolean NOT NULL,
    transports text NOT NULL CONSTRAINT passkey_transports_length CHECK (length(transports) <= 100),
    modality text NOT NULL CONSTRAINT passkey_modality CHECK (modality IN ('fingerprint', 'face', 'other')),
    name text NOT NULL CONSTRAINT passkey_name_length CHECK (length(name) BETWEEN 1 AND 60),
    sign_count bigint NOT NULL CONSTRAINT passkey_counts_up CHECK (sign_count >= 0),
    made_at timestamptz NOT NULL,
    used_at timestamptz,
    suspended_at timestamptz,
    revoked_at timestamptz
);
CREATE INDEX passkey_by_customer ON identity.passkey (customer_id, made_at);

-- A passkey that a customer is about to make: what his authenticator signs, and what it is to be called. Retention: until
-- `forget_sessions`.
CREATE TABLE identity.passkey_offer (
    customer_id uuid CONSTRAINT passkey_offer_once PRIMARY KEY REFERENCES identity.customer (id),
    challenge bytea NOT NULL CONSTRAINT passkey_offer_challenge_length CHECK (length(challenge) = 32),
    modality text NOT NULL CONSTRAINT passkey_offer_modality CHECK (modality IN ('fingerprint', 'face', 'other')),
    name text NOT NULL CONSTRAINT passkey_offer_name_length CHECK (length(name) BETWEEN 1 AND 60),
    offered_at timestamptz NOT NULL
);

-- What a passkey signs to come in, one a browser, good once. Retention: until `forget_sessions`.
CREATE TABLE identity.passkey_login (
    browser_hash bytea CONSTRAINT passkey_login_once PRIMARY KEY
        CONSTRAINT passkey_login_browser_is_sha256 CHECK (length(browser_hash) = 32),
    challenge bytea NOT NULL CONSTRAINT passkey_login_challenge_length CHECK (length(challenge) = 32),
    made_at timestamptz NOT NULL
);
CREATE INDEX passkey_login_by_time ON identity.passkey_login (made_at);

-- Public keys of customers' own devices: the private part never leaves the device. `thumbprint`: RFC 7638. Retention: as passkeys.
CREATE TABLE identity.device_key (
    id uuid PRIMARY KEY,
    customer_id uuid NOT NULL CONSTRAINT device_key_is_of_a_customer REFERENCES identity.customer (id),
    suite text NOT NULL CONSTRAINT device_key_suite CHECK (suite IN ('EdDSA', 'ES256', 'SM2')),
    jwk jsonb NOT NULL,
    thumbprint text NOT NULL,
    name text NOT NULL CONSTRAINT device_key_name_length CHECK (length(name) BETWEEN 1 AND 60),
    made_at timestamptz NOT NULL,
    used_at timestamptz,
    revoked_at timestamptz,
    CONSTRAINT device_key_once UNIQUE (customer_id, thumbprint)
);
CREATE INDEX device_key_by_customer ON identity.device_key (customer_id, made_at);

-- A row a customer at most who has chosen: read through in no time. The constraint is back two statements on.
-- squawk-ignore ban-drop-constraint
ALTER TABLE identity.preferred_factor DROP CONSTRAINT preferred_is_set;
ALTER TABLE identity.preferred_factor ADD COLUMN factor_kind text
    -- squawk-ignore adding-field-with-default
    GENERATED ALWAYS AS (CASE WHEN kind IN ('passkey', 'device') THEN NULL ELSE kind END) STORED;
-- squawk-ignore constraint-missing-not-valid
ALTER TABLE identity.preferred_factor ADD CONSTRAINT preferred_is_set
    FOREIGN KEY (customer_id, factor_kind) REFERENCES identity.factor (customer_id, kind);
-- squawk-ignore constraint-missing-not-valid
ALTER TABLE identity.preferred_factor ADD CONSTRAINT preferred_of_a_customer
    FOREIGN KEY (customer_id) REFERENCES identity.customer (id);

-- migrate:down
