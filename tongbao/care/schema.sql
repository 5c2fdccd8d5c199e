-- care: what customers ask for help with, and what they were answered, whichever way they came.

CREATE SCHEMA care;

-- One matter of one customer, from its first word to its end, by whichever channel it came. `path`: the page on which he asked;
-- `payment_id`: the payment that it is about. `due_at`: when he was to have the first answer. `turned_at`: since when it has been
-- the other side's turn. What was said lies in `care.message`.
-- Kept for ever: ids, kinds and times; words go two years after the end.
CREATE TABLE care.request (
    id uuid CONSTRAINT request_once PRIMARY KEY,
    customer_id uuid NOT NULL CONSTRAINT request_is_of_a_customer REFERENCES identity.customer (id),
    kind text NOT NULL CONSTRAINT request_kind CHECK (kind IN ('question', 'not_mine', 'lost', 'service', 'call')),
    channel text NOT NULL CONSTRAINT request_channel CHECK (channel IN ('app', 'phone', 'branch')),
    state text NOT NULL CONSTRAINT request_state CHECK (state IN ('waiting', 'answered', 'closed')),
    urgent boolean NOT NULL,
    path text CONSTRAINT request_path CHECK (path ~ '^/[a-z0-9/-]{0,199}$'),
    payment_id uuid,
    device text CONSTRAINT request_device CHECK (length(device) BETWEEN 1 AND 100),
    lang text NOT NULL CONSTRAINT request_lang CHECK (lang IN ('zh', 'en')),
    asked_at timestamptz NOT NULL,
    due_at timestamptz NOT NULL,
    turned_at timestamptz NOT NULL,
    owner_id uuid,
    answered_at timestamptz,
    closed_at timestamptz,
    said integer NOT NULL CONSTRAINT request_said CHECK (said BETWEEN 1 AND 200),
    CONSTRAINT request_closed_when_over CHECK ((closed_at IS NULL) = (state <> 'closed')),
    CONSTRAINT request_names_its_payment CHECK (kind <> 'not_mine' OR payment_id IS NOT NULL)
) WITH (fillfactor = 70);
CREATE INDEX request_by_customer ON care.request (customer_id, asked_at);
CREATE INDEX request_waiting ON care.request (urgent DESC, due_at, id) WHERE state = 'waiting';
CREATE INDEX request_by_time ON care.request (asked_at, id);
CREATE INDEX request_by_end ON care.request (closed_at) WHERE closed_at IS NOT NULL;
CREATE UNIQUE INDEX one_open_request_a_payment ON care.request (payment_id) WHERE kind = 'not_mine' AND state <> 'closed';

-- What was said, in order. `note`: by staff, for staff. Words are sealed under the customer's key; none where nothing was written,
-- and none any more two years after the end.
CREATE TABLE care.message (
    id uuid CONSTRAINT message_once PRIMARY KEY,
    request_id uuid NOT NULL CONSTRAINT message_of_a_request REFERENCES care.request (id),
    place integer NOT NULL CONSTRAINT message_place CHECK (place > 0),
    said_at timestamptz NOT NULL,
    what text NOT NULL CONSTRAINT message_what CHECK (what IN ('asked', 'written', 'answered', 'note', 'handed_over', 'closed')),
    by_customer boolean NOT NULL,
    by_id uuid NOT NULL,
    sealed bytea CONSTRAINT message_sealed CHECK (octet_length(sealed) BETWEEN 34 AND 8192),
    CONSTRAINT message_in_order UNIQUE (request_id, place),
    CONSTRAINT notes_are_by_staff CHECK (NOT (by_customer AND what IN ('answered', 'note', 'handed_over')))
);

-- Payees of payments that their payers say they did not make: an account or a shop. Retention: as the request.
CREATE TABLE care.report (
    request_id uuid CONSTRAINT report_once PRIMARY KEY CONSTRAINT report_is_of_a_request REFERENCES care.request (id),
    payee_id uuid NOT NULL,
    customer_id uuid NOT NULL,
    reported_at timestamptz NOT NULL
);
CREATE INDEX report_by_payee ON care.report (payee_id, reported_at);

-- What a payer was warned of on his last look; `payment_id`: of the payment that he was about to make, and made or not.
-- `dismissed_at`: he wants no such warning about this payee any more. Retention: 400 days, `care.forget_warnings`.
CREATE TABLE care.warning (
    payment_id uuid NOT NULL,
    code text NOT NULL CONSTRAINT warning_code CHECK (code ~ '^[a-z_]{1,40}$'),
    customer_id uuid NOT NULL,
    payee_id uuid NOT NULL,
    shown_at timestamptz NOT NULL,
    dismissed_at timestamptz,
    CONSTRAINT warning_once PRIMARY KEY (payment_id, code)
);
CREATE INDEX warning_by_payee ON care.warning (customer_id, payee_id);
CREATE INDEX warning_by_time ON care.warning (shown_at);

-- A tip that a customer was shown, opened, and wants no more. Retention: until he leaves, `care.forget_learning`.
CREATE TABLE care.tip (
    customer_id uuid NOT NULL,
    code text NOT NULL CONSTRAINT tip_code CHECK (code ~ '^[a-z0-9_]{1,40}$'),
    shown_at timestamptz NOT NULL,
    opened_at timestamptz,
    dismissed_at timestamptz,
    CONSTRAINT tip_once PRIMARY KEY (customer_id, code)
);

-- How a customer answered a case of the lesson, the last time. Retention: until he leaves, `care.forget_learning`.
CREATE TABLE care.lesson (
    customer_id uuid NOT NULL,
    case_no smallint NOT NULL CONSTRAINT lesson_case CHECK (case_no BETWEEN 1 AND 99),
    choice smallint NOT NULL CONSTRAINT lesson_choice CHECK (choice BETWEEN 1 AND 9),
    is_right boolean NOT NULL,
    answered_at timestamptz NOT NULL,
    CONSTRAINT lesson_once PRIMARY KEY (customer_id, case_no)
);
