-- migrate:up
-- Indicators of risk have limits that two people change; what goes beyond one is told once a day.
SET LOCAL lock_timeout = '5s';

CREATE TABLE risk.indicator_limit (
    indicator text NOT NULL,
    version integer NOT NULL CONSTRAINT indicator_limit_number CHECK (version >= 1),
    amber bigint NOT NULL CONSTRAINT indicator_limit_amber CHECK (amber >= 1),
    red bigint NOT NULL,
    since_at timestamptz NOT NULL,
    reason text NOT NULL,
    proposed_by uuid NOT NULL,
    approved_by uuid NOT NULL CONSTRAINT indicator_limit_second_person CHECK (approved_by <> proposed_by),
    approval_id uuid NOT NULL,
    CONSTRAINT indicator_limit_once PRIMARY KEY (indicator, version),
    CONSTRAINT indicator_limit_red_follows_amber CHECK (red >= amber)
);

CREATE TABLE risk.indicator_breach (
    indicator text NOT NULL,
    day date NOT NULL,
    state text NOT NULL CONSTRAINT indicator_breach_state CHECK (state IN ('amber', 'red')),
    value bigint NOT NULL,
    version integer NOT NULL,
    told_at timestamptz NOT NULL,
    CONSTRAINT indicator_breach_once PRIMARY KEY (indicator, day, state)
);
CREATE INDEX indicator_breach_by_time ON risk.indicator_breach (told_at);

-- migrate:down
