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
