-- migrate:up
-- payments: old rows are looked at in a transaction of their own, while others go on writing.
SET LOCAL lock_timeout = '5s';

ALTER TABLE payments.operation VALIDATE CONSTRAINT operation_kind;
ALTER TABLE payments.rail_payment VALIDATE CONSTRAINT rail_payment_next;
ALTER TABLE payments.rail_call VALIDATE CONSTRAINT rail_call_verb;

-- migrate:down
