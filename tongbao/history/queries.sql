-- name: begin_import
-- A folder is known by the digest of its files; a second run finds the row of the first.
INSERT INTO history.import (id, digest, rows_done, started_at) VALUES (%(id)s, %(digest)s, 0, %(at)s)
ON CONFLICT (id) DO NOTHING;

-- name: rows_done
-- How far an import has come.
SELECT rows_done FROM history.import WHERE id = %(id)s;

-- name: move_mark
-- Claims the import and moves its mark with the rows that this transaction posts; touches nothing where somebody else did.
UPDATE history.import SET rows_done = %(upto)s WHERE id = ANY(%(keys)s::uuid[]) AND rows_done = %(expected)s RETURNING id;

-- name: finish_import
-- The first finish counts.
UPDATE history.import SET finished_at = %(at)s WHERE id = %(id)s AND finished_at IS NULL;

-- name: other_imports
-- Whether another folder has brought in transactions, so that some of these may be there already.
SELECT EXISTS (SELECT 1 FROM history.import WHERE id <> %(id)s AND rows_done > 0);

-- name: not_yet_durable
-- The mark travels with its rows, so a crash loses whole batches from the end and the next run does them again.
SET LOCAL synchronous_commit TO off;

-- name: add_rejected
-- Lines that post nothing.
INSERT INTO history.rejected (import_id, file, line, reason, detail)
SELECT %(import_id)s, f, l, r, d FROM unnest(
    %(files)s::text[], %(lines)s::bigint[], %(reasons)s::text[], %(details)s::text[]
) AS u (f, l, r, d)
ORDER BY f, l
ON CONFLICT (import_id, file, line) DO NOTHING;

-- name: rejected_lines
-- What an earlier run of this import refused in a file.
SELECT line, reason, detail FROM history.rejected WHERE import_id = %(import_id)s AND file = %(file)s;

-- name: add_districts
-- A district that is there stays as it is; so do all other rows below.
INSERT INTO history.district (district_id, import_id, name, region, figures)
SELECT i, %(import_id)s, n, r, string_to_array(f, ';') FROM unnest(
    %(ids)s::bigint[], %(names)s::text[], %(regions)s::text[], %(figures)s::text[]
) AS u (i, n, r, f)
ORDER BY i
ON CONFLICT (district_id) DO NOTHING;

-- name: clients
-- Which clients are customers already.
SELECT client_id, customer_id FROM history.client;

-- name: add_clients
-- Who became which customer.
INSERT INTO history.client (client_id, import_id, customer_id, born_on, district_id)
SELECT i, %(import_id)s, c, b, d FROM unnest(
    %(ids)s::bigint[], %(customer_ids)s::uuid[], %(born_on)s::date[], %(district_ids)s::bigint[]
) AS u (i, c, b, d)
ORDER BY i
ON CONFLICT (client_id) DO NOTHING;

-- name: accounts
-- Which accounts are open already, and under which number in the ledger.
SELECT account_id, ledger_id FROM history.account;

-- name: add_accounts
-- Which account became which.
INSERT INTO history.account
    (account_id, import_id, identity_account_id, ledger_id, district_id, statements, opened_on)
SELECT i, %(import_id)s, a, l, d, s, o FROM unnest(
    %(ids)s::bigint[], %(identity_ids)s::uuid[], %(ledger_ids)s::bigint[], %(district_ids)s::bigint[],
    %(statements)s::text[], %(opened_on)s::date[]
) AS u (i, a, l, d, s, o)
ORDER BY i
ON CONFLICT (account_id) DO NOTHING;

-- name: add_dispositions
-- Who may dispose of which account.
INSERT INTO history.disposition (disposition_id, import_id, client_id, account_id, kind)
SELECT i, %(import_id)s, c, a, k FROM unnest(
    %(ids)s::bigint[], %(client_ids)s::bigint[], %(account_ids)s::bigint[], %(kinds)s::text[]
) AS u (i, c, a, k)
ORDER BY i
ON CONFLICT (disposition_id) DO NOTHING;

-- name: add_cards
-- Cards wait for the slice that issues them.
INSERT INTO history.card (card_id, import_id, disposition_id, kind, issued_on)
SELECT i, %(import_id)s, p, k, d FROM unnest(
    %(ids)s::bigint[], %(disposition_ids)s::bigint[], %(kinds)s::text[], %(issued_on)s::date[]
) AS u (i, p, k, d)
ORDER BY i
ON CONFLICT (card_id) DO NOTHING;

-- name: add_loans
-- Loans wait for the slice that lends.
INSERT INTO history.loan
    (loan_id, import_id, account_id, granted_on, amount_minor, months, instalment_minor, outcome)
