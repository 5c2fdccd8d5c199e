-- migrate:up
-- vault: personal data sealed under a key per person.

CREATE SCHEMA vault;

-- Key-encryption keys. One wraps new keys; the others are retired and open what they wrapped until that is re-wrapped.
-- Kept for ever: a few rows.
CREATE TABLE vault.kek (
    id integer PRIMARY KEY,
    suite text NOT NULL CONSTRAINT kek_suite CHECK (suite IN ('AES-256-GCM', 'SM4-GCM')),
    root_id text NOT NULL,
    wrapped bytea NOT NULL CONSTRAINT kek_wrapped CHECK (octet_length(wrapped) BETWEEN 50 AND 4096),
    made_at timestamptz NOT NULL,
    retired_at timestamptz
);
CREATE UNIQUE INDEX one_kek_wraps ON vault.kek ((retired_at IS NULL)) WHERE retired_at IS NULL;

-- The key of blind indexes. One for ever: with another one nobody would be found any more.
CREATE TABLE vault.index_key (
    id integer PRIMARY KEY CONSTRAINT one_index_key CHECK (id = 1),
    suite text NOT NULL CONSTRAINT index_key_suite CHECK (suite = 'AES-256-GCM'),
    root_id text NOT NULL,
    wrapped bytea NOT NULL CONSTRAINT index_key_wrapped CHECK (octet_length(wrapped) BETWEEN 50 AND 4096)
);

-- A person's keys; the newest seals, the older ones open what other slices have sealed before. A destroyed one stays as a row
-- without its key: proof of the erasure, and a refusal for whoever comes late. Kept for ever.
CREATE TABLE vault.subject_key (
    subject_id uuid NOT NULL,
    version integer NOT NULL CONSTRAINT subject_key_version CHECK (version > 0),
    suite text NOT NULL CONSTRAINT subject_key_suite CHECK (suite IN ('AES-256-GCM', 'SM4-GCM')),
    kek_id integer CONSTRAINT subject_key_kek REFERENCES vault.kek (id),
    wrapped bytea CONSTRAINT subject_key_wrapped CHECK (octet_length(wrapped) BETWEEN 50 AND 4096),
    made_at timestamptz NOT NULL,
    destroyed_at timestamptz,
    PRIMARY KEY (subject_id, version),
    CONSTRAINT living_key_is_wrapped CHECK ((wrapped IS NULL) = (kek_id IS NULL)),
    CONSTRAINT destroyed_key_is_gone CHECK ((wrapped IS NULL) = (destroyed_at IS NOT NULL))
);
CREATE INDEX subject_key_by_kek ON vault.subject_key (kek_id) WHERE wrapped IS NOT NULL;

-- What is known of people, sealed: one of each kind. `fingerprint`: the blind index, for kinds by which people are found.
-- Kept until the person is erased.
CREATE TABLE vault.datum (
    subject_id uuid NOT NULL,
    kind text NOT NULL CONSTRAINT datum_kind CHECK (kind IN ('name', 'phone', 'id_number', 'message', 'secret')),
    key_version integer NOT NULL,
    sealed bytea NOT NULL CONSTRAINT datum_sealed CHECK (octet_length(sealed) BETWEEN 34 AND 65536),
    fingerprint bytea CONSTRAINT datum_fingerprint CHECK (octet_length(fingerprint) = 32),
    kept_at timestamptz NOT NULL,
    PRIMARY KEY (subject_id, kind),
    CONSTRAINT datum_has_its_key FOREIGN KEY (subject_id, key_version) REFERENCES vault.subject_key (subject_id, version),
    CONSTRAINT datum_is_found_by_its_kind CHECK ((fingerprint IS NOT NULL) = (kind IN ('name', 'phone', 'id_number')))
);
CREATE INDEX datum_by_fingerprint ON vault.datum (fingerprint) WHERE fingerprint IS NOT NULL;
-- The second byte names the cipher: what another one sealed is found without looking at everything.
CREATE INDEX datum_by_suite ON vault.datum (get_byte(sealed, 1), subject_id, kind);

-- Who read what of whom, and why: a row a call. Holds ids, never what was read. Kept as long as the audit.
CREATE TABLE vault.read_log (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at timestamptz NOT NULL,
    verb text NOT NULL CONSTRAINT read_log_verb CHECK (verb IN ('read', 'erase')),
    by_id uuid NOT NULL,
    by_kind text NOT NULL,
    subjects uuid[] NOT NULL,
    kinds text[] NOT NULL,
    reason text NOT NULL CONSTRAINT reading_needs_a_reason CHECK (reason <> '')
);
CREATE INDEX read_log_by_time ON vault.read_log USING brin (at);
CREATE INDEX read_log_by_reader ON vault.read_log (by_id, at);
CREATE INDEX read_log_by_subject ON vault.read_log USING gin (subjects);

-- migrate:down
