-- identity: who the bank deals with (customers, staff), what is theirs (accounts) and how they are known (keys, sessions).
-- Names and telephone numbers lie in the vault, sealed; what was written before that is moved there by `identity.seal_people`.

CREATE SCHEMA identity;

-- An id that a client chose, once for the whole slice: whose it is and what was asked. Written before what it stands for.
-- Retention: for ever, as what it stands for. The hash goes when the person it was made of is erased.
CREATE TABLE identity.claim (
    id uuid PRIMARY KEY,
    kind text NOT NULL CONSTRAINT claim_kind CHECK (kind IN ('customer', 'account', 'key', 'staff')),
    principal_id uuid NOT NULL,
    request_hash bytea NOT NULL CONSTRAINT request_hash_is_sha256 CHECK (length(request_hash) = 32),
    claimed_at timestamptz NOT NULL
);

-- What a customer may pay at each level, in minor units of CNY; NULL: the level sets no bound, the bank's limits alone do.
-- 0 pays nothing: nobody has looked at who it is. The bounds of a day are those of China's classes of bank accounts: 1, seen by
-- nobody, is class III (CNY 2,000 a day: Yinfa [2018] 16), 2, whose documents a clerk has seen, is class II (CNY 10,000 a day:
-- Yinfa [2016] 302), 3, seen at the counter, is class I (none). For one payment half a day's bound is ours: one mistake shall
-- not use up a day.
CREATE TABLE identity.level (
    level smallint PRIMARY KEY CONSTRAINT level_number CHECK (level BETWEEN 0 AND 3),
    name text NOT NULL,
    per_payment_minor bigint CONSTRAINT level_per_payment CHECK (per_payment_minor >= 0),
    per_day_minor bigint CONSTRAINT level_per_day CHECK (per_day_minor >= per_payment_minor),
    CONSTRAINT level_bounds_both_or_none CHECK ((per_payment_minor IS NULL) = (per_day_minor IS NULL))
);
INSERT INTO identity.level (level, name, per_payment_minor, per_day_minor)
VALUES (0, 'registered', 0, 0), (1, 'checked', 100000, 200000), (2, 'documents', 500000, 1000000), (3, 'counter', NULL, NULL);
CREATE VIEW identity.level_view AS SELECT level, name, per_payment_minor, per_day_minor FROM identity.level;

-- `name`, `phone`: NULL, they lie in the vault; in the clear only until `identity.seal_people` comes by.
-- Retention: as long as the law asks after the customer has left; erasure takes name and phone, the row stays.
-- `level`: how well the bank knows him. Its default is for the release before, which knows no levels: whoever was its customer
-- was seen at the counter. `cautious_until`: he has regained access a moment ago, and until `identity.end_caution` finds this moment
-- past he pays no more than level 1 may (`account_view.bound_level`). `restricted_level`: the bank lets him pay no more than this level
-- may, as the restriction that holds says: here too, so that a payment reads one row.
CREATE TABLE identity.customer (
    id uuid PRIMARY KEY,
    kind text NOT NULL CONSTRAINT customer_kind CHECK (kind IN ('person', 'firm')),
    name text CONSTRAINT customer_name_length CHECK (length(name) BETWEEN 1 AND 200),
    phone text CONSTRAINT phone_is_e164 CHECK (phone ~ '^\+[1-9][0-9]{6,14}$'),
    status text NOT NULL CONSTRAINT customer_status CHECK (status IN ('open', 'frozen', 'closed')),
    created_at timestamptz NOT NULL,
    level smallint NOT NULL DEFAULT 3 CONSTRAINT customer_level CHECK (level BETWEEN 0 AND 3),
    cautious_until timestamptz,
    restricted_level smallint CONSTRAINT customer_restricted CHECK (restricted_level BETWEEN 0 AND 1)
);
CREATE INDEX customer_cautious ON identity.customer (cautious_until) WHERE cautious_until IS NOT NULL;
CREATE INDEX customer_by_phone ON identity.customer (phone) WHERE phone IS NOT NULL;
CREATE INDEX customer_unsealed ON identity.customer (id) WHERE name IS NOT NULL;
CREATE VIEW identity.customer_view AS SELECT id, kind, status, level, cautious_until FROM identity.customer;

-- What the bank has bounded while it looks at a risk: 0, he pays nothing; 1, no more than whoever is known by name and number alone.
-- Without `until` it holds until two people lift it. Retention: as long as the customer; the reason is what the bank must be able to show.
CREATE TABLE identity.restriction (
    id uuid CONSTRAINT restriction_once PRIMARY KEY,
    customer_id uuid NOT NULL CONSTRAINT restriction_of_a_customer REFERENCES identity.customer (id),
    level smallint NOT NULL CONSTRAINT restriction_level CHECK (level BETWEEN 0 AND 1),
    reason text NOT NULL CONSTRAINT restriction_reason CHECK (length(reason) BETWEEN 1 AND 500),
    placed_by uuid NOT NULL,
    placed_at timestamptz NOT NULL,
    until timestamptz CONSTRAINT restriction_until CHECK (until > placed_at),
    ended_at timestamptz,
    ended_by uuid,
    CONSTRAINT restriction_ended_by_somebody CHECK ((ended_at IS NULL) = (ended_by IS NULL))
);
CREATE UNIQUE INDEX one_restriction_holds ON identity.restriction (customer_id) WHERE ended_at IS NULL;
CREATE INDEX restriction_by_customer ON identity.restriction (customer_id, placed_at);
CREATE INDEX restriction_in_force ON identity.restriction (placed_at, id) WHERE ended_at IS NULL;
CREATE INDEX restriction_due ON identity.restriction (until) WHERE ended_at IS NULL AND until IS NOT NULL;

