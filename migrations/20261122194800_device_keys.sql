-- migrate:up
-- identity: keys of customers' devices may be RSA, and which of them count is for others to see inside their own statements.
SET LOCAL lock_timeout = '5s';

ALTER TABLE identity.device_key
    -- squawk-ignore ban-drop-constraint
    DROP CONSTRAINT device_key_suite,
    ADD CONSTRAINT device_key_suite CHECK (suite IN ('EdDSA', 'ES256', 'PS256', 'SM2')) NOT VALID;

CREATE VIEW identity.device_key_view AS
SELECT id, customer_id FROM identity.device_key WHERE revoked_at IS NULL;

-- migrate:down
