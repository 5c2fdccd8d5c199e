-- migrate:up
-- vault: the key by which the bank itself signs; payments: what payers have shown, and the proofs of what they agreed to.
SET LOCAL lock_timeout = '5s';

-- The key by which the bank signs what it hands out. `jwk`: its public part. `sealed`: its private part under a key of its own,
-- which a root key wraps. Kept for ever: what was signed is checked by it.
CREATE TABLE vault.bank_key (
    id integer CONSTRAINT bank_key_once PRIMARY KEY,
    suite text NOT NULL CONSTRAINT bank_key_suite CHECK (suite = 'AES-256-GCM'),
    root_id text NOT NULL,
    wrapped bytea NOT NULL CONSTRAINT bank_key_wrapped CHECK (octet_length(wrapped) BETWEEN 50 AND 4096),
    jwk jsonb NOT NULL,
    sealed bytea NOT NULL CONSTRAINT bank_key_sealed CHECK (octet_length(sealed) BETWEEN 34 AND 4096),
    made_at timestamptz NOT NULL
);

-- What a payer has shown for a payment that waits for him, one of each kind: that he knows, has or is something, and for exactly
-- which instruction (its SHA-256). No secret and no personal data. `capable`: good for large amounts. Retention: as the payment.
CREATE TABLE payments.evidence (
    payment_id uuid NOT NULL CONSTRAINT evidence_is_of_a_payment REFERENCES payments.payment (id),
    kind text NOT NULL CONSTRAINT evidence_kind
        CHECK (kind IN ('password', 'pin', 'sms', 'totp', 'passkey', 'device')),
    sorts text[] NOT NULL CONSTRAINT evidence_sorts
        CHECK (cardinality(sorts) > 0 AND sorts <@ ARRAY['knowledge', 'possession', 'inherence']),
    capable boolean NOT NULL,
    instruction_hash bytea NOT NULL CONSTRAINT evidence_instruction_is_sha256 CHECK (length(instruction_hash) = 32),
    shown_at timestamptz NOT NULL,
    evidence jsonb NOT NULL,
    CONSTRAINT evidence_once PRIMARY KEY (payment_id, kind)
);

-- What a payer agreed to and how he showed that it was he, as one document, canonical (RFC 8785), signed by the bank's own key.
-- Never changed. Retention: as the payment.
CREATE TABLE payments.proof (
    payment_id uuid CONSTRAINT proof_once PRIMARY KEY
        CONSTRAINT proof_is_of_a_payment REFERENCES payments.payment (id),
    document text NOT NULL,
    signature bytea NOT NULL CONSTRAINT proof_signature_length CHECK (length(signature) = 64),
    made_at timestamptz NOT NULL
);

-- migrate:down
