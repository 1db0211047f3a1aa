# ruff: noqa: S608 - statements put together from constants
"""Rules for every object in the database, as statements that give the names of what breaks them.

`servers` are the roles that processes log in as; `strong` those beside which no policy counts.
"""

from typing import Final

_ROLES: Final = """
with servers as (
    select oid, rolname from pg_roles where rolcanlogin and not rolsuper and rolname !~ '^pg_'
), strong as (
    select oid from pg_roles where rolsuper or rolbypassrls
), ours as (
    select oid, nspname from pg_namespace where nspname in ('public', 'app')
), tables as (
    -- schema_migrations alone has no policies: it holds numbers and checksums of files.
    select c.* from pg_class c join ours n on n.oid = c.relnamespace
    where c.relkind in ('r', 'p') and c.relname <> 'schema_migrations'
), definers as (
    select p.* from pg_proc p join ours n on n.oid = p.pronamespace where p.prosecdef
)
"""
UNGUARDED_TABLES: Final = (
    _ROLES
    + """
select relname::text from tables t
where not (relrowsecurity and relforcerowsecurity and exists (select from pg_policy where polrelid = t.oid))
"""
)
# Row security of a view is that of its owner, unless it says otherwise; a materialised one or a foreign table has none.
UNGUARDED_VIEWS: Final = (
    _ROLES
    + """
select c.relname::text from pg_class c join ours n on n.oid = c.relnamespace
where c.relkind in ('m', 'f')
   or c.relkind = 'v' and not coalesce(c.reloptions, '{}') && '{security_invoker=true,security_invoker=on}'
"""
)
OBJECTS_WITH_A_WRONG_OWNER: Final = (
    _ROLES
    + """
, owned as (
    select c.relname::text as name, c.relowner as owner from pg_class c join ours n on n.oid = c.relnamespace
    union all
    select p.proname::text, p.proowner from pg_proc p join ours n on n.oid = p.pronamespace
    union all
    select t.typname::text, t.typowner from pg_type t join ours n on n.oid = t.typnamespace
    union all
    select nspname::text, nspowner from pg_namespace where nspname = 'app'
)
select name from owned where owner in (select oid from strong union select oid from servers)
"""
)
ROLES_WITH_TOO_MUCH: Final = (
    _ROLES
    + """
select rolname::text from pg_roles
where (rolcanlogin or rolname ~ '^moltstack_') and rolname <> current_user
  and (rolsuper or rolbypassrls or rolcreaterole or rolcreatedb or rolreplication)
union all
-- A membership could be switched to with SET ROLE, and switched back.
select s.rolname from servers s join pg_auth_members m on m.member = s.oid
union all
select s.rolname || ' owns something' from servers s
join pg_shdepend d on d.refclassid = 'pg_authid'::regclass and d.refobjid = s.oid and d.deptype = 'o'
"""
)
LOGIN_ROLES: Final = _ROLES + "select rolname::text from servers"
UNSAFE_DEFINERS: Final = (
    _ROLES
    + """
select proname::text from definers
where proowner in (select oid from strong)
   or not exists (select from unnest(proconfig) setting where setting ~ '^search_path=.*, *pg_temp$')
   or has_function_privilege('public', oid, 'execute')
"""
)
PARTITIONS_WITH_GRANTS: Final = (
    _ROLES
    + """
select relname::text from tables t
where relispartition and exists (select from aclexplode(relacl) a where a.grantee <> t.relowner)
"""
)
WHO_MAY_EXECUTE: Final = (
    _ROLES
    + """
select s.rolname::text from servers s where has_function_privilege(s.oid, $1::text, 'execute')
"""
)
WHO_MAY_WRITE: Final = (
    _ROLES
    + """
select s.rolname || ' ' || kind from servers s, unnest(array['insert', 'update', 'delete', 'truncate']) kind
where has_table_privilege(s.oid, $1::text, kind)
   or kind in ('insert', 'update') and has_any_column_privilege(s.oid, $1::text, kind)
"""
)
RIGHTS_OF_EVERYBODY: Final = (
    _ROLES
    + """
select 'create in ' || nspname from ours where has_schema_privilege('public', oid, 'create')
union all
select 'usage of ' || nspname from ours where has_schema_privilege('public', oid, 'usage')
union all
select kind || ' in the database' from unnest(array['connect', 'temp', 'create']) kind
where has_database_privilege('public', current_database(), kind)
union all
select relname::text from pg_class c join ours n on n.oid = c.relnamespace
where exists (select from aclexplode(relacl) a where a.grantee = 0)
"""
)
# An index on part of the rows does not help when the row that is pointed at is deleted.
FOREIGN_KEYS_WITHOUT_INDEX: Final = (
    _ROLES
    + """
select k.conname::text from pg_constraint k join tables t on t.oid = k.conrelid
where k.contype = 'f' and not exists (
    select from pg_index i where i.indrelid = k.conrelid and i.indpred is null and i.indisvalid
    and (i.indkey::int2[])[0:cardinality(k.conkey) - 1] @> k.conkey
    and (i.indkey::int2[])[0:cardinality(k.conkey) - 1] <@ k.conkey)
"""
)
OBJECTS_WITHOUT_COMMENT: Final = (
    _ROLES
    + """
select relname::text from tables t where not relispartition and obj_description(oid, 'pg_class') is null
union all
-- Functions that a server calls, or that act with rights of their own; a helper inside another needs no comment.
select proname::text from definers d
where obj_description(oid, 'pg_proc') is null
  and (prorettype = 'trigger'::regtype
       or exists (select from servers s where has_function_privilege(s.oid, d.oid, 'execute')))
"""
)
COLUMNS: Final = (
    _ROLES
    + """
select t.relname::text as table, a.attname::text as column, format_type(a.atttypid, a.atttypmod) as type,
       a.attnotnull as required, coalesce(pg_get_expr(d.adbin, d.adrelid), '') as default
from tables t join pg_attribute a on a.attrelid = t.oid and a.attnum > 0 and not a.attisdropped
left join pg_attrdef d on d.adrelid = t.oid and d.adnum = a.attnum
"""
)
FOREIGN_KEYS: Final = (
    _ROLES
    + """
select t.relname || '.' || a.attname as key, k.confrelid::regclass::text as target,
       case k.confdeltype when 'c' then 'cascade' when 'r' then 'restrict' when 'n' then 'set null'
                          when 'd' then 'set default' else 'no action' end as on_delete
from pg_constraint k join tables t on t.oid = k.conrelid
join pg_attribute a on a.attrelid = k.conrelid and a.attnum = any (k.conkey)
where k.contype = 'f'
"""
)
UNIQUE_COLUMNS: Final = (
    _ROLES
    + """
select t.relname || ' (' || string_agg(a.attname, ', ' order by array_position(k.conkey, a.attnum)) || ')'
from pg_constraint k join tables t on t.oid = k.conrelid
join pg_attribute a on a.attrelid = k.conrelid and a.attnum = any (k.conkey)
where k.contype in ('p', 'u') and not t.relispartition group by k.oid, t.relname
"""
)
