-- name: staff_app
-- The app of a member of staff, for whoever checks a code of it.
SELECT sealed, used_step FROM identity.staff_app WHERE staff_id = %(staff_id)s;

-- name: use_staff_step
-- A code is used; nothing where it, or a later one, was used before.
UPDATE identity.staff_app SET used_step = %(step)s WHERE staff_id = %(staff_id)s AND used_step < %(step)s;

-- name: set_staff_app
-- The app from now on; the code that confirmed it is used.
INSERT INTO identity.staff_app (staff_id, sealed, used_step, set_at) VALUES (%(staff_id)s, %(sealed)s, %(step)s, %(at)s)
ON CONFLICT (staff_id) DO UPDATE SET sealed = excluded.sealed, used_step = excluded.used_step, set_at = excluded.set_at;

-- name: remove_staff_app
-- Nobody proves himself with it any more.
DELETE FROM identity.staff_app WHERE staff_id = %(staff_id)s;

-- name: offer_staff_app
-- The seed that is being shown.
INSERT INTO identity.staff_app_offer (staff_id, sealed, offered_at) VALUES (%(staff_id)s, %(sealed)s, %(at)s)
ON CONFLICT (staff_id) DO UPDATE SET sealed = excluded.sealed, offered_at = excluded.offered_at;

-- name: staff_app_offer
-- The seed that was shown last.
SELECT sealed FROM identity.staff_app_offer WHERE staff_id = %(staff_id)s AND offered_at >= %(since)s;

-- name: drop_staff_app_offer
-- It is confirmed.
DELETE FROM identity.staff_app_offer WHERE staff_id = %(staff_id)s;

-- name: end_other_sessions
-- Every session of a member of staff but one.
UPDATE identity.staff_session SET ended_at = %(at)s
WHERE staff_id = %(staff_id)s AND ended_at IS NULL AND id IS DISTINCT FROM %(but)s;
