-- name: claim_ids
-- The claim is this row: of two requests with one id, the second waits here for the first.
INSERT INTO identity.claim (id, kind, principal_id, request_hash, claimed_at)
SELECT k, %(kind)s, %(principal_id)s, h, %(at)s FROM unnest(%(keys)s::uuid[], %(hashes)s::bytea[]) AS u (k, h)
ORDER BY k
ON CONFLICT (id) DO NOTHING
RETURNING id;

-- name: claims
-- Whose ids these are and what was asked for.
SELECT id, kind, principal_id, request_hash FROM identity.claim WHERE id = ANY(%(ids)s::uuid[]);

-- name: add_customers
-- New customers, after their ids were claimed.
INSERT INTO identity.customer (id, kind, name, phone, status, created_at)
SELECT i, k, n, p, 'open', %(at)s
FROM unnest(%(ids)s::uuid[], %(kinds)s::text[], %(names)s::text[], %(phones)s::text[]) AS u (i, k, n, p);

-- name: customers
-- Customers by id.
SELECT id, kind, name, phone, status, created_at FROM identity.customer WHERE id = ANY(%(ids)s::uuid[]);

-- name: hold_customers
-- Keeps customers from being frozen or closed until the transaction ends.
SELECT id, kind, name, phone, status, created_at FROM identity.customer
WHERE id = ANY(%(keys)s::uuid[]) ORDER BY id FOR SHARE;

-- name: lock_customers
-- For a change of standing.
SELECT id, kind, name, phone, status, created_at FROM identity.customer
WHERE id = ANY(%(keys)s::uuid[]) ORDER BY id FOR UPDATE;

-- name: set_customer_status
-- Freezes, thaws or closes a customer.
UPDATE identity.customer SET status = %(status)s WHERE id = %(id)s;

-- name: next_numbers
-- Serial numbers of new accounts; gaps are harmless.
SELECT nextval('identity.account_number') FROM generate_series(1, %(count)s::int);

-- name: add_accounts
-- New accounts, after their ids were claimed and their ledger accounts opened.
INSERT INTO identity.account (id, ledger_id, customer_id, number, currency, product, status, opened_at)
SELECT i, l, c, n, cu, p, 'open', %(at)s
FROM unnest(
    %(ids)s::uuid[], %(ledger_ids)s::bigint[], %(customer_ids)s::uuid[], %(numbers)s::text[], %(currencies)s::text[],
    %(products)s::text[]
) AS u (i, l, c, n, cu, p);

-- name: accounts
-- Accounts by id, with what their customer is and how he stands.
SELECT a.id, a.ledger_id, a.customer_id, a.number, a.currency, a.product, a.status, a.opened_at, c.kind, c.status
FROM identity.account a JOIN identity.customer c ON c.id = a.customer_id
WHERE a.id = ANY(%(ids)s::uuid[]);

-- name: accounts_of
-- One customer's accounts, a page in the order of their ids.
SELECT a.id, a.ledger_id, a.customer_id, a.number, a.currency, a.product, a.status, a.opened_at, c.kind, c.status
FROM identity.account a JOIN identity.customer c ON c.id = a.customer_id
WHERE a.customer_id = %(customer_id)s AND (%(after)s::uuid IS NULL OR a.id > %(after)s)
ORDER BY a.id LIMIT %(most)s;

-- name: account_ids_of
-- The ids of one customer's accounts that are not closed.
SELECT id FROM identity.account WHERE customer_id = %(customer_id)s AND status <> 'closed' ORDER BY id;

-- name: account_by_number
-- The account that carries a number.
SELECT a.id, a.ledger_id, a.customer_id, a.number, a.currency, a.product, a.status, a.opened_at, c.kind, c.status
FROM identity.account a JOIN identity.customer c ON c.id = a.customer_id
WHERE a.number = %(number)s;

-- name: accounts_of_ledger
-- Which account stands for each of these in the ledger.
SELECT ledger_id, id FROM identity.account WHERE ledger_id = ANY(%(ledger_ids)s::bigint[]);

-- name: lock_accounts
-- For a change of standing; the customer is held already.
SELECT a.id, a.ledger_id, a.customer_id, a.number, a.currency, a.product, a.status, a.opened_at, c.kind, c.status
FROM identity.account a JOIN identity.customer c ON c.id = a.customer_id
WHERE a.id = ANY(%(keys)s::uuid[]) ORDER BY a.id FOR UPDATE OF a;

-- name: set_account_status
-- Freezes, thaws or closes an account.
UPDATE identity.account SET status = %(status)s, closed_at = %(closed_at)s WHERE id = %(id)s;

-- name: add_key
-- A new key, after its id was claimed.
INSERT INTO identity.api_key (
    id, public_id, principal_id, kind, subject_id, permissions, note, secret_hash, created_at, created_by, expires_at
)
VALUES (
    %(id)s, %(public_id)s, %(principal_id)s, %(kind)s, %(subject_id)s, %(permissions)s, %(note)s, %(secret_hash)s,
    %(at)s, %(by)s, %(expires_at)s
);

-- name: keys
-- Keys by id.
SELECT id, public_id, principal_id, kind, subject_id, permissions, note, created_at, expires_at, revoked_at, rotated_to,
    last_used_on
