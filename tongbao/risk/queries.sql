-- name: remember
-- What was asked and what was known, of new payments of one transaction, which are still to be decided.
INSERT INTO risk.assessment (
    id, booking_date, at, xid, place, payer, payee, device, amount_minor, currency, is_night, is_declined, as_of, rolled_to,
    catalogue, features, action, points, hits, own, rules_change, rules_read_at, left_out, score, model, model_fault, beside_score,
    beside_model, latitude_e6, longitude_e6
)
SELECT a.id, b.open_date, %(at)s, pg_current_xact_id(), a.place, a.payer, a.payee, a.device, a.amount_minor, a.currency,
    a.is_night, false, %(as_of)s::pg_snapshot, %(rolled_to)s::text::xid8,
    %(catalogue)s, a.features::bigint [], a.action, a.points, a.hits::jsonb, a.own::jsonb, %(change)s, %(read_at)s,
    %(left_out)s::text [], a.score, a.model, a.model_fault, a.beside_score, a.beside_model,
    a.latitude_e6, a.longitude_e6
FROM base.business_day_view b, unnest(
    %(ids)s::uuid [], %(places)s::int [], %(payers)s::uuid [], %(payees)s::uuid [], %(devices)s::uuid [], %(amounts)s::bigint [],
    %(currencies)s::text [], %(nights)s::boolean [], %(features)s::text [], %(actions)s::text [], %(points)s::smallint [],
    %(hits)s::text [], %(own)s::text [], %(scores)s::smallint [], %(models)s::integer [], %(faults)s::text [],
    %(beside_scores)s::smallint [], %(beside_models)s::integer [], %(latitudes)s::integer [], %(longitudes)s::integer []
) AS a (
    id, place, payer, payee, device, amount_minor, currency, is_night, features, action, points, hits, own, score, model, model_fault,
    beside_score, beside_model, latitude_e6, longitude_e6
);

-- name: came_to_nothing
-- Payments of this transaction that were declined.
UPDATE risk.assessment SET is_declined = true
WHERE id = ANY(%(ids)s::uuid []) AND xid = pg_current_xact_id()
    AND booking_date >= (SELECT b.open_date - 1 FROM base.business_day_view b);

-- name: recall
-- What is known of entities (kinds as in risk.total; 5 tells of a meeting only), in one snapshot, which is told too, with those of
-- `ids` that are remembered already: of their newest 100 payments since the first of `edges` what lies between them (how many edges lie before it, then counts
-- and minor units of all, at night, declined), running totals before each of `hours` of their kind (ascending), when they were met first
-- and last, how many others they met since each of `met_since` (ascending, four at most; of their newest 100), and of a payee how many
-- payments from each of `fraud_since` to before its `fraud_until` whose newest label says fraud (100 at most); of a payer where it
-- last paid in a shop, and when.
WITH asked AS (
    SELECT a.place, a.kind, a.one, a.other, b.open_date - 31 AS since, (%(edges)s::timestamptz [])[1] AS lately,
        (%(met_since)s::timestamptz [])[1] AS met_1, (%(met_since)s::timestamptz [])[2] AS met_2, (%(met_since)s::timestamptz [])[3] AS met_3,
        (%(met_since)s::timestamptz [])[4] AS met_4
    FROM base.business_day_view b, unnest(%(kinds)s::smallint [], %(ones)s::uuid [], %(others)s::uuid []) WITH ORDINALITY AS a (kind, one, other, place)
),

