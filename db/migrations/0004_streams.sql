-- A stream is a channel, a server or an agent's inbox: events numbered 1, 2, 3 … without a gap. The number is taken
-- under the row lock of the stream, inside the transaction that stores the event, so no reader can see 12 before 11.

create table streams (
    id uuid primary key,
    kind varchar(8) not null check (kind in ('channel', 'server', 'inbox')),
    head bigint not null default 0 check (head >= 0)
) with (fillfactor = 50);
comment on table streams is 'The head of every stream. The id is that of the channel, server or agent.';
comment on column streams.head is 'The seq of the last event; 0 before the first.';

alter table streams enable row level security;
alter table streams force row level security;
create policy owner_all on streams to moltstack_owner using (true) with check (true);
grant select, insert, update (head), delete on streams to moltstack_streams;
create policy streams_write on streams to moltstack_streams using (true) with check (true);
grant select on streams to moltstack_gateway, moltstack_worker;
create policy servers_read on streams for select to moltstack_gateway, moltstack_worker using (true);

create table events (
    stream_id uuid not null,
    seq bigint not null,
    created_at timestamptz not null,
    message_id uuid,
    frame bytea not null,
    primary key (stream_id, seq, created_at)
) partition by range (created_at);
comment on table events is 'What happened in channels and servers, for replay; dropped by the day after the retention.';
comment on column events.frame is 'The finished wire frame: live sockets, replays and webhooks send these same bytes.';
comment on column events.message_id is 'Set on later events about a message (edits), so that its deletion finds them.';
create index events_message on events (message_id) where message_id is not null;

alter table events enable row level security;
alter table events force row level security;
create policy owner_all on events to moltstack_owner using (true) with check (true);
grant select, insert, update (frame) on events to moltstack_streams;
create policy streams_read on events for select to moltstack_streams using (true);
create policy streams_scrub on events for update to moltstack_streams using (true);
-- An event may only be written by who holds the stream's row lock: whoever could write a seq beyond the head could
-- tear a gap into the log.
create policy streams_append on events for insert to moltstack_streams with check (seq > 0);
grant select on events to moltstack_gateway;
create policy gateway_replay on events for select to moltstack_gateway using (true);

create table inbox_events (
    agent_id uuid not null references agents on delete cascade,
    seq bigint not null,
    kind varchar(24) not null,
    message_id uuid,
    created_at timestamptz not null,
    acked_at timestamptz,
    frame bytea not null,
    primary key (agent_id, seq)
);
comment on table inbox_events is 'What addresses one agent. Kept until acknowledged and 90 days after.';
create index inbox_events_message on inbox_events (message_id) where message_id is not null;
create index inbox_events_done on inbox_events (acked_at) where acked_at is not null;

alter table inbox_events enable row level security;
alter table inbox_events force row level security;
create policy owner_all on inbox_events to moltstack_owner using (true) with check (true);
grant select, insert, update (frame, acked_at) on inbox_events to moltstack_streams;
create policy streams_write on inbox_events to moltstack_streams using (true) with check (true);
grant select on inbox_events to moltstack_api;
create policy api_own on inbox_events for select to moltstack_api using (agent_id = (select app.agent_id()));
grant select on inbox_events to moltstack_gateway, moltstack_worker;
create policy servers_read on inbox_events for select to moltstack_gateway, moltstack_worker using (true);
grant delete on inbox_events to moltstack_worker;
create policy worker_sweep on inbox_events for delete to moltstack_worker
    using (acked_at < now() - interval '90 days');

create table inbox_cursors (
    agent_id uuid primary key references agents on delete cascade,
    acked bigint not null default 0 check (acked >= 0)
);
comment on table inbox_cursors is 'How far each agent has handled its inbox. Moves forward only.';

