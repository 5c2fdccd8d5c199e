-- name: erase_people
-- Takes from people who have left what is in the clear, and what a request's digest could be guessed from; ids and days stay.
WITH claims AS (
    UPDATE identity.claim SET request_hash = decode(repeat('00', 32), 'hex') WHERE id = ANY(%(ids)s::uuid[])
)
UPDATE identity.customer SET name = NULL, phone = NULL WHERE id = ANY(%(ids)s::uuid[]);

-- name: drop_means
-- What they came in with: nobody proves himself with it again, and nothing of a person stays in it.
WITH preferred AS (DELETE FROM identity.preferred_factor WHERE customer_id = ANY(%(ids)s::uuid[])),
offers AS (DELETE FROM identity.totp_offer WHERE customer_id = ANY(%(ids)s::uuid[])),
codes AS (DELETE FROM identity.code WHERE subject_id = ANY(%(ids)s::uuid[])),
logins AS (DELETE FROM identity.pending_login WHERE customer_id = ANY(%(ids)s::uuid[])),
devices AS (DELETE FROM identity.device WHERE customer_id = ANY(%(ids)s::uuid[])),
browsers AS (DELETE FROM identity.known_browser WHERE customer_id = ANY(%(ids)s::uuid[])),
passkeys AS (DELETE FROM identity.passkey WHERE customer_id = ANY(%(ids)s::uuid[])),
passkey_offers AS (DELETE FROM identity.passkey_offer WHERE customer_id = ANY(%(ids)s::uuid[])),
device_keys AS (DELETE FROM identity.device_key WHERE customer_id = ANY(%(ids)s::uuid[])),
recoveries AS (DELETE FROM identity.recovery WHERE customer_id = ANY(%(ids)s::uuid[])),
phone_changes AS (DELETE FROM identity.phone_change WHERE customer_id = ANY(%(ids)s::uuid[])),
rhythms AS (DELETE FROM identity.rhythm WHERE customer_id = ANY(%(ids)s::uuid[])),
preferences AS (DELETE FROM identity.preference WHERE customer_id = ANY(%(ids)s::uuid[])),
removals AS (DELETE FROM identity.factor_removal WHERE customer_id = ANY(%(ids)s::uuid[])),
sessions AS (DELETE FROM identity.session WHERE kind = 'customer' AND holder_id = ANY(%(ids)s::uuid[]))
DELETE FROM identity.factor WHERE customer_id = ANY(%(ids)s::uuid[]);

-- name: correct_phone
-- Another number where one still stands in the clear.
UPDATE identity.customer SET phone = %(phone)s WHERE id = %(customer_id)s AND phone IS NOT NULL;

-- name: correct_name
-- Another name where one still stands in the clear.
UPDATE identity.customer SET name = %(name)s WHERE id = %(customer_id)s AND name IS NOT NULL;
