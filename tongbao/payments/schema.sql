-- payments: the instruction. Who pays whom how much, what was decided and why, and what became of it.

CREATE SCHEMA payments;

-- One row an instruction; claimed under its id before anything is decided. No index on what changes (HOT).
-- `at_once_*`: what was captured, and its fee, with the decision itself; later captures and refunds are operations.
-- `request_hash`: SHA-256 of the decoded, canonical order, to tell a replay from an id used twice.
-- `rail`: the other bank that the money comes in from, and that must say so before anything moves here.
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
    rail text,
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
    disputed_minor, settled_minor, fee_minor, booking_date, decided_at, due_at, sequence, rail
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
    kind text NOT NULL CONSTRAINT operation_kind CHECK (kind IN (
        'confirm', 'capture', 'cancel', 'recall', 'expire', 'refund',
        'rail_accepted', 'rail_declined', 'rail_silent', 'rail_never_received', 'rail_reversed', 'rail_kept', 'resolve',
        'release', 'refuse'
    )),
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
WHERE o.state = 'done' AND o.moved_minor > 0 AND o.kind IN ('confirm', 'capture', 'refund', 'rail_accepted', 'resolve', 'release')
  AND p.merchant_id IS NOT NULL
UNION ALL
SELECT p.id, o.id, p.merchant_id, 'cover', p.method, p.currency, o.covered_minor, 0, o.booking_date, o.asked_at
FROM payments.operation o JOIN payments.payment p ON p.id = o.payment_id
WHERE o.state = 'done' AND o.covered_minor > 0 AND p.merchant_id IS NOT NULL;

-- Payments that wait for somebody or something: a confirmation, a capture, their arrival, their end at `due_at`; or for a
-- rail: to be asked, and, once it was asked in vain, for what it knows. Those are stuck after `due_at`.
CREATE TABLE payments.open_payment (
    payment_id uuid PRIMARY KEY REFERENCES payments.payment (id),
    waits_for text NOT NULL CONSTRAINT open_payment_waits
        CHECK (waits_for IN ('confirmation', 'capture', 'arrival', 'person', 'rail', 'rail_answer')),
    since timestamptz NOT NULL,
    due_at timestamptz NOT NULL,
    taken_by uuid
);
CREATE INDEX open_payment_due ON payments.open_payment (due_at, payment_id);
CREATE INDEX open_payment_held ON payments.open_payment (due_at, payment_id) WHERE waits_for = 'person';
CREATE VIEW payments.open_payment_view AS SELECT payment_id, waits_for, since, due_at, taken_by FROM payments.open_payment;

