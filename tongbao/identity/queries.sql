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

-- name: rehash_claims
-- Other hashes of the same requests, where nobody was faster.
UPDATE identity.claim c SET request_hash = u.a
FROM unnest(%(ids)s::uuid[], %(before)s::bytea[], %(after)s::bytea[]) AS u (i, b, a)
WHERE c.id = u.i AND c.request_hash = u.b;

-- name: add_customers
-- New customers, after their ids were claimed. What they are called lies in the vault.
INSERT INTO identity.customer (id, kind, status, created_at, level)
SELECT i, k, 'open', %(at)s, %(level)s FROM unnest(%(ids)s::uuid[], %(kinds)s::text[]) AS u (i, k);

-- name: unsealed_customers
-- Some whose name or telephone still stands here in the clear, by id.
SELECT id FROM identity.customer WHERE name IS NOT NULL AND id > %(after)s ORDER BY id LIMIT %(most)s;

-- name: lock_unsealed_customers
-- Those of them that nobody has at hand, for whoever moves what they are called.
SELECT id, kind, name, phone, status, created_at, level FROM identity.customer
WHERE id = ANY(%(keys)s::uuid[]) AND name IS NOT NULL ORDER BY id FOR NO KEY UPDATE SKIP LOCKED;

-- name: customers_sealed
-- What they are called lies in the vault from now on.
UPDATE identity.customer SET name = NULL, phone = NULL WHERE id = ANY(%(ids)s::uuid[]);

-- name: unsealed_staff
-- Members of staff whose names still stand here in the clear, by id.
SELECT id FROM identity.staff WHERE name IS NOT NULL AND id > %(after)s ORDER BY id LIMIT %(most)s;

-- name: lock_unsealed_staff
-- Those of them that nobody has at hand.
SELECT id, username, name, roles, status, created_at FROM identity.staff
WHERE id = ANY(%(keys)s::uuid[]) AND name IS NOT NULL ORDER BY id FOR NO KEY UPDATE SKIP LOCKED;

-- name: staff_sealed
-- Their names lie in the vault from now on.
UPDATE identity.staff SET name = NULL WHERE id = ANY(%(ids)s::uuid[]);

-- name: customers_called
-- Who is called so or has this telephone, by what still stands here in the clear.
SELECT id FROM identity.customer
WHERE name IS NOT NULL AND (lower(name) = lower(%(name)s::text) OR phone = %(phone)s::text)
ORDER BY id LIMIT %(most)s;

-- name: customers_named
-- A range of customers, and whether their names still stand here in the clear.
SELECT id, name IS NOT NULL FROM identity.customer WHERE id > %(after)s ORDER BY id LIMIT %(most)s;

-- name: staff_named
-- The same of staff.
SELECT id, name IS NOT NULL FROM identity.staff WHERE id > %(after)s ORDER BY id LIMIT %(most)s;

-- name: count_unsealed
-- How many names still stand here in the clear: customers', staff's.
SELECT (SELECT count(*) FROM identity.customer WHERE name IS NOT NULL),
    (SELECT count(*) FROM identity.staff WHERE name IS NOT NULL);

-- name: customers
-- Customers by id.
SELECT id, kind, name, phone, status, created_at, level FROM identity.customer WHERE id = ANY(%(ids)s::uuid[]);

-- name: hold_customers
-- Keeps customers from being frozen or closed until the transaction ends.
SELECT id, kind, name, phone, status, created_at, level FROM identity.customer
WHERE id = ANY(%(keys)s::uuid[]) ORDER BY id FOR SHARE;

-- name: lock_customers
-- For a change of standing.
SELECT id, kind, name, phone, status, created_at, level FROM identity.customer
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

-- name: counterparties
-- Whose account each of these in the ledger is; the bank's own are left out.
SELECT a.ledger_id, a.id, a.number, c.id, c.kind, c.name, c.phone, c.status, c.created_at, c.level
FROM identity.account a JOIN identity.customer c ON c.id = a.customer_id
WHERE a.ledger_id = ANY(%(ledger_ids)s::bigint[]);

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
-- The key with a public part, for whoever shows it, and what else he must show.
SELECT k.principal_id, k.kind, k.subject_id, k.permissions, k.secret_hash, k.expires_at, k.revoked_at, k.last_used_on,
    r.signature_required, r.certificate
FROM identity.api_key k LEFT JOIN identity.key_rule r ON r.principal_id = k.principal_id
WHERE k.public_id = %(public_id)s;

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
INSERT INTO identity.staff (id, username, password_hash, roles, status, created_at, created_by)
VALUES (%(id)s, %(username)s, %(password_hash)s, %(roles)s, 'active', %(at)s, %(by)s)
ON CONFLICT (username) DO NOTHING
RETURNING id;

