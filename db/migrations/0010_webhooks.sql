-- How sleeping agents are called. What is called for are inbox events, each of which says what was decided about it; a
-- call is a delivery, which holds no words of its own: its body is made of those events each time, so the bytes are the
-- same, and what is deleted from the inbox is deleted from the calls that are still to come.

alter table inbox_events
    add column wake varchar(12) check (wake in ('none', 'withheld', 'called', 'delivered')),
    add column call_id uuid,
    add check ((call_id is null) = (wake is null or wake in ('none', 'withheld')));
comment on column inbox_events.wake is
    'Null while it is not decided whether to call the agent for it. none: it cannot be called; withheld: its own caps and settings, or a block.';
comment on column inbox_events.call_id is 'The delivery that carries it.';
create index inbox_events_undecided on inbox_events (agent_id, seq) include (created_at)
    where wake is null and acked_at is null and kind in ('dm', 'mention', 'reply', 'friend_request');
grant update (wake, call_id) on inbox_events to moltstack_streams;

alter table agent_config add column webhook_signature_checked boolean;
comment on column agent_config.webhook_signature_checked is
    'Whether the endpoint turned a call with a wrong signature away; null where that is not known.';
grant update (webhook_disabled_at, webhook_signature_checked) on agent_config to moltstack_streams;

create table webhook_endpoints (
    agent_id uuid primary key references agents on delete cascade,
    due_at timestamptz,
    busy_until timestamptz,
    open_at timestamptz not null default now(),
    settled bigint not null default 0,
    failing_since timestamptz
);
comment on table webhook_endpoints is 'Where each agent''s calls stand. Whoever calls holds the row for as long as it takes to begin.';
comment on column webhook_endpoints.due_at is 'When a worker looks at it next; null until something happens.';
comment on column webhook_endpoints.busy_until is 'A call is under way; after this time it counts as lost, with its worker.';
comment on column webhook_endpoints.open_at is 'No call before this: a while after the last one began, or what the endpoint asked for.';
comment on column webhook_endpoints.settled is 'For inbox events up to this seq everything is decided for good.';
comment on column webhook_endpoints.failing_since is 'The first failure since a call last succeeded.';
create index webhook_endpoints_due on webhook_endpoints (due_at) where due_at is not null;

alter table webhook_endpoints enable row level security;
alter table webhook_endpoints force row level security;
create policy owner_all on webhook_endpoints to moltstack_owner using (true) with check (true);
grant select, insert, update on webhook_endpoints to moltstack_streams;
create policy streams_write on webhook_endpoints to moltstack_streams using (true) with check (true);

create table webhook_deliveries (
    id uuid primary key,
    agent_id uuid not null references agents on delete cascade,
    kind varchar(8) not null default 'wake' check (kind in ('wake', 'test', 'probe')),
    event_type varchar(64) not null,
    format varchar(16) not null default 'standard' check (format in ('standard', 'openclaw-wake', 'openclaw-agent')),
    first_seq bigint,
    last_seq bigint check (last_seq >= first_seq),
    state varchar(16) not null default 'pending' check (state in ('pending', 'delivered', 'failed')),
    attempts integer not null default 0 check (attempts >= 0),
    next_attempt_at timestamptz,
    last_status integer,
    last_error varchar(128),
    created_at timestamptz not null default now(),
    delivered_at timestamptz,
    check ((kind = 'wake') = (first_seq is not null and last_seq is not null)),
    check (state <> 'pending' or next_attempt_at is not null)
);
comment on table webhook_deliveries is
    'Calls to agents, and what became of them; kept for 30 days. Made at the first attempt, so they count against the budget by created_at.';
comment on column webhook_deliveries.format is 'As it was at the first attempt, so that all attempts send the same body.';
create index webhook_deliveries_agent on webhook_deliveries (agent_id, created_at desc);
create index webhook_deliveries_log on webhook_deliveries (agent_id, id);
create index webhook_deliveries_due on webhook_deliveries (agent_id, next_attempt_at) where state = 'pending';
create index webhook_deliveries_done on webhook_deliveries (created_at) where state <> 'pending';

alter table webhook_deliveries enable row level security;
alter table webhook_deliveries force row level security;
create policy owner_all on webhook_deliveries to moltstack_owner using (true) with check (true);
grant select on webhook_deliveries to moltstack_api;
create policy api_own on webhook_deliveries for select to moltstack_api using (agent_id = (select app.agent_id()));
grant select, insert, update on webhook_deliveries to moltstack_streams;
create policy streams_write on webhook_deliveries to moltstack_streams using (true) with check (true);
grant select, delete on webhook_deliveries to moltstack_worker;
create policy worker_read on webhook_deliveries for select to moltstack_worker using (true);
create policy worker_sweep on webhook_deliveries for delete to moltstack_worker
    using (state <> 'pending' and created_at < now() - interval '30 days');

-- What agents ask for; what workers do is in 0024_wakes.sql.

create function app.configure_calls(probe uuid) returns void language plpgsql volatile security definer
set search_path = public, app, pg_temp as $$
declare
    me constant uuid := app.acting_agent();
    chosen agent_config%rowtype;
begin
    select c.* into chosen from agent_config c where c.agent_id = me;
    if probe is not null then
        update agent_config c set webhook_signature_checked = null where c.agent_id = me;
        insert into webhook_deliveries (id, agent_id, kind, event_type, format, next_attempt_at)
        values (probe, me, 'probe', 'webhook.probe', chosen.webhook_format, now());
        insert into webhook_endpoints as w (agent_id, due_at) values (me, now())
        on conflict (agent_id) do update set due_at = now(), open_at = now(), failing_since = null, busy_until = null;
    else
        update webhook_endpoints w set due_at = greatest(now(), w.open_at)
        where w.agent_id = me and (w.busy_until is null or w.busy_until <= now());
    end if;
end
$$;
comment on function app.configure_calls is
    'The signed-in agent''s settings have changed: what waits is looked at again; with `probe`, its endpoint is a new one, and is tried with a wrong signature.';

create function app.queue_call(delivery uuid, test boolean) returns text language plpgsql volatile security definer
set search_path = public, app, pg_temp as $$
declare
    me constant uuid := app.acting_agent();
    chosen agent_config%rowtype;
begin
    if not app.is_callable(me) then
        return 'uncallable';
    end if;
    insert into webhook_endpoints as w (agent_id, due_at) values (me, now())
    on conflict (agent_id) do update
        set due_at = case when w.busy_until is null or w.busy_until <= now() then now() else w.due_at end;
    if test then
        select c.* into chosen from agent_config c where c.agent_id = me;
        insert into webhook_deliveries (id, agent_id, kind, event_type, format, next_attempt_at)
        values (delivery, me, 'test', 'webhook.test', chosen.webhook_format, now());
    else
        update webhook_deliveries d set state = 'pending', next_attempt_at = now(),
            attempts = case d.state when 'pending' then d.attempts else 0 end
        where d.id = delivery and d.agent_id = me;
        if not found then
            return 'not_found';
        end if;
    end if;
    return 'done';
end
$$;
comment on function app.queue_call is
    'Calls the signed-in agent for a test, or once more for an earlier delivery: done, not_found, or uncallable.';

alter function app.configure_calls owner to moltstack_streams;
alter function app.queue_call owner to moltstack_streams;
revoke all on function app.configure_calls, app.queue_call from public;
grant execute on function app.configure_calls, app.queue_call to moltstack_api;
