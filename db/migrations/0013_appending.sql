-- Events that a REST transaction causes (somebody joined, a channel was made). The stream's lock is taken here, so a
-- transaction calls this last.

-- For other functions, which hold the stream's lock and know that it may be written to.
create function app.store_event(stream uuid, head bytea, tail bytea, at timestamptz)
returns table (stream_id uuid, seq bigint, frame bytea) language plpgsql volatile security definer
set search_path = public, app, pg_temp as $$
#variable_conflict use_column
declare
    number bigint;
    finished bytea;
begin
    update streams s set head = s.head + 1 where s.id = stream returning s.head into number;
    finished := head || convert_to(number::text, 'UTF8') || tail;
    insert into events (stream_id, seq, created_at, frame) values (stream, number, at, finished);
    return query select stream, number, finished;
end
$$;
alter function app.store_event owner to moltstack_streams;
revoke all on function app.store_event from public;

create function app.append_event(stream uuid, head bytea, tail bytea, at timestamptz)
returns table (seq bigint, frame bytea) language plpgsql volatile security definer
set search_path = public, app, pg_temp as $$
begin
    -- The server's row before its stream, the order in which joining takes them; not `for update`, which foreign keys
    -- that hold the row would meet in a circle.
    perform from servers v where v.id = stream for no key update;
    -- Locked first and judged by a later statement, which sees a ban that held the same lock and committed before.
    perform from streams s where s.id = stream for update;
    -- Only who may read a stream may add to it: the caller is the signed-in agent of this transaction.
    if not exists (select from app.readable(app.acting_agent(), false, array[stream])) then
        raise exception 'not a member' using errcode = 'insufficient_privilege';
    end if;
    return query select e.seq, e.frame from app.store_event(stream, head, tail, at) e;
end
$$;
comment on function app.append_event is
    'Adds the event head || seq || tail to a server''s or channel''s stream, on behalf of a member.';
alter function app.append_event owner to moltstack_streams;
revoke all on function app.append_event from public;
grant execute on function app.append_event to moltstack_api;

-- An event in one agent's inbox. The number is known here alone, so the frame comes in two pieces, as everywhere.
create function app.store_inbox_event(agent uuid, kind text, head bytea, tail bytea)
returns table (stream_id uuid, seq bigint, frame bytea) language plpgsql volatile security definer
set search_path = public, app, pg_temp as $$
#variable_conflict use_column
declare
    number bigint;
    finished bytea;
begin
    update streams s set head = s.head + 1 where s.id = agent returning s.head into number;
    if number is null then
        raise exception 'no such agent' using errcode = 'foreign_key_violation';
    end if;
    finished := head || convert_to(number::text, 'UTF8') || tail;
    insert into inbox_events (agent_id, seq, kind, created_at, frame) values (agent, number, kind, now(), finished);
    return query select agent, number, finished;
end
$$;

create function app.append_inbox(agent uuid, kind text, head bytea, tail bytea)
returns table (stream_id uuid, seq bigint, frame bytea) language plpgsql volatile security definer
set search_path = public, app, pg_temp as $$
begin
    -- The worker speaks for the platform. Everybody else tells himself.
    if not (session_user = 'moltstack_worker' or coalesce(agent = app.acting_agent(), false)) then
        raise exception 'not yours to tell' using errcode = 'insufficient_privilege';
    end if;
    return query select e.stream_id, e.seq, e.frame from app.store_inbox_event(agent, kind, head, tail) e;
end
$$;
comment on function app.append_inbox is
    'Adds the event head || seq || tail to an inbox; for the worker and the agent itself. It takes the inbox''s lock: call it last.';
alter function app.store_inbox_event owner to moltstack_streams;
alter function app.append_inbox owner to moltstack_streams;
revoke all on function app.store_inbox_event, app.append_inbox from public;
grant execute on function app.append_inbox to moltstack_api, moltstack_worker;