-- name: staff
-- Staff by id.
SELECT id, username, name, roles, status, created_at FROM identity.staff WHERE id = ANY(%(ids)s::uuid[]);

-- name: list_staff
-- A page of staff, newest first.
SELECT id, username, name, roles, status, created_at FROM identity.staff
WHERE %(before)s::uuid IS NULL OR id < %(before)s::uuid ORDER BY id DESC LIMIT %(most)s;

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

-- name: add_session
-- A member of staff comes in.
INSERT INTO identity.staff_session (id, public_id, staff_id, secret_hash, started_at, seen_at, expires_at, limited)
VALUES (%(id)s, %(public_id)s, %(staff_id)s, %(secret_hash)s, %(at)s, %(at)s, %(expires_at)s, %(limited)s);

-- name: session_shown
-- The session with a public part, for whoever shows it.
SELECT s.id, s.staff_id, t.roles, t.status, s.secret_hash, s.seen_at, s.expires_at, s.ended_at, s.limited
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

-- name: add_visitor_session
-- A customer, or somebody of a merchant's, comes in.
INSERT INTO identity.session (id, public_id, kind, holder_id, secret_hash, started_at, seen_at, expires_at, device_id)
VALUES (%(id)s, %(public_id)s, %(kind)s, %(holder_id)s, %(secret_hash)s, %(at)s, %(at)s, %(expires_at)s, %(device_id)s);

-- name: visitor_session_shown
-- The session with a public part, for whoever shows it; its device once that is known and past its cool-off.
SELECT s.id, s.kind, s.holder_id, s.secret_hash, s.seen_at, s.expires_at, s.ended_at, d.id,
    s.offered_hash, s.renewed_at, s.spent_hashes,
    s.kind = 'customer' AND (
        EXISTS (SELECT 1 FROM identity.phone_change w
            WHERE w.customer_id = s.holder_id AND w.confirmed_at IS NOT NULL AND w.ended_at IS NULL)
        OR EXISTS (SELECT 1 FROM identity.factor_removal w WHERE w.customer_id = s.holder_id AND w.ended_at IS NULL)
        OR EXISTS (SELECT 1 FROM identity.recovery w
            WHERE w.customer_id = s.holder_id AND w.confirmed_at IS NOT NULL AND w.ended_at IS NULL
                AND w.ripe_at > %(at)s - interval '72 hours')
    ),
    (SELECT ARRAY[p.home, p.theme, p.type, p.language] FROM identity.preference p
        WHERE s.kind = 'customer' AND p.customer_id = s.holder_id)
FROM identity.session s
LEFT JOIN identity.device d ON d.id = s.device_id AND d.revoked_at IS NULL AND d.trusted_from <= %(at)s
WHERE s.public_id = %(public_id)s;

-- name: visitor_session_seen
-- Puts the end of idleness off; the device was seen too.
WITH seen AS (
    UPDATE identity.session SET seen_at = %(at)s WHERE public_id = %(public_id)s AND seen_at < %(at)s RETURNING device_id
)
UPDATE identity.device d SET seen_at = %(at)s FROM seen WHERE d.id = seen.device_id AND d.seen_at < %(at)s;

-- name: end_visitor_session
-- He leaves; answers whose session has ended by this.
UPDATE identity.session SET ended_at = %(at)s WHERE public_id = %(public_id)s AND ended_at IS NULL
RETURNING id, kind, holder_id;

-- name: end_visitor_sessions_of
-- Whoever came in for this customer or merchant is out at once.
UPDATE identity.session SET ended_at = %(at)s
WHERE holder_id = %(holder_id)s AND kind = %(kind)s AND ended_at IS NULL;

-- name: forget_visitor_sessions
-- The same as for staff.
DELETE FROM identity.session WHERE expires_at < %(before)s;

-- name: customers_after
-- A page of customers, newest first.
SELECT id, kind, name, phone, status, created_at, level FROM identity.customer
WHERE (%(before)s::uuid IS NULL OR id < %(before)s) AND (%(kind)s::text IS NULL OR kind = %(kind)s)
    AND (%(status)s::text IS NULL OR status = %(status)s)
ORDER BY id DESC LIMIT %(most)s;

-- name: customers_with_accounts
-- Those of these customers who have an account that is not closed.
SELECT DISTINCT customer_id FROM identity.account WHERE customer_id = ANY(%(ids)s::uuid[]) AND status <> 'closed';
