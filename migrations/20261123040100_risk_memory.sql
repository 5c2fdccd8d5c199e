-- migrate:up
-- risk: what it was asked about and what it knows of the parties.
SET LOCAL lock_timeout = '5s';

CREATE SCHEMA risk;

-- What risk was asked about, and what it knew then: a row a payment, written in the payment's transaction.
-- `xid` is that transaction's, `place` the payment's in its batch; `as_of` and `rolled_to` say what could be seen: see README.md. `features` are in the
-- order of the catalogue of that version; `hits` are the rules that were met, `action` and `points` what those in force say.
-- No name, no number. Retention: as the payment's decision.
CREATE TABLE risk.assessment (
    id uuid NOT NULL,
    booking_date date NOT NULL,
    at timestamptz NOT NULL,
    xid xid8 NOT NULL,
    place integer NOT NULL CONSTRAINT assessment_place CHECK (place >= 0),
    payer uuid NOT NULL,
    payee uuid,
    device uuid,
    amount_minor bigint NOT NULL CONSTRAINT assessment_amount CHECK (amount_minor > 0),
    currency text NOT NULL,
    is_night boolean NOT NULL,
    is_declined boolean NOT NULL,
    as_of pg_snapshot NOT NULL,
    rolled_to xid8 NOT NULL,
    catalogue smallint NOT NULL,
    features bigint [] NOT NULL,
    action text NOT NULL CONSTRAINT assessment_action CHECK (action IN ('approve', 'challenge', 'deny')),
    points smallint NOT NULL CONSTRAINT assessment_points CHECK (points BETWEEN 0 AND 100),
    hits jsonb,
    CONSTRAINT assessment_once PRIMARY KEY (id, booking_date)
) PARTITION BY RANGE (booking_date);
CREATE INDEX assessment_by_payer ON risk.assessment (payer, at);
CREATE INDEX assessment_by_payee ON risk.assessment (payee, at);
CREATE INDEX assessment_by_device ON risk.assessment (device, at) WHERE device IS NOT NULL;
CREATE INDEX assessment_by_xid ON risk.assessment (xid);

-- Running totals of an entity (`kind`: 1 payer, 2 payee, 3 device, 4 this payer with this payee; `other` is nobody but for 4)
-- up to the end of an hour (hours since 1970): a window is the difference of two rows. Written by one roller alone.
-- Retention: what lies before the longest window goes, but for an entity's newest row.
CREATE TABLE risk.total (
    kind smallint NOT NULL CONSTRAINT total_kind CHECK (kind BETWEEN 1 AND 4),
    one uuid NOT NULL,
    other uuid NOT NULL,
    hour integer NOT NULL,
    counted bigint NOT NULL,
    amount_minor bigint NOT NULL,
    nights bigint NOT NULL,
    night_minor bigint NOT NULL,
    declined bigint NOT NULL,
    declined_minor bigint NOT NULL,
    CONSTRAINT total_of_an_hour PRIMARY KEY (kind, one, other, hour)
) WITH (fillfactor = 70);

-- Who has met whom, when first and when last (`kind` as above, and 5 device with payer): others told apart, and time since.
CREATE TABLE risk.met (
    kind smallint NOT NULL CONSTRAINT met_kind CHECK (kind BETWEEN 1 AND 5),
    one uuid NOT NULL,
    other uuid NOT NULL,
    first_at timestamptz NOT NULL,
    last_at timestamptz NOT NULL,
    CONSTRAINT met_once PRIMARY KEY (kind, one, other)
) WITH (fillfactor = 70);
CREATE INDEX met_by_one ON risk.met (kind, one, last_at);
CREATE INDEX met_by_other ON risk.met (kind, other, last_at);

-- How far assessments have been rolled into totals: every one of a transaction below `xid`, none of one from it on. One row.
CREATE TABLE risk.rolled (
    is_the_row boolean NOT NULL CONSTRAINT rolled_once PRIMARY KEY CONSTRAINT rolled_is_one_row CHECK (is_the_row),
    xid xid8 NOT NULL,
    rolled_at timestamptz
);
INSERT INTO risk.rolled (is_the_row, xid) VALUES (true, '0'::xid8);

-- A bank that is open already needs its months at once.
SELECT base.make_month('risk', 'assessment', (date_trunc('month', b.open_date) + ahead * interval '1 month')::date)
FROM base.business_day_view b, generate_series(0, 2) AS ahead;

-- migrate:down
