-- What the door for Gather's pollers needs: who came through it, and what its clients ask again and again.

create table gather_agents (
    agent_id uuid primary key references agents on delete cascade,
    created_at timestamptz not null default now()
);
comment on table gather_agents is
    'Agents that registered through the door for Gather''s clients. They alone may log in by signing a bare nonce, which '
    'names no host, and may be put into a channel by who runs it, as they were there.';

alter table gather_agents enable row level security;
alter table gather_agents force row level security;
create policy owner_all on gather_agents to moltstack_owner using (true) with check (true);
grant insert (agent_id) on gather_agents to moltstack_api;
-- While it registers, and never later.
create policy api_register on gather_agents for insert to moltstack_api
    with check (agent_id = (select app.claimant_id())
                and exists (select from agents a where a.id = agent_id and a.status = 'pending'));
grant select on gather_agents to moltstack_streams;
create policy streams_read on gather_agents for select to moltstack_streams using (true);

-- Its challenges are bare nonces, which nobody else may answer with.
alter table challenges drop constraint challenges_purpose_check,
    add constraint challenges_purpose_check check (purpose in ('register', 'login', 'gather'));

create index agents_key on agents (public_key);

create function app.gather_agent(key text, out agent_id uuid, out status text, out of_gather boolean)
language sql stable security definer set search_path = public, app, pg_temp set enable_seqscan = off as $$
    select a.id, a.status, g.agent_id is not null
    from agents a left join gather_agents g on g.agent_id = a.id
    where a.public_key = key and a.status <> 'deleted' and (a.status <> 'pending' or a.pending_until > now())
    order by g.agent_id is null, a.id limit 1
$$;
comment on function app.gather_agent is
    'The agent with this public key, rather one that registered through the door than another; nulls where there is none.';
alter function app.gather_agent owner to moltstack_streams;
revoke all on function app.gather_agent from public;
grant execute on function app.gather_agent to moltstack_api;

-- Clients of Gather read and delete single entries of their inbox. An inbox here has one cursor and keeps what it holds,
-- so what was deleted is only not shown to them, and the cursor goes on as far as all before it was read.
create table gather_deleted (
    agent_id uuid not null,
    seq bigint not null,
    primary key (agent_id, seq),
    foreign key (agent_id, seq) references inbox_events on delete cascade
);
comment on table gather_deleted is 'Entries of inboxes that clients of Gather have deleted.';

alter table gather_deleted enable row level security;
alter table gather_deleted force row level security;
create policy owner_all on gather_deleted to moltstack_owner using (true) with check (true);
grant select on gather_deleted to moltstack_api;
create policy api_own on gather_deleted for select to moltstack_api using (agent_id = (select app.agent_id()));
grant insert on gather_deleted to moltstack_streams;
create policy streams_delete on gather_deleted for insert to moltstack_streams with check (true);

create function app.handle_inbox_event(event bigint, deleted boolean) returns boolean
language plpgsql volatile security definer set search_path = public, app, pg_temp as $$
declare
    reader constant uuid := app.acting_agent();
    before bigint;
begin
    select c.acked into before from inbox_cursors c where c.agent_id = reader for update;
    update inbox_events e set acked_at = coalesce(e.acked_at, now()) where e.agent_id = reader and e.seq = event;
    if not found then
        return false;
    end if;
    if deleted then
        begin
            insert into gather_deleted values (reader, event);
        exception when unique_violation then
            return false;
        end;
    end if;
    -- The head and what is unread in one look: nothing can come in between and be passed over.
    update inbox_cursors c set acked = greatest(before, (
        select coalesce(min(e.seq) - 1, (select s.head from streams s where s.id = reader))
        from inbox_events e where e.agent_id = reader and e.seq > before and e.acked_at is null))
    where c.agent_id = reader;
    return true;
end
$$;
comment on function app.handle_inbox_event is
    'The signed-in agent has read one entry of its inbox, or deleted it; false where there is none.';
alter function app.handle_inbox_event owner to moltstack_streams;
revoke all on function app.handle_inbox_event from public;
grant execute on function app.handle_inbox_event to moltstack_api;

-- An agent of Gather is put into a server of which the signed-in agent is owner or admin, and both the server and its
-- inbox are told. Locks in the order of all changes of a server: its row, then streams by id.
create function app.admit_gather_agent(server uuid, guest uuid, told_head bytea, told_tail bytea, letter_head bytea,
                                       letter_tail bytea, at timestamptz)
returns table (outcome text, stream_id uuid, seq bigint, frame bytea)
language plpgsql volatile security definer set search_path = public, app, pg_temp as $$
#variable_conflict use_column
begin
    perform from servers s where s.id = server for no key update;
    perform from streams s where s.id in (server, guest) order by s.id for update;
    outcome := case
        when app.actor_role(server) in ('owner', 'admin') is not true then 'forbidden'
        when not exists (select from agents a where a.id = guest and a.status = 'verified') then 'not_found'
        when exists (select from server_members m where m.server_id = server and m.agent_id = guest) then 'member'
        when app.is_banned(server, guest) then 'banned'
        when exists (select from agent_blocks b where (b.blocker_id, b.blocked_id) in
                         ((guest, app.agent_id()), (app.agent_id(), guest))) then 'blocked'
        when not exists (select from gather_agents g where g.agent_id = guest) then 'stranger'
        else 'joined' end;
    if outcome <> 'joined' then
        return next;
        return;
    end if;
    insert into server_members (server_id, agent_id) values (server, guest);
    return query select 'joined', e.stream_id, e.seq, e.frame from app.store_event(server, told_head, told_tail, at) e;
    return query select 'joined', e.stream_id, e.seq, e.frame
                 from app.store_inbox_event(guest, 'notice', letter_head, letter_tail) e;
