-- identity: who the bank deals with (customers, staff), what is theirs (accounts) and how they are known (keys, sessions).
-- Names and telephone numbers live here and nowhere else.

CREATE SCHEMA identity;

-- An id that a client chose, once for the whole slice: whose it is and what was asked. Written before what it stands for.
-- Retention: for ever, as what it stands for. The hash goes when the person it was made of is erased.
CREATE TABLE identity.claim (
    id uuid PRIMARY KEY,
    kind text NOT NULL CONSTRAINT claim_kind CHECK (kind IN ('customer', 'account', 'key', 'staff')),
    principal_id uuid NOT NULL,
    request_hash bytea NOT NULL CONSTRAINT request_hash_is_sha256 CHECK (length(request_hash) = 32),
    claimed_at timestamptz NOT NULL
);

-- Retention: as long as the law asks after the customer has left; erasure takes name and phone, the row stays.
CREATE TABLE identity.customer (
    id uuid PRIMARY KEY,
    kind text NOT NULL CONSTRAINT customer_kind CHECK (kind IN ('person', 'firm')),
    name text NOT NULL CONSTRAINT customer_name_length CHECK (length(name) BETWEEN 1 AND 200),
    phone text CONSTRAINT phone_is_e164 CHECK (phone ~ '^\+[1-9][0-9]{6,14}$'),
    status text NOT NULL CONSTRAINT customer_status CHECK (status IN ('open', 'frozen', 'closed')),
    created_at timestamptz NOT NULL
);
CREATE VIEW identity.customer_view AS SELECT id, kind, status FROM identity.customer;

CREATE SEQUENCE identity.account_number AS bigint MAXVALUE 999999999999;

-- `status` is what was decided about this account; the ledger's state also heeds the status of its customer.
-- Retention: for ever; the ledger's postings lean on it.
CREATE TABLE identity.account (
    id uuid PRIMARY KEY,
    ledger_id bigint NOT NULL CONSTRAINT ledger_account_has_one_owner UNIQUE REFERENCES ledger.account (id),
    customer_id uuid NOT NULL REFERENCES identity.customer (id),
    number text NOT NULL CONSTRAINT account_number_once UNIQUE
        CONSTRAINT account_number_form CHECK (number ~ '^[0-9]{19}$'),
    currency text NOT NULL CONSTRAINT account_currency CHECK (currency ~ '^[A-Z]{3}$'),
    product text NOT NULL CONSTRAINT account_product CHECK (product IN ('current', 'settlement', 'takings')),
    status text NOT NULL CONSTRAINT account_status CHECK (status IN ('open', 'frozen', 'closed')),
    opened_at timestamptz NOT NULL,
    closed_at timestamptz,
    CONSTRAINT account_closed_when CHECK ((status = 'closed') = (closed_at IS NOT NULL))
);
CREATE INDEX account_by_customer ON identity.account (customer_id, id);
CREATE VIEW identity.account_view AS
SELECT a.id, a.ledger_id, a.customer_id, a.number, a.currency, a.product, c.kind AS customer_kind,
    c.status AS customer_status
FROM identity.account a JOIN identity.customer c ON c.id = a.customer_id;

-- A key's secret is 256 bits of chance and is kept only as its SHA-256. `principal_id` stays the same through rotations.
-- Retention: for ever; the audit names its principal.
CREATE TABLE identity.api_key (
    id uuid PRIMARY KEY,
    public_id text NOT NULL CONSTRAINT key_public_id_once UNIQUE
        CONSTRAINT key_public_id_form CHECK (public_id ~ '^[0-9a-f]{16}$'),
    principal_id uuid NOT NULL,
    kind text NOT NULL CONSTRAINT key_kind CHECK (kind IN ('bank', 'merchant', 'partner')),
    subject_id uuid,
    permissions text[] NOT NULL,
    note text,
    secret_hash bytea NOT NULL CONSTRAINT secret_hash_is_sha256 CHECK (length(secret_hash) = 32),
    created_at timestamptz NOT NULL,
    created_by uuid NOT NULL,
    expires_at timestamptz,
    revoked_at timestamptz,
    rotated_to uuid REFERENCES identity.api_key (id),
    last_used_on date,
    CONSTRAINT key_acts_for_one CHECK ((kind = 'bank') = (subject_id IS NULL))
);
CREATE INDEX api_key_by_subject ON identity.api_key (subject_id, id);

-- Retention: for ever; the audit names them. Whoever leaves is disabled.
CREATE TABLE identity.staff (
    id uuid PRIMARY KEY,
    username text NOT NULL CONSTRAINT username_once UNIQUE
        CONSTRAINT username_form CHECK (username ~ '^[a-z][a-z0-9._-]{2,31}$'),
    name text NOT NULL,
    password_hash text NOT NULL,
    roles text[] NOT NULL CONSTRAINT staff_has_a_role CHECK (cardinality(roles) > 0),
    status text NOT NULL CONSTRAINT staff_status CHECK (status IN ('active', 'disabled')),
    created_at timestamptz NOT NULL,
    created_by uuid NOT NULL
);

-- Retention: until `forget_sessions`.
CREATE TABLE identity.staff_session (
    id uuid PRIMARY KEY,
    public_id text NOT NULL CONSTRAINT session_public_id_once UNIQUE,
    staff_id uuid NOT NULL REFERENCES identity.staff (id),
    secret_hash bytea NOT NULL CONSTRAINT session_hash_is_sha256 CHECK (length(secret_hash) = 32),
    started_at timestamptz NOT NULL,
    seen_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    ended_at timestamptz
);
CREATE INDEX session_by_staff ON identity.staff_session (staff_id) WHERE ended_at IS NULL;

-- Failed log-ins by SHA-256 of the user name, whether it exists or not: the answer must not tell which.
-- Retention: until `forget_sessions`.
CREATE TABLE identity.login_guard (
    username_hash bytea PRIMARY KEY,
    failures integer NOT NULL,
    locked_until timestamptz,
    failed_at timestamptz NOT NULL
);
