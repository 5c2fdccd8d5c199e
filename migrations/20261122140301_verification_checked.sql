-- migrate:up
-- identity: old rows are looked at in a transaction of their own, while others go on writing.

ALTER TABLE identity.customer VALIDATE CONSTRAINT customer_level;

-- migrate:down