-- Payments over a rail, and what each asks it next: to send the money, or what became of that. Empty once the payment has
-- ended; but where a card may have been charged for one that came to nothing, it is asked to take that back, and then is empty. `sent_at`: when a request to send the money may last have left; empty while it surely never did. Whoever holds the
-- lease is asking; `next_at` is then when it may be taken from him. `outside_account` is personal data; kept with the payment.
CREATE TABLE payments.rail_payment (
    payment_id uuid PRIMARY KEY REFERENCES payments.payment (id),
    rail text NOT NULL,
    outside_account text NOT NULL,
    next text CONSTRAINT rail_payment_next CHECK (next IN ('pull', 'ask', 'reverse')),
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
    verb text NOT NULL CONSTRAINT rail_call_verb CHECK (verb IN ('pull', 'ask', 'reverse')),
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
-- A line that waits with a `payment_id`: one of the bank's switches stopped that payment, and the line is tried again.
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

-- Kill switches: what the bank takes no payments of at present. One row a switch that was ever thrown, with its last change;
-- `version` counts the changes. A payment's claim reads it, so it is small and found by its key.
CREATE TABLE payments.switch (
    scope text NOT NULL CONSTRAINT switch_scope CHECK (scope IN ('kind', 'merchant', 'country', 'method')),
    key text NOT NULL,
    stopped boolean NOT NULL,
    since timestamptz NOT NULL,
    changed_by uuid NOT NULL,
    reason text NOT NULL,
    until timestamptz,
    version integer NOT NULL CONSTRAINT switch_version CHECK (version > 0),
    PRIMARY KEY (scope, key),
    CONSTRAINT only_a_stop_ends CHECK (until IS NULL OR (stopped AND until > since))
);
CREATE VIEW payments.switch_view AS
SELECT scope, key, stopped, since, changed_by, reason, until, version FROM payments.switch;

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

-- What a customer who pays for himself must show, in versions that are never changed. `hash`: SHA-256 over the row's content and
-- the hash before it (`policy.seal`), so that an edited version is found. Every version but the first was proposed by one person and
-- approved by another. Its bounds, and where they come from: docs/authorisation.md. Retention: for ever.
CREATE TABLE payments.policy (
    version integer CONSTRAINT policy_once PRIMARY KEY CONSTRAINT policy_version CHECK (version > 0),
    content jsonb NOT NULL,
    reason text NOT NULL,
    proposed_by uuid,
    approved_by uuid,
    in_force_at timestamptz NOT NULL,
    previous_hash bytea NOT NULL CONSTRAINT policy_previous_is_sha256 CHECK (length(previous_hash) = 32),
    hash bytea NOT NULL CONSTRAINT policy_hash_is_sha256 CHECK (length(hash) = 32),
    CONSTRAINT policy_takes_two_people CHECK (
        version = 1 OR (proposed_by IS NOT NULL AND approved_by IS NOT NULL AND proposed_by <> approved_by)
    )
);
INSERT INTO payments.policy
    (version, content, reason, proposed_by, approved_by, in_force_at, previous_hash, hash)
VALUES (
    1,
    '{
        "none_per_payment_minor": 100000, "none_per_day_minor": 100000, "none_from_level": 1,
        "one_per_payment_minor": 500000, "one_per_day_minor": 1000000,
        "large_above_minor": 2000000, "signed_above_minor": 5000000, "refuse_above_minor": 10000000000,
        "odd_times": 10, "odd_after": 5, "night_from": 0, "night_until": 5, "changed_within_h": 24,
        "two_from_risk": 500, "refuse_from_risk": 900
    }',
    'The policy that the bank begins with', NULL, NULL, '2026-11-22T17:03:00Z',
    '\x0000000000000000000000000000000000000000000000000000000000000000',
    '\x53466ded00fe7c2e7cbbf7c9c7acbd753db8484f6e7cd2bf5cf21c6178ada937'
);
CREATE VIEW payments.policy_view AS
SELECT version, content, reason, proposed_by, approved_by, in_force_at, hash FROM payments.policy;

-- What was asked of a payer before his payment goes on, by which version of the policy and why. `ways`: of how many different
-- sorts; `large`: a passkey counts only where its maker has declared its error rates; `signed`: one of them is a signature. `nonce`
-- goes into what he signs. Retention: as the payment.
CREATE TABLE payments.challenge (
    payment_id uuid CONSTRAINT challenge_once PRIMARY KEY
        CONSTRAINT challenge_is_of_a_payment REFERENCES payments.payment (id),
    ways smallint NOT NULL CONSTRAINT challenge_ways CHECK (ways BETWEEN 0 AND 2),
    large boolean NOT NULL,
    signed boolean NOT NULL,
    policy_version integer NOT NULL CONSTRAINT challenge_by_a_policy REFERENCES payments.policy (version),
    why text NOT NULL,
    nonce bytea NOT NULL CONSTRAINT challenge_nonce_length CHECK (length(nonce) = 32),
    expires_at timestamptz NOT NULL
);
CREATE VIEW payments.challenge_view AS
SELECT payment_id, ways, large, signed, policy_version, why, expires_at FROM payments.challenge;

-- What a payer has shown for a payment that waits for him, one of each kind: that he knows, has or is something, and for exactly
-- which instruction (its SHA-256). No secret and no personal data. `capable`: good for large amounts. Retention: as the payment.
CREATE TABLE payments.evidence (
    payment_id uuid NOT NULL CONSTRAINT evidence_is_of_a_payment REFERENCES payments.payment (id),
    kind text NOT NULL CONSTRAINT evidence_kind
        CHECK (kind IN ('password', 'pin', 'sms', 'totp', 'passkey', 'device')),
    sorts text[] NOT NULL CONSTRAINT evidence_sorts
        CHECK (cardinality(sorts) > 0 AND sorts <@ ARRAY['knowledge', 'possession', 'inherence']),
    capable boolean NOT NULL,
    instruction_hash bytea NOT NULL CONSTRAINT evidence_instruction_is_sha256 CHECK (length(instruction_hash) = 32),
    shown_at timestamptz NOT NULL,
    evidence jsonb NOT NULL,
    CONSTRAINT evidence_once PRIMARY KEY (payment_id, kind)
);

-- What a payer agreed to and how he showed that it was he, as one document, canonical (RFC 8785), signed by the bank's own key.
-- Never changed. Retention: as the payment.
CREATE TABLE payments.proof (
    payment_id uuid CONSTRAINT proof_once PRIMARY KEY
        CONSTRAINT proof_is_of_a_payment REFERENCES payments.payment (id),
    document text NOT NULL,
    signature bytea NOT NULL CONSTRAINT proof_signature_length CHECK (length(signature) = 64),
    made_at timestamptz NOT NULL
);

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