newest AS (
    SELECT a.place, width_bucket(p.at, %(edges)s::timestamptz []) AS bucket, p.amount_minor, p.is_night, p.is_declined
    FROM asked a CROSS JOIN LATERAL (
        SELECT s.at, s.amount_minor, s.is_night, s.is_declined FROM risk.assessment s
        WHERE s.payer = a.one AND s.at >= a.lately AND s.booking_date >= a.since
        ORDER BY s.at DESC, s.id DESC LIMIT 100
    ) AS p WHERE a.kind = 1
    UNION ALL
    SELECT a.place, width_bucket(p.at, %(edges)s::timestamptz []) AS bucket, p.amount_minor, p.is_night, p.is_declined
    FROM asked a CROSS JOIN LATERAL (
        SELECT s.at, s.amount_minor, s.is_night, s.is_declined FROM risk.assessment s
        WHERE s.payee = a.one AND s.at >= a.lately AND s.booking_date >= a.since
        ORDER BY s.at DESC, s.id DESC LIMIT 100
    ) AS p WHERE a.kind = 2
    UNION ALL
    SELECT a.place, width_bucket(p.at, %(edges)s::timestamptz []) AS bucket, p.amount_minor, p.is_night, p.is_declined
    FROM asked a CROSS JOIN LATERAL (
        SELECT s.at, s.amount_minor, s.is_night, s.is_declined FROM risk.assessment s
        WHERE s.device = a.one AND s.at >= a.lately AND s.booking_date >= a.since
        ORDER BY s.at DESC, s.id DESC LIMIT 100
    ) AS p WHERE a.kind = 3
),

lately AS (
    SELECT b.place, array_agg(b.found) AS found
    FROM (
        SELECT n.place, ARRAY[
            n.bucket, count(*), sum(n.amount_minor)::bigint,
            count(*) FILTER (WHERE n.is_night), coalesce(sum(n.amount_minor) FILTER (WHERE n.is_night), 0)::bigint,
            count(*) FILTER (WHERE n.is_declined), coalesce(sum(n.amount_minor) FILTER (WHERE n.is_declined), 0)::bigint
        ] AS found
        FROM newest n GROUP BY n.place, n.bucket
    ) AS b GROUP BY b.place
),

last AS MATERIALIZED (
    SELECT a.place, t.*
    FROM asked a CROSS JOIN LATERAL (
        SELECT * FROM risk.total x
        WHERE x.kind = a.kind AND x.one = a.one AND x.other = a.other
        ORDER BY x.hour DESC LIMIT 1
    ) AS t
    WHERE a.kind < 5
),

totals AS (
    SELECT l.place, array_agg(ARRAY[
        coalesce(t.counted, 0), coalesce(t.amount_minor, 0), coalesce(t.nights, 0), coalesce(t.night_minor, 0),
        coalesce(t.declined, 0), coalesce(t.declined_minor, 0)
    ] ORDER BY h.place) AS found
    FROM last l
    JOIN unnest(%(hour_kinds)s::smallint [], %(hours)s::int []) WITH ORDINALITY AS h (kind, hour, place) ON h.kind = l.kind
    LEFT JOIN LATERAL (
        SELECT l.counted, l.amount_minor, l.nights, l.night_minor, l.declined, l.declined_minor WHERE l.hour < h.hour
        UNION ALL
        (
            SELECT x.counted, x.amount_minor, x.nights, x.night_minor, x.declined, x.declined_minor FROM risk.total x
            WHERE l.hour >= h.hour AND x.kind = l.kind AND x.one = l.one AND x.other = l.other AND x.hour < h.hour
            ORDER BY x.hour DESC LIMIT 1
        )
    ) AS t ON true
    GROUP BY l.place
)

