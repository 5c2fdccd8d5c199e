-- migrate:up
-- merchants: the deliveries about a payment, for its page.
CREATE INDEX delivery_by_aggregate ON merchants.delivery (aggregate, created_at);

-- migrate:down
