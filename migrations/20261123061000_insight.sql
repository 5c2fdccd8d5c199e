-- migrate:up
-- insight: how the app is used, in counts.
SET LOCAL lock_timeout = '5s';

CREATE SCHEMA insight;

-- What somebody who was logged in did in the app, one row a page that he saw or a form that he sent, until his visit is over: then the
-- visit is counted below, and its rows are gone. `visit`: a blind index of his session by the vault's key, which tells nothing without
-- it. `place`: the template of the page, never an id or a query. `code`: of the refusal, where there was one.
-- Retention: until half an hour after the last step, or four hours after the first (`insight.count_visits`).
CREATE TABLE insight.step (
    id uuid CONSTRAINT step_once PRIMARY KEY,
    visit bytea NOT NULL CONSTRAINT step_visit CHECK (octet_length(visit) = 16),
    at timestamptz NOT NULL,
    method text NOT NULL CONSTRAINT step_method CHECK (method IN ('GET', 'POST')),
    place text NOT NULL CONSTRAINT step_place CHECK (place ~ '^/[a-z0-9/{}_-]{0,119}$'),
    code text CONSTRAINT step_code CHECK (code ~ '^[a-z0-9_]{1,60}$'),
    home text NOT NULL CONSTRAINT step_home CHECK (home ~ '^[a-z]{1,20}$')
);
CREATE INDEX step_by_visit ON insight.step (visit, at);

-- How far visits came with a task, by the day on which they began: so many reached this step of it, within so many seconds of the first.
-- `home`: the kind of home page of whoever it was. Retention: 400 days.
CREATE TABLE insight.task_day (
    day date NOT NULL,
    task text NOT NULL CONSTRAINT task_day_task CHECK (task ~ '^[a-z_]{1,40}$'),
    step smallint NOT NULL CONSTRAINT task_day_step CHECK (step BETWEEN 1 AND 20),
    home text NOT NULL CONSTRAINT task_day_home CHECK (home ~ '^[a-z]{1,20}$'),
    within_s integer NOT NULL CONSTRAINT task_day_within CHECK (within_s >= 0),
    visits bigint NOT NULL CONSTRAINT task_day_visits CHECK (visits > 0),
    CONSTRAINT task_day_once PRIMARY KEY (day, task, step, home, within_s)
);

-- Where visits went that did not come to the end of a task: the page after the last step that they reached, '' where they left.
-- Retention: 400 days.
CREATE TABLE insight.loss_day (
    day date NOT NULL,
    task text NOT NULL CONSTRAINT loss_day_task CHECK (task ~ '^[a-z_]{1,40}$'),
    step smallint NOT NULL CONSTRAINT loss_day_step CHECK (step BETWEEN 1 AND 20),
    there text NOT NULL CONSTRAINT loss_day_there CHECK (length(there) <= 120),
    visits bigint NOT NULL CONSTRAINT loss_day_visits CHECK (visits > 0),
    CONSTRAINT loss_day_once PRIMARY KEY (day, task, step, there)
);

-- From which page to which, as often as it happened; '' before the first page of a visit and after its last. Retention: 400 days.
CREATE TABLE insight.path_day (
    day date NOT NULL,
    here text NOT NULL CONSTRAINT path_day_here CHECK (length(here) <= 120),
    there text NOT NULL CONSTRAINT path_day_there CHECK (length(there) <= 120),
    times bigint NOT NULL CONSTRAINT path_day_times CHECK (times > 0),
    CONSTRAINT path_day_once PRIMARY KEY (day, here, there)
);

-- In how many visits a page refused something, by the code of the refusal. Retention: 400 days.
CREATE TABLE insight.refused_day (
    day date NOT NULL,
    place text NOT NULL CONSTRAINT refused_day_place CHECK (length(place) <= 120),
    method text NOT NULL CONSTRAINT refused_day_method CHECK (method IN ('GET', 'POST')),
    code text NOT NULL CONSTRAINT refused_day_code CHECK (code ~ '^[a-z0-9_]{1,60}$'),
    visits bigint NOT NULL CONSTRAINT refused_day_visits CHECK (visits > 0),
    CONSTRAINT refused_day_once PRIMARY KEY (day, place, method, code)
);

-- migrate:down
