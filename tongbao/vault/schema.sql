-- vault: personal data sealed under a key per person.
--
-- root keys (outside the database, behind the port Kms) wrap keks; a kek wraps keys of people; a person's key seals his data.

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

-- Who read what of whom, and why: a row a call. Holds ids, never what was read. What rotation and proof went through has a row a
-- range, without people. Kept as long as the audit.
CREATE TABLE vault.read_log (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at timestamptz NOT NULL,
    verb text NOT NULL CONSTRAINT read_log_verb CHECK (verb IN ('read', 'erase', 'reseal', 'prove')),
    by_id uuid NOT NULL,
    by_kind text NOT NULL,
    subjects uuid[] NOT NULL,
    kinds text[] NOT NULL,
    reason text NOT NULL CONSTRAINT reading_needs_a_reason CHECK (reason <> '')
);
CREATE INDEX read_log_by_time ON vault.read_log USING brin (at);
CREATE INDEX read_log_by_reader ON vault.read_log (by_id, at);
CREATE INDEX read_log_by_subject ON vault.read_log USING gin (subjects);

-- Cards of other banks: the number sealed under its owner's key, and a token that stands for it everywhere else. `fingerprint`: a
-- person has a card once. No security code is kept anywhere. Kept while the card is bound, or until the person is erased.
CREATE TABLE vault.card (
    token uuid CONSTRAINT card_once PRIMARY KEY,
    subject_id uuid NOT NULL,
    sealed bytea NOT NULL CONSTRAINT card_sealed CHECK (octet_length(sealed) BETWEEN 34 AND 256),
    fingerprint bytea NOT NULL CONSTRAINT card_fingerprint CHECK (octet_length(fingerprint) = 32),
    network text NOT NULL,
    issuer text NOT NULL,
    issuer_zh text NOT NULL,
    last4 text NOT NULL CONSTRAINT card_last4 CHECK (last4 ~ '^[0-9]{4}$'),
    expires_on date NOT NULL,
    kept_at timestamptz NOT NULL,
    CONSTRAINT card_once_a_person UNIQUE (subject_id, fingerprint)
);

-- The key by which the bank signs what it hands out. `jwk`: its public part. `sealed`: its private part under a key of its own,
-- which a root key wraps. Kept for ever: what was signed is checked by it.
CREATE TABLE vault.bank_key (
    id integer CONSTRAINT bank_key_once PRIMARY KEY,
    suite text NOT NULL CONSTRAINT bank_key_suite CHECK (suite = 'AES-256-GCM'),
    root_id text NOT NULL,
    wrapped bytea NOT NULL CONSTRAINT bank_key_wrapped CHECK (octet_length(wrapped) BETWEEN 50 AND 4096),
    jwk jsonb NOT NULL,
    sealed bytea NOT NULL CONSTRAINT bank_key_sealed CHECK (octet_length(sealed) BETWEEN 34 AND 4096),
    made_at timestamptz NOT NULL
);

-- Made-up people of whom nobody has reason to read anything; their data lie in `vault.datum` like everybody's. They are nobody's
-- customers. Kept for ever.
CREATE TABLE vault.canary (
    subject_id uuid CONSTRAINT canary_once PRIMARY KEY,
    planted_at timestamptz NOT NULL
);

-- Who read a canary all the same. Open until somebody has found out why and says what came of it. Kept for ever.
CREATE TABLE vault.canary_reading (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    subject_id uuid NOT NULL CONSTRAINT canary_reading_of REFERENCES vault.canary (subject_id),
    at timestamptz NOT NULL,
    by_id uuid NOT NULL,
    by_kind text NOT NULL,
    kinds text[] NOT NULL,
    reason text NOT NULL,
    closed_at timestamptz,
    closed_by uuid,
    outcome text CONSTRAINT canary_outcome CHECK (length(outcome) BETWEEN 2 AND 2000),
    CONSTRAINT canary_closed_with_an_outcome CHECK (num_nulls(closed_at, closed_by, outcome) IN (0, 3))
);
CREATE INDEX canary_reading_by_subject ON vault.canary_reading (subject_id, at);
CREATE INDEX canary_reading_open ON vault.canary_reading (id) WHERE closed_at IS NULL;

