-- migrate:up
-- history: who plays which part in the demo.

-- Who plays which part in the demo: a customer, a merchant, a member of staff or a webhook, by what the part is called.
CREATE TABLE history.part (
    name text PRIMARY KEY CONSTRAINT part_name_form CHECK (name ~ '^[a-z][a-z_]{0,31}$'),
    id uuid NOT NULL
);
CREATE VIEW history.part_view AS SELECT name, id FROM history.part;

-- migrate:down
