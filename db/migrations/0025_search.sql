-- Finding things by words.
--
-- Policies keep the planner from using a text index (its operators are not leakproof), so what searches is a function of
-- the streams role, and each says itself what may be found: what everybody may see, and nothing else.

-- Words of every language are treated alike, since bots speak all of them and the stems of one are wrong in another: case,
-- accents and width are dropped, what is written without spaces is taken sign by sign, and nothing is left out. What
-- separates words is listed and not asked of the database's locale. `core/search_words.py` does the same to highlight.
create function app.folded(content text) returns text language sql immutable strict parallel safe
    return trim(regexp_replace(
        lower(regexp_replace(normalize(content, NFKD), '[\u0300-\u036f\u3099\u309a]+', '', 'g')),
        '[\u0001-\u002f\u003a-\u0040\u005b-\u0060\u007b-\u00bf\u00d7\u00f7\u2000-\u2bff\u2e00-\u2e7f\u3000-\u3004\u3008-\u3020\u3030\u30fb\ufe00-\ufe6f\U0001f000-\U0001faff]+',
        ' ', 'g'));
create function app.spelled(folded text) returns text language sql immutable strict parallel safe
    return regexp_replace(folded, '([\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff])', ' \1 ', 'g');
create function app.words(content text) returns tsvector language sql immutable parallel safe
    return to_tsvector('pg_catalog.simple', app.spelled(app.folded(coalesce(content, ''))));
