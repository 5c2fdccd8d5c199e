-- base: the business day, the calendar, the outbox, what people do, what two people decide, what has been proved.

CREATE SCHEMA base;

-- One row: which day the bank books on, and up to which day its books are closed.
CREATE TABLE base.business_day (
    singleton boolean PRIMARY KEY DEFAULT true CONSTRAINT business_day_is_one CHECK (singleton),
    open_date date NOT NULL,
    closed_through date NOT NULL,
    CONSTRAINT open_day_follows_closed_day CHECK (open_date > closed_through)
);
CREATE VIEW base.business_day_view AS SELECT open_date, closed_through FROM base.business_day;

-- Days that differ from "weekdays are business days": holidays, and weekends worked to make up for them.
CREATE TABLE base.calendar_day (
    day date PRIMARY KEY,
    is_business_day boolean NOT NULL,
    name text NOT NULL,
    source text NOT NULL
);
CREATE VIEW base.calendar_view AS SELECT day, is_business_day, name, source FROM base.calendar_day;

-- What must leave a transaction. `sequence` orders the events of one aggregate; it is taken under the aggregate's lock.
CREATE TABLE base.outbox (
    id bigint GENERATED ALWAYS AS IDENTITY,
    xid xid8 NOT NULL DEFAULT pg_current_xact_id(),
    booking_date date NOT NULL,
    event_id uuid NOT NULL,
    topic text NOT NULL,
    aggregate uuid NOT NULL,
    sequence integer NOT NULL,
    recorded_at timestamptz NOT NULL,
    payload jsonb NOT NULL
) PARTITION BY RANGE (booking_date);
CREATE INDEX outbox_by_xid ON base.outbox (xid, id);
CREATE INDEX outbox_by_aggregate ON base.outbox (aggregate);
CREATE VIEW base.event_view AS
SELECT id, event_id, booking_date, topic, aggregate, sequence, recorded_at, payload FROM base.outbox;

-- How far each consumer has read: everything of transactions below `xid`, and of `xid` itself up to `id`.
CREATE TABLE base.outbox_cursor (
    consumer text PRIMARY KEY,
    xid xid8 NOT NULL,
    id bigint NOT NULL,
    moved_at timestamptz NOT NULL
);

-- Events that a consumer could not take, and later events of the same aggregate that wait behind them.
CREATE TABLE base.outbox_held (
    consumer text NOT NULL,
    event_id uuid NOT NULL,
    outbox_id bigint NOT NULL,
    aggregate uuid NOT NULL,
    sequence integer NOT NULL,
    topic text NOT NULL,
    recorded_at timestamptz NOT NULL,
    booking_date date NOT NULL,
    payload jsonb NOT NULL,
    state text NOT NULL CONSTRAINT held_event_state CHECK (state IN ('retrying', 'waiting', 'parked')),
    attempts integer NOT NULL CONSTRAINT held_event_attempts CHECK (attempts >= 0),
    next_at timestamptz NOT NULL,
    error text,
    PRIMARY KEY (consumer, event_id)
);
CREATE INDEX outbox_held_by_aggregate ON base.outbox_held (consumer, aggregate, sequence, outbox_id);
CREATE INDEX outbox_held_due ON base.outbox_held (consumer, next_at) WHERE state = 'retrying';

