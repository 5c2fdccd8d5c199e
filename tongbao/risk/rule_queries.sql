-- name: newest_versions
-- Of every rule its newest version, whether it has begun or not, by name; and of one rule alone where it is told.
SELECT DISTINCT ON (r.name) r.id, r.name, v.version, v.expression, v.action, v.points, v.mode, v.kinds, v.methods, v.effective_from,
    v.effective_until, v.why_en, v.why_zh, v.told_en, v.told_zh, v.reason, v.proposed_by, v.approved_by, v.approval_id,
    v.merchants, v.countries
FROM risk.rule r JOIN risk.rule_version v ON v.rule_id = r.id
WHERE %(rule_id)s::uuid IS NULL OR r.id = %(rule_id)s
ORDER BY r.name, v.version DESC;

-- name: versions_in_force
-- Of every rule the newest version up to a change that has begun, where it neither ended nor is off; one that acts only while the stance is
-- tightened as what it is then: live or in shadow.
SELECT n.id, n.name, n.version, n.expression, n.action, n.points,
    CASE WHEN n.mode <> 'raised' THEN n.mode WHEN s.stance = 'tightened' THEN 'live' ELSE 'shadow' END, n.kinds, n.methods,
    n.effective_from, n.effective_until, n.why_en, n.why_zh, n.told_en, n.told_zh, n.reason, n.proposed_by, n.approved_by, n.approval_id,
    n.merchants, n.countries
FROM (
    SELECT DISTINCT ON (r.name) r.id, r.name, v.version, v.expression, v.action, v.points, v.mode, v.kinds, v.methods,
        v.effective_from, v.effective_until, v.why_en, v.why_zh, v.told_en, v.told_zh, v.reason, v.proposed_by, v.approved_by,
        v.approval_id, v.merchants, v.countries
    FROM risk.rule r JOIN risk.rule_version v ON v.rule_id = r.id
    WHERE v.effective_from <= %(at)s AND v.change <= %(change)s
    ORDER BY r.name, v.version DESC
) AS n
LEFT JOIN (SELECT t.stance FROM risk.stance t WHERE t.change <= %(change)s ORDER BY t.change DESC LIMIT 1) AS s ON true
WHERE n.mode <> 'off' AND (n.effective_until IS NULL OR n.effective_until > %(at)s)
ORDER BY n.name;

-- name: versions_of
-- Versions of one rule, newest first, from below one on.
SELECT r.id, r.name, v.version, v.expression, v.action, v.points, v.mode, v.kinds, v.methods, v.effective_from, v.effective_until,
    v.why_en, v.why_zh, v.told_en, v.told_zh, v.reason, v.proposed_by, v.approved_by, v.approval_id,
    v.merchants, v.countries
FROM risk.rule r JOIN risk.rule_version v ON v.rule_id = r.id
WHERE r.id = %(rule_id)s AND v.version < %(below)s ORDER BY v.version DESC LIMIT %(most)s;

-- name: hits_lately
-- How many payments met each rule, by its mode then, on the open day, and in the last 7 and 30 days of the bank; or one rule alone.
SELECT h.rule_id, h.mode, coalesce(sum(h.hits) FILTER (WHERE h.day = b.open_date), 0)::bigint,
    coalesce(sum(h.hits) FILTER (WHERE h.day > b.open_date - 7), 0)::bigint, sum(h.hits)::bigint
FROM base.business_day_view b JOIN risk.rule_hits h ON h.day > b.open_date - 30
WHERE %(rule_id)s::uuid IS NULL OR h.rule_id = %(rule_id)s
GROUP BY h.rule_id, h.mode;

-- name: rule_named
-- Whose a name is.
SELECT id FROM risk.rule WHERE name = %(name)s;

-- name: add_rule
-- A rule; answers nothing where its id or its name is taken.
INSERT INTO risk.rule (id, name, made_at)
SELECT k, %(name)s, %(at)s FROM unnest(%(keys)s::uuid[]) AS u (k)
ON CONFLICT DO NOTHING RETURNING id;

-- name: add_version
-- The next version of a rule; answers nothing where somebody else's came first.
INSERT INTO risk.rule_version (
    rule_id, version, expression, action, points, mode, kinds, methods, effective_from, effective_until, why_en, why_zh, told_en,
    told_zh, reason, proposed_by, approved_by, approval_id, change, merchants, countries
)
SELECT k, %(version)s, %(expression)s, %(action)s, %(points)s, %(mode)s, %(kinds)s::text[], %(methods)s::text[], %(begins_at)s,
    %(until)s, %(why_en)s, %(why_zh)s, %(told_en)s, %(told_zh)s, %(reason)s, %(proposed_by)s, %(approved_by)s, %(approval_id)s,
    %(change)s, %(merchants)s::uuid[], %(countries)s::text[]
FROM unnest(%(keys)s::uuid[]) AS u (k)
ON CONFLICT (rule_id, version) DO NOTHING RETURNING rule_id;

-- name: lists
-- Every list with how many stand in it, by name.
SELECT l.name, l.unit, (
    SELECT count(*) FROM risk.rule_list_member m
    WHERE m.list_name = l.name AND m.since_at <= %(at)s AND (m.until_at IS NULL OR m.until_at > %(at)s)
), l.made_at
FROM risk.rule_list l ORDER BY l.name;

-- name: list_units
-- What the members of each list are.
SELECT name, unit FROM risk.rule_list;

-- name: members
-- Who stands in a list, a page by member.
SELECT member, since_at, until_at, approval_id FROM risk.rule_list_member
WHERE list_name = %(name)s AND since_at <= %(at)s AND (until_at IS NULL OR until_at > %(at)s) AND member > %(after)s
ORDER BY member, since_at LIMIT %(most)s;

-- name: members_in_force
-- Who stands in which of these lists, by the changes up to one.
SELECT m.list_name, m.member FROM risk.rule_list_member m
CROSS JOIN LATERAL (SELECT CASE WHEN m.taken_out > %(change)s THEN m.until_before ELSE m.until_at END) AS u (until_at)
WHERE m.list_name = ANY(%(names)s::text[]) AND m.since_at <= %(at)s AND m.put_in <= %(change)s
    AND (u.until_at IS NULL OR u.until_at > %(at)s);

-- name: newest_change
-- The number of the newest change of rules and lists that is committed.
SELECT number FROM risk.rule_change;

-- name: next_change
-- The number of this transaction's change, which holds up other changes until it commits.
UPDATE risk.rule_change SET number = number + 1 WHERE is_the_row = ANY(%(keys)s::boolean[]) RETURNING number;

-- name: claim_list
-- A list, made where it was not there, and held; what its members are.
INSERT INTO risk.rule_list (name, unit, made_at)
SELECT k, %(unit)s, %(at)s FROM unnest(%(keys)s::text[]) AS u (k)
ON CONFLICT (name) DO UPDATE SET unit = rule_list.unit RETURNING unit;

-- name: take_out
-- Ends the time of these members; how many.
UPDATE risk.rule_list_member SET until_at = greatest(since_at, %(at)s), taken_out = %(change)s, until_before = until_at
WHERE list_name = %(name)s AND member = ANY(%(members)s::text[]) AND (until_at IS NULL OR until_at > %(at)s) AND taken_out IS NULL;

-- name: put_in
-- Members from now on; whoever stands in the list already was taken out before.
INSERT INTO risk.rule_list_member (list_name, member, since_at, until_at, approval_id, put_in)
SELECT %(name)s, m, %(at)s, %(until)s, %(approval_id)s, %(change)s FROM unnest(%(members)s::text[]) AS u (m);
