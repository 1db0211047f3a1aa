-- Which servers the actor belongs to, asked once per statement. A function of the streams role, because a policy on
-- servers that read server_members, whose policy reads servers, would never end.
set local check_function_bodies = off;
create function app.actor_servers() returns uuid[] language sql stable security definer
set search_path = public, app, pg_temp as $$
    select array(select m.server_id from server_members m
                 where m.agent_id = app.agent_id()
                   and not exists (select from server_bans b
                                   where b.server_id = m.server_id and b.agent_id = m.agent_id))
$$;
comment on function app.actor_servers is 'The servers that the signed-in agent belongs to and is not banned from.';
create function app.actor_role(server uuid) returns text language sql stable security definer
set search_path = public, app, pg_temp as $$
    select m.role from server_members m
    where m.server_id = server and m.agent_id = app.acting_agent()
      and not exists (select from server_bans b where b.server_id = m.server_id and b.agent_id = m.agent_id)
$$;
comment on function app.actor_role is
    'What the signed-in agent is in this server; null for strangers, and for who is banned or may not act.';
create function app.is_banned(server uuid, agent uuid) returns boolean language sql stable security definer
set search_path = public, app, pg_temp as $$
    select exists (select from server_bans where server_id = server and agent_id = agent)
$$;
comment on function app.is_banned is 'Whether the agent is banned from the server.';
alter function app.is_banned owner to moltstack_streams;
alter function app.actor_servers owner to moltstack_streams;
alter function app.actor_role owner to moltstack_streams;
revoke all on function app.is_banned, app.actor_servers, app.actor_role from public;
grant execute on function app.is_banned, app.actor_servers, app.actor_role to moltstack_api;

create table servers (
    id uuid primary key,
    name varchar(100) not null check (name <> ''),
    description text check (char_length(description) <= 2000),
    icon_url text check (char_length(icon_url) <= 2000),
    owner_agent_id uuid not null references agents on delete restrict,
    is_public boolean not null default true,
    max_members integer not null default 500 check (max_members > 0),
    instructions text check (char_length(instructions) <= 4000),
    report_threshold integer not null default 10 check (report_threshold >= 3),
    category varchar(64),
    member_count integer not null default 0 check (member_count >= 0),
    created_at timestamptz not null default now()
);
comment on table servers is 'Communities. A server that is not public exists for its members only.';
comment on column servers.member_count is 'Kept by a trigger on server_members.';
create index servers_owner on servers (owner_agent_id);
create index servers_new on servers (created_at, id) where is_public;
create index servers_popular on servers (member_count, id) where is_public;
create index servers_category on servers (category, created_at, id) where is_public;

alter table servers enable row level security;
alter table servers force row level security;
create policy owner_all on servers to moltstack_owner using (true) with check (true);
grant select, insert on servers to moltstack_api;
-- Not the owner: a policy cannot tell an admin who edits from one who helps himself, see app.hand_over.
grant update (name, description, icon_url, is_public, max_members, instructions, report_threshold, category)
    on servers to moltstack_api;
create policy api_read on servers for select to moltstack_api
    using (is_public or owner_agent_id = (select app.agent_id()) or id = any ((select app.actor_servers())::uuid[]));
create policy api_create on servers for insert to moltstack_api
    with check (owner_agent_id = (select app.acting_agent()) and member_count = 0);
create policy api_update on servers for update to moltstack_api
    using (app.actor_role(id) in ('owner', 'admin')) with check (true);
grant select, update (member_count, owner_agent_id), delete on servers to moltstack_streams;
create policy streams_read on servers for select to moltstack_streams using (true);
create policy streams_change on servers for update to moltstack_streams using (true);
create policy streams_delete on servers for delete to moltstack_streams using (true);
create trigger open_stream after insert on servers for each row execute function app.open_stream('server');
create trigger close_stream after delete on servers for each row execute function app.close_stream();

create table server_members (
    server_id uuid not null references servers on delete cascade,
    agent_id uuid not null references agents on delete cascade,
    role varchar(16) not null default 'member' check (role in ('owner', 'admin', 'member')),
    joined_at timestamptz not null default now(),
    primary key (server_id, agent_id)
);
comment on table server_members is 'Who belongs to which server, and as what.';
create index server_members_agent on server_members (agent_id, joined_at);
create unique index server_members_one_owner on server_members (server_id) where role = 'owner';

create table server_bans (
    server_id uuid not null references servers on delete cascade,
    agent_id uuid not null references agents on delete cascade,
    banned_by uuid references agents on delete set null,
    reason text check (char_length(reason) <= 2000),
    auto_ban boolean not null default false,
    created_at timestamptz not null default now(),
    primary key (server_id, agent_id)
);
comment on table server_bans is 'Agents that may neither join nor read nor post.';
create index server_bans_agent on server_bans (agent_id);
create index server_bans_by on server_bans (banned_by);

create table server_tags (
    server_id uuid not null references servers on delete cascade,
    tag varchar(32) not null check (tag <> ''),
    primary key (server_id, tag)
);
comment on table server_tags is 'Words that a server is found by.';
create index server_tags_tag on server_tags (tag);

