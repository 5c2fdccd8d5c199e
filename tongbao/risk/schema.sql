-- risk: what it was asked about, what it knows, by which rules it judges.

CREATE SCHEMA risk;

-- What risk was asked about, and what it knew then: a row a payment, written in the payment's transaction.
-- `xid` is that transaction's, `place` the payment's in its batch; `as_of` and `rolled_to` say what could be seen: see README.md. `features` are in the
-- order of the catalogue of that version; `hits` are the rules that were met, `action` and `points` what those in force say.
-- `own` is what the payment itself said, by name, but for what is missing or stands in a column; judged were the rules and lists up to change
-- `rules_change` that were in force at `rules_read_at`, but for those `left_out`, which were fenced off.
-- `score` is what `model`, the champion, says, 0 to 100; without one the points of the rules count alone, and `model_fault` says why
-- where there was one; `beside_...` is the challenger's.
-- `latitude_e6` and `longitude_e6` (WGS 84, millionths of a degree) are where the shop stands in which it was paid.
-- No name, no number. Retention: as the payment's decision.
CREATE TABLE risk.assessment (
    id uuid NOT NULL,
    booking_date date NOT NULL,
    at timestamptz NOT NULL,
    xid xid8 NOT NULL,
    place integer NOT NULL CONSTRAINT assessment_place CHECK (place >= 0),
    payer uuid NOT NULL,
    payee uuid,
    device uuid,
    amount_minor bigint NOT NULL CONSTRAINT assessment_amount CHECK (amount_minor > 0),
    currency text NOT NULL,
    is_night boolean NOT NULL,
    is_declined boolean NOT NULL,
    as_of pg_snapshot NOT NULL,
    rolled_to xid8 NOT NULL,
    catalogue smallint NOT NULL,
    features bigint [] NOT NULL,
    action text NOT NULL CONSTRAINT assessment_action CHECK (action IN ('approve', 'challenge', 'hold', 'deny')),
    points smallint NOT NULL CONSTRAINT assessment_points CHECK (points BETWEEN 0 AND 100),
    hits jsonb,
    score smallint CONSTRAINT assessment_score CHECK (score BETWEEN 0 AND 100),
    model integer,
    model_fault text CONSTRAINT assessment_model_fault CHECK (model_fault IN ('broken', 'slow')),
    beside_score smallint CONSTRAINT assessment_beside_score CHECK (beside_score BETWEEN 0 AND 100),
    beside_model integer,
    own jsonb,
    rules_change integer,
    rules_read_at timestamptz,
    left_out text [],
    latitude_e6 integer,
    longitude_e6 integer,
    CONSTRAINT assessment_once PRIMARY KEY (id, booking_date)
) PARTITION BY RANGE (booking_date);
CREATE INDEX assessment_by_payer ON risk.assessment (payer, at, id);
CREATE INDEX assessment_by_payee ON risk.assessment (payee, at, id);
CREATE INDEX assessment_by_device ON risk.assessment (device, at, id) WHERE device IS NOT NULL;
CREATE INDEX assessment_by_xid ON risk.assessment (xid);
CREATE INDEX assessment_by_odd ON risk.assessment (at, id) WHERE action <> 'approve';

-- How risky a payment was found, 0 to 100: the points of the rules or the champion's score, whichever is more.
CREATE VIEW risk.risk_view AS SELECT id, booking_date, greatest(points, coalesce(score, 0)) AS risk FROM risk.assessment;

-- Running totals of an entity (`kind`: 1 payer, 2 payee, 3 device, 4 this payer with this payee; `other` is nobody but for 4)
-- up to the end of an hour (hours since 1970): a window is the difference of two rows. Written by one roller alone.
-- Retention: what lies before the longest window goes, but for an entity's newest row.
CREATE TABLE risk.total (
    kind smallint NOT NULL CONSTRAINT total_kind CHECK (kind BETWEEN 1 AND 4),
    one uuid NOT NULL,
    other uuid NOT NULL,
    hour integer NOT NULL,
    counted bigint NOT NULL,
    amount_minor bigint NOT NULL,
    nights bigint NOT NULL,
    night_minor bigint NOT NULL,
    declined bigint NOT NULL,
    declined_minor bigint NOT NULL,
    CONSTRAINT total_of_an_hour PRIMARY KEY (kind, one, other, hour)
) WITH (fillfactor = 70);

