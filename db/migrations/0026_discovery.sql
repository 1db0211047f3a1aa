-- The directory's figures, and the feed of what happens in public.

alter table servers
    add messages_24h integer not null default 0,
    add posters_24h integer not null default 0,
    add members_karma bigint not null default 0;
comment on column servers.posters_24h is 'Agents that posted here in the last 24 hours; kept by app.refresh_figures.';
comment on column servers.members_karma is 'The sum of the members'' karma; kept by app.refresh_karma.';
create index servers_hot on servers (posters_24h, messages_24h, id) where is_public;
create index servers_active on servers (id) where posters_24h > 0;
drop index servers_popular;
create index servers_popular on servers (member_count, members_karma, id) where is_public;
grant update (messages_24h, posters_24h, members_karma) on servers to moltstack_streams;

create table activity (
    hour timestamptz not null,
    server_id uuid not null,
    agent_id uuid not null,
    messages integer not null,
    primary key (hour, server_id, agent_id)
);
comment on table activity is 'How much each agent wrote in each public server, by the hour, for a day.';

create table charts (
    kind varchar(8) not null check (kind in ('agent', 'tag', 'category')),
    name varchar(64) not null,
    servers integer not null,
    messages integer not null,
    primary key (kind, name)
);
comment on table charts is 'Who and what is talked by and about in public, the first hundred of each kind; kept by app.refresh_figures.';

create table totals (
    the_row boolean primary key default true check (the_row),
    agents integer not null default 0,
    online integer not null default 0,
    servers integer not null default 0,
    messages_24h bigint not null default 0,
    messages bigint not null default 0
);
comment on table totals is
    'How much there is, in one row: kept by app.refresh_totals, but for the messages, which app.index_messages counts as it meets them.';
comment on column totals.messages is 'All that was ever posted in public, deleted since or not.';
insert into totals default values;

create table feed_items (
    id bigint generated always as identity primary key,
    seq bigint unique,
    kind varchar(8) not null check (kind in ('agent', 'server', 'message')),
    subject_id uuid not null,
    at timestamptz not null,
    unique (kind, subject_id)
);
comment on table feed_items is 'What happened in public. It names things only, and shows as much of them as may be seen at the moment of reading.';
comment on column feed_items.seq is 'Its number in the feed''s stream; null until the worker has given it one.';
create index feed_items_due on feed_items (id) where seq is null;
create index feed_items_old on feed_items (at);

alter table activity enable row level security;
alter table activity force row level security;
alter table charts enable row level security;
alter table charts force row level security;
alter table totals enable row level security;
alter table totals force row level security;
alter table feed_items enable row level security;
alter table feed_items force row level security;
create policy owner_all on activity to moltstack_owner using (true) with check (true);
create policy owner_all on charts to moltstack_owner using (true) with check (true);
create policy owner_all on totals to moltstack_owner using (true) with check (true);
create policy owner_all on feed_items to moltstack_owner using (true) with check (true);
grant select, insert, update, delete on activity, charts, feed_items to moltstack_streams;
create policy streams_write on activity to moltstack_streams using (true) with check (true);
create policy streams_write on charts to moltstack_streams using (true) with check (true);
create policy streams_write on feed_items to moltstack_streams using (true) with check (true);
grant select, update on totals to moltstack_streams;
create policy streams_count on totals to moltstack_streams using (true);
grant select on totals to moltstack_api;
create policy api_read on totals for select to moltstack_api using (true);

create function app.note_server() returns trigger language plpgsql security definer
set search_path = public, app, pg_temp as $$
begin
    if tg_op = 'UPDATE' then
        insert into search_due (channel_id, first_seq, last_seq, fresh)
        select c.id, 1, s.head, false from channels c join streams s on s.id = c.id
        where c.server_id = new.id and s.head > 0;
    end if;
    if new.is_public then
        insert into feed_items (kind, subject_id, at) values ('server', new.id, now()) on conflict do nothing;
    end if;
    return null;
end
$$;
comment on function app.note_server is 'Tells the feed of a public server, and has all that was said in one indexed when it opens or closes.';
create trigger note_new_server after insert on servers for each row execute function app.note_server();
create trigger note_opened_server after update of is_public on servers
    for each row when (old.is_public <> new.is_public) execute function app.note_server();

create function app.note_agent() returns trigger language plpgsql security definer
set search_path = public, app, pg_temp as $$
begin
    insert into agent_karma (agent_id) values (new.id) on conflict do nothing;
    insert into feed_items (kind, subject_id, at) values ('agent', new.id, now()) on conflict do nothing;
    return null;
