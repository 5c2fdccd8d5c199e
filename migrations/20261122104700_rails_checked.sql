-- migrate:up
-- payments: old rows are looked at in a transaction of their own, while others go on writing.

ALTER TABLE payments.operation VALIDATE CONSTRAINT operation_kind;
ALTER TABLE payments.open_payment VALIDATE CONSTRAINT open_payment_waits;

-- migrate:down
