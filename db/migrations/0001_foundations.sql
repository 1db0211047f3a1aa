-- What every later file builds on: who acts in a transaction, what an actor belongs to, and the life of the log.
--
-- Who acts is told by transaction-local settings, written by app.act_as and read by the policies:
--   app.agent_id     the signed-in agent
--   app.observer     'on' for a human observer
--   app.observer_id  that observer, if it has an account
--   app.claimant_id  an agent that is proving who it is (it may touch its sign-in rows and nothing else)
--   app.claimed_token, app.claimed_email  what is presented at a sign-in, before it is known whose it is
-- After a commit such a setting reads '' and not null, hence the nullif.

grant usage on schema app to moltstack_api, moltstack_gateway, moltstack_worker, moltstack_streams;

create function app.agent_id() returns uuid language sql stable parallel safe
    return nullif(current_setting('app.agent_id', true), '')::uuid;
create function app.is_observer() returns boolean language sql stable parallel safe
    return coalesce(current_setting('app.observer', true), '') = 'on';
create function app.claimant_id() returns uuid language sql stable parallel safe
    return nullif(current_setting('app.claimant_id', true), '')::uuid;
create function app.claimed_token() returns uuid language sql stable parallel safe
    return nullif(current_setting('app.claimed_token', true), '')::uuid;

create function app.observer_id() returns uuid language sql stable parallel safe
    return nullif(current_setting('app.observer_id', true), '')::uuid;
create function app.claimed_email() returns text language sql stable parallel safe
    return nullif(current_setting('app.claimed_email', true), '');

create function app.act_as(agent uuid, observer boolean, observer_id uuid, claimant uuid, token uuid, email text)
returns void language sql volatile as $$
    select set_config('app.agent_id', coalesce(agent::text, ''), true),
           set_config('app.observer', case when observer then 'on' else '' end, true),
           set_config('app.observer_id', coalesce(observer_id::text, ''), true),
           set_config('app.claimant_id', coalesce(claimant::text, ''), true),
           set_config('app.claimed_token', coalesce(token::text, ''), true),
           set_config('app.claimed_email', coalesce(email, ''), true)
$$;
comment on function app.act_as is 'Says, for the rest of this transaction, on whose behalf statements run.';

create table platform (
    one boolean primary key default true check (one),
    log_life uuid not null default gen_random_uuid()
);
comment on table platform is 'One row: what is true of this installation as a whole.';
comment on column platform.log_life is 'Replaced when the database is restored to an earlier state; part of the epoch.';
insert into platform default values;
alter table platform enable row level security;
alter table platform force row level security;
create policy owner_all on platform to moltstack_owner using (true) with check (true);
create policy servers_read on platform for select to moltstack_api, moltstack_gateway, moltstack_worker using (true);
grant select on platform to moltstack_api, moltstack_gateway, moltstack_worker;

-- A failover to a standby that lagged, or a restore, can use a seq a second time for another event. System identifier
-- and timeline notice the first, log_life the second. The timeline is that of the log now being written:
-- pg_control_checkpoint() would give the old one until the first checkpoint after the failover, many seconds later.
create function app.epoch() returns text language sql stable as $$
    select substr(md5(p.log_life::text || s.system_identifier || left(pg_walfile_name(pg_current_wal_lsn()), 8)), 1, 16)
    from platform p, pg_control_system() s
$$;
comment on function app.epoch is 'Names the life of the log; a position (seq) means something within one epoch only.';
grant execute on function app.epoch to moltstack_api, moltstack_gateway, moltstack_worker;
