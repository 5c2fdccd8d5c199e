-- name: lock_holds
-- Holds as they are once nobody else changes them.
SELECT id, account_id, amount_minor, left_minor, captured_minor, expires_at
FROM ledger.hold WHERE id = ANY(%(keys)s::uuid[]) ORDER BY id FOR NO KEY UPDATE;

-- name: lock_accounts
-- The accounts and the control accounts they name, hottest last; and the day that is open once all of them are locked.
WITH wanted AS (
    SELECT unnest(%(keys)s::bigint[]) AS id
    UNION
    SELECT unnest(controls) FROM ledger.account WHERE id = ANY(%(keys)s::bigint[]) AND controls <> '{}'
), locked AS MATERIALIZED (
    SELECT id, balance_minor, held_minor, excess_minor, floor_minor, version, recorded_at, state, currency, gl_line, controls
    FROM ledger.account WHERE id = ANY(ARRAY(SELECT id FROM wanted))
    ORDER BY hottest, id FOR NO KEY UPDATE
), day AS MATERIALIZED (
    SELECT ledger.open_day(count(*)) AS open_date FROM locked
)
SELECT id, balance_minor, held_minor, excess_minor, floor_minor, version, recorded_at, state, currency, gl_line, controls,
    open_date
FROM day, locked;

-- name: lockable_accounts
-- Those of the accounts that nobody else holds at this moment.
SELECT id FROM ledger.account WHERE id = ANY(%(keys)s::bigint[]) FOR NO KEY UPDATE SKIP LOCKED;

-- name: write
-- Everything a batch has decided, in one statement: transfers, postings, holds, and the new state of each account.
WITH transfers AS (
    INSERT INTO ledger.transfer (id, kind, booking_date, recorded_at, postings, forced, reverses, reason)
    SELECT i, k, %(booking_date)s, r, n, f, v, w FROM unnest(
        %(t_id)s::uuid[], %(t_kind)s::text[], %(t_at)s::timestamptz[], %(t_postings)s::bigint[], %(t_forced)s::text[],
        %(t_reverses)s::uuid[], %(t_reason)s::text[]
    ) AS t (i, k, r, n, f, v, w)
), postings AS (
    INSERT INTO ledger.posting (transfer_id, recorded_at, debit, credit, amount_minor, debit_version, credit_version,
        debit_balance, credit_balance, booking_date, value_date, currency)
    SELECT t, r, d, c, a, dv, cv, db, cb, %(booking_date)s, v, y FROM unnest(
        %(p_transfer)s::uuid[], %(p_at)s::timestamptz[], %(p_debit)s::bigint[], %(p_credit)s::bigint[],
        %(p_amount)s::bigint[], %(p_debit_version)s::bigint[], %(p_credit_version)s::bigint[],
        %(p_debit_balance)s::bigint[], %(p_credit_balance)s::bigint[], %(p_value_date)s::date[], %(p_currency)s::text[]
    ) AS p (t, r, d, c, a, dv, cv, db, cb, v, y)
), new_holds AS (
    INSERT INTO ledger.hold (id, account_id, amount_minor, left_minor, captured_minor, placed_at, expires_at)
    SELECT i, a, m, l, c, %(at)s, e FROM unnest(
        %(n_id)s::uuid[], %(n_account)s::bigint[], %(n_amount)s::bigint[], %(n_left)s::bigint[], %(n_captured)s::bigint[],
        %(n_expires)s::timestamptz[]
    ) AS h (i, a, m, l, c, e)
), holds AS (
    UPDATE ledger.hold h SET left_minor = u.l, captured_minor = u.c
    FROM unnest(%(h_id)s::uuid[], %(h_left)s::bigint[], %(h_captured)s::bigint[]) AS u (i, l, c)
    WHERE h.id = u.i
)
UPDATE ledger.account a SET balance_minor = u.b, held_minor = u.h, excess_minor = u.e, version = u.v, recorded_at = u.r
FROM unnest(
    %(a_id)s::bigint[], %(a_balance)s::bigint[], %(a_held)s::bigint[], %(a_excess)s::bigint[], %(a_version)s::bigint[],
    %(a_at)s::timestamptz[]
) AS u (i, b, h, e, v, r)
WHERE a.id = u.i;

