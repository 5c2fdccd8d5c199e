-- name: subscribe
-- A browser that this person lets the bank push to.
INSERT INTO notices.subscription (id, subject_id, mark, sealed, made_at)
VALUES (%(id)s, %(subject_id)s, %(mark)s, %(sealed)s, %(at)s)
ON CONFLICT (mark) DO UPDATE SET
    id = excluded.id, subject_id = excluded.subject_id, sealed = excluded.sealed, made_at = excluded.made_at;

-- name: subscriptions_of
-- The browsers of these people.
SELECT id, subject_id, sealed FROM notices.subscription WHERE subject_id = ANY(%(subjects)s::uuid[])
ORDER BY subject_id, made_at, id;

-- name: unsubscribe
-- None of his any more.
DELETE FROM notices.subscription WHERE subject_id = %(subject_id)s;

-- name: drop_beyond
-- The oldest ones make room.
DELETE FROM notices.subscription WHERE id IN (
    SELECT id FROM notices.subscription WHERE subject_id = %(subject_id)s ORDER BY made_at DESC, id DESC OFFSET %(most)s
);

-- name: drop_marks
-- Browsers that are gone, or somebody else's now.
DELETE FROM notices.subscription WHERE mark = ANY(%(marks)s::bytea[]);