-- Who has met whom, when first and when last (`kind` as above, and 5 device with payer): others told apart, and time since. Of a payer
-- also when and where it last paid in a shop.
CREATE TABLE risk.met (
    kind smallint NOT NULL CONSTRAINT met_kind CHECK (kind BETWEEN 1 AND 5),
    one uuid NOT NULL,
    other uuid NOT NULL,
    first_at timestamptz NOT NULL,
    last_at timestamptz NOT NULL,
    placed_at timestamptz,
    latitude_e6 integer,
    longitude_e6 integer,
    CONSTRAINT met_once PRIMARY KEY (kind, one, other)
) WITH (fillfactor = 70);
CREATE INDEX met_by_one ON risk.met (kind, one, last_at);
CREATE INDEX met_by_other ON risk.met (kind, other, last_at);

-- How far assessments have been rolled into totals: every one of a transaction below `xid`, none of one from it on. One row.
CREATE TABLE risk.rolled (
    is_the_row boolean NOT NULL CONSTRAINT rolled_once PRIMARY KEY CONSTRAINT rolled_is_one_row CHECK (is_the_row),
    xid xid8 NOT NULL,
    rolled_at timestamptz
);
INSERT INTO risk.rolled (is_the_row, xid) VALUES (true, '0'::xid8);

-- Rules ---------------------------------------------------------------------------------------------------------------------------

-- The number of the newest change of rules and lists: whoever changes one holds it until he commits, and so changes become visible in order.
CREATE TABLE risk.rule_change (
    is_the_row boolean NOT NULL CONSTRAINT rule_change_once PRIMARY KEY CONSTRAINT rule_change_is_one_row CHECK (is_the_row),
    number integer NOT NULL
);
INSERT INTO risk.rule_change (is_the_row, number) VALUES (true, 0);

-- A rule by which payments are judged: a name that stays. What it says is in its versions.
CREATE TABLE risk.rule (
    id uuid NOT NULL CONSTRAINT rule_id PRIMARY KEY,
    name text NOT NULL CONSTRAINT rule_name UNIQUE CONSTRAINT rule_name_form CHECK (name ~ '^[a-z][a-z0-9_]{3,39}$'),
    made_at timestamptz NOT NULL
);

-- What a rule says from a moment on, as one person proposed and another approved it. Never changed: the next version follows.
-- The newest that has begun counts; `off` ends the rule; `raised` acts while the stance is tightened, and judges in shadow otherwise. No `kinds`, no `methods`, no
-- `merchants`, no `countries` of them: all of them.
CREATE TABLE risk.rule_version (
    rule_id uuid NOT NULL CONSTRAINT rule_version_of REFERENCES risk.rule,
    version integer NOT NULL CONSTRAINT rule_version_number CHECK (version >= 1),
    expression text NOT NULL CONSTRAINT rule_version_length CHECK (length(expression) BETWEEN 1 AND 2000),
    action text NOT NULL CONSTRAINT rule_version_action CHECK (action IN ('approve', 'challenge', 'hold', 'deny')),
    points smallint NOT NULL CONSTRAINT rule_version_points CHECK (points BETWEEN 0 AND 100),
    mode text NOT NULL CONSTRAINT rule_version_mode CHECK (mode IN ('live', 'shadow', 'raised', 'off')),
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
    change integer NOT NULL,
    merchants uuid [] NOT NULL DEFAULT '{}' CONSTRAINT rule_version_merchants CHECK (cardinality(merchants) <= 100),
    countries text [] NOT NULL DEFAULT '{}' CONSTRAINT rule_version_countries CHECK (cardinality(countries) <= 50),
    CONSTRAINT rule_version_once PRIMARY KEY (rule_id, version),
    CONSTRAINT rule_version_ends_after CHECK (effective_until > effective_from)
);

-- How the bank stands towards risk, change by change, in the order of the changes of rules: the newest counts, without one it is `usual`.
-- Never changed, but for `calm_since` and `looked_at` of the newest: since when every indicator that tightens has been within its limits, and
-- when that was looked at last. An indicator tightens and eases by itself; one person tightens, two ease (`proposed_by` and `set_by`).
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

-- Lists that rules look things up in. `unit` says what the members are; ids and words, never a name or a number of a person.
CREATE TABLE risk.rule_list (
    name text NOT NULL CONSTRAINT rule_list_name PRIMARY KEY
    CONSTRAINT rule_list_name_form CHECK (name ~ '^[a-z][a-z0-9_]{3,39}$'),
    unit text NOT NULL CONSTRAINT rule_list_unit CHECK (unit IN ('account', 'device', 'plain')),
    made_at timestamptz NOT NULL
);

