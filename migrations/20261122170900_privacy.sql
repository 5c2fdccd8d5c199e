-- migrate:up
-- identity: what customers agree to. govern: their requests about what the bank knows of them, and who has left.

-- What a customer may be asked to agree to, in each wording that it has had. Only the newest one is asked, and only an answer to it
-- counts. Kept for ever: each answer names the wording that was read.
CREATE TABLE identity.purpose (
    purpose text NOT NULL CONSTRAINT purpose_form CHECK (purpose ~ '^[a-z][a-z_]{2,39}$'),
    version integer NOT NULL CONSTRAINT purpose_version CHECK (version > 0),
    en text NOT NULL CONSTRAINT purpose_en CHECK (en <> ''),
    zh text NOT NULL CONSTRAINT purpose_zh CHECK (zh <> ''),
    CONSTRAINT purpose_wording_once PRIMARY KEY (purpose, version)
);
INSERT INTO identity.purpose (purpose, version, en, zh) VALUES (
    'suggestions', 1, 'Look through my payments of the last weeks and offer me the shops that I have paid.',
    '查看我近期的付款记录，并在付款时向我推荐付过款的商户。'
);

-- Every answer, newest last. Retention: as long as the customer; the bank must be able to show them.
CREATE TABLE identity.consent (
    id uuid PRIMARY KEY,
    customer_id uuid NOT NULL CONSTRAINT consent_is_of_a_customer REFERENCES identity.customer (id),
    purpose text NOT NULL,
    version integer NOT NULL,
    given boolean NOT NULL,
    answered_at timestamptz NOT NULL,
    CONSTRAINT consent_names_a_wording FOREIGN KEY (purpose, version) REFERENCES identity.purpose (purpose, version)
);
CREATE INDEX consent_by_customer ON identity.consent (customer_id, purpose, answered_at);

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

-- migrate:down
