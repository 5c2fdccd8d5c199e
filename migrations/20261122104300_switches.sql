-- migrate:up
-- payments: kill switches by kind, merchant and method.

-- Kill switches: what the bank takes no payments of at present. One row a switch that was ever thrown, with its last change;
-- `version` counts the changes. A payment's claim reads it, so it is small and found by its key.
CREATE TABLE payments.switch (
    scope text NOT NULL CONSTRAINT switch_scope CHECK (scope IN ('kind', 'merchant', 'method')),
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

-- migrate:down
