-- migrate:up
-- A merchant's shop stands somewhere, and risk remembers where it was paid in.
SET LOCAL lock_timeout = '5s';

ALTER TABLE merchants.merchant ADD COLUMN district text
-- squawk-ignore constraint-missing-not-valid
CONSTRAINT merchant_district CHECK (length(district) BETWEEN 1 AND 60);
ALTER TABLE merchants.merchant ADD COLUMN latitude_e6 integer
-- squawk-ignore constraint-missing-not-valid
CONSTRAINT merchant_latitude CHECK (latitude_e6 BETWEEN -90000000 AND 90000000);
ALTER TABLE merchants.merchant ADD COLUMN longitude_e6 integer
-- squawk-ignore constraint-missing-not-valid
CONSTRAINT merchant_longitude CHECK (longitude_e6 BETWEEN -180000000 AND 180000000)
-- squawk-ignore constraint-missing-not-valid
CONSTRAINT merchant_place_is_whole CHECK (num_nulls(district, latitude_e6, longitude_e6) IN (0, 3));
CREATE OR REPLACE VIEW merchants.merchant_view AS
SELECT id, name, category, customer_id, status, currency, takings_account_id, takings_ledger_id, settlement_account_id,
    settlement_ledger_id, fee_plan_id, created_at, country, district, latitude_e6, longitude_e6
FROM merchants.merchant;

ALTER TABLE risk.assessment ADD COLUMN latitude_e6 integer, ADD COLUMN longitude_e6 integer;
ALTER TABLE risk.met ADD COLUMN placed_at timestamptz, ADD COLUMN latitude_e6 integer, ADD COLUMN longitude_e6 integer;

CREATE TABLE risk.district_pace (
    since_at timestamptz NOT NULL,
    district text NOT NULL,
    payments bigint NOT NULL CONSTRAINT district_pace_some CHECK (payments > 0),
    odd bigint NOT NULL,
    latitude_e6 bigint NOT NULL,
    longitude_e6 bigint NOT NULL,
    CONSTRAINT district_pace_once PRIMARY KEY (since_at, district)
) WITH (fillfactor = 70);

-- migrate:down
