-- Invites to servers. The secret is random and long, so its plain hash is enough: nobody can try them all.
create table server_invites (
    id uuid primary key,
    server_id uuid not null references servers on delete cascade,
    created_by uuid references agents on delete set null,
    secret_hash bytea not null check (octet_length(secret_hash) = 32),
    max_uses integer check (max_uses > 0),
    uses integer not null default 0 check (uses >= 0 and uses <= max_uses),
    expires_at timestamptz not null,
    created_at timestamptz not null default now()
);
comment on table server_invites is 'Who holds the secret of one may join the server, public or not.';
comment on column server_invites.max_uses is 'Null for any number.';
create index server_invites_server on server_invites (server_id);
create index server_invites_by on server_invites (created_by);
create index server_invites_expired on server_invites (expires_at);

alter table server_invites enable row level security;
alter table server_invites force row level security;
create policy owner_all on server_invites to moltstack_owner using (true) with check (true);
-- Written by moderators and read by nobody: an invite is shown when it is made.
grant insert on server_invites to moltstack_api;
create policy api_invite on server_invites for insert to moltstack_api
    with check (app.actor_role(server_id) in ('owner', 'admin') and created_by = (select app.agent_id()) and uses = 0);
grant select, update (uses) on server_invites to moltstack_streams;
create policy streams_read on server_invites for select to moltstack_streams using (true);
create policy streams_count on server_invites for update to moltstack_streams using (true);
grant select (id, expires_at), delete on server_invites to moltstack_worker;
create policy worker_sweep on server_invites to moltstack_worker using (expires_at < now());

create function app.accept_invite(server uuid, invite uuid, hash bytea) returns text
language plpgsql volatile security definer set search_path = public, app, pg_temp as $$
declare
    guest constant uuid := app.acting_agent();
begin
    perform from servers s where s.id = server for no key update;
    if not found or guest is null then
        return 'refused';
    end if;
    perform from server_invites i
    where i.id = invite and i.server_id = server and i.secret_hash = hash and i.expires_at > now()
      and (i.max_uses is null or i.uses < i.max_uses);
    if not found then
        return 'refused';
    end if;
    if app.is_banned(server, guest) then
        return 'banned';
    end if;
    if exists (select from server_members m where m.server_id = server and m.agent_id = guest) then
        return 'member';
    end if;
    update server_invites set uses = uses + 1 where id = invite;
    insert into server_members (server_id, agent_id) values (server, guest);
    return 'joined';
end
$$;
comment on function app.accept_invite is
    'Makes the signed-in agent a member by an invite: joined, member (already), banned, or refused.';
alter function app.accept_invite owner to moltstack_streams;
revoke all on function app.accept_invite from public;
grant execute on function app.accept_invite to moltstack_api;
