-- What customers are warned of and told, and how they answered the lesson.

-- name: warn
-- What to warn a payer of, and that he was warned of it; what he dismissed for this payee is left out, as is a payee who is himself.
WITH paid AS (
    SELECT coalesce(max(p.captured_minor), 0) AS most_minor,
        coalesce(bool_or(p.payee_account_id = %(payee_id)s OR p.merchant_id = %(payee_id)s), false) AS knows
    FROM (
        SELECT payee_account_id, merchant_id, captured_minor FROM payments.payment_view
        WHERE payer_account_id = %(payer_account_id)s ORDER BY created_at DESC, id DESC LIMIT %(looked_at)s
    ) AS p
    WHERE p.captured_minor > 0
),
found AS (
    SELECT 'new_and_large' AS code FROM paid WHERE NOT knows AND %(amount_minor)s::bigint >= greatest(most_minor + 1, %(large_minor)s)
    UNION ALL
    SELECT 'new_account' FROM identity.account_age_view, paid WHERE id = %(payee_id)s AND opened_at > %(new_since)s AND NOT knows
    UNION ALL
    SELECT 'reported' FROM care.report
    WHERE payee_id = %(payee_id)s AND reported_at > %(reported_since)s AND customer_id <> %(customer_id)s
    HAVING count(DISTINCT customer_id) >= %(reports)s
    UNION ALL
    SELECT unnest(%(said)s::text[])
),
wanted AS (
    SELECT f.code FROM found f
    WHERE NOT EXISTS (
        SELECT FROM care.warning w
        WHERE w.customer_id = %(customer_id)s AND w.payee_id = %(payee_id)s AND w.code = f.code AND w.dismissed_at IS NOT NULL
    )
    AND NOT EXISTS (SELECT FROM identity.account_age_view o WHERE o.id = %(payee_id)s AND o.customer_id = %(customer_id)s)
),
shown AS (
    INSERT INTO care.warning (payment_id, code, customer_id, payee_id, shown_at)
    SELECT %(payment_id)s, code, %(customer_id)s, %(payee_id)s, %(at)s FROM wanted
    ON CONFLICT (payment_id, code) DO NOTHING
)
SELECT code FROM wanted;

-- name: tips
-- Of the tips of a page, in their order, those that matter to him and that he did not dismiss; the first of them is shown.
WITH wanted AS (
    SELECT u.code, u.place FROM unnest(%(codes)s::text[]) WITH ORDINALITY AS u (code, place)
    WHERE NOT EXISTS (
        SELECT FROM care.tip t WHERE t.customer_id = %(customer_id)s AND t.code = u.code AND t.dismissed_at IS NOT NULL
    )
    AND CASE u.code
        WHEN 'lesson' THEN NOT EXISTS (SELECT FROM care.lesson l WHERE l.customer_id = %(customer_id)s)
        ELSE true
    END
    ORDER BY u.place LIMIT 1
),
shown AS (
    INSERT INTO care.tip (customer_id, code, shown_at)
    SELECT %(customer_id)s, code, %(at)s FROM wanted ON CONFLICT (customer_id, code) DO NOTHING
)
SELECT code FROM wanted;

-- name: add_report
-- Whom the payment went to that somebody says he did not make; the same request again adds nothing.
INSERT INTO care.report (request_id, payee_id, customer_id, reported_at)
VALUES (%(request_id)s, %(payee_id)s, %(customer_id)s, %(at)s) ON CONFLICT (request_id) DO NOTHING;

-- name: dismiss_warning
-- No such warning about this payee any more.
UPDATE care.warning SET dismissed_at = %(at)s
WHERE customer_id = %(customer_id)s AND payee_id = %(payee_id)s AND code = %(code)s AND dismissed_at IS NULL;

-- name: dismiss_tip
-- Never again.
UPDATE care.tip SET dismissed_at = %(at)s WHERE customer_id = %(customer_id)s AND code = %(code)s AND dismissed_at IS NULL;

-- name: open_tip
-- He wanted to know more.
UPDATE care.tip SET opened_at = %(at)s WHERE customer_id = %(customer_id)s AND code = %(code)s AND opened_at IS NULL;

-- name: warning_counts
-- By warning: how often shown, how many of these payments were made, how many were not after so long, how many wanted it no more.
SELECT w.code, count(*), count(p.id), count(*) FILTER (WHERE p.id IS NULL AND w.shown_at < %(until)s), count(w.dismissed_at)
FROM care.warning w LEFT JOIN payments.payment_view p ON p.id = w.payment_id
WHERE w.shown_at >= %(since)s GROUP BY w.code;

-- name: tip_counts
-- By tip: to how many shown, by how many opened and dismissed. Of the tip of a month, who wants no tips was not told.
SELECT code, count(*) FILTER (WHERE code NOT LIKE 'month%%' OR dismissed_at IS NULL), count(opened_at), 0::bigint, count(dismissed_at)
FROM care.tip GROUP BY code;