-- What people and their keys do, other than paying (a payment's outbox row is its audit record). Ids only.
CREATE TABLE base.audit (
    id bigint GENERATED ALWAYS AS IDENTITY,
    booking_date date NOT NULL,
    recorded_at timestamptz NOT NULL,
    principal_id uuid NOT NULL,
    principal_kind text NOT NULL,
    action text NOT NULL,
    subject text NOT NULL,
    reason text,
    details jsonb NOT NULL
) PARTITION BY RANGE (booking_date);
CREATE INDEX audit_by_subject ON base.audit (subject, id);
CREATE INDEX audit_by_id ON base.audit (id);
CREATE VIEW base.audit_view AS
SELECT id, booking_date, recorded_at, principal_id, principal_kind, action, subject, reason, details FROM base.audit;

-- One person proposes, another decides.
CREATE TABLE base.approval (
    id uuid PRIMARY KEY,
    kind text NOT NULL,
    payload jsonb NOT NULL,
    reason text NOT NULL CONSTRAINT approval_needs_a_reason CHECK (length(reason) BETWEEN 2 AND 2000),
    state text NOT NULL CONSTRAINT approval_state CHECK (state IN ('proposed', 'approved', 'rejected', 'expired')),
    proposed_by uuid NOT NULL,
    proposed_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    decided_by uuid,
    decided_at timestamptz,
    decision_reason text,
    CONSTRAINT second_person_needed CHECK (decided_by IS NULL OR decided_by <> proposed_by),
    CONSTRAINT approval_decided CHECK ((state IN ('approved', 'rejected')) = (decided_by IS NOT NULL))
);
CREATE INDEX approval_by_state ON base.approval (state, proposed_at, id);
CREATE VIEW base.approval_view AS
SELECT id, kind, payload, reason, state, proposed_by, proposed_at, expires_at, decided_by, decided_at, decision_reason
FROM base.approval;

-- What `tongbao prove` has proved: up to where, by which check, and what it must remember to go on.
CREATE TABLE base.proof_mark (
    check_name text PRIMARY KEY,
    proved_through bigint NOT NULL,
    proved_at timestamptz NOT NULL
);

-- Proofs of the books that people asked for: what is looked at now, and what became of each check. One is open at most; whoever
-- works on it holds the prover's lock. Retention: as long as the books.
CREATE TABLE base.proof_run (
    id uuid PRIMARY KEY,
    is_full boolean NOT NULL,
    asked_by uuid NOT NULL,
    asked_at timestamptz NOT NULL,
    began_at timestamptz,
    ended_at timestamptz,
    check_name text,
    done bigint NOT NULL,
    total bigint NOT NULL,
    checks jsonb NOT NULL,
    postings bigint,
    trouble text
);
CREATE UNIQUE INDEX one_proof_is_open ON base.proof_run ((ended_at IS NULL)) WHERE ended_at IS NULL;
CREATE INDEX proof_run_by_time ON base.proof_run (asked_at);

-- A month of a table that is partitioned by `booking_date`, for whoever owns no table. Built beside its parent and then attached,
-- which blocks neither readers nor writers of the parent.
CREATE FUNCTION base.make_month(p_schema text, p_table text, p_first date) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $f$
DECLARE
    parent regclass := format('%I.%I', p_schema, p_table)::regclass;
    part text := format('%I.%I', p_schema, p_table || to_char(p_first, '_YYYY_MM'));
BEGIN
    IF NOT EXISTS (SELECT 1 FROM pg_partitioned_table WHERE partrelid = parent) OR extract(day FROM p_first) <> 1 THEN
        RAISE EXCEPTION 'no month of a partitioned table: % %', parent, p_first;
    END IF;
    EXECUTE format('CREATE TABLE %s (LIKE %s INCLUDING ALL EXCLUDING IDENTITY)', part, parent);
    EXECUTE format(
        'ALTER TABLE %s ATTACH PARTITION %s FOR VALUES FROM (%L) TO (%L)',
        parent, part, p_first, (p_first + interval '1 month')::date
    );
END
$f$;

-- Drops a month of events; false for one with an event that a consumer has not read, or holds, which stays. One look into the
-- partition's index a consumer, however many events it has.
CREATE FUNCTION base.drop_events(p_first date) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $f$
DECLARE
    part text := format('base.%I', 'outbox' || to_char(p_first, '_YYYY_MM'));
    needed boolean;
BEGIN
    EXECUTE format(
        'SELECT EXISTS (SELECT 1 FROM base.outbox_held WHERE booking_date >= $1 AND booking_date < $2)'
        ' OR EXISTS (SELECT 1 FROM base.outbox_cursor c, LATERAL (SELECT 1 FROM %s o'
        ' WHERE (o.xid, o.id) > (c.xid, c.id) ORDER BY o.xid, o.id LIMIT 1) AS unread)', part
    ) INTO needed USING p_first, (p_first + interval '1 month')::date;
    IF NOT needed THEN
        EXECUTE format('ALTER TABLE base.outbox DETACH PARTITION %s', part);
        EXECUTE format('DROP TABLE %s', part);
    END IF;
    RETURN NOT needed;
END
$f$;

REVOKE EXECUTE ON FUNCTION base.make_month, base.drop_events FROM PUBLIC;
