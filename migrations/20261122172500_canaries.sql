-- migrate:up
-- vault: canaries, made-up people of whom nobody has reason to read anything.
SET LOCAL lock_timeout = '5s';

-- Made-up people of whom nobody has reason to read anything; their data lie in `vault.datum` like everybody's. They are nobody's
-- customers. Kept for ever.
CREATE TABLE vault.canary (
    subject_id uuid CONSTRAINT canary_once PRIMARY KEY,
    planted_at timestamptz NOT NULL
);

-- Who read a canary all the same. Open until somebody has found out why and says what came of it. Kept for ever.
CREATE TABLE vault.canary_reading (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    subject_id uuid NOT NULL CONSTRAINT canary_reading_of REFERENCES vault.canary (subject_id),
    at timestamptz NOT NULL,
    by_id uuid NOT NULL,
    by_kind text NOT NULL,
    kinds text[] NOT NULL,
    reason text NOT NULL,
    closed_at timestamptz,
    closed_by uuid,
    outcome text CONSTRAINT canary_outcome CHECK (length(outcome) BETWEEN 2 AND 2000),
    CONSTRAINT canary_closed_with_an_outcome CHECK (num_nulls(closed_at, closed_by, outcome) IN (0, 3))
);
CREATE INDEX canary_reading_by_subject ON vault.canary_reading (subject_id, at);
CREATE INDEX canary_reading_open ON vault.canary_reading (id) WHERE closed_at IS NULL;

-- migrate:down
