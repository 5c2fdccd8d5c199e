-- migrate:up
-- The bank's stance towards risk: an indicator that is beyond its limit tightens the rules, and rules may act only then.
SET LOCAL lock_timeout = '5s';

CREATE TABLE risk.stance (
    change integer NOT NULL CONSTRAINT stance_once PRIMARY KEY,
    id uuid NOT NULL CONSTRAINT stance_id UNIQUE,
    stance text NOT NULL CONSTRAINT stance_stance CHECK (stance IN ('usual', 'tightened')),
    since_at timestamptz NOT NULL,
    indicator text,
    value bigint,
    reason text CONSTRAINT stance_reason CHECK (length(reason) BETWEEN 1 AND 2000),
    set_by uuid NOT NULL,
    proposed_by uuid CONSTRAINT stance_second_person CHECK (proposed_by <> set_by),
    approval_id uuid,
    calm_since timestamptz,
    looked_at timestamptz,
    CONSTRAINT stance_says_why CHECK ((indicator IS NULL) = (reason IS NOT NULL)),
    CONSTRAINT stance_eased_by_two CHECK (
        stance = 'tightened' OR indicator IS NOT NULL OR (approval_id IS NOT NULL AND proposed_by IS NOT NULL)
    )
);

-- Few rows: rules are versions that people write.
-- squawk-ignore ban-drop-constraint
ALTER TABLE risk.rule_version DROP CONSTRAINT rule_version_mode,
-- squawk-ignore constraint-missing-not-valid
ADD CONSTRAINT rule_version_mode CHECK (mode IN ('live', 'shadow', 'raised', 'off'));

ALTER TABLE risk.indicator_limit ADD COLUMN tightens boolean NOT NULL DEFAULT false;
ALTER TABLE risk.indicator_breach ADD COLUMN last_at timestamptz;

-- migrate:down
