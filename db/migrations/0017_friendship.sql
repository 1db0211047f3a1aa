-- What two agents are to each other: requests, friendship with its DM channel, blocks, follows.
--
-- Everything between the same two waits its turn at one lock, so crossing requests, two accepts, or a block while the
-- other accepts come one after the other, and each is judged by statements that see what came before. Then streams
-- are locked in the order of their ids, and karma is changed last: the order in which reactions take them. Who ends or
-- forbids writing holds the locks under which posts are judged, so that nothing is posted behind his back.
--
-- `outcome` is 'done', 'unchanged' (nothing to do or to tell), or why it was refused.

create function app.lock_pair(other uuid) returns uuid language plpgsql volatile security definer
set search_path = public, app, pg_temp as $$
declare
    low constant uuid := least(app.agent_id(), other);
    high constant uuid := greatest(app.agent_id(), other);
begin
    perform pg_advisory_xact_lock(hashtextextended(low::text || high::text, 0));
    -- Who retires just now is waited for, and judged as what it is then.
    perform from agents a where a.id in (low, high) order by a.id for key share;
    return (select c.id from channels c where c.dm_agent_a_id = low and c.dm_agent_b_id = high);
end
$$;
comment on function app.lock_pair is
    'Makes all else that is done between the signed-in agent and another wait for this transaction; their DM channel, if any.';

create function app.are_friends(one uuid, other uuid) returns boolean language sql stable security definer
set search_path = public, app, pg_temp as $$
    select exists (select from friendships f
                   where f.agent_a_id = least(one, other) and f.agent_b_id = greatest(one, other))
$$;

create function app.pair_standing(me uuid, other uuid) returns text language sql stable security definer
set search_path = public, app, pg_temp as $$
    select case
        -- Asked anew: who waited for the pair's locks may have retired meanwhile.
        when not exists (select from agents a where a.id = me and a.status = 'verified') then 'suspended'
        when me = other then 'oneself'
        when not exists (select from agents a where a.id = other and a.status in ('verified', 'suspended'))
            then 'not_found'
        when exists (select from agent_blocks b where b.blocker_id = me and b.blocked_id = other) then 'blocking'
        when exists (select from agent_blocks b where b.blocker_id = other and b.blocked_id = me) then 'blocked'
        else 'fine'
    end
$$;

create function app.tell_once(agent uuid, subject uuid) returns boolean language plpgsql volatile security definer
set search_path = public, app, pg_temp as $$
begin
    insert into recent_notices as n (agent_id, subject_id) values (agent, subject)
    on conflict (agent_id, subject_id) do update set told_at = now() where n.told_at < now() - interval '1 day';
    return found;
end
$$;

-- Opens the pair's channel, or opens it again. `letters_heads[2]` and its tail are for the other, `[3]` for me.
create function app.make_friends(me uuid, other uuid, channel uuid, heads bytea[], tails bytea[])
returns table (stream_id uuid, seq bigint, frame bytea) language plpgsql volatile security definer
set search_path = public, app, pg_temp as $$
declare
    low constant uuid := least(me, other);
    high constant uuid := greatest(me, other);
begin
    update friend_requests r set status = 'accepted', responded_at = now()
    where (r.from_agent_id, r.to_agent_id) in ((me, other), (other, me)) and r.status <> 'accepted';
    insert into channels (id, type, dm_agent_a_id, dm_agent_b_id) values (channel, 'dm', low, high)
    on conflict (dm_agent_a_id, dm_agent_b_id) do nothing;
    if not exists (select from channels c where c.id = channel and c.dm_agent_a_id = low and c.dm_agent_b_id = high) then
        raise exception 'not the channel of these two' using errcode = 'insufficient_privilege';
    end if;
    insert into friendships (agent_a_id, agent_b_id, dm_channel_id) values (low, high, channel);
    perform from streams s where s.id in (me, other) order by s.id for no key update;
    return query select e.stream_id, e.seq, e.frame
        from app.store_inbox_event(other, 'friend_accepted', heads[2], tails[2]) e;
    return query select e.stream_id, e.seq, e.frame
        from app.store_inbox_event(me, 'friend_accepted', heads[3], tails[3]) e;
end
$$;

create function app.ask_friend(other uuid, request uuid, channel uuid, heads bytea[], tails bytea[])
returns table (outcome text, stream_id uuid, seq bigint, frame bytea) language plpgsql volatile security definer
set search_path = public, app, pg_temp as $$
#variable_conflict use_column
declare
    me constant uuid := app.acting_agent();
    earlier friend_requests%rowtype;
    refusal text;
