-- migrate:up
-- identity: passwords of staff that the bank made are replaced; staff prove themselves with passkeys too.
SET LOCAL lock_timeout = '5s';

-- `password_until`: the bank made this password; it lets nobody in from then on, and its holder replaces it first.
ALTER TABLE identity.staff ADD COLUMN password_set_at timestamptz, ADD COLUMN password_until timestamptz;

-- Passkeys of staff (WebAuthn): the second factor, and the log-in by one alone. Retention: for ever; removed ones are good no more.
CREATE TABLE identity.staff_passkey (
    id uuid CONSTRAINT staff_passkey_once PRIMARY KEY,
    staff_id uuid NOT NULL REFERENCES identity.staff (id),
    credential_id bytea NOT NULL CONSTRAINT staff_credential_once UNIQUE,
    public_key bytea NOT NULL,
    transports text[] NOT NULL,
    name text NOT NULL,
    sign_count bigint NOT NULL CONSTRAINT staff_passkey_count CHECK (sign_count >= 0),
    made_at timestamptz NOT NULL,
    used_at timestamptz,
    suspended_at timestamptz,
    revoked_at timestamptz
);
CREATE INDEX staff_passkey_by_staff ON identity.staff_passkey (staff_id) WHERE revoked_at IS NULL;

-- A passkey that is about to be made. Retention: until it is made, until the next one, or a day.
CREATE TABLE identity.staff_passkey_offer (
    staff_id uuid CONSTRAINT staff_passkey_offer_once PRIMARY KEY REFERENCES identity.staff (id),
    challenge bytea NOT NULL CONSTRAINT staff_passkey_challenge CHECK (length(challenge) = 32),
    name text NOT NULL,
    offered_at timestamptz NOT NULL
);

-- migrate:down
