-- name: queue_messages
-- On their way once the transaction commits; a message that is known already stays as it is.
INSERT INTO notices.message (
    id, subject_id, channel, kind, sealed_to, sealed_text, state, queued_at, expires_at, next, next_at, tries
)
SELECT i, s, c, k, t, x, 'queued', %(at)s, e, 'send', %(at)s, 0 FROM unnest(
    %(ids)s::uuid[], %(subjects)s::uuid[], %(channels)s::text[], %(kinds)s::text[], %(to)s::bytea[], %(texts)s::bytea[],
    %(expires)s::timestamptz[]
) AS u (i, s, c, k, t, x, e)
ORDER BY i
ON CONFLICT (id) DO NOTHING;

-- name: lease_messages
-- What is due and nobody is asking about; whoever dies with a lease loses it when its time is over.
WITH due AS (
    SELECT id FROM notices.message
    WHERE next_at <= %(at)s AND channel = ANY(%(channels)s::text[])
    ORDER BY next_at, id LIMIT %(most)s
    FOR NO KEY UPDATE SKIP LOCKED
)
UPDATE notices.message m SET lease = %(lease)s, next_at = %(until)s FROM due WHERE m.id = due.id
RETURNING m.id, m.subject_id, m.channel, m.sealed_to, m.sealed_text, m.state, m.next, m.tries, m.expires_at, m.left_at,
    m.sent_at, m.lease;

-- name: write_messages
-- What came of questions; only the holder of the lease may say so. What has ended loses its seal with its content.
UPDATE notices.message m SET state = u.s, reason = u.r, next = u.n, next_at = u.w, tries = u.t, left_at = u.f, sent_at = u.g,
    ended_at = u.e, lease = NULL,
    sealed_to = CASE WHEN u.e IS NULL THEN m.sealed_to END, sealed_text = CASE WHEN u.e IS NULL THEN m.sealed_text END
FROM unnest(
    %(ids)s::uuid[], %(leases)s::uuid[], %(states)s::text[], %(reasons)s::text[], %(next)s::text[],
    %(next_at)s::timestamptz[], %(tries)s::int[], %(left_at)s::timestamptz[], %(sent_at)s::timestamptz[],
    %(ended_at)s::timestamptz[]
) AS u (i, l, s, r, n, w, t, f, g, e)
WHERE m.id = u.i AND m.lease = u.l;

-- name: end_expired
-- Too late, and no gateway ever heard of them: nothing more is done, whether or not anybody sends at all.
UPDATE notices.message m SET state = 'failed', reason = 'expired', next = NULL, next_at = NULL, lease = NULL, ended_at = %(at)s,
    sealed_to = NULL, sealed_text = NULL
WHERE m.id IN (
    SELECT id FROM notices.message
    WHERE state = 'queued' AND next_at <= %(at)s AND expires_at <= %(at)s AND left_at IS NULL
    ORDER BY next_at, id LIMIT %(most)s
    FOR NO KEY UPDATE SKIP LOCKED
);

-- name: messages
-- Messages by id, without their content.
SELECT id, subject_id, channel, kind, state, reason, queued_at, expires_at, tries, sent_at, ended_at
FROM notices.message WHERE id = ANY(%(ids)s::uuid[]);

-- name: messages_to
-- A person's newest messages, without their content.
SELECT id, subject_id, channel, kind, state, reason, queued_at, expires_at, tries, sent_at, ended_at
FROM notices.message WHERE subject_id = %(subject_id)s ORDER BY queued_at DESC, id DESC LIMIT %(most)s;

-- name: backlog
-- Messages that no gateway has taken (counted to a bound) and since when; those that failed of late.
SELECT count(*), min(queued_at), (
    SELECT count(*) FROM (
        SELECT FROM notices.message WHERE ended_at > %(since)s AND state = 'failed' LIMIT 10000
    ) AS few
)
FROM (
    SELECT queued_at FROM notices.message WHERE next_at IS NOT NULL AND state = 'queued' ORDER BY next_at LIMIT 10000
) AS few;

-- name: forget_messages
-- What ended long ago goes.
DELETE FROM notices.message WHERE id IN (
    SELECT id FROM notices.message WHERE ended_at < %(before)s ORDER BY ended_at, id LIMIT %(most)s
    FOR UPDATE SKIP LOCKED
);