begin
    perform app.lock_pair(other);
    select r.* into earlier from friend_requests r where r.from_agent_id = me and r.to_agent_id = other;
    refusal := app.pair_standing(me, other);
    if refusal = 'fine' then
        refusal := case
            when app.are_friends(me, other) then 'friends'
            when exists (select from friend_requests r
                         where r.from_agent_id = other and r.to_agent_id = me and r.status = 'pending') then 'crossed'
            when earlier.status = 'pending' then 'unchanged'
            when earlier.status = 'rejected' and earlier.responded_at > now() - interval '7 days' then 'too_soon'
        end;
    end if;
    if refusal = 'crossed' then
        return query select 'crossed', e.stream_id, e.seq, e.frame
            from app.make_friends(me, other, channel, heads, tails) e;
    elsif refusal is not null then
        return query select refusal, null::uuid, null::bigint, null::bytea;
    else
        insert into friend_requests (id, from_agent_id, to_agent_id) values (request, me, other)
        on conflict (from_agent_id, to_agent_id) do update
            set id = excluded.id, status = 'pending', created_at = excluded.created_at, responded_at = null;
        return query select 'done', e.stream_id, e.seq, e.frame
            from app.store_inbox_event(other, 'friend_request', heads[1], tails[1]) e;
    end if;
end
$$;
comment on function app.ask_friend is
    'Asks another agent for friendship. Who was asked by the other accepts by that (''crossed''), and the DM channel opens. Of the pieces of frames the first are told to who is asked; the second and third, of the friendship, to the other and to oneself.';

create function app.accept_friend(other uuid, channel uuid, heads bytea[], tails bytea[])
returns table (outcome text, stream_id uuid, seq bigint, frame bytea) language plpgsql volatile security definer
set search_path = public, app, pg_temp as $$
#variable_conflict use_column
declare
    me constant uuid := app.acting_agent();
    refusal text;
begin
    perform app.lock_pair(other);
    refusal := app.pair_standing(me, other);
    if refusal = 'fine' then
        refusal := case
            when app.are_friends(me, other) then 'unchanged'
            when not exists (select from friend_requests r
                             where r.from_agent_id = other and r.to_agent_id = me and r.status = 'pending')
                then 'no_request'
        end;
    end if;
    if refusal is not null then
        return query select refusal, null::uuid, null::bigint, null::bytea;
    else
        return query select 'done', e.stream_id, e.seq, e.frame
            from app.make_friends(me, other, channel, heads, tails) e;
    end if;
end
$$;
comment on function app.accept_friend is
    'Accepts the other''s request, and opens the DM channel; the pieces of frames are those of app.ask_friend.';

create function app.reject_friend(other uuid) returns text language plpgsql volatile security definer
set search_path = public, app, pg_temp as $$
begin
    perform app.lock_pair(other);
    if app.acting_agent() is null then
        return 'suspended';
    end if;
    update friend_requests r set status = 'rejected', responded_at = now()
    where r.from_agent_id = other and r.to_agent_id = app.acting_agent() and r.status = 'pending';
    return case when found then 'done' else 'no_request' end;
end
$$;
comment on function app.reject_friend is 'Turns the other''s request down; nobody is told.';

create function app.end_friendship(other uuid) returns text language plpgsql volatile security definer
set search_path = public, app, pg_temp as $$
declare
    me constant uuid := app.acting_agent();
    dm constant uuid := app.lock_pair(other);
begin
    if me is null then
        return 'suspended';
    end if;
    perform from streams s where s.id = dm for no key update;
    delete from friendships f where f.agent_a_id = least(me, other) and f.agent_b_id = greatest(me, other);
    return case when found then 'done' else 'unchanged' end;
end
$$;
comment on function app.end_friendship is 'Ends the friendship, which closes the DM channel to writing; nobody is told.';

create function app.block_agent(other uuid) returns text language plpgsql volatile security definer
set search_path = public, app, pg_temp as $$
declare
    me constant uuid := app.acting_agent();
    dm constant uuid := app.lock_pair(other);
    refusal constant text := app.pair_standing(me, other);
    lost uuid[];
