-- name: staff_password
-- The hash of a member of staff's password, whether somebody else made it and until when it is good then, when it was set.
SELECT password_hash, password_until, coalesce(password_set_at, created_at) FROM identity.staff WHERE id = %(staff_id)s;

-- name: set_staff_password
-- From now on; `until` where its holder has to replace it.
UPDATE identity.staff SET password_hash = %(password_hash)s, password_set_at = %(at)s, password_until = %(until)s
WHERE id = %(staff_id)s;

-- name: set_staff_roles
-- What somebody may do, from the next request on.
UPDATE identity.staff SET roles = %(roles)s WHERE id = %(staff_id)s;

-- name: own_sessions
-- Where a member of staff is logged in, the newest first.
SELECT id, started_at, seen_at, expires_at FROM identity.staff_session
WHERE staff_id = %(staff_id)s AND ended_at IS NULL AND expires_at > %(at)s AND seen_at > %(idle_since)s
ORDER BY started_at DESC, id DESC LIMIT %(most)s;

-- name: end_own_session
-- One of his; returns nothing where it has ended or is somebody else's.
UPDATE identity.staff_session SET ended_at = %(at)s
WHERE id = %(id)s AND staff_id = %(staff_id)s AND ended_at IS NULL RETURNING id;

-- name: widen_session
-- The session may do what its holder may, once his password is his own and he has a second factor where he needs one.
UPDATE identity.staff_session s SET limited = false
FROM identity.staff t
WHERE s.id = %(id)s AND s.staff_id = %(staff_id)s AND t.id = s.staff_id AND t.password_until IS NULL
    AND (
        NOT %(needs_second)s::boolean
        OR EXISTS (SELECT FROM identity.staff_app a WHERE a.staff_id = t.id)
        OR EXISTS (SELECT FROM identity.staff_passkey p WHERE p.staff_id = t.id AND p.revoked_at IS NULL)
    );

-- name: staff_passkeys
-- What members of staff have not removed, oldest first.
SELECT id, staff_id, credential_id, public_key, transports, name, sign_count, made_at, used_at, suspended_at
FROM identity.staff_passkey WHERE staff_id = %(staff_id)s AND revoked_at IS NULL ORDER BY made_at, id;

-- name: lock_staff_passkeys
-- By credential id, for a signature of it; nobody's who was shut out.
SELECT p.id, p.staff_id, p.credential_id, p.public_key, p.transports, p.name, p.sign_count, p.made_at, p.used_at, p.suspended_at
FROM identity.staff_passkey p JOIN identity.staff t ON t.id = p.staff_id AND t.status = 'active'
WHERE p.credential_id = ANY(%(keys)s::bytea[]) AND p.revoked_at IS NULL ORDER BY p.credential_id FOR UPDATE OF p;

-- name: add_staff_passkey
-- Returns nothing when this credential is somebody's already.
INSERT INTO identity.staff_passkey (id, staff_id, credential_id, public_key, transports, name, sign_count, made_at)
VALUES (%(id)s, %(staff_id)s, %(credential_id)s, %(public_key)s, %(transports)s, %(name)s, %(sign_count)s, %(at)s)
ON CONFLICT (credential_id) DO NOTHING RETURNING id;

-- name: staff_passkey_used
-- Its count, and when it was used.
UPDATE identity.staff_passkey SET sign_count = %(sign_count)s, used_at = %(at)s WHERE id = %(id)s;

-- name: suspend_staff_passkey
-- There are two of it.
UPDATE identity.staff_passkey SET suspended_at = %(at)s WHERE id = %(id)s AND suspended_at IS NULL;

-- name: rename_staff_passkey
-- Returns nothing when he has none of this id.
UPDATE identity.staff_passkey SET name = %(name)s
WHERE id = %(id)s AND staff_id = %(staff_id)s AND revoked_at IS NULL RETURNING id;

-- name: revoke_staff_passkeys
-- One, or all of them without an id; those that were good until now.
UPDATE identity.staff_passkey SET revoked_at = %(at)s
WHERE staff_id = %(staff_id)s AND revoked_at IS NULL AND (%(id)s::uuid IS NULL OR id = %(id)s) RETURNING id;

-- name: offer_staff_passkey
-- A new wish takes the place of one before it.
INSERT INTO identity.staff_passkey_offer (staff_id, challenge, name, offered_at)
VALUES (%(staff_id)s, %(challenge)s, %(name)s, %(at)s)
ON CONFLICT (staff_id) DO UPDATE SET challenge = EXCLUDED.challenge, name = EXCLUDED.name, offered_at = EXCLUDED.offered_at;

-- name: staff_passkey_offer
-- What he is about to make.
SELECT challenge, name FROM identity.staff_passkey_offer WHERE staff_id = %(staff_id)s AND offered_at > %(since)s;

-- name: drop_staff_passkey_offer
-- It was made.
DELETE FROM identity.staff_passkey_offer WHERE staff_id = %(staff_id)s;

-- name: forget_staff_passkey_offers
-- What was never made.
DELETE FROM identity.staff_passkey_offer WHERE offered_at < %(before)s;
