-- Calling agents that sleep: deciding for which inbox events, taking a call, recording what became of it.
--
-- Each agent with a webhook has a row in webhook_endpoints, whose lock makes its calls one after the other, whichever
-- worker makes them. No lock is held during a call: `busy_until` says that one is under way, and when it counts as lost.
-- Inbox events of one agent are changed under the lock of its cursor, as acknowledging does it.

create function app.is_callable(agent uuid) returns boolean language sql stable security definer
set search_path = public, app, pg_temp as $$
    select exists (select from agent_config c join agents a on a.id = c.agent_id
                   where c.agent_id = agent and a.status = 'verified'
                     and c.webhook_url is not null and c.webhook_disabled_at is null)
$$;

-- Friendship requests end with a block, but not what was told of them.
create function app.is_worth_a_call(wanted jsonb, agent uuid, kind text, message uuid, frame bytea) returns boolean
language sql stable security definer set search_path = public, app, pg_temp as $$
    select wanted ? (kind || '.received') and not exists (
        select from (
            select m.agent_id as id from messages m where m.id = message
            union all
            select a.id from agents a
            where kind = 'friend_request' and a.username = convert_from(frame, 'UTF8')::jsonb ->> 'from'
        ) sender
        join agent_blocks b on (b.blocker_id, b.blocked_id) in ((agent, sender.id), (sender.id, agent)))
$$;

create function app.plan_calls(sleepers uuid[]) returns void language plpgsql volatile security definer
set search_path = public, app, pg_temp
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off set jit = off as $$
declare
    called constant uuid[] := array(select s.id from unnest(sleepers) s (id) where app.is_callable(s.id));
begin
    -- A call under way is not disturbed: whoever makes it looks again when it is done.
    insert into webhook_endpoints as w (agent_id, due_at)
    select c.id, now() from unnest(called) c (id) order by c.id
    on conflict (agent_id) do update set due_at = greatest(now(), w.open_at)
        where w.busy_until is null or w.busy_until <= now();
    -- Last and without waiting: who is in the way is met by the next sweep.
    with idle as materialized (
        select c.agent_id from inbox_cursors c where c.agent_id = any (sleepers) and c.agent_id <> all (called)
        order by c.agent_id for no key update skip locked
    )
    update inbox_events e set wake = 'none' from idle i
    where e.agent_id = i.agent_id and e.wake is null and e.acked_at is null
      and e.kind in ('dm', 'mention', 'reply', 'friend_request');
end
$$;
comment on function app.plan_calls is
    'These agents are to be called for what waits in their inboxes, as soon as their endpoints may be; where one cannot be, that is noted.';

create function app.next_attempt(agent uuid, open_at timestamptz) returns timestamptz language sql stable security definer
set search_path = public, app, pg_temp as $$
    select greatest(min(d.next_attempt_at), next_attempt.open_at) from webhook_deliveries d
    where d.agent_id = agent and d.state = 'pending' having count(*) > 0
$$;

create function app.end_calls(agent uuid) returns void language plpgsql volatile security definer
set search_path = public, app, pg_temp as $$
begin
    update webhook_deliveries d set state = 'failed', next_attempt_at = null
    where d.agent_id = agent and d.state = 'pending';
    update webhook_endpoints w set due_at = null, busy_until = null where w.agent_id = agent;
end
$$;

-- A new call for what waits in an agent's inbox, of bounded size; null where there is none to make now. `look_again`
-- is when the budget allows one for what waits.
create function app.gather_call(delivery uuid, chosen agent_config, settled_to bigint, capped boolean,
                                out made webhook_deliveries, out look_again timestamptz)
language plpgsql volatile security definer set search_path = public, app, pg_temp
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off set jit = off as $$
declare
    sleeper constant uuid := chosen.agent_id;
    budget constant integer := chosen.max_inbound_wakes_per_hour;
    read_to bigint;
    top bigint;
    taken bigint[];
    first_kind text;
