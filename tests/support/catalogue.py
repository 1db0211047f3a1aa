"""What a database says of itself, as far as it decides who may do what."""

import re

import asyncpg

_QUERIES = (
    """select tablename, policyname, permissive, roles::text, cmd, qual, with_check
       from pg_policies where schemaname = 'public'""",
    """select c.relname, pg_get_userbyid(c.relowner), c.relrowsecurity, c.relforcerowsecurity
       from pg_class c where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p', 'S')""",
    # What an owner may do with its own is not asked: newer servers have a privilege more.
    """select c.relname, a.grantee::regrole::text, a.privilege_type
       from pg_class c, aclexplode(c.relacl) a
       where c.relnamespace = 'public'::regnamespace and a.grantee <> c.relowner""",
    """select c.relname, t.attname, a.grantee::regrole::text, a.privilege_type
       from pg_class c join pg_attribute t on t.attrelid = c.oid, aclexplode(t.attacl) a
       where c.relnamespace = 'public'::regnamespace""",
    """select p.oid::regprocedure::text, pg_get_userbyid(p.proowner), p.prosecdef, p.proconfig::text,
              (select string_agg(a.grantee::regrole::text, ',' order by a.grantee::regrole::text)
               from aclexplode(p.proacl) a)
       from pg_proc p where p.pronamespace = 'app'::regnamespace""",
    """select n.nspname, a.grantee::regrole::text, a.privilege_type
       from pg_namespace n, aclexplode(n.nspacl) a where n.nspname in ('public', 'app')""",
)


# A condition that was written down and read in again has its casts and brackets in other places.
_FORM = re.compile(r"::(character varying|text)(\[\])?|[()\s]")


async def rights(url: str) -> set[tuple[object, ...]]:
    """Policies, owners, and every grant on tables, columns, functions and schemas."""
    connection = await asyncpg.connect(url)
    try:
        return {
            (number, *(_FORM.sub("", value) if isinstance(value, str) else value for value in row))
            for number, query in enumerate(_QUERIES)
            for row in await connection.fetch(query)
        }
    finally:
        await connection.close()