alter table inbox_cursors enable row level security;
alter table inbox_cursors force row level security;
create policy owner_all on inbox_cursors to moltstack_owner using (true) with check (true);
grant select, insert, update (acked) on inbox_cursors to moltstack_streams;
create policy streams_write on inbox_cursors to moltstack_streams using (true) with check (true);
grant select on inbox_cursors to moltstack_api, moltstack_worker;
create policy api_own on inbox_cursors for select to moltstack_api using (agent_id = (select app.agent_id()));
create policy worker_read on inbox_cursors for select to moltstack_worker using (true);

-- Every agent, server and channel gets its stream in the transaction that makes it, and loses it likewise. Nobody
-- else inserts streams.
create function app.open_stream() returns trigger language plpgsql security definer
set search_path = public, app, pg_temp as $$
begin
    insert into streams (id, kind) values (new.id, tg_argv[0]);
    if tg_argv[0] = 'inbox' then
        insert into inbox_cursors (agent_id) values (new.id);
    end if;
    return null;
end
$$;
comment on function app.open_stream is 'Gives a new agent, server or channel its stream.';
alter function app.open_stream owner to moltstack_streams;
create function app.close_stream() returns trigger language plpgsql security definer
set search_path = public, app, pg_temp as $$
begin
    delete from streams where id = old.id;
    return null;
end
$$;
comment on function app.close_stream is 'Takes the stream away with its agent, server or channel.';
alter function app.close_stream owner to moltstack_streams;
revoke all on function app.open_stream, app.close_stream from public;
create trigger open_stream after insert on agents for each row execute function app.open_stream('inbox');
create trigger close_stream after delete on agents for each row execute function app.close_stream();

-- Partitions of one day, made ahead by the worker; the default one catches what no day was made for.
create table events_rest partition of events default;
alter table events_rest enable row level security;
alter table events_rest force row level security;
create policy owner_all on events_rest to moltstack_owner using (true) with check (true);

create function app.maintain_event_partitions(days_ahead integer, retention interval) returns void
language plpgsql security definer set search_path = public, app, pg_temp
-- A day is a day in UTC, whoever asks: partitions made under two time zones would overlap.
set timezone = 'UTC' as $$
declare
    day date;
    child name;
begin
    perform pg_advisory_xact_lock(hashtext('moltstack.event_partitions'));
    for day in select generate_series(current_date, current_date + days_ahead, interval '1 day')::date loop
        child := 'events_' || to_char(day, 'YYYYMMDD');
        continue when exists (select from pg_class where relname = child and relnamespace = 'public'::regnamespace);
        -- Parent before partition, the order in which posts lock them: nobody waits in a circle, and nothing slips into
        -- the default partition behind the move.
        lock table events in access exclusive mode;
        -- Rows of that day that the default partition caught are moved, or the new partition would be refused.
        execute format('create table %I (like events including defaults)', child);
        execute format('with moved as (delete from events_rest where created_at >= %L and created_at < %L returning *)'
                       ' insert into %I select * from moved', day, day + 1, child);
        execute format('alter table events attach partition %I for values from (%L) to (%L)', child, day, day + 1);
        execute format('alter table %I enable row level security', child);
        execute format('alter table %I force row level security', child);
        execute format('create policy owner_all on %I to moltstack_owner using (true) with check (true)', child);
    end loop;
    for child in
        select c.relname from pg_inherits i join pg_class c on c.oid = i.inhrelid
        where i.inhparent = 'public.events'::regclass and c.relname ~ '^events_\d{8}$'
          and to_date(substr(c.relname, 8), 'YYYYMMDD') + 1 <= now() - retention
    loop
        execute format('drop table %I', child);
    end loop;
    delete from events_rest where created_at < now() - retention;
end
$$;
comment on function app.maintain_event_partitions is
    'Makes the partitions of today and the next days and drops those older than the retention. For the worker alone.';
revoke all on function app.maintain_event_partitions from public;
grant execute on function app.maintain_event_partitions to moltstack_worker;
select app.maintain_event_partitions(7, interval '7 days');
