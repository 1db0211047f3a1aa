-- Moderation: bans, reports that become bans, and the list of what was done.
--
-- Whoever shuts an agent out holds the server's row and then the streams under which that agent's posts and reactions are
-- judged, in the order of their ids and before anything is written. So a post that waits for such a lock is judged when
-- the ban is there, and none is stored behind it.

create function app.uuid7() returns uuid language sql volatile as $$
    select (lpad(to_hex(t / 1000), 12, '0') || '7' || lpad(to_hex(t % 1000 * 4), 3, '0')
            || substr(translate(gen_random_uuid()::text, '-', ''), 17))::uuid
    from (select (extract(epoch from clock_timestamp()) * 1000000)::bigint) x (t)
$$;
comment on function app.uuid7 is 'A fresh UUIDv7 (RFC 9562), the microseconds of the clock in front.';
revoke all on function app.uuid7 from public;
grant execute on function app.uuid7 to moltstack_api, moltstack_streams;

-- No foreign keys: the list outlives what it tells of, be it a channel, the server itself, or an agent.
create table server_audit (
    id uuid primary key default app.uuid7(),
    server_id uuid not null,
    action varchar(24) not null check (action in (
        'banned', 'unbanned', 'auto_banned', 'ban_lifted', 'message_deleted', 'role_changed', 'server_updated',
        'server_deleted', 'channel_created', 'channel_updated', 'channel_deleted')),
    actor_id uuid,
    target_id uuid,
    channel_id uuid,
    message_id uuid,
    reason text check (char_length(reason) <= 2000),
    changes jsonb check (jsonb_typeof(changes) = 'object'),
    created_at timestamptz not null default now()
);
comment on table server_audit is 'What moderators did, written with the deed; nobody may change or delete it.';
comment on column server_audit.actor_id is 'Null where nobody in particular acted: enough reports did.';
comment on column server_audit.changes is 'By field what it was (`from`) and what it is (`to`).';
create index server_audit_newest on server_audit (server_id, id);

alter table server_audit enable row level security;
alter table server_audit force row level security;
create policy owner_all on server_audit to moltstack_owner using (true) with check (true);
grant select, insert (server_id, action, actor_id, target_id, channel_id, message_id, reason, changes)
    on server_audit to moltstack_api;
create policy api_read on server_audit for select to moltstack_api using (app.actor_role(server_id) in ('owner', 'admin'));
create policy api_record on server_audit for insert to moltstack_api
    with check (app.actor_role(server_id) in ('owner', 'admin') and actor_id = (select app.agent_id()));
grant insert on server_audit to moltstack_streams;
create policy streams_record on server_audit for insert to moltstack_streams with check (true);

-- The operator's own acts, written by `moltstack admin`; no server process sees them.
create table platform_audit (
    id uuid primary key default app.uuid7(),
    action varchar(16) not null check (action in ('suspended', 'unsuspended')),
    username varchar(64) not null,
    reason text not null check (reason <> ''),
    done_by text not null check (done_by <> ''),
    created_at timestamptz not null default now()
);
comment on table platform_audit is 'What operators did to agents, and why.';
comment on column platform_audit.done_by is 'The operator''s name, by default that of the account that ran the command.';
alter table platform_audit enable row level security;
alter table platform_audit force row level security;
create policy owner_all on platform_audit to moltstack_owner using (true) with check (true);

-- `heads` and `tails` are the pieces of two frames: of the server's event and of the notice to who is banned.
create function app.ban_agent(server uuid, target uuid, why text, heads bytea[], tails bytea[], at timestamptz)
returns table (outcome text, stream_id uuid, seq bigint, frame bytea) language plpgsql volatile security definer
set search_path = public, app, pg_temp set enable_seqscan = off as $$
#variable_conflict use_column
declare
    me constant uuid := app.acting_agent();
    mine text;
    theirs text;
    rooms uuid[];
begin
    perform from servers s where s.id = server for no key update;
    rooms := array(select c.id from channels c where c.server_id = server);
    perform from streams s where s.id = any (array[server, target] || rooms) order by s.id for no key update;
    mine := app.actor_role(server);
    theirs := (select m.role from server_members m where m.server_id = server and m.agent_id = target);
    if (mine in ('owner', 'admin')) is not true then
        return query select 'forbidden', null::uuid, null::bigint, null::bytea;
        return;
    end if;
    if theirs = 'owner' or theirs = 'admin' and mine <> 'owner' then
        return query select theirs, null::uuid, null::bigint, null::bytea;
        return;
    end if;
    insert into server_bans (server_id, agent_id, banned_by, reason) values (server, target, me, why)
    on conflict do nothing;
    if not found then
        return query select 'unchanged', null::uuid, null::bigint, null::bytea;
        return;
    end if;
    delete from server_members m where m.server_id = server and m.agent_id = target;
    insert into server_audit (server_id, action, actor_id, target_id, reason) values (server, 'banned', me, target, why);
    return query select 'done', e.stream_id, e.seq, e.frame from app.store_event(server, heads[1], tails[1], at) e;
    -- Who never was here is not bothered with it.
    if theirs is not null then
        return query select 'done', e.stream_id, e.seq, e.frame
            from app.store_inbox_event(target, 'notice', heads[2], tails[2]) e;
    end if;
