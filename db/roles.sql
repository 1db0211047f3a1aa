-- The roles of the server processes and of what runs inside the database. None owns a table but moltstack_owner, none
-- bypasses row level security. Passwords are set apart from this, see db/roles.py.
--
-- Who runs this is a superuser, or a role with CREATEROLE that owns the database. The latter may administer the roles
-- that it made, but neither act as them nor hold their rights until it grants itself both (PostgreSQL 16). What is
-- there already is not granted again, since only who made the roles could.
do $$
declare
    name text;
begin
    foreach name in array array['moltstack_owner', 'moltstack_streams'] loop
        if not exists (select from pg_roles where rolname = name) then
            execute format('create role %I nologin', name);
        end if;
    end loop;
    foreach name in array array['moltstack_api', 'moltstack_gateway', 'moltstack_worker'] loop
        if not exists (select from pg_roles where rolname = name) then
            execute format('create role %I login', name);
        end if;
    end loop;
    execute format('revoke all on database %I from public', current_database());
    execute format('grant connect on database %I to moltstack_api, moltstack_gateway, moltstack_worker',
                   current_database());
    if not (pg_has_role('moltstack_owner', 'set') and pg_has_role('moltstack_owner', 'usage')) then
        execute format('grant moltstack_owner to %I with inherit true, set true', current_user);
    end if;
    if not pg_has_role('moltstack_owner', 'moltstack_streams', 'set') then
        grant moltstack_streams to moltstack_owner with inherit true, set true;
    end if;
end
$$;
revoke all on schema public from public;
grant usage, create on schema public to moltstack_owner;
grant usage on schema public to moltstack_api, moltstack_gateway, moltstack_worker, moltstack_streams;
create schema if not exists app authorization moltstack_owner;
grant create on schema app to moltstack_streams;
