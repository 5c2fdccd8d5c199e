-- migrate:up
-- identity: old rows are looked at in a transaction of their own, while others go on writing.

ALTER TABLE identity.session VALIDATE CONSTRAINT session_offers_at_a_moment;

-- migrate:down
