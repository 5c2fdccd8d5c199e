-- history: how a bank's past came in. What was read, how far, what was refused, and what waits for later slices.
-- Ids are those of the source; money of the past is in the ledger, under ids derived from them.

CREATE SCHEMA history;

-- One folder that was brought in, by the SHA-256 of its files. `rows_done` moves in the transaction that posts those rows.
CREATE TABLE history.import (
    id uuid PRIMARY KEY,
    digest bytea NOT NULL CONSTRAINT import_digest_is_sha256 CHECK (length(digest) = 32),
    rows_done bigint NOT NULL CONSTRAINT rows_done_not_negative CHECK (rows_done >= 0),
    started_at timestamptz NOT NULL,
    finished_at timestamptz
);
CREATE VIEW history.import_view AS SELECT id, rows_done, started_at, finished_at FROM history.import;

-- Lines that posted nothing, and why.
CREATE TABLE history.rejected (
    import_id uuid NOT NULL REFERENCES history.import (id),
    file text NOT NULL,
    line bigint NOT NULL,
    reason text NOT NULL,
    detail text NOT NULL,
    PRIMARY KEY (import_id, file, line)
);

-- `figures`: columns A4 to A16 as printed (inhabitants, towns, wages, unemployment, crimes); a question mark is unknown.
CREATE TABLE history.district (
    district_id bigint PRIMARY KEY,
    import_id uuid NOT NULL REFERENCES history.import (id),
    name text NOT NULL,
    region text NOT NULL,
    figures text[] NOT NULL
);

-- Personal data: kept until the customer is erased. The sex that the birth number tells is not kept.
CREATE TABLE history.client (
    client_id bigint PRIMARY KEY,
    import_id uuid NOT NULL REFERENCES history.import (id),
    customer_id uuid NOT NULL CONSTRAINT client_is_one_customer UNIQUE REFERENCES identity.customer (id),
    born_on date NOT NULL,
    district_id bigint NOT NULL REFERENCES history.district (district_id)
);

CREATE TABLE history.account (
    account_id bigint PRIMARY KEY,
    import_id uuid NOT NULL REFERENCES history.import (id),
    identity_account_id uuid NOT NULL CONSTRAINT account_is_one_account UNIQUE REFERENCES identity.account (id),
    ledger_id bigint NOT NULL CONSTRAINT account_is_one_ledger_account UNIQUE REFERENCES ledger.account (id),
    district_id bigint NOT NULL REFERENCES history.district (district_id),
    statements text NOT NULL
        CONSTRAINT statement_frequency CHECK (statements IN ('monthly', 'weekly', 'after_transaction')),
    opened_on date NOT NULL
);
CREATE VIEW history.account_view AS
SELECT account_id, identity_account_id, ledger_id, district_id, statements, opened_on FROM history.account;

CREATE TABLE history.disposition (
    disposition_id bigint PRIMARY KEY,
    import_id uuid NOT NULL REFERENCES history.import (id),
    client_id bigint NOT NULL REFERENCES history.client (client_id),
    account_id bigint NOT NULL REFERENCES history.account (account_id),
    kind text NOT NULL CONSTRAINT disposition_kind CHECK (kind IN ('owner', 'disponent'))
);

CREATE TABLE history.card (
    card_id bigint PRIMARY KEY,
    import_id uuid NOT NULL REFERENCES history.import (id),
    disposition_id bigint NOT NULL REFERENCES history.disposition (disposition_id),
    kind text NOT NULL CONSTRAINT card_kind CHECK (kind IN ('junior', 'classic', 'gold')),
    issued_on date NOT NULL
);

-- `outcome`: A finished well, B finished unpaid, C running well, D running in debt.
CREATE TABLE history.loan (
    loan_id bigint PRIMARY KEY,
    import_id uuid NOT NULL REFERENCES history.import (id),
    account_id bigint NOT NULL REFERENCES history.account (account_id),
    granted_on date NOT NULL,
    amount_minor bigint NOT NULL CONSTRAINT loan_amount CHECK (amount_minor > 0),
    months integer NOT NULL CONSTRAINT loan_months CHECK (months > 0),
    instalment_minor bigint NOT NULL CONSTRAINT loan_instalment CHECK (instalment_minor > 0),
    outcome text NOT NULL CONSTRAINT loan_outcome CHECK (outcome IN ('A', 'B', 'C', 'D'))
);

-- `to_account` lies at another bank; personal data, kept until the owner of `account_id` is erased.
CREATE TABLE history.standing_order (
    order_id bigint PRIMARY KEY,
    import_id uuid NOT NULL REFERENCES history.import (id),
    account_id bigint NOT NULL REFERENCES history.account (account_id),
    to_bank text NOT NULL,
    to_account text NOT NULL,
    amount_minor bigint NOT NULL CONSTRAINT standing_order_amount CHECK (amount_minor > 0),
    symbol text NOT NULL
);

-- The made-up city of a demo: what it was founded with, so that an interrupted founding goes on with the same city.
CREATE TABLE history.founding (
    singleton boolean PRIMARY KEY DEFAULT true CONSTRAINT founded_once CHECK (singleton),
    plan jsonb NOT NULL,
    begun_at timestamptz NOT NULL,
    finished_at timestamptz
);
CREATE VIEW history.founding_view AS SELECT plan, begun_at, finished_at FROM history.founding;

-- Who plays which part in the demo: a customer, a merchant, a member of staff or a webhook, by what the part is called.
CREATE TABLE history.part (
    name text PRIMARY KEY CONSTRAINT part_name_form CHECK (name ~ '^[a-z][a-z_]{0,31}$'),
    id uuid NOT NULL
);
CREATE VIEW history.part_view AS SELECT name, id FROM history.part;
