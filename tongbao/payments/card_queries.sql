-- name: ensure_holder
-- A row for whoever binds a card, before the first.
INSERT INTO payments.card_holder (customer_id, default_card_id) VALUES (%(customer_id)s, NULL)
ON CONFLICT (customer_id) DO NOTHING;

-- name: lock_holder
-- Whoever changes a customer's cards holds this.
SELECT customer_id FROM payments.card_holder WHERE customer_id = ANY(%(keys)s::uuid[]) ORDER BY customer_id FOR NO KEY UPDATE;

-- name: cards_of
-- A customer's cards that are bound or wait for their code, the oldest first.
SELECT c.id, c.customer_id, c.state, c.tries, c.asked_at, c.bound_at, h.default_card_id IS NOT DISTINCT FROM c.id
FROM payments.card c LEFT JOIN payments.card_holder h ON h.customer_id = c.customer_id
WHERE c.customer_id = %(customer_id)s AND c.ended_at IS NULL ORDER BY c.asked_at, c.id;

-- name: card
-- One card, whatever has become of it.
SELECT c.id, c.customer_id, c.state, c.tries, c.asked_at, c.bound_at, h.default_card_id IS NOT DISTINCT FROM c.id
FROM payments.card c LEFT JOIN payments.card_holder h ON h.customer_id = c.customer_id WHERE c.id = %(id)s;

-- name: asked_since
-- How many codes a customer has asked for since then.
SELECT count(*) FROM payments.card WHERE customer_id = %(customer_id)s AND asked_at > %(since)s;

-- name: add_card
-- A card that waits for its code; nothing where the id is taken.
INSERT INTO payments.card (id, customer_id, state, tries, asked_at, bound_at, ended_at)
VALUES (%(id)s, %(customer_id)s, 'asked', 0, %(at)s, NULL, NULL) ON CONFLICT (id) DO NOTHING;

-- name: take_try
-- One more code is about to be compared.
UPDATE payments.card SET tries = tries + 1 WHERE id = %(id)s;

-- name: bind_card
-- Its owner had the code.
UPDATE payments.card SET state = 'bound', bound_at = %(at)s WHERE id = %(id)s AND state = 'asked';

-- name: end_cards
-- Refused by the issuer, given up, or removed by the owner.
UPDATE payments.card SET state = %(state)s, ended_at = %(at)s WHERE id = ANY(%(ids)s::uuid[]) AND ended_at IS NULL;

-- name: set_default
-- Which card is offered first.
UPDATE payments.card_holder SET default_card_id = %(card_id)s WHERE customer_id = %(customer_id)s;

-- name: is_in_use
-- Whether a payment waits for what the network says of this card.
SELECT EXISTS (
    SELECT 1 FROM payments.rail_payment r
    WHERE r.rail = %(rail)s AND r.outside_account = %(account)s AND r.next_at IS NOT NULL
);

-- name: lock_asked_before
-- Cards that have waited for their code since then, for whoever gives them up.
SELECT id FROM payments.card WHERE state = 'asked' AND asked_at < %(before)s ORDER BY id LIMIT %(most)s
FOR NO KEY UPDATE SKIP LOCKED;

-- name: wrong_card_payments
-- Of these payments those over the card network that were not booked once for what they say, or taken back once: what was heard is
-- set against what the channel from outside was booked.
WITH these AS (
    SELECT p.id, p.state, p.amount_minor, p.currency FROM payments.payment p
    WHERE p.id = ANY(%(ids)s::uuid[]) AND p.rail = %(rail)s
), asked AS (
    SELECT o.payment_id,
        count(*) FILTER (WHERE o.kind IN ('rail_accepted', 'rail_kept')) AS yes,
        count(*) FILTER (WHERE o.kind = 'resolve') AS resolved,
        count(*) FILTER (WHERE o.kind = 'rail_reversed') AS back
    FROM payments.operation o WHERE o.payment_id = ANY(%(ids)s::uuid[]) AND o.state = 'done' GROUP BY o.payment_id
), heard AS (
    SELECT c.payment_id, count(*) AS yes FROM payments.rail_call c
    WHERE c.payment_id = ANY(%(ids)s::uuid[]) AND c.said = 'accepted' AND c.verb <> 'reverse' GROUP BY c.payment_id
), transfers AS (
    SELECT p.id AS payment_id, p.id AS transfer_id FROM these p
    UNION ALL
    SELECT o.payment_id, o.id FROM payments.operation o JOIN these p ON p.id = o.payment_id
    WHERE o.payment_id = ANY(%(ids)s::uuid[])
), booked AS (
    SELECT t.payment_id, -sum(e.amount_minor) AS amount_minor, count(*) AS times FROM transfers t
    CROSS JOIN LATERAL (
        SELECT e.amount_minor FROM ledger.transfer_view l
        JOIN ledger.entry_view e ON e.transfer_id = l.id AND e.booking_date = l.booking_date
        JOIN ledger.account_view a ON a.id = e.account_id
        WHERE l.id = t.transfer_id AND a.gl_line = %(outside)s
        OFFSET 0
    ) AS e
    GROUP BY t.payment_id
), together AS (
    SELECT p.id, p.state, p.amount_minor, coalesce(b.amount_minor, 0) AS booked, coalesce(b.times, 0) AS times,
        coalesce(a.yes, 0) > 0 OR coalesce(h.yes, 0) > 0 AS said_yes, coalesce(a.resolved, 0) > 0 AS resolved,
        coalesce(a.back, 0) > 0 AS taken_back, r.next_at IS NOT NULL AND r.next IN ('reverse', 'ask') AS being_taken_back
    FROM these p
    LEFT JOIN asked a ON a.payment_id = p.id
    LEFT JOIN heard h ON h.payment_id = p.id
    LEFT JOIN booked b ON b.payment_id = p.id
    LEFT JOIN payments.rail_payment r ON r.payment_id = p.id
)
SELECT id, CASE
        WHEN state = 'completed' THEN amount_minor || ' booked once, and said by the network'
        WHEN state IN ('declined', 'cancelled', 'expired') THEN amount_minor || ' booked or taken back where the network said yes, else nothing'
        ELSE 'nothing booked before the network has spoken' END,
    concat_ws(', ', state, booked || ' booked ' || times || ' times', CASE WHEN said_yes THEN 'the network said yes' END,
        CASE WHEN resolved THEN 'decided by people' END, CASE WHEN taken_back THEN 'taken back' END)
FROM together
WHERE NOT CASE
    WHEN state = 'completed' THEN booked = amount_minor AND times = 1 AND (said_yes OR resolved) AND NOT taken_back
    WHEN state IN ('declined', 'cancelled', 'expired') THEN
        (booked = 0 OR (booked = amount_minor AND times = 1 AND (said_yes OR resolved)))
        AND (NOT said_yes OR (booked <> 0)::int + taken_back::int + (booked = 0 AND NOT taken_back AND being_taken_back)::int = 1)
        AND NOT (booked <> 0 AND taken_back)
    ELSE booked = 0 AND NOT taken_back END
ORDER BY id LIMIT %(most)s;
