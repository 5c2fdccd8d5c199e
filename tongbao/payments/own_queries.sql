-- What customers look for among their own.

-- name: orders_of
-- Standing orders of accounts: those that still pay by their next date, then those that have ended, the newest first.
SELECT id, principal_id, request_hash, payer_account_id, payee_account_id, merchant_id, amount_minor, currency, reference,
    every, starts_on, ends_on, next_on, try_on, failures, state, sequence, created_at
FROM payments.schedule WHERE payer_account_id = ANY(%(account_ids)s::uuid[])
ORDER BY next_on NULLS LAST, created_at DESC, id LIMIT %(most)s;

-- name: others_of
-- With whom an account dealt in its newest payments of either side: accounts, and shops that it paid.
SELECT DISTINCT other, merchant_id FROM (
    (SELECT payee_account_id AS other, merchant_id FROM payments.payment
    WHERE payer_account_id = %(account_id)s::uuid ORDER BY created_at DESC, id DESC LIMIT %(most)s)
    UNION ALL
    (SELECT payer_account_id, NULL FROM payments.payment
    WHERE payee_account_id = %(account_id)s::uuid AND captured_minor > 0 ORDER BY created_at DESC, id DESC LIMIT %(most)s)
) AS p;

-- name: records_like
-- An account's payments as its owner sees them that say a text, among the newest of each side: in their reference, by their
-- amount, or with one of these on the other side.
SELECT id, kind, principal_id, request_hash, payer_account_id, payee_account_id, merchant_id, order_id, amount_minor,
    currency, capture, arrives, method, reference, device, created_at, state, refusal, authorised_minor, captured_minor,
    refunded_minor, disputed_minor, settled_minor, fee_minor, at_once_minor, at_once_fee_minor, booking_date, decided_at,
    due_at, sequence, rail
FROM (
    (SELECT * FROM payments.payment
    WHERE payer_account_id = %(account_id)s::uuid AND refusal IS DISTINCT FROM 'payer_unknown'
      AND created_at >= %(since)s AND created_at < %(until)s
    ORDER BY created_at DESC, id DESC LIMIT %(among)s)
    UNION ALL
    (SELECT * FROM payments.payment
    WHERE payee_account_id = %(account_id)s::uuid AND payer_account_id <> %(account_id)s::uuid AND captured_minor > 0
      AND created_at >= %(since)s AND created_at < %(until)s
    ORDER BY created_at DESC, id DESC LIMIT %(among)s)
) AS p
WHERE (created_at, id) < (%(before)s, %(before_id)s::uuid)
  AND amount_minor BETWEEN %(smallest)s::bigint AND %(largest)s::bigint
  AND (%(state)s::text IS NULL OR state = %(state)s) AND (%(kind)s::text IS NULL OR kind = %(kind)s)
  AND (
    strpos(lower(reference), %(text)s) > 0 OR amount_minor = %(amount)s::bigint
    OR merchant_id = ANY(%(shops)s::uuid[]) AND payer_account_id = %(account_id)s::uuid
    OR payer_account_id = ANY(%(others)s::uuid[]) OR (payee_account_id = ANY(%(others)s::uuid[]) AND merchant_id IS NULL)
  )
ORDER BY created_at DESC, id DESC LIMIT %(most)s;

-- name: income
-- What came to an account between two moments from others, less what went back: by kind.
SELECT kind, count(*), sum(captured_minor - refunded_minor)::bigint FROM payments.payment
WHERE payee_account_id = %(account_id)s::uuid AND payer_account_id <> %(account_id)s::uuid
  AND created_at >= %(since)s AND created_at < %(until)s AND captured_minor > 0
GROUP BY kind ORDER BY 3 DESC, kind;
