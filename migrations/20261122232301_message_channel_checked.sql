-- migrate:up
-- notices: old rows are looked at in a transaction of their own, while others go on writing.
SET LOCAL lock_timeout = '5s';

ALTER TABLE notices.message VALIDATE CONSTRAINT message_channel;

-- migrate:down
