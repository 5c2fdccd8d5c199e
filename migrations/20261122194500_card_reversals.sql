-- migrate:up
-- payments: what a card was charged for a payment that came to nothing is taken back, and asked for until the network has said so.
SET LOCAL lock_timeout = '5s';

-- squawk-ignore ban-drop-constraint
ALTER TABLE payments.operation DROP CONSTRAINT operation_kind, ADD CONSTRAINT operation_kind CHECK (kind IN (
    'confirm', 'capture', 'cancel', 'recall', 'expire', 'refund',
    'rail_accepted', 'rail_declined', 'rail_silent', 'rail_never_received', 'rail_reversed', 'rail_kept', 'resolve'
)) NOT VALID;
-- squawk-ignore ban-drop-constraint
ALTER TABLE payments.rail_payment DROP CONSTRAINT rail_payment_next,
    ADD CONSTRAINT rail_payment_next CHECK (next IN ('pull', 'ask', 'reverse')) NOT VALID;
-- squawk-ignore ban-drop-constraint
ALTER TABLE payments.rail_call DROP CONSTRAINT rail_call_verb,
    ADD CONSTRAINT rail_call_verb CHECK (verb IN ('pull', 'ask', 'reverse')) NOT VALID;

-- migrate:down
