-- name: device_seen
-- Whether this customer has proved in this browser who he is; the last sight of it is written down.
UPDATE identity.device
SET seen_at = greatest(seen_at, %(at)s), name = coalesce(nullif(%(name)s::text, ''), name),
    place = coalesce(nullif(%(place)s::text, ''), place)
WHERE customer_id = %(customer_id)s AND browser_hash = %(browser_hash)s AND seen_at > %(since)s AND revoked_at IS NULL
RETURNING id;

-- name: know_device
-- The browser is this customer's from now on. One that was logged out, or not seen for long, cools off anew.
INSERT INTO identity.device AS d (id, customer_id, browser_hash, name, place, known_since, seen_at, trusted_from)
VALUES (%(id)s, %(customer_id)s, %(browser_hash)s, %(name)s, %(place)s, %(at)s, %(at)s, %(trusted_from)s)
ON CONFLICT ON CONSTRAINT device_once DO UPDATE
SET seen_at = greatest(d.seen_at, excluded.seen_at), name = coalesce(nullif(excluded.name, ''), d.name),
    place = coalesce(nullif(excluded.place, ''), d.place), revoked_at = NULL,
    trusted_from = CASE WHEN d.revoked_at IS NULL AND d.seen_at > %(since)s THEN d.trusted_from ELSE excluded.trusted_from END
RETURNING id, trusted_from;

-- name: move_device
-- The browser's cookie was changed: what is known of it goes with it.
UPDATE identity.device SET browser_hash = %(new)s WHERE browser_hash = %(old)s;

-- name: devices_of
-- A customer's browsers, the last one seen first, each with the sessions that are open in it.
SELECT d.id, d.name, d.place, d.known_since, d.seen_at, d.trusted_from, count(s.id),
    coalesce(bool_or(s.id = %(session_id)s::uuid), false)
FROM identity.device d
LEFT JOIN identity.session s ON s.device_id = d.id AND s.holder_id = d.customer_id AND s.ended_at IS NULL
    AND s.expires_at > %(at)s AND s.seen_at > %(idle_since)s
WHERE d.customer_id = %(customer_id)s AND d.revoked_at IS NULL AND d.seen_at > %(since)s
GROUP BY d.id ORDER BY d.seen_at DESC, d.id DESC LIMIT %(most)s;

-- name: revoke_devices
-- Logged out: they need a code again. Without an id all of them.
UPDATE identity.device SET revoked_at = %(at)s
WHERE customer_id = %(customer_id)s AND revoked_at IS NULL AND (%(id)s::uuid IS NULL OR id = %(id)s)
RETURNING id;

-- name: end_other_sessions
-- Whoever is in elsewhere is out at once.
UPDATE identity.session SET ended_at = %(at)s
WHERE holder_id = %(customer_id)s AND kind = 'customer' AND ended_at IS NULL AND id <> %(session_id)s;

-- name: revoke_other_devices
-- Every browser but the one of this session needs a code again.
UPDATE identity.device SET revoked_at = %(at)s
WHERE customer_id = %(customer_id)s AND revoked_at IS NULL AND id IS DISTINCT FROM (
    SELECT s.device_id FROM identity.session s WHERE s.id = %(session_id)s
)
RETURNING id;

-- name: count_other_sessions
-- How many are open elsewhere.
SELECT count(*) FROM identity.session
WHERE holder_id = %(customer_id)s AND kind = 'customer' AND ended_at IS NULL AND id <> %(session_id)s
    AND expires_at > %(at)s AND seen_at > %(idle_since)s;

-- name: device_exists
-- Whether this was ever his.
SELECT 1 FROM identity.device WHERE customer_id = %(customer_id)s AND id = %(id)s;

-- name: end_sessions_in
-- Whoever was in by this browser is out at once.
UPDATE identity.session SET ended_at = %(at)s
WHERE holder_id = %(customer_id)s AND kind = 'customer' AND device_id = %(device_id)s AND ended_at IS NULL;

-- name: offer_secret
-- A new secret for whoever shows the one in use, once that is old enough; another offer only where the one before was lost.
UPDATE identity.session
SET offered_hash = %(fresh)s, offered_at = %(at)s,
    spent_hashes = CASE WHEN offered_hash IS NULL THEN spent_hashes
        ELSE (coalesce(spent_hashes, '{}') || offered_hash)[greatest(coalesce(cardinality(spent_hashes), 0) - 18, 1):] END
WHERE public_id = %(public_id)s AND secret_hash = %(shown)s AND ended_at IS NULL AND expires_at > %(at)s
    AND coalesce(renewed_at, started_at) <= %(old_since)s AND (offered_at IS NULL OR offered_at <= %(lost_since)s)
RETURNING expires_at;

-- name: take_offer
-- The new secret was shown: it is the one in use, and the one before is the last of those that are spent.
UPDATE identity.session
SET secret_hash = offered_hash, offered_hash = NULL, offered_at = NULL, renewed_at = %(at)s,
    spent_hashes = (coalesce(spent_hashes, '{}') || secret_hash)[greatest(coalesce(cardinality(spent_hashes), 0) - 18, 1):]
WHERE public_id = %(public_id)s AND offered_hash = %(shown)s AND ended_at IS NULL;

-- name: count_sessions_in_devices
-- How many sessions say in which device they are.
SELECT count(*) FROM identity.session WHERE device_id IS NOT NULL;

-- name: sessions_in_strange_devices
-- Those that are in a device of somebody else, or are no customer's.
SELECT s.id, s.holder_id, d.customer_id FROM identity.session s JOIN identity.device d ON d.id = s.device_id
WHERE s.holder_id <> d.customer_id OR s.kind <> 'customer' ORDER BY s.id LIMIT %(most)s;

-- name: forget_devices
-- Browsers that were not seen for long are strangers again.
DELETE FROM identity.device WHERE seen_at < %(before)s;
