-- migrate:up
-- identity: people register by themselves and log in with their phones.

-- Who has this number: asked at each registration and log-in.
CREATE INDEX customer_by_phone ON identity.customer (phone) WHERE phone IS NOT NULL;

-- Somebody on the way to become a customer: its id will be his. Until then the telephone number is sealed under it, and only the
-- browser that began goes on (SHA-256 of its cookie). `form_id` is the first form: sent twice it begins one. `forms` and the
-- moments tell how many steps it takes and how long.
-- Retention: what can be told of a person until he is a customer or has given up (`forget_registrations`); the row 400 days.
CREATE TABLE identity.registration (
    id uuid PRIMARY KEY,
    form_id uuid NOT NULL CONSTRAINT registration_form_once UNIQUE,
    phone_fingerprint bytea CONSTRAINT registration_fingerprint_length CHECK (length(phone_fingerprint) = 32),
    phone_sealed bytea,
    browser_hash bytea CONSTRAINT registration_browser_is_sha256 CHECK (length(browser_hash) = 32),
    code_id uuid NOT NULL,
    opened_at timestamptz NOT NULL,
    begun_at timestamptz NOT NULL CONSTRAINT registration_begun_after_opened CHECK (begun_at >= opened_at),
    confirmed_at timestamptz,
    completed_at timestamptz CONSTRAINT registration_completed_after_confirmed CHECK (completed_at >= confirmed_at),
    forgotten_at timestamptz,
    forms integer NOT NULL CONSTRAINT registration_forms_counted CHECK (forms > 0),
    CONSTRAINT registration_ends_once CHECK (completed_at IS NULL OR forgotten_at IS NULL),
    CONSTRAINT registration_confirmed_first CHECK (completed_at IS NULL OR confirmed_at IS NOT NULL),
    CONSTRAINT registration_forgets CHECK (
        (completed_at IS NULL AND forgotten_at IS NULL) = (phone_sealed IS NOT NULL AND phone_fingerprint IS NOT NULL)
    )
);
CREATE INDEX registration_by_phone ON identity.registration (phone_fingerprint) WHERE phone_fingerprint IS NOT NULL;
CREATE INDEX registration_by_browser ON identity.registration (browser_hash, begun_at) WHERE browser_hash IS NOT NULL;
CREATE INDEX registration_by_time ON identity.registration (begun_at);
CREATE INDEX registration_unfinished ON identity.registration (begun_at) WHERE completed_at IS NULL AND forgotten_at IS NULL;

-- Browsers in which a customer has proved by a code that his phone is with him (SHA-256 of the browser's cookie).
-- Retention: until it was not seen for half a year (`forget_registrations`).
CREATE TABLE identity.known_browser (
    customer_id uuid NOT NULL REFERENCES identity.customer (id),
    browser_hash bytea NOT NULL CONSTRAINT known_browser_is_sha256 CHECK (length(browser_hash) = 32),
    known_since timestamptz NOT NULL,
    seen_at timestamptz NOT NULL,
    PRIMARY KEY (customer_id, browser_hash)
);
CREATE INDEX known_browser_by_time ON identity.known_browser (seen_at);

-- A log-in whose password was right and which waits for the code, in the browser that began it.
-- Retention: a day (`forget_registrations`).
CREATE TABLE identity.pending_login (
    id uuid PRIMARY KEY,
    customer_id uuid NOT NULL REFERENCES identity.customer (id),
    browser_hash bytea NOT NULL CONSTRAINT pending_login_browser_is_sha256 CHECK (length(browser_hash) = 32),
    code_id uuid NOT NULL,
    begun_at timestamptz NOT NULL,
    ended_at timestamptz CONSTRAINT pending_login_ends_after_its_start CHECK (ended_at >= begun_at)
);
CREATE INDEX pending_login_by_browser ON identity.pending_login (browser_hash, begun_at) WHERE ended_at IS NULL;
CREATE INDEX pending_login_by_time ON identity.pending_login (begun_at);

-- migrate:down