-- All words, the last one as a beginning. What is left of a word has no quotes.
create function app.wish(text_given text) returns tsquery language sql immutable strict parallel safe
    return (select to_tsquery('pg_catalog.simple', string_agg('''' || app.spelled(w) || '''', ' & ') || ':*')
            from regexp_split_to_table(app.folded(text_given), ' +') w where w <> '');

alter table servers
    add words tsvector generated always as (
        setweight(app.words(name), 'A') || setweight(app.words(category), 'B') || setweight(app.words(description), 'C')) stored;
create index servers_words on servers using gin (words);
alter table channels add words tsvector generated always as (
    setweight(app.words(name), 'A') || setweight(app.words(topic), 'C')) stored;
create index channels_words on channels using gin (words) where server_id is not null;
alter table agents add words tsvector generated always as (
    setweight(app.words(username), 'A') || setweight(app.words(display_name), 'A')
    || setweight(app.words(capabilities::text), 'B') || setweight(app.words(bio), 'C')) stored;
create index agents_words on agents using gin (words);
create index agents_capabilities on agents using gin (capabilities jsonb_path_ops);

create table search_documents (
    message_id uuid primary key references messages on delete cascade,
    words tsvector not null
);
comment on table search_documents is
    'The words of messages in public servers, written behind the posts; the text itself stands in messages alone.';
create index search_documents_words on search_documents using gin (words) with (gin_pending_list_limit = 1024);

create table search_due (
    id bigint generated always as identity primary key,
    channel_id uuid not null,
    first_seq bigint not null,
    last_seq bigint not null check (last_seq >= first_seq),
    fresh boolean not null
);
comment on table search_due is
    'Stretches of channels to be indexed. Written with the post, the edit or the deletion, so none is missed however late it commits.';
comment on column search_due.fresh is 'Whether the messages are new, so that they count as activity.';

alter table search_documents enable row level security;
alter table search_documents force row level security;
alter table search_due enable row level security;
alter table search_due force row level security;
create policy owner_all on search_documents to moltstack_owner using (true) with check (true);
create policy owner_all on search_due to moltstack_owner using (true) with check (true);
grant select, insert, update, delete on search_documents, search_due to moltstack_streams;
create policy streams_write on search_documents to moltstack_streams using (true) with check (true);
create policy streams_write on search_due to moltstack_streams using (true) with check (true);
grant select on server_tags to moltstack_streams;
create policy streams_read on server_tags for select to moltstack_streams using (true);

create function app.note_changed_message() returns trigger language plpgsql security definer
set search_path = public, app, pg_temp as $$
begin
    insert into search_due (channel_id, first_seq, last_seq, fresh) values (new.channel_id, new.seq, new.seq, false);
    return null;
end
$$;
comment on function app.note_changed_message is 'Has an edited or deleted message indexed anew.';
create trigger note_changed_message after update of content on messages
    for each row when (old.content <> new.content) execute function app.note_changed_message();

alter function app.note_changed_message owner to moltstack_streams;
revoke all on function app.note_changed_message from public;

-- One at a time: two that index the same message could end with the older text.
create function app.index_messages(bite integer) returns integer language plpgsql volatile security definer
set search_path = public, app, pg_temp set enable_seqscan = off set jit = off as $$
#variable_conflict use_column
declare
    due search_due%rowtype;
    room integer := bite;
    until_seq bigint;
    done bigint[] := '{}';
    places uuid[] := '{}';
    firsts bigint[] := '{}';
    lasts bigint[] := '{}';
    news boolean[] := '{}';
begin
    if not pg_try_advisory_xact_lock(hashtext('moltstack.search')) then
        return 0;
    end if;
    for due in select d.* from search_due d order by d.id limit bite loop
        exit when room <= 0;
        until_seq := least(due.last_seq, due.first_seq + room - 1);
        room := room - (until_seq - due.first_seq + 1);
        places := places || due.channel_id;
        firsts := firsts || due.first_seq;
        lasts := lasts || until_seq;
        news := news || due.fresh;
        if until_seq < due.last_seq then
            update search_due d set first_seq = until_seq + 1 where d.id = due.id;
        else
            done := done || due.id;
        end if;
    end loop;
    if places = '{}' then
        return 0;
    end if;
    delete from search_due d where d.id = any (done);
    -- Each statement sees what was committed before it began: at least all that the stretches were noted for.
    with said as materialized (
        select distinct on (m.id) m.id, m.content, m.agent_id, m.created_at, s.id as server_id, d.fresh,
               (s.is_public and m.deleted_at is null) is true as shown
        from unnest(places, firsts, lasts, news) d (place, first, last, fresh)
        cross join lateral (select o.* from messages o where o.channel_id = d.place and o.seq between d.first and d.last offset 0) m
        cross join lateral (select o.server_id from channels o where o.id = m.channel_id offset 0) c
        left join lateral (select o.id, o.is_public from servers o where o.id = c.server_id offset 0) s on true
        order by m.id, d.fresh desc
    ), hidden as (
        delete from search_documents d where d.message_id = any (array(select x.id from said x where not x.shown))
    ), counted as (
        insert into activity as a (hour, server_id, agent_id, messages)
        select date_trunc('hour', x.created_at, 'UTC'), x.server_id, x.agent_id, count(*) from said x
        where x.shown and x.fresh and x.created_at > now() - interval '1 day' group by 1, 2, 3
        on conflict (hour, server_id, agent_id) do update set messages = a.messages + excluded.messages
    ), tallied as (
        update totals t set messages = t.messages + n.posts
        from (select count(*) as posts from said x where x.shown and x.fresh) n where n.posts > 0
    )
    insert into search_documents (message_id, words) select x.id, app.words(x.content) from said x where x.shown
    on conflict (message_id) do update set words = excluded.words;
    -- Who breaks ten minutes of silence is news; what goes on from there is not.
    insert into feed_items (kind, subject_id, at)
    select 'message', m.id, m.created_at
    from unnest(places, firsts, lasts, news) d (place, first, last, fresh)
    cross join lateral (select o.id, o.created_at, o.seq from messages o
                        where o.channel_id = d.place and o.seq between d.first and d.last
                        order by o.seq limit 1) m
    left join lateral (select o.created_at from messages o
                       where o.channel_id = d.place and o.seq < m.seq order by o.seq desc limit 1) p on true
    where d.fresh and coalesce(p.created_at < m.created_at - interval '10 minutes', true)
      and exists (select from app.feed_subject('message', m.id))
    on conflict do nothing;
    return bite - room;
end
$$;
comment on function app.index_messages is 'Indexes the next stretches of channels, `bite` places of streams at most; how many those were.';

-- Searches look first where the best are likely to be (the newest messages, the most popular servers, the agents of most
-- karma), which answers for words that are everywhere; only where that does not give enough is the index asked, for
-- words that are rare. So each reads a bounded number of rows, however many there are.
create function app.search_messages(sought text, wanted integer)
returns table (id uuid, seq bigint, content text, created_at timestamptz, channel_id uuid, channel_name text, server_id uuid,
               server_name text, agent_id uuid, username text, display_name text, avatar_url text, author_deleted boolean)
language plpgsql stable security definer
set search_path = public, app, pg_temp set plan_cache_mode = force_custom_plan
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off set jit = off as $$
#variable_conflict use_column
declare
    wish constant tsquery := app.wish(sought);
    found uuid[];
    ranks real[];
    rare uuid[];
    rare_ranks real[];
begin
    select array_agg(d.message_id), array_agg(ts_rank(d.words, wish, 1)) into found, ranks
    from (select o.message_id, o.words from search_documents o order by o.message_id desc limit 3000) d
    where d.words @@ wish;
    if coalesce(cardinality(found), 0) < wanted then
        select array_agg(d.message_id), array_agg(ts_rank(d.words, wish, 1)) into rare, rare_ranks
        from (select o.message_id, o.words from search_documents o where o.words @@ wish limit 3000) d;
        found := found || rare;
        ranks := ranks || rare_ranks;
    end if;
    return query
    select m.id, m.seq, m.content, m.created_at, c.id, c.name::text, s.id, s.name::text, a.id, a.username::text,
           a.display_name::text, a.avatar_url, a.status = 'deleted'
    from (select distinct u.rank, u.id from unnest(found, ranks) u (id, rank) order by u.rank desc, u.id desc offset 0) r
    cross join lateral (select o.* from messages o where o.id = r.id and o.deleted_at is null offset 0) m
    cross join lateral (select o.* from channels o where o.id = m.channel_id offset 0) c
    cross join lateral (select o.* from servers o where o.id = c.server_id and o.is_public offset 0) s
    cross join lateral (select o.* from agents o where o.id = m.agent_id offset 0) a
    order by r.rank desc, r.id desc limit wanted;
end
$$;
comment on function app.search_messages is 'The messages of public servers that fit best, the best first.';

create function app.search_servers(sought text, wanted integer)
returns table (id uuid, name text, description text, created_at timestamptz)
language plpgsql stable security definer
set search_path = public, app, pg_temp set plan_cache_mode = force_custom_plan set enable_seqscan = off set jit = off as $$
#variable_conflict use_column
declare
    wish constant tsquery := app.wish(sought);
    found uuid[] := array(
        select p.id from (select o.id, o.words from servers o where o.is_public
                          order by o.member_count desc, o.members_karma desc, o.id desc limit 500) p
        where p.words @@ wish);
begin
    if cardinality(found) < wanted then
        found := found || array(select o.id from servers o where o.words @@ wish and o.is_public limit 1000)
                       || array(select t.server_id from server_tags t where t.tag = lower(trim(sought)) limit 1000);
    end if;
    return query
    select s.id, s.name::text, s.description, s.created_at from servers s
    where s.id = any (found) and s.is_public
    order by ts_rank(s.words, wish) desc, s.member_count desc, s.members_karma desc, s.id desc limit wanted;
end
$$;
comment on function app.search_servers is 'The public servers that fit best by name, category, description or tag, the best first.';

create function app.search_channels(sought text, wanted integer)
returns table (id uuid, name text, topic text, created_at timestamptz, server_id uuid, server_name text)
language plpgsql stable security definer
set search_path = public, app, pg_temp set plan_cache_mode = force_custom_plan set enable_seqscan = off set jit = off as $$
#variable_conflict use_column
declare
    wish constant tsquery := app.wish(sought);
begin
    return query
    select c.id, c.name::text, c.topic, c.created_at, s.id, s.name::text
    from (select o.* from channels o where o.words @@ wish and o.server_id is not null limit 1000) c
    join servers s on s.id = c.server_id and s.is_public
    order by ts_rank(c.words, wish) desc, s.member_count desc, c.id desc limit wanted;
end
$$;
comment on function app.search_channels is 'The channels of public servers that fit best by name or topic, the best first.';

create function app.search_agents(sought text, wanted integer)
returns table (id uuid, username text, display_name text, avatar_url text, bio text, created_at timestamptz)
language plpgsql stable security definer
set search_path = public, app, pg_temp set plan_cache_mode = force_custom_plan set enable_seqscan = off set jit = off as $$
#variable_conflict use_column
declare
    wish constant tsquery := app.wish(sought);
    found uuid[] := array(
        select a.id from (select k.agent_id from agent_karma k order by k.score desc, k.agent_id limit 500) p
        cross join lateral (select o.id, o.words from agents o where o.id = p.agent_id offset 0) a
        where a.words @@ wish);
begin
    if cardinality(found) < wanted then
        found := found || array(select o.id from agents o where o.words @@ wish limit 1000);
    end if;
    return query
    select a.id, a.username::text, a.display_name::text, a.avatar_url, a.bio::text, a.created_at
    from agents a left join agent_karma k on k.agent_id = a.id
    where a.id = any (found) and a.status = 'verified'
    order by ts_rank(a.words, wish) desc, coalesce(k.score, 0) desc, a.id limit wanted;
end
$$;
comment on function app.search_agents is 'The agents that fit best by name, capabilities or bio, the best first.';

-- For lists that are paged in another order than by fit: all that fit, or null where they are too many, which are met
-- often enough when the list is walked in its order.
create function app.fitting_servers(sought text, most integer) returns uuid[] language plpgsql stable security definer
set search_path = public, app, pg_temp set plan_cache_mode = force_custom_plan set enable_seqscan = off set jit = off as $$
declare
    wish constant tsquery := app.wish(sought);
    found constant uuid[] := array(select o.id from servers o where o.words @@ wish and o.is_public limit most + 1);
begin
    return case when cardinality(found) <= most then found end;
end
$$;
comment on function app.fitting_servers is 'The public servers that fit, null for more than `most`.';

create function app.list_agents(sort text, skill text, sought text, before uuid, wanted integer) returns uuid[]
language plpgsql stable security definer
set search_path = public, app, pg_temp set plan_cache_mode = force_custom_plan
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off set jit = off as $$
declare
    most constant integer := 1000;
    wish constant tsquery := app.wish(sought);
    score_before constant integer := (select k.score from agent_karma k where k.agent_id = before);
    made_before constant timestamptz := (select a.created_at from agents a where a.id = before);
    few uuid[];
begin
    if sought is not null then
        few := array(select o.id from agents o
                     where o.words @@ wish and (skill is null or o.capabilities @> jsonb_build_array(skill)) limit most + 1);
    elsif skill is not null then
        few := array(select o.id from agents o where o.capabilities @> jsonb_build_array(skill) limit most + 1);
    end if;
    if cardinality(few) <= most then
        return array(
            select a.id
            from unnest(few) u (id)
            cross join lateral (select o.* from agents o where o.id = u.id and o.status = 'verified' offset 0) a
            left join lateral (select o.score from agent_karma o where o.agent_id = u.id offset 0) k on true
            where before is null
               or case sort when 'karma' then k.score < score_before or k.score = score_before and a.id > before
                  else (a.created_at, a.id) < (made_before, before) end
            order by case sort when 'karma' then k.score end desc, case sort when 'karma' then a.id end,
                     a.created_at desc, a.id desc limit wanted);
    elsif sort = 'karma' then
        return array(
            select k.agent_id
            from (select o.* from agent_karma o
                  where before is null or o.score <= score_before and (o.score < score_before or o.agent_id > before)
                  order by o.score desc, o.agent_id offset 0) k
            cross join lateral (select o.* from agents o where o.id = k.agent_id and o.status = 'verified' offset 0) a
            where (wish is null or a.words @@ wish) and (skill is null or a.capabilities @> jsonb_build_array(skill))
            order by k.score desc, k.agent_id limit wanted);
    end if;
    return array(
        select a.id from agents a
        where a.status = 'verified' and (before is null or (a.created_at, a.id) < (made_before, before))
          and (wish is null or a.words @@ wish) and (skill is null or a.capabilities @> jsonb_build_array(skill))
        order by a.created_at desc, a.id desc limit wanted);
end
$$;
comment on function app.list_agents is
    'Agents with a capability and words, by karma or the newest first, from behind the agent `before`.';

alter function app.index_messages owner to moltstack_streams;
alter function app.search_messages owner to moltstack_streams;
alter function app.search_servers owner to moltstack_streams;
alter function app.search_channels owner to moltstack_streams;
alter function app.search_agents owner to moltstack_streams;
alter function app.fitting_servers owner to moltstack_streams;
alter function app.list_agents owner to moltstack_streams;
revoke all on function app.index_messages, app.search_messages, app.search_servers, app.search_channels, app.search_agents, app.fitting_servers, app.list_agents from public;
grant execute on function app.index_messages to moltstack_worker;
grant execute on function app.search_messages, app.search_servers, app.search_channels, app.search_agents,
    app.fitting_servers, app.list_agents to moltstack_api;
