-- migrate:up
SET LOCAL lock_timeout = '5s';

-- What the app on a customer's device attests of it.
ALTER TABLE identity.device_key
ADD COLUMN state text CONSTRAINT device_key_state CHECK (state IN ('sound', 'rooted', 'malware')),
ADD COLUMN state_at timestamptz;

CREATE OR REPLACE VIEW identity.device_key_view AS
SELECT id, customer_id, state FROM identity.device_key WHERE revoked_at IS NULL;

-- migrate:down
