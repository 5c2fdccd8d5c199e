-- Every statement of the vault: calls of the functions in schema.sql, for its tables are closed to the bank's processes. Nothing here
-- is in the clear but ids, kinds, moments and reasons.

-- name: active_kek
-- The kek that wraps new keys. No row before the vault was ever used.
SELECT id, suite, root_id, wrapped FROM vault.active_kek();

-- name: index_key
-- The key of the blind indexes. No row before the vault was ever used.
SELECT id, suite, root_id, wrapped FROM vault.blind_key();

-- name: claim_kek
-- The first kek, once in the life of a bank.
SELECT vault.claim_kek(%(id)s::int, %(suite)s, %(root_id)s, %(wrapped)s, %(at)s);

-- name: claim_index_key
-- The index key, once in the life of a bank.
SELECT vault.claim_blind_key(%(root_id)s, %(wrapped)s);

-- name: newest_keys
-- Each person's newest key, with the kek that opens it.
SELECT subject_id, version, suite, wrapped, kek_id, kek_suite, root_id, kek_wrapped FROM vault.newest_keys(%(subjects)s::uuid[]);

-- name: keys_named
-- Keys of people by version, with the keks that open them.
SELECT subject_id, version, suite, wrapped, kek_id, kek_suite, root_id, kek_wrapped
FROM vault.keys_named(%(subjects)s::uuid[], %(versions)s::bigint[]);

-- name: add_keys
-- Keys of people. Whoever is second takes the first one's.
SELECT vault.add_keys(
    %(subjects)s::uuid[], %(versions)s::int[], %(suites)s::text[], %(keks)s::int[], %(wrapped)s::bytea[], %(at)s
);

-- name: add_newer_keys
-- The next key of people whose last one lives.
SELECT vault.add_newer_keys(
    %(subjects)s::uuid[], %(versions)s::int[], %(suites)s::text[], %(keks)s::int[], %(wrapped)s::bytea[], %(at)s
);

-- name: write_data
-- Data under living keys, in place of what was there; how many.
SELECT vault.write_data(
    %(subjects)s::uuid[], %(kinds)s::text[], %(versions)s::int[], %(sealed)s::bytea[], %(fingerprints)s::bytea[], %(at)s
);

-- name: read_data
-- What is kept of people, with the keys that open it, and whether it is a canary's; on record.
SELECT subject_id, kind, key_version, sealed, fingerprint, suite, wrapped, kek_id, kek_suite, root_id, kek_wrapped, is_canary
FROM vault.read_data(%(subjects)s::uuid[], %(kinds)s::text[], %(own)s, %(by_id)s, %(by_kind)s, %(reason)s, %(at)s);

-- name: own_data
-- What is kept of one person, for himself.
SELECT subject_id, kind, key_version, sealed, fingerprint, suite, wrapped, kek_id, kek_suite, root_id, kek_wrapped, is_canary
FROM vault.own_data(%(subject_id)s, %(kinds)s::text[]);

-- name: data_to_mask
-- What is kept of people, for masks.
SELECT subject_id, kind, key_version, sealed, fingerprint, suite, wrapped, kek_id, kek_suite, root_id, kek_wrapped, is_canary
FROM vault.data_to_mask(%(subjects)s::uuid[], %(kinds)s::text[]);

-- name: lacking
-- Of whom nothing of a kind is kept, though they were not erased.
SELECT subject_id FROM vault.lacking(%(subjects)s::uuid[], %(kind)s);

-- name: subjects_with
-- Whose datum of a kind has this fingerprint.
SELECT subject_id FROM vault.subjects_with(%(kind)s, %(fingerprint)s);

-- name: readings
-- A page of the log, newest first: of one person, or by one reader, or all of it.
SELECT id, at, verb, by_id, by_kind, subjects, kinds, reason
FROM vault.readings(%(subject_id)s, %(by_id)s, %(below)s, %(in_bulk)s, %(most)s::int);

