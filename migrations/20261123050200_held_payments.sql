-- migrate:up
-- Payments that risk holds until a person of the bank has decided: what a person lets go on moves money, what he refuses goes back.
SET LOCAL lock_timeout = '5s';

-- squawk-ignore ban-drop-constraint
ALTER TABLE payments.operation DROP CONSTRAINT operation_kind, ADD CONSTRAINT operation_kind CHECK (kind IN (
    'confirm', 'capture', 'cancel', 'recall', 'expire', 'refund',
    'rail_accepted', 'rail_declined', 'rail_silent', 'rail_never_received', 'rail_reversed', 'rail_kept', 'resolve',
    'release', 'refuse'
)) NOT VALID;

CREATE OR REPLACE VIEW payments.merchant_movement_view AS
SELECT p.id AS payment_id, p.id AS movement_id, p.merchant_id, 'capture' AS kind, p.method, p.currency,
    p.at_once_minor AS amount_minor, p.at_once_fee_minor AS fee_minor, p.booking_date, p.decided_at AS moved_at
FROM payments.payment p
WHERE p.at_once_minor > 0 AND p.merchant_id IS NOT NULL
UNION ALL
SELECT p.id, o.id, p.merchant_id, o.kind, p.method, p.currency,
    CASE o.kind WHEN 'refund' THEN -o.moved_minor ELSE o.moved_minor END,
    o.fee_minor, o.booking_date, o.asked_at
FROM payments.operation o JOIN payments.payment p ON p.id = o.payment_id
WHERE o.state = 'done' AND o.moved_minor > 0 AND o.kind IN ('confirm', 'capture', 'refund', 'rail_accepted', 'resolve', 'release')
  AND p.merchant_id IS NOT NULL
UNION ALL
SELECT p.id, o.id, p.merchant_id, 'cover', p.method, p.currency, o.covered_minor, 0, o.booking_date, o.asked_at
FROM payments.operation o JOIN payments.payment p ON p.id = o.payment_id
WHERE o.state = 'done' AND o.covered_minor > 0 AND p.merchant_id IS NOT NULL;

ALTER TABLE payments.open_payment ADD COLUMN taken_by uuid;
CREATE INDEX open_payment_held ON payments.open_payment (due_at, payment_id) WHERE waits_for = 'person';
CREATE OR REPLACE VIEW payments.open_payment_view AS
SELECT payment_id, waits_for, since, due_at, taken_by FROM payments.open_payment;

-- Few rows: risk is new with this release.
-- squawk-ignore ban-drop-constraint
ALTER TABLE risk.assessment DROP CONSTRAINT assessment_action,
    -- squawk-ignore constraint-missing-not-valid
    ADD CONSTRAINT assessment_action CHECK (action IN ('approve', 'challenge', 'hold', 'deny'));
-- squawk-ignore ban-drop-constraint
ALTER TABLE risk.rule_version DROP CONSTRAINT rule_version_action,
    -- squawk-ignore constraint-missing-not-valid
    ADD CONSTRAINT rule_version_action CHECK (action IN ('approve', 'challenge', 'hold', 'deny'));

-- migrate:down
