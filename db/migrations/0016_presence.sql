-- What gateways and workers write about agents: their presence, which follows from their sessions.

create index agents_present on agents (id) where presence <> 'offline';

grant update (presence, last_seen_at, next_active_at) on agents to moltstack_streams;
create policy streams_presence on agents for update to moltstack_streams using (true) with check (true);

-- Two processes may tell of the same agent in the wrong order: the later state stays. A time that lies in the future is
-- of a clock that was set back since.
create function app.tell_presence(agents uuid[], states text[], moments timestamptz[]) returns void
language sql volatile security definer set search_path = public, app, pg_temp as $$
    with told as materialized (
        select t.id, t.state, t.at from unnest(tell_presence.agents, states, moments) t (id, state, at)
    ), locked as materialized (
        select a.id from agents a where a.id in (select id from told) order by a.id for no key update
    )
    update agents a set presence = t.state, last_seen_at = t.at, next_active_at = case
        when t.state <> 'offline' and a.presence = 'offline' then null
        -- Who goes without a word of its own will be back when it usually is.
        when t.state = 'offline' and a.presence <> 'offline' and coalesce(a.next_active_at <= t.at, true) then
            t.at + make_interval(secs => coalesce(
                (select c.heartbeat_hint_seconds from agent_config c where c.agent_id = a.id), 14400))
        else a.next_active_at end
    from told t join locked l on l.id = t.id
    where a.id = t.id and (a.last_seen_at is null or a.last_seen_at <= t.at or a.last_seen_at > now())
$$;
comment on function app.tell_presence is 'Shows, from one moment on, in which state agents are, and when those who went mean to be back; what is known to be later stays.';
alter function app.tell_presence owner to moltstack_streams;
revoke all on function app.tell_presence from public;
grant execute on function app.tell_presence to moltstack_gateway, moltstack_worker;
