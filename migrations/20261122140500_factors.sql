-- migrate:up
-- identity: what customers prove themselves with, one-time codes, and one count of tries for customers and staff. The table
-- `login_guard` stays for the release before, which counts there while this one starts.

-- Tries at a secret since the last right one, by SHA-256 of what it is and whose, known or not: the answer must not tell which.
-- Retention: until `forget_sessions`.
CREATE TABLE identity.tries (
    guarded bytea PRIMARY KEY CONSTRAINT guarded_is_sha256 CHECK (length(guarded) = 32),
    in_a_row integer NOT NULL,
    shut_until timestamptz,
    tried_at timestamptz NOT NULL
);

-- What a customer proves himself with, one of each kind. `sealed`: the Argon2id hash of a password or PIN, the seed of an
-- authenticator app, under his own key of the vault: a PIN's hash in a stolen copy would be guessed within a day. `used_step`: the
-- last time step whose code was taken. Retention: until it is removed or he is erased.
CREATE TABLE identity.factor (
    customer_id uuid NOT NULL REFERENCES identity.customer (id),
    kind text NOT NULL CONSTRAINT factor_kind CHECK (kind IN ('password', 'pin', 'sms', 'totp')),
    sealed bytea,
    used_step bigint,
    set_at timestamptz NOT NULL,
    CONSTRAINT factor_once PRIMARY KEY (customer_id, kind),
    CONSTRAINT factor_has_a_secret CHECK ((sealed IS NULL) = (kind = 'sms')),
    CONSTRAINT factor_counts_steps CHECK ((used_step IS NOT NULL) = (kind = 'totp'))
);

-- What he would rather be asked for; a payment that needs more asks for more. Retention: as the factor.
CREATE TABLE identity.preferred_factor (
    customer_id uuid CONSTRAINT preferred_once PRIMARY KEY,
    kind text NOT NULL,
    CONSTRAINT preferred_is_set FOREIGN KEY (customer_id, kind) REFERENCES identity.factor (customer_id, kind)
);

-- A seed that was shown and has not been confirmed by a code. Retention: until `forget_sessions`.
CREATE TABLE identity.totp_offer (
    customer_id uuid CONSTRAINT totp_offer_once PRIMARY KEY REFERENCES identity.customer (id),
    sealed bytea NOT NULL,
    offered_at timestamptz NOT NULL
);

-- One-time codes sent by SMS, each as an HMAC under a key of the vault. `subject_id`: a customer, or a registration that is to
-- become one. `tries` were taken before the code was compared. Retention: until `forget_sessions`; a day at least, for the pace.
CREATE TABLE identity.code (
    id uuid PRIMARY KEY,
    purpose text NOT NULL CONSTRAINT code_purpose CHECK (purpose IN ('register', 'login', 'pay', 'recover')),
    subject_id uuid NOT NULL,
    phone_fingerprint bytea NOT NULL CONSTRAINT code_phone_is_hmac CHECK (length(phone_fingerprint) = 32),
    code_hmac bytea NOT NULL CONSTRAINT code_is_hmac CHECK (length(code_hmac) = 32),
    tries smallint NOT NULL CONSTRAINT code_tries CHECK (tries BETWEEN 0 AND 5),
    made_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL CONSTRAINT code_lasts CHECK (expires_at >= made_at),
    used_at timestamptz CONSTRAINT code_used_in_time CHECK (used_at < expires_at),
    CONSTRAINT code_used_by_a_try CHECK (used_at IS NULL OR tries > 0)
);
CREATE INDEX code_by_phone ON identity.code (phone_fingerprint, made_at);
CREATE INDEX code_open ON identity.code (subject_id, purpose) WHERE used_at IS NULL;

-- migrate:down