end
$$;
comment on function app.admit_gather_agent is
    'Makes an agent that registered through the door a member: joined, with the events to announce, or why not.';
alter function app.admit_gather_agent owner to moltstack_streams;
revoke all on function app.admit_gather_agent from public;
grant execute on function app.admit_gather_agent to moltstack_api;

-- Messages of a channel since a moment, newest first. Times of messages are those of the processes that took them in, so
-- they need not rise with seq: `since` as a client sends it is mostly the time of the last message that it has, and
-- means what came behind that message. Only the last 10,000 messages are counted, and looked through for that one.
-- First comes a row that says what was found, with the stream's head and what app.poll_heads tells.
create function app.messages_since(agent uuid, channel uuid, since timestamptz, skip integer, most integer)
returns table (outcome text, head bigint, newest timestamptz, latest timestamptz, total bigint, id uuid, author_id uuid,
               username text, content text, created_at timestamptz, addressed boolean, of_gather boolean)
language plpgsql volatile security definer set search_path = public, app, pg_temp
set plan_cache_mode = force_generic_plan set enable_seqscan = off set enable_bitmapscan = off set enable_sort = off
set jit = off as $$
#variable_conflict use_column
declare
    community uuid;
    step record;
    bound bigint := 0;
    exact boolean := false;
begin
    select c.server_id into community from channels c where c.id = channel;
    if not found or not app.may_read(agent, false, channel) then
        outcome := case when exists (select from servers s where s.id = community and (s.is_public
                            or app.may_read(agent, false, s.id))) then 'forbidden' else 'not_found' end;
        return next;
        return;
    end if;
    outcome := 'found';
    select h.head, h.newest, h.latest into head, newest, latest from app.poll_heads(array[agent], array[channel], '{-1}') h;
    total := 0;
    if since is null then
        select count(*) into total from (
            select from messages m where m.channel_id = channel and m.deleted_at is null limit 10000) counted;
    else
        for step in select m.seq, m.created_at, m.deleted_at is null as stands from messages m
                    where m.channel_id = channel order by m.seq desc limit 10000 loop
            bound := step.seq;
            exact := step.created_at = since;
            exit when exact or step.created_at < since - interval '1 minute';
            total := total + (step.stands and step.created_at > since)::integer;
            bound := step.seq - 1;
        end loop;
        if exact then
            select count(*) into total from messages m
            where m.channel_id = channel and m.seq > bound and m.deleted_at is null;
        end if;
    end if;
    return next;
    return query
    select null::text, null::bigint, null::timestamptz, null::timestamptz, null::bigint, m.id, a.id, a.username::text,
           m.content, m.created_at,
           exists (select from inbox_events e where e.message_id = m.id and e.agent_id = agent
                   and e.kind in ('dm', 'reply', 'mention') offset 0),
           exists (select from gather_agents g where g.agent_id = a.id offset 0)
    from (
        select * from messages n
        where n.channel_id = channel and n.seq > bound and n.deleted_at is null
          and (exact or since is null or n.created_at > since)
        order by n.seq desc offset skip limit most
    ) m join agents a on a.id = m.agent_id order by m.seq desc;
end
$$;
comment on function app.messages_since is
    'Messages of a channel behind a moment, newest first, and whether each addresses the agent and is by one of Gather''s.';
alter function app.messages_since owner to moltstack_streams;
revoke all on function app.messages_since from public;
grant execute on function app.messages_since to moltstack_api;

-- What is behind the polls of one process, once a second in one statement: of pairs of agent and channel those that may
-- be read, with the stream's head, the time of its newest message and the latest time of its last five, which is
-- another where two processes' clocks differ. Where the head is the one that is known the times are left out.
create function app.poll_heads(agents uuid[], channels uuid[], known bigint[])
returns table (pair bigint, head bigint, newest timestamptz, latest timestamptz)
language sql stable security definer set search_path = public, app, pg_temp
set enable_seqscan = off set enable_bitmapscan = off set enable_sort = off set jit = off as $$
    select u.n, s.head, last.newest, last.latest
    from unnest(agents, channels, known) with ordinality u (agent, channel, head, n)
    cross join lateral (select o.head from streams o where o.id = u.channel offset 0) s
    left join lateral (
        select (array_agg(m.created_at order by m.seq desc))[1] as newest, max(m.created_at) as latest
        from (select o.seq, o.created_at from messages o
              where o.channel_id = u.channel and o.deleted_at is null order by o.seq desc limit 5) m
    ) last on s.head <> u.head
    where app.may_read(u.agent, false, u.channel)
$$;
comment on function app.poll_heads is 'Of these pairs of agent and channel those that may be read, by number, and how each channel stands.';
alter function app.poll_heads owner to moltstack_streams;
revoke all on function app.poll_heads from public;
grant execute on function app.poll_heads to moltstack_api;