SELECT
    pg_current_snapshot()::text, (SELECT r.xid::text::bigint FROM risk.rolled r),
    ARRAY(
        SELECT s.id FROM risk.assessment s
        WHERE s.id = ANY(%(ids)s::uuid []) AND s.booking_date >= (SELECT b.open_date - 31 FROM base.business_day_view b)
    ), l.found, t.found, floor(extract(epoch FROM m.first_at))::bigint, floor(extract(epoch FROM m.last_at))::bigint,
    CASE WHEN a.kind IN (1, 3) AND m.last_at >= a.met_1 THEN (
        SELECT ARRAY[
            count(*), count(*) FILTER (WHERE f.last_at >= a.met_2), count(*) FILTER (WHERE f.last_at >= a.met_3),
            count(*) FILTER (WHERE f.last_at >= a.met_4)
        ] FROM (
            SELECT x.last_at FROM risk.met x
            WHERE x.kind = CASE a.kind WHEN 1 THEN 4 WHEN 3 THEN 5 END AND x.one = a.one AND x.last_at >= a.met_1
            ORDER BY x.last_at DESC LIMIT 100
        ) AS f
    ) END,
    CASE WHEN a.kind IN (1, 2) AND m.last_at >= a.met_1 THEN (
        SELECT ARRAY[
            count(*), count(*) FILTER (WHERE f.last_at >= a.met_2), count(*) FILTER (WHERE f.last_at >= a.met_3),
            count(*) FILTER (WHERE f.last_at >= a.met_4)
        ] FROM (
            SELECT x.last_at FROM risk.met x
            WHERE x.kind = CASE a.kind WHEN 2 THEN 4 WHEN 1 THEN 5 END AND x.other = a.one AND x.last_at >= a.met_1
            ORDER BY x.last_at DESC LIMIT 100
        ) AS f
    ) END,
    CASE WHEN a.kind = 2 THEN ARRAY(
        SELECT (
            SELECT count(*) FROM (
                SELECT FROM risk.label f
                WHERE f.payee = a.one AND f.is_fraud AND f.paid_at >= h.since AND f.paid_at < coalesce(h.until, 'infinity') AND NOT EXISTS (
                    SELECT FROM risk.label n WHERE n.payment_id = f.payment_id AND n.number > f.number
                ) LIMIT 100
            ) AS found
        ) FROM unnest(%(fraud_since)s::timestamptz [], %(fraud_until)s::timestamptz []) WITH ORDINALITY AS h (since, until, place)
        ORDER BY h.place
    ) END, m.latitude_e6, m.longitude_e6, floor(extract(epoch FROM m.placed_at))::bigint
FROM asked a
LEFT JOIN lately l ON l.place = a.place
LEFT JOIN totals t ON t.place = a.place
LEFT JOIN risk.met m ON m.kind = a.kind AND m.one = a.one AND m.other = a.other
ORDER BY a.place;

-- name: assessment
-- What was known of a payment.
SELECT id, at, payer, payee, device, amount_minor, currency, is_declined, catalogue, features, action, points, hits
FROM risk.assessment WHERE id = %(id)s;

-- name: lock_rolled
-- How far assessments are rolled, for the one who rolls on; no row where somebody else does.
SELECT xid::text::bigint FROM risk.rolled FOR UPDATE SKIP LOCKED;

-- name: roll_until
-- The transaction up to which to roll now: whole transactions, some more than `most` payments, all of them ended. The same as
-- `since` where there is nothing.
SELECT coalesce(
    (
        SELECT least(pg_snapshot_xmin(pg_current_snapshot()), (a.xid::text::bigint + 1)::text::xid8)::text::bigint
        FROM risk.assessment a WHERE a.xid >= %(since)s::text::xid8 ORDER BY a.xid OFFSET %(most)s LIMIT 1
    ),
    pg_snapshot_xmin(pg_current_snapshot())::text::bigint
);

-- name: roll_totals
-- Assessments of the transactions from `since` to before `until`, into the running totals of their hours and of all later ones.
WITH fresh AS (
    SELECT e.kind, e.one, e.other, floor(extract(epoch FROM a.at) / 3600)::int AS hour, count(*) AS counted,
        sum(a.amount_minor)::bigint AS amount_minor, count(*) FILTER (WHERE a.is_night) AS nights,
        coalesce(sum(a.amount_minor) FILTER (WHERE a.is_night), 0)::bigint AS night_minor,
        count(*) FILTER (WHERE a.is_declined) AS declined,
        coalesce(sum(a.amount_minor) FILTER (WHERE a.is_declined), 0)::bigint AS declined_minor
    FROM risk.assessment a
    CROSS JOIN LATERAL (
        VALUES (1::smallint, a.payer, %(nobody)s::uuid), (2, a.payee, %(nobody)s::uuid), (3, a.device, %(nobody)s::uuid),
            (4, CASE WHEN a.payee IS NOT NULL THEN a.payer END, a.payee)
    ) AS e (kind, one, other)
    WHERE a.xid >= %(since)s::text::xid8 AND a.xid < %(until)s::text::xid8 AND e.one IS NOT NULL
    GROUP BY 1, 2, 3, 4
),