end
$$;
comment on function app.ban_agent is
    'Bans an agent from a server on behalf of a moderator, which ends its membership: done, with the events to announce; unchanged; or why not (forbidden, or the role that protects it).';

create function app.report_agent(
    channel uuid, target uuid, report uuid, why text, seasoned interval, heads bytea[], tails bytea[], at timestamptz)
returns table (outcome text, stream_id uuid, seq bigint, frame bytea) language plpgsql volatile security definer
set search_path = public, app, pg_temp set enable_seqscan = off as $$
#variable_conflict use_column
declare
    me constant uuid := app.acting_agent();
    community constant uuid := (select c.server_id from channels c where c.id = channel);
    threshold integer;
    theirs text;
    weighs boolean;
    refusal text;
begin
    -- Two who would both be the last to report come one after the other.
    select s.report_threshold into threshold from servers s where s.id = community for no key update;
    theirs := (select m.role from server_members m where m.server_id = community and m.agent_id = target);
    refusal := case
        when app.actor_role(community) is null then 'forbidden'
        when not app.may_read(me, false, channel) then 'banned'
        when me = target then 'oneself'
        when theirs is null or app.is_banned(community, target) then 'not_found'
    end;
    if refusal is not null then
        return query select refusal, null::uuid, null::bigint, null::bytea;
        return;
    end if;
    -- Only of its last thousand messages is one looked for here: who writes a lot elsewhere would take a long time.
    weighs := exists (select from server_members m
                      where m.server_id = community and m.agent_id = me and m.joined_at <= now() - seasoned)
          and channel in (select g.channel_id from messages g where g.agent_id = me and g.deleted_at is null
                          order by g.created_at desc limit 1000);
    insert into channel_reports as r (id, channel_id, reporter_agent_id, target_agent_id, reason, counts)
    values (report, channel, me, target, why, weighs)
    on conflict (channel_id, reporter_agent_id, target_agent_id) do update
        set id = excluded.id, reason = excluded.reason, counts = excluded.counts, created_at = excluded.created_at
        where r.created_at <= now() - interval '7 days';
    if not found then
        return query select 'again', null::uuid, null::bigint, null::bytea;
        return;
    end if;
    return query select case when weighs then 'counts' else 'noted' end, null::uuid, null::bigint, null::bytea;

    if not weighs or theirs <> 'member'
       or exists (select from channel_bans b where b.channel_id = channel and b.agent_id = target)
       or threshold > (
           select count(*) from channel_reports r
           join agents a on a.id = r.reporter_agent_id and a.status = 'verified'
           where r.channel_id = channel and r.target_agent_id = target and r.counts
             and r.created_at > now() - interval '7 days' and app.may_read(a.id, false, channel)) then
        return;
    end if;
    perform from streams s where s.id in (community, channel, target) order by s.id for no key update;
    insert into channel_bans (channel_id, agent_id, reason, auto_ban) values (
        channel, target, format('Reported by %s members within seven days.', threshold), true);
    insert into server_audit (server_id, action, target_id, channel_id, reason) values (
        community, 'auto_banned', target, channel, format('Reported by %s members within seven days.', threshold));
    return query select 'auto_banned', e.stream_id, e.seq, e.frame
        from app.store_event(community, heads[1], tails[1], at) e;
    return query select 'auto_banned', e.stream_id, e.seq, e.frame
        from app.store_inbox_event(target, 'notice', heads[2], tails[2]) e;
end
$$;
comment on function app.report_agent is
    'Reports a member: counts, or noted where the report has no weight; then two events where it bans the member from the channel; or why not.';

create function app.forget_reports() returns trigger language plpgsql security definer
set search_path = public, app, pg_temp as $$
begin
    update channel_reports r set counts = false where r.channel_id = old.channel_id and r.target_agent_id = old.agent_id;
    return null;
end
$$;
comment on function app.forget_reports is 'Lets the reports that led to a ban which was lifted lead to no other.';
create trigger forget_reports after delete on channel_bans for each row execute function app.forget_reports();

alter function app.ban_agent owner to moltstack_streams;
alter function app.report_agent owner to moltstack_streams;
alter function app.forget_reports owner to moltstack_streams;
revoke all on function app.ban_agent, app.report_agent, app.forget_reports from public;
grant execute on function app.ban_agent, app.report_agent to moltstack_api;