-- What the bank's processes may ask for. They have no right to the tables above: each of these runs with the rights of its owner and
-- does one thing. What gives data, or a card, in full says in the same call in `read_log` who asks and why. Without a reason, a name
-- or a moment the log takes no row, and then nothing comes out. docs/adr/0008 says what that stops and what it does not.

CREATE FUNCTION vault.active_kek() RETURNS TABLE (id integer, suite text, root_id text, wrapped bytea)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, vault, pg_temp AS $f$
SELECT id, suite, root_id, wrapped FROM vault.kek WHERE retired_at IS NULL
$f$;

CREATE FUNCTION vault.blind_key() RETURNS TABLE (id integer, suite text, root_id text, wrapped bytea)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, vault, pg_temp AS $f$
SELECT id, suite, root_id, wrapped FROM vault.index_key
$f$;

CREATE FUNCTION vault.claim_kek(p_id integer, p_suite text, p_root_id text, p_wrapped bytea, p_at timestamptz) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, vault, pg_temp AS $f$
INSERT INTO vault.kek (id, suite, root_id, wrapped, made_at)
SELECT p_id, p_suite, p_root_id, p_wrapped, p_at WHERE NOT EXISTS (SELECT 1 FROM vault.kek)
ON CONFLICT DO NOTHING
$f$;

-- One that was lost while it is needed is not replaced by another.
CREATE FUNCTION vault.claim_blind_key(p_root_id text, p_wrapped bytea) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, vault, pg_temp AS $f$
INSERT INTO vault.index_key (id, suite, root_id, wrapped)
SELECT 1, 'AES-256-GCM', p_root_id, p_wrapped WHERE NOT EXISTS (SELECT 1 FROM vault.datum WHERE fingerprint IS NOT NULL)
ON CONFLICT DO NOTHING
$f$;

-- Keys of people with the keks that open them. A key alone opens nothing that lies in the vault.
CREATE FUNCTION vault.newest_keys(p_subjects uuid[]) RETURNS TABLE (
    subject_id uuid, version integer, suite text, wrapped bytea, kek_id integer, kek_suite text, root_id text, kek_wrapped bytea
)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, vault, pg_temp AS $f$
SELECT DISTINCT ON (s.subject_id) s.subject_id, s.version, s.suite, s.wrapped, k.id, k.suite, k.root_id, k.wrapped
FROM vault.subject_key s LEFT JOIN vault.kek k ON k.id = s.kek_id
WHERE s.subject_id = ANY(p_subjects) ORDER BY s.subject_id, s.version DESC
$f$;

CREATE FUNCTION vault.keys_named(p_subjects uuid[], p_versions bigint[]) RETURNS TABLE (
    subject_id uuid, version integer, suite text, wrapped bytea, kek_id integer, kek_suite text, root_id text, kek_wrapped bytea
)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, vault, pg_temp AS $f$
SELECT s.subject_id, s.version, s.suite, s.wrapped, k.id, k.suite, k.root_id, k.wrapped
FROM unnest(p_subjects, p_versions) AS u (i, v)
JOIN vault.subject_key s ON s.subject_id = u.i AND s.version = u.v
LEFT JOIN vault.kek k ON k.id = s.kek_id
$f$;

-- Whoever is second takes the first one's.
CREATE FUNCTION vault.add_keys(
    p_subjects uuid[], p_versions integer[], p_suites text[], p_keks integer[], p_wrapped bytea[], p_at timestamptz
) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, vault, pg_temp AS $f$
INSERT INTO vault.subject_key (subject_id, version, suite, kek_id, wrapped, made_at, destroyed_at)
SELECT s, v, u, k, w, p_at, CASE WHEN w IS NULL THEN p_at END
FROM unnest(p_subjects, p_versions, p_suites, p_keks, p_wrapped) AS x (s, v, u, k, w)
ORDER BY s, v
ON CONFLICT DO NOTHING
$f$;

-- One that is being destroyed is waited for, and then gets no successor.
CREATE FUNCTION vault.add_newer_keys(
    p_subjects uuid[], p_versions integer[], p_suites text[], p_keks integer[], p_wrapped bytea[], p_at timestamptz
) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, vault, pg_temp AS $f$
INSERT INTO vault.subject_key (subject_id, version, suite, kek_id, wrapped, made_at)
SELECT x.s, x.v, x.u, x.k, x.w, p_at FROM (
    SELECT y.s, y.v, y.u, y.k, y.w FROM unnest(p_subjects, p_versions, p_suites, p_keks, p_wrapped) AS y (s, v, u, k, w)
    JOIN vault.subject_key q ON q.subject_id = y.s AND q.version = y.v - 1 AND q.wrapped IS NOT NULL
    ORDER BY y.s
    FOR KEY SHARE OF q
) AS x
ON CONFLICT DO NOTHING
$f$;

