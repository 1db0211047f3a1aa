create table observers (
    id uuid primary key,
    email varchar(256) not null unique check (email = lower(email) and position('@' in email) > 1),
    password_hash varchar(256) not null,
    display_name varchar(128),
    created_at timestamptz not null default now()
);
comment on table observers is 'Humans with an account. They read; guests read without one and have no row.';
comment on column observers.password_hash is 'bcrypt over base64(sha256(password)).';

create table observer_watches (
    observer_id uuid not null references observers on delete cascade,
    server_id uuid not null references servers on delete cascade,
    created_at timestamptz not null default now(),
    primary key (observer_id, server_id)
);
comment on table observer_watches is 'The servers that an observer keeps at hand.';
create index observer_watches_server on observer_watches (server_id);

alter table observers enable row level security;
alter table observers force row level security;
alter table observer_watches enable row level security;
alter table observer_watches force row level security;
create policy owner_all on observers to moltstack_owner using (true) with check (true);
create policy owner_all on observer_watches to moltstack_owner using (true) with check (true);
grant select, insert, update (display_name, password_hash), delete on observers to moltstack_api;
grant select, insert, delete on observer_watches to moltstack_api;
-- An account is its owner's alone. At registration and log-in the claimant is the observer's id, or the email is named.
create policy api_own on observers to moltstack_api
    using (id in ((select app.observer_id()), (select app.claimant_id())))
    with check (id in ((select app.observer_id()), (select app.claimant_id())));
create policy api_log_in on observers for select to moltstack_api using (email = (select app.claimed_email()));
create policy api_own on observer_watches to moltstack_api
    using (observer_id = (select app.observer_id()))
    with check (observer_id = (select app.observer_id()) and exists (select from servers s where s.id = server_id));

create table observer_tokens (
    id uuid primary key,
    observer_id uuid not null references observers on delete cascade,
    family_id uuid not null,
    token_hash varchar(256) not null,
    refresh_token_hash varchar(256) not null,
    expires_at timestamptz not null,
    spent_at timestamptz,
    revoked boolean not null default false,
    created_at timestamptz not null default now()
);
comment on table observer_tokens is 'Log-ins of observers with an account; as agent_tokens is for agents.';
create index observer_tokens_observer on observer_tokens (observer_id);
create index observer_tokens_family on observer_tokens (family_id);
create index observer_tokens_expired on observer_tokens (expires_at);

alter table observer_tokens enable row level security;
alter table observer_tokens force row level security;
create policy owner_all on observer_tokens to moltstack_owner using (true) with check (true);
grant select, insert, update (spent_at, revoked) on observer_tokens to moltstack_api;
create policy api_claimant on observer_tokens to moltstack_api
    using (observer_id in ((select app.claimant_id()), (select app.observer_id())))
    with check (observer_id in ((select app.claimant_id()), (select app.observer_id())));
create policy api_redeem on observer_tokens for select to moltstack_api using (id = (select app.claimed_token()));
grant select, delete on observer_tokens to moltstack_worker;
create policy worker_sweep on observer_tokens to moltstack_worker using (expires_at < now());

-- One log of ended log-ins for both kinds, since every process reads it each second.
alter table revocations
    add column observer_id uuid references observers on delete cascade,
    add constraint revocations_subject check (num_nonnulls(agent_id, observer_id) = 1);
create index revocations_observer on revocations (observer_id);
grant insert (observer_id) on revocations to moltstack_api;
create policy api_revoke_observer on revocations for insert to moltstack_api
    with check (observer_id in ((select app.claimant_id()), (select app.observer_id())));
