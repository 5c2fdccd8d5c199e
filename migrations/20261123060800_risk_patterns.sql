-- migrate:up
SET LOCAL lock_timeout = '5s';

-- A search for what known frauds have in common: `what` days and which precision, how far it is, and the patterns that were found. One is open at a time.
-- Retention: 90 days.
CREATE TABLE risk.pattern_search (
    id uuid NOT NULL CONSTRAINT pattern_search_id PRIMARY KEY,
    asked_by uuid NOT NULL,
    asked_at timestamptz NOT NULL,
    what jsonb NOT NULL,
    tries smallint NOT NULL CONSTRAINT pattern_search_tries CHECK (tries >= 0),
    told_at timestamptz,
    total bigint NOT NULL CONSTRAINT pattern_search_total CHECK (total >= 0),
    looked bigint NOT NULL CONSTRAINT pattern_search_looked CHECK (looked >= 0),
    found integer NOT NULL CONSTRAINT pattern_search_found CHECK (found >= 0),
    ended_at timestamptz,
    trouble text CONSTRAINT pattern_search_trouble CHECK (trouble IN ('cancelled', 'too_few', 'too_many', 'too_long', 'gave_up')),
    result jsonb,
    CONSTRAINT pattern_search_ends_with_something CHECK ((ended_at IS NOT NULL) = (result IS NOT NULL OR trouble IS NOT NULL))
);
CREATE UNIQUE INDEX pattern_search_one_open ON risk.pattern_search ((true)) WHERE ended_at IS NULL;
CREATE INDEX pattern_search_by_time ON risk.pattern_search (asked_at);

-- migrate:down
