-- migrate:up
-- console: four more kinds of what looks like an attack.
SET LOCAL lock_timeout = '5s';

-- The release before knows the kinds of before and writes no other.
ALTER TABLE console.attack_minute
    -- squawk-ignore ban-drop-constraint
    DROP CONSTRAINT attack_kind,
    ADD CONSTRAINT attack_kind CHECK (kind IN ('guessing', 'stuffing', 'codes', 'keys', 'stolen', 'signatures', 'rights', 'searching', 'injection', 'malformed', 'flood')) NOT VALID;

-- migrate:down
