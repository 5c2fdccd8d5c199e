-- migrate:up
-- payments: whom a customer trusts to look on, and what was asked of him.
SET LOCAL lock_timeout = '5s';

-- Whom a customer trusts to look on: told of what he pays above an amount, and asked about what he pays above another. Never gives
-- a power to pay. Holds from `accepted_at` to `ends_at`, which for its owner lies a day ahead; what was not accepted never held.
-- No name, no number. Retention: as the customers' ids.
CREATE TABLE payments.family (
    id uuid CONSTRAINT family_once PRIMARY KEY,
    owner_id uuid NOT NULL,
    trusted_id uuid NOT NULL,
    tell_above_minor bigint NOT NULL CONSTRAINT family_tells_above CHECK (tell_above_minor >= 0),
    ask_above_minor bigint CONSTRAINT family_asks_above CHECK (ask_above_minor >= 0),
    asked_at timestamptz NOT NULL,
    accepted_at timestamptz,
    ends_at timestamptz,
    ended_by text CONSTRAINT family_ended_by CHECK (ended_by IN ('owner', 'trusted')),
    CONSTRAINT family_trusts_another CHECK (owner_id <> trusted_id),
    CONSTRAINT family_ended_by_whom CHECK ((ends_at IS NULL) = (ended_by IS NULL))
);
CREATE UNIQUE INDEX one_trusted_person ON payments.family (owner_id) WHERE ends_at IS NULL;
CREATE INDEX family_by_owner ON payments.family (owner_id, asked_at);
CREATE INDEX family_by_trusted ON payments.family (trusted_id, asked_at);

-- Payments that waited for what a trusted person says, and what he said: `agreed` empty while he has said nothing. Retention: as
-- the payment.
CREATE TABLE payments.family_ask (
    payment_id uuid CONSTRAINT family_ask_once PRIMARY KEY
        CONSTRAINT family_ask_is_of_a_payment REFERENCES payments.payment (id),
    family_id uuid NOT NULL CONSTRAINT family_ask_is_of_a_family REFERENCES payments.family (id),
    asked_at timestamptz NOT NULL,
    due_at timestamptz NOT NULL,
    agreed boolean,
    answered_at timestamptz,
    CONSTRAINT family_answered_when CHECK ((agreed IS NULL) = (answered_at IS NULL))
);
CREATE INDEX family_ask_by_family ON payments.family_ask (family_id, asked_at);

-- migrate:down