-- Questions to the identity provider whether a name and an identity number belong together; both lie in the vault. Whoever
-- holds the lease is asking; `next_at` is then when it may be taken from him. One question a customer is open at a time.
-- Retention: as long as the customer.
CREATE TABLE identity.verification (
    id uuid PRIMARY KEY,
    customer_id uuid NOT NULL CONSTRAINT verification_is_of_a_customer REFERENCES identity.customer (id),
    state text NOT NULL CONSTRAINT verification_state
        CHECK (state IN ('asked', 'pending', 'verified', 'mismatch', 'failed')),
    asked_by uuid NOT NULL,
    asked_at timestamptz NOT NULL,
    decided_at timestamptz,
    tries integer NOT NULL CONSTRAINT verification_tries CHECK (tries >= 0),
    next_at timestamptz,
    lease uuid,
    CONSTRAINT open_is_asked_again CHECK ((next_at IS NOT NULL) = (state IN ('asked', 'pending'))),
    CONSTRAINT decided_when_over CHECK ((decided_at IS NOT NULL) = (next_at IS NULL)),
    CONSTRAINT leased_while_open CHECK (lease IS NULL OR next_at IS NOT NULL)
) WITH (fillfactor = 70);
CREATE UNIQUE INDEX one_verification_is_open ON identity.verification (customer_id) WHERE next_at IS NOT NULL;
CREATE INDEX verification_due ON identity.verification (next_at, id) WHERE next_at IS NOT NULL;
CREATE INDEX verification_by_customer ON identity.verification (customer_id, id);

CREATE SEQUENCE identity.account_number AS bigint MAXVALUE 999999999999;

-- `status` is what was decided about this account; the ledger's state also heeds the status of its customer.
-- Retention: for ever; the ledger's postings lean on it.
CREATE TABLE identity.account (
    id uuid PRIMARY KEY,
    ledger_id bigint NOT NULL CONSTRAINT ledger_account_has_one_owner UNIQUE REFERENCES ledger.account (id),
    customer_id uuid NOT NULL REFERENCES identity.customer (id),
    number text NOT NULL CONSTRAINT account_number_once UNIQUE
        CONSTRAINT account_number_form CHECK (number ~ '^[0-9]{19}$'),
    currency text NOT NULL CONSTRAINT account_currency CHECK (currency ~ '^[A-Z]{3}$'),
    product text NOT NULL CONSTRAINT account_product CHECK (product IN ('current', 'settlement', 'takings')),
    status text NOT NULL CONSTRAINT account_status CHECK (status IN ('open', 'frozen', 'closed')),
    opened_at timestamptz NOT NULL,
    closed_at timestamptz,
    CONSTRAINT account_closed_when CHECK ((status = 'closed') = (closed_at IS NOT NULL))
);
CREATE INDEX account_by_customer ON identity.account (customer_id, id);
CREATE VIEW identity.account_view AS
SELECT a.id, a.ledger_id, a.customer_id, a.number, a.currency, a.product, c.kind AS customer_kind,
    c.status AS customer_status, c.level AS customer_level,
    least(c.level, CASE WHEN c.cautious_until IS NOT NULL THEN 1::smallint END, c.restricted_level) AS bound_level
FROM identity.account a JOIN identity.customer c ON c.id = a.customer_id;
CREATE VIEW identity.account_age_view AS SELECT id, customer_id, opened_at FROM identity.account;

-- A key's secret is 256 bits of chance and is kept only as its SHA-256. `principal_id` stays the same through rotations.
-- Retention: for ever; the audit names its principal.
CREATE TABLE identity.api_key (
    id uuid PRIMARY KEY,
    public_id text NOT NULL CONSTRAINT key_public_id_once UNIQUE
        CONSTRAINT key_public_id_form CHECK (public_id ~ '^[0-9a-f]{16}$'),
    principal_id uuid NOT NULL,
    kind text NOT NULL CONSTRAINT key_kind CHECK (kind IN ('bank', 'merchant', 'partner')),
    subject_id uuid,
    permissions text[] NOT NULL,
    note text,
    secret_hash bytea NOT NULL CONSTRAINT secret_hash_is_sha256 CHECK (length(secret_hash) = 32),
    created_at timestamptz NOT NULL,
    created_by uuid NOT NULL,
    expires_at timestamptz,
    revoked_at timestamptz,
    rotated_to uuid REFERENCES identity.api_key (id),
    last_used_on date,
    CONSTRAINT key_acts_for_one CHECK ((kind = 'bank') = (subject_id IS NULL))
);
CREATE INDEX api_key_by_subject ON identity.api_key (subject_id, id);

-- Retention: for ever; the audit names them. Whoever leaves is disabled.
-- `password_until`: the bank made this password; it lets nobody in from then on, and its holder replaces it first.
CREATE TABLE identity.staff (
    id uuid PRIMARY KEY,
    username text NOT NULL CONSTRAINT username_once UNIQUE
        CONSTRAINT username_form CHECK (username ~ '^[a-z][a-z0-9._-]{2,31}$'),
    name text,
    password_hash text NOT NULL,
    roles text[] NOT NULL CONSTRAINT staff_has_a_role CHECK (cardinality(roles) > 0),
    status text NOT NULL CONSTRAINT staff_status CHECK (status IN ('active', 'disabled')),
    created_at timestamptz NOT NULL,
    created_by uuid NOT NULL,
    password_set_at timestamptz,
    password_until timestamptz
);

-- `limited`: it may do no more than replace a password that the bank made, and set up a second factor. Retention: until
-- `forget_sessions`.
CREATE TABLE identity.staff_session (
    id uuid PRIMARY KEY,
    public_id text NOT NULL CONSTRAINT session_public_id_once UNIQUE,
    staff_id uuid NOT NULL REFERENCES identity.staff (id),
    secret_hash bytea NOT NULL CONSTRAINT session_hash_is_sha256 CHECK (length(secret_hash) = 32),
    started_at timestamptz NOT NULL,
    seen_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    ended_at timestamptz,
    limited boolean NOT NULL DEFAULT false
);
CREATE INDEX session_by_staff ON identity.staff_session (staff_id) WHERE ended_at IS NULL;

