-- migrate:up
-- identity: the bank lets a customer pay less, or nothing, while it looks at a risk.
SET LOCAL lock_timeout = '5s';

ALTER TABLE identity.customer ADD COLUMN restricted_level smallint;
ALTER TABLE identity.customer ADD CONSTRAINT customer_restricted CHECK (restricted_level BETWEEN 0 AND 1) NOT VALID;

CREATE TABLE identity.restriction (
    id uuid CONSTRAINT restriction_once PRIMARY KEY,
    customer_id uuid NOT NULL CONSTRAINT restriction_of_a_customer REFERENCES identity.customer (id),
    level smallint NOT NULL CONSTRAINT restriction_level CHECK (level BETWEEN 0 AND 1),
    reason text NOT NULL CONSTRAINT restriction_reason CHECK (length(reason) BETWEEN 1 AND 500),
    placed_by uuid NOT NULL,
    placed_at timestamptz NOT NULL,
    until timestamptz CONSTRAINT restriction_until CHECK (until > placed_at),
    ended_at timestamptz,
    ended_by uuid,
    CONSTRAINT restriction_ended_by_somebody CHECK ((ended_at IS NULL) = (ended_by IS NULL))
);
CREATE UNIQUE INDEX one_restriction_holds ON identity.restriction (customer_id) WHERE ended_at IS NULL;
CREATE INDEX restriction_by_customer ON identity.restriction (customer_id, placed_at);
CREATE INDEX restriction_in_force ON identity.restriction (placed_at, id) WHERE ended_at IS NULL;
CREATE INDEX restriction_due ON identity.restriction (until) WHERE ended_at IS NULL AND until IS NOT NULL;

CREATE OR REPLACE VIEW identity.account_view AS
SELECT a.id, a.ledger_id, a.customer_id, a.number, a.currency, a.product, c.kind AS customer_kind,
    c.status AS customer_status, c.level AS customer_level,
    least(c.level, CASE WHEN c.cautious_until IS NOT NULL THEN 1::smallint END, c.restricted_level) AS bound_level
FROM identity.account a JOIN identity.customer c ON c.id = a.customer_id;

-- migrate:down