-- name: lock_keys
-- A person's keys, for whoever destroys them.
SELECT version FROM vault.lock_keys(%(keys)s::uuid[]);

-- name: erase_person
-- All that is kept of a person, and the keys to what is kept elsewhere; on record.
SELECT vault.erase_person(%(subject_id)s, %(kinds)s::text[], %(by_id)s, %(by_kind)s, %(reason)s, %(at)s);

-- name: lock_kek
-- The kek that wraps, for whoever retires it; no row where somebody has done so.
SELECT id FROM vault.lock_kek(%(keys)s::int[]);

-- name: replace_kek
-- One wraps no more, another from now on.
SELECT vault.replace_kek(%(old_id)s::int, %(id)s::int, %(suite)s, %(root_id)s, %(wrapped)s, %(at)s);

-- name: lock_keks
-- All keks, for whoever wraps them again.
SELECT id, suite, root_id, wrapped FROM vault.lock_keks();

-- name: lock_index_key
-- The key of the blind indexes, for whoever wraps it again.
SELECT id, suite, root_id, wrapped FROM vault.lock_blind_key();

-- name: rewrite_keks
-- The same keks under another root key.
SELECT vault.rewrite_keks(%(ids)s::int[], %(roots)s::text[], %(wrapped)s::bytea[]);

-- name: rewrite_index_key
-- The same key of the blind indexes under another root key.
SELECT vault.rewrite_blind_key(%(root_id)s, %(wrapped)s);

-- name: keys_to_rewrap
-- Living keys under a retired kek, for whoever wraps them again.
SELECT subject_id, version, suite, wrapped, kek_id, kek_suite, root_id, kek_wrapped
FROM vault.keys_to_rewrap(%(after)s, %(after_version)s::int, %(most)s::int);

-- name: rewrite_keys
-- The same keys under another kek, unless they were destroyed meanwhile.
SELECT vault.rewrite_keys(%(subjects)s::uuid[], %(versions)s::int[], %(keks)s::int[], %(wrapped)s::bytea[]);

-- name: data_to_reseal
-- Data sealed by other suites than the one in force, with the keys that open them; on record.
SELECT subject_id, kind, key_version, sealed, fingerprint, suite, wrapped, kek_id, kek_suite, root_id, kek_wrapped
FROM vault.data_to_reseal(
    %(suites)s::int[], %(after)s, %(after_kind)s, %(most)s::int, %(by_id)s, %(by_kind)s, %(at)s
);

-- name: rewrite_data
-- The same data under other keys, unless somebody has changed them meanwhile; how many.
SELECT vault.rewrite_data(%(subjects)s::uuid[], %(kinds)s::text[], %(versions)s::int[], %(sealed)s::bytea[], %(before)s::bytea[]);

-- name: forget_keks
-- Keks that were retired long ago and wrap nothing; how many.
SELECT vault.forget_keks(%(before)s);

-- name: keks
-- Every kek, and how many living keys it wraps.
SELECT id, suite, root_id, made_at, retired_at, keys FROM vault.keks();

-- name: count_data
-- Data by suite.
SELECT suite, many FROM vault.count_data();

-- name: count_erased
-- People who were erased.
SELECT vault.count_erased();

-- name: data_to_prove
-- A range of data, with the keys that should open them; on record.
SELECT subject_id, kind, key_version, sealed, fingerprint, suite, wrapped, kek_id, kek_suite, root_id, kek_wrapped
FROM vault.data_to_prove(%(after)s, %(after_kind)s, %(most)s::int, %(by_id)s, %(by_kind)s, %(at)s);

-- name: keys_to_prove
-- A range of living keys.
SELECT subject_id, version, suite, wrapped, kek_id, kek_suite, root_id, kek_wrapped
FROM vault.keys_to_prove(%(after)s, %(after_version)s::int, %(most)s::int);
