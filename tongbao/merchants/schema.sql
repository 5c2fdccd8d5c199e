-- merchants: who sells, on what terms, what was ordered, and who hears about it.

CREATE SCHEMA merchants;

-- An id that a client chose, once for the whole slice: whose it is and what was asked. Written before what it stands for.
CREATE TABLE merchants.claim (
    id uuid PRIMARY KEY,
    kind text NOT NULL CONSTRAINT claim_kind CHECK (kind IN ('merchant', 'order', 'webhook')),
    principal_id uuid NOT NULL,
    request_hash bytea NOT NULL CONSTRAINT request_hash_is_sha256 CHECK (length(request_hash) = 32),
    claimed_at timestamptz NOT NULL
);

-- A version of a fee plan, never changed: a payment's fee can be computed again for ever. No merchant: the bank's own plan.
CREATE TABLE merchants.fee_plan (
    id uuid PRIMARY KEY,
    merchant_id uuid,
    version integer NOT NULL,
    set_at timestamptz NOT NULL,
    set_by uuid NOT NULL,
    CONSTRAINT fee_plan_version_once UNIQUE NULLS NOT DISTINCT (merchant_id, version)
);
CREATE VIEW merchants.fee_plan_view AS SELECT id, merchant_id, version, set_at, set_by FROM merchants.fee_plan;

-- `*` stands for any method or any currency; a fixed part and bounds only make sense in a currency.
CREATE TABLE merchants.fee_rate (
    plan_id uuid NOT NULL REFERENCES merchants.fee_plan (id),
    method text NOT NULL CONSTRAINT fee_method CHECK (method IN ('account', 'qr', 'card', 'api', '*')),
    currency text NOT NULL CONSTRAINT fee_currency CHECK (currency ~ '^([A-Z]{3}|\*)$'),
    basis_points integer NOT NULL CONSTRAINT fee_basis_points CHECK (basis_points BETWEEN 0 AND 10000),
    fixed_minor bigint NOT NULL CONSTRAINT fee_fixed CHECK (fixed_minor >= 0),
    smallest_minor bigint NOT NULL CONSTRAINT fee_smallest CHECK (smallest_minor >= 0),
    largest_minor bigint,
    CONSTRAINT fee_bounds_crossed CHECK (largest_minor >= smallest_minor),
    CONSTRAINT fee_bounds_have_a_currency CHECK (
        currency <> '*' OR (fixed_minor = 0 AND smallest_minor = 0 AND largest_minor IS NULL)
    ),
    CONSTRAINT fee_rate_twice PRIMARY KEY (plan_id, method, currency)
);
CREATE VIEW merchants.fee_rate_view AS
SELECT plan_id, method, currency, basis_points, fixed_minor, smallest_minor, largest_minor FROM merchants.fee_rate;

-- `country`: where it sells, ISO 3166-1. `district`, `latitude_e6`, `longitude_e6`: where its shop stands (WGS 84, millionths of a degree); none of one that only sells online. `fee_plan_id` NULL: the newest of the bank's own plans. Ledger ids are copied so that a payment needs no second look-up.
CREATE TABLE merchants.merchant (
    id uuid PRIMARY KEY,
    name text NOT NULL CONSTRAINT merchant_name_length CHECK (length(name) BETWEEN 1 AND 200),
    category text CONSTRAINT merchant_category CHECK (category ~ '^[a-z][a-z0-9_]{0,39}$'),
    customer_id uuid NOT NULL,
    status text NOT NULL CONSTRAINT merchant_status CHECK (status IN ('open', 'suspended', 'closed')),
    currency text NOT NULL CONSTRAINT merchant_currency CHECK (currency ~ '^[A-Z]{3}$'),
    takings_account_id uuid NOT NULL CONSTRAINT takings_account_once UNIQUE,
    takings_ledger_id bigint NOT NULL CONSTRAINT takings_ledger_account_once UNIQUE,
    settlement_account_id uuid NOT NULL CONSTRAINT settlement_account_once UNIQUE,
    settlement_ledger_id bigint NOT NULL CONSTRAINT settlement_ledger_account_once UNIQUE,
    fee_plan_id uuid REFERENCES merchants.fee_plan (id),
    created_at timestamptz NOT NULL,
    country text NOT NULL DEFAULT 'CN' CONSTRAINT merchant_country CHECK (country ~ '^[A-Z]{2}$'),
    district text CONSTRAINT merchant_district CHECK (length(district) BETWEEN 1 AND 60),
    latitude_e6 integer CONSTRAINT merchant_latitude CHECK (latitude_e6 BETWEEN -90000000 AND 90000000),
    longitude_e6 integer CONSTRAINT merchant_longitude CHECK (longitude_e6 BETWEEN -180000000 AND 180000000),
    CONSTRAINT merchant_place_is_whole CHECK (num_nulls(district, latitude_e6, longitude_e6) IN (0, 3))
);
CREATE INDEX merchant_by_customer ON merchants.merchant (customer_id, id);
CREATE VIEW merchants.merchant_view AS
SELECT id, name, category, customer_id, status, currency, takings_account_id, takings_ledger_id, settlement_account_id,
    settlement_ledger_id, fee_plan_id, created_at, country, district, latitude_e6, longitude_e6
FROM merchants.merchant;