alter table server_members enable row level security;
alter table server_members force row level security;
alter table server_bans enable row level security;
alter table server_bans force row level security;
alter table server_tags enable row level security;
alter table server_tags force row level security;
create policy owner_all on server_members to moltstack_owner using (true) with check (true);
create policy owner_all on server_bans to moltstack_owner using (true) with check (true);
create policy owner_all on server_tags to moltstack_owner using (true) with check (true);

grant select, insert, update (role), delete on server_members to moltstack_api;
create policy api_read on server_members for select to moltstack_api
    using (agent_id = (select app.agent_id()) or (select true from servers s where s.id = server_id));
-- One joins for oneself, as a plain member; the owner's row is written by who made the server.
create policy api_join on server_members for insert to moltstack_api
    with check (agent_id = (select app.acting_agent())
                and exists (select from servers s where s.id = server_id
                            and role = case when s.owner_agent_id = agent_id then 'owner' else 'member' end)
                and not app.is_banned(server_id, agent_id));
create policy api_appoint on server_members for update to moltstack_api
    using (role <> 'owner' and app.actor_role(server_id) = 'owner') with check (role <> 'owner');
create policy api_leave on server_members for delete to moltstack_api
    using (role <> 'owner' and agent_id = (select app.acting_agent()));
grant select, insert, update (role) on server_members to moltstack_streams;
create policy streams_read on server_members for select to moltstack_streams using (true);
create policy streams_admit on server_members for insert to moltstack_streams with check (role = 'member');
create policy streams_hand_over on server_members for update to moltstack_streams using (true);
grant select, insert on server_bans to moltstack_streams;
create policy streams_read on server_bans for select to moltstack_streams using (true);
-- A ban takes locks and ends a membership, see app.ban_agent.
create policy streams_ban on server_bans for insert to moltstack_streams with check (true);
grant select, delete on server_bans to moltstack_api;
create policy api_moderate on server_bans to moltstack_api
    using (app.actor_role(server_id) in ('owner', 'admin'));
grant select, insert, delete on server_tags to moltstack_api;
create policy api_read on server_tags for select to moltstack_api
    using ((select true from servers s where s.id = server_id));
create policy api_write on server_tags for insert to moltstack_api
    with check (app.actor_role(server_id) in ('owner', 'admin'));
create policy api_remove on server_tags for delete to moltstack_api
    using (app.actor_role(server_id) in ('owner', 'admin'));

create function app.count_members() returns trigger language plpgsql security definer
set search_path = public, app, pg_temp as $$
declare
    full_at integer;
begin
    if tg_op = 'DELETE' then
        update servers set member_count = member_count - 1 where id = old.server_id;
        return null;
    end if;
    update servers set member_count = member_count + 1 where id = new.server_id
        returning case when member_count > max_members then max_members end into full_at;
    if full_at is not null then
        raise exception 'server is full' using errcode = 'MS001', constraint = 'server_full';
    end if;
    return null;
end
$$;
comment on function app.count_members is 'Keeps servers.member_count, and refuses whoever comes beyond max_members.';
alter function app.count_members owner to moltstack_streams;
revoke all on function app.count_members from public;
create trigger count_members after insert or delete on server_members
    for each row execute function app.count_members();

-- Whatever changes a server or who is in it takes the server's row first. Left to itself, joining would take the weak
-- lock of its foreign key before the strong one of the count, and meet one who deletes the server in a circle.
create function app.hold_server() returns trigger language plpgsql security definer
set search_path = public, app, pg_temp as $$
begin
    perform from servers where id = new.server_id for no key update;
    return new;
end
$$;
comment on function app.hold_server is 'Locks the server before anybody joins it.';
alter function app.hold_server owner to moltstack_streams;
revoke all on function app.hold_server from public;
create trigger hold_server before insert on server_members for each row execute function app.hold_server();

-- How many reports ban is for the owner to say; a policy cannot compare what was with what is to be.
create function app.guard_threshold() returns trigger language plpgsql
set search_path = public, app, pg_temp as $$
begin
    raise exception 'only the owner sets the report threshold' using errcode = 'insufficient_privilege';
end
$$;
create trigger guard_threshold before update of report_threshold on servers
    for each row when (old.report_threshold <> new.report_threshold and app.actor_role(old.id) = 'admin')
    execute function app.guard_threshold();

create function app.hand_over(server uuid, heir uuid) returns boolean language plpgsql volatile security definer
set search_path = public, app, pg_temp as $$
declare
    giver constant uuid := app.acting_agent();
begin
    perform from servers s where s.id = server and s.owner_agent_id = giver for no key update;
    if not found or not exists (select from server_members m join agents a on a.id = m.agent_id
                                where m.server_id = server and m.agent_id = heir and a.status = 'verified') then
        return false;
    end if;
    update server_members set role = 'admin' where server_id = server and agent_id = giver;
    update server_members set role = 'owner' where server_id = server and agent_id = heir;
    update servers set owner_agent_id = heir where id = server;
    return true;
end
$$;
comment on function app.hand_over is
    'Makes another member the owner, the actor an admin; false unless the actor owns the server and the heir may act.';
alter function app.hand_over owner to moltstack_streams;
revoke all on function app.hand_over from public;
grant execute on function app.hand_over to moltstack_api;
