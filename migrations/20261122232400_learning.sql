-- migrate:up
-- care: what customers are warned of, told and taught; payments: whether a payee has the surname that a payer typed.
SET LOCAL lock_timeout = '5s';

CREATE VIEW identity.account_age_view AS SELECT id, customer_id, opened_at FROM identity.account;
CREATE VIEW identity.language_view AS SELECT customer_id, language FROM identity.preference;

-- Of `lookup`: what came of comparing a surname. Empty: none was typed.
ALTER TABLE payments.lookup ADD COLUMN surname text
    CONSTRAINT lookup_surname CHECK (surname IN ('right', 'wrong', 'used_up'));

-- Surnames that a customer has had compared on the last day on which he had. One row a customer; HOT. Retention: as the customer's id.
CREATE TABLE payments.surname_tries (
    customer_id uuid CONSTRAINT surname_tries_once PRIMARY KEY,
    day date NOT NULL,
    tries integer NOT NULL CONSTRAINT surname_tries_positive CHECK (tries > 0)
) WITH (fillfactor = 70);

-- Payees of payments that their payers say they did not make: an account or a shop. Retention: as the request.
CREATE TABLE care.report (
    request_id uuid CONSTRAINT report_once PRIMARY KEY CONSTRAINT report_is_of_a_request REFERENCES care.request (id),
    payee_id uuid NOT NULL,
    customer_id uuid NOT NULL,
    reported_at timestamptz NOT NULL
);
CREATE INDEX report_by_payee ON care.report (payee_id, reported_at);
INSERT INTO care.report (request_id, payee_id, customer_id, reported_at)
SELECT r.id, coalesce(p.merchant_id, p.payee_account_id), r.customer_id, r.asked_at
FROM care.request r JOIN payments.payment_view p ON p.id = r.payment_id WHERE r.kind = 'not_mine';

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

-- migrate:down
