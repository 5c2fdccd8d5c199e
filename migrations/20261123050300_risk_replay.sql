-- migrate:up
-- What a decision was made of is remembered whole: what the payment said, which rules were in force, which were left out.
SET LOCAL lock_timeout = '5s';

ALTER TABLE risk.assessment ADD COLUMN own jsonb, ADD COLUMN rules_change integer, ADD COLUMN rules_read_at timestamptz,
ADD COLUMN left_out text [];

CREATE TABLE risk.rule_change (
    is_the_row boolean NOT NULL CONSTRAINT rule_change_once PRIMARY KEY CONSTRAINT rule_change_is_one_row CHECK (is_the_row),
    number integer NOT NULL
);

ALTER TABLE risk.rule_version ADD COLUMN change integer;
UPDATE risk.rule_version SET change = 0;
-- Few rows: risk is new with this release.
-- squawk-ignore adding-not-nullable-field
ALTER TABLE risk.rule_version ALTER COLUMN change SET NOT NULL;

ALTER TABLE risk.rule_list_member ADD COLUMN put_in integer, ADD COLUMN taken_out integer, ADD COLUMN until_before timestamptz;
UPDATE risk.rule_list_member m SET put_in = n.number
FROM (
    SELECT x.list_name, x.member, x.since_at, row_number() OVER (PARTITION BY x.list_name, x.member ORDER BY x.since_at) AS number
    FROM risk.rule_list_member x
) AS n
WHERE m.list_name = n.list_name AND m.member = n.member AND m.since_at = n.since_at;
-- squawk-ignore adding-not-nullable-field, ban-drop-constraint
ALTER TABLE risk.rule_list_member ALTER COLUMN put_in SET NOT NULL, DROP CONSTRAINT rule_list_member_once;
-- squawk-ignore constraint-missing-not-valid, adding-serial-primary-key-field
ALTER TABLE risk.rule_list_member ADD CONSTRAINT rule_list_member_once PRIMARY KEY (list_name, member, put_in);
INSERT INTO risk.rule_change (is_the_row, number) SELECT true, coalesce(max(m.put_in), 0) FROM risk.rule_list_member m;

-- A rule tried over what is remembered: `what` is tried, by whom, how far it is, what came of it. A worker that works at it says so at
-- `told_at`; one that dies is followed by another, which begins again, three times at most. Retention: 90 days.
CREATE TABLE risk.trial (
    id uuid NOT NULL CONSTRAINT trial_id PRIMARY KEY,
    asked_by uuid NOT NULL,
    asked_at timestamptz NOT NULL,
    what jsonb NOT NULL,
    tries smallint NOT NULL CONSTRAINT trial_tries CHECK (tries >= 0),
    told_at timestamptz,
    total bigint NOT NULL CONSTRAINT trial_total CHECK (total >= 0),
    looked bigint NOT NULL CONSTRAINT trial_looked CHECK (looked >= 0),
    ended_at timestamptz,
    trouble text CONSTRAINT trial_trouble CHECK (trouble IN ('cancelled', 'too_many', 'too_long', 'gave_up', 'unsound')),
    result jsonb,
    CONSTRAINT trial_ends_with_something CHECK ((ended_at IS NOT NULL) = (result IS NOT NULL OR trouble IS NOT NULL))
);
CREATE UNIQUE INDEX trial_one_each ON risk.trial (asked_by) WHERE ended_at IS NULL;
CREATE INDEX trial_by_time ON risk.trial (asked_at);

-- How many payments of a day of the bank met a rule, by whether it acted or judged in shadow. Written by the roller. Retention: as the rule.
CREATE TABLE risk.rule_hits (
    rule_id uuid NOT NULL,
    mode text NOT NULL CONSTRAINT rule_hits_mode CHECK (mode IN ('live', 'shadow')),
    day date NOT NULL,
    hits bigint NOT NULL CONSTRAINT rule_hits_some CHECK (hits > 0),
    CONSTRAINT rule_hits_once PRIMARY KEY (rule_id, mode, day)
);
INSERT INTO risk.rule_hits (rule_id, mode, day, hits)
SELECT (h.hit ->> 'rule_id')::uuid, h.hit ->> 'mode', a.booking_date, count(*)
FROM risk.assessment a CROSS JOIN LATERAL jsonb_array_elements(a.hits) AS h (hit)
WHERE a.hits IS NOT NULL AND a.xid < (SELECT r.xid FROM risk.rolled r)
GROUP BY 1, 2, 3;

-- migrate:down