-- What a merchant asks to be paid for. `payment_sequence`: the last event of `payment_id` that was followed.
CREATE TABLE merchants.shop_order (
    id uuid PRIMARY KEY,
    merchant_id uuid NOT NULL REFERENCES merchants.merchant (id),
    amount_minor bigint NOT NULL CONSTRAINT order_amount CHECK (amount_minor > 0),
    currency text NOT NULL,
    description text CONSTRAINT order_description_length CHECK (length(description) <= 200),
    state text NOT NULL CONSTRAINT order_state CHECK (state IN (
        'open', 'paying', 'authorised', 'paid', 'partly_refunded', 'refunded', 'cancelled', 'expired'
    )),
    payment_id uuid,
    payment_sequence integer NOT NULL,
    captured_minor bigint NOT NULL,
    refunded_minor bigint NOT NULL,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    changed_at timestamptz NOT NULL,
    CONSTRAINT order_has_its_payment CHECK (
        (state IN ('paying', 'authorised', 'paid', 'partly_refunded', 'refunded')) = (payment_id IS NOT NULL)
    ),
    CONSTRAINT order_captured_at_most_amount CHECK (captured_minor BETWEEN 0 AND amount_minor),
    CONSTRAINT order_refunded_at_most_captured CHECK (refunded_minor BETWEEN 0 AND captured_minor)
) WITH (fillfactor = 70);
CREATE INDEX order_by_merchant ON merchants.shop_order (merchant_id, id);
CREATE INDEX order_by_expiry ON merchants.shop_order (expires_at, id) WHERE state = 'open';
CREATE VIEW merchants.order_view AS
SELECT id, merchant_id, amount_minor, currency, description, state, payment_id, payment_sequence, captured_minor,
    refunded_minor, created_at, expires_at, changed_at
FROM merchants.shop_order;

-- Where a merchant (or, without one, the bank) hears of events. The secret signs messages, so it cannot be kept as a hash: it is
-- sealed under a key of the endpoint's own. `secret`: in the clear, only until `merchants.seal_secrets` comes by.
CREATE TABLE merchants.endpoint (
    id uuid PRIMARY KEY,
    merchant_id uuid REFERENCES merchants.merchant (id),
    url text NOT NULL CONSTRAINT webhook_url_length CHECK (length(url) <= 2000),
    topics text[] NOT NULL CONSTRAINT webhook_has_topics CHECK (cardinality(topics) > 0),
    secret text,
    status text NOT NULL CONSTRAINT webhook_status CHECK (status IN ('active', 'disabled', 'deleted')),
    created_at timestamptz NOT NULL,
    failing_since timestamptz,
    disabled_at timestamptz,
    disabled_because text,
    sealed_secret bytea CONSTRAINT webhook_secret_sealed CHECK (octet_length(sealed_secret) BETWEEN 34 AND 1024)
);
CREATE INDEX endpoint_by_merchant ON merchants.endpoint (merchant_id, id);

-- One event for one endpoint. Kept 90 days after it ended. `lease`: the sender that has it at this moment.
CREATE TABLE merchants.delivery (
    id uuid PRIMARY KEY,
    endpoint_id uuid NOT NULL REFERENCES merchants.endpoint (id),
    event_id uuid NOT NULL,
    topic text NOT NULL,
    aggregate uuid NOT NULL,
    sequence integer NOT NULL,
    body text NOT NULL,
    state text NOT NULL CONSTRAINT delivery_state CHECK (state IN ('pending', 'delivered', 'failed')),
    attempts integer NOT NULL,
    tries_left integer NOT NULL CONSTRAINT delivery_tries_left CHECK (tries_left >= 0),
    created_at timestamptz NOT NULL,
    next_at timestamptz,
    lease uuid,
    leased_until timestamptz,
    delivered_at timestamptz,
    CONSTRAINT pending_delivery_is_due CHECK ((state = 'pending') = (next_at IS NOT NULL))
);
CREATE INDEX delivery_due ON merchants.delivery (next_at, id) WHERE state = 'pending';
CREATE INDEX delivery_by_endpoint ON merchants.delivery (endpoint_id, created_at, id);
CREATE INDEX delivery_by_aggregate ON merchants.delivery (aggregate, created_at);

-- Every try, whatever came of it.
CREATE TABLE merchants.attempt (
    delivery_id uuid NOT NULL REFERENCES merchants.delivery (id) ON DELETE CASCADE,
    number integer NOT NULL,
    tried_at timestamptz NOT NULL,
    duration_ms integer NOT NULL,
    status integer,
    error text,
    answer text,
    PRIMARY KEY (delivery_id, number)
);

-- The bank's plan until staff set another: 38 bp, by QR 30 bp, by card 60 bp and at most 80.00; other currencies 60 bp.
INSERT INTO merchants.fee_plan (id, merchant_id, version, set_at, set_by) VALUES
('00000000-0000-8000-8000-00000000fee1', NULL, 1, '2020-01-01T00:00:00Z', '00000000-0000-0000-0000-000000000000');
INSERT INTO merchants.fee_rate
    (plan_id, method, currency, basis_points, fixed_minor, smallest_minor, largest_minor)
VALUES
('00000000-0000-8000-8000-00000000fee1', '*', 'CNY', 38, 0, 0, NULL),
('00000000-0000-8000-8000-00000000fee1', 'qr', 'CNY', 30, 0, 0, NULL),
('00000000-0000-8000-8000-00000000fee1', 'card', 'CNY', 60, 0, 0, 8000),
('00000000-0000-8000-8000-00000000fee1', '*', '*', 60, 0, 0, NULL);
