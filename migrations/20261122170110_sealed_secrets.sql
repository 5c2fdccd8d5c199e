-- migrate:up
-- merchants: the secrets of webhooks are sealed. The column stays for what is not moved yet; a later migration drops it.

ALTER TABLE merchants.endpoint
    -- squawk-ignore ban-drop-not-null
    ALTER COLUMN secret DROP NOT NULL,
    ADD COLUMN sealed_secret bytea CONSTRAINT webhook_secret_sealed CHECK (octet_length(sealed_secret) BETWEEN 34 AND 1024);

-- migrate:down
