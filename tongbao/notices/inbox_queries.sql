-- name: tell
-- What the app tells people, whoever has not refused to hear of it there; a notice that is known already stays as it is.
INSERT INTO notices.inbox (id, subject_id, kind, what, amount_minor, currency, sealed_text, path, told_at)
SELECT i, s, k, w, a, c, t, p, d FROM unnest(
    %(ids)s::uuid[], %(subjects)s::uuid[], %(kinds)s::text[], %(whats)s::text[], %(amounts)s::bigint[], %(currencies)s::text[],
    %(texts)s::bytea[], %(paths)s::text[], %(ats)s::timestamptz[]
) AS u (i, s, k, w, a, c, t, p, d)
WHERE k = 'security' OR NOT EXISTS (
    SELECT 1 FROM notices.choice o
    WHERE o.subject_id = u.s AND o.kind = u.k AND o.channel = 'app' AND NOT o.wanted
)
ORDER BY i
ON CONFLICT (id) DO NOTHING;

-- name: inbox
-- A person's notices before a place, newest first.
SELECT id, kind, what, amount_minor, currency, sealed_text, path, told_at, read_at FROM notices.inbox
WHERE subject_id = %(subject_id)s AND (told_at, id) < (%(before_at)s::timestamptz, %(before_id)s::uuid)
ORDER BY told_at DESC, id DESC LIMIT %(most)s;

-- name: unread
-- How many notices each of these people has not read, counted to a bound, and when the newest one of all was told.
SELECT s, (
    SELECT count(*) FROM (
        SELECT FROM notices.inbox WHERE subject_id = u.s AND read_at IS NULL LIMIT 100
    ) AS few
), (
    SELECT told_at FROM notices.inbox WHERE subject_id = u.s ORDER BY told_at DESC, id DESC LIMIT 1
)
FROM unnest(%(subjects)s::uuid[]) AS u (s);

-- name: read_notices
-- What was shown up to a moment is read.
UPDATE notices.inbox SET read_at = %(at)s
WHERE subject_id = %(subject_id)s AND read_at IS NULL AND told_at <= %(until)s;

-- name: choices
-- What people have said about the ways of their notices.
SELECT subject_id, kind, channel, wanted FROM notices.choice WHERE subject_id = ANY(%(subjects)s::uuid[]);

-- name: set_choices
-- On which ways a person wants to hear of what.
INSERT INTO notices.choice (subject_id, kind, channel, wanted)
SELECT %(subject_id)s, k, c, w FROM unnest(%(kinds)s::text[], %(channels)s::text[], %(wanted)s::boolean[]) AS u (k, c, w)
ORDER BY k, c
ON CONFLICT (subject_id, kind, channel) DO UPDATE SET wanted = excluded.wanted;

-- name: forget_notices
-- What was told long ago goes, read or not.
DELETE FROM notices.inbox WHERE id IN (
    SELECT id FROM notices.inbox WHERE told_at < %(before)s ORDER BY told_at, id LIMIT %(most)s
    FOR UPDATE SKIP LOCKED
);

-- name: drop_people
-- Of whoever has left nothing stays.
WITH choices AS (DELETE FROM notices.choice WHERE subject_id = ANY(%(subjects)s::uuid[])),
browsers AS (DELETE FROM notices.subscription WHERE subject_id = ANY(%(subjects)s::uuid[]))
DELETE FROM notices.inbox WHERE subject_id = ANY(%(subjects)s::uuid[]);
