-- migrate:up
-- identity: the secret of a session is replaced while somebody is in. The release before knows the one in use alone.

ALTER TABLE identity.session
    ADD COLUMN offered_hash bytea CONSTRAINT session_offer_is_sha256 CHECK (length(offered_hash) = 32),
    ADD COLUMN offered_at timestamptz,
    ADD COLUMN renewed_at timestamptz,
    ADD COLUMN spent_hashes bytea[],
    ADD CONSTRAINT session_offers_at_a_moment CHECK ((offered_hash IS NULL) = (offered_at IS NULL)) NOT VALID;

-- migrate:down
