-- migrate:up
-- identity: the browsers of customers get a name, a place, a time to cool off, and can be logged out; a session knows its own. The
-- table `known_browser` stays for the release before, which reads and writes there while this one starts.

-- Browsers in which a customer has proved by a code that his phone is with him (`browser_hash`: SHA-256 of the browser's cookie).
-- `name` is a coarse reading of what the browser says of itself, `place` the network of its address without the end (/24 or /48).
-- From `trusted_from` on it counts as known where money is paid. `revoked_at`: the customer has logged it out; it needs a code again.
-- Retention: until it was not seen for half a year (`forget_registrations`).
CREATE TABLE identity.device (
    id uuid PRIMARY KEY,
    customer_id uuid NOT NULL CONSTRAINT device_is_of_a_customer REFERENCES identity.customer (id),
    browser_hash bytea NOT NULL CONSTRAINT device_browser_is_sha256 CHECK (length(browser_hash) = 32),
    name text NOT NULL CONSTRAINT device_name_length CHECK (length(name) <= 60),
    place text NOT NULL CONSTRAINT device_place_length CHECK (length(place) <= 60),
    known_since timestamptz NOT NULL,
    seen_at timestamptz NOT NULL CONSTRAINT device_seen_after_known CHECK (seen_at >= known_since),
    trusted_from timestamptz NOT NULL,
    revoked_at timestamptz,
    CONSTRAINT device_once UNIQUE (browser_hash, customer_id)
);
CREATE INDEX device_by_customer ON identity.device (customer_id, seen_at);
CREATE INDEX device_by_time ON identity.device (seen_at);

INSERT INTO identity.device (id, customer_id, browser_hash, name, place, known_since, seen_at, trusted_from)
SELECT gen_random_uuid(), customer_id, browser_hash, '', '', known_since, greatest(seen_at, known_since), known_since
FROM identity.known_browser;

ALTER TABLE identity.session ADD COLUMN device_id uuid;

-- migrate:down
