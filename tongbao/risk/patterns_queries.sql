-- name: ask_search
-- A search for patterns that somebody wants; answers nothing where the id is taken, or another one is open.
INSERT INTO risk.pattern_search (id, asked_by, asked_at, what, tries, total, looked, found)
VALUES (%(id)s, %(by)s, %(at)s, %(what)s::jsonb, 0, 0, 0, 0)
ON CONFLICT DO NOTHING RETURNING id;

-- name: search
-- One search.
SELECT id, asked_by, asked_at, what, tries, told_at, total, looked, found, ended_at, trouble, result
FROM risk.pattern_search WHERE id = %(id)s;

-- name: searches
-- The newest searches.
SELECT id, asked_by, asked_at, what, tries, told_at, total, looked, found, ended_at, trouble, result
FROM risk.pattern_search ORDER BY asked_at DESC LIMIT %(most)s;

-- name: forget_searches
-- Searches that ended long ago.
DELETE FROM risk.pattern_search WHERE ended_at < %(before)s;

-- name: claim_search
-- The oldest search that nobody works at since `silent`, for one worker.
UPDATE risk.pattern_search s SET told_at = %(at)s, tries = s.tries + 1, looked = 0, found = 0
WHERE s.id = (
    SELECT x.id FROM risk.pattern_search x WHERE x.ended_at IS NULL AND (x.told_at IS NULL OR x.told_at < %(silent)s)
    ORDER BY x.asked_at LIMIT 1 FOR UPDATE SKIP LOCKED
)
RETURNING s.id, s.asked_by, s.asked_at, s.what, s.tries, s.told_at, s.total, s.looked, s.found, s.ended_at, s.trouble, s.result;

-- name: tell_search
-- How far this worker is; answers nothing where the search has ended, or has become another worker's.
UPDATE risk.pattern_search SET told_at = %(at)s, total = %(total)s, looked = %(looked)s, found = %(found)s
WHERE id = %(id)s AND tries = %(tries)s AND ended_at IS NULL RETURNING id;

-- name: leave_search
-- A worker that stops gives its search up to the next one.
UPDATE risk.pattern_search SET told_at = NULL, tries = tries - 1 WHERE id = %(id)s AND tries = %(tries)s AND ended_at IS NULL;

-- name: end_search
-- What came of it, said once.
UPDATE risk.pattern_search SET ended_at = %(at)s, trouble = %(trouble)s, result = %(result)s::jsonb, found = coalesce(%(found)s, found)
WHERE id = %(id)s AND ended_at IS NULL RETURNING id;

-- name: is_any_labelled
-- Whether there is a label that says fraud.
SELECT EXISTS (SELECT FROM risk.label l WHERE l.is_fraud);

-- name: payments_between
-- How many payments are remembered of these days, one more than `most` at most.
SELECT count(*) FROM (
    SELECT FROM risk.assessment WHERE booking_date BETWEEN %(first_day)s AND %(last_day)s LIMIT %(most)s::bigint + 1
) AS found;

-- name: search_page
-- Payments of these days behind an id: all that are called fraud by their newest label, and of the others one in `every`, by their ids.
SELECT a.id, a.at, a.payer, a.payee, a.device, a.amount_minor, a.currency, a.is_night, a.catalogue, a.features, a.own,
    a.rules_change, a.rules_read_at, coalesce(a.left_out, ARRAY[]::text []), a.action, a.points, a.hits, a.booking_date,
    a.is_declined, l.is_fraud
FROM risk.assessment a
LEFT JOIN LATERAL (
    SELECT x.is_fraud FROM risk.label x WHERE x.payment_id = a.id ORDER BY x.number DESC LIMIT 1
) AS l ON true
WHERE a.booking_date BETWEEN %(first_day)s AND %(last_day)s AND a.id > %(after)s
    AND (l.is_fraud OR (hashtext(a.id::text)::bigint + 2147483648) %% %(every)s::bigint = 0)
ORDER BY a.id LIMIT %(most)s;