-- Who stood in a list from when to when; `until_at` is set in advance where a member expires, and drawn nearer where it is taken out, by
-- change `taken_out`, before which it was `until_before`.
CREATE TABLE risk.rule_list_member (
    list_name text NOT NULL CONSTRAINT rule_list_member_of REFERENCES risk.rule_list,
    member text NOT NULL CONSTRAINT rule_list_member_length CHECK (length(member) BETWEEN 1 AND 200),
    since_at timestamptz NOT NULL,
    until_at timestamptz,
    approval_id uuid NOT NULL,
    put_in integer NOT NULL,
    taken_out integer,
    until_before timestamptz,
    CONSTRAINT rule_list_member_once PRIMARY KEY (list_name, member, put_in),
    CONSTRAINT rule_list_member_ends_after CHECK (until_at >= since_at)
);

-- How many payments of a day of the bank met a rule, by whether it acted or judged in shadow. Written by the roller. Retention: as the rule.
CREATE TABLE risk.rule_hits (
    rule_id uuid NOT NULL,
    mode text NOT NULL CONSTRAINT rule_hits_mode CHECK (mode IN ('live', 'shadow')),
    day date NOT NULL,
    hits bigint NOT NULL CONSTRAINT rule_hits_some CHECK (hits > 0),
    CONSTRAINT rule_hits_once PRIMARY KEY (rule_id, mode, day)
);

-- How payments were judged, by the minute and by the hour (`span_s`), for the wall. `by_fallback`: without the model that was in force.
-- Written by the roller, in the transaction that rolls them. Retention: minutes 2 days, hours 400.
CREATE TABLE risk.pace (
    span_s smallint NOT NULL CONSTRAINT pace_span CHECK (span_s IN (60, 3600)),
    since_at timestamptz NOT NULL,
    currency text NOT NULL,
    action text NOT NULL CONSTRAINT pace_action CHECK (action IN ('approve', 'challenge', 'hold', 'deny')),
    payments bigint NOT NULL CONSTRAINT pace_some CHECK (payments > 0),
    declined bigint NOT NULL,
    by_fallback bigint NOT NULL,
    amount_minor bigint NOT NULL,
    CONSTRAINT pace_once PRIMARY KEY (span_s, since_at, currency, action)
) WITH (fillfactor = 70);

-- The same by the hour and the district of the shop in which it was paid: payments, and those of them that were not simply let
-- pass. `latitude_e6`, `longitude_e6`: sums over the payments, for where the district lies. Retention: 400 days.
CREATE TABLE risk.district_pace (
    since_at timestamptz NOT NULL,
    district text NOT NULL,
    payments bigint NOT NULL CONSTRAINT district_pace_some CHECK (payments > 0),
    odd bigint NOT NULL,
    latitude_e6 bigint NOT NULL,
    longitude_e6 bigint NOT NULL,
    CONSTRAINT district_pace_once PRIMARY KEY (since_at, district)
) WITH (fillfactor = 70);

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

-- Labels and models ---------------------------------------------------------------------------------------------------------------

-- What became known of a payment afterwards, numbered: the newest counts, the others stay. `id` is of whoever says it, told twice it is
-- said once. `reason` names no person. `payee` and `paid_at` are the payment's, where it was judged, and `xid` the label's transaction:
-- what is known of a payee is counted by them. Retention: as the payment's decision.
CREATE TABLE risk.label (
    payment_id uuid NOT NULL,
    number integer NOT NULL CONSTRAINT label_number CHECK (number >= 1),
    id uuid NOT NULL CONSTRAINT label_id UNIQUE,
    is_fraud boolean NOT NULL,
    source text NOT NULL CONSTRAINT label_source CHECK (source ~ '^[a-z][a-z_]{2,19}$'),
    said_at timestamptz NOT NULL,
    said_by uuid NOT NULL,
    reason text NOT NULL CONSTRAINT label_reason CHECK (length(reason) BETWEEN 1 AND 500),
    payee uuid,
    paid_at timestamptz,
    xid xid8,
    CONSTRAINT label_once PRIMARY KEY (payment_id, number)
);
CREATE INDEX label_fraud_by_payee ON risk.label (payee, paid_at) WHERE is_fraud;
CREATE INDEX label_by_time ON risk.label (said_at);

