-- migrate:up
-- identity: another telephone number, and a factor taken away, after a time to wait in which the owner may stop it.
SET LOCAL lock_timeout = '5s';

-- Somebody gives another telephone number: his password, or more, then a code to the new number, then a time to wait in which its owner
-- may stop it. `is_strong`: he has shown an app or a passkey as well, and waits for nothing. `sealed`: the new number, under the
-- customer's key, until it holds or is given up. `form_id`: sent twice it begins one. `lang`: in which he is told.
-- Retention: 30 days (`forget_phone_changes`); that there was one stays in the audit.
CREATE TABLE identity.phone_change (
    id uuid PRIMARY KEY,
    form_id uuid NOT NULL CONSTRAINT phone_change_form_once UNIQUE,
    customer_id uuid NOT NULL CONSTRAINT phone_change_is_of_a_customer REFERENCES identity.customer (id),
    browser_hash bytea NOT NULL CONSTRAINT phone_change_browser_is_sha256 CHECK (length(browser_hash) = 32),
    code_id uuid NOT NULL,
    sealed bytea,
    is_strong boolean NOT NULL,
    lang text NOT NULL CONSTRAINT phone_change_lang CHECK (lang IN ('zh', 'en')),
    begun_at timestamptz NOT NULL,
    confirmed_at timestamptz,
    ripe_at timestamptz CONSTRAINT phone_change_waits CHECK (ripe_at >= confirmed_at),
    ended_at timestamptz,
    outcome text CONSTRAINT phone_change_outcome CHECK (outcome IN ('done', 'cancelled', 'replaced')),
    CONSTRAINT phone_change_waits_once_confirmed CHECK ((confirmed_at IS NULL) = (ripe_at IS NULL)),
    CONSTRAINT phone_change_ends_somehow CHECK ((ended_at IS NULL) = (outcome IS NULL)),
    CONSTRAINT phone_change_done_when_ripe CHECK (outcome <> 'done' OR ended_at >= ripe_at),
    CONSTRAINT phone_change_forgets_the_number CHECK ((ended_at IS NULL) = (sealed IS NOT NULL))
);
CREATE UNIQUE INDEX one_phone_change_is_open ON identity.phone_change (customer_id)
    WHERE confirmed_at IS NOT NULL AND ended_at IS NULL;
CREATE INDEX phone_change_due ON identity.phone_change (ripe_at) WHERE ended_at IS NULL;
CREATE INDEX phone_change_by_time ON identity.phone_change (begun_at);

-- An app or a passkey that is to be taken away, after a time to wait in which its owner may stop it: nothing as strong would remain.
-- Until then it is good. Retention: 30 days (`forget_removals`); that there was one stays in the audit.
CREATE TABLE identity.factor_removal (
    id uuid PRIMARY KEY,
    customer_id uuid NOT NULL CONSTRAINT factor_removal_is_of_a_customer REFERENCES identity.customer (id),
    kind text NOT NULL CONSTRAINT factor_removal_kind CHECK (kind IN ('totp', 'passkey')),
    passkey_id uuid,
    lang text NOT NULL CONSTRAINT factor_removal_lang CHECK (lang IN ('zh', 'en')),
    asked_at timestamptz NOT NULL,
    ripe_at timestamptz NOT NULL CONSTRAINT factor_removal_waits CHECK (ripe_at >= asked_at),
    ended_at timestamptz,
    outcome text CONSTRAINT factor_removal_outcome CHECK (outcome IN ('done', 'cancelled')),
    CONSTRAINT factor_removal_names_the_passkey CHECK ((kind = 'passkey') = (passkey_id IS NOT NULL)),
    CONSTRAINT factor_removal_ends_somehow CHECK ((ended_at IS NULL) = (outcome IS NULL)),
    CONSTRAINT factor_removal_done_when_ripe CHECK (outcome <> 'done' OR ended_at >= ripe_at)
);
CREATE UNIQUE INDEX one_removal_is_open ON identity.factor_removal (customer_id, coalesce(passkey_id, customer_id))
    WHERE ended_at IS NULL;
CREATE INDEX factor_removal_due ON identity.factor_removal (ripe_at) WHERE ended_at IS NULL;
CREATE INDEX factor_removal_by_time ON identity.factor_removal (asked_at);

-- The release before knows the purposes of before and writes no other.
ALTER TABLE identity.code
    -- squawk-ignore ban-drop-constraint
    DROP CONSTRAINT code_purpose,
    ADD CONSTRAINT code_purpose CHECK (purpose IN ('register', 'login', 'pay', 'recover', 'phone')) NOT VALID;

-- migrate:down
