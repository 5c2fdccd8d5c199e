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
-- One account's postings between two versions, newest first.
SELECT e.account_id, e.version, e.amount_minor, e.balance_minor, e.counterparty_id, e.posting_id, e.transfer_id,
    e.recorded_at, e.booking_date, e.value_date, e.currency, t.kind
FROM (
    (SELECT debit AS account_id, debit_version AS version, -amount_minor AS amount_minor, debit_balance AS balance_minor,
        credit AS counterparty_id, id AS posting_id, transfer_id, recorded_at, booking_date, value_date, currency
    FROM ledger.posting
    WHERE debit = %(account_id)s AND debit_version < %(below)s AND debit_version > %(above)s
        AND booking_date BETWEEN %(first)s AND %(last)s
    ORDER BY debit_version DESC LIMIT %(most)s)
    UNION ALL
    (SELECT credit, credit_version, amount_minor, credit_balance, debit, id, transfer_id, recorded_at, booking_date,
        value_date, currency
    FROM ledger.posting
    WHERE credit = %(account_id)s AND credit_version < %(below)s AND credit_version > %(above)s
        AND booking_date BETWEEN %(first)s AND %(last)s
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

-- name: version_at
-- The account's last version up to a moment or, without one, up to the end of a booking day; 0 before its first. Versions have
-- no gaps and neither moments nor days go back, so the place is found by halving: some twenty look-ups in any history.
WITH RECURSIVE search AS (
    SELECT 0::bigint AS low, version AS high FROM ledger.account WHERE id = %(account_id)s
    UNION ALL
    SELECT CASE WHEN e.is_before THEN middle ELSE low END, CASE WHEN e.is_before THEN high ELSE middle - 1 END
    FROM search, LATERAL (SELECT (low + high + 1) / 2 AS middle) AS m, LATERAL (
        SELECT coalesce(recorded_at <= %(at)s::timestamptz, booking_date <= %(day)s::date) AS is_before FROM (
            SELECT recorded_at, booking_date FROM ledger.posting WHERE debit = %(account_id)s AND debit_version = middle
            UNION ALL
            SELECT recorded_at, booking_date FROM ledger.posting WHERE credit = %(account_id)s AND credit_version = middle
            LIMIT 1
        ) AS p
    ) AS e
    WHERE low < high
)
SELECT low FROM search WHERE low = high;

-- name: balance_on_value_date
-- Movements valued up to a day: those summed at closes, and those of later days. All of these are above version `above`;
-- which day was summed last is asked here again, so that one snapshot decides what counts where.
SELECT (
    coalesce((SELECT sum(credits_minor - debits_minor) FROM ledger.day_balance
        WHERE account_id = %(account_id)s AND value_date <= %(day)s), 0)
    + coalesce((SELECT sum(amount_minor) FROM ledger.posting
        WHERE credit = %(account_id)s AND credit_version > %(above)s AND value_date <= %(day)s
            AND booking_date > (SELECT coalesce(max(booking_date), '-infinity') FROM ledger.day_close)), 0)
    - coalesce((SELECT sum(amount_minor) FROM ledger.posting
        WHERE debit = %(account_id)s AND debit_version > %(above)s AND value_date <= %(day)s
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

-- name: prove_room
-- Sorting half a million entries in memory; only for this transaction.
SELECT set_config('work_mem', '256MB', true);

-- name: prove_last_posting
-- The highest id that a posting may have by now; those of running transactions are not visible yet.
SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM ledger.posting_id_seq;

-- name: prove_last_transfer
-- The highest number that a transfer may have by now.
SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM ledger.transfer_number_seq;

-- name: prove_chain
-- Entries of a range that do not continue their account's chain: the version is not one more than the one before, or the
-- balance is not the one before with the amount. Postings of one account have rising ids, because they are made under its lock.
WITH entry AS (
    SELECT debit AS account_id, debit_version AS version, -amount_minor AS amount, debit_balance AS balance, id
    FROM ledger.posting WHERE id > %(low)s AND id <= %(high)s
    UNION ALL
    SELECT credit, credit_version, amount_minor, credit_balance, id
    FROM ledger.posting WHERE id > %(low)s AND id <= %(high)s
), linked AS (
    SELECT account_id, version, amount, balance, id, lag(version) OVER chain AS version_before,
        lag(balance) OVER chain AS balance_before
    FROM entry WINDOW chain AS (PARTITION BY account_id ORDER BY version, id)
)
SELECT l.id, l.account_id, l.version, coalesce(l.version_before, p.version, 0) + 1, l.balance,
    coalesce(l.balance_before, p.balance_minor, 0) + l.amount
FROM linked l LEFT JOIN ledger.proved_account p ON p.account_id = l.account_id AND l.version_before IS NULL
WHERE l.version <> coalesce(l.version_before, p.version, 0) + 1
    OR l.balance <> coalesce(l.balance_before, p.balance_minor, 0) + l.amount
ORDER BY l.id LIMIT %(most)s;

-- name: prove_reasons
-- Transfers of a range of postings that are missing, have another number of postings than they say, or another booking date.
-- The row is looked up for each (OFFSET 0): a range is small beside all transfers.
SELECT g.first_id, g.transfer_id, g.found, t.postings, t.booking_date, g.first_day, g.last_day
FROM (
    SELECT transfer_id, count(*) AS found, min(id) AS first_id, min(booking_date) AS first_day, max(booking_date) AS last_day
    FROM ledger.posting WHERE id > %(low)s AND id <= %(high)s GROUP BY transfer_id
) AS g LEFT JOIN LATERAL (
    SELECT postings, booking_date FROM ledger.transfer WHERE id = g.transfer_id OFFSET 0
) AS t ON true
WHERE t.postings IS NULL OR t.booking_date <> g.first_day OR t.booking_date <> g.last_day
    OR (t.postings <> g.found
        AND t.postings <> (SELECT count(*) FROM ledger.posting p WHERE p.transfer_id = g.transfer_id))
ORDER BY g.first_id LIMIT %(most)s;

-- name: prove_movements
-- What a range of postings moved: for each day, value date, line, currency, entity and branch. The weights are those of
-- prove_day_prints. Also how many entries met their account, in how many the currency is another, and the highest id.
SELECT e.booking_date, e.value_date, a.gl_line, a.currency, a.legal_entity, a.branch, sum(e.debit), sum(e.credit),
    sum(e.debit * (e.account_id %% 1021 + 1)), sum(e.credit * (e.account_id %% 1021 + 1)), count(*),
    count(*) FILTER (WHERE e.currency <> a.currency OR a.gl_line LIKE '9%%'), max(e.id)
FROM (
    SELECT debit AS account_id, id, booking_date, value_date, currency, amount_minor AS debit, 0::bigint AS credit
    FROM ledger.posting WHERE id > %(low)s AND id <= %(high)s
    UNION ALL
    SELECT credit, id, booking_date, value_date, currency, 0, amount_minor
    FROM ledger.posting WHERE id > %(low)s AND id <= %(high)s
) AS e JOIN ledger.account a ON a.id = e.account_id
GROUP BY 1, 2, 3, 4, 5, 6;

-- name: prove_count
-- How many postings a range has.
SELECT count(*) FROM ledger.posting WHERE id > %(low)s AND id <= %(high)s;

-- name: prove_strangers
-- Postings of a range whose account is not there, is kept in another currency, or is a control account.
SELECT p.id, p.debit, p.credit, p.currency, d.currency, c.currency, d.gl_line, c.gl_line
FROM ledger.posting p
LEFT JOIN ledger.account d ON d.id = p.debit LEFT JOIN ledger.account c ON c.id = p.credit
WHERE p.id > %(low)s AND p.id <= %(high)s
    AND (p.currency IS DISTINCT FROM d.currency OR p.currency IS DISTINCT FROM c.currency
        OR d.gl_line LIKE '9%%' OR c.gl_line LIKE '9%%')
ORDER BY p.id LIMIT %(most)s;

-- name: prove_late
-- Postings of a range that were booked on a day after it had been closed.
SELECT p.id, p.booking_date, c.last_posting
FROM ledger.posting p JOIN ledger.day_close c ON c.booking_date = p.booking_date
WHERE p.id > %(low)s AND p.id <= %(high)s AND p.id > c.last_posting
ORDER BY p.id LIMIT %(most)s;

-- name: prove_closes
-- Up to which posting each summed day goes.
SELECT booking_date, last_posting FROM ledger.day_close ORDER BY booking_date;

-- name: prove_remember_accounts
-- Where the chains of a range end; only after prove_chain found nothing wrong in it.
INSERT INTO ledger.proved_account AS p (account_id, version, balance_minor)
SELECT account_id, count(*), sum(amount) FROM (
    SELECT debit AS account_id, -amount_minor AS amount FROM ledger.posting WHERE id > %(low)s AND id <= %(high)s
    UNION ALL
    SELECT credit, amount_minor FROM ledger.posting WHERE id > %(low)s AND id <= %(high)s
) AS e
GROUP BY account_id
ON CONFLICT (account_id) DO UPDATE SET
    version = p.version + excluded.version, balance_minor = p.balance_minor + excluded.balance_minor;

-- name: prove_remember_days
-- What was moved, day by day.
INSERT INTO ledger.proved_day AS p (booking_date, value_date, gl_line, currency, legal_entity, branch, debits_minor,
    credits_minor, debits_print, credits_print)
SELECT * FROM unnest(
    %(days)s::date[], %(values)s::date[], %(lines)s::text[], %(currencies)s::text[], %(entities)s::text[],
    %(branches)s::text[], %(debits)s::numeric[], %(credits)s::numeric[], %(debit_prints)s::numeric[],
    %(credit_prints)s::numeric[]
)
ON CONFLICT (booking_date, value_date, gl_line, currency, legal_entity, branch) DO UPDATE SET
    debits_minor = p.debits_minor + excluded.debits_minor, credits_minor = p.credits_minor + excluded.credits_minor,
    debits_print = p.debits_print + excluded.debits_print, credits_print = p.credits_print + excluded.credits_print;

-- name: proved_postings
-- How many postings have been proved: each is an entry of two accounts.
SELECT (coalesce(sum(version), 0) / 2)::bigint FROM ledger.proved_account;

-- name: prove_forget_accounts
-- A proof from the beginning.
TRUNCATE ledger.proved_account;

-- name: prove_forget_days
-- A proof from the beginning.
TRUNCATE ledger.proved_day;

-- name: prove_orphans
-- Transfers of a range that have no posting on their booking date.
SELECT t.number, t.id, t.postings FROM ledger.transfer t
WHERE t.number > %(low)s AND t.number <= %(high)s
    AND (SELECT 1 FROM ledger.posting p WHERE p.transfer_id = t.id AND p.booking_date = t.booking_date LIMIT 1) IS NULL
ORDER BY t.number LIMIT %(most)s;

-- name: prove_account_bounds
-- How far account ids go.
SELECT coalesce(max(id), 0) FROM ledger.account;

-- name: prove_accounts
-- Accounts of a range whose stored figures are not what entries and holds say: those proved, and those made since.
WITH tail AS (
    SELECT account_id, count(*) AS entries, sum(amount) AS amount FROM (
        SELECT debit AS account_id, -amount_minor AS amount FROM ledger.posting
        WHERE id > %(proved)s AND debit > %(low)s AND debit <= %(high)s
        UNION ALL
        SELECT credit, amount_minor FROM ledger.posting
        WHERE id > %(proved)s AND credit > %(low)s AND credit <= %(high)s
    ) AS e GROUP BY account_id
), held AS (
    SELECT account_id, sum(left_minor) AS held FROM ledger.hold
    WHERE account_id > %(low)s AND account_id <= %(high)s AND left_minor > 0 GROUP BY account_id
), figures AS (
    SELECT a.id, a.version, a.balance_minor, a.held_minor, a.excess_minor,
        coalesce(p.version, 0) + coalesce(t.entries, 0) AS proved_version,
        coalesce(p.balance_minor, 0) + coalesce(t.amount, 0) AS proved_balance,
        coalesce(h.held, 0) AS proved_held,
        coalesce(greatest(0, a.floor_minor - a.balance_minor + a.held_minor), 0) AS proved_excess,
        a.gl_line LIKE '9%%' AS is_control
    FROM ledger.account a
    LEFT JOIN ledger.proved_account p ON p.account_id = a.id
    LEFT JOIN tail t ON t.account_id = a.id
    LEFT JOIN held h ON h.account_id = a.id
    WHERE a.id > %(low)s AND a.id <= %(high)s
)
SELECT id, is_control, version, proved_version, balance_minor, proved_balance::bigint, held_minor, proved_held::bigint,
    excess_minor, proved_excess
FROM figures
WHERE version <> proved_version OR excess_minor <> proved_excess
    OR (NOT is_control AND (balance_minor <> proved_balance OR held_minor <> proved_held))
ORDER BY id LIMIT %(most)s;

-- name: prove_lost_holds
-- Holds on accounts that are not there.
SELECT h.id, h.account_id FROM ledger.hold h LEFT JOIN ledger.account a ON a.id = h.account_id
WHERE a.id IS NULL ORDER BY h.id LIMIT %(most)s;

-- name: prove_controls
-- Control accounts that do not stand where the accounts that name them stand together.
WITH together AS (
    SELECT control, sum(balance_minor) AS balance, sum(held_minor) AS held
    FROM ledger.account, unnest(controls) AS control WHERE controls <> '{}' GROUP BY control
)
SELECT coalesce(a.id, t.control), a.balance_minor, coalesce(t.balance, 0)::bigint, a.held_minor, coalesce(t.held, 0)::bigint
FROM (SELECT id, balance_minor, held_minor FROM ledger.account WHERE gl_line LIKE '9%%') AS a
FULL JOIN together t ON t.control = a.id
WHERE a.id IS NULL OR a.balance_minor <> coalesce(t.balance, 0) OR a.held_minor <> coalesce(t.held, 0)
ORDER BY 1 LIMIT %(most)s;

-- name: prove_zero
-- Currencies whose accounts do not add up to zero.
SELECT currency, sum(balance_minor)::bigint FROM ledger.account WHERE gl_line NOT LIKE '9%%'
GROUP BY currency HAVING sum(balance_minor) <> 0 ORDER BY currency;

-- name: prove_trial_balances
-- Closed days whose trial balance is not what the postings say; only days whose postings have all been proved.
WITH closed AS (
    SELECT booking_date AS day FROM ledger.day_close WHERE last_posting <= %(proved)s
), moved AS (
    SELECT booking_date, gl_line, currency, legal_entity, branch, sum(debits_minor) AS debits, sum(credits_minor) AS credits
    FROM ledger.proved_day GROUP BY 1, 2, 3, 4, 5
), expected AS (
    SELECT c.day, m.gl_line, m.currency, m.legal_entity, m.branch,
        coalesce(sum(m.debits) FILTER (WHERE m.booking_date = c.day), 0) AS debits,
        coalesce(sum(m.credits) FILTER (WHERE m.booking_date = c.day), 0) AS credits,
        sum(m.credits - m.debits) AS balance
    FROM closed c JOIN moved m ON m.booking_date <= c.day GROUP BY 1, 2, 3, 4, 5
)
SELECT coalesce(e.day, t.booking_date), coalesce(e.gl_line, t.gl_line), coalesce(e.currency, t.currency),
    coalesce(e.legal_entity, t.legal_entity), coalesce(e.branch, t.branch), e.debits, e.credits, e.balance,
    t.debits_minor, t.credits_minor, t.balance_minor
FROM expected e
FULL JOIN (SELECT * FROM ledger.trial_balance WHERE booking_date IN (SELECT day FROM closed)) AS t
    ON t.booking_date = e.day AND t.gl_line = e.gl_line AND t.currency = e.currency
    AND t.legal_entity = e.legal_entity AND t.branch = e.branch
WHERE (e.debits, e.credits, e.balance) IS DISTINCT FROM (t.debits_minor, t.credits_minor, t.balance_minor)
ORDER BY 1, 2, 3, 4, 5 LIMIT %(most)s;

-- name: prove_expected_prints
-- By value date: what the postings of summed days moved, plain and weighed.
SELECT value_date, sum(debits_minor), sum(credits_minor), sum(debits_print), sum(credits_print)
FROM ledger.proved_day WHERE booking_date IN (SELECT booking_date FROM ledger.day_close) GROUP BY value_date;

-- name: prove_day_prints
-- By value date: what day_balance says of a range of accounts, plain and weighed.
SELECT value_date, sum(debits_minor), sum(credits_minor), sum(debits_minor * (account_id %% 1021 + 1)),
    sum(credits_minor * (account_id %% 1021 + 1))
FROM ledger.day_balance WHERE account_id > %(low)s AND account_id <= %(high)s GROUP BY value_date;

-- name: prove_day_balances
-- Of one value date: accounts whose day_balance is not what the postings of summed days say.
SELECT coalesce(e.account_id, d.account_id), e.debits, e.credits, d.debits_minor, d.credits_minor FROM (
    SELECT account_id, sum(debit) AS debits, sum(credit) AS credits FROM (
        SELECT debit AS account_id, amount_minor AS debit, 0 AS credit FROM ledger.posting
        WHERE value_date = %(day)s AND booking_date IN (SELECT booking_date FROM ledger.day_close)
        UNION ALL
        SELECT credit, 0, amount_minor FROM ledger.posting
        WHERE value_date = %(day)s AND booking_date IN (SELECT booking_date FROM ledger.day_close)
    ) AS m GROUP BY account_id
) AS e
FULL JOIN (SELECT * FROM ledger.day_balance WHERE value_date = %(day)s) AS d ON d.account_id = e.account_id
WHERE (e.debits, e.credits) IS DISTINCT FROM (d.debits_minor, d.credits_minor)
ORDER BY 1 LIMIT %(most)s;

-- name: prove_hot
-- Indexes over what changes with every posting: with one, each update writes to every index.
SELECT i.indexrelid::regclass::text, a.attname FROM pg_index i
JOIN pg_attribute a ON a.attrelid = i.indrelid
    AND (a.attnum = ANY(i.indkey::smallint[]) OR pg_get_expr(i.indpred, i.indrelid) LIKE '%%' || a.attname || '%%')
WHERE (i.indrelid = 'ledger.account'::regclass
        AND a.attname IN ('balance_minor', 'held_minor', 'excess_minor', 'version', 'recorded_at'))
    OR (i.indrelid = 'ledger.hold'::regclass AND a.attname IN ('left_minor', 'captured_minor'))
ORDER BY 1, 2;
