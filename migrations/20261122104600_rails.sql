-- migrate:up
-- payments: money that comes in over a rail. What the new CHECKs say of old rows is looked at by the next migration.

ALTER TABLE payments.payment ADD COLUMN rail text;
CREATE OR REPLACE VIEW payments.payment_view AS
SELECT id, kind, principal_id, payer_account_id, payee_account_id, merchant_id, order_id, amount_minor, currency, capture,
    arrives, method, reference, device, created_at, state, refusal, authorised_minor, captured_minor, refunded_minor,
    disputed_minor, settled_minor, fee_minor, booking_date, decided_at, due_at, sequence, rail
FROM payments.payment;

-- The new one says more: nothing that was allowed is refused.
-- squawk-ignore ban-drop-constraint
ALTER TABLE payments.operation DROP CONSTRAINT operation_kind;
ALTER TABLE payments.operation ADD CONSTRAINT operation_kind CHECK (kind IN (
    'confirm', 'capture', 'cancel', 'recall', 'expire', 'refund',
    'rail_accepted', 'rail_declined', 'rail_silent', 'rail_never_received', 'resolve'
)) NOT VALID;

-- 'answer' is allowed no more; nobody ever wrote it.
-- squawk-ignore ban-drop-constraint
ALTER TABLE payments.open_payment DROP CONSTRAINT open_payment_waits;
ALTER TABLE payments.open_payment ADD CONSTRAINT open_payment_waits
    CHECK (waits_for IN ('confirmation', 'capture', 'arrival', 'person', 'rail', 'rail_answer')) NOT VALID;

-- Payments over a rail, and what each asks it next: to send the money, or what became of that. Empty once the payment has
-- ended. `sent_at`: when a request to send the money may last have left; empty while it surely never did. Whoever holds the
-- lease is asking; `next_at` is then when it may be taken from him. `outside_account` is personal data; kept with the payment.
CREATE TABLE payments.rail_payment (
    payment_id uuid PRIMARY KEY REFERENCES payments.payment (id),
    rail text NOT NULL,
    outside_account text NOT NULL,
    next text CONSTRAINT rail_payment_next CHECK (next IN ('pull', 'ask')),
    next_at timestamptz,
    lease uuid,
    tries integer NOT NULL CONSTRAINT rail_payment_tries CHECK (tries >= 0),
    sent_at timestamptz,
    CONSTRAINT next_has_its_time CHECK ((next IS NULL) = (next_at IS NULL))
) WITH (fillfactor = 70);
CREATE INDEX rail_payment_due ON payments.rail_payment (rail, next_at, payment_id) WHERE next_at IS NOT NULL;
CREATE VIEW payments.rail_payment_view AS
SELECT payment_id, rail, outside_account, next, next_at, tries, sent_at FROM payments.rail_payment;

-- Every time a rail was asked, and what it said. `asked_by`: who asked by hand. Kept for 90 days; what was decided is kept for ever.
CREATE TABLE payments.rail_call (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    payment_id uuid NOT NULL,
    rail text NOT NULL,
    verb text NOT NULL CONSTRAINT rail_call_verb CHECK (verb IN ('pull', 'ask')),
    at timestamptz NOT NULL,
    duration_ms integer NOT NULL CONSTRAINT rail_call_duration CHECK (duration_ms >= 0),
    said text NOT NULL
        CONSTRAINT rail_call_said CHECK (said IN ('accepted', 'declined', 'never_seen', 'silent', 'not_sent')),
    reason text,
    asked_by uuid
);
CREATE INDEX rail_call_by_rail ON payments.rail_call (rail, at);
CREATE INDEX rail_call_by_payment ON payments.rail_call (payment_id, at);
CREATE INDEX rail_call_by_time ON payments.rail_call USING brin (at);
CREATE VIEW payments.rail_call_view AS
SELECT id, payment_id, rail, verb, at, duration_ms, said, reason, asked_by FROM payments.rail_call;

-- Rails that gave no answer of late: how often in a row, and until when they are left alone.
CREATE TABLE payments.rail_state (
    rail text PRIMARY KEY,
    failing integer NOT NULL CONSTRAINT rail_failing CHECK (failing >= 0),
    failing_since timestamptz,
    open_until timestamptz,
    CONSTRAINT failing_since_when CHECK ((failing = 0) = (failing_since IS NULL)),
    CONSTRAINT open_while_failing CHECK (open_until IS NULL OR failing > 0)
);
CREATE VIEW payments.rail_state_view AS SELECT rail, failing, failing_since, open_until FROM payments.rail_state;

-- migrate:down