-- Customers and merchants' people who are logged in. `holder_id`: the customer, or the merchant, whom this slice does not know.
-- `device_id`: the customer's browser, where it is known; no key, for that row goes when the browser was not seen for long.
-- The secret is replaced while somebody is in: a new one is offered, and once it was shown (`renewed_at`) the one before is good for a
-- minute more. `spent_hashes`: those before, newest last, and offers that nobody took up; whoever shows one later has stolen it.
-- Retention: until `forget_sessions`.
CREATE TABLE identity.session (
    id uuid PRIMARY KEY,
    public_id text NOT NULL CONSTRAINT visitor_public_id_once UNIQUE
        CONSTRAINT visitor_public_id_form CHECK (public_id ~ '^[0-9a-f]{16}$'),
    kind text NOT NULL CONSTRAINT session_kind CHECK (kind IN ('customer', 'shop')),
    holder_id uuid NOT NULL,
    secret_hash bytea NOT NULL CONSTRAINT visitor_hash_is_sha256 CHECK (length(secret_hash) = 32),
    started_at timestamptz NOT NULL,
    seen_at timestamptz NOT NULL CONSTRAINT session_seen_after_its_start CHECK (seen_at >= started_at),
    expires_at timestamptz NOT NULL CONSTRAINT session_lasts CHECK (expires_at > started_at),
    ended_at timestamptz,
    device_id uuid,
    offered_hash bytea CONSTRAINT session_offer_is_sha256 CHECK (length(offered_hash) = 32),
    offered_at timestamptz,
    renewed_at timestamptz,
    spent_hashes bytea[],
    CONSTRAINT session_offers_at_a_moment CHECK ((offered_hash IS NULL) = (offered_at IS NULL))
);
CREATE INDEX session_by_holder ON identity.session (holder_id) WHERE ended_at IS NULL;

-- Failed log-ins of staff as the release before counts them while this one starts; then nobody does, and the table goes.
CREATE TABLE identity.login_guard (
    username_hash bytea PRIMARY KEY,
    failures integer NOT NULL,
    locked_until timestamptz,
    failed_at timestamptz NOT NULL
);

-- Tries at a secret since the last right one, by SHA-256 of what it is and whose, known or not: the answer must not tell which.
-- Retention: until `forget_sessions`.
CREATE TABLE identity.tries (
    guarded bytea PRIMARY KEY CONSTRAINT guarded_is_sha256 CHECK (length(guarded) = 32),
    in_a_row integer NOT NULL,
    shut_until timestamptz,
    tried_at timestamptz NOT NULL
);

-- What a customer proves himself with, one of each kind. `sealed`: the Argon2id hash of a password or PIN, the seed of an
-- authenticator app, under his own key of the vault: a PIN's hash in a stolen copy would be guessed within a day. `used_step`: the
-- last time step whose code was taken. Retention: until it is removed or he is erased.
CREATE TABLE identity.factor (
    customer_id uuid NOT NULL REFERENCES identity.customer (id),
    kind text NOT NULL CONSTRAINT factor_kind CHECK (kind IN ('password', 'pin', 'sms', 'totp')),
    sealed bytea,
    used_step bigint,
    set_at timestamptz NOT NULL,
    CONSTRAINT factor_once PRIMARY KEY (customer_id, kind),
    CONSTRAINT factor_has_a_secret CHECK ((sealed IS NULL) = (kind = 'sms')),
    CONSTRAINT factor_counts_steps CHECK ((used_step IS NOT NULL) = (kind = 'totp'))
);

-- How a customer wants to see the bank, on whatever device. `theme` and `language` NULL: as the device says. `actions`: the short ways
-- of his first page in his own order; those that are not named come after them. Retention: until he is erased.
CREATE TABLE identity.preference (
    customer_id uuid CONSTRAINT preference_once PRIMARY KEY
        CONSTRAINT preference_of_a_customer REFERENCES identity.customer (id),
    home text NOT NULL CONSTRAINT preference_home CHECK (home IN ('standard', 'young', 'large')),
    theme text CONSTRAINT preference_theme CHECK (theme IN ('light', 'dark')),
    type text NOT NULL CONSTRAINT preference_type CHECK (type IN ('usual', 'large')),
    language text CONSTRAINT preference_language CHECK (language IN ('zh', 'en')),
    actions text[] NOT NULL CONSTRAINT preference_actions CHECK (cardinality(actions) <= 40),
    tour_ended_at timestamptz
);
CREATE VIEW identity.language_view AS SELECT customer_id, language FROM identity.preference;

-- What he would rather be asked for; a payment that needs more asks for more. `factor_kind`: where it lies in `identity.factor`.
-- Retention: as the factor.
CREATE TABLE identity.preferred_factor (
    customer_id uuid CONSTRAINT preferred_once PRIMARY KEY
        CONSTRAINT preferred_of_a_customer REFERENCES identity.customer (id),
    kind text NOT NULL,
    factor_kind text GENERATED ALWAYS AS (CASE WHEN kind IN ('passkey', 'device') THEN NULL ELSE kind END) STORED,
    CONSTRAINT preferred_is_set FOREIGN KEY (customer_id, factor_kind) REFERENCES identity.factor (customer_id, kind)
);

