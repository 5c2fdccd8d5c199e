-- name: keep_card
-- Keeps a card, unless the person has it already; answers the row that there is now.
SELECT token, subject_id, network, issuer, issuer_zh, last4, expires_on FROM vault.keep_card(
    %(token)s, %(subject_id)s, %(sealed)s, %(fingerprint)s, %(network)s, %(issuer)s, %(issuer_zh)s, %(last4)s, %(expires_on)s, %(at)s
);

-- name: cards
-- What may be shown of cards.
SELECT token, subject_id, network, issuer, issuer_zh, last4, expires_on FROM vault.shown_cards(%(tokens)s::uuid[]);

-- name: open_card
-- A card as it is stored; on record.
SELECT subject_id, sealed, expires_on FROM vault.open_card(%(token)s, %(by_id)s, %(by_kind)s, %(reason)s, %(at)s);

-- name: forget_cards
-- Cards that nobody has bound any more.
SELECT vault.forget_cards(%(tokens)s::uuid[]);
