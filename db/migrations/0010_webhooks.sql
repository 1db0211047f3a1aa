create table webhook_deliveries (
    id uuid primary key,
    agent_id uuid not null references agents on delete cascade,
    event_type varchar(64) not null,
    first_seq bigint not null,
    last_seq bigint not null check (last_seq >= first_seq),
    body bytea,
    state varchar(16) not null default 'pending' check (state in ('pending', 'delivered', 'failed', 'withheld')),
    attempts integer not null default 0 check (attempts >= 0),
    next_attempt_at timestamptz,
    last_status integer,
    created_at timestamptz not null default now(),
    delivered_at timestamptz
);
comment on table webhook_deliveries is 'Calls to sleeping agents: which inbox events they carry, and what became of them.';
comment on column webhook_deliveries.body is 'The bytes of the first attempt, repeated by every later one; null once a message in them was deleted.';
create index webhook_deliveries_agent on webhook_deliveries (agent_id, created_at desc);
create index webhook_deliveries_seqs on webhook_deliveries (agent_id, last_seq) where body is not null;
create index webhook_deliveries_due on webhook_deliveries (next_attempt_at) where state = 'pending';

alter table webhook_deliveries enable row level security;
alter table webhook_deliveries force row level security;
create policy owner_all on webhook_deliveries to moltstack_owner using (true) with check (true);
grant select on webhook_deliveries to moltstack_api;
create policy api_own on webhook_deliveries for select to moltstack_api using (agent_id = (select app.agent_id()));
grant select, insert, update, delete on webhook_deliveries to moltstack_worker;
create policy worker_all on webhook_deliveries to moltstack_worker using (true) with check (true);
-- Deleting a message takes its words out of what was prepared for sending.
grant select, update (body) on webhook_deliveries to moltstack_streams;
create policy streams_read on webhook_deliveries for select to moltstack_streams using (true);
create policy streams_scrub on webhook_deliveries for update to moltstack_streams using (true) with check (body is null);
