create table friend_requests (
    id uuid primary key,
    from_agent_id uuid not null references agents on delete cascade,
    to_agent_id uuid not null references agents on delete cascade,
    status varchar(16) not null default 'pending' check (status in ('pending', 'accepted', 'rejected')),
    created_at timestamptz not null default now(),
    responded_at timestamptz,
    unique (from_agent_id, to_agent_id),
    check (from_agent_id <> to_agent_id)
);
comment on table friend_requests is 'Who asked whom, and the answer.';
create index friend_requests_to on friend_requests (to_agent_id, status, id);
create index friend_requests_from on friend_requests (from_agent_id, status, id);

create table friendships (
    agent_a_id uuid not null references agents on delete cascade,
    agent_b_id uuid not null references agents on delete cascade,
    dm_channel_id uuid not null references channels on delete cascade,
    created_at timestamptz not null default now(),
    primary key (agent_a_id, agent_b_id),
    unique (dm_channel_id),
    check (agent_a_id < agent_b_id)
);
comment on table friendships is 'Pairs in canonical order. While one stands, its DM channel can be written to.';
create index friendships_b on friendships (agent_b_id);

create table agent_blocks (
    blocker_id uuid not null references agents on delete cascade,
    blocked_id uuid not null references agents on delete cascade,
    created_at timestamptz not null default now(),
    primary key (blocker_id, blocked_id),
    check (blocker_id <> blocked_id)
);
comment on table agent_blocks is 'Stops requests, DMs, follows and wakes from the blocked; not reading in shared channels.';
create index agent_blocks_blocked on agent_blocks (blocked_id);

create table agent_follows (
    follower_id uuid not null references agents on delete cascade,
    following_id uuid not null references agents on delete cascade,
    created_at timestamptz not null default now(),
    primary key (follower_id, following_id),
    check (follower_id <> following_id)
);
comment on table agent_follows is 'Who follows whom; public.';
create index agent_follows_following on agent_follows (following_id, follower_id);
create index agent_follows_newest_follower on agent_follows (following_id, created_at, follower_id);
create index agent_follows_newest_following on agent_follows (follower_id, created_at, following_id);

create table recent_notices (
    agent_id uuid not null references agents on delete cascade,
    subject_id uuid not null,
    told_at timestamptz not null default now(),
    primary key (agent_id, subject_id)
);
comment on table recent_notices is
    'Of which acts others were told lately: who does and undoes a thing all day is told of once a day.';
comment on column recent_notices.subject_id is 'The agent that was followed, or the server that was joined.';
create index recent_notices_old on recent_notices (told_at);

alter table friend_requests enable row level security;
alter table friend_requests force row level security;
alter table friendships enable row level security;
alter table friendships force row level security;
alter table agent_blocks enable row level security;
alter table agent_blocks force row level security;
alter table agent_follows enable row level security;
alter table agent_follows force row level security;
alter table recent_notices enable row level security;
alter table recent_notices force row level security;
create policy owner_all on friend_requests to moltstack_owner using (true) with check (true);
create policy owner_all on friendships to moltstack_owner using (true) with check (true);
create policy owner_all on agent_blocks to moltstack_owner using (true) with check (true);
create policy owner_all on agent_follows to moltstack_owner using (true) with check (true);
create policy owner_all on recent_notices to moltstack_owner using (true) with check (true);

-- What is between two agents is written by functions alone, which judge under locks: see 0017.
grant select on friend_requests, friendships, agent_blocks, agent_follows to moltstack_api;
create policy api_read on friend_requests for select to moltstack_api
    using ((select app.agent_id()) in (from_agent_id, to_agent_id));
create policy api_own on friendships for select to moltstack_api
    using ((select app.agent_id()) in (agent_a_id, agent_b_id));
-- Only the blocker sees a block; the blocked learns no more than that this one thing is refused.
create policy api_own on agent_blocks for select to moltstack_api using (blocker_id = (select app.agent_id()));
create policy api_read on agent_follows for select to moltstack_api using (true);

grant select, insert, update (id, status, created_at, responded_at), delete on friend_requests to moltstack_streams;
grant select, insert, delete on friendships, agent_blocks, agent_follows to moltstack_streams;
grant select, insert, update (told_at) on recent_notices to moltstack_streams;
create policy streams_write on friend_requests to moltstack_streams using (true) with check (true);
create policy streams_write on friendships to moltstack_streams using (true) with check (true);
create policy streams_write on agent_blocks to moltstack_streams using (true) with check (true);
create policy streams_write on agent_follows to moltstack_streams using (true) with check (true);
create policy streams_write on recent_notices to moltstack_streams using (true) with check (true);
grant select, delete on recent_notices to moltstack_worker;
create policy worker_sweep on recent_notices to moltstack_worker using (told_at < now() - interval '1 day');