FROM identity.api_key WHERE id = ANY(%(ids)s::uuid[]);

-- name: lock_keys
-- For rotation and revocation.
SELECT id, public_id, principal_id, kind, subject_id, permissions, note, created_at, expires_at, revoked_at, rotated_to,
    last_used_on
FROM identity.api_key WHERE id = ANY(%(keys)s::uuid[]) ORDER BY id FOR UPDATE;

-- name: list_keys
-- A page of keys, newest id first.
SELECT id, public_id, principal_id, kind, subject_id, permissions, note, created_at, expires_at, revoked_at, rotated_to,
    last_used_on
FROM identity.api_key
WHERE (%(subject_id)s::uuid IS NULL OR subject_id = %(subject_id)s) AND (%(before)s::uuid IS NULL OR id < %(before)s)
ORDER BY id DESC LIMIT %(most)s;

-- name: key_shown
-- The key with a public part, for whoever shows it.
SELECT principal_id, kind, subject_id, permissions, secret_hash, expires_at, revoked_at, last_used_on
FROM identity.api_key WHERE public_id = %(public_id)s;

-- name: key_used
-- The first use of a day is noted; who comes second does not write.
UPDATE identity.api_key SET last_used_on = %(day)s
WHERE public_id = %(public_id)s AND (last_used_on IS NULL OR last_used_on < %(day)s);

-- name: key_rotated
-- The old key ends after the overlap, if it does not end earlier.
UPDATE identity.api_key SET rotated_to = %(rotated_to)s, expires_at = least(expires_at, %(expires_at)s)
WHERE id = %(id)s;

-- name: revoke_key
-- Ends a key at once, for ever.
UPDATE identity.api_key SET revoked_at = %(at)s WHERE id = %(id)s;

-- name: add_staff
-- Returns nothing when the user name is somebody's.
INSERT INTO identity.staff (id, username, name, password_hash, roles, status, created_at, created_by)
VALUES (%(id)s, %(username)s, %(name)s, %(password_hash)s, %(roles)s, 'active', %(at)s, %(by)s)
ON CONFLICT (username) DO NOTHING
RETURNING id;

-- name: staff
-- Staff by id.
SELECT id, username, name, roles, status, created_at FROM identity.staff WHERE id = ANY(%(ids)s::uuid[]);

-- name: staff_by_username
-- The member of staff with a user name, and the hash to check a password against.
SELECT id, username, name, roles, status, created_at, password_hash FROM identity.staff WHERE username = %(username)s;

-- name: lock_staff
-- For a change of status.
SELECT id, username, name, roles, status, created_at FROM identity.staff
WHERE id = ANY(%(keys)s::uuid[]) ORDER BY id FOR UPDATE;

-- name: set_staff_status
-- Lets in or shuts out.
UPDATE identity.staff SET status = %(status)s WHERE id = %(id)s;

-- name: lock_login_guards
-- One try at a time for each user name, known or not.
INSERT INTO identity.login_guard (username_hash, failures, locked_until, failed_at)
SELECT k, 0, NULL, %(at)s FROM unnest(%(keys)s::bytea[]) AS u (k) ORDER BY k
ON CONFLICT (username_hash) DO UPDATE SET failures = login_guard.failures
RETURNING failures, locked_until, failed_at;

-- name: login_failed
-- Counts a wrong password.
UPDATE identity.login_guard SET failures = %(failures)s, locked_until = %(locked_until)s, failed_at = %(at)s
WHERE username_hash = %(username_hash)s;

-- name: login_succeeded
-- The count starts anew.
DELETE FROM identity.login_guard WHERE username_hash = %(username_hash)s;

-- name: add_session
-- A member of staff comes in.
INSERT INTO identity.staff_session (id, public_id, staff_id, secret_hash, started_at, seen_at, expires_at)
VALUES (%(id)s, %(public_id)s, %(staff_id)s, %(secret_hash)s, %(at)s, %(at)s, %(expires_at)s);

-- name: session_shown
-- The session with a public part, for whoever shows it.
SELECT s.id, s.staff_id, t.roles, t.status, s.secret_hash, s.seen_at, s.expires_at, s.ended_at
FROM identity.staff_session s JOIN identity.staff t ON t.id = s.staff_id
WHERE s.public_id = %(public_id)s;

-- name: session_seen
-- Puts the end of idleness off.
UPDATE identity.staff_session SET seen_at = %(at)s WHERE public_id = %(public_id)s AND seen_at < %(at)s;

-- name: end_session
-- A member of staff leaves.
UPDATE identity.staff_session SET ended_at = %(at)s WHERE public_id = %(public_id)s AND ended_at IS NULL;

-- name: end_sessions_of
-- Whoever is shut out is out at once.
UPDATE identity.staff_session SET ended_at = %(at)s WHERE staff_id = %(staff_id)s AND ended_at IS NULL;

-- name: forget_sessions
-- Sessions whose last possible moment lies before a moment.
DELETE FROM identity.staff_session WHERE expires_at < %(before)s;

-- name: forget_login_guards
-- Counts of wrong passwords that have long been forgiven.
DELETE FROM identity.login_guard WHERE failed_at < %(before)s AND (locked_until IS NULL OR locked_until < %(before)s);
