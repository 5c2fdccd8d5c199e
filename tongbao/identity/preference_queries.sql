-- How customers want to see the bank.

-- name: preference
-- What a customer has chosen.
SELECT home, theme, type, language, actions, tour_ended_at IS NOT NULL
FROM identity.preference WHERE customer_id = %(customer_id)s;

-- name: set_look
-- Another home or look; the order of the short ways stays.
INSERT INTO identity.preference (customer_id, home, theme, type, language, actions)
VALUES (%(customer_id)s, %(home)s, %(theme)s, %(type)s, %(language)s, '{}')
ON CONFLICT ON CONSTRAINT preference_once DO UPDATE
SET home = excluded.home, theme = excluded.theme, type = excluded.type, language = excluded.language;

-- name: set_actions
-- Another order of the short ways; the look stays.
INSERT INTO identity.preference (customer_id, home, type, actions)
VALUES (%(customer_id)s, 'standard', 'usual', %(actions)s::text[])
ON CONFLICT ON CONSTRAINT preference_once DO UPDATE SET actions = excluded.actions;

-- name: end_tour
-- The first steps are shown no more.
INSERT INTO identity.preference AS p (customer_id, home, type, actions, tour_ended_at)
VALUES (%(customer_id)s, 'standard', 'usual', '{}', %(at)s)
ON CONFLICT ON CONSTRAINT preference_once DO UPDATE SET tour_ended_at = coalesce(p.tour_ended_at, excluded.tour_ended_at);
