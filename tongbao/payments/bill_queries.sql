-- What a month cost its payer.

-- name: bill
-- What left an account, less what came back: by category for the month and for the one before it, and by day for the month.
-- Rows of a category have no day; rows of a day no category.
WITH spent AS (
    SELECT coalesce(m.category, CASE WHEN p.merchant_id IS NULL THEN p.kind ELSE 'other' END) AS category,
        p.created_at < %(since)s AS earlier,
        (p.created_at AT TIME ZONE %(zone)s)::date AS day,
        p.captured_minor - p.refunded_minor AS minor
    FROM payments.payment AS p LEFT JOIN merchants.merchant_view AS m ON m.id = p.merchant_id
    WHERE p.payer_account_id = %(account_id)s::uuid AND p.created_at >= %(before)s AND p.created_at < %(until)s
      AND p.captured_minor > 0
)
SELECT category, day, earlier, count(*), sum(minor)::bigint
FROM spent
GROUP BY GROUPING SETS ((category, earlier), (day, earlier))
HAVING category IS NOT NULL OR NOT earlier
ORDER BY sum(minor) DESC, category, day;

-- name: days
-- What left an account from a moment on, less what came back, by day; days without payments are left out.
SELECT (p.created_at AT TIME ZONE %(zone)s)::date AS day, sum(p.captured_minor - p.refunded_minor)::bigint
FROM payments.payment AS p
WHERE p.payer_account_id = %(account_id)s::uuid AND p.created_at >= %(since)s AND p.captured_minor > 0
GROUP BY 1 ORDER BY 1;
