-- migrate:up
-- payments: the policy of authorisation, and what it asked of payers.

-- What a customer who pays for himself must show, in versions that are never changed. `hash`: SHA-256 over the row's content and
-- the hash before it (`policy.seal`), so that an edited version is found. Every version but the first was proposed by one person and
-- approved by another. Its bounds, and where they come from: docs/authorisation.md. Retention: for ever.
CREATE TABLE payments.policy (
    version integer CONSTRAINT policy_once PRIMARY KEY CONSTRAINT policy_version CHECK (version > 0),
    content jsonb NOT NULL,
    reason text NOT NULL,
    proposed_by uuid,
    approved_by uuid,
    in_force_at timestamptz NOT NULL,
    previous_hash bytea NOT NULL CONSTRAINT policy_previous_is_sha256 CHECK (length(previous_hash) = 32),
    hash bytea NOT NULL CONSTRAINT policy_hash_is_sha256 CHECK (length(hash) = 32),
    CONSTRAINT policy_takes_two_people CHECK (
        version = 1 OR (proposed_by IS NOT NULL AND approved_by IS NOT NULL AND proposed_by <> approved_by)
    )
);
INSERT INTO payments.policy
    (version, content, reason, proposed_by, approved_by, in_force_at, previous_hash, hash)
VALUES (
    1,
    '{
        "none_per_payment_minor": 100000, "none_per_day_minor": 100000, "none_from_level": 1,
        "one_per_payment_minor": 500000, "one_per_day_minor": 1000000,
        "large_above_minor": 2000000, "signed_above_minor": 5000000, "refuse_above_minor": 10000000000,
        "odd_times": 10, "odd_after": 5, "night_from": 0, "night_until": 5, "changed_within_h": 24,
        "two_from_risk": 500, "refuse_from_risk": 900
    }',
    'The policy that the bank begins with', NULL, NULL, '2026-11-22T17:03:00Z',
    '\x0000000000000000000000000000000000000000000000000000000000000000',
    '\x53466ded00fe7c2e7cbbf7c9c7acbd753db8484f6e7cd2bf5cf21c6178ada937'
);
CREATE VIEW payments.policy_view AS
SELECT version, content, reason, proposed_by, approved_by, in_force_at, hash FROM payments.policy;

-- What was asked of a payer before his payment goes on, by which version of the policy and why. `ways`: of how many different
-- sorts; `large`: a passkey counts only where its maker has declared its error rates; `signed`: one of them is a signature. `nonce`
-- goes into what he signs. Retention: as the payment.
CREATE TABLE payments.challenge (
    payment_id uuid CONSTRAINT challenge_once PRIMARY KEY
        CONSTRAINT challenge_is_of_a_payment REFERENCES payments.payment (id),
    ways smallint NOT NULL CONSTRAINT challenge_ways CHECK (ways BETWEEN 0 AND 2),
    large boolean NOT NULL,
    signed boolean NOT NULL,
    policy_version integer NOT NULL CONSTRAINT challenge_by_a_policy REFERENCES payments.policy (version),
    why text NOT NULL,
    nonce bytea NOT NULL CONSTRAINT challenge_nonce_length CHECK (length(nonce) = 32),
    expires_at timestamptz NOT NULL
);
CREATE VIEW payments.challenge_view AS
SELECT payment_id, ways, large, signed, policy_version, why, expires_at FROM payments.challenge;

-- migrate:down
