-- migrate:up
-- identity: how a customer wants to see the bank.
SET LOCAL lock_timeout = '5s';

-- How a customer wants to see the bank, on whatever device. `theme` and `language` NULL: as the device says. `actions`: the short ways
-- of his first page in his own order; those that are not named come after them. Retention: until he is erased.
CREATE TABLE identity.preference (
    customer_id uuid CONSTRAINT preference_once PRIMARY KEY
        CONSTRAINT preference_of_a_customer REFERENCES identity.customer (id),
    home text NOT NULL CONSTRAINT preference_home CHECK (home IN ('standard', 'young', 'large')),
    theme text CONSTRAINT preference_theme CHECK (theme IN ('light', 'dark')),
    type text NOT NULL CONSTRAINT preference_type CHECK (type IN ('usual', 'large')),
    language text CONSTRAINT preference_language CHECK (language IN ('zh', 'en')),
    actions text[] NOT NULL CONSTRAINT preference_actions CHECK (cardinality(actions) <= 40),
    tour_ended_at timestamptz
);

-- migrate:down
