-- name: add_request
-- One request; the same id again adds nothing, and neither does a second open one of a kind.
INSERT INTO govern.request (id, customer_id, kind, state, asked_at, due_on, sealed_text)
VALUES (%(id)s, %(customer_id)s, %(kind)s, 'waiting', %(at)s, %(due_on)s, %(sealed)s) ON CONFLICT DO NOTHING;

-- name: request
-- One request.
SELECT id, customer_id, kind, state, asked_at, due_on, decided_at, decided_by FROM govern.request WHERE id = %(id)s;

-- name: lock_request
-- For whoever decides on it.
SELECT id, customer_id, kind, state, asked_at, due_on, decided_at, decided_by FROM govern.request
WHERE id = ANY(%(keys)s::uuid[]) ORDER BY id FOR NO KEY UPDATE;

-- name: sealed_texts
-- What was written, still sealed.
SELECT id, sealed_text, sealed_answer FROM govern.request WHERE id = ANY(%(ids)s::uuid[]);

-- name: requests_of
-- A customer's requests, newest first.
SELECT id, customer_id, kind, state, asked_at, due_on, decided_at, decided_by FROM govern.request
WHERE customer_id = %(customer_id)s ORDER BY asked_at DESC, id DESC LIMIT %(most)s;

-- name: requests
-- A page of all requests in a state, the one whose answer is due first before the others.
SELECT id, customer_id, kind, state, asked_at, due_on, decided_at, decided_by FROM govern.request
WHERE (%(state)s::text IS NULL OR state = %(state)s) AND (%(kind)s::text IS NULL OR kind = %(kind)s)
    AND (due_on, id) > (%(after_day)s, %(after_id)s)
ORDER BY due_on, id LIMIT %(most)s;

-- name: decide_request
-- How it ended.
UPDATE govern.request SET state = %(state)s, decided_at = %(at)s, decided_by = %(by)s, sealed_answer = %(sealed)s
WHERE id = %(id)s;

-- name: late_requests
-- How many are open after their last day.
SELECT count(*) FROM govern.request WHERE state = 'waiting' AND due_on < %(today)s;

-- name: note_leavers
-- Closed customers of whom nobody has taken note: what is known of them goes on a day.
INSERT INTO govern.leaver (customer_id, noted_at, erase_on)
SELECT c.id, %(at)s, %(erase_on)s FROM identity.customer_view c
WHERE c.status = 'closed' AND NOT EXISTS (SELECT FROM govern.leaver l WHERE l.customer_id = c.id)
ORDER BY c.id LIMIT %(most)s
ON CONFLICT (customer_id) DO NOTHING;

-- name: leavers
-- A page of those who have left and are not erased, the next to be erased first.
SELECT customer_id, noted_at, erase_on, held_because, erased_at FROM govern.leaver
WHERE erased_at IS NULL AND (erase_on, customer_id) > (%(after_day)s, %(after_id)s)
ORDER BY erase_on, customer_id LIMIT %(most)s;

-- name: lock_leavers
-- For whoever erases them or holds that back.
SELECT customer_id, noted_at, erase_on, held_because, erased_at FROM govern.leaver
WHERE customer_id = ANY(%(keys)s::uuid[]) ORDER BY customer_id FOR NO KEY UPDATE;

-- name: leavers_due
-- Whose day has come.
SELECT customer_id FROM govern.leaver
WHERE erased_at IS NULL AND held_because IS NULL AND erase_on <= %(today)s ORDER BY erase_on, customer_id LIMIT %(most)s;

-- name: hold_leaver
-- Keeps what is known of somebody, or lifts that.
UPDATE govern.leaver SET held_because = %(because)s WHERE customer_id = %(customer_id)s;

-- name: leaver_erased
-- It is done; what he wrote and was answered goes as well.
WITH texts AS (
    UPDATE govern.request SET sealed_text = NULL, sealed_answer = NULL WHERE customer_id = ANY(%(ids)s::uuid[])
)
UPDATE govern.leaver SET erased_at = %(at)s WHERE customer_id = ANY(%(ids)s::uuid[]);

-- name: erased_with_words
-- Erased people of whom words are still kept.
SELECT l.customer_id, count(*) FROM govern.leaver l JOIN govern.request r ON r.customer_id = l.customer_id
WHERE l.erased_at IS NOT NULL AND (r.sealed_text IS NOT NULL OR r.sealed_answer IS NOT NULL)
GROUP BY l.customer_id ORDER BY l.customer_id LIMIT %(most)s;

-- name: leavers_still_here
-- People who are noted as having left and have not.
SELECT l.customer_id, c.status FROM govern.leaver l JOIN identity.customer_view c ON c.id = l.customer_id
WHERE c.status <> 'closed' ORDER BY l.customer_id LIMIT %(most)s;

-- name: count_leavers
-- How many have left.
SELECT count(*) FROM govern.leaver;
