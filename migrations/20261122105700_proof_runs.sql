-- migrate:up
-- base: proofs of the books that people ask for.

-- Proofs of the books that people asked for: what is looked at now, and what became of each check. One is open at most; whoever
-- works on it holds the prover's lock. Retention: as long as the books.
CREATE TABLE base.proof_run (
    id uuid PRIMARY KEY,
    is_full boolean NOT NULL,
    asked_by uuid NOT NULL,
    asked_at timestamptz NOT NULL,
    began_at timestamptz,
    ended_at timestamptz,
    check_name text,
    done bigint NOT NULL,
    total bigint NOT NULL,
    checks jsonb NOT NULL,
    postings bigint,
    trouble text
);
CREATE UNIQUE INDEX one_proof_is_open ON base.proof_run ((ended_at IS NULL)) WHERE ended_at IS NULL;
CREATE INDEX proof_run_by_time ON base.proof_run (asked_at);

-- migrate:down
