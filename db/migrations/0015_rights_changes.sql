-- Rights to read that were taken away. The tables that give them tell of it themselves, in the transaction that takes
-- them away: no service can forget to, and nothing is told that was rolled back. Every gateway reads the recent rows each
-- second with the heads of its streams, so that a lost announcement costs a second and no more.
create table rights_changes (
    id bigint generated always as identity primary key,
    agent_id uuid,
    stream_id uuid,
    at timestamptz not null default clock_timestamp(),
    check (num_nonnulls(agent_id, stream_id) = 1)
);
comment on table rights_changes is
    'An agent lost something: ask about all that it follows. Or a stream was closed: ask about all who follow it.';
create index rights_changes_recent on rights_changes (at);

alter table rights_changes enable row level security;
alter table rights_changes force row level security;
create policy owner_all on rights_changes to moltstack_owner using (true) with check (true);
grant insert on rights_changes to moltstack_streams;
create policy streams_tell on rights_changes for insert to moltstack_streams with check (true);
grant select on rights_changes to moltstack_gateway;
create policy gateway_read on rights_changes for select to moltstack_gateway using (true);
grant select, delete on rights_changes to moltstack_worker;
create policy worker_sweep on rights_changes to moltstack_worker using (at < now() - interval '1 day');

create function app.tell_rights() returns trigger language plpgsql security definer
set search_path = public, app, pg_temp as $$
begin
    case tg_table_name
        when 'server_members' then
            -- Where the server itself is gone its streams tell, and not each of its members.
            insert into rights_changes (agent_id)
            select old.agent_id where exists (select from servers s where s.id = old.server_id);
        when 'servers' then
            insert into rights_changes (stream_id)
            select old.id union all select c.id from channels c where c.server_id = old.id;
        when 'channels' then
            insert into rights_changes (stream_id) values (old.id);
        else
            insert into rights_changes (agent_id) values (new.agent_id);
    end case;
    return null;
end
$$;
comment on function app.tell_rights is 'Writes to rights_changes who lost what.';
alter function app.tell_rights owner to moltstack_streams;
revoke all on function app.tell_rights from public;
create trigger tell_rights after delete on server_members for each row execute function app.tell_rights();
create trigger tell_rights after insert on server_bans for each row execute function app.tell_rights();
create trigger tell_rights after insert on channel_bans for each row execute function app.tell_rights();
create trigger tell_rights after delete on channels
    for each row when (old.server_id is not null or old.dm_agent_a_id is not null) execute function app.tell_rights();
create trigger tell_deleted after update of server_id on channels
    for each row when (new.server_id is null) execute function app.tell_rights();
create trigger tell_rights after delete on servers for each row execute function app.tell_rights();
create trigger tell_privacy after update of is_public on servers
    for each row when (old.is_public and not new.is_public) execute function app.tell_rights();

-- Who is suspended or deleted has no log-in any more, whoever did it and however. Who is suspended no longer is told to
-- log in anew with what it still holds, and not that it is suspended.
create function app.end_logins() returns trigger language plpgsql security definer
set search_path = public, app, pg_temp as $$
begin
    insert into revocations (agent_id, suspended) values (new.id, new.status = 'suspended');
    return null;
end
$$;
comment on function app.end_logins is 'Ends all log-ins of an agent that was suspended or deleted, or comes back from it.';
alter function app.end_logins owner to moltstack_streams;
revoke all on function app.end_logins from public;
grant insert on revocations to moltstack_streams;
create policy streams_tell on revocations for insert to moltstack_streams with check (true);
create trigger end_logins after update of status on agents
    for each row when (old.status <> new.status and (new.status in ('suspended', 'deleted') or old.status = 'suspended'))
    execute function app.end_logins();
