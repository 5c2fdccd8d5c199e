-- migrate:up
-- identity: whoever has lost his password sets a new one after a time to wait, and pays little for some days after that.

-- Somebody has lost his password and asks to set a new one: his identity number and a code to his telephone, then a time to wait
-- in which its owner may stop it, then the new password, in the browser that began. `customer_id` NULL: nobody is known by what was
-- typed, and whoever typed it does not learn that. `form_id`: sent twice it begins one. `lang`: in which he is told. `told_at`: that
-- the waiting is over. Retention: 30 days (`forget_recoveries`); that there was one stays in the audit.
CREATE TABLE identity.recovery (
    id uuid PRIMARY KEY,
    form_id uuid NOT NULL CONSTRAINT recovery_form_once UNIQUE,
    customer_id uuid CONSTRAINT recovery_is_of_a_customer REFERENCES identity.customer (id),
    browser_hash bytea NOT NULL CONSTRAINT recovery_browser_is_sha256 CHECK (length(browser_hash) = 32),
    code_id uuid NOT NULL,
    lang text NOT NULL CONSTRAINT recovery_lang CHECK (lang IN ('zh', 'en')),
    begun_at timestamptz NOT NULL,
    confirmed_at timestamptz,
    ripe_at timestamptz CONSTRAINT recovery_waits CHECK (ripe_at >= confirmed_at),
    told_at timestamptz,
    ended_at timestamptz,
    outcome text CONSTRAINT recovery_outcome CHECK (outcome IN ('done', 'cancelled', 'replaced')),
    CONSTRAINT recovery_waits_once_confirmed CHECK ((confirmed_at IS NULL) = (ripe_at IS NULL)),
    CONSTRAINT recovery_ends_somehow CHECK ((ended_at IS NULL) = (outcome IS NULL)),
    CONSTRAINT recovery_done_when_ripe CHECK (outcome <> 'done' OR (ended_at >= ripe_at AND customer_id IS NOT NULL))
);
CREATE UNIQUE INDEX one_recovery_is_open ON identity.recovery (customer_id)
    WHERE customer_id IS NOT NULL AND confirmed_at IS NOT NULL AND ended_at IS NULL;
CREATE INDEX recovery_due ON identity.recovery (ripe_at)
    WHERE customer_id IS NOT NULL AND ended_at IS NULL AND told_at IS NULL;
CREATE INDEX recovery_by_time ON identity.recovery (begun_at);

ALTER TABLE identity.customer ADD COLUMN cautious_until timestamptz;
CREATE INDEX customer_cautious ON identity.customer (cautious_until) WHERE cautious_until IS NOT NULL;

CREATE OR REPLACE VIEW identity.customer_view AS SELECT id, kind, status, level, cautious_until FROM identity.customer;
CREATE OR REPLACE VIEW identity.account_view AS
SELECT a.id, a.ledger_id, a.customer_id, a.number, a.currency, a.product, c.kind AS customer_kind,
    c.status AS customer_status, c.level AS customer_level,
    CASE WHEN c.cautious_until IS NULL THEN c.level ELSE least(c.level, 1::smallint) END AS bound_level
FROM identity.account a JOIN identity.customer c ON c.id = a.customer_id;

-- migrate:down
