-- migrate:up
-- console: old rows are looked at in a transaction of their own, while others go on writing.
SET LOCAL lock_timeout = '5s';

ALTER TABLE console.attack_minute VALIDATE CONSTRAINT attack_kind;

-- migrate:down
