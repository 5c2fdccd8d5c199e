-- migrate:up
-- How payments were judged is counted by the minute and by the hour as they are rolled, so that the wall scans nothing.
SET LOCAL lock_timeout = '5s';

CREATE TABLE risk.pace (
    span_s smallint NOT NULL CONSTRAINT pace_span CHECK (span_s IN (60, 3600)),
    since_at timestamptz NOT NULL,
    currency text NOT NULL,
    action text NOT NULL CONSTRAINT pace_action CHECK (action IN ('approve', 'challenge', 'hold', 'deny')),
    payments bigint NOT NULL CONSTRAINT pace_some CHECK (payments > 0),
    declined bigint NOT NULL,
    by_fallback bigint NOT NULL,
    amount_minor bigint NOT NULL,
    CONSTRAINT pace_once PRIMARY KEY (span_s, since_at, currency, action)
) WITH (fillfactor = 70);

-- Nobody rolls between what is counted here and what the roller counts from now on.
SELECT r.xid FROM risk.rolled r FOR UPDATE;
INSERT INTO risk.pace (span_s, since_at, currency, action, payments, declined, by_fallback, amount_minor)
SELECT s.span_s, date_bin(make_interval(secs => s.span_s), a.at, timestamptz '1970-01-01T00:00:00Z'), a.currency, a.action, count(*),
    count(*) FILTER (WHERE a.is_declined), count(*) FILTER (WHERE a.model_fault IS NOT NULL), sum(a.amount_minor)::bigint
FROM risk.assessment a CROSS JOIN (VALUES (60::smallint), (3600::smallint)) AS s (span_s)
WHERE a.xid < (SELECT r.xid FROM risk.rolled r)
GROUP BY 1, 2, 3, 4;

-- migrate:down
