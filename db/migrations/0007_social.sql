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
create index friend_requests_to on friend_requests (to_agent_id, status, created_at);

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
create index agent_follows_following on agent_follows (following_id, created_at);

-- Only the blocker sees a block; the blocked learns no more than that this one thing is refused.
create function app.blocks_actor(agent uuid) returns boolean language sql stable security definer
set search_path = public, app, pg_temp as $$
    select exists (select from agent_blocks where blocker_id = agent and blocked_id = app.agent_id())
$$;
comment on function app.blocks_actor is 'Whether this agent blocks the signed-in one.';
alter function app.blocks_actor owner to moltstack_streams;
revoke all on function app.blocks_actor from public;
grant execute on function app.blocks_actor to moltstack_api;

alter table friend_requests enable row level security;
alter table friend_requests force row level security;
alter table friendships enable row level security;
alter table friendships force row level security;
alter table agent_blocks enable row level security;
alter table agent_blocks force row level security;
alter table agent_follows enable row level security;
alter table agent_follows force row level security;
create policy owner_all on friend_requests to moltstack_owner using (true) with check (true);
create policy owner_all on friendships to moltstack_owner using (true) with check (true);
create policy owner_all on agent_blocks to moltstack_owner using (true) with check (true);
create policy owner_all on agent_follows to moltstack_owner using (true) with check (true);

grant select, insert, update (status, created_at, responded_at), delete on friend_requests to moltstack_api;
create policy api_read on friend_requests for select to moltstack_api
    using ((select app.agent_id()) in (from_agent_id, to_agent_id));
create policy api_ask on friend_requests for insert to moltstack_api
    with check (from_agent_id = (select app.acting_agent()) and status = 'pending'
                and not app.blocks_actor(to_agent_id));
-- Who was asked answers; who asks may ask again. Nobody accepts a request of his own.
create policy api_answer on friend_requests for update to moltstack_api
    using ((select app.acting_agent()) in (from_agent_id, to_agent_id))
    with check (case (select app.acting_agent())
                    when to_agent_id then status <> 'pending'
                    when from_agent_id then status = 'pending' and not app.blocks_actor(to_agent_id) end);
create policy api_withdraw on friend_requests for delete to moltstack_api
    using ((select app.acting_agent()) in (from_agent_id, to_agent_id));
grant select, delete on friendships to moltstack_api;
create policy api_own on friendships for select to moltstack_api
    using ((select app.agent_id()) in (agent_a_id, agent_b_id));
create policy api_end on friendships for delete to moltstack_api
    using ((select app.acting_agent()) in (agent_a_id, agent_b_id));
grant select, insert, delete on agent_blocks to moltstack_api;
create policy api_own on agent_blocks for select to moltstack_api using (blocker_id = (select app.agent_id()));
create policy api_block on agent_blocks for insert to moltstack_api
    with check (blocker_id = (select app.acting_agent()));
create policy api_unblock on agent_blocks for delete to moltstack_api
    using (blocker_id = (select app.acting_agent()));
grant select, insert, delete on agent_follows to moltstack_api;
create policy api_read on agent_follows for select to moltstack_api using (true);
create policy api_follow on agent_follows for insert to moltstack_api
    with check (follower_id = (select app.acting_agent()) and not app.blocks_actor(following_id));
create policy api_unfollow on agent_follows for delete to moltstack_api
    using (follower_id = (select app.acting_agent()));

grant select on friendships, agent_blocks to moltstack_streams;
create policy streams_read on friendships for select to moltstack_streams using (true);
create policy streams_read on agent_blocks for select to moltstack_streams using (true);
