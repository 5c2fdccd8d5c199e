-- migrate:up
-- vault and payments: cards of other banks.
SET LOCAL lock_timeout = '5s';

-- Cards of other banks: the number sealed under its owner's key, and a token that stands for it everywhere else. `fingerprint`: a
-- person has a card once. No security code is kept anywhere. Kept while the card is bound, or until the person is erased.
CREATE TABLE vault.card (
    token uuid CONSTRAINT card_once PRIMARY KEY,
    subject_id uuid NOT NULL,
    sealed bytea NOT NULL CONSTRAINT card_sealed CHECK (octet_length(sealed) BETWEEN 34 AND 256),
    fingerprint bytea NOT NULL CONSTRAINT card_fingerprint CHECK (octet_length(fingerprint) = 32),
    network text NOT NULL,
    issuer text NOT NULL,
    issuer_zh text NOT NULL,
    last4 text NOT NULL CONSTRAINT card_last4 CHECK (last4 ~ '^[0-9]{4}$'),
    expires_on date NOT NULL,
    kept_at timestamptz NOT NULL,
    CONSTRAINT card_once_a_person UNIQUE (subject_id, fingerprint)
);

-- Cards of other banks that customers have bound; the number is in the vault under the same id. `asked`: the issuer has sent its
-- owner a code that is still to come; `tries` were taken before the code was compared. Kept as proof of what was agreed.
CREATE TABLE payments.card (
    id uuid CONSTRAINT bound_card_once PRIMARY KEY,
    customer_id uuid NOT NULL,
    state text NOT NULL CONSTRAINT bound_card_state CHECK (state IN ('asked', 'bound', 'refused', 'unbound')),
    tries smallint NOT NULL CONSTRAINT bound_card_tries CHECK (tries BETWEEN 0 AND 5),
    asked_at timestamptz NOT NULL,
    bound_at timestamptz,
    ended_at timestamptz,
    CONSTRAINT bound_since CHECK (state <> 'bound' OR bound_at IS NOT NULL),
    CONSTRAINT ended_when CHECK ((ended_at IS NOT NULL) = (state IN ('refused', 'unbound')))
);
CREATE INDEX bound_card_by_customer ON payments.card (customer_id) WHERE ended_at IS NULL;
CREATE INDEX bound_card_asked ON payments.card (asked_at) WHERE state = 'asked';

-- Who has bound cards, and which one is offered first. Locked by whoever binds or unbinds one.
CREATE TABLE payments.card_holder (
    customer_id uuid CONSTRAINT card_holder_once PRIMARY KEY,
    default_card_id uuid CONSTRAINT default_card_is_bound REFERENCES payments.card (id)
);

-- What was paid from a card moves when the network has said yes.
CREATE OR REPLACE VIEW payments.merchant_movement_view AS
SELECT p.id AS payment_id, p.id AS movement_id, p.merchant_id, 'capture' AS kind, p.method, p.currency,
    p.at_once_minor AS amount_minor, p.at_once_fee_minor AS fee_minor, p.booking_date, p.decided_at AS moved_at
FROM payments.payment p
WHERE p.at_once_minor > 0 AND p.merchant_id IS NOT NULL
UNION ALL
SELECT p.id, o.id, p.merchant_id, o.kind, p.method, p.currency,
    CASE o.kind WHEN 'refund' THEN -o.moved_minor ELSE o.moved_minor END,
    o.fee_minor, o.booking_date, o.asked_at
FROM payments.operation o JOIN payments.payment p ON p.id = o.payment_id
WHERE o.state = 'done' AND o.moved_minor > 0 AND o.kind IN ('confirm', 'capture', 'refund', 'rail_accepted', 'resolve')
  AND p.merchant_id IS NOT NULL
UNION ALL
SELECT p.id, o.id, p.merchant_id, 'cover', p.method, p.currency, o.covered_minor, 0, o.booking_date, o.asked_at
FROM payments.operation o JOIN payments.payment p ON p.id = o.payment_id
WHERE o.state = 'done' AND o.covered_minor > 0 AND p.merchant_id IS NOT NULL;

-- migrate:down