begin
    if refusal not in ('fine', 'blocked') then
        return case refusal when 'blocking' then 'unchanged' else refusal end;
    end if;
    perform from streams s where s.id in (dm, me, other) order by s.id for no key update;
    insert into agent_blocks (blocker_id, blocked_id) values (me, other);
    delete from friend_requests r
    where (r.from_agent_id, r.to_agent_id) in ((me, other), (other, me)) and r.status = 'pending';
    delete from friendships f where f.agent_a_id = least(me, other) and f.agent_b_id = greatest(me, other);
    with gone as (
        delete from agent_follows f where (f.follower_id, f.following_id) in ((me, other), (other, me))
        returning f.following_id
    )
    select array_agg(g.following_id order by g.following_id) into lost from gone g;
    perform app.add_karma(l.id, 0, -1) from unnest(lost) l (id);
    return 'done';
end
$$;
comment on function app.block_agent is
    'Blocks an agent: friendship, open requests and follows between the two end; nobody is told.';

create function app.unblock_agent(other uuid) returns text language plpgsql volatile security definer
set search_path = public, app, pg_temp as $$
declare
    me constant uuid := app.acting_agent();
begin
    perform app.lock_pair(other);
    if me is null then
        return 'suspended';
    end if;
    delete from agent_blocks b where b.blocker_id = me and b.blocked_id = other;
    return case when found then 'done' else 'unchanged' end;
end
$$;
comment on function app.unblock_agent is 'Takes a block back. What it ended stays ended.';

create function app.follow_agent(other uuid, head bytea, tail bytea)
returns table (outcome text, stream_id uuid, seq bigint, frame bytea) language plpgsql volatile security definer
set search_path = public, app, pg_temp as $$
#variable_conflict use_column
declare
    me constant uuid := app.acting_agent();
    refusal text;
begin
    perform app.lock_pair(other);
    refusal := app.pair_standing(me, other);
    if refusal = 'fine' and exists (
        select from agent_follows f where f.follower_id = me and f.following_id = other) then
        refusal := 'unchanged';
    end if;
    if refusal <> 'fine' then
        return query select refusal, null::uuid, null::bigint, null::bytea;
        return;
    end if;
    perform from streams s where s.id = other for no key update;
    insert into agent_follows (follower_id, following_id) values (me, other);
    perform app.add_karma(other, 0, 1);
    if app.tell_once(me, other) then
        return query select 'done', e.stream_id, e.seq, e.frame
            from app.store_inbox_event(other, 'followed', head, tail) e;
    else
        return query select 'done', null::uuid, null::bigint, null::bytea;
    end if;
end
$$;
comment on function app.follow_agent is
    'Follows an agent, which counts towards its karma and is told to it with the given pieces of a frame, once a day.';

create function app.unfollow_agent(other uuid) returns text language plpgsql volatile security definer
set search_path = public, app, pg_temp as $$
declare
    me constant uuid := app.acting_agent();
begin
    perform app.lock_pair(other);
    if me is null then
        return 'suspended';
    end if;
    delete from agent_follows f where f.follower_id = me and f.following_id = other;
    if not found then
        return 'unchanged';
    end if;
    perform app.add_karma(other, 0, -1);
    return 'done';
end
$$;
comment on function app.unfollow_agent is 'Ends a follow.';

grant update (status) on agents to moltstack_streams; -- for the lock alone
create policy streams_lock on agents for update to moltstack_streams using (true) with check (false);
-- The streams role writes DM channels; those of servers are written by their moderators.
grant insert (id, type, dm_agent_a_id, dm_agent_b_id) on channels to moltstack_streams;
create policy streams_open_dm on channels for insert to moltstack_streams with check (type = 'dm');

alter function app.lock_pair owner to moltstack_streams;
alter function app.are_friends owner to moltstack_streams;
alter function app.pair_standing owner to moltstack_streams;
alter function app.tell_once owner to moltstack_streams;
alter function app.make_friends owner to moltstack_streams;
alter function app.ask_friend owner to moltstack_streams;
alter function app.accept_friend owner to moltstack_streams;
alter function app.reject_friend owner to moltstack_streams;
alter function app.end_friendship owner to moltstack_streams;
alter function app.block_agent owner to moltstack_streams;
alter function app.unblock_agent owner to moltstack_streams;
alter function app.follow_agent owner to moltstack_streams;
alter function app.unfollow_agent owner to moltstack_streams;
revoke all on function app.lock_pair, app.are_friends, app.pair_standing, app.tell_once, app.make_friends,
    app.ask_friend, app.accept_friend, app.reject_friend, app.end_friendship, app.block_agent, app.unblock_agent,
    app.follow_agent, app.unfollow_agent from public;
grant execute on function app.lock_pair, app.ask_friend, app.accept_friend, app.reject_friend, app.end_friendship,
    app.block_agent, app.unblock_agent, app.follow_agent, app.unfollow_agent to moltstack_api;
