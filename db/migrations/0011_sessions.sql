-- What a gateway asks of the database. Its role reads streams and events of everybody, so what one session may see is
-- decided here, at each subscribe and after each change of membership.

create function app.open_session(agent uuid)
returns table (status text, username text, card bytea, head bigint, acked bigint)
language sql stable security definer set search_path = public, app, pg_temp as $$
    select a.status, a.username, a.card, s.head, c.acked
    from agents a join streams s on s.id = a.id join inbox_cursors c on c.agent_id = a.id
    where a.id = agent
$$;
comment on function app.open_session is 'What a new session of this agent starts from; no row where there is no such agent.';
alter function app.open_session owner to moltstack_streams;

create function app.open_streams(agent uuid, observer boolean, wanted uuid[])
returns table (stream_id uuid, server_id uuid, server_instructions text, channel_instructions text)
language sql stable security definer set search_path = public, app, pg_temp as $$
    select r.stream_id, s.id, s.instructions, c.instructions
    from app.readable(agent, observer, wanted) r
    left join channels c on c.id = r.stream_id
    left join servers s on s.id = coalesce(c.server_id, r.stream_id)
$$;
comment on function app.open_streams is
    'The instructions of those of the wanted channels and servers that may be read; the others are left out.';
alter function app.open_streams owner to moltstack_streams;

-- Subscriptions that have lost their right, of many sessions at once: an observer's reader is null.
create function app.lost(readers uuid[], wanted uuid[])
returns table (reader uuid, stream_id uuid, reason text)
language sql stable security definer set search_path = public, app, pg_temp as $$
    select u.reader, u.stream, case
        when s.id is null then 'deleted'
        when exists (select from server_bans b where b.server_id = s.id and b.agent_id = u.reader offset 0)
          or exists (select from channel_bans b where b.channel_id = u.stream and b.agent_id = u.reader offset 0)
            then 'banned'
        else 'left' end
    from unnest(readers, wanted) u (reader, stream)
    left join lateral (select id, server_id from channels where id = u.stream offset 0) c on true
    left join lateral (select id from servers
                       where id = case when c.id is null then u.stream else c.server_id end offset 0) s on true
    where not app.may_read(u.reader, u.reader is null, u.stream)
$$;
comment on function app.lost is 'Which of these readers may not read which of these streams (pairs), and why.';
alter function app.lost owner to moltstack_streams;
revoke all on function app.lost from public;
grant execute on function app.lost to moltstack_gateway;

create function app.instructions(wanted uuid[])
returns table (stream_id uuid, is_channel boolean, server_instructions text, channel_instructions text)
language sql stable security definer set search_path = public, app, pg_temp as $$
    select u.id, c.id is not null, s.instructions, c.instructions
    from unnest(wanted) u (id)
    left join lateral (select id, server_id, instructions from channels where id = u.id offset 0) c on true
    join lateral (select instructions from servers
                  where id = case when c.id is null then u.id else c.server_id end offset 0) s on true
$$;
comment on function app.instructions is 'The instructions that go with these channels and servers now.';
alter function app.instructions owner to moltstack_streams;
revoke all on function app.instructions from public;
grant execute on function app.instructions to moltstack_gateway;

revoke all on function app.readable, app.open_session, app.open_streams from public;
grant execute on function app.readable to moltstack_api, moltstack_gateway;
grant execute on function app.open_session, app.open_streams to moltstack_gateway;

create function app.stream_head(stream uuid) returns bigint language sql stable security definer
set search_path = public, app, pg_temp as $$
    select head from streams where id = stream
$$;
comment on function app.stream_head is 'The seq of the last event of a stream that the caller has found by itself.';
alter function app.stream_head owner to moltstack_streams;
revoke all on function app.stream_head from public;
grant execute on function app.stream_head to moltstack_api;

create function app.acknowledge(agent uuid, up_to bigint) returns boolean language plpgsql volatile security definer
set search_path = public, app, pg_temp as $$
declare
    before bigint;
begin
    if not exists (select from streams where id = agent and head >= up_to) then
        return false;
    end if;
    select acked into before from inbox_cursors where agent_id = agent for update;
    if up_to > before then
        update inbox_cursors set acked = up_to where agent_id = agent;
        update inbox_events set acked_at = now() where agent_id = agent and seq > before and seq <= up_to;
    end if;
    return true;
end
$$;
comment on function app.acknowledge is 'Moves an inbox cursor forward; false beyond the head of the inbox.';
alter function app.acknowledge owner to moltstack_streams;
revoke all on function app.acknowledge from public;
grant execute on function app.acknowledge to moltstack_api, moltstack_gateway;
