-- migrate:up
-- identity: old rows are looked at in a transaction of their own, while others go on writing.
SET LOCAL lock_timeout = '5s';

ALTER TABLE identity.code VALIDATE CONSTRAINT code_purpose;

-- migrate:down
