-- migrate:up
-- notices: messages to people, on their way.

CREATE SCHEMA notices;

-- A message to one person. To whom and what is sealed by whoever wants it sent, and gone once nothing more is done about it.
-- `next`: what the gateway is asked next, to send it or what became of it; whoever holds the lease is asking, and `next_at` is
-- then when it may be taken from him. `left_at`: when a request may first have reached the gateway; empty while it surely never
-- did. `sent_at`: when the gateway took it. Retention: 90 days.
CREATE TABLE notices.message (
    id uuid PRIMARY KEY,
    subject_id uuid NOT NULL,
    channel text NOT NULL CONSTRAINT message_channel CHECK (channel IN ('sms')),
    kind text NOT NULL CONSTRAINT message_kind CHECK (kind ~ '^[a-z][a-z0-9_.]{0,39}$'),
    sealed_to bytea,
    sealed_text bytea,
    state text NOT NULL CONSTRAINT message_state CHECK (state IN ('queued', 'sent', 'delivered', 'failed')),
    reason text CONSTRAINT message_reason
        CHECK (reason IN ('expired', 'refused', 'undelivered', 'unreadable', 'no_answer')),
    queued_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    next text CONSTRAINT message_next CHECK (next IN ('send', 'ask')),
    next_at timestamptz,
    lease uuid,
    tries integer NOT NULL CONSTRAINT message_tries CHECK (tries >= 0),
    left_at timestamptz,
    sent_at timestamptz,
    ended_at timestamptz,
    CONSTRAINT message_next_has_its_time CHECK ((next IS NULL) = (next_at IS NULL)),
    CONSTRAINT message_ends_once CHECK ((next IS NULL) = (ended_at IS NOT NULL)),
    CONSTRAINT message_is_sealed_until_its_end CHECK (
        (next IS NULL) = (sealed_to IS NULL) AND (next IS NULL) = (sealed_text IS NULL)
    ),
    CONSTRAINT message_says_why_it_failed CHECK (state <> 'failed' OR reason IS NOT NULL)
) WITH (fillfactor = 70);
CREATE INDEX message_due ON notices.message (next_at, id) WHERE next_at IS NOT NULL;
CREATE INDEX message_by_subject ON notices.message (subject_id, queued_at);
CREATE INDEX message_by_end ON notices.message (ended_at, id) WHERE ended_at IS NOT NULL;
CREATE VIEW notices.message_view AS
SELECT id, subject_id, channel, kind, state, reason, queued_at, expires_at, next_at, tries, left_at, sent_at, ended_at
FROM notices.message;

-- migrate:down
