-- migrate:up
-- payments: codes that payers show to shops, and what was taken by them.
SET LOCAL lock_timeout = '5s';

-- Log-ins of customers, for what is bound to one. `device_trusted_from`: from when on its browser counts as known.
CREATE VIEW identity.session_view AS
SELECT s.id, s.holder_id AS customer_id, s.expires_at, s.ended_at, d.trusted_from AS device_trusted_from
FROM identity.session s LEFT JOIN identity.device d ON d.id = s.device_id AND d.revoked_at IS NULL
WHERE s.kind = 'customer';

-- Codes that payers show to shops, good once and for a minute. Only an HMAC of the digits, under a key of the vault; `session_id`: in
-- which log-in it was made, which must still be open when it is taken. Retention: a day, `payments.forget_payer_codes`.
CREATE TABLE payments.payer_code (
    id uuid CONSTRAINT payer_code_once PRIMARY KEY,
    customer_id uuid NOT NULL,
    account_id uuid NOT NULL,
    session_id uuid NOT NULL,
    code_hmac bytea NOT NULL CONSTRAINT payer_code_of_one_payer UNIQUE
        CONSTRAINT payer_code_hmac_is_sha256 CHECK (length(code_hmac) = 32),
    made_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL CONSTRAINT payer_code_lasts CHECK (expires_at > made_at),
    used_at timestamptz,
    CONSTRAINT payer_code_used_in_time CHECK (used_at < expires_at)
);
CREATE INDEX payer_code_of_session ON payments.payer_code (session_id);
CREATE INDEX payer_code_by_time ON payments.payer_code (expires_at);

-- What a shop took by a payer's code: the payment has this id, and each code is here once. `device_known`: the code was shown by a
-- browser that is known and past its cool-off. Retention: as the payment.
CREATE TABLE payments.collection (
    payment_id uuid CONSTRAINT collection_once PRIMARY KEY,
    code_id uuid NOT NULL CONSTRAINT collection_uses_a_code_once UNIQUE,
    merchant_id uuid NOT NULL,
    terminal_id uuid NOT NULL,
    request_hash bytea NOT NULL CONSTRAINT collection_hash_is_sha256 CHECK (length(request_hash) = 32),
    customer_id uuid NOT NULL,
    account_id uuid NOT NULL,
    device_known boolean NOT NULL,
    collected_at timestamptz NOT NULL
);

-- How many wrong codes a shop's terminal has tried within an hour: a key, or whoever is logged in for the shop. Retention: a day.
CREATE TABLE payments.terminal_guess (
    terminal_id uuid CONSTRAINT terminal_guess_once PRIMARY KEY,
    since timestamptz NOT NULL,
    wrong integer NOT NULL CONSTRAINT terminal_guess_wrong CHECK (wrong >= 0)
) WITH (fillfactor = 70);
CREATE INDEX terminal_guess_by_time ON payments.terminal_guess (since);

-- migrate:down
