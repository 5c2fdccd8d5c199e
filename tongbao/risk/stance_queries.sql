-- name: newest_stance
-- The stance in force, up to a change; nothing where it was never changed.
SELECT change, id, stance, since_at, indicator, value, reason, set_by, approval_id, calm_since
FROM risk.stance WHERE change <= %(change)s ORDER BY change DESC LIMIT 1;

-- name: stances
-- How the stance changed, newest first.
SELECT change, id, stance, since_at, indicator, value, reason, set_by, approval_id, calm_since
FROM risk.stance ORDER BY change DESC LIMIT %(most)s;

-- name: stance_with_id
-- A change of the stance by its id.
SELECT change, id, stance, since_at, indicator, value, reason, set_by, approval_id, calm_since FROM risk.stance WHERE id = %(id)s;

-- name: add_stance
-- The stance from a change on; answers nothing where it was set under this id.
INSERT INTO risk.stance (change, id, stance, since_at, indicator, value, reason, set_by, proposed_by, approval_id)
SELECT %(change)s, k, %(stance)s, %(at)s, %(indicator)s, %(value)s, %(reason)s, %(set_by)s, %(proposed_by)s, %(approval_id)s
FROM unnest(%(keys)s::uuid []) AS u (k)
ON CONFLICT (id) DO NOTHING RETURNING change;

-- name: look_at_stance
-- That indicators were looked at under this stance: since when they have been calm, looked at without a gap; nothing where they are not.
UPDATE risk.stance SET looked_at = %(at)s, calm_since = CASE
    WHEN NOT %(calm)s THEN NULL
    WHEN calm_since IS NULL OR looked_at < %(gap_before)s THEN %(at)s
    ELSE calm_since
END
WHERE change = ANY(%(keys)s::int []) RETURNING calm_since;

-- name: beyond_now
-- Indicators that were beyond a limit when they were looked at since a moment, by colour: as each was last.
SELECT n.state, count(*) FROM (
    SELECT DISTINCT ON (b.indicator) b.state FROM risk.indicator_breach b
    WHERE b.told_at >= %(told_since)s AND b.last_at >= %(since)s
    ORDER BY b.indicator, b.last_at DESC, b.told_at DESC
) AS n GROUP BY n.state;

-- name: raised_rules
-- Rules whose newest version acts only while the stance is tightened, by name.
SELECT n.id, n.name, n.action, n.expression FROM (
    SELECT DISTINCT ON (r.name) r.id, r.name, v.action, v.expression, v.mode
    FROM risk.rule r JOIN risk.rule_version v ON v.rule_id = r.id ORDER BY r.name, v.version DESC
) AS n WHERE n.mode = 'raised' ORDER BY n.name LIMIT %(most)s;