-- What a simulated city says of its own frauds, to hold what the bank finds out against it; empty in a real bank. `known_at`: from when
-- on somebody knows, and it is labelled; NULL where nobody ever finds out. Retention: as long as the labels.
CREATE TABLE risk.truth (
    payment_id uuid CONSTRAINT truth_once PRIMARY KEY,
    what text NOT NULL CONSTRAINT truth_what CHECK (what ~ '^[a-z][a-z_]{2,19}$'),
    at timestamptz NOT NULL,
    known_at timestamptz
);
CREATE INDEX truth_by_time ON risk.truth (at);

-- A model as it was trained, never changed. `artefact`: trees of whole numbers as JSON, in `sha256` what they hash to; a model whose
-- hash is another is not used. `catalogue`: of which version its features are; `facts`: how it did on payments that it had not seen.
CREATE TABLE risk.model (
    number integer NOT NULL CONSTRAINT model_once PRIMARY KEY CONSTRAINT model_number CHECK (number >= 1),
    sha256 bytea NOT NULL CONSTRAINT model_hash UNIQUE CONSTRAINT model_hash_length CHECK (octet_length(sha256) = 32),
    artefact bytea NOT NULL CONSTRAINT model_size CHECK (octet_length(artefact) BETWEEN 2 AND 4000000),
    catalogue smallint NOT NULL,
    facts jsonb NOT NULL,
    trained_until timestamptz NOT NULL,
    trained_at timestamptz NOT NULL
);

-- How the champion did when it was looked at last, for whoever is asked how the bank is: one row. `drift`: its largest PSI in
-- thousandths; `caught`: of 1,000 frauds that it promised to see how many it saw; NULL where too little is known.
CREATE TABLE risk.model_health (
    place smallint CONSTRAINT model_health_once PRIMARY KEY CONSTRAINT model_health_is_one CHECK (place = 1),
    looked_at timestamptz NOT NULL,
    drift integer CONSTRAINT model_health_drift CHECK (drift >= 0),
    caught integer CONSTRAINT model_health_caught CHECK (caught >= 0)
);

-- What a model is there for from a moment on, in order; its newest row counts, without one it is a candidate. The champion's score
-- counts, the challenger's is remembered beside it, the outlier's says how unlike other payments one is. One person proposed it, another approved; whoever made way has the same approval.
CREATE TABLE risk.model_role (
    place integer NOT NULL CONSTRAINT model_role_once PRIMARY KEY CONSTRAINT model_role_place CHECK (place >= 1),
    model integer NOT NULL CONSTRAINT model_role_of REFERENCES risk.model,
    role text NOT NULL CONSTRAINT model_role_role CHECK (role IN ('champion', 'challenger', 'outlier', 'retired')),
    since_at timestamptz NOT NULL,
    reason text NOT NULL,
    proposed_by uuid NOT NULL,
    approved_by uuid NOT NULL CONSTRAINT model_role_second_person CHECK (approved_by <> proposed_by),
    approval_id uuid NOT NULL
);
CREATE INDEX model_role_by_model ON risk.model_role (model, place);

-- Indicators of risk --------------------------------------------------------------------------------------------------------------

-- From which value on an indicator is amber, from which red, as one person proposed and another approved it; whether the stance is tightened
-- while it is red. Never changed: the next version follows, and the newest counts.
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
    tightens boolean NOT NULL DEFAULT false,
    CONSTRAINT indicator_limit_once PRIMARY KEY (indicator, version),
    CONSTRAINT indicator_limit_red_follows_amber CHECK (red >= amber)
);

-- That an indicator was amber or red on a day of the calendar, told once each: what it was, and under which version. `last_at`: when
-- it was so last. Retention: as the audit.
CREATE TABLE risk.indicator_breach (
    indicator text NOT NULL,
    day date NOT NULL,
    state text NOT NULL CONSTRAINT indicator_breach_state CHECK (state IN ('amber', 'red')),
    value bigint NOT NULL,
    version integer NOT NULL,
    told_at timestamptz NOT NULL,
    last_at timestamptz,
    CONSTRAINT indicator_breach_once PRIMARY KEY (indicator, day, state)
);
CREATE INDEX indicator_breach_by_time ON risk.indicator_breach (told_at);
