-- Payees that customers look up to transfer to.

-- name: count_lookup
-- One more look-up of the day, and how his transfers arrive from now on where he said so. No row where the day has had its most.
INSERT INTO payments.transfer_habit AS h (customer_id, day, looked_up, arrives)
VALUES (%(customer_id)s, %(day)s, 1, coalesce(%(arrives)s::text, 'now'))
ON CONFLICT (customer_id) DO UPDATE
SET day = excluded.day, looked_up = CASE WHEN h.day = excluded.day THEN h.looked_up ELSE 0 END + 1,
    arrives = coalesce(%(arrives)s::text, h.arrives)
WHERE h.day <> excluded.day OR h.looked_up < %(most)s
RETURNING h.looked_up;

-- name: habit
-- When his transfers arrive unless he says otherwise, and how many payees he looked up on the last day on which he did.
SELECT arrives, day, looked_up FROM payments.transfer_habit WHERE customer_id = %(customer_id)s;

-- name: keep_lookup
-- Whose account was found; no row where the id names another look-up.
INSERT INTO payments.lookup AS l (id, customer_id, account_id, found_at)
VALUES (%(id)s, %(customer_id)s, %(account_id)s, %(at)s)
ON CONFLICT (id) DO UPDATE SET found_at = l.found_at
WHERE l.customer_id = excluded.customer_id AND l.account_id = excluded.account_id
RETURNING l.id;

-- name: lookup
-- The account that a customer found.
SELECT account_id FROM payments.lookup WHERE id = %(id)s AND customer_id = %(customer_id)s AND found_at > %(since)s;

-- name: count_surname
-- One more surname of the day. No row where the day has had its most.
INSERT INTO payments.surname_tries AS s (customer_id, day, tries) VALUES (%(customer_id)s, %(day)s, 1)
ON CONFLICT (customer_id) DO UPDATE
SET day = excluded.day, tries = CASE WHEN s.day = excluded.day THEN s.tries ELSE 0 END + 1
WHERE s.day <> excluded.day OR s.tries < %(most)s
RETURNING s.tries;

-- name: keep_surname
-- What came of comparing the surname, of the look-up of this customer; nothing where he typed none.
UPDATE payments.lookup SET surname = %(said)s
WHERE id = %(id)s AND customer_id = %(customer_id)s AND surname IS DISTINCT FROM %(said)s;

-- name: surname
-- What came of comparing the surname.
SELECT surname FROM payments.lookup WHERE id = %(id)s AND customer_id = %(customer_id)s;

-- name: drop_people
-- How they transferred, whom they looked up and whose surnames they had compared.
WITH lookups AS (DELETE FROM payments.lookup WHERE customer_id = ANY(%(ids)s::uuid[])),
surnames AS (DELETE FROM payments.surname_tries WHERE customer_id = ANY(%(ids)s::uuid[]))
DELETE FROM payments.transfer_habit WHERE customer_id = ANY(%(ids)s::uuid[]);

-- name: forget_lookups
-- Those of long ago go, at most so many at once.
DELETE FROM payments.lookup
WHERE id IN (SELECT id FROM payments.lookup WHERE found_at <= %(until)s ORDER BY found_at LIMIT %(most)s FOR UPDATE SKIP LOCKED);