-- name: write_postings
-- The common case of `write`: no hold is touched.
WITH transfers AS (
    INSERT INTO ledger.transfer (id, kind, booking_date, recorded_at, postings, forced, reverses, reason)
    SELECT i, k, %(booking_date)s, r, n, f, v, w FROM unnest(
        %(t_id)s::uuid[], %(t_kind)s::text[], %(t_at)s::timestamptz[], %(t_postings)s::bigint[], %(t_forced)s::text[],
        %(t_reverses)s::uuid[], %(t_reason)s::text[]
    ) AS t (i, k, r, n, f, v, w)
), postings AS (
    INSERT INTO ledger.posting (transfer_id, recorded_at, debit, credit, amount_minor, debit_version, credit_version,
        debit_balance, credit_balance, booking_date, value_date, currency)
    SELECT t, r, d, c, a, dv, cv, db, cb, %(booking_date)s, v, y FROM unnest(
        %(p_transfer)s::uuid[], %(p_at)s::timestamptz[], %(p_debit)s::bigint[], %(p_credit)s::bigint[],
        %(p_amount)s::bigint[], %(p_debit_version)s::bigint[], %(p_credit_version)s::bigint[],
        %(p_debit_balance)s::bigint[], %(p_credit_balance)s::bigint[], %(p_value_date)s::date[], %(p_currency)s::text[]
    ) AS p (t, r, d, c, a, dv, cv, db, cb, v, y)
)
UPDATE ledger.account a SET balance_minor = u.b, held_minor = u.h, excess_minor = u.e, version = u.v, recorded_at = u.r
FROM unnest(
    %(a_id)s::bigint[], %(a_balance)s::bigint[], %(a_held)s::bigint[], %(a_excess)s::bigint[], %(a_version)s::bigint[],
    %(a_at)s::timestamptz[]
) AS u (i, b, h, e, v, r)
WHERE a.id = u.i;

-- name: existing_transfers
-- Transfers already posted, to tell a replay from an id used twice.
SELECT id, kind, recorded_at, booking_date, reverses FROM ledger.transfer WHERE id = ANY(%(ids)s::uuid[]);

-- name: existing_holds
-- Holds already placed, to tell a replay from an id used twice.
SELECT id, account_id, amount_minor, placed_at, expires_at FROM ledger.hold WHERE id = ANY(%(ids)s::uuid[]);

-- name: reversed_of
-- Those of the transfers that have been reversed.
SELECT reverses FROM ledger.transfer WHERE reverses = ANY(%(ids)s::uuid[]);

-- name: open_accounts
-- Identity numbers are given in the order of the arrays.
INSERT INTO ledger.account (balance_minor, held_minor, excess_minor, floor_minor, version, recorded_at, state, hottest,
    currency, gl_line, legal_entity, branch, controls, opened_at)
SELECT 0, 0, greatest(f, 0), f, 0, o, 1, h, c, g, e, b, k::bigint[], o FROM unnest(
    %(floors)s::bigint[], %(moments)s::timestamptz[], %(hottest)s::boolean[], %(currencies)s::text[],
    %(gl_lines)s::text[], %(entities)s::text[], %(branches)s::text[], %(controls)s::text[]
) WITH ORDINALITY AS u (f, o, h, c, g, e, b, k, n)
ORDER BY n
RETURNING id;

-- name: accounts
-- Accounts as they are now, without a lock.
SELECT id, balance_minor, held_minor, excess_minor, floor_minor, version, recorded_at, state, currency, gl_line, controls
FROM ledger.account WHERE id = ANY(%(ids)s::bigint[]);

-- name: bank_account
-- The bank's own account of a line and currency, opened on first use (see own_account).
SELECT id FROM ledger.account
WHERE gl_line = %(gl_line)s AND currency = %(currency)s AND hottest AND legal_entity = %(entity)s AND branch = %(branch)s
ORDER BY id LIMIT 1;

-- name: one_opener
-- Only one transaction at a time opens the bank's own accounts.
SELECT pg_advisory_xact_lock(hashtext('ledger.own_account'));

-- name: set_state
-- Open, frozen or closed.
UPDATE ledger.account SET state = %(state)s WHERE id = %(id)s;

-- name: set_floor
-- A lower limit leaves the account where it is: `excess` says how far below the new floor.
UPDATE ledger.account SET floor_minor = %(floor)s, excess_minor = greatest(0, %(floor)s - (balance_minor - held_minor))
WHERE id = %(id)s;

-- name: gl_lines
-- The chart of accounts.
SELECT code, name, name_zh, class, normal_side, owner, ages_after_days FROM ledger.gl_line ORDER BY code;

-- name: entries
-- One account's postings, newest first, from below a place (booking date and version) on.
SELECT e.account_id, e.version, e.amount_minor, e.balance_minor, e.counterparty_id, e.posting_id, e.transfer_id,
    e.recorded_at, e.booking_date, e.value_date, e.currency, t.kind
