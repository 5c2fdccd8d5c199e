-- migrate:up
-- payments: the instruction. Who pays whom how much, what was decided and why, and what became of it.

CREATE SCHEMA payments;

-- One row an instruction; claimed under its id before anything is decided. No index on what changes (HOT).
-- `at_once_*`: what was captured, and its fee, with the decision itself; later captures and refunds are operations.
-- `request_hash`: SHA-256 of the decoded, canonical order, to tell a replay from an id used twice.
CREATE TABLE payments.payment (
    id uuid PRIMARY KEY,
    kind text NOT NULL CONSTRAINT payment_kind CHECK (kind IN ('payment', 'transfer', 'topup', 'salary')),
    principal_id uuid NOT NULL,
    request_hash bytea NOT NULL,
    payer_account_id uuid NOT NULL,
    payee_account_id uuid,
    merchant_id uuid,
    order_id uuid,
    amount_minor bigint NOT NULL CONSTRAINT payment_amount CHECK (amount_minor > 0),
    currency text NOT NULL,
    capture text NOT NULL CONSTRAINT payment_capture CHECK (capture IN ('automatic', 'manual')),
    arrives text NOT NULL CONSTRAINT payment_arrives CHECK (arrives IN ('now', 'in_two_hours', 'next_day')),
    method text NOT NULL CONSTRAINT payment_method CHECK (method IN ('account', 'qr', 'card', 'api')),
    reference text,
    device text,
    created_at timestamptz NOT NULL,
    state text NOT NULL CONSTRAINT payment_state CHECK (state IN (
        'created', 'challenged', 'held', 'authorised', 'unknown', 'completed', 'declined', 'cancelled', 'expired'
    )),
    refusal text,
    authorised_minor bigint NOT NULL,
    captured_minor bigint NOT NULL,
    refunded_minor bigint NOT NULL,
    disputed_minor bigint NOT NULL,
    settled_minor bigint NOT NULL,
    fee_minor bigint NOT NULL,
    at_once_minor bigint NOT NULL,
    at_once_fee_minor bigint NOT NULL,
    booking_date date NOT NULL,
    decided_at timestamptz,
    due_at timestamptz,
    sequence integer NOT NULL,
    CONSTRAINT authorised_at_most_amount CHECK (authorised_minor BETWEEN 0 AND amount_minor),
    CONSTRAINT captured_at_most_authorised CHECK (captured_minor BETWEEN 0 AND authorised_minor),
    CONSTRAINT refunded_at_most_captured CHECK (refunded_minor BETWEEN 0 AND captured_minor),
    CONSTRAINT disputed_at_most_captured CHECK (disputed_minor BETWEEN 0 AND captured_minor),
    CONSTRAINT settled_at_most_captured CHECK (settled_minor BETWEEN 0 AND captured_minor),
    CONSTRAINT fee_not_negative CHECK (fee_minor >= 0),
    CONSTRAINT declined_says_why CHECK ((state = 'declined') = (refusal IS NOT NULL))
) WITH (fillfactor = 60);
CREATE INDEX payment_by_payer ON payments.payment (payer_account_id, created_at, id);
CREATE INDEX payment_by_payee ON payments.payment (payee_account_id, created_at, id);
CREATE INDEX payment_by_time ON payments.payment (created_at, id);
CREATE INDEX payment_by_day ON payments.payment USING brin (booking_date);
CREATE VIEW payments.payment_view AS
SELECT id, kind, principal_id, payer_account_id, payee_account_id, merchant_id, order_id, amount_minor, currency, capture,
    arrives, method, reference, device, created_at, state, refusal, authorised_minor, captured_minor, refunded_minor,
    disputed_minor, settled_minor, fee_minor, booking_date, decided_at, due_at, sequence
FROM payments.payment;

