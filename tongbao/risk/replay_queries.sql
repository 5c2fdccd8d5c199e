-- name: past_decisions
-- What was remembered of these decisions, all that they were made of.
SELECT id, at, payer, payee, device, amount_minor, currency, is_night, catalogue, features, own, rules_change, rules_read_at,
    coalesce(left_out, ARRAY[]::text []), action, points, hits
FROM risk.assessment WHERE id = ANY(%(ids)s::uuid []);

-- name: about_how_many
-- How many decisions are remembered, as the planner reckons; 0 where it has not looked yet.
SELECT coalesce(sum(greatest(c.reltuples, 0)), 0)::bigint
FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid WHERE i.inhparent = 'risk.assessment'::regclass;

-- name: some_decisions
-- Decisions of some pages of the table (`percent` of them), put out of order; the same where `seed` and table are the same.
SELECT a.id FROM risk.assessment a TABLESAMPLE SYSTEM (%(percent)s::int) REPEATABLE (%(seed)s::int)
WHERE a.rules_change IS NOT NULL
ORDER BY md5(a.id::text || %(seed)s::int::text) LIMIT %(most)s;