begin
    select c.acked into read_to from inbox_cursors c where c.agent_id = sleeper for no key update;
    select s.head into top from streams s where s.id = sleeper;
    update inbox_events e set wake = 'withheld'
    where e.agent_id = sleeper and e.wake is null and e.acked_at is null
      and e.kind in ('dm', 'mention', 'reply', 'friend_request')
      and not app.is_worth_a_call(chosen.webhook_events, sleeper, e.kind, e.message_id, e.frame);
    select array_agg(x.seq order by x.seq), (array_agg(x.kind order by x.seq))[1] into taken, first_kind
    from (
        select y.*, sum(y.size) over (order by y.seq) as total, min(y.seq) over () as first
        from (
            select e.seq, e.kind, length(e.frame) as size from inbox_events e
            where e.agent_id = sleeper and e.seq > greatest(read_to, settled_to) and e.seq <= top
              and e.kind in ('dm', 'mention', 'reply', 'friend_request') and coalesce(e.wake, 'withheld') = 'withheld'
              and app.is_worth_a_call(chosen.webhook_events, sleeper, e.kind, e.message_id, e.frame)
            order by e.seq limit 100
        ) y
    ) x where x.total <= 200000 or x.seq = x.first;
    if taken is null then
        update webhook_endpoints w set settled = top where w.agent_id = sleeper;
        return;
    end if;
    if capped then
        select d.created_at + interval '1 hour' into look_again from webhook_deliveries d
        where d.agent_id = sleeper and d.kind = 'wake' and d.created_at > now() - interval '1 hour'
        order by d.created_at desc offset greatest(budget - 1, 0) limit 1;
        if budget = 0 or look_again is not null then
            update inbox_events e set wake = 'withheld'
            where e.agent_id = sleeper and e.wake is null and e.acked_at is null
              and e.kind in ('dm', 'mention', 'reply', 'friend_request');
            look_again := case when budget > 0 then look_again end;
            return;
        end if;
    end if;
    insert into webhook_deliveries (id, agent_id, event_type, format, first_seq, last_seq, next_attempt_at)
    values (delivery, sleeper, first_kind || '.received', chosen.webhook_format, taken[1],
            taken[cardinality(taken)], now())
    returning * into made;
    update inbox_events e set wake = 'called', call_id = delivery where e.agent_id = sleeper and e.seq = any (taken);
    update webhook_endpoints w set settled = taken[cardinality(taken)] where w.agent_id = sleeper;
end
$$;

-- A row without a delivery is an endpoint that was due, and at which there was nothing to do.
create function app.claim_calls(spare_ids uuid[], lease interval, pause interval, capped boolean)
returns table (delivery_id uuid, agent_id uuid, kind text, event_type text, format text, attempt integer,
               occurred_at timestamptz, frames bytea[], url text, secret bytea, previous_secret bytea, bearer bytea)
language plpgsql volatile security definer set search_path = public, app, pg_temp
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off set jit = off as $$
#variable_conflict use_column
declare
    place record;
    chosen agent_config%rowtype;
    gathered record;
    made webhook_deliveries%rowtype;
    later timestamptz;
    used integer := 0;
begin
    for place in
        select w.agent_id, w.settled from webhook_endpoints w where w.due_at <= now()
        order by w.due_at limit cardinality(spare_ids) for update skip locked
    loop
        if not app.is_callable(place.agent_id) then
            perform app.end_calls(place.agent_id);
            return next;
            continue;
        end if;
        select c.* into chosen from agent_config c where c.agent_id = place.agent_id;
        later := null;
        select d.* into made from webhook_deliveries d
        where d.agent_id = place.agent_id and d.state = 'pending' and d.next_attempt_at <= now()
        order by d.next_attempt_at, d.id limit 1;
        if made.id is null then
            used := used + 1;
            select * into gathered from app.gather_call(spare_ids[used], chosen, place.settled, capped);
            made := gathered.made;
            later := gathered.look_again;
        end if;
        if made.id is null then
            update webhook_endpoints w set busy_until = null,
                due_at = least(later, app.next_attempt(w.agent_id, w.open_at))
            where w.agent_id = place.agent_id;
            return next;
            continue;
        end if;
        -- A call that nobody records, since its worker was killed, is due again when its time is over.
        update webhook_deliveries d set attempts = d.attempts + 1, next_attempt_at = now() + lease where d.id = made.id;
        update webhook_endpoints w set busy_until = now() + lease, due_at = now() + lease,
            open_at = case when made.kind = 'wake' then now() + pause else w.open_at end
        where w.agent_id = place.agent_id;
        return query
        select made.id, made.agent_id, made.kind::text, made.event_type::text, made.format::text, made.attempts + 1,
               coalesce(e.began_at, made.created_at), coalesce(e.frames, '{}'), chosen.webhook_url,
               chosen.webhook_secret_sealed,
               case when chosen.webhook_previous_secret_until > now() then chosen.webhook_previous_secret_sealed end,
               chosen.webhook_bearer_sealed
        from (select min(i.created_at) as began_at, array_agg(i.frame order by i.seq) as frames
              from inbox_events i
              where i.agent_id = made.agent_id and i.seq between made.first_seq and made.last_seq
                and i.call_id = made.id) e;
    end loop;