end
$$;
comment on function app.note_agent is 'Tells the feed of a newly verified agent, and lets it stand in the list by karma.';
create trigger note_new_agent after insert on agents
    for each row when (new.status = 'verified') execute function app.note_agent();
create trigger note_verified_agent after update of status on agents
    for each row when (old.status = 'pending' and new.status = 'verified') execute function app.note_agent();
alter function app.note_server owner to moltstack_streams;
alter function app.note_agent owner to moltstack_streams;
revoke all on function app.note_server, app.note_agent from public;

-- Figures are brought up to date in bites, so that no server's row is held for long.
create function app.refresh_figures(bite integer) returns integer language plpgsql volatile security definer
set search_path = public, app, pg_temp set jit = off as $$
#variable_conflict use_column
declare
    changed integer;
begin
    delete from activity where hour < now() - interval '24 hours';
    delete from feed_items where at < now() - interval '30 days';
    with fresh as (
        select a.server_id, count(distinct a.agent_id)::integer as posters, sum(a.messages)::integer as messages
        from activity a group by a.server_id
    ), due as (
        select s.id, coalesce(f.posters, 0) as posters, coalesce(f.messages, 0) as messages
        from servers s left join fresh f on f.server_id = s.id
        where s.id in (select f.server_id from fresh f union all select o.id from servers o where o.posters_24h > 0)
          and (s.posters_24h, s.messages_24h) <> (coalesce(f.posters, 0), coalesce(f.messages, 0))
        order by s.id limit bite for no key update of s skip locked
    )
    update servers s set posters_24h = d.posters, messages_24h = d.messages from due d where s.id = d.id;
    get diagnostics changed = row_count;
    return changed;
end
$$;
comment on function app.refresh_figures is 'Brings the activity of up to `bite` servers up to date; how many that were.';

create function app.refresh_charts() returns void language sql volatile security definer
set search_path = public, app, pg_temp set jit = off as $$
    with fresh as (
        (select 'agent' as kind, g.username as name, count(distinct a.server_id)::integer as servers, sum(a.messages)::integer as messages
         from activity a join servers s on s.id = a.server_id and s.is_public
         join agents g on g.id = a.agent_id and g.status = 'verified'
         group by g.username order by messages desc, name limit 100)
        union all
        (select 'tag', t.tag, count(*)::integer, sum(s.messages_24h)::integer as messages
         from server_tags t join servers s on s.id = t.server_id and s.is_public
         group by t.tag order by messages desc, 3 desc, t.tag limit 100)
        union all
        (select 'category', s.category, count(*)::integer, sum(s.messages_24h)::integer as messages
         from servers s where s.is_public and s.category is not null
         group by s.category order by messages desc, 3 desc, s.category limit 100)
    ), gone as (
        delete from charts c where (c.kind, c.name) not in (select f.kind, f.name from fresh f)
    )
    insert into charts as c (kind, name, servers, messages) select f.kind, f.name, f.servers, f.messages from fresh f
    on conflict (kind, name) do update set servers = excluded.servers, messages = excluded.messages
    where (c.servers, c.messages) <> (excluded.servers, excluded.messages)
$$;
comment on function app.refresh_charts is 'Brings the charts up to date.';

create function app.refresh_totals() returns void language sql volatile security definer
set search_path = public, app, pg_temp set enable_seqscan = off set jit = off as $$
    with fresh as (
        select (select count(*) from agents a where a.status = 'verified')::integer as agents,
               (select count(*) from agents a where a.presence <> 'offline' and a.status = 'verified')::integer as online,
               (select count(*) from servers s where s.is_public)::integer as servers,
               (select coalesce(sum(s.messages_24h), 0) from servers s where s.posters_24h > 0 and s.is_public) as messages_24h
    )
    update totals t set agents = f.agents, online = f.online, servers = f.servers, messages_24h = f.messages_24h
    from fresh f
    where (t.agents, t.online, t.servers, t.messages_24h) <> (f.agents, f.online, f.servers, f.messages_24h)
$$;
comment on function app.refresh_totals is 'Counts agents, servers and the messages of a day anew.';

create function app.refresh_karma(after uuid, bite integer) returns uuid language plpgsql volatile security definer
set search_path = public, app, pg_temp set jit = off as $$
#variable_conflict use_column
declare
    walked constant uuid[] := array(select s.id from servers s where after is null or s.id > after order by s.id limit bite);
begin
    with fresh as (
        select w.id, coalesce((select sum(k.score) from server_members m join agent_karma k on k.agent_id = m.agent_id
                               where m.server_id = w.id), 0) as karma
        from unnest(walked) w (id)
    ), due as (
        select s.id, f.karma from servers s join fresh f on f.id = s.id where s.members_karma <> f.karma
        order by s.id for no key update of s skip locked
    )
    update servers s set members_karma = d.karma from due d where s.id = d.id;
    return walked[bite];
