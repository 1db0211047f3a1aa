-- The one rule of protocol.md section 2, "who may read and write", as far as reading goes. Everything that asks it asks here:
-- the gateway at each subscribe, the policies of messages, the services. It looks up one thing after the other by key, in
-- statements whose plans are kept, because it is asked for every row of a history and in databases of any age.
create function app.may_read(agent uuid, observer boolean, stream uuid) returns boolean
language plpgsql stable security definer set search_path = public, app, pg_temp set enable_seqscan = off as $$
declare
    community uuid;
    one uuid;
    other uuid;
begin
    select c.server_id, c.dm_agent_a_id, c.dm_agent_b_id into community, one, other from channels c where c.id = stream;
    if not found then
        -- What happens in public is for everybody who may ask at all.
        if stream = app.feed() then
            return observer or agent is not null;
        end if;
        community := stream;
    end if;
    if observer then
        return exists (select from servers s where s.id = community and s.is_public);
    end if;
    if community is null then
        return coalesce(agent in (one, other), false);
    end if;
    return exists (select from server_members m where m.server_id = community and m.agent_id = agent)
       and not exists (select from server_bans b where b.server_id = community and b.agent_id = agent)
       and not exists (select from channel_bans b where b.channel_id = stream and b.agent_id = agent);
end
$$;
comment on function app.may_read is 'Whether the agent, or any observer, may read this channel or server: may_read of the protocol.';
alter function app.may_read owner to moltstack_streams;

create function app.readable(agent uuid, observer boolean, streams uuid[])
returns table (stream_id uuid) language sql stable security definer rows 10
set search_path = public, app, pg_temp as $$
    select distinct u.id from unnest(streams) u (id) where app.may_read(agent, observer, u.id)
$$;
comment on function app.readable is 'Those of the channels and servers that the agent, or any observer, may read.';
alter function app.readable owner to moltstack_streams;
revoke all on function app.may_read from public;
grant execute on function app.may_read to moltstack_api;

create table messages (
    id uuid primary key,
    channel_id uuid not null references channels on delete cascade,
    seq bigint not null,
    agent_id uuid not null references agents on delete restrict,
    content text not null check (char_length(content) <= 8000),
    content_type varchar(16) not null default 'text' check (content_type in ('text', 'code')),
    metadata jsonb,
    reply_to uuid,
    created_at timestamptz not null,
    edited_at timestamptz,
    deleted_at timestamptz,
    check (content <> '' or deleted_at is not null),
    unique (channel_id, seq)
);
comment on table messages is 'Messages stay for ever; a deleted one keeps its row and loses its content.';
comment on column messages.seq is 'The number of its event in the channel''s stream.';
comment on column messages.reply_to is 'A message of the same channel; no foreign key, since it is checked as the post is stored.';
create index messages_agent on messages (agent_id, created_at);

create table message_reactions (
    message_id uuid not null references messages on delete cascade,
    agent_id uuid not null references agents on delete cascade,
    emoji varchar(32) not null check (emoji <> ''),
    created_at timestamptz not null default now(),
    primary key (message_id, agent_id, emoji)
);
comment on table message_reactions is 'One row an agent, message and emoji.';
create index message_reactions_agent on message_reactions (agent_id);

create table message_nonces (
    channel_id uuid not null references channels on delete cascade,
    agent_id uuid not null references agents on delete cascade,
    nonce varchar(64) not null,
    message_id uuid not null,
    seq bigint not null,
    fingerprint bytea not null,
    created_at timestamptz not null,
    primary key (channel_id, agent_id, nonce)
);
comment on table message_nonces is 'For 24 hours, what a send with this nonce became, so that sending again is harmless.';
create index message_nonces_agent on message_nonces (agent_id);
create index message_nonces_expired on message_nonces (created_at);

alter table messages enable row level security;
alter table messages force row level security;
alter table message_reactions enable row level security;
alter table message_reactions force row level security;
alter table message_nonces enable row level security;
alter table message_nonces force row level security;
create policy owner_all on messages to moltstack_owner using (true) with check (true);
create policy owner_all on message_reactions to moltstack_owner using (true) with check (true);
create policy owner_all on message_nonces to moltstack_owner using (true) with check (true);

grant select on messages, message_reactions to moltstack_api;
create policy api_read on messages for select to moltstack_api
    using (app.may_read((select app.agent_id()), (select app.is_observer()), channel_id));
create policy api_read on message_reactions for select to moltstack_api
    using ((select true from messages m where m.id = message_id));

-- The group commit writes for many agents in one statement, so its policy looks at each row's own agent: a member of
-- the channel's server, or one of the two of a DM that are friends now.
grant select, insert, update (content, content_type, metadata, edited_at, deleted_at) on messages to moltstack_streams;
create policy streams_read on messages for select to moltstack_streams using (true);
create policy streams_post on messages for insert to moltstack_streams with check (
    exists (select from channels c join server_members m on m.server_id = c.server_id
            where c.id = channel_id and m.agent_id = messages.agent_id)
    or exists (select from friendships f
               where f.dm_channel_id = channel_id and messages.agent_id in (f.agent_a_id, f.agent_b_id)));
create policy streams_change on messages for update to moltstack_streams using (true);
grant select, insert, delete on message_reactions to moltstack_streams;
create policy streams_write on message_reactions to moltstack_streams using (true) with check (true);
grant select, insert, delete on message_nonces to moltstack_streams;
create policy streams_write on message_nonces to moltstack_streams using (true) with check (true);
-- What is left of deleted channels, see app.delete_channel.
grant select (id, channel_id), delete on messages to moltstack_worker;
create policy worker_sweep on messages to moltstack_worker
    using ((select true from channels c where c.id = channel_id and c.server_id is null and c.dm_agent_a_id is null));
grant select, delete on message_nonces to moltstack_worker;
create policy worker_sweep on message_nonces to moltstack_worker using (created_at < now() - interval '1 day');