-- name: claim_month
-- The next people who have not been told the tip of this month, told from now on, and the language that each of them reads.
WITH next AS (
    SELECT c.id FROM identity.customer_view c
    WHERE c.kind = 'person' AND c.status <> 'closed'
        AND NOT EXISTS (SELECT FROM care.tip t WHERE t.customer_id = c.id AND t.code = %(code)s)
    ORDER BY c.id LIMIT %(most)s
),
told AS (
    INSERT INTO care.tip (customer_id, code, shown_at) SELECT id, %(code)s, %(at)s FROM next
    ON CONFLICT (customer_id, code) DO NOTHING RETURNING customer_id
)
SELECT t.customer_id, coalesce(l.language, 'zh') FROM told t LEFT JOIN identity.language_view l ON l.customer_id = t.customer_id;

-- name: unclaim
-- Who wants no tips was told none.
UPDATE care.tip SET dismissed_at = %(at)s WHERE code = %(code)s AND customer_id = ANY(%(ids)s::uuid[]);

-- name: answer_case
-- How he answered, the last time.
INSERT INTO care.lesson AS l (customer_id, case_no, choice, is_right, answered_at)
VALUES (%(customer_id)s, %(case_no)s, %(choice)s, %(is_right)s, %(at)s)
ON CONFLICT (customer_id, case_no) DO UPDATE
SET choice = excluded.choice, is_right = excluded.is_right, answered_at = excluded.answered_at
WHERE l.choice <> excluded.choice;

-- name: answers
-- How customers answered the cases, in their order.
SELECT customer_id, case_no, choice, is_right FROM care.lesson WHERE customer_id = ANY(%(ids)s::uuid[]) ORDER BY customer_id, case_no;

-- name: lesson_counts
-- By case: how many answered it, and how many of them rightly.
SELECT case_no, count(*), count(*) FILTER (WHERE is_right) FROM care.lesson GROUP BY case_no ORDER BY case_no;

-- name: habits
-- How he pays: of his last 200 payments how many there were, at night, to payees whom he pays once, and large ones; whether he has
-- more than a password and a PIN to prove himself.
SELECT count(*), count(*) FILTER (WHERE extract(hour FROM p.created_at AT TIME ZONE %(zone)s) < 6),
    count(*) FILTER (WHERE p.amount_minor >= %(large_minor)s), count(DISTINCT p.payee_id),
    EXISTS (SELECT FROM identity.factor_view f WHERE f.customer_id = %(customer_id)s AND f.kind IN ('totp', 'passkey', 'device'))
FROM (
    SELECT v.created_at, v.amount_minor, coalesce(v.merchant_id, v.payee_account_id) AS payee_id
    FROM identity.account_age_view a JOIN payments.payment_view v ON v.payer_account_id = a.id
    WHERE a.customer_id = %(customer_id)s AND v.captured_minor > 0 AND v.created_at > %(since)s
    ORDER BY v.created_at DESC, v.id DESC LIMIT 200
) AS p;

-- name: known_of
-- All that is kept of what a customer was warned of, told and taught, newest first.
SELECT 'warning', code, shown_at, NULL::timestamptz, dismissed_at, NULL::boolean FROM care.warning
WHERE customer_id = %(customer_id)s
UNION ALL
SELECT 'tip', code, shown_at, opened_at, dismissed_at, NULL FROM care.tip WHERE customer_id = %(customer_id)s
UNION ALL
SELECT 'lesson', case_no::text, answered_at, NULL, NULL, is_right FROM care.lesson WHERE customer_id = %(customer_id)s
ORDER BY 3 DESC LIMIT %(most)s;

-- name: forget_warnings
-- Those of long ago, and of customers who have left, a chunk at a time.
DELETE FROM care.warning WHERE (payment_id, code) IN (
    SELECT payment_id, code FROM care.warning w
    WHERE shown_at < %(before)s OR EXISTS (SELECT FROM identity.customer_view c WHERE c.id = w.customer_id AND c.status = 'closed')
    LIMIT %(most)s
);

-- name: forget_tips
-- Of customers who have left, a chunk at a time.
DELETE FROM care.tip WHERE (customer_id, code) IN (
    SELECT t.customer_id, t.code FROM care.tip t JOIN identity.customer_view c ON c.id = t.customer_id
    WHERE c.status = 'closed' LIMIT %(most)s
);

-- name: forget_lessons
-- Of customers who have left, a chunk at a time.
DELETE FROM care.lesson WHERE (customer_id, case_no) IN (
    SELECT l.customer_id, l.case_no FROM care.lesson l JOIN identity.customer_view c ON c.id = l.customer_id
    WHERE c.status = 'closed' LIMIT %(most)s
);