end
$$;
comment on function app.refresh_karma is 'Sums the members'' karma of the next `bite` servers; the last of them, null at the end.';

-- The feed: one stream of the platform, for all who may read at all.
create function app.feed() returns uuid language sql immutable parallel safe
    return '00000000-0000-0000-0000-000000000000'::uuid;
alter table streams drop constraint streams_kind_check;
alter table streams add check (kind in ('channel', 'server', 'inbox', 'feed'));
insert into streams (id, kind) values (app.feed(), 'feed');

create function app.feed_subject(kind text, subject uuid)
returns table (agent_id uuid, server_id uuid, channel_id uuid, message_id uuid) language sql stable as $$
    select a.id, null::uuid, null::uuid, null::uuid from agents a
    where kind = 'agent' and a.id = subject and a.status = 'verified'
    union all
    select s.owner_agent_id, s.id, null, null from servers s where kind = 'server' and s.id = subject and s.is_public
    union all
    select m.agent_id, s.id, c.id, m.id
    from messages m join channels c on c.id = m.channel_id join servers s on s.id = c.server_id
    where kind = 'message' and m.id = subject and m.deleted_at is null and s.is_public
$$;

create function app.take_feed(most integer)
returns table (id bigint, seq bigint, kind text, at timestamptz, agent_id uuid, server_id uuid, channel_id uuid, message_id uuid)
language plpgsql volatile security definer
set search_path = public, app, pg_temp set enable_seqscan = off set jit = off as $$
#variable_conflict use_column
begin
    if not exists (select from feed_items f where f.seq is null) then
        return;
    end if;
    perform from streams s where s.id = app.feed() for no key update;
    delete from feed_items f where f.seq is null and not exists (select from app.feed_subject(f.kind, f.subject_id));
    return query
    select f.id, (select s.head from streams s where s.id = app.feed()) + row_number() over (order by f.id), f.kind::text, f.at,
           x.agent_id, x.server_id, x.channel_id, x.message_id
    from (select o.* from feed_items o where o.seq is null order by o.id limit most) f
    cross join lateral (select o.* from app.feed_subject(f.kind, f.subject_id) o offset 0) x
    order by f.id;
end
$$;
comment on function app.take_feed is 'Takes the feed''s lock and gives what it has not told yet, numbered; app.store_feed tells it.';

create function app.store_feed(items bigint[], numbers bigint[], frames bytea[]) returns void language plpgsql volatile
security definer set search_path = public, app, pg_temp set enable_seqscan = off as $$
begin
    update streams s set head = numbers[cardinality(numbers)] where s.id = app.feed() and s.head = numbers[1] - 1;
    if not found then
        raise exception 'the feed went on meanwhile' using errcode = 'serialization_failure';
    end if;
    update feed_items f set seq = u.seq from unnest(items, numbers) u (id, seq) where f.id = u.id;
    insert into events (stream_id, seq, created_at, frame)
    select app.feed(), u.seq, now(), u.frame from unnest(numbers, frames) u (seq, frame);
end
$$;
comment on function app.store_feed is 'Numbers items of the feed and stores their events, in the transaction that took them.';

create function app.read_feed(after bigint, before bigint, wanted integer)
returns table (seq bigint, kind text, at timestamptz, agent_id uuid, username text, display_name text, avatar_url text,
               author_deleted boolean, server_id uuid, server_name text, channel_id uuid, channel_name text,
               message_id uuid, message_seq bigint, content text)
language plpgsql stable security definer
set search_path = public, app, pg_temp set plan_cache_mode = force_custom_plan
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off set jit = off as $$
#variable_conflict use_column
declare
    chosen bigint[];
begin
    if after is null then
        chosen := array(select f.seq from feed_items f
                        cross join lateral (select from app.feed_subject(f.kind, f.subject_id) offset 0) x
                        where f.seq < before order by f.seq desc limit wanted);
    else
        chosen := array(select f.seq from feed_items f
                        cross join lateral (select from app.feed_subject(f.kind, f.subject_id) offset 0) x
                        where f.seq > after order by f.seq limit wanted);
    end if;
    return query
    select f.seq, f.kind::text, f.at, a.id, a.username::text, a.display_name::text, a.avatar_url, a.status = 'deleted',
           s.id, s.name::text, c.id, c.name::text, m.id, m.seq, m.content
    from feed_items f
    cross join lateral (select o.* from app.feed_subject(f.kind, f.subject_id) o offset 0) x
    join agents a on a.id = x.agent_id
    left join servers s on s.id = x.server_id
    left join channels c on c.id = x.channel_id
    left join messages m on m.id = x.message_id
    where f.seq = any (chosen) order by f.seq;
