-- migrate:up
-- payments: who was looked up to transfer to, and how often a day.
SET LOCAL lock_timeout = '5s';

-- How a customer transfers: payees looked up today, counted so that nobody gathers who banks here, and when his transfers arrive
-- unless he says otherwise. One row a customer; no number, no name. Retention: as the customer's id.
CREATE TABLE payments.transfer_habit (
    customer_id uuid CONSTRAINT transfer_habit_once PRIMARY KEY,
    day date NOT NULL,
    looked_up integer NOT NULL CONSTRAINT transfer_habit_looked_up CHECK (looked_up >= 0),
    arrives text NOT NULL CONSTRAINT transfer_habit_arrives CHECK (arrives IN ('now', 'in_two_hours', 'next_day'))
) WITH (fillfactor = 70);

-- Whose account a customer found by what he typed: what his last look before a transfer names, without a number in its address.
-- Retention: two days.
CREATE TABLE payments.lookup (
    id uuid CONSTRAINT lookup_once PRIMARY KEY,
    customer_id uuid NOT NULL,
    account_id uuid NOT NULL,
    found_at timestamptz NOT NULL
);
CREATE INDEX lookup_by_time ON payments.lookup (found_at);

-- migrate:down