SELECT i, %(import_id)s, a, g, m, n, p, o FROM unnest(
    %(ids)s::bigint[], %(account_ids)s::bigint[], %(granted_on)s::date[], %(amounts)s::bigint[], %(months)s::bigint[],
    %(instalments)s::bigint[], %(outcomes)s::text[]
) AS u (i, a, g, m, n, p, o)
ORDER BY i
ON CONFLICT (loan_id) DO NOTHING;

-- name: add_standing_orders
-- Standing orders wait for the slice that sends them.
INSERT INTO history.standing_order (order_id, import_id, account_id, to_bank, to_account, amount_minor, symbol)
SELECT i, %(import_id)s, a, b, t, m, s FROM unnest(
    %(ids)s::bigint[], %(account_ids)s::bigint[], %(banks)s::text[], %(accounts)s::text[], %(amounts)s::bigint[],
    %(symbols)s::text[]
) AS u (i, a, b, t, m, s)
ORDER BY i
ON CONFLICT (order_id) DO NOTHING;

-- name: known_transfers
-- Of these transfers those that another import has posted, seen from the account that was credited.
SELECT t.id, t.kind, t.reason, e.account_id, e.counterparty_id, e.amount_minor, e.value_date
FROM ledger.transfer_view t
JOIN ledger.entry_view e ON e.transfer_id = t.id AND e.booking_date = t.booking_date
WHERE t.id = ANY(%(ids)s::uuid[]) AND e.amount_minor > 0;

-- name: imported_between
-- What imports have moved on each account of the past, valued from one day to another.
SELECT h.account_id, count(*), sum(e.amount_minor)::bigint
FROM history.account h
JOIN ledger.entry_view e ON e.account_id = h.ledger_id
JOIN ledger.transfer_view t ON t.id = e.transfer_id
WHERE starts_with(t.kind, 'import.') AND e.value_date BETWEEN %(first)s AND %(last)s
GROUP BY h.account_id;

-- name: begin_founding
-- The plan of the city: the one that was begun first counts.
INSERT INTO history.founding (plan, begun_at) VALUES (%(plan)s::jsonb, %(at)s) ON CONFLICT (singleton) DO NOTHING;

-- name: founding
-- The plan that was begun, and whether its city is there.
SELECT plan, finished_at IS NOT NULL FROM history.founding;

-- name: finish_founding
-- The first finish counts.
UPDATE history.founding SET finished_at = %(at)s WHERE finished_at IS NULL;

-- name: city_accounts
-- Whom the live traffic may pay from and to: the current accounts of people who play no part.
SELECT v.id, v.customer_id, a.balance_minor
FROM identity.account_view v JOIN ledger.account_view a ON a.id = v.ledger_id
WHERE v.product = 'current' AND v.customer_kind = 'person' AND v.customer_status = 'open' AND v.currency = %(currency)s
    AND v.customer_id NOT IN (SELECT id FROM history.part)
ORDER BY v.id LIMIT %(most)s;

-- name: city_merchants
-- Where the live traffic may shop.
SELECT id, name, category, takings_account_id FROM merchants.merchant_view
WHERE status = 'open' AND currency = %(currency)s ORDER BY id LIMIT %(most)s;

-- name: parts
-- Who plays what.
SELECT name, id FROM history.part;

-- name: add_parts
-- A part that is taken stays as it is.
INSERT INTO history.part (name, id) SELECT n, i FROM unnest(%(names)s::text[], %(ids)s::uuid[]) AS u (n, i)
ORDER BY n
ON CONFLICT (name) DO NOTHING;

-- name: give_part
-- Whoever had the part has it no longer.
INSERT INTO history.part (name, id) VALUES (%(name)s, %(id)s)
ON CONFLICT (name) DO UPDATE SET id = excluded.id;

-- name: open_purses
-- Current accounts from which people can pay, the fullest first: of one person, or of all.
SELECT v.customer_id, v.id FROM identity.account_view v JOIN ledger.account_view a ON a.id = v.ledger_id
WHERE v.product = 'current' AND v.customer_kind = 'person' AND v.customer_status = 'open' AND v.currency = %(currency)s
    AND a.state = %(open)s AND (%(customer_id)s::uuid IS NULL OR v.customer_id = %(customer_id)s)
ORDER BY a.balance_minor DESC, v.id LIMIT %(most)s;

-- name: open_shops
-- Merchants that take payments: those of a category first, in the order in which they came.
SELECT id, name FROM merchants.merchant_view
WHERE status = 'open' AND currency = %(currency)s AND (%(id)s::uuid IS NULL OR id = %(id)s)
ORDER BY (category = %(category)s) IS NOT TRUE, id LIMIT 1;
