-- name: ask_trial
-- A trial that somebody wants; answers nothing where the id is taken, or another one of his is open.
INSERT INTO risk.trial (id, asked_by, asked_at, what, tries, total, looked)
VALUES (%(id)s, %(by)s, %(at)s, %(what)s::jsonb, 0, 0, 0)
ON CONFLICT DO NOTHING RETURNING id;

-- name: trial
-- One trial.
SELECT id, asked_by, asked_at, what, tries, told_at, total, looked, ended_at, trouble, result FROM risk.trial WHERE id = %(id)s;

-- name: open_trial
-- The trial of somebody that has not ended.
SELECT id FROM risk.trial WHERE asked_by = %(by)s AND ended_at IS NULL;

-- name: trials
-- The newest trials.
SELECT id, asked_by, asked_at, what, tries, told_at, total, looked, ended_at, trouble, result FROM risk.trial
ORDER BY asked_at DESC LIMIT %(most)s;

-- name: forget_trials
-- Trials that ended long ago.
DELETE FROM risk.trial WHERE ended_at < %(before)s;

-- name: claim_trial
-- The oldest trial that nobody works at since `silent`, for one worker.
UPDATE risk.trial t SET told_at = %(at)s, tries = t.tries + 1, looked = 0
WHERE t.id = (
    SELECT x.id FROM risk.trial x WHERE x.ended_at IS NULL AND (x.told_at IS NULL OR x.told_at < %(silent)s)
    ORDER BY x.asked_at LIMIT 1 FOR UPDATE SKIP LOCKED
)
RETURNING t.id, t.asked_by, t.asked_at, t.what, t.tries, t.told_at, t.total, t.looked, t.ended_at, t.trouble, t.result;

-- name: tell_trial
-- How far this worker is; answers nothing where the trial has ended, or has become another worker's.
UPDATE risk.trial SET told_at = %(at)s, total = %(total)s, looked = %(looked)s
WHERE id = %(id)s AND tries = %(tries)s AND ended_at IS NULL RETURNING id;

-- name: leave_trial
-- A worker that stops gives its trial up to the next one.
UPDATE risk.trial SET told_at = NULL, tries = tries - 1 WHERE id = %(id)s AND tries = %(tries)s AND ended_at IS NULL;

-- name: end_trial
-- What came of it, said once.
UPDATE risk.trial SET ended_at = %(at)s, trouble = %(trouble)s, result = %(result)s::jsonb, looked = coalesce(%(looked)s, looked)
WHERE id = %(id)s AND ended_at IS NULL RETURNING id;

-- name: how_many_between
-- How many payments are remembered of these days, one more than `most` at most.
SELECT count(*) FROM (
    SELECT FROM risk.assessment WHERE booking_date BETWEEN %(first_day)s AND %(last_day)s LIMIT %(most)s::bigint + 1
) AS found;

-- name: history_page
-- Payments of these days behind an id: what was remembered, and the newest that is known of each.
SELECT a.id, a.at, a.payer, a.payee, a.device, a.amount_minor, a.currency, a.is_night, a.catalogue, a.features, a.own,
    a.rules_change, a.rules_read_at, coalesce(a.left_out, ARRAY[]::text []), a.action, a.points, a.hits, a.booking_date,
    a.is_declined, l.is_fraud
FROM risk.assessment a
LEFT JOIN LATERAL (
    SELECT x.is_fraud FROM risk.label x WHERE x.payment_id = a.id ORDER BY x.number DESC LIMIT 1
) AS l ON true
WHERE a.booking_date BETWEEN %(first_day)s AND %(last_day)s AND a.id > %(after)s
ORDER BY a.id LIMIT %(most)s;
