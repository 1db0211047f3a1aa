-- The group commit: many agents' posts in one call, each judged by itself under the locks of the streams it touches.
--
-- The order of statements is the design. Each statement of a volatile function sees what was committed before that
-- statement began, so:
--   1. who may be addressed is looked up, without authority, only to know which inboxes to lock;
--   2. all streams are locked in the order of their ids, so two batches cannot wait for each other in a circle;
--   3. everything is judged and written by a statement that began after the locks were held: a ban or a removal that
--      held the same lock and committed first is seen.
-- Nothing here notifies or indexes text.
--
-- Each statement has one plan for its life (force_generic_plan): planning the big one anew takes longer than a post.
-- So the plan must not depend on what the tables held when it was made. Joins go by index only (the settings below),
-- and each look-up is a subquery with `offset 0`, which the planner may not turn into a join: it is then one descent of
-- an index for each post, never a walk through a table that was empty once.
--
-- A frame is put together here, because only here are seq and the author's card true:
--   {"op":"message", head seq middle card tail }
-- where head ends with "seq": and the rest is JSON without its outer braces.

create function app.post_messages(
    message_ids uuid[], agent_ids uuid[], channel_ids uuid[], contents text[], content_types text[],
    metadatas jsonb[], reply_tos uuid[], nonces text[], fingerprints bytea[], created_ats timestamptz[],
    heads bytea[], middles bytea[], tails bytea[], mention_posts integer[], mention_names text[])
returns table (post integer, outcome text, stream_id uuid, seq bigint, message_id uuid, created_at timestamptz,
               frame bytea)
language plpgsql volatile security definer
set search_path = public, app, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off set jit = off
as $$
#variable_conflict use_column
declare
    address_posts integer[];
    address_agents uuid[];
    address_ranks integer[];