-- Data under living keys, in place of what was there; how many. A key that is being destroyed is waited for, and then there is none.
CREATE FUNCTION vault.write_data(
    p_subjects uuid[], p_kinds text[], p_versions integer[], p_sealed bytea[], p_fingerprints bytea[], p_at timestamptz
) RETURNS bigint
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, vault, pg_temp AS $f$
WITH written AS (
    INSERT INTO vault.datum AS d (subject_id, kind, key_version, sealed, fingerprint, kept_at)
    SELECT x.s, x.k, x.v, x.z, x.f, p_at FROM (
        SELECT y.s, y.k, y.v, y.z, y.f FROM unnest(p_subjects, p_kinds, p_versions, p_sealed, p_fingerprints) AS y (s, k, v, z, f)
        JOIN vault.subject_key q ON q.subject_id = y.s AND q.version = y.v AND q.wrapped IS NOT NULL
        ORDER BY y.s, y.k
        FOR KEY SHARE OF q
    ) AS x
    ON CONFLICT (subject_id, kind) DO UPDATE SET key_version = EXCLUDED.key_version, sealed = EXCLUDED.sealed,
        fingerprint = EXCLUDED.fingerprint, kept_at = EXCLUDED.kept_at
    RETURNING 1
)
SELECT count(*) FROM written
$f$;

-- Data to be read in full, on record; canaries among them raise the alarm. Of `p_own`, the reader himself, no word is left.
CREATE FUNCTION vault.read_data(
    p_subjects uuid[], p_kinds text[], p_own uuid, p_by_id uuid, p_by_kind text, p_reason text, p_at timestamptz
) RETURNS TABLE (
    subject_id uuid, kind text, key_version integer, sealed bytea, fingerprint bytea, suite text, wrapped bytea, kek_id integer,
    kek_suite text, root_id text, kek_wrapped bytea, is_canary boolean
)
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, vault, pg_temp AS $f$
INSERT INTO vault.read_log (at, verb, by_id, by_kind, subjects, kinds, reason)
SELECT p_at, 'read', p_by_id, p_by_kind, array_agg(s ORDER BY s), p_kinds, btrim(p_reason) FROM unnest(p_subjects) AS u (s)
WHERE s IS DISTINCT FROM p_own HAVING count(*) > 0;
INSERT INTO vault.canary_reading (subject_id, at, by_id, by_kind, kinds, reason)
SELECT c.subject_id, p_at, p_by_id, p_by_kind, p_kinds, btrim(p_reason) FROM vault.canary c
WHERE c.subject_id = ANY(p_subjects)
    AND EXISTS (SELECT 1 FROM vault.datum d WHERE d.subject_id = c.subject_id AND d.kind = ANY(p_kinds))
ORDER BY c.subject_id;
SELECT d.subject_id, d.kind, d.key_version, d.sealed, d.fingerprint, s.suite, s.wrapped, k.id, k.suite, k.root_id, k.wrapped,
    EXISTS (SELECT 1 FROM vault.canary c WHERE c.subject_id = d.subject_id)
FROM vault.datum d
JOIN vault.subject_key s ON s.subject_id = d.subject_id AND s.version = d.key_version
LEFT JOIN vault.kek k ON k.id = s.kek_id
WHERE d.subject_id = ANY(p_subjects) AND d.kind = ANY(p_kinds)
$f$;

-- What somebody sees of himself: one person a call, and no word of it.
CREATE FUNCTION vault.own_data(p_subject uuid, p_kinds text[]) RETURNS TABLE (
    subject_id uuid, kind text, key_version integer, sealed bytea, fingerprint bytea, suite text, wrapped bytea, kek_id integer,
    kek_suite text, root_id text, kek_wrapped bytea, is_canary boolean
)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, vault, pg_temp AS $f$
SELECT d.subject_id, d.kind, d.key_version, d.sealed, d.fingerprint, s.suite, s.wrapped, k.id, k.suite, k.root_id, k.wrapped,
    EXISTS (SELECT 1 FROM vault.canary c WHERE c.subject_id = d.subject_id)
