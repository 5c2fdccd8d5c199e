-- migrate:up
-- identity: names and telephone numbers go to the vault. Columns stay for what is not moved yet; a later migration drops them.

-- squawk-ignore ban-drop-not-null
ALTER TABLE identity.customer ALTER COLUMN name DROP NOT NULL;
-- squawk-ignore ban-drop-not-null
ALTER TABLE identity.staff ALTER COLUMN name DROP NOT NULL;

-- What the job `identity.seal_people` has still to move; empty when it is done.
CREATE INDEX customer_unsealed ON identity.customer (id) WHERE name IS NOT NULL;

-- migrate:down