-- What makers of authenticators declare of how well they know their owner, per AAGUID and modality, from FIDO metadata statements
-- (`tongbao key authenticators`). Rates between 0 and 1: strangers let in, owners turned away, likenesses let in (the test of
-- liveness, IAPAR). `roots`: certificates (DER) that attestations of this model lead to; public. Retention: until loaded anew.
CREATE TABLE identity.authenticator_model (
    aaguid uuid NOT NULL,
    modality text NOT NULL CONSTRAINT authenticator_modality CHECK (modality IN ('fingerprint', 'face', 'other')),
    name text NOT NULL CONSTRAINT authenticator_name_length CHECK (length(name) BETWEEN 1 AND 200),
    false_accept numeric CONSTRAINT false_accept_is_a_rate CHECK (false_accept BETWEEN 0 AND 1),
    false_reject numeric CONSTRAINT false_reject_is_a_rate CHECK (false_reject BETWEEN 0 AND 1),
    spoof_accept numeric CONSTRAINT spoof_accept_is_a_rate CHECK (spoof_accept BETWEEN 0 AND 1),
    roots bytea[] NOT NULL,
    source text NOT NULL CONSTRAINT authenticator_source_length CHECK (length(source) BETWEEN 1 AND 200),
    loaded_at timestamptz NOT NULL,
    CONSTRAINT authenticator_model_once PRIMARY KEY (aaguid, modality)
);

-- Passkeys of customers (WebAuthn). `public_key` is COSE. `attested`: its maker's certificate stood behind it when it was made.
-- `modality`: what its owner said he unlocks it by. `sign_count` only rises: one that came back means that there are two of it, and
-- it is suspended. Retention: removed ones stay with `revoked_at`, as proofs lean on them, until the customer is erased.
CREATE TABLE identity.passkey (
    id uuid PRIMARY KEY,
    customer_id uuid NOT NULL CONSTRAINT passkey_is_of_a_customer REFERENCES identity.customer (id),
    credential_id bytea NOT NULL CONSTRAINT passkey_once UNIQUE
        CONSTRAINT passkey_credential_length CHECK (length(credential_id) BETWEEN 1 AND 1023),
    public_key bytea NOT NULL,
    aaguid uuid NOT NULL,
    attested boolean NOT NULL,
    transports text NOT NULL CONSTRAINT passkey_transports_length CHECK (length(transports) <= 100),
    modality text NOT NULL CONSTRAINT passkey_modality CHECK (modality IN ('fingerprint', 'face', 'other')),
    name text NOT NULL CONSTRAINT passkey_name_length CHECK (length(name) BETWEEN 1 AND 60),
    sign_count bigint NOT NULL CONSTRAINT passkey_counts_up CHECK (sign_count >= 0),
    made_at timestamptz NOT NULL,
    used_at timestamptz,
    suspended_at timestamptz,
    revoked_at timestamptz
);
CREATE INDEX passkey_by_customer ON identity.passkey (customer_id, made_at);

-- A passkey that a customer is about to make: what his authenticator signs, and what it is to be called. Retention: until
-- `forget_sessions`.
CREATE TABLE identity.passkey_offer (
    customer_id uuid CONSTRAINT passkey_offer_once PRIMARY KEY REFERENCES identity.customer (id),
    challenge bytea NOT NULL CONSTRAINT passkey_offer_challenge_length CHECK (length(challenge) = 32),
    modality text NOT NULL CONSTRAINT passkey_offer_modality CHECK (modality IN ('fingerprint', 'face', 'other')),
    name text NOT NULL CONSTRAINT passkey_offer_name_length CHECK (length(name) BETWEEN 1 AND 60),
    offered_at timestamptz NOT NULL
);

-- What a passkey signs to come in, one a browser, good once. Retention: until `forget_sessions`.
CREATE TABLE identity.passkey_login (
    browser_hash bytea CONSTRAINT passkey_login_once PRIMARY KEY
        CONSTRAINT passkey_login_browser_is_sha256 CHECK (length(browser_hash) = 32),
    challenge bytea NOT NULL CONSTRAINT passkey_login_challenge_length CHECK (length(challenge) = 32),
    made_at timestamptz NOT NULL
);
CREATE INDEX passkey_login_by_time ON identity.passkey_login (made_at);

-- Public keys of customers' own devices: the private part never leaves the device. `thumbprint`: RFC 7638. `state`: the worst that its
-- app has attested of the device, since `state_at`. Retention: as passkeys.
CREATE TABLE identity.device_key (
    id uuid PRIMARY KEY,
    customer_id uuid NOT NULL CONSTRAINT device_key_is_of_a_customer REFERENCES identity.customer (id),
    suite text NOT NULL CONSTRAINT device_key_suite CHECK (suite IN ('EdDSA', 'ES256', 'PS256', 'SM2')),
    jwk jsonb NOT NULL,
    thumbprint text NOT NULL,
    name text NOT NULL CONSTRAINT device_key_name_length CHECK (length(name) BETWEEN 1 AND 60),
    made_at timestamptz NOT NULL,
    used_at timestamptz,
    revoked_at timestamptz,
    state text CONSTRAINT device_key_state CHECK (state IN ('sound', 'rooted', 'malware')),
    state_at timestamptz,
    CONSTRAINT device_key_once UNIQUE (customer_id, thumbprint)
);
CREATE INDEX device_key_by_customer ON identity.device_key (customer_id, made_at);

-- Since when customers have had what they prove themselves with.
CREATE VIEW identity.factor_view AS
SELECT f.customer_id, f.kind, f.set_at, c.created_at AS customer_since
FROM identity.factor f JOIN identity.customer c ON c.id = f.customer_id
UNION ALL
SELECT p.customer_id, 'passkey', p.made_at, c.created_at
FROM identity.passkey p JOIN identity.customer c ON c.id = p.customer_id WHERE p.revoked_at IS NULL
UNION ALL
SELECT d.customer_id, 'device', d.made_at, c.created_at
FROM identity.device_key d JOIN identity.customer c ON c.id = d.customer_id WHERE d.revoked_at IS NULL;

