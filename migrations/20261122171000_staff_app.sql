-- migrate:up
-- identity: staff prove themselves with an authenticator app besides the password.

-- The app of a member of staff: its seed, sealed under his own key, and the last time step whose code was taken.
-- Retention: until it is replaced or removed.
CREATE TABLE identity.staff_app (
    staff_id uuid CONSTRAINT staff_app_once PRIMARY KEY REFERENCES identity.staff (id),
    sealed bytea NOT NULL,
    used_step bigint NOT NULL,
    set_at timestamptz NOT NULL
);

-- A seed that was shown and has not been confirmed by a code. Retention: until the next one, or until it is confirmed.
CREATE TABLE identity.staff_app_offer (
    staff_id uuid CONSTRAINT staff_app_offer_once PRIMARY KEY REFERENCES identity.staff (id),
    sealed bytea NOT NULL,
    offered_at timestamptz NOT NULL
);

-- Whether this session may do no more than set up an app.
ALTER TABLE identity.staff_session ADD COLUMN limited boolean NOT NULL DEFAULT false;

-- migrate:down