FROM vault.datum d
JOIN vault.subject_key s ON s.subject_id = d.subject_id AND s.version = d.key_version
LEFT JOIN vault.kek k ON k.id = s.kek_id
WHERE d.subject_id = p_subject AND d.kind = ANY(p_kinds)
$f$;

-- For masks, which are made where the keys are. Of secrets and messages a mask shows nothing, so that they do not come out.
CREATE FUNCTION vault.data_to_mask(p_subjects uuid[], p_kinds text[]) RETURNS TABLE (
    subject_id uuid, kind text, key_version integer, sealed bytea, fingerprint bytea, suite text, wrapped bytea, kek_id integer,
    kek_suite text, root_id text, kek_wrapped bytea, is_canary boolean
)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, vault, pg_temp AS $f$
SELECT d.subject_id, d.kind, d.key_version, d.sealed, d.fingerprint, s.suite, s.wrapped, k.id, k.suite, k.root_id, k.wrapped,
    EXISTS (SELECT 1 FROM vault.canary c WHERE c.subject_id = d.subject_id)
FROM vault.datum d
JOIN vault.subject_key s ON s.subject_id = d.subject_id AND s.version = d.key_version
LEFT JOIN vault.kek k ON k.id = s.kek_id
WHERE d.subject_id = ANY(p_subjects) AND d.kind = ANY(p_kinds) AND d.fingerprint IS NOT NULL
$f$;