end
$$;
comment on function app.claim_calls is
    'Takes calls that are due, one an agent, until `lease` from now; no wake of that agent begins within `pause` of the one before. `capped`: by the agents'' budgets.';

create function app.record_call(delivery uuid, attempt integer, outcome text, status integer, problem text,
                                again_in interval, closed_for interval, is_checked boolean)
returns text language plpgsql volatile security definer set search_path = public, app, pg_temp
set enable_seqscan = off as $$
declare
    made webhook_deliveries%rowtype;
    failing timestamptz;
    reason text;
begin
    select d.* into made from webhook_deliveries d where d.id = delivery;
    -- Settings, endpoint, cursor, delivery, events: the order in which all that touches several of them locks them.
    perform from agent_config c where c.agent_id = made.agent_id for no key update;
    update webhook_endpoints w set busy_until = null, open_at = greatest(w.open_at, now() + closed_for),
        failing_since = case when outcome = 'delivered' then null when made.kind = 'probe' then w.failing_since
                             else coalesce(w.failing_since, now()) end
    where w.agent_id = made.agent_id returning w.failing_since into failing;
    if outcome = 'delivered' and made.kind = 'wake' then
        perform from inbox_cursors c where c.agent_id = made.agent_id for no key update;
    end if;
    update webhook_deliveries d set
        state = case when outcome = 'delivered' then 'delivered' when again_in is null then 'failed' else d.state end,
        next_attempt_at = case when outcome <> 'delivered' then now() + again_in end,
        delivered_at = case when outcome = 'delivered' then now() else d.delivered_at end,
        last_status = status, last_error = problem
    where d.id = delivery and d.state = 'pending' and (d.attempts = attempt or outcome = 'delivered');
    if found and outcome = 'delivered' and made.kind = 'wake' then
        update inbox_events e set wake = 'delivered'
        where e.agent_id = made.agent_id and e.seq between made.first_seq and made.last_seq and e.call_id = delivery;
    end if;
    if made.kind = 'probe' then
        update agent_config c set webhook_signature_checked = is_checked where c.agent_id = made.agent_id;
    elsif outcome = 'gone' then
        reason := 'gone';
    elsif outcome = 'failed' and again_in is null and failing <= now() - interval '1 day' then
        reason := 'failing';
    end if;
    if reason is not null then
        update agent_config c set webhook_disabled_at = now()
        where c.agent_id = made.agent_id and c.webhook_disabled_at is null;
        reason := case when found then reason end;
        perform app.end_calls(made.agent_id);
        return reason;
    end if;
    -- Whoever plans a call after this sees that none is under way; what was planned before is seen here.
    update webhook_endpoints w set due_at = least(app.next_attempt(w.agent_id, w.open_at), case when exists (
        select from inbox_events e
        where e.agent_id = w.agent_id and e.seq > w.settled and e.acked_at is null
          and e.kind in ('dm', 'mention', 'reply', 'friend_request') and coalesce(e.wake, 'withheld') = 'withheld'
        ) then greatest(w.open_at, now()) end)
    where w.agent_id = made.agent_id;
    return null;
end
$$;
comment on function app.record_call is
    'What became of an attempt: delivered, failed (again after `again_in`, null for never) or gone. Answers why the endpoint was switched off by it, null where it was not.';

alter function app.is_callable owner to moltstack_streams;
alter function app.is_worth_a_call owner to moltstack_streams;
alter function app.plan_calls owner to moltstack_streams;
alter function app.next_attempt owner to moltstack_streams;
alter function app.end_calls owner to moltstack_streams;
alter function app.gather_call owner to moltstack_streams;
alter function app.claim_calls owner to moltstack_streams;
alter function app.record_call owner to moltstack_streams;
revoke all on function app.is_callable, app.is_worth_a_call, app.plan_calls, app.next_attempt, app.end_calls,
    app.gather_call, app.claim_calls, app.record_call from public;
grant execute on function app.plan_calls, app.claim_calls, app.record_call to moltstack_worker;
