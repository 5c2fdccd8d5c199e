-- migrate:up
-- identity: sessions of visitors.
-- Customers and merchants' people who are logged in. `holder_id`: the customer, or the merchant, whom this slice does not know.
-- Retention: until `forget_sessions`.
CREATE TABLE identity.session (
    id uuid PRIMARY KEY,
    public_id text NOT NULL CONSTRAINT visitor_public_id_once UNIQUE
        CONSTRAINT visitor_public_id_form CHECK (public_id ~ '^[0-9a-f]{16}$'),
    kind text NOT NULL CONSTRAINT session_kind CHECK (kind IN ('customer', 'shop')),
    holder_id uuid NOT NULL,
    secret_hash bytea NOT NULL CONSTRAINT visitor_hash_is_sha256 CHECK (length(secret_hash) = 32),
    started_at timestamptz NOT NULL,
    seen_at timestamptz NOT NULL CONSTRAINT session_seen_after_its_start CHECK (seen_at >= started_at),
    expires_at timestamptz NOT NULL CONSTRAINT session_lasts CHECK (expires_at > started_at),
    ended_at timestamptz
);
CREATE INDEX session_by_holder ON identity.session (holder_id) WHERE ended_at IS NULL;

-- migrate:down
