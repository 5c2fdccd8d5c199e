-- name: roll_pace
-- Assessments of the transactions from `since` to before `until`, into how payments were judged by the minute and by the hour.
INSERT INTO risk.pace (span_s, since_at, currency, action, payments, declined, by_fallback, amount_minor)
SELECT s.span_s, date_bin(make_interval(secs => s.span_s), a.at, timestamptz '1970-01-01T00:00:00Z'), a.currency, a.action, count(*),
    count(*) FILTER (WHERE a.is_declined), count(*) FILTER (WHERE a.model_fault IS NOT NULL), sum(a.amount_minor)::bigint
FROM risk.assessment a CROSS JOIN (VALUES (60::smallint), (3600::smallint)) AS s (span_s)
WHERE a.xid >= %(since)s::text::xid8 AND a.xid < %(until)s::text::xid8
GROUP BY 1, 2, 3, 4
ORDER BY 1, 2, 3, 4
ON CONFLICT (span_s, since_at, currency, action) DO UPDATE
SET payments = pace.payments + excluded.payments, declined = pace.declined + excluded.declined,
    by_fallback = pace.by_fallback + excluded.by_fallback, amount_minor = pace.amount_minor + excluded.amount_minor;

-- name: roll_districts
-- The same, into where payments were made in shops, by the hour.
INSERT INTO risk.district_pace (since_at, district, payments, odd, latitude_e6, longitude_e6)
SELECT date_bin('1 hour', a.at, timestamptz '1970-01-01T00:00:00Z'), a.own ->> 'district', count(*),
    count(*) FILTER (WHERE a.action <> 'approve'), sum(a.latitude_e6)::bigint, sum(a.longitude_e6)::bigint
FROM risk.assessment a
WHERE a.xid >= %(since)s::text::xid8 AND a.xid < %(until)s::text::xid8 AND a.latitude_e6 IS NOT NULL AND a.own ? 'district'
GROUP BY 1, 2
ORDER BY 1, 2
ON CONFLICT (since_at, district) DO UPDATE
SET payments = district_pace.payments + excluded.payments, odd = district_pace.odd + excluded.odd,
    latitude_e6 = district_pace.latitude_e6 + excluded.latitude_e6, longitude_e6 = district_pace.longitude_e6 + excluded.longitude_e6;

-- name: forget_districts
-- Hours that are older than they are kept for.
DELETE FROM risk.district_pace p WHERE p.since_at < %(hours_before)s;

-- name: forget_pace
-- What is older than its span is kept for.
DELETE FROM risk.pace p
WHERE p.since_at < CASE p.span_s WHEN 60 THEN %(minutes_before)s::timestamptz ELSE %(hours_before)s::timestamptz END;

-- name: wall_minutes
-- How payments were judged, by the minute.
SELECT p.since_at, p.action, p.payments FROM risk.pace p
WHERE p.span_s = 60 AND p.since_at >= %(since)s AND p.since_at <= %(until)s AND p.currency = %(currency)s
ORDER BY p.since_at;

-- name: wall_spans
-- Of each span (its rows' width and since when) how payments were judged in it.
SELECT w.place, p.action, sum(p.payments)::bigint, sum(p.declined)::bigint, sum(p.by_fallback)::bigint, sum(p.amount_minor)::bigint
FROM unnest(%(widths)s::smallint [], %(sinces)s::timestamptz []) WITH ORDINALITY AS w (span_s, since_at, place)
JOIN risk.pace p ON p.span_s = w.span_s AND p.since_at >= w.since_at AND p.since_at <= %(until)s AND p.currency = %(currency)s
GROUP BY w.place, p.action
ORDER BY w.place, p.action;

-- name: wall_grid
-- By day of the week (1 is Monday) and hour of the zone: payments, and those of them that were not simply let pass.
SELECT extract(isodow FROM p.since_at AT TIME ZONE %(zone)s)::int, extract(hour FROM p.since_at AT TIME ZONE %(zone)s)::int,
    sum(p.payments)::bigint, coalesce(sum(p.payments) FILTER (WHERE p.action <> 'approve'), 0)::bigint
FROM risk.pace p
WHERE p.span_s = 3600 AND p.since_at >= %(since)s AND p.since_at <= %(until)s AND p.currency = %(currency)s
GROUP BY 1, 2;

-- name: wall_districts
-- The districts in whose shops most was paid: payments, those of them that were not simply let pass, and where the district lies.
SELECT p.district, sum(p.payments)::bigint, sum(p.odd)::bigint, (sum(p.latitude_e6) / sum(p.payments))::bigint,
    (sum(p.longitude_e6) / sum(p.payments))::bigint
FROM risk.district_pace p WHERE p.since_at >= %(since)s AND p.since_at <= %(until)s
GROUP BY p.district ORDER BY 2 DESC, 1 LIMIT %(most)s;

-- name: wall_odd
-- The newest payments that were not simply let pass.
SELECT a.id, a.at, a.amount_minor, a.currency, a.action, greatest(a.points, coalesce(a.score, 0)), (
    SELECT h.hit ->> 'name' FROM jsonb_array_elements(a.hits) AS h (hit)
    WHERE h.hit ->> 'mode' = 'live' ORDER BY h.hit ->> 'action' = a.action DESC LIMIT 1
)
FROM risk.assessment a
WHERE a.action <> 'approve' AND a.at >= %(since)s AND a.at <= %(until)s
    AND a.booking_date >= (SELECT b.open_date - 31 FROM base.business_day_view b)
ORDER BY a.at DESC, a.id DESC LIMIT %(most)s;

-- name: wall_rules
-- The rules that were met most on the open day.
SELECT h.rule_id, r.name, h.mode, h.hits
FROM base.business_day_view b JOIN risk.rule_hits h ON h.day = b.open_date JOIN risk.rule r ON r.id = h.rule_id
ORDER BY h.hits DESC, r.name, h.mode LIMIT %(most)s;

-- name: wall_behind
-- Since when payments were judged that are not counted yet; nothing where all are.
SELECT a.at FROM risk.assessment a WHERE a.xid >= (SELECT r.xid FROM risk.rolled r) ORDER BY a.xid LIMIT 1;

-- name: wall_labelled
-- Of the payments that somebody called fraud or genuine since a moment, the newest `most` of them, by the newest label: how many; frauds;
-- minor units of those frauds that were let pass and went through, and of those that were not let pass; those that were not let pass
-- though they were genuine, and all that were not let pass.
SELECT count(*), count(*) FILTER (WHERE n.is_fraud),
    coalesce(sum(a.amount_minor) FILTER (WHERE n.is_fraud AND a.action = 'approve' AND NOT a.is_declined), 0)::bigint,
    coalesce(sum(a.amount_minor) FILTER (WHERE n.is_fraud AND a.action <> 'approve'), 0)::bigint,
    count(*) FILTER (WHERE NOT n.is_fraud AND a.action <> 'approve'), count(*) FILTER (WHERE a.action <> 'approve')
FROM (
    SELECT l.payment_id, l.is_fraud FROM risk.label l
    WHERE l.said_at >= %(since)s AND l.said_at <= %(until)s
        AND l.number = (SELECT max(x.number) FROM risk.label x WHERE x.payment_id = l.payment_id)
    ORDER BY l.said_at DESC LIMIT %(most)s
) AS n JOIN risk.assessment a ON a.id = n.payment_id AND a.currency = %(currency)s;
