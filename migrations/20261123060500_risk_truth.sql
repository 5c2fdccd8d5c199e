-- migrate:up
SET LOCAL lock_timeout = '5s';

-- What a simulated city says of its own frauds, to hold what the bank finds out against it; empty in a real bank. `known_at`: from when
-- on somebody knows, and it is labelled; NULL where nobody ever finds out. Retention: as long as the labels.
CREATE TABLE risk.truth (
    payment_id uuid CONSTRAINT truth_once PRIMARY KEY,
    what text NOT NULL CONSTRAINT truth_what CHECK (what ~ '^[a-z][a-z_]{2,19}$'),
    at timestamptz NOT NULL,
    known_at timestamptz
);
CREATE INDEX truth_by_time ON risk.truth (at);

-- migrate:down