FROM (
    (SELECT debit AS account_id, debit_version AS version, -amount_minor AS amount_minor, debit_balance AS balance_minor,
        credit AS counterparty_id, id AS posting_id, transfer_id, recorded_at, booking_date, value_date, currency
    FROM ledger.posting
    WHERE debit = %(account_id)s AND debit_version < %(below)s AND booking_date BETWEEN %(first)s AND %(last)s
    ORDER BY debit_version DESC LIMIT %(most)s)
    UNION ALL
    (SELECT credit, credit_version, amount_minor, credit_balance, debit, id, transfer_id, recorded_at, booking_date,
        value_date, currency
    FROM ledger.posting
    WHERE credit = %(account_id)s AND credit_version < %(below)s AND booking_date BETWEEN %(first)s AND %(last)s
    ORDER BY credit_version DESC LIMIT %(most)s)
) AS e
JOIN ledger.transfer t ON t.id = e.transfer_id
ORDER BY e.version DESC LIMIT %(most)s;

-- name: postings_of
-- The postings of some transfers, in the order in which they were made.
SELECT p.transfer_id, p.id, p.debit, p.credit, p.amount_minor, p.currency, p.value_date, p.debit_balance, p.credit_balance,
    p.recorded_at, p.booking_date
FROM ledger.transfer t
JOIN ledger.posting p ON p.transfer_id = t.id AND p.booking_date = t.booking_date
WHERE t.id = ANY(%(ids)s::uuid[]) ORDER BY p.id;

-- name: balance_at
-- The balance after the account's last posting up to a moment. Versions have no gaps and their moments never go back, so
-- the place is found by halving: some twenty look-ups, however long the history is.
WITH RECURSIVE search AS (
    SELECT 0::bigint AS low, version AS high FROM ledger.account WHERE id = %(account_id)s
    UNION ALL
    SELECT CASE WHEN e.recorded_at <= %(at)s THEN middle ELSE low END,
        CASE WHEN e.recorded_at <= %(at)s THEN high ELSE middle - 1 END
    FROM search, LATERAL (SELECT (low + high + 1) / 2 AS middle) AS m, LATERAL (
        SELECT recorded_at FROM ledger.posting WHERE debit = %(account_id)s AND debit_version = middle
        UNION ALL
        SELECT recorded_at FROM ledger.posting WHERE credit = %(account_id)s AND credit_version = middle
        LIMIT 1
    ) AS e
    WHERE low < high
), found AS (
    SELECT low AS version FROM search WHERE low = high
)
SELECT debit_balance FROM found, ledger.posting WHERE debit = %(account_id)s AND debit_version = version
UNION ALL
SELECT credit_balance FROM found, ledger.posting WHERE credit = %(account_id)s AND credit_version = version
LIMIT 1;

-- name: balance_on_value_date
-- Movements valued up to a day: those summed at closes, and those booked on days that are not summed yet.
SELECT (
    coalesce((SELECT sum(credits_minor - debits_minor) FROM ledger.day_balance
        WHERE account_id = %(account_id)s AND value_date <= %(day)s), 0)
    + coalesce((SELECT sum(amount_minor) FROM ledger.posting
        WHERE credit = %(account_id)s AND value_date <= %(day)s
          AND booking_date > (SELECT coalesce(max(booking_date), '-infinity') FROM ledger.day_close)), 0)
    - coalesce((SELECT sum(amount_minor) FROM ledger.posting
        WHERE debit = %(account_id)s AND value_date <= %(day)s
          AND booking_date > (SELECT coalesce(max(booking_date), '-infinity') FROM ledger.day_close)), 0)
)::bigint;

-- name: day_movements
-- Adds a closed day's movements to the value-dated sums.
INSERT INTO ledger.day_balance (account_id, value_date, debits_minor, credits_minor)
SELECT account_id, value_date, sum(d), sum(c) FROM (
    SELECT debit AS account_id, value_date, amount_minor AS d, 0 AS c FROM ledger.posting WHERE booking_date = %(day)s
    UNION ALL
    SELECT credit, value_date, 0, amount_minor FROM ledger.posting WHERE booking_date = %(day)s
) AS m
GROUP BY account_id, value_date
ORDER BY account_id, value_date
ON CONFLICT (account_id, value_date) DO UPDATE SET
    debits_minor = day_balance.debits_minor + excluded.debits_minor,
    credits_minor = day_balance.credits_minor + excluded.credits_minor;

-- name: take_trial_balance
-- The day's turnover on top of the last trial balance, a row a line, currency, entity and branch.
INSERT INTO ledger.trial_balance
    (booking_date, gl_line, currency, legal_entity, branch, debits_minor, credits_minor, balance_minor, taken_at)