begin
    if mention_posts <> '{}' or array_remove(reply_tos, null) <> '{}'
       or exists (select from channels c where c.id = any (channel_ids) and c.type = 'dm') then
        select array_agg(x.n), array_agg(x.agent), array_agg(x.rank) into address_posts, address_agents, address_ranks
        from (
            select m.n, a.id as agent, 1 as rank
            from unnest(mention_posts, mention_names) m (n, name)
            join agents a on a.username = m.name
            union all
            select r.n, t.agent_id, 2
            from unnest(reply_tos) with ordinality r (target, n) join messages t on t.id = r.target
            where r.target is not null
            union all
            select p.n, d.agent, 3
            from unnest(channel_ids, agent_ids) with ordinality p (channel, agent, n)
            join channels c on c.id = p.channel and c.type = 'dm',
            lateral (values (c.dm_agent_a_id), (c.dm_agent_b_id)) d (agent)
        ) x;
    end if;

    perform from streams s where s.id = any (channel_ids || address_agents) order by s.id for no key update;

    return query
    with judged as (
        select q.*, a.card, h.head as before, c.server_id, z.message_id as earlier_id, z.seq as earlier_seq,
               z.created_at as earlier_at,
               case
                   when a.id is null then 'unauthorized'
                   when a.status <> 'verified' then 'suspended'
                   when c.id is null then 'not_found'
                   when c.type = 'dm' and q.agent not in (c.dm_agent_a_id, c.dm_agent_b_id) then 'not_found'
                   when c.type = 'dm' and (
                       exists (select from agent_blocks o where o.blocker_id = c.dm_agent_a_id
                               and o.blocked_id = c.dm_agent_b_id offset 0)
                       or exists (select from agent_blocks o where o.blocker_id = c.dm_agent_b_id
                                  and o.blocked_id = c.dm_agent_a_id offset 0)) then 'blocked'
                   when c.type = 'dm' and not exists (
                       select from friendships o where o.dm_channel_id = c.id offset 0) then 'forbidden'
                   when exists (select from server_bans o
                                where o.server_id = c.server_id and o.agent_id = q.agent offset 0) then 'banned'
                   when exists (select from channel_bans o
                                where o.channel_id = c.id and o.agent_id = q.agent offset 0) then 'banned'
                   when c.type <> 'dm' and m.role is null then
                       case when (select o.is_public from servers o where o.id = c.server_id offset 0)
                            then 'forbidden' else 'not_found' end
                   when c.type = 'announcement' and m.role = 'member' then 'forbidden'
                   when z.message_id is not null and z.fingerprint <> q.fingerprint then 'conflict'
                   when z.message_id is not null then 'again'
                   when q.reply_to is not null and (r.channel_id = q.channel and r.deleted_at is null) is not true
                       then 'invalid_reply'
                   else 'stored'
               end as outcome
        from unnest(message_ids, agent_ids, channel_ids, contents, content_types, metadatas, reply_tos, nonces,
                    fingerprints, created_ats, heads, middles, tails) with ordinality
            q (id, agent, channel, content, content_type, metadata, reply_to, nonce, fingerprint, created_at, head,
               middle, tail, n)
        left join lateral (select o.id, o.status, o.card from agents o where o.id = q.agent offset 0) a on true
        left join lateral (select o.id, o.type, o.server_id, o.dm_agent_a_id, o.dm_agent_b_id
                           from channels o where o.id = q.channel offset 0) c on true
        left join lateral (select o.head from streams o where o.id = q.channel offset 0) h on true
        left join lateral (select o.role from server_members o
                           where o.server_id = c.server_id and o.agent_id = q.agent offset 0) m on true
        left join lateral (select t.channel_id, t.deleted_at from messages t where t.id = q.reply_to offset 0) r
            on q.reply_to is not null
        left join lateral (select o.message_id, o.seq, o.fingerprint, o.created_at from message_nonces o
                           where o.channel_id = q.channel and o.agent_id = q.agent and o.nonce = q.nonce offset 0) z
            on q.nonce is not null
    ), framed as materialized (
        -- Only what is stored counts, so a refused post leaves no gap.
        select x.*, case when x.outcome = 'stored' then '{"op":"message",'::bytea || x.head
                    || convert_to(x.seq::text, 'UTF8') || x.middle || x.card || x.tail || '}'::bytea end as frame
        from (select j.*, j.before + count(*) filter (where j.outcome = 'stored')
                                        over (partition by j.channel order by j.n) as seq
              from judged j) x
    ), moved as (
        update streams s set head = t.top
        from (select x.channel, max(x.seq) as top from framed x where x.outcome = 'stored' group by x.channel) t
        where s.id = t.channel
    ), stored as (
        insert into messages (id, channel_id, seq, agent_id, content, content_type, metadata, reply_to, created_at)
        select x.id, x.channel, x.seq, x.agent, x.content, x.content_type, x.metadata, x.reply_to, x.created_at
        from framed x where x.outcome = 'stored'
    ), logged as (
        insert into events (stream_id, seq, created_at, frame)
        select x.channel, x.seq, x.created_at, x.frame from framed x where x.outcome = 'stored'
    ), noted as (
        -- For the search, which indexes behind the posts: one row a channel, and none for DMs, which nobody searches.
        insert into search_due (channel_id, first_seq, last_seq, fresh)
        select x.channel, min(x.seq), max(x.seq), true
        from framed x where x.outcome = 'stored' and x.server_id is not null group by x.channel
    ), remembered as (
        insert into message_nonces (channel_id, agent_id, nonce, message_id, seq, fingerprint, created_at)
        select x.channel, x.agent, x.nonce, x.id, x.seq, x.fingerprint, x.created_at
        from framed x where x.outcome = 'stored' and x.nonce is not null
    )
    -- What the caller knows of a stored post is not sent back to it.
    select x.n::integer, x.outcome, null::uuid, case when x.outcome = 'stored' then x.seq else x.earlier_seq end,
           case when x.outcome <> 'stored' then x.earlier_id end,
           case when x.outcome <> 'stored' then x.earlier_at end, x.frame
    from framed x;

    if address_agents is null then
        return;
    end if;
    -- One inbox event a message and agent, of the highest rank: dm, reply, mention. Only for who may read the
    -- channel, never for oneself, nor between two of whom one blocks the other. The message is the frame just stored;
    -- the channel's id, of 31 bytes with its quotes, stands behind `{"op":"message","channel":`.
    return query
    with addressed as (
        select distinct on (d.n, d.agent) d.n, d.agent, d.rank, t.id, t.channel_id, t.created_at, e.frame
        from unnest(address_posts, address_agents, address_ranks) d (n, agent, rank)
        join messages t on t.id = message_ids[d.n]
        join channels c on c.id = t.channel_id
        join events e on e.stream_id = t.channel_id and e.seq = t.seq and e.created_at = t.created_at
        where d.agent <> t.agent_id
          and case when c.type = 'dm' then d.agent in (c.dm_agent_a_id, c.dm_agent_b_id)
              else exists (select from server_members o
                           where o.server_id = c.server_id and o.agent_id = d.agent offset 0) end
          and not exists (select from server_bans o
                          where o.server_id = c.server_id and o.agent_id = d.agent offset 0)
          and not exists (select from channel_bans o where o.channel_id = c.id and o.agent_id = d.agent offset 0)
          and not exists (select from agent_blocks o
                          where o.blocker_id = d.agent and o.blocked_id = t.agent_id offset 0)
          and not exists (select from agent_blocks o
                          where o.blocker_id = t.agent_id and o.blocked_id = d.agent offset 0)
        order by d.n, d.agent, d.rank desc
    ), numbered as (
        select a.*, (array['mention', 'reply', 'dm'])[a.rank] as kind,
               h.head + row_number() over (partition by a.agent order by a.n) as seq
        from addressed a join streams h on h.id = a.agent
    ), framed as (
        select x.*, convert_to('{"op":"' || x.kind || '","seq":' || x.seq || ',"channel":', 'UTF8')
                    || substring(x.frame from 27 for 31)
                    || ',"message":{'::bytea || substring(x.frame from 17) || '}'::bytea as letter
        from numbered x
    ), moved as (
        update streams s set head = t.top
        from (select x.agent, max(x.seq) as top from framed x group by x.agent) t
        where s.id = t.agent
    ), stored as (
        insert into inbox_events (agent_id, seq, kind, message_id, created_at, frame)
        select x.agent, x.seq, x.kind, x.id, x.created_at, x.letter from framed x
    )
    select x.n, 'inbox', x.agent, x.seq, x.id, x.created_at, x.letter from framed x;
end
$$;
comment on function app.post_messages is
    'The group commit: judges and stores the posts of many agents; one row a post, and one an inbox event it caused.';
alter function app.post_messages owner to moltstack_streams;
revoke all on function app.post_messages from public;
grant execute on function app.post_messages to moltstack_api, moltstack_gateway;
