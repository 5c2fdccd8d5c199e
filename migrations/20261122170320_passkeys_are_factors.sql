-- migrate:up
-- identity: a new passkey or device key is a change of what a customer proves himself with.
SET LOCAL lock_timeout = '5s';

CREATE OR REPLACE VIEW identity.factor_view AS
SELECT f.customer_id, f.kind, f.set_at, c.created_at AS customer_since
FROM identity.factor f JOIN identity.customer c ON c.id = f.customer_id
UNION ALL
SELECT p.customer_id, 'passkey', p.made_at, c.created_at
FROM identity.passkey p JOIN identity.customer c ON c.id = p.customer_id WHERE p.revoked_at IS NULL
UNION ALL
SELECT d.customer_id, 'device', d.made_at, c.created_at
FROM identity.device_key d JOIN identity.customer c ON c.id = d.customer_id WHERE d.revoked_at IS NULL;

-- migrate:down
