-- migrate:up
SET LOCAL lock_timeout = '5s';

-- How the champion did when it was looked at last, for whoever is asked how the bank is: one row. `drift`: its largest PSI in
-- thousandths; `caught`: of 1,000 frauds that it promised to see how many it saw; NULL where too little is known.
CREATE TABLE risk.model_health (
    place smallint CONSTRAINT model_health_once PRIMARY KEY CONSTRAINT model_health_is_one CHECK (place = 1),
    looked_at timestamptz NOT NULL,
    drift integer CONSTRAINT model_health_drift CHECK (drift >= 0),
    caught integer CONSTRAINT model_health_caught CHECK (caught >= 0)
);

-- migrate:down