CREATE FUNCTION vault.lacking(p_subjects uuid[], p_kind text) RETURNS TABLE (subject_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, vault, pg_temp AS $f$
SELECT u.i FROM unnest(p_subjects) AS u (i)
WHERE NOT EXISTS (SELECT 1 FROM vault.datum d WHERE d.subject_id = u.i AND d.kind = p_kind)
    AND NOT EXISTS (SELECT 1 FROM vault.subject_key k WHERE k.subject_id = u.i AND k.destroyed_at IS NOT NULL)
$f$;

-- Canaries are not found: a customer may be called as one, or have its number.
CREATE FUNCTION vault.subjects_with(p_kind text, p_fingerprint bytea) RETURNS TABLE (subject_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, vault, pg_temp AS $f$
SELECT d.subject_id FROM vault.datum d WHERE d.kind = p_kind AND d.fingerprint = p_fingerprint
    AND NOT EXISTS (SELECT 1 FROM vault.canary c WHERE c.subject_id = d.subject_id)
ORDER BY d.subject_id
$f$;

-- A page of the log, newest first: of one person, or by one reader, or all of it. `p_in_bulk`: what rotation and proof went through.
CREATE FUNCTION vault.readings(p_subject uuid, p_by uuid, p_below bigint, p_in_bulk boolean, p_most integer)
RETURNS TABLE (
    id bigint, at timestamptz, verb text, by_id uuid, by_kind text, subjects uuid[], kinds text[], reason text
)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, vault, pg_temp AS $f$
SELECT id, at, verb, by_id, by_kind, subjects, kinds, reason FROM vault.read_log
WHERE (p_subject IS NULL OR subjects @> ARRAY[p_subject]) AND (p_by IS NULL OR by_id = p_by) AND (p_below IS NULL OR id < p_below)
    AND (verb IN ('reseal', 'prove')) = p_in_bulk
ORDER BY id DESC LIMIT p_most
$f$;

-- Nothing more is kept under them meanwhile.
CREATE FUNCTION vault.lock_keys(p_subjects uuid[]) RETURNS TABLE (version integer)
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, vault, pg_temp AS $f$
SELECT version FROM vault.subject_key WHERE subject_id = ANY(p_subjects) ORDER BY version FOR UPDATE
$f$;

-- Data and cards of a person, and the keys by which alone what was sealed elsewhere could be opened; the keys' rows say when. On record.
CREATE FUNCTION vault.erase_person(
    p_subject uuid, p_kinds text[], p_by_id uuid, p_by_kind text, p_reason text, p_at timestamptz
) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, vault, pg_temp AS $f$
INSERT INTO vault.read_log (at, verb, by_id, by_kind, subjects, kinds, reason)
VALUES (p_at, 'erase', p_by_id, p_by_kind, ARRAY[p_subject], p_kinds, btrim(p_reason));
DELETE FROM vault.datum WHERE subject_id = p_subject;
UPDATE vault.subject_key SET wrapped = NULL, kek_id = NULL, destroyed_at = p_at
WHERE subject_id = p_subject AND wrapped IS NOT NULL;
DELETE FROM vault.card WHERE subject_id = p_subject
$f$;

-- The kek that wraps, for whoever retires it; no row where somebody has done so.
CREATE FUNCTION vault.lock_kek(p_keys integer[]) RETURNS TABLE (id integer)
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, vault, pg_temp AS $f$
SELECT id FROM vault.kek WHERE id = ANY(p_keys) AND retired_at IS NULL FOR NO KEY UPDATE
$f$;

CREATE FUNCTION vault.replace_kek(
    p_old integer, p_id integer, p_suite text, p_root_id text, p_wrapped bytea, p_at timestamptz
) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, vault, pg_temp AS $f$
UPDATE vault.kek SET retired_at = p_at WHERE id = p_old;
INSERT INTO vault.kek (id, suite, root_id, wrapped, made_at) VALUES (p_id, p_suite, p_root_id, p_wrapped, p_at)
$f$;

CREATE FUNCTION vault.lock_keks() RETURNS TABLE (id integer, suite text, root_id text, wrapped bytea)
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, vault, pg_temp AS $f$
SELECT id, suite, root_id, wrapped FROM vault.kek ORDER BY id FOR NO KEY UPDATE
$f$;

CREATE FUNCTION vault.lock_blind_key() RETURNS TABLE (id integer, suite text, root_id text, wrapped bytea)
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, vault, pg_temp AS $f$
SELECT id, suite, root_id, wrapped FROM vault.index_key FOR NO KEY UPDATE
$f$;

CREATE FUNCTION vault.rewrite_keks(p_ids integer[], p_roots text[], p_wrapped bytea[]) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, vault, pg_temp AS $f$
UPDATE vault.kek k SET root_id = u.r, wrapped = u.w FROM unnest(p_ids, p_roots, p_wrapped) AS u (i, r, w) WHERE k.id = u.i
$f$;

CREATE FUNCTION vault.rewrite_blind_key(p_root_id text, p_wrapped bytea) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, vault, pg_temp AS $f$
UPDATE vault.index_key SET root_id = p_root_id, wrapped = p_wrapped
$f$;

-- Living keys under a retired kek, for whoever wraps them again; those that somebody else has at hand come another time.
CREATE FUNCTION vault.keys_to_rewrap(p_after uuid, p_after_version integer, p_most integer) RETURNS TABLE (
    subject_id uuid, version integer, suite text, wrapped bytea, kek_id integer, kek_suite text, root_id text, kek_wrapped bytea
)
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, vault, pg_temp AS $f$
SELECT s.subject_id, s.version, s.suite, s.wrapped, k.id, k.suite, k.root_id, k.wrapped
FROM vault.subject_key s JOIN vault.kek k ON k.id = s.kek_id
WHERE k.retired_at IS NOT NULL AND s.wrapped IS NOT NULL AND (s.subject_id, s.version) > (p_after, p_after_version)
ORDER BY s.subject_id, s.version LIMIT p_most
FOR NO KEY UPDATE OF s SKIP LOCKED
$f$;

-- The same keys under another kek, unless they were destroyed meanwhile.
CREATE FUNCTION vault.rewrite_keys(p_subjects uuid[], p_versions integer[], p_keks integer[], p_wrapped bytea[]) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, vault, pg_temp AS $f$
UPDATE vault.subject_key s SET kek_id = u.k, wrapped = u.w
FROM unnest(p_subjects, p_versions, p_keks, p_wrapped) AS u (i, v, k, w)
WHERE s.subject_id = u.i AND s.version = u.v AND s.wrapped IS NOT NULL
$f$;

-- Data sealed by other suites than that of the kek that wraps (the second byte says which): none while no cipher is changed. On record.
CREATE FUNCTION vault.data_to_reseal(
    p_suites integer[], p_after uuid, p_after_kind text, p_most integer, p_by_id uuid, p_by_kind text, p_at timestamptz
) RETURNS TABLE (
    subject_id uuid, kind text, key_version integer, sealed bytea, fingerprint bytea, suite text, wrapped bytea, kek_id integer,
    kek_suite text, root_id text, kek_wrapped bytea
)
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, vault, pg_temp AS $f$
WITH found AS MATERIALIZED (
    SELECT d.subject_id, d.kind, d.key_version, d.sealed, d.fingerprint, s.suite, s.wrapped, k.id, k.suite AS kek_suite, k.root_id,
        k.wrapped AS kek_wrapped
    FROM vault.datum d
    JOIN vault.subject_key s ON s.subject_id = d.subject_id AND s.version = d.key_version
    LEFT JOIN vault.kek k ON k.id = s.kek_id
    WHERE get_byte(d.sealed, 1) = ANY(p_suites) AND (d.subject_id, d.kind) > (p_after, p_after_kind)
        AND get_byte(d.sealed, 1) <> (
            SELECT CASE a.suite WHEN 'AES-256-GCM' THEN 1 WHEN 'SM4-GCM' THEN 2 END FROM vault.kek a WHERE a.retired_at IS NULL
        )
    ORDER BY d.subject_id, d.kind LIMIT p_most
), logged AS (
    INSERT INTO vault.read_log (at, verb, by_id, by_kind, subjects, kinds, reason)
    SELECT p_at, 'reseal', p_by_id, p_by_kind, '{}', '{}', format('%s after %s %s', count(*), p_after, p_after_kind) FROM found
    HAVING count(*) > 0
)
SELECT * FROM found ORDER BY subject_id, kind
$f$;

-- The same data under other keys, unless somebody has changed them meanwhile; how many.
CREATE FUNCTION vault.rewrite_data(
    p_subjects uuid[], p_kinds text[], p_versions integer[], p_sealed bytea[], p_before bytea[]
) RETURNS bigint
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, vault, pg_temp AS $f$
WITH written AS (
    UPDATE vault.datum d SET key_version = u.v, sealed = u.z
    FROM unnest(p_subjects, p_kinds, p_versions, p_sealed, p_before) AS u (i, k, v, z, b)
    WHERE d.subject_id = u.i AND d.kind = u.k AND d.sealed = u.b
    RETURNING 1
)
SELECT count(*) FROM written
$f$;

-- Keks that were retired long ago and wrap nothing; how many.
CREATE FUNCTION vault.forget_keks(p_before timestamptz) RETURNS bigint
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, vault, pg_temp AS $f$
WITH gone AS (
    DELETE FROM vault.kek k WHERE k.retired_at < p_before
        AND NOT EXISTS (SELECT 1 FROM vault.subject_key s WHERE s.kek_id = k.id AND s.wrapped IS NOT NULL)
    RETURNING 1
)
SELECT count(*) FROM gone
$f$;

CREATE FUNCTION vault.keks() RETURNS TABLE (
    id integer, suite text, root_id text, made_at timestamptz, retired_at timestamptz, keys bigint
)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, vault, pg_temp AS $f$
SELECT k.id, k.suite, k.root_id, k.made_at, k.retired_at,
    (SELECT count(*) FROM vault.subject_key s WHERE s.kek_id = k.id AND s.wrapped IS NOT NULL)
FROM vault.kek k ORDER BY k.id
$f$;

CREATE FUNCTION vault.count_data() RETURNS TABLE (suite integer, many bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, vault, pg_temp AS $f$
SELECT get_byte(sealed, 1), count(*) FROM vault.datum GROUP BY 1
$f$;

CREATE FUNCTION vault.count_erased() RETURNS bigint
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, vault, pg_temp AS $f$
SELECT count(DISTINCT subject_id) FROM vault.subject_key WHERE destroyed_at IS NOT NULL
$f$;

-- A range of data for the proof, with the keys that should open them. On record: it is the one way to go through everybody.
CREATE FUNCTION vault.data_to_prove(
    p_after uuid, p_after_kind text, p_most integer, p_by_id uuid, p_by_kind text, p_at timestamptz
) RETURNS TABLE (
    subject_id uuid, kind text, key_version integer, sealed bytea, fingerprint bytea, suite text, wrapped bytea, kek_id integer,
    kek_suite text, root_id text, kek_wrapped bytea
)
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, vault, pg_temp AS $f$
WITH found AS MATERIALIZED (
    SELECT d.subject_id, d.kind, d.key_version, d.sealed, d.fingerprint, s.suite, s.wrapped, k.id, k.suite AS kek_suite, k.root_id,
        k.wrapped AS kek_wrapped
    FROM vault.datum d
    JOIN vault.subject_key s ON s.subject_id = d.subject_id AND s.version = d.key_version
    LEFT JOIN vault.kek k ON k.id = s.kek_id
    WHERE (d.subject_id, d.kind) > (p_after, p_after_kind)
    ORDER BY d.subject_id, d.kind LIMIT p_most
), logged AS (
    INSERT INTO vault.read_log (at, verb, by_id, by_kind, subjects, kinds, reason)
    SELECT p_at, 'prove', p_by_id, p_by_kind, '{}', '{}', format('%s after %s %s', count(*), p_after, p_after_kind) FROM found
    HAVING count(*) > 0
)
SELECT * FROM found ORDER BY subject_id, kind
$f$;

CREATE FUNCTION vault.keys_to_prove(p_after uuid, p_after_version integer, p_most integer) RETURNS TABLE (
    subject_id uuid, version integer, suite text, wrapped bytea, kek_id integer, kek_suite text, root_id text, kek_wrapped bytea
)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, vault, pg_temp AS $f$
SELECT s.subject_id, s.version, s.suite, s.wrapped, k.id, k.suite, k.root_id, k.wrapped
FROM vault.subject_key s LEFT JOIN vault.kek k ON k.id = s.kek_id
WHERE s.wrapped IS NOT NULL AND (s.subject_id, s.version) > (p_after, p_after_version)
ORDER BY s.subject_id, s.version LIMIT p_most
$f$;

-- Keeps a card, unless the person has it already; the row that there is now, as it may be shown.
CREATE FUNCTION vault.keep_card(
    p_token uuid, p_subject uuid, p_sealed bytea, p_fingerprint bytea, p_network text, p_issuer text, p_issuer_zh text,
    p_last4 text, p_expires_on date, p_at timestamptz
) RETURNS TABLE (
    token uuid, subject_id uuid, network text, issuer text, issuer_zh text, last4 text, expires_on date
)
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, vault, pg_temp AS $f$
INSERT INTO vault.card (token, subject_id, sealed, fingerprint, network, issuer, issuer_zh, last4, expires_on, kept_at)
VALUES (p_token, p_subject, p_sealed, p_fingerprint, p_network, p_issuer, p_issuer_zh, p_last4, p_expires_on, p_at)
ON CONFLICT (subject_id, fingerprint) DO UPDATE SET expires_on = excluded.expires_on
RETURNING token, subject_id, network, issuer, issuer_zh, last4, expires_on
$f$;

CREATE FUNCTION vault.shown_cards(p_tokens uuid[]) RETURNS TABLE (
    token uuid, subject_id uuid, network text, issuer text, issuer_zh text, last4 text, expires_on date
)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, vault, pg_temp AS $f$
SELECT token, subject_id, network, issuer, issuer_zh, last4, expires_on FROM vault.card WHERE token = ANY(p_tokens)
$f$;

-- A card as it is stored, on record.
CREATE FUNCTION vault.open_card(p_token uuid, p_by_id uuid, p_by_kind text, p_reason text, p_at timestamptz) RETURNS TABLE (
    subject_id uuid, sealed bytea, expires_on date
)
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, vault, pg_temp AS $f$
INSERT INTO vault.read_log (at, verb, by_id, by_kind, subjects, kinds, reason)
SELECT p_at, 'read', p_by_id, p_by_kind, ARRAY[subject_id], '{card}', btrim(p_reason) FROM vault.card WHERE token = p_token;
SELECT subject_id, sealed, expires_on FROM vault.card WHERE token = p_token
$f$;

CREATE FUNCTION vault.forget_cards(p_tokens uuid[]) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, vault, pg_temp AS $f$
DELETE FROM vault.card WHERE token = ANY(p_tokens)
$f$;

CREATE FUNCTION vault.signing_key() RETURNS TABLE (
    id integer, suite text, root_id text, wrapped bytea, jwk jsonb, sealed bytea
)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, vault, pg_temp AS $f$
SELECT id, suite, root_id, wrapped, jwk, sealed FROM vault.bank_key ORDER BY id DESC LIMIT 1
$f$;

CREATE FUNCTION vault.public_keys() RETURNS TABLE (jwk jsonb)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, vault, pg_temp AS $f$
SELECT jwk FROM vault.bank_key ORDER BY id DESC
$f$;

CREATE FUNCTION vault.claim_signing_key(
    p_suite text, p_root_id text, p_wrapped bytea, p_jwk jsonb, p_sealed bytea, p_at timestamptz
) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, vault, pg_temp AS $f$
INSERT INTO vault.bank_key (id, suite, root_id, wrapped, jwk, sealed, made_at)
SELECT 1, p_suite, p_root_id, p_wrapped, p_jwk, p_sealed, p_at WHERE NOT EXISTS (SELECT 1 FROM vault.bank_key)
ON CONFLICT DO NOTHING
$f$;

CREATE FUNCTION vault.lock_signing_keys() RETURNS TABLE (id integer, suite text, root_id text, wrapped bytea)
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, vault, pg_temp AS $f$
SELECT id, suite, root_id, wrapped FROM vault.bank_key ORDER BY id FOR UPDATE
$f$;

CREATE FUNCTION vault.rewrite_signing_keys(p_ids integer[], p_roots text[], p_wrapped bytea[]) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, vault, pg_temp AS $f$
UPDATE vault.bank_key b SET root_id = u.r, wrapped = u.w FROM unnest(p_ids, p_roots, p_wrapped) AS u (i, r, w) WHERE b.id = u.i
$f$;

CREATE FUNCTION vault.plant_canaries(p_subjects uuid[], p_at timestamptz) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, vault, pg_temp AS $f$
INSERT INTO vault.canary (subject_id, planted_at) SELECT s, p_at FROM unnest(p_subjects) AS u (s)
$f$;

-- Whether anything is still kept of each, how often it was read, and when last.
CREATE FUNCTION vault.canaries() RETURNS TABLE (
    subject_id uuid, planted_at timestamptz, is_kept boolean, readings bigint, read_at timestamptz
)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, vault, pg_temp AS $f$
SELECT c.subject_id, c.planted_at, EXISTS (SELECT 1 FROM vault.datum d WHERE d.subject_id = c.subject_id),
    (SELECT count(*) FROM vault.canary_reading r WHERE r.subject_id = c.subject_id),
    (SELECT max(r.at) FROM vault.canary_reading r WHERE r.subject_id = c.subject_id)
FROM vault.canary c ORDER BY c.planted_at, c.subject_id
$f$;

CREATE FUNCTION vault.open_canary_readings(p_most integer) RETURNS TABLE (
    id bigint, subject_id uuid, at timestamptz, by_id uuid, by_kind text, kinds text[], reason text
)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, vault, pg_temp AS $f$
SELECT id, subject_id, at, by_id, by_kind, kinds, reason FROM vault.canary_reading WHERE closed_at IS NULL ORDER BY id LIMIT p_most
$f$;

-- Those that came meanwhile stay open; how many were closed.
CREATE FUNCTION vault.close_canary_readings(p_through bigint, p_by_id uuid, p_outcome text, p_at timestamptz) RETURNS bigint
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, vault, pg_temp AS $f$
WITH closed AS (
    UPDATE vault.canary_reading SET closed_at = p_at, closed_by = p_by_id, outcome = p_outcome
    WHERE closed_at IS NULL AND id <= p_through
    RETURNING 1
)
SELECT count(*) FROM closed
$f$;

-- Readings that are open are counted to 10,000.
CREATE FUNCTION vault.canary_watch() RETURNS TABLE (planted bigint, open bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, vault, pg_temp AS $f$
SELECT (SELECT count(*) FROM vault.canary),
    (SELECT count(*) FROM (SELECT 1 FROM vault.canary_reading WHERE closed_at IS NULL LIMIT 10000) AS r)
$f$;

-- Readings of canaries in the log that raised no alarm.
CREATE FUNCTION vault.silent_readings(p_most integer) RETURNS TABLE (id bigint, subject_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, vault, pg_temp AS $f$
SELECT l.id, c.subject_id FROM vault.canary c
JOIN vault.read_log l ON l.subjects @> ARRAY[c.subject_id] AND l.verb = 'read' AND l.at >= c.planted_at
WHERE EXISTS (SELECT 1 FROM vault.datum d WHERE d.subject_id = c.subject_id AND d.kind = ANY(l.kinds))
    AND NOT EXISTS (
        SELECT 1 FROM vault.canary_reading r WHERE r.subject_id = c.subject_id AND r.at = l.at AND r.by_id = l.by_id
    )
ORDER BY l.id, c.subject_id LIMIT p_most
$f$;

REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA vault FROM PUBLIC;
