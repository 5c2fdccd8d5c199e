-- migrate:up
-- care: what customers ask for help with.
SET LOCAL lock_timeout = '5s';

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

-- migrate:down
