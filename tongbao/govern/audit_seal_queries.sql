-- name: newest_entry
-- The number of the newest entry of the audit that can be seen; 0 where there is none.
SELECT coalesce((SELECT id FROM base.audit_view ORDER BY id DESC LIMIT 1), 0);

-- name: last_seal
-- How far the audit is under seal, and by which one.
SELECT through, seal FROM govern.audit_seal ORDER BY through DESC LIMIT 1;

-- name: stretch
-- The next entries, as one digest in which every one of their fields counts: up to where, how many, SHA-256.
SELECT max(id), count(*), sha256(convert_to(string_agg(said, E'\n' ORDER BY id), 'UTF8'))
FROM (
    SELECT id, jsonb_build_array(
        id, booking_date, extract(epoch FROM recorded_at), principal_id, principal_kind, action, subject, reason, details
    )::text AS said
    FROM base.audit_view WHERE id > %(after)s AND id <= %(through)s ORDER BY id LIMIT %(most)s
) AS entry;

-- name: add_seal
-- Seals a stretch, once.
INSERT INTO govern.audit_seal (through, entries, seal, sealed_at)
VALUES (%(through)s, %(entries)s, %(seal)s, %(at)s) ON CONFLICT ON CONSTRAINT audit_seal_once DO NOTHING;

-- name: seals_after
-- Seals in their order, from behind one on, each with what its stretch says now: how many entries, and their digest.
SELECT s.through, s.entries, s.seal, e.entries, e.digest
FROM (
    SELECT through, entries, seal, lag(through, 1, %(after)s::bigint) OVER (ORDER BY through) AS begins
    FROM govern.audit_seal WHERE through > %(after)s ORDER BY through LIMIT %(most)s
) AS s
CROSS JOIN LATERAL (
    SELECT count(*) AS entries, sha256(convert_to(coalesce(string_agg(jsonb_build_array(
        id, booking_date, extract(epoch FROM recorded_at), principal_id, principal_kind, action, subject, reason, details
    )::text, E'\n' ORDER BY id), ''), 'UTF8')) AS digest
    FROM base.audit_view WHERE id > s.begins AND id <= s.through
) AS e
ORDER BY s.through;

-- name: seal_of
-- One seal.
SELECT seal FROM govern.audit_seal WHERE through = %(through)s;
