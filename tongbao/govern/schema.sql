-- govern: what people ask of the bank about their data, and when the bank forgets them.

CREATE SCHEMA govern;

-- What a customer asks of the bank about his data, or complains of. What he wrote and what he was answered are sealed under his key.
-- Retention: until he is erased; kind, days and outcome for ever.
CREATE TABLE govern.request (
    id uuid PRIMARY KEY,
    customer_id uuid NOT NULL CONSTRAINT request_is_of_a_customer REFERENCES identity.customer (id),
    kind text NOT NULL CONSTRAINT request_kind CHECK (kind IN ('access', 'correction', 'deletion', 'complaint')),
    state text NOT NULL CONSTRAINT request_state CHECK (state IN ('waiting', 'done', 'refused', 'withdrawn')),
    asked_at timestamptz NOT NULL,
    due_on date NOT NULL,
    sealed_text bytea,
    sealed_answer bytea,
    decided_at timestamptz,
    decided_by uuid,
    CONSTRAINT request_decided_when_over CHECK ((decided_at IS NULL) = (state = 'waiting')),
    CONSTRAINT request_decided_by_somebody CHECK ((decided_by IS NULL) = (state = 'waiting'))
);
CREATE UNIQUE INDEX one_request_of_a_kind_waits ON govern.request (customer_id, kind) WHERE state = 'waiting';
CREATE INDEX request_by_customer ON govern.request (customer_id, asked_at);
CREATE INDEX request_by_due_day ON govern.request (due_on, id);

-- Customers who have left, and the day on which what is known of them as persons goes. A hold keeps it, until it is lifted.
-- Kept for ever: ids and days.
CREATE TABLE govern.leaver (
    customer_id uuid CONSTRAINT leaver_once PRIMARY KEY REFERENCES identity.customer (id),
    noted_at timestamptz NOT NULL,
    erase_on date NOT NULL,
    held_because text CONSTRAINT leaver_hold_has_a_reason CHECK (held_because <> ''),
    erased_at timestamptz,
    CONSTRAINT leaver_held_or_erased CHECK (held_because IS NULL OR erased_at IS NULL)
);
CREATE INDEX leaver_by_day ON govern.leaver (erase_on, customer_id) WHERE erased_at IS NULL;

-- The audit under seal, stretch by stretch: an HMAC under a key of the vault over the entries after the stretch before, up to
-- `through`, and over the seal before. Whoever writes to the tables but has not the key cannot change an entry and seal it again.
-- Never changed, kept for ever.
CREATE TABLE govern.audit_seal (
    through bigint CONSTRAINT audit_seal_once PRIMARY KEY CONSTRAINT audit_seal_through CHECK (through > 0),
    entries integer NOT NULL CONSTRAINT audit_seal_covers_some CHECK (entries > 0),
    seal bytea NOT NULL CONSTRAINT audit_seal_is_hmac CHECK (length(seal) = 32),
    sealed_at timestamptz NOT NULL
);
