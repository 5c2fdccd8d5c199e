-- migrate:up
-- identity: how well the bank knows a customer, and what he may pay because of it. Old rows are looked at by the next migration.

-- What a customer may pay at each level, in minor units of CNY; NULL: the level sets no bound, the bank's limits alone do.
-- 0 pays nothing: nobody has looked at who it is. The bounds of a day are those of China's classes of bank accounts: 1, seen by
-- nobody, is class III (CNY 2,000 a day: Yinfa [2018] 16), 2, whose documents a clerk has seen, is class II (CNY 10,000 a day:
-- Yinfa [2016] 302), 3, seen at the counter, is class I (none). For one payment half a day's bound is ours: one mistake shall
-- not use up a day.
CREATE TABLE identity.level (
    level smallint PRIMARY KEY CONSTRAINT level_number CHECK (level BETWEEN 0 AND 3),
    name text NOT NULL,
    per_payment_minor bigint CONSTRAINT level_per_payment CHECK (per_payment_minor >= 0),
    per_day_minor bigint CONSTRAINT level_per_day CHECK (per_day_minor >= per_payment_minor),
    CONSTRAINT level_bounds_both_or_none CHECK ((per_payment_minor IS NULL) = (per_day_minor IS NULL))
);
INSERT INTO identity.level (level, name, per_payment_minor, per_day_minor)
VALUES (0, 'registered', 0, 0), (1, 'checked', 100000, 200000), (2, 'documents', 500000, 1000000), (3, 'counter', NULL, NULL);
CREATE VIEW identity.level_view AS SELECT level, name, per_payment_minor, per_day_minor FROM identity.level;

-- In the order in which queries take them: whoever reads the view holds it before he asks for its tables.
LOCK TABLE identity.account_view, identity.customer_view IN ACCESS EXCLUSIVE MODE;

-- Whoever is a customer today was seen at the counter. The default is for the release before, which knows no levels and goes on
-- writing while this one starts.
ALTER TABLE identity.customer ADD COLUMN level smallint NOT NULL DEFAULT 3;
ALTER TABLE identity.customer ADD CONSTRAINT customer_level CHECK (level BETWEEN 0 AND 3) NOT VALID;
CREATE OR REPLACE VIEW identity.customer_view AS SELECT id, kind, status, level FROM identity.customer;
CREATE OR REPLACE VIEW identity.account_view AS
SELECT a.id, a.ledger_id, a.customer_id, a.number, a.currency, a.product, c.kind AS customer_kind,
    c.status AS customer_status, c.level AS customer_level
FROM identity.account a JOIN identity.customer c ON c.id = a.customer_id;

-- Questions to the identity provider whether a name and an identity number belong together; both lie in the vault. Whoever
-- holds the lease is asking; `next_at` is then when it may be taken from him. One question a customer is open at a time.
-- Retention: as long as the customer.
CREATE TABLE identity.verification (
    id uuid PRIMARY KEY,
    customer_id uuid NOT NULL CONSTRAINT verification_is_of_a_customer REFERENCES identity.customer (id),
    state text NOT NULL CONSTRAINT verification_state
        CHECK (state IN ('asked', 'pending', 'verified', 'mismatch', 'failed')),
    asked_by uuid NOT NULL,
    asked_at timestamptz NOT NULL,
    decided_at timestamptz,
    tries integer NOT NULL CONSTRAINT verification_tries CHECK (tries >= 0),
    next_at timestamptz,
    lease uuid,
    CONSTRAINT open_is_asked_again CHECK ((next_at IS NOT NULL) = (state IN ('asked', 'pending'))),
    CONSTRAINT decided_when_over CHECK ((decided_at IS NOT NULL) = (next_at IS NULL)),
    CONSTRAINT leased_while_open CHECK (lease IS NULL OR next_at IS NOT NULL)
) WITH (fillfactor = 70);
CREATE UNIQUE INDEX one_verification_is_open ON identity.verification (customer_id) WHERE next_at IS NOT NULL;
CREATE INDEX verification_due ON identity.verification (next_at, id) WHERE next_at IS NOT NULL;
CREATE INDEX verification_by_customer ON identity.verification (customer_id, id);

-- migrate:down
