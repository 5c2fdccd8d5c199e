-- migrate:up
SET LOCAL lock_timeout = '5s';

-- Whom a labelled payment paid and when, and in which transaction it was labelled.
ALTER TABLE risk.label ADD COLUMN payee uuid, ADD COLUMN paid_at timestamptz, ADD COLUMN xid xid8;
UPDATE risk.label l SET payee = a.payee, paid_at = a.at FROM risk.assessment a WHERE a.id = l.payment_id AND l.is_fraud;
CREATE INDEX label_fraud_by_payee ON risk.label (payee, paid_at) WHERE is_fraud;

-- migrate:down