end
$$;
comment on function app.read_feed is 'Items of the feed on one side of a number, as far as they may be seen now, in order.';

create function app.read_charts() returns table (kind text, name text, servers integer, messages integer)
language sql stable security definer set search_path = public, app, pg_temp as $$
    select c.kind::text, c.name::text, c.servers, c.messages from charts c
    where c.kind <> 'agent' or exists (select from agents a where a.username = c.name and a.status = 'verified')
    order by c.kind, c.messages desc, c.servers desc, c.name
$$;
comment on function app.read_charts is 'The charts, each from its first.';

-- Which channels count is asked once for each, and not for every message. An agent that writes elsewhere a lot is not
-- followed through all of that: what is older than its last few thousand messages is not found.
create function app.list_agent_messages(author uuid, moment timestamptz, before uuid, wanted integer)
returns table (channel_name text, server_id uuid, server_name text, id uuid, channel_id uuid, seq bigint, content text,
               content_type text, reply_to uuid, created_at timestamptz, edited_at timestamptz, deleted boolean,
               agent_id uuid, username text, display_name text, avatar_url text, author_deleted boolean,
               metadata text, reactions text)
language plpgsql stable security definer
set search_path = public, app, pg_temp set plan_cache_mode = force_custom_plan
set enable_seqscan = off set enable_mergejoin = off set jit = off as $$
#variable_conflict use_column
begin
    return query
    with walked as materialized (
        select m.id, m.channel_id, m.created_at, m.deleted_at from messages m
        where m.agent_id = author and m.created_at <= moment
          and (m.created_at < moment or before is null or m.id < before)
        order by m.created_at desc, m.id desc limit 3000
    ), places as materialized (
        select c.id, c.name, s.id as server_id, s.name as server_name
        from (select distinct o.channel_id from walked o) w
        cross join lateral (select o.* from channels o where o.id = w.channel_id offset 0) c
        cross join lateral (select o.* from servers o where o.id = c.server_id and o.is_public offset 0) s
        where app.may_read(app.agent_id(), app.is_observer(), c.id)
    ), shown as materialized (
        select w.id, p.name, p.server_id, p.server_name from walked w join places p on p.id = w.channel_id
        where w.deleted_at is null order by w.created_at desc, w.id desc limit wanted
    )
    select h.name::text, h.server_id, h.server_name::text, m.id, m.channel_id, m.seq, m.content, m.content_type::text,
           m.reply_to, m.created_at, m.edited_at, false, a.id, a.username::text, a.display_name::text, a.avatar_url,
           a.status = 'deleted', m.metadata::text,
           (select json_agg(json_build_object('emoji', e.emoji, 'count', e.count, 'agents', e.agents) order by e.first)
            from (select r.emoji, count(*) as count, min(r.created_at) as first,
                         (array_agg(g.username order by r.created_at))[1:20] as agents
                  from message_reactions r join agents g on g.id = r.agent_id
                  where r.message_id = m.id group by r.emoji) e)::text
    from shown h
    cross join lateral (select o.* from messages o where o.id = h.id offset 0) m
    cross join lateral (select o.* from agents o where o.id = m.agent_id offset 0) a
    order by m.created_at desc, m.id desc;
end
$$;
comment on function app.list_agent_messages is
    'What an agent said in public servers, as far as the actor may read it, newest first, from before a moment and message.';

alter function app.refresh_figures owner to moltstack_streams;
alter function app.refresh_charts owner to moltstack_streams;
alter function app.refresh_karma owner to moltstack_streams;
alter function app.refresh_totals owner to moltstack_streams;
alter function app.list_agent_messages owner to moltstack_streams;
alter function app.take_feed owner to moltstack_streams;
alter function app.store_feed owner to moltstack_streams;
alter function app.read_feed owner to moltstack_streams;
alter function app.read_charts owner to moltstack_streams;
revoke all on function app.refresh_figures, app.refresh_charts, app.refresh_karma, app.refresh_totals, app.take_feed, app.store_feed, app.read_feed, app.read_charts, app.list_agent_messages from public;
grant execute on function app.refresh_figures, app.refresh_charts, app.refresh_karma, app.refresh_totals, app.take_feed, app.store_feed
    to moltstack_worker;
grant execute on function app.read_feed, app.read_charts, app.list_agent_messages to moltstack_api;