-- What was decided about an instruction and on what grounds: each check, passed or failed, with what it compared. A replay
-- answers from this, whatever has become of the payment since.
CREATE TABLE payments.decision (
    payment_id uuid NOT NULL,
    booking_date date NOT NULL,
    decided_at timestamptz NOT NULL,
    state text NOT NULL,
    due_at timestamptz,
    checks jsonb NOT NULL,
    PRIMARY KEY (payment_id, booking_date)
) PARTITION BY RANGE (booking_date);
CREATE VIEW payments.decision_view AS
SELECT payment_id, booking_date, decided_at, state, due_at, checks FROM payments.decision;

-- What was asked of a payment after it was submitted. `covered_minor`: what the merchant's settlement account added to a
-- refund because the day's takings did not cover it. Claimed under its own id, like the payment.
CREATE TABLE payments.operation (
    id uuid PRIMARY KEY,
    payment_id uuid NOT NULL,
    kind text NOT NULL CONSTRAINT operation_kind
        CHECK (kind IN ('confirm', 'capture', 'cancel', 'recall', 'expire', 'refund')),
    principal_id uuid NOT NULL,
    request_hash bytea NOT NULL,
    amount_minor bigint,
    final boolean NOT NULL,
    reason text,
    asked_at timestamptz NOT NULL,
    state text NOT NULL CONSTRAINT operation_state CHECK (state IN ('claimed', 'done', 'refused')),
    refusal text,
    moved_minor bigint NOT NULL,
    covered_minor bigint NOT NULL,
    fee_minor bigint NOT NULL,
    booking_date date NOT NULL,
    answer jsonb,
    CONSTRAINT refused_says_why CHECK ((state = 'refused') = (refusal IS NOT NULL))
);
CREATE INDEX operation_by_payment ON payments.operation (payment_id, asked_at);
CREATE INDEX operation_by_day ON payments.operation USING brin (booking_date);
CREATE VIEW payments.operation_view AS
SELECT id, payment_id, kind, principal_id, amount_minor, final, reason, asked_at, state, refusal, moved_minor,
    covered_minor, fee_minor, booking_date
FROM payments.operation;

-- Every movement on a merchant's takings, for clearing, takings and the fee report: captures, refunds (negative), and what
-- the merchant's settlement account put in to cover a refund. A day's sum is what the takings account moved that day.
CREATE VIEW payments.merchant_movement_view AS
SELECT p.id AS payment_id, p.id AS movement_id, p.merchant_id, 'capture' AS kind, p.method, p.currency,
    p.at_once_minor AS amount_minor, p.at_once_fee_minor AS fee_minor, p.booking_date, p.decided_at AS moved_at
FROM payments.payment p
WHERE p.at_once_minor > 0 AND p.merchant_id IS NOT NULL
UNION ALL
SELECT p.id, o.id, p.merchant_id, o.kind, p.method, p.currency,
    CASE o.kind WHEN 'refund' THEN -o.moved_minor ELSE o.moved_minor END,
    o.fee_minor, o.booking_date, o.asked_at
FROM payments.operation o JOIN payments.payment p ON p.id = o.payment_id
WHERE o.state = 'done' AND o.moved_minor > 0 AND o.kind IN ('confirm', 'capture', 'refund') AND p.merchant_id IS NOT NULL
UNION ALL
SELECT p.id, o.id, p.merchant_id, 'cover', p.method, p.currency, o.covered_minor, 0, o.booking_date, o.asked_at
FROM payments.operation o JOIN payments.payment p ON p.id = o.payment_id
WHERE o.state = 'done' AND o.covered_minor > 0 AND p.merchant_id IS NOT NULL;

