-- migrate:up
-- base: the audit for others to read. govern: the audit under seal.
SET LOCAL lock_timeout = '5s';

CREATE VIEW base.audit_view AS
SELECT id, booking_date, recorded_at, principal_id, principal_kind, action, subject, reason, details FROM base.audit;

-- The audit under seal, stretch by stretch: an HMAC under a key of the vault over the entries after the stretch before, up to
-- `through`, and over the seal before. Whoever writes to the tables but has not the key cannot change an entry and seal it again.
-- Never changed, kept for ever.
CREATE TABLE govern.audit_seal (
    through bigint CONSTRAINT audit_seal_once PRIMARY KEY CONSTRAINT audit_seal_through CHECK (through > 0),
    entries integer NOT NULL CONSTRAINT audit_seal_covers_some CHECK (entries > 0),
    seal bytea NOT NULL CONSTRAINT audit_seal_is_hmac CHECK (length(seal) = 32),
    sealed_at timestamptz NOT NULL
);

-- From now on the audit says since when a device is trusted. Of those that are known already it says so here.
INSERT INTO base.audit (booking_date, recorded_at, principal_id, principal_kind, action, subject, reason, details)
SELECT b.open_date, d.known_since, d.customer_id, 'customer', 'device.know', d.customer_id::text, NULL,
    jsonb_build_object('device_id', d.id, 'trusted_from', d.trusted_from, 'before', true)
FROM identity.device d CROSS JOIN base.business_day b WHERE d.revoked_at IS NULL;

-- The release before still runs while this one starts; what it knows within a day of this moment has no entry of its own.
INSERT INTO base.audit (booking_date, recorded_at, principal_id, principal_kind, action, subject, reason, details)
SELECT b.open_date, now(), '00000000-0000-0000-0000-000000000000', 'system', 'device.audited', 'device', NULL, '{}'
FROM base.business_day b WHERE EXISTS (SELECT FROM identity.customer);

-- migrate:down
