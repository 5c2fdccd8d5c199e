-- migrate:up
-- How risky a payment was found, 0 to 100: the points of the rules or the champion's score, whichever is more.
CREATE VIEW risk.risk_view AS SELECT id, booking_date, greatest(points, coalesce(score, 0)) AS risk FROM risk.assessment;

-- migrate:down
