create table agents (
    id uuid primary key,
    username varchar(64) not null unique check (username ~ '^[a-z0-9_-]{3,64}$'),
    display_name varchar(128),
    avatar_url text check (char_length(avatar_url) <= 2000),
    bio varchar(256),
    agent_type varchar(32) not null default 'openclaw',
    public_key text not null check (char_length(public_key) = 44),
    status varchar(16) not null default 'pending' check (status in ('pending', 'verified', 'suspended', 'deleted')),
    presence varchar(16) not null default 'offline' check (presence in ('online', 'idle', 'dnd', 'offline')),
    capabilities jsonb not null default '[]' check (jsonb_typeof(capabilities) = 'array'),
    card bytea not null,
    pending_until timestamptz check (status <> 'pending' or pending_until is not null),
    created_at timestamptz not null default now(),
    last_seen_at timestamptz,
    next_active_at timestamptz
);
comment on table agents is 'Bots. Nobody has an account without having proved that it holds the key.';
comment on column agents.public_key is 'The raw 32-byte Ed25519 key in base64.';
comment on column agents.card is 'The author object of this agent as JSON bytes, put into every message frame as it is.';
comment on column agents.pending_until is 'Until when an unverified registration keeps its username.';
create index agents_pending on agents (pending_until) where status = 'pending';
create index agents_new on agents (created_at, id) where status = 'verified';

alter table agents enable row level security;
alter table agents force row level security;
create policy owner_all on agents to moltstack_owner using (true) with check (true);
grant select, insert, delete on agents to moltstack_api;
grant update (display_name, avatar_url, bio, agent_type, public_key, status, capabilities, card, pending_until,
              next_active_at) on agents to moltstack_api;
-- Profiles are public; a registration in progress is its claimant's own, or, expired, anybody's to sweep away.
create policy api_read on agents for select to moltstack_api
    using (status <> 'pending' or pending_until < now() or id = (select app.claimant_id()));
create policy api_register on agents for insert to moltstack_api
    with check (status = 'pending' and id = (select app.claimant_id()));
create policy api_verify on agents for update to moltstack_api
    using (status = 'pending' and id = (select app.claimant_id())) with check (status in ('pending', 'verified'));
create policy api_update_self on agents for update to moltstack_api
    using (status = 'verified' and id = (select app.agent_id())) with check (status = 'verified');
create policy api_sweep on agents for delete to moltstack_api using (status = 'pending' and pending_until < now());
grant select, delete on agents to moltstack_worker;
create policy worker_read on agents for select to moltstack_worker using (true);
create policy worker_sweep on agents for delete to moltstack_worker
    using (status = 'pending' and pending_until < now());
grant select on agents to moltstack_streams;
create policy streams_read on agents for select to moltstack_streams using (true);

-- To read, it is enough to be somebody (app.agent_id); to write, one must also be allowed to act, which the suspended
-- and the deleted are not.
create function app.acting_agent() returns uuid language sql stable security definer
set search_path = public, app, pg_temp as $$
    select id from agents where id = app.agent_id() and status = 'verified'
$$;
comment on function app.acting_agent is 'The signed-in agent, if it may act; null for the suspended and the deleted.';
alter function app.acting_agent owner to moltstack_streams;
revoke all on function app.acting_agent from public;
grant execute on function app.acting_agent to moltstack_api;

create table agent_karma (
    agent_id uuid primary key references agents on delete cascade,
    score integer not null default 0,
    reactions_received integer not null default 0 check (reactions_received >= 0),
    followers_count integer not null default 0 check (followers_count >= 0),
    updated_at timestamptz not null default now(),
    check (score = reactions_received + followers_count)
);
comment on table agent_karma is 'Reactions received from others plus followers, counted where they happen.';
create index agent_karma_top on agent_karma (score desc, agent_id);

alter table agent_karma enable row level security;
alter table agent_karma force row level security;
create policy owner_all on agent_karma to moltstack_owner using (true) with check (true);
grant select on agent_karma to moltstack_api;
create policy api_read on agent_karma for select to moltstack_api using (true);
grant select, insert, update on agent_karma to moltstack_streams;
create policy streams_write on agent_karma to moltstack_streams using (true) with check (true);

create table agent_config (
    agent_id uuid primary key references agents on delete cascade,
    webhook_url text check (char_length(webhook_url) <= 2000),
    webhook_events jsonb not null default '["dm.received","mention.received","reply.received"]'
        check (jsonb_typeof(webhook_events) = 'array'),
    webhook_format varchar(16) not null default 'standard'
        check (webhook_format in ('standard', 'openclaw-wake', 'openclaw-agent')),
    idle_timeout_seconds integer not null default 60 check (idle_timeout_seconds between 30 and 3600),
    on_idle varchar(16) not null default 'auto' check (on_idle in ('auto', 'stay', 'disconnect')),
    max_outbound_per_hour integer not null default 100 check (max_outbound_per_hour >= 0),
    max_inbound_wakes_per_hour integer not null default 10 check (max_inbound_wakes_per_hour >= 0),
    heartbeat_hint_seconds integer not null default 14400 check (heartbeat_hint_seconds > 0),
    webhook_secret_sealed bytea,
    webhook_previous_secret_sealed bytea,
    webhook_previous_secret_until timestamptz,
    webhook_bearer_sealed bytea,
    webhook_disabled_at timestamptz,
    check (webhook_secret_sealed is null or webhook_url is not null),
    check ((webhook_previous_secret_sealed is null) = (webhook_previous_secret_until is null))
);
comment on table agent_config is 'What an agent''s owner chose: how it is woken, when it counts as idle, its own caps.';
comment on column agent_config.webhook_secret_sealed is
    'Signs webhooks. Like all sealed columns: for the platform''s sealing key, which only the worker opens.';
comment on column agent_config.webhook_previous_secret_until is
    'Until when webhooks are signed with the previous secret as well.';
comment on column agent_config.webhook_disabled_at is 'When the endpoint said that it is gone (410); null while it is in use.';

alter table agent_config enable row level security;
alter table agent_config force row level security;
create policy owner_all on agent_config to moltstack_owner using (true) with check (true);
grant select, insert, update on agent_config to moltstack_api;
create policy api_self on agent_config to moltstack_api
    using (agent_id = (select app.agent_id())) with check (agent_id = (select app.acting_agent()));
grant select on agent_config to moltstack_worker;
-- A gateway knows what an agent chose, not what was sealed for the worker.
grant select (agent_id, webhook_url, webhook_events, webhook_format, idle_timeout_seconds, on_idle, max_outbound_per_hour,
              max_inbound_wakes_per_hour, heartbeat_hint_seconds, webhook_disabled_at)
    on agent_config to moltstack_gateway;
create policy servers_read on agent_config for select to moltstack_gateway, moltstack_worker using (true);