-- Keys of customers' devices that count, and what their apps attest of the devices.
CREATE VIEW identity.device_key_view AS
SELECT id, customer_id, state FROM identity.device_key WHERE revoked_at IS NULL;

-- A seed that was shown and has not been confirmed by a code. Retention: until `forget_sessions`.
CREATE TABLE identity.totp_offer (
    customer_id uuid CONSTRAINT totp_offer_once PRIMARY KEY REFERENCES identity.customer (id),
    sealed bytea NOT NULL,
    offered_at timestamptz NOT NULL
);

-- One-time codes sent by SMS, each as an HMAC under a key of the vault. `subject_id`: a customer, or a registration that is to
-- become one. `tries` were taken before the code was compared. Retention: until `forget_sessions`; a day at least, for the pace.
CREATE TABLE identity.code (
    id uuid PRIMARY KEY,
    purpose text NOT NULL CONSTRAINT code_purpose CHECK (purpose IN ('register', 'login', 'pay', 'recover', 'phone')),
    subject_id uuid NOT NULL,
    phone_fingerprint bytea NOT NULL CONSTRAINT code_phone_is_hmac CHECK (length(phone_fingerprint) = 32),
    code_hmac bytea NOT NULL CONSTRAINT code_is_hmac CHECK (length(code_hmac) = 32),
    tries smallint NOT NULL CONSTRAINT code_tries CHECK (tries BETWEEN 0 AND 5),
    made_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL CONSTRAINT code_lasts CHECK (expires_at >= made_at),
    used_at timestamptz CONSTRAINT code_used_in_time CHECK (used_at < expires_at),
    CONSTRAINT code_used_by_a_try CHECK (used_at IS NULL OR tries > 0)
);
CREATE INDEX code_by_phone ON identity.code (phone_fingerprint, made_at);
CREATE INDEX code_open ON identity.code (subject_id, purpose) WHERE used_at IS NULL;

-- Somebody on the way to become a customer: its id will be his. Until then the telephone number is sealed under it, and only the
-- browser that began goes on (SHA-256 of its cookie). `form_id` is the first form: sent twice it begins one. `forms` and the
-- moments tell how many steps it takes and how long.
-- Retention: what can be told of a person until he is a customer or has given up (`forget_registrations`); the row 400 days.
CREATE TABLE identity.registration (
    id uuid PRIMARY KEY,
    form_id uuid NOT NULL CONSTRAINT registration_form_once UNIQUE,
    phone_fingerprint bytea CONSTRAINT registration_fingerprint_length CHECK (length(phone_fingerprint) = 32),
    phone_sealed bytea,
    browser_hash bytea CONSTRAINT registration_browser_is_sha256 CHECK (length(browser_hash) = 32),
    code_id uuid NOT NULL,
    opened_at timestamptz NOT NULL,
    begun_at timestamptz NOT NULL CONSTRAINT registration_begun_after_opened CHECK (begun_at >= opened_at),
    confirmed_at timestamptz,
    completed_at timestamptz CONSTRAINT registration_completed_after_confirmed CHECK (completed_at >= confirmed_at),
    forgotten_at timestamptz,
    forms integer NOT NULL CONSTRAINT registration_forms_counted CHECK (forms > 0),
    CONSTRAINT registration_ends_once CHECK (completed_at IS NULL OR forgotten_at IS NULL),
    CONSTRAINT registration_confirmed_first CHECK (completed_at IS NULL OR confirmed_at IS NOT NULL),
    CONSTRAINT registration_forgets CHECK (
        (completed_at IS NULL AND forgotten_at IS NULL) = (phone_sealed IS NOT NULL AND phone_fingerprint IS NOT NULL)
    )
);
CREATE INDEX registration_by_phone ON identity.registration (phone_fingerprint) WHERE phone_fingerprint IS NOT NULL;
CREATE INDEX registration_by_browser ON identity.registration (browser_hash, begun_at) WHERE browser_hash IS NOT NULL;
CREATE INDEX registration_by_time ON identity.registration (begun_at);
CREATE INDEX registration_unfinished ON identity.registration (begun_at) WHERE completed_at IS NULL AND forgotten_at IS NULL;

