-- migrate:up
-- identity: no customer has a level beyond those of a restriction; looked at without holding up anybody who reads.
SET LOCAL lock_timeout = '5s';

ALTER TABLE identity.customer VALIDATE CONSTRAINT customer_restricted;

-- migrate:down
