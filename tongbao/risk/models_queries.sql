-- name: learning_days
-- Booking days of which payments are remembered that a model may learn from.
SELECT DISTINCT a.booking_date FROM risk.assessment a
WHERE a.catalogue <= %(catalogue)s AND a.at < %(before)s ORDER BY a.booking_date;

-- name: to_learn_from
-- A page of the payments of a booking day: what was known of each, and whether it was known at a moment that it was fraud.
SELECT a.id, floor(extract(epoch FROM a.at))::bigint, coalesce((
    SELECT l.is_fraud FROM risk.label l
    WHERE l.payment_id = a.id AND l.said_at <= %(known_at)s ORDER BY l.number DESC LIMIT 1
), false), a.catalogue, a.amount_minor, a.is_night, a.own, a.features
FROM risk.assessment a
WHERE a.booking_date = %(day)s AND a.id > %(after)s AND a.catalogue <= %(catalogue)s AND a.at < %(before)s
ORDER BY a.id LIMIT %(most)s;

-- name: add_model
-- A model under the next number; answers nothing where there is one of this hash already.
INSERT INTO risk.model (number, sha256, artefact, catalogue, facts, trained_until, trained_at)
SELECT coalesce(max(m.number), 0) + 1, %(sha256)s, %(artefact)s, %(catalogue)s, %(facts)s::jsonb, %(until)s, %(at)s FROM risk.model m
ON CONFLICT DO NOTHING RETURNING number;

-- name: model_of_hash
-- The number of the model with this hash.
SELECT number FROM risk.model WHERE sha256 = %(sha256)s;

-- name: models
-- Every model with what it is there for now, newest first, from below one on.
SELECT m.number, m.sha256, octet_length(m.artefact), m.catalogue, m.facts, m.trained_until, m.trained_at, r.role, r.since_at
FROM risk.model m
LEFT JOIN LATERAL (
    SELECT x.role, x.since_at FROM risk.model_role x WHERE x.model = m.number ORDER BY x.place DESC LIMIT 1
) AS r ON true
WHERE m.number < %(below)s AND (%(number)s::integer IS NULL OR m.number = %(number)s)
ORDER BY m.number DESC LIMIT %(most)s;

-- name: artefact
-- The bytes of a model, and what they should hash to.
SELECT artefact, sha256 FROM risk.model WHERE number = %(number)s;

-- name: roles_in_force
-- Which models are champion and challenger, and the place of the newest row of all.
SELECT n.model, n.role, n.place FROM (
    SELECT DISTINCT ON (r.model) r.model, r.role, r.place FROM risk.model_role r ORDER BY r.model, r.place DESC
) AS n
WHERE n.role <> 'retired' ORDER BY n.role;

-- name: newest_role
-- The place of the newest row of what models are there for; 0 where there is none.
SELECT coalesce(max(r.place), 0) FROM risk.model_role r;

-- name: roles
-- What models were there for, newest first.
SELECT r.place, r.model, r.role, r.since_at, r.reason, r.approval_id FROM risk.model_role r ORDER BY r.place DESC LIMIT %(most)s;

-- name: add_roles
-- What models are there for from now on, the places after each other; answers nothing where somebody else's came first.
INSERT INTO risk.model_role (place, model, role, since_at, reason, proposed_by, approved_by, approval_id)
SELECT k, a.model, a.role, %(at)s, %(reason)s, %(proposed_by)s, %(approved_by)s, %(approval_id)s
FROM unnest(%(keys)s::integer [], %(models)s::integer [], %(roles)s::text []) AS a (k, model, role)
ON CONFLICT (place) DO NOTHING RETURNING place;

-- name: scored
-- What models said of a payment, and what they were asked with.
SELECT a.score, a.model, a.model_fault, a.beside_score, a.beside_model, a.catalogue, a.amount_minor, a.is_night, a.own, a.features
FROM risk.assessment a WHERE a.id = %(id)s;

-- name: newest_inputs
-- What models would be asked with: the payments that were judged last, a bounded number of them.
SELECT a.catalogue, a.amount_minor, a.is_night, a.own, a.features FROM risk.assessment a
WHERE a.booking_date >= (SELECT b.open_date - 7 FROM base.business_day_view b) AND a.catalogue <= %(catalogue)s
ORDER BY a.xid DESC LIMIT %(most)s;

-- name: side_by_side
-- Of the payments that were judged last, a bounded number, those to which both models gave a score: by score how many of them each one
-- would have stopped from it on, and how many frauds among those; and how many payments and frauds there are.
WITH newest AS (
    SELECT a.id, CASE WHEN a.model = %(one)s THEN a.score WHEN a.beside_model = %(one)s THEN a.beside_score END AS one,
        CASE WHEN a.model = %(other)s THEN a.score WHEN a.beside_model = %(other)s THEN a.beside_score END AS other
    FROM risk.assessment a
    WHERE a.booking_date >= (SELECT b.open_date - 31 FROM base.business_day_view b)
    ORDER BY a.xid DESC LIMIT %(most)s
),

known AS (
    SELECT n.one, n.other, coalesce((
        SELECT l.is_fraud FROM risk.label l WHERE l.payment_id = n.id ORDER BY l.number DESC LIMIT 1
    ), false) AS is_fraud
    FROM newest n WHERE n.one IS NOT NULL AND n.other IS NOT NULL
)

SELECT t.score, count(k.one), count(*) FILTER (WHERE k.is_fraud), count(*) FILTER (WHERE k.one >= t.score),
    count(*) FILTER (WHERE k.one >= t.score AND k.is_fraud), count(*) FILTER (WHERE k.other >= t.score),
    count(*) FILTER (WHERE k.other >= t.score AND k.is_fraud)
FROM unnest(%(scores)s::integer []) AS t (score) LEFT JOIN known k ON true
GROUP BY t.score ORDER BY t.score;

-- name: caught
-- Of the payments to which a model gave a score, those that became known as fraud since a moment, a bounded number of them: how many,
-- and how many had this score or more.
SELECT count(*), count(*) FILTER (WHERE n.score >= %(score)s) FROM (
    SELECT a.score FROM (
        SELECT l.payment_id FROM risk.label l
        WHERE l.said_at >= %(since)s AND l.is_fraud
            AND l.number = (SELECT max(x.number) FROM risk.label x WHERE x.payment_id = l.payment_id)
        ORDER BY l.said_at DESC LIMIT %(most)s
    ) AS f JOIN risk.assessment a ON a.id = f.payment_id AND a.model = %(model)s
) AS n;

-- name: keep_health
-- How the champion does, instead of what was known of it before.
INSERT INTO risk.model_health (place, looked_at, drift, caught) VALUES (1, %(at)s, %(drift)s, %(caught)s)
ON CONFLICT (place) DO UPDATE SET looked_at = excluded.looked_at, drift = excluded.drift, caught = excluded.caught;

-- name: model_health
-- How the champion did when it was looked at since a moment.
SELECT h.drift, h.caught FROM risk.model_health h WHERE h.looked_at >= %(since)s;
