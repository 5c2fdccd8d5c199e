-- migrate:up
-- notices: what the app tells people, and on which ways they want to hear of what.
SET LOCAL lock_timeout = '5s';

-- What the app tells a person. Of money: `what` names the sentence, with an amount in the currency's smallest unit; anything else is a
-- text sealed under the person's own key. `path`: the page that says more. Retention: 90 days, `notices.forget_notices`; gone with
-- the person.
CREATE TABLE notices.inbox (
    id uuid CONSTRAINT inbox_once PRIMARY KEY,
    subject_id uuid NOT NULL,
    kind text NOT NULL CONSTRAINT inbox_kind CHECK (kind IN ('money_in', 'money_out', 'security', 'help', 'tips')),
    what text CONSTRAINT inbox_what CHECK (what ~ '^[a-z][a-z_]{0,39}$'),
    amount_minor bigint,
    currency text,
    sealed_text bytea,
    path text CONSTRAINT inbox_path CHECK (path ~ '^/me(/[a-z0-9-]+)*$'),
    told_at timestamptz NOT NULL,
    read_at timestamptz,
    CONSTRAINT inbox_has_a_sentence_or_a_text CHECK ((what IS NULL) = (sealed_text IS NOT NULL)),
    CONSTRAINT inbox_sentence_has_its_amount CHECK (
        (what IS NULL) = (amount_minor IS NULL) AND (what IS NULL) = (currency IS NULL)
    )
);
CREATE INDEX inbox_by_subject ON notices.inbox (subject_id, told_at DESC, id DESC);
CREATE INDEX inbox_unread ON notices.inbox (subject_id) WHERE read_at IS NULL;
CREATE INDEX inbox_by_time ON notices.inbox (told_at);

-- On which ways a person wants to hear of what, where he has said so. Retention: until he is erased.
CREATE TABLE notices.choice (
    subject_id uuid NOT NULL,
    kind text NOT NULL CONSTRAINT choice_kind CHECK (kind IN ('money_in', 'money_out', 'security', 'help', 'tips')),
    channel text NOT NULL CONSTRAINT choice_channel CHECK (channel IN ('app', 'sms', 'push')),
    wanted boolean NOT NULL,
    CONSTRAINT choice_once PRIMARY KEY (subject_id, kind, channel)
);

-- A browser that somebody lets the bank push notices to. `mark`: the SHA-256 of where it is reached, which is sealed. Retention: until
-- its push service knows it no more, he wants no more pushes, or he is erased.
CREATE TABLE notices.subscription (
    id uuid CONSTRAINT subscription_once PRIMARY KEY,
    subject_id uuid NOT NULL,
    mark bytea NOT NULL CONSTRAINT one_subscription_a_browser UNIQUE CONSTRAINT subscription_mark CHECK (octet_length(mark) = 32),
    sealed bytea NOT NULL,
    made_at timestamptz NOT NULL
);
CREATE INDEX subscription_by_subject ON notices.subscription (subject_id);

-- squawk-ignore ban-drop-constraint
ALTER TABLE notices.message DROP CONSTRAINT message_channel;
ALTER TABLE notices.message ADD CONSTRAINT message_channel CHECK (channel IN ('sms', 'push')) NOT VALID;

-- Nobody is told of what happened before there was an inbox: its consumer begins behind the events that a running bank has.
INSERT INTO base.outbox_cursor (consumer, xid, id, moved_at)
SELECT 'payments.told', pg_snapshot_xmin(pg_current_snapshot()), 0, now()
WHERE EXISTS (SELECT 1 FROM base.outbox) ON CONFLICT (consumer) DO NOTHING;

-- migrate:down