SELECT %(day)s, gl_line, currency, legal_entity, branch, sum(d), sum(c), sum(b), %(at)s FROM (
    SELECT a.gl_line, a.currency, a.legal_entity, a.branch, sum(p.amount_minor) AS d, 0 AS c, -sum(p.amount_minor) AS b
    FROM ledger.posting p JOIN ledger.account a ON a.id = p.debit WHERE p.booking_date = %(day)s GROUP BY 1, 2, 3, 4
    UNION ALL
    SELECT a.gl_line, a.currency, a.legal_entity, a.branch, 0, sum(p.amount_minor), sum(p.amount_minor)
    FROM ledger.posting p JOIN ledger.account a ON a.id = p.credit WHERE p.booking_date = %(day)s GROUP BY 1, 2, 3, 4
    UNION ALL
    SELECT gl_line, currency, legal_entity, branch, 0, 0, balance_minor FROM ledger.trial_balance
    WHERE booking_date = (SELECT max(booking_date) FROM ledger.trial_balance WHERE booking_date < %(day)s)
) AS m
GROUP BY gl_line, currency, legal_entity, branch
ON CONFLICT (booking_date, gl_line, currency, legal_entity, branch) DO NOTHING;

-- name: last_summed_day
-- The newest day before another that has been summed.
SELECT max(booking_date) FROM ledger.day_close WHERE booking_date < %(before)s;

-- name: any_posting_before
-- Whether anything was booked before a day.
SELECT EXISTS (SELECT 1 FROM ledger.posting WHERE booking_date < %(day)s);

-- name: mark_day_summed
-- Once a day. Every transaction that booked on it has ended, so none of its postings has an id above the sequence.
INSERT INTO ledger.day_close (booking_date, closed_at, last_posting)
SELECT %(day)s, %(at)s, last_value FROM ledger.posting_id_seq
ON CONFLICT DO NOTHING RETURNING 1;

-- name: trial_balance
-- The trial balance of the newest close up to a day.
SELECT t.booking_date, t.gl_line, g.name, g.name_zh, g.class, t.currency, t.legal_entity, t.branch, t.debits_minor::bigint,
    t.credits_minor::bigint, t.balance_minor::bigint
FROM ledger.trial_balance t JOIN ledger.gl_line g ON g.code = t.gl_line
WHERE t.booking_date = (SELECT max(booking_date) FROM ledger.trial_balance WHERE booking_date <= %(day)s)
ORDER BY t.gl_line, t.currency, t.legal_entity, t.branch;

-- name: live_trial_balance
-- What the accounts say at this moment, by line; memo lines are outside.
SELECT a.gl_line, g.name, g.name_zh, g.class, a.currency, sum(a.balance_minor)::bigint, count(*)
FROM ledger.account a JOIN ledger.gl_line g ON g.code = a.gl_line
WHERE g.class <> 'memo'
GROUP BY a.gl_line, g.name, g.name_zh, g.class, a.currency ORDER BY a.gl_line, a.currency;

-- name: close_period
-- Closes everything up to a day.
INSERT INTO ledger.period (last_day, closed_at, closed_by) VALUES (%(last_day)s, %(at)s, %(by)s)
ON CONFLICT (last_day) DO NOTHING;

-- name: last_closed_period
-- The last day whose period is closed.
SELECT max(last_day) FROM ledger.period;

-- name: aged
-- Accounts of lines that age, with money in them that has lain there longer than the line allows: the oldest entry that is
-- not yet matched when later movements the other way are set against earlier ones, oldest first.
WITH resting AS (
    SELECT a.id, a.gl_line, a.currency, a.balance_minor, g.name, g.name_zh, g.owner, g.ages_after_days
    FROM ledger.account a JOIN ledger.gl_line g ON g.code = a.gl_line
    WHERE g.ages_after_days IS NOT NULL AND a.balance_minor <> 0
)
SELECT r.gl_line, r.name, r.name_zh, r.owner, r.ages_after_days, r.id, r.currency, r.balance_minor, o.transfer_id,
    o.booking_date, o.recorded_at, %(day)s - o.booking_date
FROM resting r, LATERAL (
    SELECT transfer_id, booking_date, recorded_at FROM (
        SELECT e.transfer_id, e.booking_date, e.recorded_at, e.version,
            sum(e.amount_minor) OVER (ORDER BY e.version DESC) AS newest
        FROM (
            SELECT transfer_id, booking_date, recorded_at, debit_version AS version, amount_minor
            FROM ledger.posting WHERE debit = r.id AND r.balance_minor < 0
            UNION ALL
            SELECT transfer_id, booking_date, recorded_at, credit_version, amount_minor
            FROM ledger.posting WHERE credit = r.id AND r.balance_minor > 0
        ) AS e
    ) AS n
    WHERE newest >= abs(r.balance_minor)
    ORDER BY version DESC LIMIT 1
) AS o
WHERE %(day)s - o.booking_date > r.ages_after_days
ORDER BY o.booking_date, r.id LIMIT %(most)s;
