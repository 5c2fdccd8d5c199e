-- clearing: what a business day owes to whom, netted per participant, and when and how it was paid out.

CREATE SCHEMA clearing;

-- One a business day and currency with movements. `settle_on`: the next business day of the calendar.
CREATE TABLE clearing.batch (
    id uuid PRIMARY KEY,
    booking_date date NOT NULL,
    currency text NOT NULL,
    settle_on date NOT NULL CONSTRAINT batch_settles_later CHECK (settle_on > booking_date),
    participants integer NOT NULL,
    movements integer NOT NULL,
    drawn_at timestamptz NOT NULL,
    cleared_at timestamptz,
    settled_at timestamptz,
    CONSTRAINT batch_once UNIQUE (booking_date, currency),
    CONSTRAINT batch_settles_after_clearing CHECK (settled_at IS NULL OR cleared_at IS NOT NULL)
);
CREATE INDEX batch_unsettled ON clearing.batch (settle_on) WHERE settled_at IS NULL;
CREATE VIEW clearing.batch_view AS
SELECT id, booking_date, currency, settle_on, participants, movements, drawn_at, cleared_at, settled_at FROM clearing.batch;

-- What a batch owes a participant (above zero) or is owed. All positions of a batch add up to zero.
-- `covered_minor`: what a merchant's settlement account put into the takings for refunds. `carried_minor`: what earlier
-- batches were owed and did not get; `carried_into`: the position that took this one over. The id of a position is the id of
-- the transfer that settled it.
CREATE TABLE clearing.position (
    id uuid PRIMARY KEY,
    batch_id uuid NOT NULL REFERENCES clearing.batch (id),
    kind text NOT NULL CONSTRAINT position_kind CHECK (kind IN ('merchant', 'fee_income', 'acquirer')),
    participant_id uuid,
    takings_ledger_id bigint,
    settlement_ledger_id bigint,
    captures_minor bigint NOT NULL CONSTRAINT captures_not_negative CHECK (captures_minor >= 0),
    refunds_minor bigint NOT NULL CONSTRAINT refunds_not_negative CHECK (refunds_minor >= 0),
    covered_minor bigint NOT NULL CONSTRAINT covered_not_negative CHECK (covered_minor >= 0),
    fees_minor bigint NOT NULL,
    carried_minor bigint NOT NULL CONSTRAINT carried_is_owed CHECK (carried_minor <= 0),
    net_minor bigint NOT NULL,
    state text NOT NULL
        CONSTRAINT position_state CHECK (state IN ('drawn', 'cleared', 'settled', 'carried', 'suspense', 'counter')),
    booked_on date,
    carried_into uuid,
    CONSTRAINT position_once UNIQUE NULLS NOT DISTINCT (batch_id, kind, participant_id),
    CONSTRAINT position_of_a_merchant CHECK ((kind = 'merchant') = (participant_id IS NOT NULL
        AND takings_ledger_id IS NOT NULL AND settlement_ledger_id IS NOT NULL AND state <> 'counter')),
    CONSTRAINT position_net CHECK (
        kind <> 'merchant'
        OR net_minor = captures_minor - refunds_minor + covered_minor - fees_minor + carried_minor
    ),
    CONSTRAINT only_debts_are_carried CHECK (state <> 'carried' OR net_minor < 0),
    CONSTRAINT settled_on_a_day CHECK ((state IN ('settled', 'carried', 'suspense')) = (booked_on IS NOT NULL)),
    CONSTRAINT carried_once CHECK (carried_into IS NULL OR state = 'carried')
);
CREATE INDEX position_by_participant ON clearing.position (participant_id, id) WHERE kind = 'merchant';
CREATE INDEX position_waiting ON clearing.position (participant_id) WHERE state = 'carried' AND carried_into IS NULL;
CREATE VIEW clearing.position_view AS
SELECT p.id, p.batch_id, b.booking_date, b.currency, b.settle_on, p.kind, p.participant_id, p.captures_minor, p.refunds_minor,
    p.covered_minor, p.fees_minor, p.carried_minor, p.net_minor, p.state, p.booked_on, p.carried_into
FROM clearing.position p JOIN clearing.batch b ON b.id = p.batch_id;

-- What the end of a day has done so far: each step once.
CREATE TABLE clearing.eod_step (
    day date NOT NULL,
    step text NOT NULL CONSTRAINT eod_step_name
        CHECK (step IN ('expire', 'close', 'trial_balance', 'clear', 'settle')),
    done_at timestamptz NOT NULL,
    result jsonb NOT NULL,
    PRIMARY KEY (day, step)
);
CREATE VIEW clearing.eod_step_view AS SELECT day, step, done_at, result FROM clearing.eod_step;

-- Staff want a day closed before the calendar says so: once a day, by whoever asked first.
-- Retention: as long as the books.
CREATE TABLE clearing.close_order (
    day date PRIMARY KEY,
    asked_by uuid NOT NULL,
    asked_at timestamptz NOT NULL
);
CREATE VIEW clearing.close_order_view AS SELECT day, asked_by, asked_at FROM clearing.close_order;

-- The open day and since when it is timed, where days end after so many seconds (demos and tests); else it stays empty.
CREATE TABLE clearing.timed_day (
    singleton boolean PRIMARY KEY CONSTRAINT timed_day_is_one CHECK (singleton),
    day date NOT NULL,
    began_at timestamptz NOT NULL
);