running AS (
    SELECT f.kind, f.one, f.other, f.hour, sum(f.counted) OVER so_far AS counted, sum(f.amount_minor) OVER so_far AS amount_minor,
        sum(f.nights) OVER so_far AS nights, sum(f.night_minor) OVER so_far AS night_minor,
        sum(f.declined) OVER so_far AS declined, sum(f.declined_minor) OVER so_far AS declined_minor,
        lead(f.hour) OVER so_far AS next_hour
    FROM fresh f WINDOW so_far AS (PARTITION BY f.kind, f.one, f.other ORDER BY f.hour)
),

changed AS (
    UPDATE risk.total t
    SET counted = t.counted + r.counted, amount_minor = t.amount_minor + r.amount_minor, nights = t.nights + r.nights,
        night_minor = t.night_minor + r.night_minor, declined = t.declined + r.declined,
        declined_minor = t.declined_minor + r.declined_minor
    FROM running r
    WHERE t.kind = r.kind AND t.one = r.one AND t.other = r.other AND t.hour >= r.hour
        AND (r.next_hour IS NULL OR t.hour < r.next_hour)
)

INSERT INTO risk.total (
    kind, one, other, hour, counted, amount_minor, nights, night_minor, declined, declined_minor
)
SELECT r.kind, r.one, r.other, r.hour, r.counted + coalesce(b.counted, 0), r.amount_minor + coalesce(b.amount_minor, 0),
    r.nights + coalesce(b.nights, 0), r.night_minor + coalesce(b.night_minor, 0), r.declined + coalesce(b.declined, 0),
    r.declined_minor + coalesce(b.declined_minor, 0)
FROM running r
LEFT JOIN LATERAL (
    SELECT * FROM risk.total x
    WHERE x.kind = r.kind AND x.one = r.one AND x.other = r.other AND x.hour <= r.hour
    ORDER BY x.hour DESC LIMIT 1
) AS b ON true
WHERE b.hour IS DISTINCT FROM r.hour;

-- name: roll_met
-- The same, into who has met whom, and where a payer was last (of two places at one moment the more northern, then the more eastern).
INSERT INTO risk.met (kind, one, other, first_at, last_at, placed_at, latitude_e6, longitude_e6)
SELECT e.kind, e.one, e.other, min(a.at), max(a.at), max(a.at) FILTER (WHERE e.kind = 1 AND a.latitude_e6 IS NOT NULL),
    (array_agg(a.latitude_e6 ORDER BY a.at DESC, a.latitude_e6 DESC, a.longitude_e6 DESC) FILTER (
        WHERE e.kind = 1 AND a.latitude_e6 IS NOT NULL
    ))[1],
    (array_agg(a.longitude_e6 ORDER BY a.at DESC, a.latitude_e6 DESC, a.longitude_e6 DESC) FILTER (
        WHERE e.kind = 1 AND a.latitude_e6 IS NOT NULL
    ))[1]
