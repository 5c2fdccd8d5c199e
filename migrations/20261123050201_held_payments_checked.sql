-- migrate:up
-- payments: old rows are looked at in a transaction of their own, while others go on writing.
SET LOCAL lock_timeout = '5s';

ALTER TABLE payments.operation VALIDATE CONSTRAINT operation_kind;

-- migrate:down
