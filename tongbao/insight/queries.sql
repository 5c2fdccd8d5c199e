-- insight: steps of visits, and the counts that they become.

-- name: add_steps
-- Steps of visits; one that is there already adds nothing.
INSERT INTO insight.step (id, visit, at, method, place, code, home)
SELECT * FROM unnest(%(ids)s::uuid[], %(visits)s::bytea[], %(ats)s::timestamptz[], %(methods)s::text[], %(places)s::text[],
    %(codes)s::text[], %(homes)s::text[])
ON CONFLICT (id) DO NOTHING;

-- name: take_over_visits
-- Takes the steps of visits that are over: nothing for a while, or begun long ago. Whoever comes second takes none of them.
WITH over AS (
    SELECT visit FROM insight.step GROUP BY visit
    HAVING max(at) < %(quiet_since)s OR min(at) < %(begun_before)s ORDER BY min(at) LIMIT %(most)s
)
DELETE FROM insight.step s USING over o WHERE s.visit = o.visit
RETURNING s.id, s.visit, s.at, s.method, s.place, s.code, s.home;

-- name: count_tasks
-- Adds to how far visits came.
INSERT INTO insight.task_day (day, task, step, home, within_s, visits)
SELECT * FROM unnest(%(days)s::date[], %(tasks)s::text[], %(steps)s::smallint[], %(homes)s::text[], %(within)s::integer[], %(visits)s::bigint[])
ON CONFLICT (day, task, step, home, within_s) DO UPDATE SET visits = task_day.visits + excluded.visits;

-- name: count_losses
-- Adds to where visits went instead.
INSERT INTO insight.loss_day (day, task, step, there, visits)
SELECT * FROM unnest(%(days)s::date[], %(tasks)s::text[], %(steps)s::smallint[], %(theres)s::text[], %(visits)s::bigint[])
ON CONFLICT (day, task, step, there) DO UPDATE SET visits = loss_day.visits + excluded.visits;

-- name: count_paths
-- Adds to how often one page led to another.
INSERT INTO insight.path_day (day, here, there, times)
SELECT * FROM unnest(%(days)s::date[], %(heres)s::text[], %(theres)s::text[], %(times)s::bigint[])
ON CONFLICT (day, here, there) DO UPDATE SET times = path_day.times + excluded.times;

-- name: count_refused
-- Adds to what pages refused.
INSERT INTO insight.refused_day (day, place, method, code, visits)
SELECT * FROM unnest(%(days)s::date[], %(places)s::text[], %(methods)s::text[], %(codes)s::text[], %(visits)s::bigint[])
ON CONFLICT (day, place, method, code) DO UPDATE SET visits = refused_day.visits + excluded.visits;

-- name: reached
-- For each step of each task since a day: how many visits reached it, and within how many seconds half of them did.
WITH spread AS (
    SELECT task, step, within_s, sum(visits)::bigint AS visits FROM insight.task_day
    WHERE day >= %(since)s AND (%(home)s::text IS NULL OR home = %(home)s::text) GROUP BY task, step, within_s
), running AS (
    SELECT task, step, within_s, sum(visits) OVER of_step AS until, sum(visits) OVER (PARTITION BY task, step) AS visits
    FROM spread WINDOW of_step AS (PARTITION BY task, step ORDER BY within_s)
)
SELECT task, step, max(visits)::bigint, (min(within_s) FILTER (WHERE until * 2 >= visits))::integer
FROM running GROUP BY task, step ORDER BY task, step;

-- name: lost
-- Where visits went that did not come to the end of a task, most of them first.
SELECT step, there, sum(visits)::bigint FROM insight.loss_day
WHERE day >= %(since)s AND task = %(task)s GROUP BY step, there ORDER BY 3 DESC, step, there LIMIT %(most)s;

-- name: paths
-- Ways from a page to the next, most used first, with their share of all ways from there; of one page alone where it is named.
SELECT here, there, times, (100 * times / sum(times) OVER (PARTITION BY here))::integer
FROM (
    SELECT here, there, sum(times)::bigint AS times FROM insight.path_day WHERE day >= %(since)s GROUP BY here, there
) p
ORDER BY times DESC, here, there LIMIT %(most)s;

-- name: paths_at
-- As `paths`, of those that come to a page or leave it.
SELECT here, there, times, share FROM (
    SELECT here, there, times, (100 * times / sum(times) OVER (PARTITION BY here))::integer AS share
    FROM (
        SELECT here, there, sum(times)::bigint AS times FROM insight.path_day WHERE day >= %(since)s GROUP BY here, there
    ) each
) p
WHERE here = %(place)s OR there = %(place)s ORDER BY times DESC, here, there LIMIT %(most)s;

-- name: refused
-- What pages refused, most visits first.
SELECT place, method, code, sum(visits)::bigint FROM insight.refused_day
WHERE day >= %(since)s GROUP BY place, method, code ORDER BY 4 DESC, place, method, code LIMIT %(most)s;

-- name: use
-- How many visits there were since a day, the pages in all of them, and how many are not over yet.
SELECT coalesce(sum(times) FILTER (WHERE here = ''), 0)::bigint, coalesce(sum(times) FILTER (WHERE there <> ''), 0)::bigint,
    (SELECT count(DISTINCT visit) FROM insight.step)
FROM insight.path_day WHERE day >= %(since)s;

-- name: forget_tasks
-- Days that are no longer kept.
DELETE FROM insight.task_day WHERE day < %(before)s;

-- name: forget_losses
-- Days that are no longer kept.
DELETE FROM insight.loss_day WHERE day < %(before)s;

-- name: forget_paths
-- Days that are no longer kept.
DELETE FROM insight.path_day WHERE day < %(before)s;

-- name: forget_refused
-- Days that are no longer kept.
DELETE FROM insight.refused_day WHERE day < %(before)s;
