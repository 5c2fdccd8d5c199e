-- console: what looks like an attack, counted. All else that staff see belongs to other slices.

CREATE SCHEMA console;

-- Visits that look like an attack, by minute, kind and source: the network that they came from, never a whole address, or who was
-- logged in. Retention: 90 days.
CREATE TABLE console.attack_minute (
    minute timestamptz NOT NULL CONSTRAINT attack_minute_is_whole CHECK (extract(second FROM minute) = 0),
    kind text NOT NULL CONSTRAINT attack_kind CHECK (kind IN ('guessing', 'stuffing', 'codes', 'keys', 'stolen', 'signatures', 'rights', 'searching', 'injection', 'malformed', 'flood')),
    source text NOT NULL CONSTRAINT attack_source_length CHECK (length(source) BETWEEN 1 AND 80),
    visits bigint NOT NULL CONSTRAINT attack_visits_positive CHECK (visits > 0),
    CONSTRAINT attack_minute_once PRIMARY KEY (minute, kind, source)
);
