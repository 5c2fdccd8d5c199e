-- migrate:up
-- The newest payments of a busy shop are read in the order of the index, and no more of them than are looked at.
SET LOCAL lock_timeout = '5s';

-- Few rows: risk is new with this release.
-- squawk-ignore require-concurrent-index-deletion
DROP INDEX risk.assessment_by_payer;
CREATE INDEX assessment_by_payer ON risk.assessment (payer, at, id);
-- squawk-ignore require-concurrent-index-deletion
DROP INDEX risk.assessment_by_payee;
CREATE INDEX assessment_by_payee ON risk.assessment (payee, at, id);
-- squawk-ignore require-concurrent-index-deletion
DROP INDEX risk.assessment_by_device;
CREATE INDEX assessment_by_device ON risk.assessment (device, at, id) WHERE device IS NOT NULL;

-- migrate:down
