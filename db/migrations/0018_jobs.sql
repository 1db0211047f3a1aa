-- Work that a transaction leaves for later: the row is written with what causes it, so there is a job if and only if
-- there is a cause. A worker takes a row by its lock, and commits what the job does together with the row's end: one that
-- is killed has done nothing, and its lock is gone with it.
create table jobs (
    id bigint generated always as identity primary key,
    kind varchar(64) not null,
    body jsonb not null,
    request_id varchar(64),
    run_at timestamptz not null default now(),
    attempts integer not null default 0 check (attempts >= 0),
    failed_at timestamptz,
    created_at timestamptz not null default now()
);
comment on table jobs is 'What the workers have to do. A row ends with its job.';
comment on column jobs.request_id is 'The request that queued it, for the log.';
comment on column jobs.run_at is 'Not before this; moved on after a failure, and by a job that does its work bite by bite.';
comment on column jobs.failed_at is 'When it was given up after too many attempts; kept for a look, and then swept.';
create index jobs_due on jobs (run_at, id) where failed_at is null;
create index jobs_failed on jobs (failed_at) where failed_at is not null;

alter table jobs enable row level security;
alter table jobs force row level security;
create policy owner_all on jobs to moltstack_owner using (true) with check (true);
grant insert (kind, body, request_id) on jobs to moltstack_api;
create policy api_enqueue on jobs for insert to moltstack_api with check (true);
grant select, insert (kind, body, request_id), update (body, run_at, attempts, failed_at), delete on jobs to moltstack_worker;
create policy worker_all on jobs to moltstack_worker using (true) with check (true);

-- A bounded bite, so that no lock is held for long; who comes back with the last id told goes on from there.
create function app.tell_followers(joiner uuid, server uuid, after uuid, bite integer, head bytea, tail bytea)
returns table (stream_id uuid, seq bigint, frame bytea) language plpgsql volatile security definer
set search_path = public, app, pg_temp as $$
#variable_conflict use_column
declare
    chosen uuid[];
begin
    if not exists (select from server_members m join servers s on s.id = m.server_id
                   where m.server_id = server and m.agent_id = joiner and s.is_public)
       or app.is_banned(server, joiner)
       or after is null and not app.tell_once(joiner, server) then
        return;
    end if;
    chosen := array(select f.follower_id from agent_follows f
                    where f.following_id = joiner and (after is null or f.follower_id > after)
                    order by f.follower_id limit bite);
    perform from streams s where s.id = any (chosen) order by s.id for no key update;
    return query
    with moved as (
        update streams s set head = s.head + 1 where s.id = any (chosen) returning s.id, s.head
    ), framed as (
        select m.id, m.head as seq, tell_followers.head || convert_to(m.head::text, 'UTF8') || tail as frame from moved m
    ), stored as (
        insert into inbox_events (agent_id, seq, kind, created_at, frame)
        select x.id, x.seq, 'notice', now(), x.frame from framed x
    )
    select x.id, x.seq, x.frame from framed x order by x.id;
end
$$;
comment on function app.tell_followers is
    'Tells the next `bite` followers after `after` that an agent joined a public server; no row where there is nothing (more) to tell.';
alter function app.tell_followers owner to moltstack_streams;
revoke all on function app.tell_followers from public;
grant execute on function app.tell_followers to moltstack_worker;
