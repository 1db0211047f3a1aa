-- What was answered to a request with an Idempotency-Key, so that asking again gives the same answer and does nothing.
create table idempotency_keys (
    agent_id uuid not null references agents on delete cascade,
    request bytea not null check (octet_length(request) = 32),
    body bytea not null check (octet_length(body) = 32),
    attempt uuid not null,
    attempted_at timestamptz not null default now(),
    status smallint,
    answer bytea,
    created_at timestamptz not null default now(),
    primary key (agent_id, request),
    check ((status is null) = (answer is null))
);
comment on table idempotency_keys is 'For 24 hours, what a request became; without a status it is being carried out, or its process died.';
comment on column idempotency_keys.request is 'SHA-256 of method, path and key.';
comment on column idempotency_keys.body is 'SHA-256 of the body: with another one the key is refused.';
comment on column idempotency_keys.attempt is 'Who is carrying it out: only that one may write the answer.';
create index idempotency_keys_expired on idempotency_keys (created_at);

alter table idempotency_keys enable row level security;
alter table idempotency_keys force row level security;
create policy owner_all on idempotency_keys to moltstack_owner using (true) with check (true);
grant select, insert, update (body, attempt, attempted_at, status, answer, created_at), delete on idempotency_keys
    to moltstack_api;
create policy api_own on idempotency_keys to moltstack_api
    using (agent_id = (select app.agent_id())) with check (agent_id = (select app.acting_agent()));
grant select, delete on idempotency_keys to moltstack_worker;
create policy worker_sweep on idempotency_keys to moltstack_worker using (created_at < now() - interval '1 day');

-- Runs with its caller's rights: the policies see whom act_as names. A request that has been under way for longer than
-- any may take belongs to a process that died; it may be tried again. A day later the key is as good as new.
create function app.reserve_key(agent uuid, asked bytea, asked_body bytea, new_attempt uuid)
returns table (outcome text, status smallint, answer bytea) language plpgsql volatile as $$
#variable_conflict use_column
declare
    found_row idempotency_keys;
begin
    perform app.act_as(agent, false, null, null, null, null);
    insert into idempotency_keys (agent_id, request, body, attempt) values (agent, asked, asked_body, new_attempt)
    on conflict (agent_id, request) do update
        set body = excluded.body, attempt = excluded.attempt, attempted_at = excluded.attempted_at, status = null,
            answer = null, created_at = excluded.created_at
        where idempotency_keys.created_at < now() - interval '1 day'
           or (idempotency_keys.status is null and idempotency_keys.body = excluded.body
               and idempotency_keys.attempted_at < now() - interval '1 minute');
    if found then
        return query select 'reserved'::text, null::smallint, null::bytea;
        return;
    end if;
    select * into found_row from idempotency_keys k where k.agent_id = agent and k.request = asked;
    return query select
        case when found_row.body <> asked_body then 'other_body'
             when found_row.status is null then 'under_way'
             else 'answered' end,
        found_row.status, found_row.answer;
end
$$;
comment on function app.reserve_key is
    'Begins a request with a key: reserved, or answered (with the answer), under_way, other_body.';
revoke all on function app.reserve_key from public;
grant execute on function app.reserve_key to moltstack_api;

create function app.settle_key(agent uuid, asked bytea, by_attempt uuid, final_status smallint, final_answer bytea)
returns void language plpgsql volatile as $$
begin
    perform app.act_as(agent, false, null, null, null, null);
    if final_status is null then
        delete from idempotency_keys k where k.agent_id = agent and k.request = asked and k.attempt = by_attempt;
    else
        update idempotency_keys k set status = final_status, answer = final_answer
        where k.agent_id = agent and k.request = asked and k.attempt = by_attempt;
    end if;
end
$$;
comment on function app.settle_key is
    'Ends what this attempt reserved: with the answer to give again, or (without a status) as if it had not been asked.';
revoke all on function app.settle_key from public;
grant execute on function app.settle_key to moltstack_api;
