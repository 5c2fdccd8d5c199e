-- migrate:up
-- A kill switch stops payments to merchants of a country.
SET LOCAL lock_timeout = '5s';

-- Few rows: a row a switch that was ever thrown.
-- squawk-ignore ban-drop-constraint
ALTER TABLE payments.switch DROP CONSTRAINT switch_scope,
-- squawk-ignore constraint-missing-not-valid
ADD CONSTRAINT switch_scope CHECK (scope IN ('kind', 'merchant', 'country', 'method'));

-- migrate:down
