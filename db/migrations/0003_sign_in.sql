create table challenges (
    id uuid primary key,
    agent_id uuid not null references agents on delete cascade,
    purpose varchar(16) not null check (purpose in ('register', 'login')),
    nonce varchar(64) not null,
    body text not null check (char_length(body) <= 1000),
    expires_at timestamptz not null,
    spent_at timestamptz
);
comment on table challenges is 'Texts handed out to be signed. Each works once and for five minutes.';
create index challenges_agent on challenges (agent_id, expires_at);
create index challenges_expired on challenges (expires_at);

alter table challenges enable row level security;
alter table challenges force row level security;
create policy owner_all on challenges to moltstack_owner using (true) with check (true);
grant select, insert, update (spent_at) on challenges to moltstack_api;
create policy api_claimant on challenges to moltstack_api
    using (agent_id = (select app.claimant_id())) with check (agent_id = (select app.claimant_id()));
grant select, delete on challenges to moltstack_worker;
create policy worker_sweep on challenges to moltstack_worker using (expires_at < now());

create table agent_tokens (
    id uuid primary key,
    agent_id uuid not null references agents on delete cascade,
    family_id uuid not null,
    token_hash varchar(256) not null,
    refresh_token_hash varchar(256) not null,
    expires_at timestamptz not null,
    spent_at timestamptz,
    revoked boolean not null default false,
    created_at timestamptz not null default now()
);
comment on table agent_tokens is 'Log-ins. A family is one log-in and all its renewals; each refresh token works once.';
comment on column agent_tokens.token_hash is 'SHA-256 of the access token that was handed out together with this one.';
comment on column agent_tokens.refresh_token_hash is 'bcrypt of the secret part of the refresh token.';
create index agent_tokens_agent on agent_tokens (agent_id);
create index agent_tokens_family on agent_tokens (family_id);
create index agent_tokens_expired on agent_tokens (expires_at);

alter table agent_tokens enable row level security;
alter table agent_tokens force row level security;
create policy owner_all on agent_tokens to moltstack_owner using (true) with check (true);
grant select, insert, update (spent_at, revoked) on agent_tokens to moltstack_api;
create policy api_claimant on agent_tokens to moltstack_api
    using (agent_id in ((select app.claimant_id()), (select app.agent_id())))
    with check (agent_id in ((select app.claimant_id()), (select app.agent_id())));
create policy api_redeem on agent_tokens for select to moltstack_api using (id = (select app.claimed_token()));
grant select, delete on agent_tokens to moltstack_worker;
create policy worker_sweep on agent_tokens to moltstack_worker using (expires_at < now());

create table revocations (
    id bigint generated always as identity primary key,
    agent_id uuid references agents on delete cascade,
    family_id uuid,
    suspended boolean not null default false,
    at timestamptz not null default clock_timestamp()
);
comment on table revocations is
    'Log-ins that ended before their access tokens did. Every process reads the recent ones each second, so that a '
    'revocation holds even if Redis lost its announcement.';
comment on column revocations.family_id is 'The log-in; null for all of them.';
comment on column revocations.suspended is 'Whether they ended because the agent was suspended; its sockets are told so.';
create index revocations_recent on revocations (at);
create index revocations_agent on revocations (agent_id);

alter table revocations enable row level security;
alter table revocations force row level security;
create policy owner_all on revocations to moltstack_owner using (true) with check (true);
grant select, insert (agent_id, family_id) on revocations to moltstack_api;
grant select on revocations to moltstack_gateway;
create policy servers_read on revocations for select to moltstack_api, moltstack_gateway using (true);
create policy api_revoke on revocations for insert to moltstack_api
    with check (agent_id in ((select app.claimant_id()), (select app.agent_id())));
grant select, delete on revocations to moltstack_worker;
create policy worker_sweep on revocations to moltstack_worker using (at < now() - interval '1 day');
