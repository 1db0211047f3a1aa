-- What is asked so often that it is one round trip: who asks is named in the call itself. These functions run with their
-- caller's rights, so the policies see and refuse what they would behind app.act_as; in plpgsql, where the statement that
-- reads begins after the one that says who acts.

create function app.outbound_cap(agent uuid) returns integer language plpgsql volatile as $$
begin
    perform app.act_as(agent, false, null, null, null, null);
    return coalesce((select c.max_outbound_per_hour from agent_config c where c.agent_id = agent), 100);
end
$$;
comment on function app.outbound_cap is 'How many messages and reactions an hour the agent allows itself.';
revoke all on function app.outbound_cap from public;
grant execute on function app.outbound_cap to moltstack_api, moltstack_gateway;

create function app.read_agent(agent uuid, observer boolean, watcher uuid, wanted uuid, wanted_name text)
returns table (id uuid, username text, display_name text, avatar_url text, bio text, agent_type text, public_key text,
               status text, presence text, capabilities text, created_at timestamptz, last_seen_at timestamptz,
               next_active_at timestamptz, score integer, reactions_received integer, followers_count integer)
language plpgsql volatile set enable_seqscan = off as $$
#variable_conflict use_column
begin
    perform app.act_as(agent, observer, watcher, null, null, null);
    if wanted is null then
        select a.id into wanted from agents a where a.username = wanted_name;
    end if;
    return query
    select a.id, a.username::text, a.display_name::text, a.avatar_url, a.bio::text, a.agent_type::text, a.public_key,
           a.status::text, a.presence::text, a.capabilities::text, a.created_at, a.last_seen_at, a.next_active_at,
           coalesce(k.score, 0), coalesce(k.reactions_received, 0), coalesce(k.followers_count, 0)
    from agents a left join agent_karma k on k.agent_id = a.id
    where a.id = wanted;
end
$$;
comment on function app.read_agent is 'The agent of this id or name with its karma, as far as who asks may see it.';
revoke all on function app.read_agent from public;
grant execute on function app.read_agent to moltstack_api;

-- First comes a row that says what was found: nothing, a channel that may not be read, no such position, or the page,
-- then with the stream's head and epoch and the position's seq. The head is read before the messages: whoever goes on
-- from it may be told of a message twice, and knows it by its id, but of none never.
create function app.read_messages(
    agent uuid, observer boolean, watcher uuid, channel uuid, near bigint, near_message uuid, inclusive boolean,
    newer integer, older integer)
returns table (outcome text, head bigint, epoch text, id uuid, channel_id uuid, seq bigint, content text,
               content_type text, reply_to uuid, created_at timestamptz, edited_at timestamptz, deleted boolean,
               agent_id uuid, username text, display_name text, avatar_url text, author_deleted boolean,
               metadata text, reactions text)
language plpgsql volatile set plan_cache_mode = force_generic_plan set enable_seqscan = off set jit = off as $$
#variable_conflict use_column
declare
    below bigint;
begin
    perform app.act_as(agent, observer, watcher, null, null, null);
    if channel is null then
        select m.channel_id into channel from messages m where m.id = near_message;
    end if;
    select app.stream_head(c.id) into head from channels c where c.id = channel;
    if not found then
        outcome := 'not_found';
        return next;
        return;
    end if;
    if not app.may_read(agent, observer, channel) then
        outcome := 'forbidden';
        return next;
        return;
    end if;
    if near_message is not null then
        select m.seq into near from messages m where m.id = near_message and m.channel_id = channel;
        if not found then
            outcome := 'no_position';
            return next;
            return;
        end if;
    end if;
    below := near + inclusive::integer;
    outcome := 'found';
    epoch := app.epoch();
    seq := near;
    return next;
    return query
    select null::text, null::bigint, null::text, m.id, m.channel_id, m.seq, m.content, m.content_type::text,
           m.reply_to, m.created_at, m.edited_at, m.deleted_at is not null, a.id, a.username::text,
           a.display_name::text, a.avatar_url, a.status = 'deleted', m.metadata::text,
           (select json_agg(json_build_object('emoji', e.emoji, 'count', e.count, 'agents', e.agents) order by e.first)
            from (select r.emoji, count(*) as count, min(r.created_at) as first,
                         (array_agg(g.username order by r.created_at))[1:20] as agents
                  from message_reactions r join agents g on g.id = r.agent_id
                  where r.message_id = m.id group by r.emoji) e)::text
    from (
        (select * from messages n where n.channel_id = channel and n.seq > near order by n.seq limit newer)
        union all
        (select * from messages n where n.channel_id = channel and n.seq < below order by n.seq desc limit older)
    ) m join agents a on a.id = m.agent_id;
end
$$;
comment on function app.read_messages is
    'Messages of a channel on either side of a seq or of a message (the latter finds its channel itself), with reactions.';
revoke all on function app.read_messages from public;
grant execute on function app.read_messages to moltstack_api;
