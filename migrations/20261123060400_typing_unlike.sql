-- migrate:up
-- How unlike his habit a customer typed, and a view of it for whoever judges payments.
SET LOCAL lock_timeout = '5s';

-- squawk-ignore constraint-missing-not-valid
ALTER TABLE identity.rhythm ADD COLUMN unlike integer CONSTRAINT rhythm_unlike_is_no_less_than_nothing CHECK (unlike >= 0);

CREATE VIEW identity.typing_view AS
SELECT customer_id, recorded_at, unlike FROM identity.rhythm WHERE form = 'amount' AND unlike IS NOT NULL;

-- migrate:down
