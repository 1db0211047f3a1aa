-- Events that a REST transaction causes (somebody joined, a channel was made). The stream's lock is taken here, so a
-- transaction calls this last.

create function app.append_event(stream uuid, head bytea, tail bytea, at timestamptz)
returns table (seq bigint, frame bytea) language plpgsql volatile security definer
set search_path = public, app, pg_temp as $$
#variable_conflict use_column
declare
    number bigint;
    finished bytea;
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
    update streams s set head = s.head + 1 where s.id = stream returning s.head into number;
    finished := head || convert_to(number::text, 'UTF8') || tail;
    insert into events (stream_id, seq, created_at, frame) values (stream, number, at, finished);
    return query select number, finished;
end
$$;
comment on function app.append_event is
    'Adds the event head || seq || tail to a server''s or channel''s stream, on behalf of a member.';
alter function app.append_event owner to moltstack_streams;
revoke all on function app.append_event from public;
grant execute on function app.append_event to moltstack_api;
