-- migrate:up
-- A model that was learned without labels may say how unlike other payments one is.
SET LOCAL lock_timeout = '5s';

-- Few rows: risk is new with this release.
-- squawk-ignore ban-drop-constraint
ALTER TABLE risk.model_role DROP CONSTRAINT model_role_role,
-- squawk-ignore constraint-missing-not-valid
ADD CONSTRAINT model_role_role CHECK (role IN ('champion', 'challenger', 'outlier', 'retired'));

-- migrate:down
