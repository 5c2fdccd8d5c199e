-- care: requests for help and what was said.

-- name: add_request
-- One matter; the same id again, or a second open one about the same payment, adds nothing.
INSERT INTO care.request (id, customer_id, kind, channel, state, urgent, path, payment_id, device, lang, asked_at, due_at, turned_at, said)
VALUES (%(id)s, %(customer_id)s, %(kind)s, %(channel)s, 'waiting', %(urgent)s, %(path)s, %(payment_id)s, %(device)s, %(lang)s, %(at)s,
    %(due_at)s, %(at)s, 1)
ON CONFLICT DO NOTHING;

-- name: add_message
-- One thing said; the same id again adds nothing.
INSERT INTO care.message (id, request_id, place, said_at, what, by_customer, by_id, sealed)
VALUES (%(id)s, %(request_id)s, %(place)s, %(at)s, %(what)s, %(by_customer)s, %(by_id)s, %(sealed)s) ON CONFLICT (id) DO NOTHING;

-- name: request
-- One matter.
SELECT id, customer_id, kind, channel, state, urgent, path, payment_id, device, lang, asked_at, due_at, turned_at, owner_id,
    answered_at, closed_at, said
FROM care.request WHERE id = %(id)s;

-- name: open_request_about
-- The open matter about a payment that its payer did not make.
SELECT id, customer_id, kind, channel, state, urgent, path, payment_id, device, lang, asked_at, due_at, turned_at, owner_id,
    answered_at, closed_at, said
FROM care.request WHERE payment_id = %(payment_id)s AND kind = 'not_mine' AND state <> 'closed';

-- name: lock_request
-- For whoever says something about it.
SELECT id, customer_id, kind, channel, state, urgent, path, payment_id, device, lang, asked_at, due_at, turned_at, owner_id,
    answered_at, closed_at, said
FROM care.request WHERE id = ANY(%(keys)s::uuid[]) ORDER BY id FOR NO KEY UPDATE;

-- name: said_before
-- Whether something has been said under this id, and about which matter.
SELECT request_id FROM care.message WHERE id = %(id)s;

-- name: turn
-- How the matter stands after something was said.
UPDATE care.request SET state = %(state)s, owner_id = %(owner_id)s, turned_at = %(turned_at)s, answered_at = %(answered_at)s,
    closed_at = %(closed_at)s, said = %(said)s
WHERE id = %(id)s;

-- name: requests_of
-- A customer's matters, newest first.
SELECT id, customer_id, kind, channel, state, urgent, path, payment_id, device, lang, asked_at, due_at, turned_at, owner_id,
    answered_at, closed_at, said
FROM care.request WHERE customer_id = %(customer_id)s AND (asked_at, id) < (%(before)s, %(before_id)s::uuid)
ORDER BY asked_at DESC, id DESC LIMIT %(most)s;

-- name: not_closed
-- How many matters of a customer's go on.
SELECT count(*) FROM care.request WHERE customer_id = %(customer_id)s AND state <> 'closed';

-- name: queue
-- What waits for the bank: what is urgent first, then by the promised time. `owner_id`: only what this colleague has taken.
SELECT id, customer_id, kind, channel, state, urgent, path, payment_id, device, lang, asked_at, due_at, turned_at, owner_id,
    answered_at, closed_at, said
FROM care.request
WHERE state = 'waiting' AND (%(owner_id)s::uuid IS NULL OR owner_id = %(owner_id)s) AND (%(kind)s::text IS NULL OR kind = %(kind)s)
    AND (NOT urgent, due_at, id) > (%(after_calm)s::boolean, %(after_due)s, %(after_id)s::uuid)
ORDER BY urgent DESC, due_at, id LIMIT %(most)s;

-- name: requests
-- Everything that was asked, in a state or in any, newest first.
SELECT id, customer_id, kind, channel, state, urgent, path, payment_id, device, lang, asked_at, due_at, turned_at, owner_id,
    answered_at, closed_at, said
FROM care.request
WHERE (%(state)s::text IS NULL OR state = %(state)s) AND (%(kind)s::text IS NULL OR kind = %(kind)s)
    AND (%(owner_id)s::uuid IS NULL OR owner_id = %(owner_id)s)
    AND (asked_at, id) < (%(before)s, %(before_id)s::uuid)
ORDER BY asked_at DESC, id DESC LIMIT %(most)s;

-- name: messages
-- What was said about a matter, in order, its words sealed.
SELECT id, said_at, what, by_customer, by_id, sealed FROM care.message WHERE request_id = %(request_id)s ORDER BY place;

-- name: said_of_person
-- What was said in a person's latest matters, without what staff wrote to each other, its words sealed.
WITH own AS (SELECT id, kind, asked_at FROM care.request WHERE customer_id = %(customer_id)s ORDER BY asked_at DESC LIMIT %(most)s)
SELECT m.id, m.said_at, m.what, m.by_customer, m.sealed, own.id, own.kind FROM own JOIN care.message m ON m.request_id = own.id
WHERE m.what <> ALL (%(hidden)s::text[]) ORDER BY own.asked_at DESC, own.id, m.place;

-- name: waiting
-- What waits for the bank. Late: longer than was promised for the first answer, or as long again after each further word.
SELECT count(*), count(*) FILTER (WHERE CASE WHEN answered_at IS NULL THEN due_at ELSE turned_at + (due_at - asked_at) END < %(at)s),
    min(turned_at)
FROM care.request WHERE state = 'waiting';

-- name: forget_words
-- What was said in matters that ended long ago, a chunk at a time.
UPDATE care.message SET sealed = NULL WHERE id IN (
    SELECT m.id FROM care.request r JOIN care.message m ON m.request_id = r.id
    WHERE r.closed_at < %(before)s AND m.sealed IS NOT NULL LIMIT %(most)s
);