-- Payments that wait for somebody or something: a confirmation, a capture, their arrival, their end at `due_at`.
CREATE TABLE payments.open_payment (
    payment_id uuid PRIMARY KEY REFERENCES payments.payment (id),
    waits_for text NOT NULL
        CONSTRAINT open_payment_waits CHECK (waits_for IN ('confirmation', 'capture', 'arrival', 'person', 'answer')),
    since timestamptz NOT NULL,
    due_at timestamptz NOT NULL
);
CREATE INDEX open_payment_due ON payments.open_payment (due_at, payment_id);
CREATE VIEW payments.open_payment_view AS SELECT payment_id, waits_for, since, due_at FROM payments.open_payment;

-- What an account has spent this day and this month (the bank's zone). Locked before the account; HOT.
CREATE TABLE payments.spending (
    account_id uuid PRIMARY KEY,
    day date NOT NULL,
    day_minor bigint NOT NULL,
    day_count integer NOT NULL,
    month date NOT NULL,
    month_minor bigint NOT NULL,
    month_count integer NOT NULL
) WITH (fillfactor = 50);
CREATE VIEW payments.spending_view AS
SELECT account_id, day, day_minor, day_count, month, month_minor, month_count FROM payments.spending;

-- The bank's limits by kind of customer and currency; NULL: none.
CREATE TABLE payments.bank_limit (
    customer_kind text NOT NULL CONSTRAINT limit_customer_kind CHECK (customer_kind IN ('person', 'firm')),
    currency text NOT NULL CONSTRAINT limit_currency CHECK (currency ~ '^[A-Z]{3}$'),
    per_payment_minor bigint,
    per_day_minor bigint,
    per_month_minor bigint,
    per_day_count integer,
    per_month_count integer,
    PRIMARY KEY (customer_kind, currency)
);
CREATE VIEW payments.bank_limit_view AS
SELECT customer_kind, currency, per_payment_minor, per_day_minor, per_month_minor, per_day_count, per_month_count
FROM payments.bank_limit;

-- Limits of one account: set by the bank for this account, or lowered by the customer. The strictest counts.
CREATE TABLE payments.account_limit (
    account_id uuid NOT NULL,
    set_by text NOT NULL CONSTRAINT limit_set_by CHECK (set_by IN ('bank', 'customer')),
    per_payment_minor bigint,
    per_day_minor bigint,
    per_month_minor bigint,
    per_day_count integer,
    per_month_count integer,
    set_at timestamptz NOT NULL,
    PRIMARY KEY (account_id, set_by)
);
CREATE VIEW payments.account_limit_view AS
SELECT account_id, set_by, per_payment_minor, per_day_minor, per_month_minor, per_day_count, per_month_count, set_at
FROM payments.account_limit;

-- Many salaries in one file: what was uploaded, whether it was confirmed, how far it has come. Each line becomes a payment
-- of its own, under an id derived from the payroll's and the line's number.
CREATE TABLE payments.payroll (
    id uuid PRIMARY KEY,
    principal_id uuid NOT NULL,
    request_hash bytea NOT NULL,
    payer_account_id uuid NOT NULL,
    currency text NOT NULL,
    state text NOT NULL CONSTRAINT payroll_state CHECK (state IN ('preview', 'running', 'completed', 'cancelled')),
    created_at timestamptz NOT NULL,
    confirmed_at timestamptz,
    confirmed_by uuid,
    completed_at timestamptz
);
CREATE INDEX payroll_by_payer ON payments.payroll (payer_account_id, created_at, id);
CREATE INDEX payroll_running ON payments.payroll (id) WHERE state = 'running';
CREATE VIEW payments.payroll_view AS
SELECT id, payer_account_id, currency, state, created_at, confirmed_at, completed_at FROM payments.payroll;

-- One line of the file. No name is kept: it was compared with the account's owner when the file came. `problem`: why this
-- line will not be paid. `duplicate_of`: an earlier line that says the same; it is paid only if whoever confirms says so.
CREATE TABLE payments.payroll_line (
    payroll_id uuid NOT NULL REFERENCES payments.payroll (id),
    line integer NOT NULL,
    account_number text NOT NULL,
    account_id uuid,
    amount_minor bigint,
    reference text,
    problem text,
    duplicate_of integer,
    state text NOT NULL CONSTRAINT payroll_line_state CHECK (state IN ('waiting', 'skipped', 'paid', 'failed')),
    refusal text,
    payment_id uuid,
    PRIMARY KEY (payroll_id, line),
    CONSTRAINT problem_or_payable CHECK (problem IS NOT NULL OR (account_id IS NOT NULL AND amount_minor > 0)),
    CONSTRAINT failed_line_says_why CHECK ((state = 'failed') = (refusal IS NOT NULL))
) WITH (fillfactor = 70);
CREATE VIEW payments.payroll_line_view AS
SELECT payroll_id, line, account_id, amount_minor, problem, duplicate_of, state, refusal, payment_id
FROM payments.payroll_line;

-- A payment for later, or again and again. `starts_on` is the anchor: the 31st falls on the last day of a shorter month.
-- `next_on`: the date that is due next; `try_on`: when it is tried, later than `next_on` after a failure.
CREATE TABLE payments.schedule (
    id uuid PRIMARY KEY,
    principal_id uuid NOT NULL,
    request_hash bytea NOT NULL,
    payer_account_id uuid NOT NULL,
    payee_account_id uuid,
    merchant_id uuid,
    amount_minor bigint NOT NULL CONSTRAINT schedule_amount CHECK (amount_minor > 0),
    currency text NOT NULL,
    reference text,
    every text NOT NULL CONSTRAINT schedule_every CHECK (every IN ('once', 'day', 'week', 'month')),
    starts_on date NOT NULL,
    ends_on date,
    next_on date,
    try_on date,
    failures integer NOT NULL,
    state text NOT NULL CONSTRAINT schedule_state CHECK (state IN ('active', 'paused', 'cancelled', 'ended')),
    sequence integer NOT NULL,
    created_at timestamptz NOT NULL,
    CONSTRAINT schedule_has_one_payee CHECK ((payee_account_id IS NULL) <> (merchant_id IS NULL)),
    CONSTRAINT schedule_ends_after_its_start CHECK (ends_on >= starts_on),
    CONSTRAINT schedule_failures CHECK (failures BETWEEN 0 AND 3),
    CONSTRAINT next_date_while_it_lives CHECK (
        (next_on IS NULL) = (try_on IS NULL) AND (state NOT IN ('active', 'paused') OR next_on IS NOT NULL)
    )
) WITH (fillfactor = 70);
CREATE INDEX schedule_by_payer ON payments.schedule (payer_account_id, id);
CREATE INDEX schedule_due ON payments.schedule (try_on, id) WHERE state = 'active';
CREATE VIEW payments.schedule_view AS
SELECT id, payer_account_id, payee_account_id, merchant_id, amount_minor, currency, every, starts_on, ends_on, next_on,
    try_on, failures, state, created_at
FROM payments.schedule;

-- Every try of a schedule, whatever came of it; `payment_id` is derived from the schedule and both dates.
CREATE TABLE payments.schedule_run (
    schedule_id uuid NOT NULL REFERENCES payments.schedule (id),
    due_on date NOT NULL,
    tried_on date NOT NULL,
    payment_id uuid NOT NULL,
    state text NOT NULL,
    refusal text,
    run_at timestamptz NOT NULL,
    PRIMARY KEY (schedule_id, due_on, tried_on)
);
CREATE VIEW payments.schedule_run_view AS
SELECT schedule_id, due_on, tried_on, payment_id, state, refusal, run_at FROM payments.schedule_run;

INSERT INTO payments.bank_limit
    (customer_kind, currency, per_payment_minor, per_day_minor, per_month_minor, per_day_count, per_month_count)
VALUES
('person', 'CNY', 5000000, 20000000, 200000000, 500, 5000),
('firm', 'CNY', 10000000000, 100000000000, 1000000000000, 100000, 1000000);

-- migrate:down
