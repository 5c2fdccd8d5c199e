"""The migrations arrive at what the schema.sql files say; a newcomer may read those and believe them."""

from __future__ import annotations

import re

import psycopg

from tests.house.slices import BANK, WITH_SCHEMA
from tongbao.base.migrate import applied, migrate, migrations, present

CATALOG = """
WITH ours AS (
    SELECT oid, nspname FROM pg_namespace WHERE nspname = ANY(%(schemas)s)
), relation AS (
    SELECT c.*, o.nspname || '.' || c.relname AS name
    FROM pg_class c JOIN ours o ON o.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p', 'v', 'm', 'S')
)
SELECT 'schema ' || nspname FROM ours
UNION ALL
SELECT concat_ws(' ', 'relation', name, 'kind', relkind, 'persistence', relpersistence,
                 'with', (SELECT string_agg(option, ',' ORDER BY option) FROM unnest(reloptions) AS option),
                 CASE WHEN relkind = 'p' THEN 'partition by ' || pg_get_partkeydef(oid) END,
                 CASE WHEN relispartition THEN
                     'of ' || (SELECT inhparent::regclass FROM pg_inherits WHERE inhrelid = relation.oid)
                     || ' ' || pg_get_expr(relpartbound, oid) END)
FROM relation
UNION ALL
SELECT concat_ws(' ', 'column', r.name || '.' || a.attname, format_type(a.atttypid, a.atttypmod),
                 CASE WHEN a.attnotnull THEN 'not null' END,
                 CASE WHEN d.oid IS NOT NULL THEN 'default ' || pg_get_expr(d.adbin, d.adrelid) END,
                 'identity', a.attidentity, 'generated', a.attgenerated, 'storage', a.attstorage,
                 CASE WHEN a.attcollation <> 0 THEN 'collation ' || a.attcollation::regcollation END)
FROM relation r
JOIN pg_attribute a ON a.attrelid = r.oid AND a.attnum > 0 AND NOT a.attisdropped
LEFT JOIN pg_attrdef d ON d.adrelid = r.oid AND d.adnum = a.attnum
WHERE r.relkind <> 'S'
UNION ALL
SELECT concat_ws(' ', 'constraint', coalesce(r.name, x.contypid::regtype::text), x.conname,
                 pg_get_constraintdef(x.oid), CASE WHEN NOT x.convalidated THEN 'not validated' END)
FROM pg_constraint x JOIN ours o ON o.oid = x.connamespace
LEFT JOIN relation r ON r.oid = x.conrelid
WHERE x.contype <> 'n'
UNION ALL
SELECT 'index ' || pg_get_indexdef(i.indexrelid) || ' ' || coalesce(array_to_string(c.reloptions, ','), '')
FROM pg_index i JOIN relation r ON r.oid = i.indrelid JOIN pg_class c ON c.oid = i.indexrelid
UNION ALL
SELECT 'view ' || name || ' ' || pg_get_viewdef(oid) FROM relation WHERE relkind IN ('v', 'm')
UNION ALL
SELECT 'routine ' || pg_get_functiondef(p.oid) || CASE WHEN EXISTS (
    SELECT 1 FROM aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a WHERE a.grantee = 0
) THEN ' for everybody' ELSE '' END
FROM pg_proc p JOIN ours o ON o.oid = p.pronamespace WHERE p.prokind IN ('f', 'p')
UNION ALL
SELECT 'trigger ' || pg_get_triggerdef(t.oid) FROM pg_trigger t JOIN relation r ON r.oid = t.tgrelid
WHERE NOT t.tgisinternal
UNION ALL
SELECT concat_ws(' ', 'type', o.nspname || '.' || t.typname, t.typtype, format_type(t.typbasetype, t.typtypmod),
                 (SELECT string_agg(e.enumlabel, ',' ORDER BY e.enumsortorder) FROM pg_enum e WHERE e.enumtypid = t.oid))
FROM pg_type t JOIN ours o ON o.oid = t.typnamespace WHERE t.typtype IN ('e', 'd', 'r')
UNION ALL
SELECT concat_ws(' ', 'sequence', r.name, s.seqtypid::regtype, s.seqstart, s.seqincrement, s.seqmin, s.seqmax, s.seqcycle)
FROM pg_sequence s JOIN relation r ON r.oid = s.seqrelid
"""


def test_versions_are_unique_stamps() -> None:
    names = [path.name for path in migrations().glob("*.sql")]
    assert names, "there is no migration"
    wrong = [name for name in names if not re.fullmatch(r"20\d{12}_[a-z][a-z0-9_]*\.sql", name)]
    assert not wrong
    assert len({name.split("_")[0] for name in names}) == len(names)


def test_migrations_go_forward_only() -> None:
    for path in migrations().glob("*.sql"):
        up, mark, down = path.read_text(encoding="utf-8").partition("-- migrate:down")
        assert up.startswith("-- migrate:up"), f"{path.name} starts with -- migrate:up"
        assert mark, f"{path.name} ends with an empty -- migrate:down"
        assert not down.strip(), f"{path.name} ends with an empty -- migrate:down"


def test_applied_is_present(fresh_database: str) -> None:
    assert applied(fresh_database) == present()
    assert migrate(fresh_database) == [], "a second run changes nothing"


def test_migrations_arrive_at_the_schema(fresh_database: str, empty_database: str) -> None:
    with psycopg.connect(empty_database, autocommit=True) as connection:
        for slice_ in WITH_SCHEMA:
            connection.execute((BANK / slice_ / "schema.sql").read_bytes())
    migrated, written = _catalog(fresh_database), _catalog(empty_database)
    assert sorted(migrated - written) == [], "only in the migrations"
    assert sorted(written - migrated) == [], "only in schema.sql"


def _catalog(url: str) -> set[str]:
    with psycopg.connect(url, options="-c search_path=") as connection:
        return {line for (line,) in connection.execute(CATALOG, {"schemas": WITH_SCHEMA}).fetchall()}
