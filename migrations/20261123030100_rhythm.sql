-- migrate:up
-- identity: how a customer types, kept with his consent.
SET LOCAL lock_timeout = '5s';

INSERT INTO identity.purpose (purpose, version, en, zh) VALUES (
    'typing', 1,
    'Measure how fast I type when I log in and pay, never what I type, so that the bank notices when somebody else uses my account.',
    '在我登录和付款时记录我的按键快慢（不记录按了什么键），以便本行发现他人冒用我的账户。'
);

-- How a customer types: milliseconds from one press to the next, and how long keys were held; no key, no character, no text.
-- In the clear as what is known of his browsers is: figures that mean nothing without the customer, bounded by the CHECKs here, read
-- by the hundred where risk is judged. Of secrets there are eight at most, sorted by size: neither length nor order gives one away.
-- `device_id`: the browser, where it was known and past its cool-off. Retention: 90 days (`identity.forget_rhythms`); gone at once with
-- the consent, and with the person.
CREATE TABLE identity.rhythm (
    id uuid CONSTRAINT rhythm_once PRIMARY KEY,
    customer_id uuid NOT NULL CONSTRAINT rhythm_of_a_customer REFERENCES identity.customer (id),
    form text NOT NULL CONSTRAINT rhythm_form CHECK (form IN ('log_in', 'password', 'pin', 'amount')),
    intervals smallint[] NOT NULL CONSTRAINT rhythm_intervals CHECK (
        cardinality(intervals) BETWEEN 1 AND 64 AND array_position(intervals, NULL) IS NULL
        AND 0 <= ALL (intervals) AND 10000 >= ALL (intervals)
    ),
    holds smallint[] NOT NULL CONSTRAINT rhythm_holds CHECK (
        cardinality(holds) <= 64 AND array_position(holds, NULL) IS NULL AND 0 <= ALL (holds) AND 10000 >= ALL (holds)
    ),
    device_id uuid,
    recorded_at timestamptz NOT NULL,
    CONSTRAINT rhythm_of_secrets_is_short CHECK (form = 'amount' OR (cardinality(intervals) <= 8 AND cardinality(holds) <= 8))
);
CREATE INDEX rhythm_by_customer ON identity.rhythm (customer_id, recorded_at);
CREATE INDEX rhythm_by_time ON identity.rhythm (recorded_at);

-- migrate:down
