-- name: add_label
-- The next label of a payment, where the newest is still the one that was seen (none told: whichever it is); answers nothing where it
-- is not, and where this id has said its label already. With it stands whom the payment paid, and when, for what is known of him.
INSERT INTO risk.label (payment_id, number, id, is_fraud, source, said_at, said_by, reason, payee, paid_at, xid)
SELECT %(payment_id)s, n.newest + 1, %(id)s, %(is_fraud)s, %(source)s, %(at)s, %(by)s, %(reason)s, a.payee, a.at, pg_current_xact_id()
FROM (SELECT coalesce(max(l.number), 0) AS newest FROM risk.label l WHERE l.payment_id = %(payment_id)s) AS n
LEFT JOIN risk.assessment a ON a.id = %(payment_id)s
WHERE %(expected)s::integer IS NULL OR n.newest = %(expected)s
ON CONFLICT DO NOTHING RETURNING number;

-- name: label_by_id
-- Of which payment a label is that was said under this id.
SELECT payment_id FROM risk.label WHERE id = %(id)s;

-- name: labels_of
-- What became known of a payment, newest first.
SELECT number, is_fraud, source, said_at, said_by, reason FROM risk.label
WHERE payment_id = %(payment_id)s ORDER BY number DESC LIMIT %(most)s;