-- How a customer transfers: payees looked up today, counted so that nobody gathers who banks here, and when his transfers arrive
-- unless he says otherwise. One row a customer; no number, no name. Retention: until the customer is erased.
CREATE TABLE payments.transfer_habit (
    customer_id uuid CONSTRAINT transfer_habit_once PRIMARY KEY,
    day date NOT NULL,
    looked_up integer NOT NULL CONSTRAINT transfer_habit_looked_up CHECK (looked_up >= 0),
    arrives text NOT NULL CONSTRAINT transfer_habit_arrives CHECK (arrives IN ('now', 'in_two_hours', 'next_day'))
) WITH (fillfactor = 70);

-- Whose account a customer found by what he typed: what his last look before a transfer names, without a number in its address.
-- `surname`: what came of comparing the one that he typed; empty where he typed none. Retention: two days.
CREATE TABLE payments.lookup (
    id uuid CONSTRAINT lookup_once PRIMARY KEY,
    customer_id uuid NOT NULL,
    account_id uuid NOT NULL,
    found_at timestamptz NOT NULL,
    surname text CONSTRAINT lookup_surname CHECK (surname IN ('right', 'wrong', 'used_up'))
);
CREATE INDEX lookup_by_time ON payments.lookup (found_at);

-- Surnames that a customer has had compared on the last day on which he had. One row a customer; HOT. Retention: until the customer
-- is erased.
CREATE TABLE payments.surname_tries (
    customer_id uuid CONSTRAINT surname_tries_once PRIMARY KEY,
    day date NOT NULL,
    tries integer NOT NULL CONSTRAINT surname_tries_positive CHECK (tries > 0)
) WITH (fillfactor = 70);

-- Codes that payers show to shops, good once and for a minute. Only an HMAC of the digits, under a key of the vault; `session_id`: in
-- which log-in it was made, which must still be open when it is taken. Retention: a day, `payments.forget_payer_codes`.
CREATE TABLE payments.payer_code (
    id uuid CONSTRAINT payer_code_once PRIMARY KEY,
    customer_id uuid NOT NULL,
    account_id uuid NOT NULL,
    session_id uuid NOT NULL,
    code_hmac bytea NOT NULL CONSTRAINT payer_code_of_one_payer UNIQUE
        CONSTRAINT payer_code_hmac_is_sha256 CHECK (length(code_hmac) = 32),
    made_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL CONSTRAINT payer_code_lasts CHECK (expires_at > made_at),
    used_at timestamptz,
    CONSTRAINT payer_code_used_in_time CHECK (used_at < expires_at)
);
CREATE INDEX payer_code_of_session ON payments.payer_code (session_id);
CREATE INDEX payer_code_by_time ON payments.payer_code (expires_at);

-- What a shop took by a payer's code: the payment has this id, and each code is here once. `device_known`: the code was shown by a
-- browser that is known and past its cool-off. Retention: as the payment.
CREATE TABLE payments.collection (
    payment_id uuid CONSTRAINT collection_once PRIMARY KEY,
    code_id uuid NOT NULL CONSTRAINT collection_uses_a_code_once UNIQUE,
    merchant_id uuid NOT NULL,
    terminal_id uuid NOT NULL,
    request_hash bytea NOT NULL CONSTRAINT collection_hash_is_sha256 CHECK (length(request_hash) = 32),
    customer_id uuid NOT NULL,
    account_id uuid NOT NULL,
    device_known boolean NOT NULL,
    collected_at timestamptz NOT NULL
);

-- How many wrong codes a shop's terminal has tried within an hour: a key, or whoever is logged in for the shop. Retention: a day.
CREATE TABLE payments.terminal_guess (
    terminal_id uuid CONSTRAINT terminal_guess_once PRIMARY KEY,
    since timestamptz NOT NULL,
    wrong integer NOT NULL CONSTRAINT terminal_guess_wrong CHECK (wrong >= 0)
) WITH (fillfactor = 70);
CREATE INDEX terminal_guess_by_time ON payments.terminal_guess (since);

INSERT INTO payments.bank_limit
    (customer_kind, currency, per_payment_minor, per_day_minor, per_month_minor, per_day_count, per_month_count)
VALUES
('person', 'CNY', 5000000, 20000000, 200000000, 500, 5000),
('firm', 'CNY', 10000000000, 100000000000, 1000000000000, 100000, 1000000);
