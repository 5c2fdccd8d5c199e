-- name: approval
-- One proposal.
SELECT id, kind, payload, reason, state, proposed_by, proposed_at, expires_at, decided_by, decided_at, decision_reason
FROM base.approval_view WHERE id = %(id)s;

-- name: accounts_of_line
-- The accounts on a general-ledger line, with the customer's account where one stands behind it.
SELECT a.id, a.gl_line, a.currency, a.legal_entity, a.branch, a.state, a.balance_minor, a.held_minor, a.floor_minor,
    a.opened_at, i.id, i.number
FROM ledger.account_view a LEFT JOIN identity.account_view i ON i.ledger_id = a.id
WHERE a.gl_line = %(gl_line)s AND a.id > %(after)s AND (%(currency)s::text IS NULL OR a.currency = %(currency)s)
ORDER BY a.id LIMIT %(most)s;

-- name: transfer
-- Why some postings were made.
SELECT id, kind, booking_date, recorded_at, forced, reverses, reason FROM ledger.transfer_view WHERE id = %(id)s;

-- name: closed_periods
-- Closed accounting periods, newest first.
SELECT last_day, closed_at, closed_by FROM ledger.period_view
WHERE last_day < %(before)s ORDER BY last_day DESC LIMIT %(most)s;

-- name: waiting_payments
-- Payments that wait for somebody or something, the longest overdue first.
SELECT o.payment_id, o.waits_for, o.since, o.due_at, p.kind, p.state, p.amount_minor, p.currency, p.payer_account_id,
    p.payee_account_id, p.merchant_id
FROM payments.open_payment_view o JOIN payments.payment_view p ON p.id = o.payment_id
WHERE (%(waits_for)s::text IS NULL OR o.waits_for = %(waits_for)s)
    AND (%(due_before)s::timestamptz IS NULL OR o.due_at < %(due_before)s)
    AND (%(after_due)s::timestamptz IS NULL OR (o.due_at, o.payment_id) > (%(after_due)s, %(after_id)s::uuid))
ORDER BY o.due_at, o.payment_id LIMIT %(most)s;
