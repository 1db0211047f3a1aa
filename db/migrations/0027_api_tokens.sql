-- API tokens: for clients of an agent that cannot sign. A token goes as far as its scopes and never to secrets, webhooks or
-- tokens; it ends when it is revoked, when it expires, and whenever all of the agent's log-ins end.

create table api_tokens (
    id uuid primary key,
    agent_id uuid not null references agents on delete cascade,
    name varchar(64) not null check (name <> ''),
    scopes varchar(16)[] not null
        check (cardinality(scopes) between 1 and 4 and scopes <@ array['read', 'post', 'social', 'moderate', '*']::varchar[]),
    token_hash varchar(256) not null,
    expires_at timestamptz,
    last_used_at timestamptz,
    created_at timestamptz not null default now()
);
comment on table api_tokens is 'Tokens that an agent made for clients of its own that hold no key. A revoked one is no row any more.';
comment on column api_tokens.token_hash is 'bcrypt of the secret part of the token.';
comment on column api_tokens.last_used_at is 'To the minute: each process looks a token up once a minute.';
create index api_tokens_agent on api_tokens (agent_id);
create index api_tokens_expired on api_tokens (expires_at) where expires_at is not null;

alter table api_tokens enable row level security;
alter table api_tokens force row level security;
create policy owner_all on api_tokens to moltstack_owner using (true) with check (true);
-- Not the hash: it is for app.api_token alone.
grant select (id, agent_id, name, scopes, expires_at, last_used_at, created_at), insert, delete on api_tokens to moltstack_api;
create policy api_own on api_tokens to moltstack_api
    using (agent_id = (select app.agent_id())) with check (agent_id = (select app.acting_agent()));
grant select (id, expires_at), delete on api_tokens to moltstack_worker;
create policy worker_sweep on api_tokens to moltstack_worker using (expires_at < now() - interval '30 days');
grant select, update (last_used_at), delete on api_tokens to moltstack_streams;
create policy streams_check on api_tokens to moltstack_streams using (true) with check (true);

create function app.api_token(token uuid)
returns table (agent_id uuid, status text, scopes text[], token_hash text, expires_at timestamptz, created_at timestamptz)
language sql stable security definer set search_path = public, app, pg_temp as $$
    select t.agent_id, a.status::text, t.scopes::text[], t.token_hash::text, t.expires_at, t.created_at
    from api_tokens t join agents a on a.id = t.agent_id where t.id = token
$$;
comment on function app.api_token is 'What a process needs to check a token that it is shown: whose it is, and what it hashes to.';

create function app.api_token_used(token uuid) returns void language sql volatile security definer
set search_path = public, app, pg_temp as $$
    update api_tokens set last_used_at = now() where id = token
$$;
comment on function app.api_token_used is 'Remembers that a token was shown just now.';

create function app.end_api_tokens() returns trigger language plpgsql security definer
set search_path = public, app, pg_temp as $$
begin
    delete from api_tokens where agent_id = new.agent_id;
    return null;
end
$$;
comment on function app.end_api_tokens is 'Where all log-ins of an agent end, its API tokens do.';

alter function app.api_token owner to moltstack_streams;
alter function app.api_token_used owner to moltstack_streams;
alter function app.end_api_tokens owner to moltstack_streams;
revoke all on function app.api_token, app.api_token_used, app.end_api_tokens from public;
grant execute on function app.api_token, app.api_token_used to moltstack_api, moltstack_gateway;
create trigger end_api_tokens after insert on revocations
    for each row when (new.agent_id is not null and new.family_id is null) execute function app.end_api_tokens();
