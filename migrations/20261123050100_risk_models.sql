-- migrate:up
-- What became known of payments, models that were trained on it, and what their scores were.
SET LOCAL lock_timeout = '5s';

ALTER TABLE risk.assessment
ADD COLUMN score smallint CONSTRAINT assessment_score CHECK (score BETWEEN 0 AND 100),
ADD COLUMN model integer,
ADD COLUMN model_fault text CONSTRAINT assessment_model_fault CHECK (model_fault IN ('broken', 'slow')),
ADD COLUMN beside_score smallint CONSTRAINT assessment_beside_score CHECK (beside_score BETWEEN 0 AND 100),
ADD COLUMN beside_model integer;

-- What became known of a payment afterwards, numbered: the newest counts, the others stay. `id` is of whoever says it, told twice it is
-- said once. `reason` names no person. Retention: as the payment's decision.
CREATE TABLE risk.label (
    payment_id uuid NOT NULL,
    number integer NOT NULL CONSTRAINT label_number CHECK (number >= 1),
    id uuid NOT NULL CONSTRAINT label_id UNIQUE,
    is_fraud boolean NOT NULL,
    source text NOT NULL CONSTRAINT label_source CHECK (source ~ '^[a-z][a-z_]{2,19}$'),
    said_at timestamptz NOT NULL,
    said_by uuid NOT NULL,
    reason text NOT NULL CONSTRAINT label_reason CHECK (length(reason) BETWEEN 1 AND 500),
    CONSTRAINT label_once PRIMARY KEY (payment_id, number)
);
CREATE INDEX label_by_time ON risk.label (said_at);

-- A model as it was trained, never changed. `artefact`: trees of whole numbers as JSON, in `sha256` what they hash to; a model whose
-- hash is another is not used. `catalogue`: of which version its features are; `facts`: how it did on payments that it had not seen.
CREATE TABLE risk.model (
    number integer NOT NULL CONSTRAINT model_once PRIMARY KEY CONSTRAINT model_number CHECK (number >= 1),
    sha256 bytea NOT NULL CONSTRAINT model_hash UNIQUE CONSTRAINT model_hash_length CHECK (octet_length(sha256) = 32),
    artefact bytea NOT NULL CONSTRAINT model_size CHECK (octet_length(artefact) BETWEEN 2 AND 4000000),
    catalogue smallint NOT NULL,
    facts jsonb NOT NULL,
    trained_until timestamptz NOT NULL,
    trained_at timestamptz NOT NULL
);

-- What a model is there for from a moment on, in order; its newest row counts, without one it is a candidate. The champion's score
-- counts, the challenger's is remembered beside it. One person proposed it, another approved; whoever made way has the same approval.
CREATE TABLE risk.model_role (
    place integer NOT NULL CONSTRAINT model_role_once PRIMARY KEY CONSTRAINT model_role_place CHECK (place >= 1),
    model integer NOT NULL CONSTRAINT model_role_of REFERENCES risk.model,
    role text NOT NULL CONSTRAINT model_role_role CHECK (role IN ('champion', 'challenger', 'retired')),
    since_at timestamptz NOT NULL,
    reason text NOT NULL,
    proposed_by uuid NOT NULL,
    approved_by uuid NOT NULL CONSTRAINT model_role_second_person CHECK (approved_by <> proposed_by),
    approval_id uuid NOT NULL
);
CREATE INDEX model_role_by_model ON risk.model_role (model, place);

-- migrate:down