-- Browsers in which a customer has proved by a code that his phone is with him (`browser_hash`: SHA-256 of the browser's cookie).
-- `name` is a coarse reading of what the browser says of itself, `place` the network of its address without the end (/24 or /48).
-- From `trusted_from` on it counts as known where money is paid. `revoked_at`: the customer has logged it out; it needs a code again.
-- Retention: until it was not seen for half a year (`forget_registrations`).
CREATE TABLE identity.device (
    id uuid PRIMARY KEY,
    customer_id uuid NOT NULL CONSTRAINT device_is_of_a_customer REFERENCES identity.customer (id),
    browser_hash bytea NOT NULL CONSTRAINT device_browser_is_sha256 CHECK (length(browser_hash) = 32),
    name text NOT NULL CONSTRAINT device_name_length CHECK (length(name) <= 60),
    place text NOT NULL CONSTRAINT device_place_length CHECK (length(place) <= 60),
    known_since timestamptz NOT NULL,
    seen_at timestamptz NOT NULL CONSTRAINT device_seen_after_known CHECK (seen_at >= known_since),
    trusted_from timestamptz NOT NULL,
    revoked_at timestamptz,
    CONSTRAINT device_once UNIQUE (browser_hash, customer_id)
);
CREATE INDEX device_by_customer ON identity.device (customer_id, seen_at);
CREATE INDEX device_by_time ON identity.device (seen_at);

-- Log-ins of customers, for what is bound to one. `device_trusted_from`: from when on its browser counts as known.
CREATE VIEW identity.session_view AS
SELECT s.id, s.holder_id AS customer_id, s.expires_at, s.ended_at, d.trusted_from AS device_trusted_from
FROM identity.session s LEFT JOIN identity.device d ON d.id = s.device_id AND d.revoked_at IS NULL
WHERE s.kind = 'customer';

-- Known browsers as the release before keeps them while this one starts; then nobody does, and the table goes.
-- Retention: as `device`.
CREATE TABLE identity.known_browser (
    customer_id uuid NOT NULL REFERENCES identity.customer (id),
    browser_hash bytea NOT NULL CONSTRAINT known_browser_is_sha256 CHECK (length(browser_hash) = 32),
    known_since timestamptz NOT NULL,
    seen_at timestamptz NOT NULL,
    PRIMARY KEY (customer_id, browser_hash)
);
CREATE INDEX known_browser_by_time ON identity.known_browser (seen_at);

-- A log-in whose password was right and which waits for the code, in the browser that began it.
-- Retention: a day (`forget_registrations`).
CREATE TABLE identity.pending_login (
    id uuid PRIMARY KEY,
    customer_id uuid NOT NULL REFERENCES identity.customer (id),
    browser_hash bytea NOT NULL CONSTRAINT pending_login_browser_is_sha256 CHECK (length(browser_hash) = 32),
    code_id uuid NOT NULL,
    begun_at timestamptz NOT NULL,
    ended_at timestamptz CONSTRAINT pending_login_ends_after_its_start CHECK (ended_at >= begun_at)
);
CREATE INDEX pending_login_by_browser ON identity.pending_login (browser_hash, begun_at) WHERE ended_at IS NULL;
CREATE INDEX pending_login_by_time ON identity.pending_login (begun_at);

-- Somebody has lost his password and asks to set a new one: his identity number and a code to his telephone, then a time to wait
-- in which its owner may stop it, then the new password, in the browser that began. `customer_id` NULL: nobody is known by what was
-- typed, and whoever typed it does not learn that. `form_id`: sent twice it begins one. `lang`: in which he is told. `told_at`: that
-- the waiting is over. Retention: 30 days (`forget_recoveries`); that there was one stays in the audit.
CREATE TABLE identity.recovery (
    id uuid PRIMARY KEY,
    form_id uuid NOT NULL CONSTRAINT recovery_form_once UNIQUE,
    customer_id uuid CONSTRAINT recovery_is_of_a_customer REFERENCES identity.customer (id),
    browser_hash bytea NOT NULL CONSTRAINT recovery_browser_is_sha256 CHECK (length(browser_hash) = 32),
    code_id uuid NOT NULL,
    lang text NOT NULL CONSTRAINT recovery_lang CHECK (lang IN ('zh', 'en')),
    begun_at timestamptz NOT NULL,
    confirmed_at timestamptz,
    ripe_at timestamptz CONSTRAINT recovery_waits CHECK (ripe_at >= confirmed_at),
    told_at timestamptz,
    ended_at timestamptz,
    outcome text CONSTRAINT recovery_outcome CHECK (outcome IN ('done', 'cancelled', 'replaced')),
    CONSTRAINT recovery_waits_once_confirmed CHECK ((confirmed_at IS NULL) = (ripe_at IS NULL)),
    CONSTRAINT recovery_ends_somehow CHECK ((ended_at IS NULL) = (outcome IS NULL)),
    CONSTRAINT recovery_done_when_ripe CHECK (outcome <> 'done' OR (ended_at >= ripe_at AND customer_id IS NOT NULL))
);
CREATE UNIQUE INDEX one_recovery_is_open ON identity.recovery (customer_id)
    WHERE customer_id IS NOT NULL AND confirmed_at IS NOT NULL AND ended_at IS NULL;
CREATE INDEX recovery_due ON identity.recovery (ripe_at)
    WHERE customer_id IS NOT NULL AND ended_at IS NULL AND told_at IS NULL;
CREATE INDEX recovery_by_time ON identity.recovery (begun_at);

-- Somebody gives another telephone number: his password, or more, then a code to the new number, then a time to wait in which its owner
-- may stop it. `is_strong`: he has shown an app or a passkey as well, and waits for nothing. `sealed`: the new number, under the
-- customer's key, until it holds or is given up. `form_id`: sent twice it begins one. `lang`: in which he is told.
-- Retention: 30 days (`forget_phone_changes`); that there was one stays in the audit.
CREATE TABLE identity.phone_change (
    id uuid PRIMARY KEY,
    form_id uuid NOT NULL CONSTRAINT phone_change_form_once UNIQUE,
    customer_id uuid NOT NULL CONSTRAINT phone_change_is_of_a_customer REFERENCES identity.customer (id),
    browser_hash bytea NOT NULL CONSTRAINT phone_change_browser_is_sha256 CHECK (length(browser_hash) = 32),
    code_id uuid NOT NULL,
    sealed bytea,
    is_strong boolean NOT NULL,
    lang text NOT NULL CONSTRAINT phone_change_lang CHECK (lang IN ('zh', 'en')),
    begun_at timestamptz NOT NULL,
    confirmed_at timestamptz,
    ripe_at timestamptz CONSTRAINT phone_change_waits CHECK (ripe_at >= confirmed_at),
    ended_at timestamptz,
    outcome text CONSTRAINT phone_change_outcome CHECK (outcome IN ('done', 'cancelled', 'replaced')),
    CONSTRAINT phone_change_waits_once_confirmed CHECK ((confirmed_at IS NULL) = (ripe_at IS NULL)),
    CONSTRAINT phone_change_ends_somehow CHECK ((ended_at IS NULL) = (outcome IS NULL)),
    CONSTRAINT phone_change_done_when_ripe CHECK (outcome <> 'done' OR ended_at >= ripe_at),
    CONSTRAINT phone_change_forgets_the_number CHECK ((ended_at IS NULL) = (sealed IS NOT NULL))
);
CREATE UNIQUE INDEX one_phone_change_is_open ON identity.phone_change (customer_id)
    WHERE confirmed_at IS NOT NULL AND ended_at IS NULL;
CREATE INDEX phone_change_due ON identity.phone_change (ripe_at) WHERE ended_at IS NULL;
CREATE INDEX phone_change_by_time ON identity.phone_change (begun_at);

-- An app or a passkey that is to be taken away, after a time to wait in which its owner may stop it: nothing as strong would remain.
-- Until then it is good. Retention: 30 days (`forget_removals`); that there was one stays in the audit.
CREATE TABLE identity.factor_removal (
    id uuid PRIMARY KEY,
    customer_id uuid NOT NULL CONSTRAINT factor_removal_is_of_a_customer REFERENCES identity.customer (id),
    kind text NOT NULL CONSTRAINT factor_removal_kind CHECK (kind IN ('totp', 'passkey')),
    passkey_id uuid,
    lang text NOT NULL CONSTRAINT factor_removal_lang CHECK (lang IN ('zh', 'en')),
    asked_at timestamptz NOT NULL,
    ripe_at timestamptz NOT NULL CONSTRAINT factor_removal_waits CHECK (ripe_at >= asked_at),
    ended_at timestamptz,
    outcome text CONSTRAINT factor_removal_outcome CHECK (outcome IN ('done', 'cancelled')),
    CONSTRAINT factor_removal_names_the_passkey CHECK ((kind = 'passkey') = (passkey_id IS NOT NULL)),
    CONSTRAINT factor_removal_ends_somehow CHECK ((ended_at IS NULL) = (outcome IS NULL)),
    CONSTRAINT factor_removal_done_when_ripe CHECK (outcome <> 'done' OR ended_at >= ripe_at)
);
CREATE UNIQUE INDEX one_removal_is_open ON identity.factor_removal (customer_id, coalesce(passkey_id, customer_id))
    WHERE ended_at IS NULL;
CREATE INDEX factor_removal_due ON identity.factor_removal (ripe_at) WHERE ended_at IS NULL;
CREATE INDEX factor_removal_by_time ON identity.factor_removal (asked_at);

-- What a customer may be asked to agree to, in each wording that it has had. Only the newest one is asked, and only an answer to it
-- counts. Kept for ever: each answer names the wording that was read.
CREATE TABLE identity.purpose (
    purpose text NOT NULL CONSTRAINT purpose_form CHECK (purpose ~ '^[a-z][a-z_]{2,39}$'),
    version integer NOT NULL CONSTRAINT purpose_version CHECK (version > 0),
    en text NOT NULL CONSTRAINT purpose_en CHECK (en <> ''),
    zh text NOT NULL CONSTRAINT purpose_zh CHECK (zh <> ''),
    CONSTRAINT purpose_wording_once PRIMARY KEY (purpose, version)
);
INSERT INTO identity.purpose (purpose, version, en, zh) VALUES (
    'suggestions', 1, 'Look through my payments of the last weeks and offer me the shops that I have paid.',
    '查看我近期的付款记录，并在付款时向我推荐付过款的商户。'
), (
    'typing', 1,
    'Measure how fast I type when I log in and pay, never what I type, so that the bank notices when somebody else uses my account.',
    '在我登录和付款时记录我的按键快慢（不记录按了什么键），以便本行发现他人冒用我的账户。'
);

-- Every answer, newest last. Retention: as long as the customer; the bank must be able to show them.
CREATE TABLE identity.consent (
    id uuid PRIMARY KEY,
    customer_id uuid NOT NULL CONSTRAINT consent_is_of_a_customer REFERENCES identity.customer (id),
    purpose text NOT NULL,
    version integer NOT NULL,
    given boolean NOT NULL,
    answered_at timestamptz NOT NULL,
    CONSTRAINT consent_names_a_wording FOREIGN KEY (purpose, version) REFERENCES identity.purpose (purpose, version)
);
CREATE INDEX consent_by_customer ON identity.consent (customer_id, purpose, answered_at);

-- How a customer types: milliseconds from one press to the next, and how long keys were held; no key, no character, no text.
-- In the clear as what is known of his browsers is: figures that mean nothing without the customer, bounded by the CHECKs here, read
-- by the hundred where risk is judged. Of secrets there are eight at most, sorted by size: neither length nor order gives one away.
-- `device_id`: the browser, where it was known and past its cool-off. `unlike`: how unlike the habit that he had then, in thousandths
-- of its usual deviation; NULL where he had none yet. Retention: 90 days (`identity.forget_rhythms`); gone at once with
-- the consent, and with the person.
CREATE TABLE identity.rhythm (
    id uuid CONSTRAINT rhythm_once PRIMARY KEY,
    customer_id uuid NOT NULL CONSTRAINT rhythm_of_a_customer REFERENCES identity.customer (id),
    form text NOT NULL CONSTRAINT rhythm_form CHECK (form IN ('log_in', 'password', 'pin', 'amount')),
    intervals smallint[] NOT NULL CONSTRAINT rhythm_intervals CHECK (
        cardinality(intervals) BETWEEN 1 AND 64 AND array_position(intervals, NULL) IS NULL
        AND 0 <= ALL (intervals) AND 10000 >= ALL (intervals)
    ),
    holds smallint[] NOT NULL CONSTRAINT rhythm_holds CHECK (
        cardinality(holds) <= 64 AND array_position(holds, NULL) IS NULL AND 0 <= ALL (holds) AND 10000 >= ALL (holds)
    ),
    device_id uuid,
    recorded_at timestamptz NOT NULL,
    CONSTRAINT rhythm_of_secrets_is_short CHECK (form = 'amount' OR (cardinality(intervals) <= 8 AND cardinality(holds) <= 8)),
    unlike integer CONSTRAINT rhythm_unlike_is_no_less_than_nothing CHECK (unlike >= 0)
);
CREATE INDEX rhythm_by_customer ON identity.rhythm (customer_id, recorded_at);
CREATE INDEX rhythm_by_time ON identity.rhythm (recorded_at);

-- How unlike their habit customers typed an amount, for whoever judges their payments.
CREATE VIEW identity.typing_view AS
SELECT customer_id, recorded_at, unlike FROM identity.rhythm WHERE form = 'amount' AND unlike IS NOT NULL;

-- Public keys of the servers that ask over the API: they sign requests with one, and answers are encrypted to the other.
-- `principal_id`: whose they are, an API key through all its rotations. Retention: for ever; what they signed can be checked later.
CREATE TABLE identity.signing_key (
    id uuid PRIMARY KEY,
    principal_id uuid NOT NULL,
    use text NOT NULL CONSTRAINT signing_key_use CHECK (use IN ('signature', 'encryption')),
    suite text NOT NULL,
    jwk jsonb NOT NULL CONSTRAINT signing_key_is_public CHECK (NOT jwk ? 'd'),
    note text CONSTRAINT signing_key_note_length CHECK (length(note) <= 200),
    created_at timestamptz NOT NULL,
    created_by uuid NOT NULL,
    revoked_at timestamptz CONSTRAINT signing_key_ends_after_its_start CHECK (revoked_at >= created_at)
);
CREATE INDEX signing_key_by_principal ON identity.signing_key (principal_id, id);

-- What an API key must show besides its secret: a signature on each request, a client certificate (SHA-256 of its DER form).
-- Where there is no row, nothing. Retention: as the key.
CREATE TABLE identity.key_rule (
    principal_id uuid CONSTRAINT key_rule_once PRIMARY KEY,
    signature_required boolean NOT NULL,
    certificate bytea CONSTRAINT certificate_is_sha256 CHECK (length(certificate) = 32),
    set_at timestamptz NOT NULL,
    set_by uuid NOT NULL
);

-- Nonces of signed requests that were let in; the same message is not let in again. `claim` tells a request that asks once more
-- after a lost COMMIT from another one. Retention: until the signature has expired (`identity.forget_nonces`).
CREATE TABLE identity.seen_nonce (
    key_id uuid NOT NULL,
    nonce text NOT NULL CONSTRAINT nonce_length CHECK (length(nonce) BETWEEN 16 AND 128),
    claim uuid NOT NULL,
    expires_at timestamptz NOT NULL,
    CONSTRAINT nonce_once PRIMARY KEY (key_id, nonce)
);
CREATE INDEX seen_nonce_by_time ON identity.seen_nonce (expires_at);

-- The bank's own keys for encrypted requests. `sealed`: the private part under a key of the vault; it is forgotten once `ends_at`
-- has passed, so that what was captured before is never read. Retention: the public part for ever.
CREATE TABLE identity.envelope_key (
    id uuid PRIMARY KEY,
    kid text NOT NULL CONSTRAINT envelope_kid_once UNIQUE,
    suite text NOT NULL CONSTRAINT envelope_suite CHECK (suite IN ('ECDH-ES+A256KW', 'SM2')),
    jwk jsonb NOT NULL CONSTRAINT envelope_key_is_public CHECK (NOT jwk ? 'd'),
    sealed bytea,
    made_at timestamptz NOT NULL,
    ends_at timestamptz CONSTRAINT envelope_key_ends_after_its_start CHECK (ends_at >= made_at),
    CONSTRAINT envelope_key_opens_until_it_ends CHECK (sealed IS NOT NULL OR ends_at IS NOT NULL)
);

-- The app of a member of staff: its seed, sealed under his own key, and the last time step whose code was taken.
-- Retention: until it is replaced or removed.
CREATE TABLE identity.staff_app (
    staff_id uuid CONSTRAINT staff_app_once PRIMARY KEY REFERENCES identity.staff (id),
    sealed bytea NOT NULL,
    used_step bigint NOT NULL,
    set_at timestamptz NOT NULL
);

-- A seed that was shown and has not been confirmed by a code. Retention: until the next one, or until it is confirmed.
CREATE TABLE identity.staff_app_offer (
    staff_id uuid CONSTRAINT staff_app_offer_once PRIMARY KEY REFERENCES identity.staff (id),
    sealed bytea NOT NULL,
    offered_at timestamptz NOT NULL
);

-- Passkeys of staff (WebAuthn): the second factor, and the log-in by one alone. Retention: for ever; removed ones are good no more.
CREATE TABLE identity.staff_passkey (
    id uuid CONSTRAINT staff_passkey_once PRIMARY KEY,
    staff_id uuid NOT NULL REFERENCES identity.staff (id),
    credential_id bytea NOT NULL CONSTRAINT staff_credential_once UNIQUE,
    public_key bytea NOT NULL,
    transports text[] NOT NULL,
    name text NOT NULL,
    sign_count bigint NOT NULL CONSTRAINT staff_passkey_count CHECK (sign_count >= 0),
    made_at timestamptz NOT NULL,
    used_at timestamptz,
    suspended_at timestamptz,
    revoked_at timestamptz
);
CREATE INDEX staff_passkey_by_staff ON identity.staff_passkey (staff_id) WHERE revoked_at IS NULL;

-- A passkey that is about to be made. Retention: until it is made, until the next one, or a day.
CREATE TABLE identity.staff_passkey_offer (
    staff_id uuid CONSTRAINT staff_passkey_offer_once PRIMARY KEY REFERENCES identity.staff (id),
    challenge bytea NOT NULL CONSTRAINT staff_passkey_challenge CHECK (length(challenge) = 32),
    name text NOT NULL,
    offered_at timestamptz NOT NULL
);
