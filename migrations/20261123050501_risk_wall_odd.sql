-- migrate:up
-- The newest payments that were not simply let pass are read in the order of an index.
SET LOCAL lock_timeout = '2s';

CREATE INDEX assessment_by_odd ON risk.assessment (at, id) WHERE action <> 'approve';

-- migrate:down