FROM risk.assessment a
CROSS JOIN LATERAL (
    VALUES (1::smallint, a.payer, %(nobody)s::uuid), (2, a.payee, %(nobody)s::uuid), (3, a.device, %(nobody)s::uuid),
        (4, CASE WHEN a.payee IS NOT NULL THEN a.payer END, a.payee), (5, a.device, a.payer)
) AS e (kind, one, other)
WHERE a.xid >= %(since)s::text::xid8 AND a.xid < %(until)s::text::xid8 AND e.one IS NOT NULL
GROUP BY 1, 2, 3
ORDER BY 1, 2, 3
ON CONFLICT (kind, one, other) DO UPDATE
SET first_at = least(met.first_at, excluded.first_at), last_at = greatest(met.last_at, excluded.last_at),
    (placed_at, latitude_e6, longitude_e6) = (
        SELECT p.placed_at, p.latitude_e6, p.longitude_e6
        FROM (VALUES (met.placed_at, met.latitude_e6, met.longitude_e6), (excluded.placed_at, excluded.latitude_e6, excluded.longitude_e6))
            AS p (placed_at, latitude_e6, longitude_e6)
        ORDER BY p.placed_at DESC NULLS LAST, p.latitude_e6 DESC, p.longitude_e6 DESC LIMIT 1
    );

-- name: roll_hits
-- The same, into how many payments of a day met which rule.
INSERT INTO risk.rule_hits (rule_id, mode, day, hits)
SELECT (h.hit ->> 'rule_id')::uuid, h.hit ->> 'mode', a.booking_date, count(*)
FROM risk.assessment a CROSS JOIN LATERAL jsonb_array_elements(a.hits) AS h (hit)
WHERE a.xid >= %(since)s::text::xid8 AND a.xid < %(until)s::text::xid8 AND a.hits IS NOT NULL
GROUP BY 1, 2, 3
ORDER BY 1, 2, 3
ON CONFLICT (rule_id, mode, day) DO UPDATE SET hits = rule_hits.hits + excluded.hits;

-- name: rolled_until
-- Remembers how far totals go, in the transaction that brought them there.
UPDATE risk.rolled SET xid = %(until)s::text::xid8, rolled_at = %(at)s;

-- name: forget_totals
-- Of the next `most` totals behind one of them, those that are followed by another before hour `before`; the last one that was looked at.
WITH looked AS (
    SELECT t.kind, t.one, t.other, t.hour FROM risk.total t
    WHERE (t.kind, t.one, t.other, t.hour) > (%(kind)s::smallint, %(one)s::uuid, %(other)s::uuid, %(hour)s::int)
    ORDER BY t.kind, t.one, t.other, t.hour LIMIT %(most)s
),

followed AS (
    SELECT l.*, lead(l.hour) OVER (PARTITION BY l.kind, l.one, l.other ORDER BY l.hour) AS next_hour FROM looked l
),

gone AS (
    DELETE FROM risk.total t USING followed f
    WHERE t.kind = f.kind AND t.one = f.one AND t.other = f.other AND t.hour = f.hour AND f.next_hour < %(before)s
)

SELECT l.kind, l.one, l.other, l.hour FROM looked l ORDER BY l.kind DESC, l.one DESC, l.other DESC, l.hour DESC LIMIT 1;

-- name: asks_to_hold
-- Of these payments those that rules wanted held. They were made within the days in which a payment may still wait for its payer.
SELECT a.id FROM risk.assessment a
WHERE a.id = ANY(%(ids)s::uuid []) AND a.action = 'hold' AND a.booking_date >= (SELECT b.open_date - 31 FROM base.business_day_view b);

-- name: rule_texts
-- What versions of rules say to people, in the order asked for.
SELECT v.why_en, v.why_zh, v.told_en, v.told_zh
FROM unnest(%(rules)s::uuid [], %(versions)s::int []) WITH ORDINALITY AS w (rule_id, version, place)
JOIN risk.rule_version v ON v.rule_id = w.rule_id AND v.version = w.version
ORDER BY w.place;

-- name: risks_of
-- How risky payments of the last weeks were found, 0 to 100: the points of the rules or the champion's score, whichever is more.
SELECT a.id, greatest(a.points, coalesce(a.score, 0)) FROM risk.assessment a
WHERE a.id = ANY(%(ids)s::uuid []) AND a.booking_date >= (SELECT b.open_date - 31 FROM base.business_day_view b);
