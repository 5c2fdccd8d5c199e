-- migrate:up
-- Rules by which payments are judged, their versions, and the lists that they look things up in.
SET LOCAL lock_timeout = '5s';

-- A rule by which payments are judged: a name that stays. What it says is in its versions.
CREATE TABLE risk.rule (
    id uuid NOT NULL CONSTRAINT rule_id PRIMARY KEY,
    name text NOT NULL CONSTRAINT rule_name UNIQUE CONSTRAINT rule_name_form CHECK (name ~ '^[a-z][a-z0-9_]{3,39}$'),
    made_at timestamptz NOT NULL
);

-- What a rule says from a moment on, as one person proposed and another approved it. Never changed: the next version follows.
-- The newest that has begun counts; `off` ends the rule. No `kinds`, no `methods`: all of them.
CREATE TABLE risk.rule_version (
    rule_id uuid NOT NULL CONSTRAINT rule_version_of REFERENCES risk.rule,
    version integer NOT NULL CONSTRAINT rule_version_number CHECK (version >= 1),
    expression text NOT NULL CONSTRAINT rule_version_length CHECK (length(expression) BETWEEN 1 AND 2000),
    action text NOT NULL CONSTRAINT rule_version_action CHECK (action IN ('approve', 'challenge', 'deny')),
    points smallint NOT NULL CONSTRAINT rule_version_points CHECK (points BETWEEN 0 AND 100),
    mode text NOT NULL CONSTRAINT rule_version_mode CHECK (mode IN ('live', 'shadow', 'off')),
    kinds text [] NOT NULL,
    methods text [] NOT NULL,
    effective_from timestamptz NOT NULL,
    effective_until timestamptz,
    why_en text NOT NULL,
    why_zh text NOT NULL,
    told_en text NOT NULL,
    told_zh text NOT NULL,
    reason text NOT NULL,
    proposed_by uuid NOT NULL,
    approved_by uuid NOT NULL CONSTRAINT rule_version_second_person CHECK (approved_by <> proposed_by),
    approval_id uuid NOT NULL,
    CONSTRAINT rule_version_once PRIMARY KEY (rule_id, version),
    CONSTRAINT rule_version_ends_after CHECK (effective_until > effective_from)
);

-- Lists that rules look things up in. `unit` says what the members are; ids and words, never a name or a number of a person.
CREATE TABLE risk.rule_list (
    name text NOT NULL CONSTRAINT rule_list_name PRIMARY KEY
    CONSTRAINT rule_list_name_form CHECK (name ~ '^[a-z][a-z0-9_]{3,39}$'),
    unit text NOT NULL CONSTRAINT rule_list_unit CHECK (unit IN ('account', 'device', 'plain')),
    made_at timestamptz NOT NULL
);

-- Who stood in a list from when to when; `until_at` is set in advance where a member expires, and drawn nearer where it is taken out.
CREATE TABLE risk.rule_list_member (
    list_name text NOT NULL CONSTRAINT rule_list_member_of REFERENCES risk.rule_list,
    member text NOT NULL CONSTRAINT rule_list_member_length CHECK (length(member) BETWEEN 1 AND 200),
    since_at timestamptz NOT NULL,
    until_at timestamptz,
    approval_id uuid NOT NULL,
    CONSTRAINT rule_list_member_once PRIMARY KEY (list_name, member, since_at),
    CONSTRAINT rule_list_member_ends_after CHECK (until_at >= since_at)
);

-- migrate:down
