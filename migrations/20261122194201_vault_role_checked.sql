-- migrate:up
-- vault: old rows are looked at in a transaction of their own, while others go on writing.

ALTER TABLE vault.read_log VALIDATE CONSTRAINT read_log_verb;

-- migrate:down
