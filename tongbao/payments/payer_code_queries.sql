-- Codes that payers show to shops, and what was taken by them.

-- name: add_code
-- A new code. Those that the same log-in shows already end a little later, for whoever is reading one at this moment.
WITH ended AS (
    UPDATE payments.payer_code SET expires_at = %(grace)s
    WHERE session_id = %(session_id)s AND used_at IS NULL AND expires_at > %(grace)s
)
INSERT INTO payments.payer_code (id, customer_id, account_id, session_id, code_hmac, made_at, expires_at)
VALUES (%(id)s, %(customer_id)s, %(account_id)s, %(session_id)s, %(code_hmac)s, %(at)s, %(expires_at)s)
ON CONFLICT (code_hmac) DO NOTHING
RETURNING id;

-- name: code
-- A customer's own code, and the payment that it was used for; or that for which the code before it was used when this one was there
-- already, since whoever shows one may have been scanned as it changed.
SELECT c.account_id, c.made_at, c.expires_at, coalesce(k.used_at, c.used_at), k.payment_id
FROM payments.payer_code c
LEFT JOIN LATERAL (
    SELECT o.used_at, taken.payment_id
    FROM payments.payer_code o JOIN payments.collection taken ON taken.code_id = o.id
    WHERE o.session_id = c.session_id AND (o.id = c.id OR (o.made_at < c.made_at AND o.used_at >= c.made_at))
    ORDER BY o.id = c.id DESC, o.used_at DESC LIMIT 1
) k ON true
WHERE c.id = %(id)s AND c.customer_id = %(customer_id)s;

-- name: take_guess
-- One try of a terminal, taken before its code is looked at; no row where the hour has had its most.
INSERT INTO payments.terminal_guess AS g (terminal_id, since, wrong) VALUES (%(terminal_id)s, %(at)s, 1)
ON CONFLICT (terminal_id) DO UPDATE
SET since = CASE WHEN g.since <= %(before)s THEN excluded.since ELSE g.since END,
    wrong = CASE WHEN g.since <= %(before)s THEN 0 ELSE g.wrong END + 1
WHERE g.since <= %(before)s OR g.wrong < %(most)s
RETURNING g.since;

-- name: give_guess_back
-- It was no wrong one.
UPDATE payments.terminal_guess SET wrong = wrong - 1 WHERE terminal_id = %(terminal_id)s;

-- name: guessing_since
-- From when on the tries of a terminal are counted.
SELECT since FROM payments.terminal_guess WHERE terminal_id = %(terminal_id)s;

-- name: use_code
-- The code, used once and for ever; no row where there is none that counts, or the log-in that shows it is over.
UPDATE payments.payer_code c SET used_at = %(at)s
FROM identity.session_view s
WHERE c.code_hmac = %(code_hmac)s AND c.used_at IS NULL AND c.expires_at > %(at)s
    AND s.id = c.session_id AND s.customer_id = c.customer_id AND s.ended_at IS NULL AND s.expires_at > %(at)s
RETURNING c.id, c.customer_id, c.account_id, coalesce(s.device_trusted_from <= %(at)s, false);

-- name: add_collection
-- What a shop takes by a code; no row where the id has been used.
INSERT INTO payments.collection
    (payment_id, code_id, merchant_id, terminal_id, request_hash, customer_id, account_id, device_known, collected_at)
VALUES (%(payment_id)s, %(code_id)s, %(merchant_id)s, %(terminal_id)s, %(request_hash)s, %(customer_id)s, %(account_id)s,
    %(device_known)s, %(at)s)
ON CONFLICT (payment_id) DO NOTHING
RETURNING payment_id;

-- name: collection
-- What was taken under an id, and whether it has become a payment.
SELECT k.payment_id, k.code_id, k.merchant_id, k.terminal_id, k.request_hash, k.customer_id, k.account_id, k.device_known,
    k.collected_at, EXISTS (SELECT 1 FROM payments.payment p WHERE p.id = k.payment_id)
FROM payments.collection k WHERE k.payment_id = %(payment_id)s;

-- name: forget_codes
-- Those of long ago go, at most so many at once.
DELETE FROM payments.payer_code
WHERE id IN (SELECT id FROM payments.payer_code WHERE expires_at <= %(until)s ORDER BY expires_at LIMIT %(most)s FOR UPDATE SKIP LOCKED);

-- name: forget_guesses
-- Counters that have not begun anew for long go, at most so many at once.
DELETE FROM payments.terminal_guess
WHERE terminal_id IN (SELECT terminal_id FROM payments.terminal_guess WHERE since <= %(until)s
    ORDER BY since LIMIT %(most)s FOR UPDATE SKIP LOCKED);

-- name: wrong_collections
-- The next collections by id, each with what is not as it was taken: another shop, payer's account or way of paying.
SELECT k.payment_id, k.merchant_id, k.account_id, p.merchant_id, p.payer_account_id, p.method
FROM (SELECT * FROM payments.collection WHERE payment_id > %(after)s ORDER BY payment_id LIMIT %(most)s) k
LEFT JOIN payments.payment p ON p.id = k.payment_id
ORDER BY k.payment_id;

-- name: wrong_codes
-- Codes that are used by no collection, or whose collection is of another payer, or that one took although they are not used.
SELECT c.id, c.used_at IS NOT NULL, k.payment_id, c.customer_id = k.customer_id AND c.account_id = k.account_id
FROM payments.payer_code c LEFT JOIN payments.collection k ON k.code_id = c.id
WHERE (c.used_at IS NULL) <> (k.payment_id IS NULL)
    OR (k.payment_id IS NOT NULL AND (c.customer_id, c.account_id, c.used_at) <> (k.customer_id, k.account_id, k.collected_at))
ORDER BY c.id LIMIT %(most)s;
