-- Canaries: made-up people of whom nobody has reason to read anything. What writes down that somebody did is `read_data`.

-- name: plant_canaries
-- From now on they sing.
SELECT vault.plant_canaries(%(subjects)s::uuid[], %(at)s);

-- name: canaries
-- Every canary: whether anything is still kept of it, how often it was read, and when last.
SELECT subject_id, planted_at, is_kept, readings, read_at FROM vault.canaries();

-- name: open_canary_readings
-- Readings of canaries that nobody has accounted for, oldest first.
SELECT id, subject_id, at, by_id, by_kind, kinds, reason FROM vault.open_canary_readings(%(most)s::int);

-- name: close_canary_readings
-- Somebody has found out why; those that came meanwhile stay open. How many were closed.
SELECT vault.close_canary_readings(%(through)s, %(by_id)s, %(outcome)s, %(at)s);

-- name: canary_watch
-- How many canaries there are, and how many of their readings are open, counted to 10,000.
SELECT planted, open FROM vault.canary_watch();

-- name: silent_readings
-- Readings of canaries in the log that raised no alarm.
SELECT id, subject_id FROM vault.silent_readings(%(most)s::int);
