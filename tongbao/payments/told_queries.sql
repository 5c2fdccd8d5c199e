-- name: whom_to_tell
-- People on both sides of payments, and how each payment was to arrive; firms read their own pages.
SELECT p.id, p.kind, p.arrives, p.capture, payer.customer_id, payee.customer_id
FROM payments.payment p
LEFT JOIN identity.account_view payer ON payer.id = p.payer_account_id AND payer.customer_kind = 'person'
LEFT JOIN identity.account_view payee ON payee.id = p.payee_account_id AND payee.customer_kind = 'person'
WHERE p.id = ANY(%(ids)s::uuid[]) AND (payer.id IS NOT NULL OR payee.id IS NOT NULL);
