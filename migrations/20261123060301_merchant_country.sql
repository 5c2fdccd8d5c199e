-- migrate:up
-- Merchants have a country, and a rule of risk may look at some merchants, or some countries, alone.
SET LOCAL lock_timeout = '5s';

ALTER TABLE merchants.merchant ADD COLUMN country text NOT NULL DEFAULT 'CN'
-- squawk-ignore constraint-missing-not-valid
CONSTRAINT merchant_country CHECK (country ~ '^[A-Z]{2}$');
CREATE OR REPLACE VIEW merchants.merchant_view AS
SELECT id, name, category, customer_id, status, currency, takings_account_id, takings_ledger_id, settlement_account_id,
    settlement_ledger_id, fee_plan_id, created_at, country
FROM merchants.merchant;

ALTER TABLE risk.rule_version ADD COLUMN merchants uuid [] NOT NULL DEFAULT '{}'
-- squawk-ignore constraint-missing-not-valid
CONSTRAINT rule_version_merchants CHECK (cardinality(merchants) <= 100);
ALTER TABLE risk.rule_version ADD COLUMN countries text [] NOT NULL DEFAULT '{}'
-- squawk-ignore constraint-missing-not-valid
CONSTRAINT rule_version_countries CHECK (cardinality(countries) <= 50);

-- migrate:down
