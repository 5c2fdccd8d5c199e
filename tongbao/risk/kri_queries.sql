-- name: kri_days
-- Of each day from one on, in this zone: payments judged, asked, held, denied, judged without the model, volume that was let pass; minor
-- units of frauds let pass that became known, payments known that were not let pass, and genuine ones among them; labels, the hours from
-- payment to label of all of them, and labels of frauds that customers said. Of labels the newest `most`.
WITH paces AS (
    SELECT (p.since_at AT TIME ZONE %(zone)s)::date AS day, sum(p.payments) AS judged,
        sum(p.payments) FILTER (WHERE p.action = 'challenge') AS asked, sum(p.payments) FILTER (WHERE p.action = 'hold') AS held,
        sum(p.payments) FILTER (WHERE p.action = 'deny') AS denied, sum(p.by_fallback) AS by_fallback,
        sum(p.amount_minor) FILTER (WHERE p.action = 'approve') AS volume_minor
    FROM risk.pace p
    WHERE p.span_s = 3600 AND p.since_at >= %(since)s AND p.since_at <= %(until)s AND p.currency = %(currency)s
    GROUP BY 1
),

newest AS (
    SELECT l.payment_id, l.is_fraud, l.source, l.said_at FROM risk.label l
    WHERE l.said_at >= %(since)s AND l.said_at <= %(until)s
        AND l.number = (SELECT max(x.number) FROM risk.label x WHERE x.payment_id = l.payment_id)
    ORDER BY l.said_at DESC LIMIT %(most)s
),

labels AS (
    SELECT (n.said_at AT TIME ZONE %(zone)s)::date AS day,
        sum(a.amount_minor) FILTER (WHERE n.is_fraud AND a.action = 'approve' AND NOT a.is_declined) AS lost_minor,
        count(*) FILTER (WHERE a.action <> 'approve') AS stopped,
        count(*) FILTER (WHERE a.action <> 'approve' AND NOT n.is_fraud) AS false_alarms, count(*) AS labelled,
        sum(greatest(floor(extract(epoch FROM n.said_at - a.at) / 3600), 0)) AS delay_hours,
        count(*) FILTER (WHERE n.is_fraud AND n.source = 'customer') AS not_mine
    FROM newest n JOIN risk.assessment a ON a.id = n.payment_id AND a.currency = %(currency)s
    GROUP BY 1
)

SELECT d.day, coalesce(p.judged, 0)::bigint, coalesce(p.asked, 0)::bigint, coalesce(p.held, 0)::bigint, coalesce(p.denied, 0)::bigint,
    coalesce(p.by_fallback, 0)::bigint, coalesce(p.volume_minor, 0)::bigint, coalesce(l.lost_minor, 0)::bigint,
    coalesce(l.stopped, 0)::bigint, coalesce(l.false_alarms, 0)::bigint, coalesce(l.labelled, 0)::bigint,
    coalesce(l.delay_hours, 0)::bigint, coalesce(l.not_mine, 0)::bigint
FROM (
    SELECT g.day::date AS day FROM generate_series(
        (%(since)s AT TIME ZONE %(zone)s)::date, (%(until)s AT TIME ZONE %(zone)s)::date, interval '1 day'
    ) AS g (day)
) AS d LEFT JOIN paces p ON p.day = d.day LEFT JOIN labels l ON l.day = d.day
ORDER BY d.day;

-- name: limits
-- Limits of every indicator in force.
SELECT DISTINCT ON (indicator) indicator, version, amber, red, since_at, reason, approval_id, tightens
FROM risk.indicator_limit ORDER BY indicator, version DESC;

-- name: limits_of
-- Limits that one indicator has had, newest first.
SELECT indicator, version, amber, red, since_at, reason, approval_id, tightens
FROM risk.indicator_limit WHERE indicator = %(indicator)s ORDER BY version DESC LIMIT %(most)s;

-- name: add_limit
-- The next version of an indicator's limits; answers nothing where somebody else's came first.
INSERT INTO risk.indicator_limit (indicator, version, amber, red, since_at, reason, proposed_by, approved_by, approval_id, tightens)
SELECT k, %(version)s, %(amber)s, %(red)s, %(at)s, %(reason)s, %(proposed_by)s, %(approved_by)s, %(approval_id)s,
    %(tightens)s
FROM unnest(%(keys)s::text []) AS u (k)
ON CONFLICT (indicator, version) DO NOTHING RETURNING indicator;

-- name: tell_breaches
-- Indicators that are beyond a limit on a day, and still are; whether nobody was told of it yet.
INSERT INTO risk.indicator_breach (indicator, day, state, value, version, told_at, last_at)
SELECT k, %(day)s, b.state, b.value, b.version, %(at)s, %(at)s
FROM unnest(%(keys)s::text [], %(states)s::text [], %(values)s::bigint [], %(versions)s::int []) AS b (k, state, value, version)
ON CONFLICT (indicator, day, state) DO UPDATE SET last_at = greatest(indicator_breach.last_at, excluded.last_at)
RETURNING indicator, xmax = 0;

-- name: breaches
-- What was beyond a limit lately, newest first, of all indicators.
SELECT indicator, day, state, value, version, told_at FROM risk.indicator_breach ORDER BY told_at DESC, indicator LIMIT %(most)s;
